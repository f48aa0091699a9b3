//! Synchronization: a new node in this process fetches the ledger from a node in another, over
//! loopback.
//!
//! The same run also measures how fast all cores verify by k256 alone, before and after. That rate
//! is the limit that verification sets.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use k256::ecdsa::signature::hazmat::PrehashVerifier;
use k256::ecdsa::{Signature, VerifyingKey};
use plexus_core::ledger::signature_batch::SignatureCheck;
use plexus_core::primitives::key::SecretKey;
use plexus_core::primitives::params::Network;
use plexus_core::protocol::address::Address;
use plexus_node::Running;
use plexus_node::config::NodeConfig;
use rayon::prelude::*;
use serde::Serialize;
use tokio::net::TcpListener;

use super::{headers, ledger, per_second, progress, table};

/// The number of signatures that k256 verifies in each measurement.
const CHECKS: usize = 50_000;
/// The time between two looks at the new node's height.
const LOOK_INTERVAL: Duration = Duration::from_millis(10);
/// The longest time that a synchronization may take. After it the command fails.
const PATIENCE: Duration = Duration::from_secs(600);

#[derive(Debug, Serialize)]
struct SyncFigures {
    blocks: u64,
    messages: u64,
    /// The time from the new node's start until it has the tip.
    seconds: f64,
    /// Signatures of messages and of blocks, per second.
    verifies_per_s: f64,
    /// Signatures per second by all cores with no other work: parse the key, verify.
    k256_verifies_per_s: f64,
    ratio: f64,
    headers_per_s: f64,
}

/// Runs the command.
pub(super) fn run(json: bool) -> anyhow::Result<()> {
    let network = Network::dev();
    let folder = ledger::folder(&network)?;
    let checks = ledger::checks(&network, &folder, CHECKS)?;
    let before = k256_rate(&checks)?;
    let seconds = {
        let server = Server::start(&folder)?;
        tokio::runtime::Runtime::new()?.block_on(synchronize(network, &server.address))?
    };
    let after = k256_rate(&checks)?;
    let messages = ledger::BLOCKS * ledger::BLOCK_MESSAGES;
    let verifies_per_s = (messages + ledger::BLOCKS) as f64 / seconds;
    // The rate over the time that both samples take together, not the mean of the rates. A slow
    // moment then counts for as long as it lasted.
    let k256_verifies_per_s = 2.0 / (1.0 / before + 1.0 / after);
    let figures = SyncFigures {
        blocks: ledger::BLOCKS,
        messages,
        seconds,
        verifies_per_s,
        k256_verifies_per_s,
        ratio: verifies_per_s / k256_verifies_per_s,
        headers_per_s: headers::measure()?,
    };
    if json {
        return table::print_json(&figures);
    }
    let rows = [
        ("ledger", format!("{} blocks, {} messages", figures.blocks, figures.messages)),
        ("synchronized in", format!("{:.2} s", figures.seconds)),
        ("signatures", per_second(figures.verifies_per_s)),
        ("k256 alone, all cores", per_second(figures.k256_verifies_per_s)),
        ("ratio", format!("{:.1} %", 100.0 * figures.ratio)),
        ("headers, one core", per_second(figures.headers_per_s)),
    ];
    table::print(&table::pairs(&rows))
}

/// A node in a process of its own.
struct Server {
    child: Child,
    address: Address,
}

impl Server {
    fn start(folder: &std::path::Path) -> anyhow::Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(["node", "--network", "dev", "--listen", "127.0.0.1:0", "--data"])
            .arg(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .context("the serving node cannot be started")?;
        let mut line = String::new();
        if let Some(stdout) = child.stdout.take() {
            BufReader::new(stdout).read_line(&mut line)?;
        }
        let url = line.split_whitespace().next_back().unwrap_or_default();
        match url.parse() {
            Ok(address) => Ok(Self { child, address }),
            Err(_) => {
                let status = child.wait()?;
                anyhow::bail!("the serving node ended at once, with {status}")
            }
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The process may have ended already. Either way it has to be gone, and only this process.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn synchronize(network: Network, server: &Address) -> anyhow::Result<f64> {
    let folder = std::env::temp_dir().join(format!("plexus-bench-sync-{}", std::process::id()));
    let key = |byte: u8| SecretKey::from_bytes(&[byte; 32]);
    let mut config = NodeConfig::new(network, folder.clone(), key(1)?, key(2)?);
    config.connect = vec![server.clone()];
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let started = Instant::now();
    let running = Running::start(listener, config).await?;
    let seconds = follow(&running, started).await;
    let stopped = running.stop().await;
    // The folder is useless from here on. An error of the run matters more than a folder that
    // stays.
    let _ = std::fs::remove_dir_all(folder);
    stopped.and(seconds)
}

async fn follow(running: &Running, started: Instant) -> anyhow::Result<f64> {
    let bar = progress::bar(ledger::BLOCKS, "synchronizing");
    loop {
        let height = running.handle().status().await?.height;
        bar.set_position(height);
        if height == ledger::BLOCKS {
            bar.finish_and_clear();
            return Ok(started.elapsed().as_secs_f64());
        }
        ensure!(started.elapsed() < PATIENCE, "not synchronized after {PATIENCE:?}: at height {height}");
        tokio::time::sleep(LOOK_INTERVAL).await;
    }
}

fn k256_rate(checks: &[SignatureCheck]) -> anyhow::Result<f64> {
    let spinner = progress::spinner("verifying by k256 alone");
    let started = Instant::now();
    let all = checks.par_iter().all(|check| {
        let key = VerifyingKey::from_sec1_bytes(check.key.as_bytes());
        let signature = Signature::from_slice(check.signature.as_bytes());
        key.is_ok_and(|key| {
            signature.is_ok_and(|signature| key.verify_prehash(check.digest.as_bytes(), &signature).is_ok())
        })
    });
    ensure!(all, "the ledger has a signature that does not hold");
    let rate = checks.len() as f64 / started.elapsed().as_secs_f64();
    spinner.finish_and_clear();
    Ok(rate)
}

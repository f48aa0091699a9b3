//! A long chain is moved while its node mines: the times, the sizes and the memory that it takes.
//!
//! `BLOCKS` sets the number of blocks.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use plexus_core::node::storage::{CHECKPOINT_BLOCKS, Change};
use plexus_core::primitives::block::{Block, Header, VERSION};
use plexus_core::primitives::hash::Hash;
use plexus_core::primitives::key::{PublicKey, Signature};
use plexus_core::primitives::mmr::Mmr;
use plexus_core::primitives::params::Network;
use plexus_node::store::{FILE, Store};
use plexus_tests::process::binary;
use serde_json::Value;

use crate::forge::secret;
use crate::million::{describe, memory_kib, network, start};

/// The most memory that a backup may add to a node.
const GROWTH_KIB_MAX: u64 = 64 << 10;
/// The blocks of a transaction while the chain is made.
const PIECE: u64 = 10_000;

fn blocks() -> u64 {
    std::env::var("BLOCKS").ok().map_or(200_000, |text| text.parse().expect("BLOCKS is a number"))
}

/// Makes a store with this number of blocks, each signed.
fn fill(data: &Path, network: &Network, blocks: u64) {
    let store = Store::open(data, network).unwrap();
    let mut parent = *network.genesis();
    let mut history = Mmr::default().append(parent.record(*network.id()));
    let author = secret(1);
    while parent.height < blocks {
        let (mut changes, fork) = (Vec::new(), parent.height);
        for height in fork + 1..=(fork + PIECE).min(blocks) {
            let header = Header {
                prev_hash: parent.hash(),
                content_root: Hash::ZERO,
                version: VERSION,
                height,
                time: parent.time.plus_ms(15_000),
                bits: parent.bits,
                nonce: 0,
            };
            let (nobody, signature) = (PublicKey::NOBODY, Signature::NONE);
            let mut block = Block { header, extra: 0, author: nobody, signature, messages: Vec::new() };
            block.seal(&author, network.id(), &history.root());
            while !header.bits.target().unwrap().is_met_by(&block.header.hash()) {
                block.header.nonce += 1;
            }
            let (header, hash) = (block.header, block.header.hash());
            history = history.append(header.record(hash));
            changes.push(Change::Header { hash, header, total_work: history.work() });
            changes.push(Change::Body { hash, height, block: block.encode().into(), ids: [].into() });
            if height.is_multiple_of(CHECKPOINT_BLOCKS) {
                changes.push(Change::Checkpoint { height, hash, history: history.clone() });
            }
            parent = header;
        }
        changes.push(Change::Tip { hash: parent.hash(), height: parent.height, fork });
        store.apply(&changes).unwrap();
    }
}

/// Runs a command to its end. Returns its JSON and the time that it took.
fn run(arguments: &[&str], data: &Path, network: &Path) -> (Value, Duration) {
    let begun = Instant::now();
    let output = Command::new(binary())
        .args(arguments)
        .arg("--data")
        .arg(data)
        .arg("--network")
        .arg(network)
        .arg("--json")
        .output()
        .unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    (serde_json::from_slice(&output.stdout).unwrap(), begun.elapsed())
}

fn mebibytes(file: &Path) -> u64 {
    fs::metadata(file).unwrap().len() >> 20
}

#[test]
#[ignore = "takes a minute, and an optimised build: cargo test --release -- --ignored moved"]
fn a_long_chain_is_backed_up_while_mining_and_imported_elsewhere() {
    let folder = tempfile::tempdir().unwrap();
    let (old, new) = (folder.path().join("old"), folder.path().join("new"));
    let (file, toml) = (folder.path().join("chain.plexus"), folder.path().join("net.toml"));
    let (network, blocks) = (network(), blocks());
    describe(&network, &toml);
    let begun = Instant::now();
    fill(&old, &network, blocks);
    println!("{blocks} signed blocks in {:?}, {} MiB", begun.elapsed(), mebibytes(&old.join(FILE)));
    let mut node = start(&old, &toml, blocks);
    run(&["admin", "mining", "on", "1"], &old, &toml);
    let before = memory_kib(&node.child);
    let name = file.to_str().unwrap();
    let (written, took) = run(&["backup", name], &old, &toml);
    let (height, after) = (written["height"].as_u64().unwrap(), memory_kib(&node.child));
    println!(
        "backup of {height} blocks in {took:?}, {} MiB; memory {before} to {after} KiB",
        mebibytes(&file)
    );
    assert!(after < before + GROWTH_KIB_MAX, "{before} to {after} KiB");
    let (status, _) = run(&["admin", "status"], &old, &toml);
    println!("mined meanwhile: {}", status["height"].as_u64().unwrap() - height);
    assert!(height >= blocks && status["height"].as_u64().unwrap() > height);
    node.child.kill().unwrap();
    node.child.wait().unwrap();
    // An import that is killed, and another that goes on.
    let mut killed = Command::new(binary())
        .args(["import", name, "--data"])
        .arg(&new)
        .arg("--network")
        .arg(&toml)
        .spawn()
        .unwrap();
    while !new.join(FILE).exists() || mebibytes(&new.join(FILE)) < mebibytes(&file) / 4 {
        assert!(killed.try_wait().unwrap().is_none(), "it ended before it was killed");
        std::thread::yield_now();
    }
    killed.kill().unwrap();
    killed.wait().unwrap();
    let (imported, took) = run(&["import", name], &new, &toml);
    println!("{} of them imported after a kill in {took:?}", imported["stored"]);
    assert!(imported["stored"].as_u64().unwrap() < height);
    let whole = folder.path().join("whole");
    let (imported, took) = run(&["import", name], &whole, &toml);
    println!("all imported in {took:?}, {} MiB", mebibytes(&whole.join(FILE)));
    assert_eq!(imported["tip"], written["tip"]);
    for data in [&new, &whole] {
        let (checked, took) = run(&["repair", "--check"], data, &toml);
        println!("checked in {took:?}");
        assert_eq!((&checked["sound"], checked["height"].as_u64()), (&true.into(), Some(height)));
        let node = start(data, &toml, height);
        println!("starts in {:?}", node.started);
    }
    let old = Store::open(&old, &network).unwrap();
    assert_eq!(old.hash_at(height).unwrap().unwrap().to_string(), written["tip"].as_str().unwrap());
}

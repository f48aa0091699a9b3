//! Reads a part of a store that may be damaged, in a process of its own.
//!
//! The process writes what it reads to standard output at once, so that all counts that it read
//! before it ended: a check as lines of JSON, everything else as records, a u32 length and the bytes.

use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, ensure};
use clap::{Args, ValueEnum};
use plexus_core::primitives::hash::Hash;
use plexus_core::primitives::params::{Network, Parameters};
use plexus_node::store::StoreError;
use plexus_node::store::check::{Checked, check};
use plexus_node::store::salvage::Salvage;

/// The most bytes of a record: more than a block can have.
pub(super) const RECORD_BYTES_MAX: u32 = 64 << 20;
/// The most bytes of the network's parameters on standard input.
const PARAMETERS_BYTES_MAX: u64 = 64 << 10;

/// The hidden arguments of such a process.
#[derive(Debug, Default, Args)]
pub(super) struct PartArgs {
    #[arg(long, hide = true)]
    pub(super) read: Option<Part>,
    #[arg(long, hide = true, default_value_t = 0)]
    from: u64,
    #[arg(long, hide = true)]
    parent: Option<Hash>,
}

/// A part of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Part {
    /// All of it, to be checked.
    Check,
    /// The blocks that the best chain's table names.
    Best,
    /// The blocks that follow another.
    Following,
    /// Our own messages.
    Pooled,
    /// The address book.
    Book,
}

/// Runs such a process.
pub(super) fn run(part: Part, arguments: &PartArgs, data: &Path) -> anyhow::Result<()> {
    let mut out = BufWriter::new(io::stdout().lock());
    if part == Part::Check {
        return write_check(data, &mut out);
    }
    let salvage = match Salvage::open(data) {
        Err(error @ StoreError::PrunedStore { .. }) => leave(&error),
        opened => opened?,
    };
    let take = |bytes: &[u8]| {
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes();
        // The process may end at the next record.
        out.write_all(&length).and_then(|()| out.write_all(bytes)).and_then(|()| out.flush()).is_ok()
    };
    match part {
        Part::Check => {}
        Part::Best => salvage.best(take)?,
        Part::Following => {
            let parent = arguments.parent.context("--parent is missing")?;
            salvage.following(arguments.from, parent, take)?;
        }
        Part::Pooled => salvage.pooled(take)?,
        Part::Book => salvage.book(take)?,
    }
    Ok(())
}

fn write_check(data: &Path, out: &mut impl Write) -> anyhow::Result<()> {
    let mut parameters = Vec::new();
    io::stdin().lock().take(PARAMETERS_BYTES_MAX).read_to_end(&mut parameters)?;
    let parameters: Parameters = serde_json::from_slice(&parameters)?;
    let network = Network::new(parameters)?;
    let mut tell = |checked: Checked| {
        // Whoever reads has gone, or the next step ends the process.
        let _ = serde_json::to_writer(&mut *out, &checked);
        let _ = out.write_all(b"\n").and_then(|()| out.flush());
    };
    match check(data, &network, &mut tell) {
        Ok(()) => Ok(()),
        Err(
            error @ (StoreError::OtherNetwork { .. }
            | StoreError::OtherProtocol { .. }
            | StoreError::OtherFormat { .. }),
        ) => {
            // Not damage.
            leave(&error)
        }
        Err(error) => {
            let (part, reason) = ("file".into(), error.to_string());
            tell(Checked::Damage { part, height: None, reason });
            Ok(())
        }
    }
}

/// The exit status for a store that must not be touched: it is of another network or format, or a
/// new one cannot be made of it.
pub(super) const OTHER: u8 = 3;

/// Ends the process, because this store must not be touched.
fn leave(error: &StoreError) -> ! {
    eprintln!("{error}");
    std::process::exit(i32::from(OTHER))
}

/// A process that reads a part.
pub(super) struct Reader {
    child: Child,
    pub(super) out: BufReader<std::process::ChildStdout>,
}

impl Reader {
    /// Starts a process that reads a part of the store in a data folder. `more` are further
    /// arguments.
    pub(super) fn start(part: Part, data: &Path, network: &Network, more: &[String]) -> anyhow::Result<Self> {
        let program = std::env::current_exe().context("this program's file is not known")?;
        let mut child = Command::new(program)
            .args(["repair", "--read", super::part_name(part), "--data"])
            .arg(data)
            .args(more)
            .env("RUST_BACKTRACE", "0")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("this program cannot be started a second time")?;
        if let Some(mut stdin) = child.stdin.take() {
            // A process that ended already is noticed by its output.
            let _ = stdin.write_all(&serde_json::to_vec(network.parameters())?);
        }
        let out = child.stdout.take().context("a process without output")?;
        Ok(Self { child, out: BufReader::with_capacity(1 << 16, out) })
    }

    /// Reads the next record. Returns `None` at the end, and if the process ended within one.
    pub(super) fn record(&mut self) -> anyhow::Result<Option<Vec<u8>>> {
        let mut length = [0; 4];
        if self.out.read_exact(&mut length).is_err() {
            return Ok(None);
        }
        let length = u32::from_be_bytes(length);
        ensure!(length <= RECORD_BYTES_MAX, "a record of {length} bytes is too large");
        let mut bytes = vec![0; length as usize];
        Ok(self.out.read_exact(&mut bytes).is_ok().then_some(bytes))
    }

    /// Waits for the end of the process. Returns its exit status, or `None` if it was ended by a
    /// signal, and the first line of its output.
    pub(super) fn end(&mut self) -> anyhow::Result<(Option<i32>, String)> {
        let mut said = String::new();
        if let Some(stderr) = self.child.stderr.take() {
            // What a panic says need not be text.
            let _ = stderr.take(1 << 16).read_to_string(&mut said);
        }
        let status = self.child.wait()?;
        Ok((status.code(), said.lines().next().unwrap_or_default().to_owned()))
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

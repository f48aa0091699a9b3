//! The exported chain: a text that other implementations can read. Verifying it takes only the
//! text.
//!
//! Specified in PROTOCOL.md, "Exported chain".
//!
//! Line 1 is the network's parameters as JSON. Each further line is a block's encoding in hex,
//! genesis first.

use std::io::{self, BufRead, BufWriter, Write};
use std::path::Path;

use anyhow::{Context, bail, ensure};
use plexus_core::primitives::block::{BLOCK_BYTES_MAX, Block};
use plexus_core::primitives::hash::Hash;
use plexus_core::primitives::params::{Network, Parameters};
use plexus_node::api::view::StatusView;

use super::super::client::NodeClient;
use super::super::{atomic_file, progress};

/// The most bytes of a line: a block of the largest size in hex, and the line break.
const LINE_BYTES_MAX: u64 = 2 * BLOCK_BYTES_MAX as u64 + 2;

/// Writes a node's chain to a file, or to standard output for `-`.
pub(super) fn run(client: &NodeClient, file: &Path) -> anyhow::Result<()> {
    if file.as_os_str() == "-" {
        let mut out = BufWriter::new(io::stdout().lock());
        copy(client, &mut out)?;
        out.flush()?;
        return Ok(());
    }
    // The file appears only when it is complete, so a cut-off chain is never mistaken for a whole
    // one.
    let written = atomic_file::write(file, |out| copy(client, out));
    eprintln!("{} blocks written to {}", written?, file.display());
    Ok(())
}

/// Copies the node's chain, after checking that each block follows the one before it. Returns the
/// number of blocks.
fn copy(client: &NodeClient, out: &mut impl Write) -> anyhow::Result<u64> {
    let status: StatusView = client.get("/api/v1/status")?;
    let mut lines = Lines::new(client.stream("/api/v1/export")?);
    let network = lines.network()?;
    serde_json::to_writer(&mut *out, network.parameters())?;
    writeln!(out)?;
    let bar = progress::bar(status.height + 1, "exporting");
    let mut parent = Hash::ZERO;
    while let Some(block) = lines.block()? {
        ensure!(
            block.header.prev_hash == parent,
            "block {} does not follow the one before it",
            lines.blocks - 1
        );
        parent = block.header.hash();
        writeln!(out, "{}", hex::encode(block.encode()))?;
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(lines.blocks)
}

/// The lines of an exported chain.
pub(super) struct Lines<R> {
    reader: R,
    line: Vec<u8>,
    /// The number of lines that were begun.
    lines: u64,
    /// The number of blocks that were read.
    pub(super) blocks: u64,
}

impl<R: BufRead> Lines<R> {
    /// Creates the lines from a reader.
    pub(super) fn new(reader: R) -> Self {
        Self { reader, line: Vec::new(), lines: 0, blocks: 0 }
    }

    /// Reads the first line. Returns the network that it describes.
    pub(super) fn network(&mut self) -> anyhow::Result<Network> {
        ensure!(self.next()?, "line 1: the network's parameters are missing");
        let parameters: Parameters =
            serde_json::from_slice(&self.line).context("line 1: not a network's parameters")?;
        Network::new(parameters).context("line 1: not a network")
    }

    /// Reads the next block. Returns `None` at the end.
    pub(super) fn block(&mut self) -> anyhow::Result<Option<Block>> {
        if !self.next()? {
            ensure!(self.blocks > 0, "line 2: the genesis block is missing");
            return Ok(None);
        }
        let line = self.lines;
        let bytes =
            hex::decode(&self.line).map_err(|error| anyhow::anyhow!("line {line}: not hex: {error}"))?;
        let block = Block::decode(&bytes).with_context(|| format!("line {line}: not a block"))?;
        self.blocks += 1;
        Ok(Some(block))
    }

    fn next(&mut self) -> anyhow::Result<bool> {
        self.line.clear();
        self.lines += 1;
        let read = io::Read::take(&mut self.reader, LINE_BYTES_MAX).read_until(b'\n', &mut self.line);
        read.context("the chain breaks off")?;
        if self.line.is_empty() {
            return Ok(false);
        }
        // Every line must end in a line break. That catches a text that was cut within a line, and
        // an overlong line.
        if self.line.pop() != Some(b'\n') {
            bail!("line {}: cut off, or over {LINE_BYTES_MAX} bytes", self.lines);
        }
        if self.line.last() == Some(&b'\r') {
            self.line.pop();
        }
        Ok(true)
    }
}

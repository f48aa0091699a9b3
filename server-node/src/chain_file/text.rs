//! The exported chain: a text that other implementations can read.
//!
//! Specified in PROTOCOL.md, "Exported chain".
//!
//! Line 1 is the network's parameters as JSON. Each further line is a block's encoding in hex,
//! genesis first.

use std::io::{self, BufRead};

use anyhow::{Context, bail, ensure};
use plexus_core::primitives::block::{BLOCK_BYTES_MAX, Block};
use plexus_core::primitives::params::{Network, Parameters};

/// The most bytes of a line: a block of the largest size in hex, and the line break.
const LINE_BYTES_MAX: u64 = 2 * BLOCK_BYTES_MAX as u64 + 2;

/// The lines of an exported chain.
#[derive(Debug)]
pub struct Lines<R> {
    reader: R,
    line: Vec<u8>,
    /// The number of lines that were begun.
    lines: u64,
    /// The number of blocks that were read.
    blocks: u64,
}

impl<R: BufRead> Lines<R> {
    /// Creates the lines from a reader.
    pub fn new(reader: R) -> Self {
        Self { reader, line: Vec::new(), lines: 0, blocks: 0 }
    }

    /// Reads the first line. Returns the network that it describes.
    ///
    /// # Errors
    /// The line does not describe a network.
    pub fn network(&mut self) -> anyhow::Result<Network> {
        ensure!(self.next()?, "line 1: the network's parameters are missing");
        let parameters: Parameters =
            serde_json::from_slice(&self.line).context("line 1: not a network's parameters")?;
        Network::new(parameters).context("line 1: not a network")
    }

    /// Returns the number of blocks that were read.
    pub fn blocks(&self) -> u64 {
        self.blocks
    }

    /// Reads the next block. Returns `None` at the end.
    ///
    /// # Errors
    /// The line is not a block, or the text is cut off. The error names the line.
    pub fn block(&mut self) -> anyhow::Result<Option<Block>> {
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

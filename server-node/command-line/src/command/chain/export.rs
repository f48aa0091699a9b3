//! Writes a node's chain as a text that other implementations can read.
//!
//! Specified in PROTOCOL.md, "Exported chain".

use std::io::{self, BufWriter, Write};
use std::path::Path;

use anyhow::ensure;
use plexus_core::primitives::hash::Hash;
use plexus_node::api::view::StatusView;
use plexus_node::chain_file::text::Lines;

use super::super::client::NodeClient;
use super::super::{atomic_file, progress};

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
            lines.blocks() - 1
        );
        parent = block.header.hash();
        writeln!(out, "{}", hex::encode(block.encode()))?;
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(lines.blocks())
}

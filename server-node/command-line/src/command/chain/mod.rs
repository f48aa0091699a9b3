//! `plexus chain`: list, export or verify a node's chain.

use std::path::PathBuf;

use clap::Args;
use plexus_core::ledger::json::BlockView;

use super::{client, table};

mod export;
mod verify;

/// The most blocks of a list.
const LIMIT_MAX: u64 = 200;

#[derive(Debug, Args)]
pub(super) struct ChainArgs {
    #[command(flatten)]
    client: client::NodeSource,
    /// Lowest height to list, going upwards [default: list the newest blocks]
    #[arg(long, value_name = "HEIGHT")]
    from: Option<u64>,
    /// Number of blocks to list
    #[arg(long, value_name = "COUNT", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=LIMIT_MAX))]
    limit: u64,
    /// Write the whole chain to a file, or to standard output for -: the network's parameters, then
    /// one block per line, in hex
    #[arg(long, value_name = "FILE|-", conflicts_with_all = ["from", "limit", "verify", "json"])]
    export: Option<PathBuf>,
    /// Verify every rule of every block: of the node's chain, or of an exported FILE
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true, conflicts_with_all = ["from", "limit"])]
    verify: Option<Option<PathBuf>>,
}

/// Runs the command.
pub(super) fn run(arguments: &ChainArgs) -> anyhow::Result<()> {
    let client = arguments.client.client();
    if let Some(file) = &arguments.export {
        return export::run(&client, file);
    }
    if let Some(file) = &arguments.verify {
        return verify::run(&client, file.as_deref(), arguments.client.json);
    }
    let from = arguments.from.map(|from| format!("&from={from}")).unwrap_or_default();
    let blocks: Vec<BlockView> = client.get(&format!("/api/v1/blocks?limit={}{from}", arguments.limit))?;
    if arguments.client.json {
        return table::print_json(&blocks);
    }
    let mut rows = table::headed(&["height", "hash", "time", "author", "work", "messages"]);
    for block in &blocks {
        rows.add_row([
            block.number_of_block.to_string(),
            table::brief(&block.hash.to_string(), 17),
            table::one_line(&block.time_stamp),
            table::brief(&block.author.to_string(), 17),
            table::one_line(&block.proof_of_work),
            match block.messages.as_slice() {
                [] => "–".to_owned(),
                [only] => table::brief(&only.text, 40),
                [first, rest @ ..] => format!("{} and {} more", table::brief(&first.text, 28), rest.len()),
            },
        ]);
    }
    table::print(&table::lines(rows))
}

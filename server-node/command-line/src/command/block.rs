//! `plexus block`: one block with its messages.

use clap::Args;
use plexus_core::ledger::json::BlockView;
use plexus_core::primitives::hash::Hash;

use super::{client, table};

#[derive(Debug, Args)]
pub(super) struct BlockArgs {
    /// The block's height or hash
    #[arg(value_name = "HEIGHT|HASH", value_parser = parse_name)]
    block: String,
    #[command(flatten)]
    client: client::NodeSource,
}

fn parse_name(text: &str) -> Result<String, String> {
    let legal = text.parse::<u64>().is_ok() || text.parse::<Hash>().is_ok();
    if legal { Ok(text.to_owned()) } else { Err("neither a height nor a hash of 64 hex digits".to_owned()) }
}

/// Runs the command.
pub(super) fn run(arguments: &BlockArgs) -> anyhow::Result<()> {
    let block: BlockView = arguments.client.client().get(&format!("/api/v1/blocks/{}", arguments.block))?;
    if arguments.client.json {
        return table::print_json(&block);
    }
    let rows = [
        ("height", block.number_of_block.to_string()),
        ("hash", block.hash.to_string()),
        ("previous", block.prev_hash.to_string()),
        ("time", table::one_line(&block.time_stamp)),
        ("author", block.author.to_string()),
        ("signature", block.signature.to_string()),
        ("bits", table::one_line(&block.bits)),
        ("nonce", table::one_line(&block.nonce)),
        ("proof of work", table::one_line(&block.proof_of_work)),
        ("total work", table::one_line(&block.total_work)),
        ("messages", block.messages.len().to_string()),
    ];
    table::print(&table::pairs(&rows))?;
    for message in &block.messages {
        let from = table::brief(&message.sender.to_string(), 17);
        let (to, text) = (table::one_line(&message.recipient), table::harmless(&message.text));
        table::print(&format!("\n{}\nfrom {from} to {to}, {}\n{text}", message.id, message.time_stamp))?;
    }
    Ok(())
}

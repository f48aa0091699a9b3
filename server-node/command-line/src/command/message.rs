//! `plexus message`: a message and its place in the ledger.

use clap::Args;
use plexus_core::ledger::json::MessageStatus;
use plexus_core::primitives::message::MessageId;

use super::{client, table};

#[derive(Debug, Args)]
pub(super) struct MessageArgs {
    /// The message's id, as `plexus send` printed it
    id: MessageId,
    #[command(flatten)]
    client: client::NodeSource,
}

/// Runs the command.
pub(super) fn run(arguments: &MessageArgs) -> anyhow::Result<()> {
    let status: MessageStatus =
        arguments.client.client().get(&format!("/api/v1/messages/{}", arguments.id))?;
    if arguments.client.json {
        return table::print_json(&status);
    }
    table::print(&describe(&status))
}

/// Returns a message's fields and its place in the ledger, as text.
pub(super) fn describe(status: &MessageStatus) -> String {
    let message = &status.message;
    let place = match (status.number_of_block, status.block) {
        (Some(height), Some(hash)) => format!("block {height}, {hash}"),
        _ => "waiting for a block".to_owned(),
    };
    let mut rows = vec![
        ("id", message.id.to_string()),
        ("sender", message.sender.to_string()),
        ("recipient", table::one_line(&message.recipient)),
        ("time", table::one_line(&message.time_stamp)),
        ("place", place),
    ];
    if let Some(work) = &status.work_above {
        rows.push(("work above", format!("{} hashes", table::one_line(work))));
    }
    format!("{}\n\n{}", table::pairs(&rows), table::harmless(&message.text))
}

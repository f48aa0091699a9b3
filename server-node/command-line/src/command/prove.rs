//! `plexus prove`: the proof file of a message.

use std::io::{IsTerminal, Write};

use anyhow::{Context, ensure};
use clap::Args;
use plexus_core::primitives::message::MessageId;
use plexus_core::proof::inclusion_proof::{Form, RECEIPT_BYTES_MAX, Receipt};

use super::{WrongUse, client, table};

#[derive(Debug, Args)]
pub(super) struct ProveArgs {
    /// The message's id, as `plexus send` printed it
    id: MessageId,
    #[command(flatten)]
    client: client::NodeSource,
}

/// Runs the command.
pub(super) fn run(arguments: &ProveArgs) -> anyhow::Result<()> {
    let (id, mut out) = (arguments.id, std::io::stdout().lock());
    if !arguments.client.json && out.is_terminal() {
        let text =
            format!("a proof file is no text: write `plexus prove {id} > proof.plexus`, or add --json");
        return Err(WrongUse(text).into());
    }
    let client = arguments.client.client();
    let path = format!("/api/v1/messages/{id}/proof");
    let bytes = client.bytes(&path, "application/octet-stream", RECEIPT_BYTES_MAX)?;
    // An answer of the node counts for nothing until it is verified.
    let no_proof = || format!("what the node at {} gives is no proof", client.base());
    let receipt = Receipt::decode(&bytes).with_context(no_proof)?;
    let verified = receipt.verify().with_context(no_proof)?;
    ensure!(verified.id == id, "the node at {} proves another message, {}", client.base(), verified.id);
    if arguments.client.json {
        return table::print_json(&Form::new(&receipt));
    }
    out.write_all(&bytes)?;
    out.flush()?;
    let (height, count) = (receipt.header.height, verified.blocks);
    eprintln!("{} bytes: message {id} is in block {height}, protected by {count} blocks", bytes.len());
    Ok(())
}

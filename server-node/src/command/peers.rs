//! `plexus peers`: whom a node is connected to.

use std::time::Duration;

use clap::Args;
use plexus_node::api::view::Peer;

use super::{client, table};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    client: client::Source,
}

/// Runs the command.
pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let peers: Vec<Peer> = arguments.client.client().get("/api/v1/peers")?;
    if arguments.client.json {
        return table::print_json(&peers);
    }
    if peers.is_empty() {
        return table::print("no peers: connect the node to another with `plexus node --connect URL`");
    }
    let mut rows =
        table::headed(&["peer", "key", "role", "direction", "address", "latency", "height", "connected"]);
    for peer in &peers {
        rows.add_row(row(peer));
    }
    table::print(&table::lines(rows))
}

fn row(peer: &Peer) -> [String; 8] {
    let unknown = || "–".to_owned();
    let address = peer.outbound.as_ref().or(peer.listen.as_ref());
    [
        peer.id.to_string(),
        peer.key.map_or_else(unknown, |key| table::brief(&key.to_string(), 17)),
        peer.role.as_deref().map_or_else(unknown, table::one_line),
        if peer.outbound.is_some() { "outbound" } else { "inbound" }.to_owned(),
        address.map_or_else(unknown, |address| table::one_line(address)),
        peer.latency_ms.map_or_else(unknown, |latency| format!("{latency:.1} ms")),
        height(peer),
        format!("{:?}", Duration::from_secs(peer.connected_ms / 1_000)),
    ]
}

/// The height that a peer says to have, and whether it is on another chain than ours.
fn height(peer: &Peer) -> String {
    let height = peer.height.map_or_else(|| "–".to_owned(), |height| height.to_string());
    match peer.agreement.as_deref() {
        None | Some("agrees") => height,
        Some(agreement) => format!("{height}, {}", table::one_line(agreement)),
    }
}

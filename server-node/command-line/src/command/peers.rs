//! `plexus peers`: the peers that a node is connected to.

use std::time::Duration;

use clap::Args;
use plexus_node::api::view::ConnectedPeer;

use super::{client, table};

#[derive(Debug, Args)]
pub(super) struct PeersArgs {
    #[command(flatten)]
    client: client::NodeSource,
}

/// Runs the command.
pub(super) fn run(arguments: &PeersArgs) -> anyhow::Result<()> {
    let peers: Vec<ConnectedPeer> = arguments.client.client().get("/api/v1/peers")?;
    if arguments.client.json {
        return table::print_json(&peers);
    }
    if peers.is_empty() {
        return table::print("no peers: connect the node to another with `plexus node --connect URL`");
    }
    let mut rows = table::headed(&[
        "peer",
        "key",
        "role",
        "bodies",
        "slot",
        "address",
        "latency",
        "firsts",
        "height",
        "connected",
    ]);
    for peer in &peers {
        rows.add_row(row(peer));
    }
    table::print(&table::lines(rows))
}

fn row(peer: &ConnectedPeer) -> [String; 10] {
    let unknown = || "–".to_owned();
    let address = peer.outbound.as_ref().or(peer.listen.as_ref());
    [
        peer.id.to_string(),
        peer.key.map_or_else(unknown, |key| table::brief(&key.to_string(), 17)),
        peer.role.as_deref().map_or_else(unknown, table::one_line),
        peer.bodies.as_deref().map_or_else(unknown, table::one_line),
        table::one_line(slot(peer)),
        address.map_or_else(unknown, |address| table::one_line(address)),
        peer.latency_ms.map_or_else(unknown, |latency| format!("{latency:.1} ms")),
        peer.first_deliveries.to_string(),
        height(peer),
        format!("{:?}", Duration::from_secs(peer.connected_ms / 1_000)),
    ]
}

/// Returns the height that a peer announced, with a remark if it is on another chain than ours.
fn height(peer: &ConnectedPeer) -> String {
    let height = peer.height.map_or_else(|| "–".to_owned(), |height| height.to_string());
    match peer.agreement.as_deref() {
        None | Some("agrees") => height,
        Some(agreement) => format!("{height}, {}", table::one_line(agreement)),
    }
}

/// Returns the purpose of a connection: the slot that it fills, or that the peer dialled us.
fn slot(peer: &ConnectedPeer) -> &str {
    match (&peer.slot, &peer.outbound) {
        (Some(slot), _) => slot,
        (None, Some(_)) => "kept",
        (None, None) => "inbound",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_row_says_why_a_peer_is_there_and_what_it_has() {
        for (slot, outbound, bodies, shown) in [
            (json!("graph"), json!("ws://a:1"), json!("pruned"), ["pruned", "graph", "4"]),
            (json!(null), json!("ws://a:1"), json!("all"), ["all", "kept", "4"]),
            (json!(null), json!(null), json!(null), ["–", "inbound", "4"]),
        ] {
            let peer = json!({
                "id": 3, "key": null, "role": null, "bodies": bodies, "outbound": outbound, "listen": null, "latency_ms": 1.25,
                "height": 7, "connected_ms": 61_000, "slot": slot, "first_deliveries": 4,
            });
            let row = row(&serde_json::from_value(peer).unwrap());
            assert_eq!([&row[3], &row[4], &row[7]], shown);
        }
    }
}

//! The list of nodes that the older system's clients see: each address that is or was connected,
//! and its latency.
//!
//! Clients store the list as their own and dial `ws://KEY:8333` for each of its keys, so a key has
//! no port.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use plexus_core::node::PeerView;
use plexus_core::primitives::time::Timestamp;
use plexus_core::protocol::host::Host;
use serde::{Deserialize, Serialize};

/// The most clients that are listed. When full, the one that changed longest ago is evicted, first
/// among the clients that left.
pub const NODES_MAX: usize = 1_024;
/// The most of our peers that are listed.
pub const PEERS_MAX: usize = 256;

/// A node, under the older system's names.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LegacyNode {
    /// Its address without the port, as in a URL: an IPv6 address is in brackets.
    #[serde(rename = "IP")]
    pub ip: String,
    /// The time when it joined, left, or was measured, RFC 3339.
    #[serde(rename = "LastChanged")]
    pub last_changed: String,
    /// The measured round trip in seconds. 0 before it is measured.
    #[serde(rename = "Latency")]
    pub latency: f64,
    /// `Online` or `Offline`.
    #[serde(rename = "Status")]
    pub status: String,
}

#[derive(Clone, Debug)]
struct TableEntry {
    /// Each entry has another number, so that a connection never changes an entry that replaced its
    /// own.
    number: u64,
    changed: Timestamp,
    latency: Duration,
    /// The number of its connections.
    connections: usize,
}

impl TableEntry {
    fn is_online(&self) -> bool {
        self.connections > 0
    }
}

#[derive(Debug, Default)]
struct Entries {
    by_name: BTreeMap<String, TableEntry>,
    next: u64,
}

/// A connection's place on the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    name: String,
    number: u64,
}

/// Returns the name that an address is listed under, which clients put into `ws://NAME:8333`.
pub(super) fn name(ip: Option<IpAddr>) -> String {
    ip.map_or_else(|| "unknown".to_owned(), |ip| Host::from(ip).to_string())
}

/// The older system's clients that are or were connected, by their address without the port.
#[derive(Debug, Default)]
pub struct Nodes(Mutex<Entries>);

impl Nodes {
    fn lock(&self) -> MutexGuard<'_, Entries> {
        // Each change is a single step, so an entry is whole even after a thread has panicked.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds one more connection of the address of a client that introduced itself. Returns its
    /// place.
    pub fn joined(&self, name: &str, now: Timestamp) -> Listing {
        let mut entries = self.lock();
        if entries.by_name.len() >= NODES_MAX && !entries.by_name.contains_key(name) {
            let oldest = entries.by_name.iter().min_by_key(|(_, entry)| (entry.is_online(), entry.changed));
            if let Some(name) = oldest.map(|(name, _)| name.clone()) {
                entries.by_name.remove(&name);
            }
        }
        entries.next += 1;
        let number = entries.next;
        let fresh = || TableEntry { number, changed: now, latency: Duration::ZERO, connections: 0 };
        let entry = entries.by_name.entry(name.to_owned()).or_insert_with(fresh);
        entry.connections += 1;
        entry.changed = now;
        Listing { name: name.to_owned(), number: entry.number }
    }

    fn change(&self, listing: &Listing, change: impl FnOnce(&mut TableEntry)) {
        let mut entries = self.lock();
        let entry = entries.by_name.get_mut(&listing.name);
        if let Some(entry) = entry.filter(|entry| entry.number == listing.number) {
            change(entry);
        }
    }

    /// Notes a client's measured round trip.
    pub fn measured(&self, listing: &Listing, latency: Duration, now: Timestamp) {
        self.change(listing, |entry| {
            entry.latency = latency;
            entry.changed = now;
        });
    }

    /// Removes a connection that ended. Its address stays on the list, Offline after its last one.
    pub fn left(&self, listing: &Listing, now: Timestamp) {
        self.change(listing, |entry| {
            entry.connections = entry.connections.saturating_sub(1);
            entry.changed = now;
        });
    }

    /// Returns the list, with the peers of the node whose address is known.
    pub fn list(&self, peers: &[PeerView], now: Timestamp) -> BTreeMap<String, LegacyNode> {
        let clients = self.lock();
        let clients = clients.by_name.iter().map(|(name, entry)| {
            let node = LegacyNode {
                ip: name.clone(),
                last_changed: entry.changed.to_string(),
                latency: entry.latency.as_secs_f64(),
                status: if entry.is_online() { "Online" } else { "Offline" }.to_owned(),
            };
            (name.clone(), node)
        });
        let mut nodes: BTreeMap<_, _> = clients.collect();
        let named = peers.iter().filter_map(|peer| {
            let address = peer.outbound.as_ref().or(peer.listen.as_ref())?;
            let name = match address.host() {
                Host::V6(ip) => name(Some(IpAddr::V6(*ip))),
                host @ (Host::V4(_) | Host::Name(_)) => host.to_string(),
            };
            Some((name, peer))
        });
        for (name, peer) in named.take(PEERS_MAX) {
            let measured = peer.latency_ms.map(|ms| ms / 1e3);
            let latency = measured.or_else(|| nodes.get(&name).map(|node| node.latency));
            let node = LegacyNode {
                ip: name.clone(),
                last_changed: now.minus_ms(peer.connected_ms).to_string(),
                latency: latency.unwrap_or_default(),
                status: "Online".to_owned(),
            };
            nodes.insert(name, node);
        }
        nodes
    }
}

#[cfg(test)]
mod tests {
    use plexus_core::node::ConnectionId;

    use super::*;

    fn time(ms: u64) -> Timestamp {
        Timestamp::from_unix_ms(ms)
    }

    fn peer(address: &str, latency_ms: Option<f64>) -> PeerView {
        PeerView {
            id: ConnectionId(1),
            key: None,
            role: None,
            features: None,
            outbound: Some(address.parse().unwrap()),
            listen: None,
            latency_ms,
            height: None,
            connected_ms: 0,
            slot: None,
            first_deliveries: 0,
            agreement: None,
        }
    }

    #[test]
    fn a_node_that_leaves_is_kept_as_offline() {
        let nodes = Nodes::default();
        let listing = nodes.joined("1.2.3.4", time(0));
        nodes.measured(&listing, Duration::from_millis(250), time(1));
        nodes.left(&listing, time(2));
        let json = serde_json::to_value(nodes.list(&[], time(3))).unwrap();
        let node = serde_json::json!({
            "IP": "1.2.3.4", "LastChanged": "1970-01-01T00:00:00.002Z", "Latency": 0.25, "Status": "Offline"
        });
        assert_eq!(json, serde_json::json!({ "1.2.3.4": node }));
    }

    #[test]
    fn an_address_is_online_until_its_last_connection_ends() {
        let nodes = Nodes::default();
        let (one, other) = (nodes.joined("1.2.3.4", time(0)), nodes.joined("1.2.3.4", time(1)));
        let status = || nodes.list(&[], time(9))["1.2.3.4"].status.clone();
        nodes.left(&one, time(2));
        assert_eq!(status(), "Online");
        nodes.left(&other, time(3));
        assert_eq!(status(), "Offline");
    }

    #[test]
    fn a_name_can_be_put_into_a_url() {
        let named = |ip: &str| name(Some(ip.parse().unwrap()));
        assert_eq!(named("10.0.0.1"), "10.0.0.1");
        assert_eq!(named("::ffff:10.0.0.1"), "10.0.0.1");
        assert_eq!(named("2001:db8::1"), "[2001:db8::1]");
    }

    #[test]
    fn peers_are_listed_by_host_and_clients_of_the_same_address_with_them() {
        let nodes = Nodes::default();
        let listing = nodes.joined("10.0.0.1", time(0));
        nodes.measured(&listing, Duration::from_millis(250), time(1));
        nodes.left(&listing, time(2));
        let peers = [
            peer("ws://10.0.0.1:1000", None),
            peer("ws://[::ffff:10.0.0.2]:8333", Some(3.0)),
            peer("wss://example.org", Some(7.0)),
        ];
        let list = nodes.list(&peers, time(9));
        let names: Vec<_> = list.keys().map(String::as_str).collect();
        assert_eq!(names, ["10.0.0.1", "10.0.0.2", "example.org"]);
        assert!(list.iter().all(|(name, node)| node.ip == *name && node.status == "Online"));
        assert_eq!((list["10.0.0.1"].latency, list["10.0.0.2"].latency), (0.25, 0.003));
    }

    #[test]
    fn the_list_is_bounded_and_those_that_left_are_evicted_first() {
        let nodes = Nodes::default();
        let listings: Vec<_> =
            (0..NODES_MAX).map(|n| nodes.joined(&format!("node {n:04}"), time(n as u64))).collect();
        nodes.left(&listings[500], time(5_000));
        nodes.joined("new", time(6_000));
        let list = nodes.list(&[], time(7_000));
        assert_eq!(list.len(), NODES_MAX);
        assert!(
            !list.contains_key("node 0500") && list.contains_key("node 0000") && list.contains_key("new")
        );
        nodes.joined("newer", time(8_000));
        assert!(!nodes.list(&[], time(9_000)).contains_key("node 0000"));
        // A connection of an evicted entry does not change the one that came later.
        nodes.joined("node 0000", time(9_000));
        nodes.left(&listings[0], time(9_001));
        assert_eq!(nodes.list(&[], time(9_002))["node 0000"].status, "Online");
    }
}

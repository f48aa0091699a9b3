//! The list of nodes that the older system's clients see: who is or was connected, and how far away.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use plexus_core::node::PeerView;
use plexus_core::time::Time;
use serde::{Deserialize, Serialize};

/// The most nodes that are listed; when full, the one that changed longest ago gives way, those that left first.
pub const NODES_MAX: usize = 1_024;

/// A node, under the older system's names.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Node {
    /// Its address without the port.
    #[serde(rename = "IP")]
    pub ip: String,
    /// When it joined, left, or was measured, RFC 3339.
    #[serde(rename = "LastChanged")]
    pub last_changed: String,
    /// The measured round trip in seconds; 0 before it is measured.
    #[serde(rename = "Latency")]
    pub latency: f64,
    /// `Online` or `Offline`.
    #[serde(rename = "Status")]
    pub status: String,
}

#[derive(Clone, Debug)]
struct Entry {
    ip: String,
    changed: Time,
    latency: Duration,
    online: bool,
}

/// The older system's clients that are or were connected, by their address.
#[derive(Debug, Default)]
pub struct Nodes(Mutex<BTreeMap<String, Entry>>);

impl Nodes {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Entry>> {
        // Each change is a single step: what another thread left behind is whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A client introduced itself.
    pub fn joined(&self, name: &str, ip: String, now: Time) {
        let mut nodes = self.lock();
        if nodes.len() >= NODES_MAX && !nodes.contains_key(name) {
            let oldest = nodes.iter().min_by_key(|(_, entry)| (entry.online, entry.changed));
            if let Some(name) = oldest.map(|(name, _)| name.clone()) {
                nodes.remove(&name);
            }
        }
        nodes.insert(name.to_owned(), Entry { ip, changed: now, latency: Duration::ZERO, online: true });
    }

    /// A client's round trip is known.
    pub fn measured(&self, name: &str, latency: Duration, now: Time) {
        if let Some(entry) = self.lock().get_mut(name) {
            entry.latency = latency;
            entry.changed = now;
        }
    }

    /// A client left; it stays on the list.
    pub fn left(&self, name: &str, now: Time) {
        if let Some(entry) = self.lock().get_mut(name) {
            entry.online = false;
            entry.changed = now;
        }
    }

    /// The list, with those of our peers whose address is known.
    pub fn list(&self, peers: &[PeerView], now: Time) -> BTreeMap<String, Node> {
        let peers = peers.iter().filter_map(|peer| {
            let address = peer.outbound.as_ref().or(peer.listen.as_ref())?;
            let node = Node {
                ip: address.host().to_string(),
                last_changed: now.minus_ms(peer.connected_ms).to_string(),
                latency: peer.latency_ms.unwrap_or_default() / 1e3,
                status: "Online".to_owned(),
            };
            Some((address.to_string(), node))
        });
        let clients = self.lock();
        let clients = clients.iter().map(|(name, entry)| {
            let node = Node {
                ip: entry.ip.clone(),
                last_changed: entry.changed.to_string(),
                latency: entry.latency.as_secs_f64(),
                status: if entry.online { "Online" } else { "Offline" }.to_owned(),
            };
            (name.clone(), node)
        });
        clients.chain(peers).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(ms: u64) -> Time {
        Time::from_unix_ms(ms)
    }

    #[test]
    fn a_node_that_leaves_is_kept_as_offline() {
        let nodes = Nodes::default();
        nodes.joined("1.2.3.4:5", "1.2.3.4".to_owned(), time(0));
        nodes.measured("1.2.3.4:5", Duration::from_millis(250), time(1));
        nodes.left("1.2.3.4:5", time(2));
        let json = serde_json::to_value(nodes.list(&[], time(3))).unwrap();
        let node = serde_json::json!({
            "IP": "1.2.3.4", "LastChanged": "1970-01-01T00:00:00.002Z", "Latency": 0.25, "Status": "Offline"
        });
        assert_eq!(json, serde_json::json!({ "1.2.3.4:5": node }));
    }

    #[test]
    fn the_list_is_bounded_and_those_that_left_give_way_first() {
        let nodes = Nodes::default();
        for number in 0..NODES_MAX {
            nodes.joined(&format!("node {number:04}"), String::new(), time(number as u64));
        }
        nodes.left("node 0500", time(5_000));
        nodes.joined("new", String::new(), time(6_000));
        let list = nodes.list(&[], time(7_000));
        assert_eq!(list.len(), NODES_MAX);
        assert!(
            !list.contains_key("node 0500") && list.contains_key("node 0000") && list.contains_key("new")
        );
        nodes.joined("newer", String::new(), time(8_000));
        assert!(!nodes.list(&[], time(9_000)).contains_key("node 0000"));
    }
}

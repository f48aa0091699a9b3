//! Distances: checks whether a node can be as near as its pings say.
//!
//! Specified in PROTOCOL.md, "Neighbours".
//!
//! Pings can be answered on a node's behalf from anywhere, so that the node seems near to all its
//! peers. But its links are known, and we measured the round trips to its neighbours ourselves. A
//! path over a neighbour that is near to both of us would be about as long as the direct one.
//!
//! At least half of its neighbours must contradict the measurement, so a few neighbours that lie
//! about themselves exclude no node. The result only affects the choice of neighbours. It is not
//! counted as an offence.

use core::time::Duration;

use super::{ConnectionId, FULL, Node};
use crate::node::Direction;
use crate::peers::outbound_slots::AvoidReason;
use crate::peers::peer::Peer;
use crate::primitives::collections::vec_map::VecMap;
use crate::primitives::key::PublicKey;
use crate::primitives::time::Now;
use crate::protocol::misbehavior::Reason;

/// The fewest neighbours of a node that we must have measured ourselves.
const WITNESSES_MIN: usize = 3;
/// A node is considered no nearer than half of the distance that the paths over it allow.
const DETOUR: u32 = 2;
/// The tolerance below that bound: no network satisfies the triangle inequality to the millisecond.
const SLACK: Duration = Duration::from_millis(5);

/// The round trips that we measured ourselves, by the key of the node.
pub(super) type Measured = VecMap<PublicKey, Duration>;

impl Node {
    /// Returns the plausible round trip of a node: the measured one, or the bound that its
    /// neighbours show if the measured one is implausible.
    pub(super) fn believed(&self, peer: ConnectionId, rtt: Duration) -> Duration {
        if !FULL {
            return rtt;
        }
        let Some(greeted) = self.connections.get(&peer).and_then(Peer::greeted) else { return rtt };
        let mut links: Vec<_> = self.peers.graph.links_of(&greeted.hello.key).collect();
        links.sort_unstable();
        let is_linked = |key: &PublicKey| links.binary_search_by_key(key, |(other, _)| *other).is_ok();
        let measured = self.measured().filter(|(key, _)| is_linked(key)).collect();
        shown_distance(links.iter().copied(), rtt, &measured).unwrap_or(rtt)
    }

    /// Closes the links with nodes whose latency is implausible.
    pub(super) fn drop_implausible(&mut self, now: Now) {
        if !FULL {
            return;
        }
        let measured = self.measured().collect();
        let implausible = |(address, peer, _)| {
            let greeted = self.connections.get(&peer).and_then(Peer::greeted)?;
            let links = self.peers.graph.links_of(&greeted.hello.key);
            let shown = shown_distance(links, greeted.ping.latency()?, &measured)?;
            Some((address, peer, shown))
        };
        let implausible: Vec<_> = self.peers.slots.chosen().into_iter().filter_map(implausible).collect();
        for (address, peer, shown) in implausible {
            self.peers.book.measured(&address, shown);
            self.peers.slots.avoid(now.moment, address, AvoidReason::Implausible);
            self.close(now, peer, Reason::Replaced);
        }
    }

    /// Returns the round trips that we measured ourselves.
    pub(super) fn measured(&self) -> impl Iterator<Item = (PublicKey, Duration)> {
        let linked = self.connections.values().filter_map(|peer| {
            let greeted = peer.greeted().filter(|_| matches!(peer.link, Direction::Inbound(_)))?;
            Some((greeted.hello.key, greeted.ping.latency()?))
        });
        self.peers.book.measured_keys().chain(linked)
    }
}

/// Returns the lower bound on a node's distance that half of its neighbours show. `links` are their
/// keys and round trips to it in microseconds. Returns `None` if the bound is not much more than
/// the measured round trip.
pub(super) fn shown_distance(
    links: impl Iterator<Item = (PublicKey, u32)>,
    rtt: Duration,
    measured: &Measured,
) -> Option<Duration> {
    // Our own key is not among the measured ones.
    let shown = links.filter_map(|(other, us)| {
        Some(measured.get(&other)?.saturating_sub(Duration::from_micros(us.into())))
    });
    let mut shown: Vec<_> = shown.collect();
    if shown.len() < WITNESSES_MIN {
        return None;
    }
    shown.sort_unstable();
    let half = shown[(shown.len() - 1) / 2];
    (half > rtt * DETOUR + SLACK).then_some(half)
}

//! Distances: whether a node can be as near as its pings say.
//!
//! Pings can be answered on a node's behalf from anywhere, so that it seems near to all whom it is linked with. But whom it is linked
//! with we know, and how far those are from us we measured ourselves: a way over a node that is near to both of us would be
//! about as long as the direct one. Half of its neighbours have to say that it is farther than it seems, so a few who lie about
//! themselves push nobody out. It only says whom we choose as neighbours; nobody is blamed for it.

use core::time::Duration;

use super::{FULL, Node, PeerId};
use crate::fault::Reason;
use crate::key::PublicKey;
use crate::node::Link;
use crate::peer::Peer;
use crate::slot::Grounds;
use crate::sorted::Sorted;
use crate::time::Now;

/// So many of a node's neighbours have to be known to us by measurement.
const WITNESSES_MIN: usize = 3;
/// A node is not believed to be nearer than half of what the ways over it allow,
const DETOUR: u32 = 2;
/// less this much: no network keeps the triangle's inequality to the millisecond.
const SLACK: Duration = Duration::from_millis(5);

/// What we measured ourselves of the nodes that we reached, by their keys.
pub(super) type Measured = Sorted<PublicKey, Duration>;

impl Node {
    /// The round trip that we believe a node to have: what was measured, or what its neighbours show if that cannot be.
    pub(super) fn believed(&self, peer: PeerId, rtt: Duration) -> Duration {
        if !FULL {
            return rtt;
        }
        let Some(greeted) = self.peers.get(&peer).and_then(Peer::greeted) else { return rtt };
        let mut links: Vec<_> = self.graph.links_of(&greeted.hello.key).collect();
        links.sort_unstable();
        let is_linked = |key: &PublicKey| links.binary_search_by_key(key, |(other, _)| *other).is_ok();
        let measured = self.measured().filter(|(key, _)| is_linked(key)).collect();
        shown_distance(links.iter().copied(), rtt, &measured).unwrap_or(rtt)
    }

    /// Gives up the links with nodes that are not where they seem to be.
    pub(super) fn drop_implausible(&mut self, now: Now) {
        if !FULL {
            return;
        }
        let measured = self.measured().collect();
        let implausible = |(address, peer, _)| {
            let greeted = self.peers.get(&peer).and_then(Peer::greeted)?;
            let links = self.graph.links_of(&greeted.hello.key);
            let shown = shown_distance(links, greeted.ping.latency()?, &measured)?;
            Some((address, peer, shown))
        };
        let implausible: Vec<_> = self.slots.chosen().into_iter().filter_map(implausible).collect();
        for (address, peer, shown) in implausible {
            self.book.measured(&address, shown);
            self.slots.shun(now.moment, address, Grounds::Implausible);
            self.close(now, peer, Reason::Replaced);
        }
    }

    /// What we measured ourselves of other nodes.
    pub(super) fn measured(&self) -> impl Iterator<Item = (PublicKey, Duration)> {
        let linked = self.peers.values().filter_map(|peer| {
            let greeted = peer.greeted().filter(|_| matches!(peer.link, Link::Inbound(_)))?;
            Some((greeted.hello.key, greeted.ping.latency()?))
        });
        self.book.measured_keys().chain(linked)
    }
}

/// How far a node is at least, by half of its neighbours, whose keys and round trips to it in microseconds are `links`; none when that is
/// not much more than was measured.
pub(super) fn shown_distance(
    links: impl Iterator<Item = (PublicKey, u32)>,
    rtt: Duration,
    measured: &Measured,
) -> Option<Duration> {
    // We are not among those whom we measured.
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

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

use crate::node::config::FULL;
use crate::node::context::Context;
use crate::node::peer_manager::PeerManager;
use crate::peers::outbound_slots::AvoidReason;
use crate::primitives::collections::vec_map::VecMap;
use crate::primitives::key::PublicKey;
use crate::protocol::connection::{ConnectionId, Direction};
use crate::protocol::misbehavior::Reason;

/// The fewest neighbours of a node that we must have measured ourselves.
const WITNESSES_MIN: usize = 3;
/// A node is considered no nearer than half of the distance that the paths over it allow.
const DETOUR: u32 = 2;
/// The tolerance below that bound: no network satisfies the triangle inequality to the millisecond.
const SLACK: Duration = Duration::from_millis(5);

/// The round trips that we measured ourselves, by the key of the node.
pub(super) type Measured = VecMap<PublicKey, Duration>;

impl PeerManager {
    /// Returns the plausible round trip of a node: the measured one, or the bound that its
    /// neighbours show if the measured one is implausible.
    pub(super) fn plausible_rtt(&self, cx: &Context<'_>, peer: ConnectionId, rtt: Duration) -> Duration {
        if !FULL {
            return rtt;
        }
        let Some(established) = cx.connections.established(peer) else { return rtt };
        let mut links: Vec<_> = self.graph.links_of(&established.hello.key).collect();
        links.sort_unstable();
        let is_linked = |key: &PublicKey| links.binary_search_by_key(key, |(other, _)| *other).is_ok();
        let measured = self.measured_rtts(cx).filter(|(key, _)| is_linked(key)).collect();
        rtt_lower_bound(links.iter().copied(), rtt, &measured).unwrap_or(rtt)
    }

    /// Closes the links with nodes whose latency is implausible.
    pub(super) fn drop_implausible(&mut self, cx: &mut Context<'_>) {
        if !FULL {
            return;
        }
        let measured = self.measured_rtts(cx).collect();
        let implausible = |(address, peer, _)| {
            let established = cx.connections.established(peer)?;
            let links = self.graph.links_of(&established.hello.key);
            let shown = rtt_lower_bound(links, established.ping.latency()?, &measured)?;
            Some((address, peer, shown))
        };
        let implausible: Vec<_> = self.slots.chosen().into_iter().filter_map(implausible).collect();
        for (address, peer, shown) in implausible {
            self.book.measured(&address, shown);
            self.slots.avoid(cx.now.moment, address, AvoidReason::Implausible);
            self.close(cx, peer, Reason::Replaced);
        }
    }

    /// Returns the round trips that we measured ourselves.
    pub(super) fn measured_rtts<'a>(
        &'a self,
        cx: &'a Context<'_>,
    ) -> impl Iterator<Item = (PublicKey, Duration)> {
        let linked = cx.connections.iter().filter_map(|(_, peer)| {
            let established = peer.established().filter(|_| matches!(peer.link, Direction::Inbound(_)))?;
            Some((established.hello.key, established.ping.latency()?))
        });
        self.book.measured_keys().chain(linked)
    }
}

/// Returns the lower bound on a node's distance that half of its neighbours show. `links` are their
/// keys and round trips to it in microseconds. Returns `None` if the bound is not much more than
/// the measured round trip.
pub(super) fn rtt_lower_bound(
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

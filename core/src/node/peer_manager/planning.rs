//! Planning: the links that shorten the paths of blocks most.
//!
//! Specified in PROTOCOL.md, "Neighbours".

use core::time::Duration;

use crate::node::config::FULL;
use crate::node::context::Context;
use crate::node::peer_manager::PeerManager;
use crate::node::peer_manager::neighbours::CANDIDATES_MAX;
use crate::node::peer_manager::plausibility::rtt_lower_bound;
use crate::peers::outbound_slots::{AvoidReason, OutboundKind};
use crate::peers::peer::EstablishedPeer;
use crate::peers::topology::forecast::FirstHopForecast;
use crate::peers::topology::graph::KEY_LINKS_MAX;
use crate::peers::topology::link_planner::{LinkCandidate, LinkPlan};
use crate::primitives::key::PublicKey;
use crate::protocol::address::Address;
use crate::protocol::connection::ConnectionId;
use crate::protocol::link_certificate::Epoch;

/// A link is replaced only for a gain of at least this share of the mean path, in thousandths.
const GAIN_PER_MILLE: u64 = 2;
/// A node with this many links is no longer recommended, because graphs hold no more links per
/// node.
const DEGREE_MAX: usize = KEY_LINKS_MAX;

/// A link to replace, and the node to link with in its place.
struct Replacement<'a> {
    old: Address,
    peer: ConnectionId,
    new: &'a Address,
    candidate: &'a LinkCandidate,
    /// True if the old link has existed for long and brought no block first.
    brought_nothing: bool,
}

impl PeerManager {
    /// Scores our links by the graph: replaces at most one, and predicts which nodes hear of blocks
    /// from us first.
    pub(super) fn plan_links(&mut self, cx: &mut Context<'_>) {
        if !FULL {
            return;
        }
        self.graph.expire(Epoch::of(cx.now.time));
        let topology = self.graph.topology();
        let neighbours: Vec<_> =
            cx.connections.established_peers().map(|(_, established)| established.hello.key).collect();
        self.forecast = FirstHopForecast::new(&topology, &neighbours);
        let Some(plan) = LinkPlan::new(&topology, cx.rng) else { return };
        let lasts = |(peer, established): &(ConnectionId, &EstablishedPeer)| {
            established.is_full() && self.slots.find(*peer) != Some(OutboundKind::Feeler)
        };
        let measured = self.measured_rtts(cx).collect();
        let offer = |key: &PublicKey, rtt: Duration| {
            plan.candidate(key, rtt_lower_bound(topology.links_of(key), rtt, &measured).unwrap_or(rtt))
        };
        let offers: Vec<(ConnectionId, LinkCandidate)> = cx
            .connections
            .established_peers()
            .filter(lasts)
            .filter_map(|(peer, established)| {
                Some((peer, offer(&established.hello.key, established.ping.latency()?)?))
            })
            .collect();
        let taken = self.taken(cx);
        let candidates: Vec<(&Address, LinkCandidate)> = self
            .book
            .measured_nearest(CANDIDATES_MAX, cx.now.time)
            .filter(|(address, _)| taken.allows(address) && !self.slots.is_avoided(address))
            .filter_map(|(address, rtt)| {
                let key = self.book.key(address)?;
                // A node that every node chooses has a full uplink.
                let offer = (topology.degree(key) < DEGREE_MAX).then(|| offer(key, rtt)).flatten()?;
                Some((address, offer))
            })
            .collect();
        let (mut best, mut least) = (None, u64::MAX);
        for (old, peer, firsts, is_settled) in self.slots.replaceable() {
            let kept = LinkPlan::best_arrivals(
                offers.iter().filter(|(kept, _)| *kept != peer).map(|(_, offer)| offer),
            );
            for (new, offer) in &candidates {
                let cost = LinkPlan::cost(&kept, offer);
                if cost < least {
                    let (old, brought_nothing) = (old.clone(), is_settled && firsts == 0);
                    best = Some(Replacement { old, peer, new, candidate: offer, brought_nothing });
                    least = cost;
                }
            }
        }
        let Some(Replacement { old, peer: replaced, new, candidate, brought_nothing }) = best else { return };
        let now_linked = offers.iter().map(|(_, offer)| offer);
        let kept = offers.iter().filter(|(peer, _)| *peer != replaced).map(|(_, offer)| offer);
        let is_worth_it = plan.gains(GAIN_PER_MILLE, now_linked, kept.chain([candidate]));
        if is_worth_it {
            self.slots.gain_found(cx.now.moment);
        }
        // Neighbours that all moved at once would chase one another.
        if is_worth_it && cx.rng.below(2) == 0 {
            if brought_nothing {
                self.slots.avoid(cx.now.moment, old.clone(), AvoidReason::BroughtNothing);
            }
            let new = new.clone();
            self.book.attempt(&new, cx.now.time);
            self.slots.dial_instead(cx.now.moment, new.clone(), old);
            cx.outbox.dial(new);
        }
    }
}

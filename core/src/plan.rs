//! Planning: what a link to another node would be worth, as far as the latency graph tells.
//!
//! A block comes to us along the shortest path from wherever it is mined. A link to a node is worth what it takes off the mean of these
//! paths, over sources drawn by chance from all that the graph holds. Distances are taken in the graph without us: what
//! reaches a node only through us is no gain.
//!
//! Of many candidates, the one that looks best over a few sources owes some of that to these sources. So half of them choose, and a
//! gain counts only if the others show it too ([`Plan::gains`]): small gains can be told from chance, and where there is
//! none left, links stay as they are.
//!
//! Bounds: twice [`SOURCES`] searches of the graph a plan, whatever the number of candidates.

use core::time::Duration;

use crate::chance::Chance;
use crate::graph::{Adjacency, HOP_US, Topology};
use crate::key::PublicKey;

/// The sources that choose, and as many that prove the choice.
pub(crate) const SOURCES: usize = 32;

/// Distances from some sources to all nodes, in a graph without us.
#[derive(Debug)]
pub(crate) struct Plan<'a> {
    graph: &'a Topology,
    /// The graph's links, but for ours.
    others: Adjacency,
    /// The sources that choose: microseconds from each to each node.
    distances: Vec<Vec<u32>>,
    /// The sources that prove the choice.
    provers: Vec<u32>,
}

/// A node that we are or may be linked with, by its place in the plan's graph: what it brings us.
#[derive(Clone, Debug)]
pub(crate) struct Offer {
    node: u32,
    hop_us: u32,
    /// Microseconds from each source that chooses through this node to us.
    arrivals: Vec<u32>,
}

impl Offer {
    /// Microseconds through this node to us from where each node is so far away.
    fn arrival(&self, distances: &[u32]) -> u32 {
        distances[self.node as usize].saturating_add(self.hop_us)
    }
}

impl<'a> Plan<'a> {
    /// A plan over a graph with us; none when nothing else is in it.
    pub(crate) fn new(graph: &'a Topology, chance: &mut Chance) -> Option<Self> {
        let others = graph.links.iter().filter(|(a, b, _)| *a != graph.own && *b != graph.own);
        let others = Adjacency::new(graph.keys.len(), others.copied());
        let linked: Vec<_> = (0..).take(others.len()).filter(|node| !others.hops(*node).is_empty()).collect();
        let draw = |_| linked.get(chance.index(linked.len())).copied();
        let mut sources: Vec<_> = (0..2 * SOURCES).filter_map(draw).collect();
        let provers = sources.split_off(sources.len() / 2);
        let distances: Vec<_> = sources.into_iter().map(|source| others.paths(source).us).collect();
        (!distances.is_empty()).then_some(Self { graph, others, distances, provers })
    }

    /// What a link to a node with this round trip brings; none when the graph does not know the node.
    pub(crate) fn offer(&self, key: &PublicKey, rtt: Duration) -> Option<Offer> {
        let node = self.graph.place(key).filter(|node| !self.others.hops(*node).is_empty())?;
        let hop_us = u32::try_from(rtt.as_micros() / 2).unwrap_or(u32::MAX).saturating_add(HOP_US);
        let mut offer = Offer { node, hop_us, arrivals: Vec::new() };
        offer.arrivals = self.distances.iter().map(|from| offer.arrival(from)).collect();
        Some(offer)
    }

    /// What several links bring together: for each source that chooses the earliest arrival by any of them, microseconds.
    pub(crate) fn earliest<'o>(&self, offers: impl Iterator<Item = &'o Offer>) -> Vec<u32> {
        let mut earliest = vec![u32::MAX; self.distances.len()];
        for offer in offers {
            for (earliest, arrival) in earliest.iter_mut().zip(&offer.arrivals) {
                *earliest = (*earliest).min(*arrival);
            }
        }
        earliest
    }

    /// The sum over the sources that choose of the earliest arrival by this link or those that bring `earliest`, microseconds.
    pub(crate) fn cost(&self, earliest: &[u32], offer: &Offer) -> u64 {
        earliest.iter().zip(&offer.arrivals).map(|(one, other)| u64::from(*one.min(other))).sum()
    }

    /// Whether the links of `then` bring blocks earlier than those of `now`, by so much of the mean in a thousandth: both by the
    /// sources that choose and by those that did not.
    pub(crate) fn gains<'o>(
        &self,
        per_mille: u64,
        now: impl Iterator<Item = &'o Offer> + Clone,
        then: impl Iterator<Item = &'o Offer> + Clone,
    ) -> bool {
        let is_less = |then: u64, now: u64| then * 1_000 < now * (1_000 - per_mille);
        let chosen = |earliest: Vec<u32>| earliest.into_iter().map(u64::from).sum();
        if !is_less(chosen(self.earliest(then.clone())), chosen(self.earliest(now.clone()))) {
            return false;
        }
        let (mut proven_then, mut proven_now) = (0, 0);
        for source in &self.provers {
            let from = self.others.paths(*source).us;
            let earliest = |offer: &Offer| offer.arrival(&from);
            proven_then += u64::from(then.clone().map(earliest).min().unwrap_or(u32::MAX));
            proven_now += u64::from(now.clone().map(earliest).min().unwrap_or(u32::MAX));
        }
        is_less(proven_then, proven_now)
    }
}

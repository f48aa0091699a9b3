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

use core::ops::Range;
use core::time::Duration;

use crate::chance::Chance;
use crate::graph::{Adjacency, HOP_US, Topology};
use crate::key::PublicKey;

/// The sources that choose, and as many that prove the choice.
pub(crate) const SOURCES: usize = 16;

/// Distances from some sources to all nodes, in a graph without us.
#[derive(Debug)]
pub(crate) struct Plan<'a> {
    graph: &'a Topology,
    /// The graph's links, but for ours.
    others: Adjacency,
    /// Source by source, those that choose first, microseconds to each node.
    distances: Vec<Vec<u32>>,
}

/// A node that we are or may be linked with, by its place in the plan's graph: what it brings us.
#[derive(Clone, Debug)]
pub(crate) struct Offer {
    /// Microseconds from each source through this node to us.
    arrivals: Vec<u32>,
}

impl<'a> Plan<'a> {
    /// A plan over a graph with us; none when nothing else is in it.
    pub(crate) fn new(graph: &'a Topology, chance: &mut Chance) -> Option<Self> {
        let others = graph.links.iter().filter(|(a, b, _)| *a != graph.own && *b != graph.own);
        let others = Adjacency::new(graph.keys.len(), others.copied());
        let linked: Vec<_> = (0..).take(others.len()).filter(|node| !others.hops(*node).is_empty()).collect();
        let draw = |_| linked.get(chance.index(linked.len()));
        let sources: Vec<_> = (0..2 * SOURCES).filter_map(draw).collect();
        let distances: Vec<_> = sources.into_iter().map(|source| others.paths(*source).us).collect();
        (!distances.is_empty()).then_some(Self { graph, others, distances })
    }

    /// What a link to a node with this round trip brings; none when the graph does not know the node.
    pub(crate) fn offer(&self, key: &PublicKey, rtt: Duration) -> Option<Offer> {
        let node = self.graph.place(key).filter(|node| !self.others.hops(*node).is_empty())?;
        let hop = u32::try_from(rtt.as_micros() / 2).unwrap_or(u32::MAX).saturating_add(HOP_US);
        let arrivals = self.distances.iter().map(|from| from[node as usize].saturating_add(hop)).collect();
        Some(Offer { arrivals })
    }

    /// What several links bring together.
    pub(crate) fn earliest<'o>(&self, offers: impl Iterator<Item = &'o Offer>) -> Offer {
        let mut arrivals = vec![u32::MAX; self.distances.len()];
        for offer in offers {
            for (earliest, arrival) in arrivals.iter_mut().zip(&offer.arrivals) {
                *earliest = (*earliest).min(*arrival);
            }
        }
        Offer { arrivals }
    }

    /// The mean over the sources that choose of the earliest arrival by any of these links, microseconds.
    pub(crate) fn cost<'o>(&self, offers: impl Iterator<Item = &'o Offer> + Clone) -> u64 {
        mean(0..SOURCES, offers)
    }

    /// Whether the links of `then` bring blocks earlier than those of `now`, by so much of the mean in a thousandth: both by the
    /// sources that choose and by those that did not.
    pub(crate) fn gains<'o>(
        &self,
        per_mille: u64,
        now: impl Iterator<Item = &'o Offer> + Clone,
        then: impl Iterator<Item = &'o Offer> + Clone,
    ) -> bool {
        let halves = [0..SOURCES, SOURCES..2 * SOURCES];
        halves.into_iter().all(|sources| {
            mean(sources.clone(), then.clone()) * 1_000 < mean(sources, now.clone()) * (1_000 - per_mille)
        })
    }
}

/// The mean over some sources of the earliest arrival by any of these links, microseconds.
fn mean<'o>(sources: Range<usize>, offers: impl Iterator<Item = &'o Offer> + Clone) -> u64 {
    let earliest = |source: usize| offers.clone().map(|offer| offer.arrivals[source]).min();
    let total: u64 = sources.map(|source| u64::from(earliest(source).unwrap_or(u32::MAX))).sum();
    total / SOURCES as u64
}

//! Planning: the value of a link to another node, as far as the latency graph tells.
//!
//! Specified in PROTOCOL.md, "Neighbours".
//!
//! A block comes to us along the shortest path from wherever it is mined. A link's value is the
//! time that it takes off the mean of these paths, over random sources from the whole graph.
//! Distances are taken in the graph without us: a node that is reached only through us is no gain.
//!
//! Among many candidates, the one that looks best over a few sources owes some of that to these
//! sources. So half of the sources choose, and a gain counts only if the other half confirms it
//! ([`LinkPlan::gains`]). Thus small gains can be told from noise, and where there is no gain left,
//! links stay as they are.
//!
//! Bounds: distances from twice [`SOURCES`] nodes a plan, whatever the number of candidates.

use core::time::Duration;

use crate::peers::topology::graph::{Adjacency, GraphTopology, HOP_US};
use crate::primitives::key::PublicKey;
use crate::primitives::rng::SeededRng;

/// The number of sources that choose, and of sources that validate the choice.
pub(crate) const SOURCES: usize = 64;

/// Distances from some sources to all nodes, in a graph without us.
#[derive(Debug)]
pub(crate) struct LinkPlan<'a> {
    graph: &'a GraphTopology,
    /// The graph's links, except ours.
    others: Adjacency,
    /// Microseconds to each node from each source that chooses.
    distances: Vec<[u32; SOURCES]>,
    /// The sources that validate the choice.
    provers: [u32; SOURCES],
}

/// A candidate: a node that we are or may be linked with, by its index in the plan's graph, and the
/// arrivals through it.
#[derive(Clone, Debug)]
pub(crate) struct LinkCandidate {
    node: u32,
    hop_us: u32,
    /// The arrival times from each source that chooses.
    arrivals: Arrivals,
}

/// Microseconds from each of some sources to us.
type Arrivals = [u32; SOURCES];

/// The arrivals without any path.
const NEVER: Arrivals = [u32::MAX; SOURCES];

/// Returns the arrivals through a node at these distances from each source.
fn through(distances: &[u32; SOURCES], hop_us: u32) -> Arrivals {
    distances.map(|us| us.saturating_add(hop_us))
}

/// Returns the faster of two arrivals for each source.
fn faster(one: Arrivals, other: &Arrivals) -> Arrivals {
    core::array::from_fn(|source| one[source].min(other[source]))
}

/// Returns the sum over all sources.
fn sum(arrivals: &Arrivals) -> u64 {
    arrivals.iter().map(|us| u64::from(*us)).sum()
}

impl<'a> LinkPlan<'a> {
    /// Creates a plan over a graph with us. Returns `None` if the graph has no links but ours.
    pub(crate) fn new(graph: &'a GraphTopology, rng: &mut SeededRng) -> Option<Self> {
        let others = graph.links.iter().filter(|(a, b, _)| *a != graph.own && *b != graph.own);
        let others = Adjacency::new(graph.keys.len(), others.copied());
        let linked: Vec<_> = (0..).take(others.len()).filter(|node| !others.hops(*node).is_empty()).collect();
        if linked.is_empty() {
            return None;
        }
        let mut draw = || core::array::from_fn(|_| linked[rng.index(linked.len())]);
        let (choosers, provers) = (draw(), draw());
        let distances = others.distances(&choosers);
        Some(Self { graph, others, distances, provers })
    }

    /// Returns the candidate for a link to a node with this round trip. Returns `None` if the graph
    /// does not know the node.
    pub(crate) fn candidate(&self, key: &PublicKey, rtt: Duration) -> Option<LinkCandidate> {
        let node = self.graph.place(key).filter(|node| !self.others.hops(*node).is_empty())?;
        let hop_us = u32::try_from(rtt.as_micros() / 2).unwrap_or(u32::MAX).saturating_add(HOP_US);
        Some(LinkCandidate { node, hop_us, arrivals: through(&self.distances[node as usize], hop_us) })
    }

    /// Returns the earliest arrivals over several links together: for each source that chooses, by
    /// any of them, microseconds.
    pub(crate) fn best_arrivals<'o>(offers: impl Iterator<Item = &'o LinkCandidate>) -> Arrivals {
        offers.fold(NEVER, |earliest, offer| faster(earliest, &offer.arrivals))
    }

    /// Returns the sum over the sources that choose of the earlier arrival: by this link or in
    /// `earliest`, microseconds.
    pub(crate) fn cost(earliest: &Arrivals, offer: &LinkCandidate) -> u64 {
        sum(&faster(*earliest, &offer.arrivals))
    }

    /// Returns true if the links of `then` bring blocks earlier than those of `now`, by at least
    /// this part of the mean in a thousand. Both the sources that choose and the validation sources
    /// must show it.
    pub(crate) fn gains<'o>(
        &self,
        per_mille: u64,
        now: impl Iterator<Item = &'o LinkCandidate> + Clone,
        then: impl Iterator<Item = &'o LinkCandidate> + Clone,
    ) -> bool {
        let is_less = |then: &Arrivals, now: &Arrivals| sum(then) * 1_000 < sum(now) * (1_000 - per_mille);
        if !is_less(&Self::best_arrivals(then.clone()), &Self::best_arrivals(now.clone())) {
            return false;
        }
        let distances = self.others.distances(&self.provers);
        let proven = |earliest: Arrivals, offer: &LinkCandidate| {
            faster(earliest, &through(&distances[offer.node as usize], offer.hop_us))
        };
        is_less(&then.fold(NEVER, proven), &now.fold(NEVER, proven))
    }
}

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
//! Bounds: distances from twice [`SOURCES`] nodes a plan, whatever the number of candidates.

use core::time::Duration;

use crate::chance::Chance;
use crate::graph::{Adjacency, HOP_US, Topology};
use crate::key::PublicKey;

/// The sources that choose, and as many that prove the choice.
pub(crate) const SOURCES: usize = 64;

/// Distances from some sources to all nodes, in a graph without us.
#[derive(Debug)]
pub(crate) struct Plan<'a> {
    graph: &'a Topology,
    /// The graph's links, but for ours.
    others: Adjacency,
    /// Microseconds to each node from each source that chooses.
    distances: Vec<[u32; SOURCES]>,
    /// The sources that prove the choice.
    provers: [u32; SOURCES],
}

/// A node that we are or may be linked with, by its place in the plan's graph: what it brings us.
#[derive(Clone, Debug)]
pub(crate) struct Offer {
    node: u32,
    hop_us: u32,
    /// When what each source that chooses sends arrives.
    arrivals: Arrivals,
}

/// Microseconds from each of some sources to us.
type Arrivals = [u32; SOURCES];

/// As long as by no path.
const NEVER: Arrivals = [u32::MAX; SOURCES];

/// Through a node that is so far from each source to us.
fn through(distances: &[u32; SOURCES], hop_us: u32) -> Arrivals {
    distances.map(|us| us.saturating_add(hop_us))
}

/// From each source by the faster of two ways.
fn faster(one: Arrivals, other: &Arrivals) -> Arrivals {
    core::array::from_fn(|source| one[source].min(other[source]))
}

/// Of all sources together.
fn sum(arrivals: &Arrivals) -> u64 {
    arrivals.iter().map(|us| u64::from(*us)).sum()
}

impl<'a> Plan<'a> {
    /// A plan over a graph with us; none when nothing else is in it.
    pub(crate) fn new(graph: &'a Topology, chance: &mut Chance) -> Option<Self> {
        let others = graph.links.iter().filter(|(a, b, _)| *a != graph.own && *b != graph.own);
        let others = Adjacency::new(graph.keys.len(), others.copied());
        let linked: Vec<_> = (0..).take(others.len()).filter(|node| !others.hops(*node).is_empty()).collect();
        if linked.is_empty() {
            return None;
        }
        let mut draw = || core::array::from_fn(|_| linked[chance.index(linked.len())]);
        let (choosers, provers) = (draw(), draw());
        let distances = others.distances(&choosers);
        Some(Self { graph, others, distances, provers })
    }

    /// What a link to a node with this round trip brings; none when the graph does not know the node.
    pub(crate) fn offer(&self, key: &PublicKey, rtt: Duration) -> Option<Offer> {
        let node = self.graph.place(key).filter(|node| !self.others.hops(*node).is_empty())?;
        let hop_us = u32::try_from(rtt.as_micros() / 2).unwrap_or(u32::MAX).saturating_add(HOP_US);
        Some(Offer { node, hop_us, arrivals: through(&self.distances[node as usize], hop_us) })
    }

    /// What several links bring together: from each source that chooses the earliest arrival by any of them, microseconds.
    pub(crate) fn earliest<'o>(offers: impl Iterator<Item = &'o Offer>) -> Arrivals {
        offers.fold(NEVER, |earliest, offer| faster(earliest, &offer.arrivals))
    }

    /// The sum over the sources that choose of the earliest arrival by this link or those that bring `earliest`, microseconds.
    pub(crate) fn cost(earliest: &Arrivals, offer: &Offer) -> u64 {
        sum(&faster(*earliest, &offer.arrivals))
    }

    /// Whether the links of `then` bring blocks earlier than those of `now`, by so much of the mean in a thousandth: both by the
    /// sources that choose and by those that did not.
    pub(crate) fn gains<'o>(
        &self,
        per_mille: u64,
        now: impl Iterator<Item = &'o Offer> + Clone,
        then: impl Iterator<Item = &'o Offer> + Clone,
    ) -> bool {
        let is_less = |then: &Arrivals, now: &Arrivals| sum(then) * 1_000 < sum(now) * (1_000 - per_mille);
        if !is_less(&Self::earliest(then.clone()), &Self::earliest(now.clone())) {
            return false;
        }
        let distances = self.others.distances(&self.provers);
        let proven = |earliest: Arrivals, offer: &Offer| {
            faster(earliest, &through(&distances[offer.node as usize], offer.hop_us))
        };
        is_less(&then.fold(NEVER, proven), &now.fold(NEVER, proven))
    }
}

//! A topology: the shape that certified links give the network at one moment, and its properties.
//!
//! It is a copy, so a caller that reads much from one state of the graph takes it once. Nodes are
//! in the order of their keys. So two nodes that hold the same links read the same, in whatever
//! order the links came. It is as large as the graph it was taken from, about 40 bytes a node and
//! 28 a link. Every method takes time in proportion to nodes and links, times a logarithm for
//! shortest paths. The exception is [`GraphTopology::diameter`], which states its own bound.

use core::time::Duration;
use std::cmp::Reverse;

use petgraph::graph::{NodeIndex, UnGraph};
use petgraph::unionfind::UnionFind;
use petgraph::visit::EdgeRef;

use crate::peers::topology::graph::adjacency::{Adjacency, NONE, Paths, UNREACHED, weight_us};
use crate::primitives::key::PublicKey;

/// The most nodes for which a diameter is exact, with one search for each.
pub const DIAMETER_NODES_MAX: usize = 512;
/// The number of sweeps that estimate the diameter of a larger graph.
const SWEEPS: usize = 8;

/// The network's shape: the links between nodes, and their distances.
///
/// ```
/// use plexus_core::PublicKey;
/// use plexus_core::peers::topology::graph::GraphTopology;
///
/// let [a, b, c, d] = [1, 2, 3, 4].map(|byte| PublicKey::from_bytes([byte; 33]));
/// // A triangle, and d behind c. Round trips are in microseconds.
/// let links = [(a, b, 10_000), (b, c, 10_000), (a, c, 80_000), (c, d, 10_000)];
/// let topology = GraphTopology::new(a, links);
/// assert_eq!(topology.level_order(&a), [vec![a], vec![b, c], vec![d]]);
/// assert_eq!(topology.bridges(), [(c, d)]);
/// assert_eq!(topology.articulation_points(), [c]);
/// ```
#[derive(Clone, Debug)]
pub struct GraphTopology {
    pub(crate) keys: Vec<PublicKey>,
    pub(crate) own: u32,
    /// The two ends, the lower first, and the round trip between them in microseconds, in rising
    /// order.
    pub(crate) links: Vec<(u32, u32, u32)>,
    pub(crate) adjacency: Adjacency,
}

impl GraphTopology {
    /// Creates a topology of links `(end, end, round trip in microseconds)`, seen by `own`, which
    /// is a node even without links.
    ///
    /// The first of several links between the same two ends counts. A link from a node to itself is
    /// left out.
    pub fn new(own: PublicKey, links: impl IntoIterator<Item = (PublicKey, PublicKey, u32)>) -> Self {
        let links: Vec<_> = links.into_iter().filter(|(a, b, _)| a != b).collect();
        let mut keys: Vec<_> = links.iter().flat_map(|(a, b, _)| [*a, *b]).chain([own]).collect();
        keys.sort_unstable();
        keys.dedup();
        let ends = links.iter().filter_map(|(a, b, weight_us)| {
            let (a, b) = (place(&keys, a)?, place(&keys, b)?);
            Some((a.min(b), a.max(b), *weight_us))
        });
        let mut ends: Vec<_> = ends.collect();
        ends.sort_by_key(|(a, b, _)| (*a, *b));
        ends.dedup_by_key(|(a, b, _)| (*a, *b));
        Self::sorted(own, keys, ends)
    }

    /// Creates a topology of keys and links that are in order already.
    pub(crate) fn sorted(own: PublicKey, keys: Vec<PublicKey>, links: Vec<(u32, u32, u32)>) -> Self {
        let own = place(&keys, &own).unwrap_or(NONE);
        let adjacency = Adjacency::new(keys.len(), links.iter().copied());
        Self { keys, own, links, adjacency }
    }

    pub(crate) fn place(&self, key: &PublicKey) -> Option<u32> {
        place(&self.keys, key)
    }

    pub(crate) fn key(&self, node: u32) -> PublicKey {
        self.keys[node as usize]
    }

    fn keys_of(&self, mut nodes: Vec<u32>) -> Vec<PublicKey> {
        nodes.sort_unstable();
        nodes.into_iter().map(|node| self.key(node)).collect()
    }

    /// Returns the key of the node whose view it is.
    pub fn own(&self) -> PublicKey {
        self.key(self.own)
    }

    /// Returns every node's key, in rising order.
    pub fn nodes(&self) -> &[PublicKey] {
        &self.keys
    }

    /// Returns every link: its two ends, the lower first, and its round trip.
    pub fn links(&self) -> impl Iterator<Item = (PublicKey, PublicKey, Duration)> {
        self.links.iter().map(|(a, b, weight_us)| (self.key(*a), self.key(*b), micros(*weight_us)))
    }

    /// Returns the number of a node's links.
    pub fn degree(&self, key: &PublicKey) -> usize {
        self.place(key).map_or(0, |node| self.adjacency.hops(node).len())
    }

    /// Returns a node's links: their other ends and round trips in microseconds, to within one.
    pub(crate) fn links_of(&self, key: &PublicKey) -> impl Iterator<Item = (PublicKey, u32)> {
        let hops = self.place(key).map(|node| self.adjacency.hops(node)).unwrap_or_default();
        hops.iter().map(|(other, hop_us)| (self.key(*other), weight_us(*hop_us)))
    }

    /// Returns the shortest paths from `source` to every node. Returns `None` if `source` is not in
    /// the graph.
    pub fn tree(&self, source: &PublicKey) -> Option<Tree<'_>> {
        Some(Tree { topology: self, paths: self.adjacency.paths(self.place(source)?) })
    }

    /// Returns the `count` nodes nearest to `from`, nearest first, without itself.
    pub fn nearest(&self, from: &PublicKey, count: usize) -> Vec<(PublicKey, Duration)> {
        self.tree(from).map(|tree| tree.arrivals().skip(1).take(count).collect()).unwrap_or_default()
    }

    /// Returns the levels of a breadth-first walk from `source`: first `source` itself, then the
    /// nodes reached by its first hop, by its second, and so on. Each level is in the order of
    /// keys. Nodes that it does not reach are in no level.
    pub fn level_order(&self, source: &PublicKey) -> Vec<Vec<PublicKey>> {
        let mut levels = Vec::new();
        let mut level = Vec::from_iter(self.place(source));
        let mut seen = vec![false; self.keys.len()];
        level.iter().for_each(|node| seen[*node as usize] = true);
        while !level.is_empty() {
            let mut next = Vec::new();
            for (other, _) in level.iter().flat_map(|node| self.adjacency.hops(*node)) {
                if !core::mem::replace(&mut seen[*other as usize], true) {
                    next.push(*other);
                }
            }
            levels.push(self.keys_of(level));
            level = next;
        }
        levels
    }

    /// Returns the nodes whose loss would cut others off from each other, in the order of keys.
    pub fn articulation_points(&self) -> Vec<PublicKey> {
        let points = petgraph::algo::articulation_points::articulation_points(&self.petgraph());
        self.keys_of(points.into_iter().map(number).collect())
    }

    /// Returns the links whose loss would cut nodes off from each other, in the order of keys.
    pub fn bridges(&self) -> Vec<(PublicKey, PublicKey)> {
        self.bridge_ends().into_iter().map(|(a, b)| (self.key(a), self.key(b))).collect()
    }

    pub(crate) fn bridge_ends(&self) -> Vec<(u32, u32)> {
        let graph = self.petgraph();
        let ends = petgraph::algo::bridges::bridges(&graph)
            .map(|edge| (number(edge.source()), number(edge.target())))
            .map(|(a, b)| (a.min(b), a.max(b)));
        let mut ends: Vec<_> = ends.collect();
        ends.sort_unstable();
        ends
    }

    /// Returns the connected components, largest first. Among equally large ones, the one with the
    /// lowest key comes first.
    pub fn communities(&self) -> Vec<Vec<PublicKey>> {
        let parts = self.parts().into_iter();
        parts.map(|part| part.into_iter().map(|node| self.key(node)).collect()).collect()
    }

    /// Returns the nodes that no path leads to from us, in the order of keys.
    pub fn cut_off(&self) -> Vec<PublicKey> {
        let others = self.parts().into_iter().filter(|part| part.binary_search(&self.own).is_err());
        self.keys_of(others.flatten().collect())
    }

    pub(crate) fn parts(&self) -> Vec<Vec<u32>> {
        let mut sets = UnionFind::<u32>::new(self.keys.len());
        for (a, b, _) in &self.links {
            sets.union(*a, *b);
        }
        let mut parts = vec![Vec::new(); self.keys.len()];
        for (node, part) in (0_u32..).zip(sets.into_labeling()) {
            parts[part as usize].push(node);
        }
        parts.retain(|part| !part.is_empty());
        parts.sort_unstable_by_key(|part| (Reverse(part.len()), part[0]));
        parts
    }

    /// Returns the largest distance between two nodes that a path connects.
    ///
    /// Up to [`DIAMETER_NODES_MAX`] nodes it is exact. Above, it is the longest of a few searches
    /// in the largest component. Each search starts from the node that the last one found farthest.
    /// The result is at most the diameter, and at least half of that component's diameter.
    pub fn diameter(&self) -> Duration {
        let farthest = |source| {
            let paths = self.adjacency.paths(source);
            let last = paths.order.last().copied().unwrap_or(source);
            (paths.us[last as usize], last)
        };
        let us = if self.keys.len() <= DIAMETER_NODES_MAX {
            (0_u32..).take(self.keys.len()).map(|source| farthest(source).0).max().unwrap_or(0)
        } else {
            let start = self.parts().first().map_or(self.own, |part| part[0]);
            let sweeps =
                core::iter::successors(Some(farthest(start)), |(_, last)| Some(farthest(*last))).take(SWEEPS);
            sweeps.map(|(us, _)| us).max().unwrap_or(0)
        };
        micros(us)
    }

    /// Returns the same shape for petgraph's algorithms.
    fn petgraph(&self) -> UnGraph<(), (), u32> {
        let mut graph = UnGraph::with_capacity(self.keys.len(), self.links.len());
        self.keys.iter().for_each(|_| {
            graph.add_node(());
        });
        graph.extend_with_edges(self.links.iter().map(|(a, b, _)| (*a, *b)));
        graph
    }
}

fn place(keys: &[PublicKey], key: &PublicKey) -> Option<u32> {
    u32::try_from(keys.binary_search(key).ok()?).ok()
}

fn number(node: NodeIndex<u32>) -> u32 {
    u32::try_from(node.index()).unwrap_or(NONE)
}

fn micros(us: u32) -> Duration {
    Duration::from_micros(us.into())
}

/// Shortest paths from one node, its source, to every other: how a block that it mines is expected
/// to spread.
///
/// ```
/// use plexus_core::PublicKey;
/// use plexus_core::peers::topology::graph::GraphTopology;
///
/// let [a, b, c] = [1, 2, 3].map(|byte| PublicKey::from_bytes([byte; 33]));
/// let topology = GraphTopology::new(a, [(a, b, 10_000), (b, c, 10_000), (a, c, 80_000)]);
/// let tree = topology.tree(&a).unwrap();
/// // The way over b is faster than the direct link.
/// assert_eq!(tree.parent(&c), Some(b));
/// assert!(tree.distance(&b) < tree.distance(&c));
/// assert_eq!(tree.parent(&a), None, "it is the source");
/// ```
#[derive(Clone, Debug)]
pub struct Tree<'a> {
    topology: &'a GraphTopology,
    pub(crate) paths: Paths,
}

impl Tree<'_> {
    /// Returns the time that a block is expected to take to a node. Returns `None` if no path leads
    /// there.
    pub fn distance(&self, to: &PublicKey) -> Option<Duration> {
        let us = self.paths.us[self.topology.place(to)? as usize];
        (us != UNREACHED).then(|| micros(us))
    }

    /// Returns the node from which a node is expected to receive a block first. Returns `None` for
    /// the source and for a node that no path leads to.
    pub fn parent(&self, of: &PublicKey) -> Option<PublicKey> {
        let parent = self.paths.parents[self.topology.place(of)? as usize];
        (parent != NONE).then(|| self.topology.key(parent))
    }

    /// Returns every node that is reached with the time at which it is expected to receive a block.
    /// The nearest comes first, and the source itself is at zero.
    pub fn arrivals(&self) -> impl Iterator<Item = (PublicKey, Duration)> {
        let order = self.paths.order.iter();
        order.map(|node| (self.topology.key(*node), micros(self.paths.us[*node as usize])))
    }
}

#[cfg(test)]
mod tests;

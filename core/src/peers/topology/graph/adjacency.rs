//! A weighted graph as two flat vectors, and the shortest paths over it. Reading a graph spends
//! most of its time here.
//!
//! Nodes are numbers from 0, and distances are microseconds in 32 bits. The graph is created from
//! all its links and never changes. It takes 4 bytes a node and 16 a link.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

/// The delay that each node adds to a path, microseconds: it checks a header before it passes it
/// on.
pub const HOP_US: u32 = 1_000;
/// The distance of a node that no path leads to.
pub(crate) const UNREACHED: u32 = u32::MAX;
/// The longest distance, over an hour. Longer paths count as this long.
const FAR: u32 = u32::MAX - 1;
/// The absent node: the parent of a source.
pub(crate) const NONE: u32 = u32::MAX;

/// Returns the delay that one hop adds to a path, microseconds: half a round trip, and [`HOP_US`].
pub(crate) fn hop_us(weight_us: u32) -> u32 {
    weight_us / 2 + HOP_US
}

/// Returns the round trip of a hop that adds `hop_us`, microseconds, to within one.
pub(crate) fn weight_us(hop_us: u32) -> u32 {
    hop_us.saturating_sub(HOP_US) * 2
}

/// Returns a distance one hop further. It is never below its summands, so that a shortest path
/// never turns back.
pub(crate) fn beyond(distance_us: u32, hop_us: u32) -> u32 {
    distance_us.saturating_add(hop_us).min(FAR)
}

/// The neighbours of each node, one node after the other.
#[derive(Clone, Debug, Default)]
pub(crate) struct Adjacency {
    /// The index at which each node's neighbours begin, and one more entry at the end.
    starts: Vec<u32>,
    /// A neighbour, and the delay of the hop to it, microseconds.
    hops: Vec<(u32, u32)>,
}

impl Adjacency {
    /// Creates a graph of `nodes` nodes and links `(a, b, weight in microseconds)`, each named
    /// once.
    pub(crate) fn new(nodes: usize, links: impl Iterator<Item = (u32, u32, u32)> + Clone) -> Self {
        let mut starts = vec![0_u32; nodes + 1];
        for (a, b, _) in links.clone() {
            starts[a as usize] += 1;
            starts[b as usize] += 1;
        }
        let mut total = 0;
        for start in &mut starts {
            total += *start;
            *start = total;
        }
        // Each start is its node's end now. It decreases by one for each neighbour that is filled
        // in.
        let mut hops = vec![(0, 0); total as usize];
        for (a, b, weight_us) in links {
            for (from, to) in [(a, b), (b, a)] {
                starts[from as usize] -= 1;
                hops[starts[from as usize] as usize] = (to, hop_us(weight_us));
            }
        }
        let mut adjacency = Self { starts, hops };
        for node in 0..nodes {
            let range = adjacency.starts[node] as usize..adjacency.starts[node + 1] as usize;
            adjacency.hops[range].sort_unstable();
        }
        adjacency
    }

    /// Returns the number of nodes.
    pub(crate) fn len(&self) -> usize {
        self.starts.len().saturating_sub(1)
    }

    /// Returns a node's neighbours in rising order, each with the delay of the hop in microseconds.
    pub(crate) fn hops(&self, node: u32) -> &[(u32, u32)] {
        let node = node as usize;
        &self.hops[self.starts[node] as usize..self.starts[node + 1] as usize]
    }

    /// Returns the delay of the hop between two nodes, microseconds, if they are linked.
    pub(crate) fn hop(&self, from: u32, to: u32) -> Option<u32> {
        let hops = self.hops(from);
        hops.binary_search_by_key(&to, |hop| hop.0).ok().map(|place| hops[place].1)
    }

    /// Returns the shortest paths from `source` (Dijkstra, with a heap whose outdated entries are
    /// skipped).
    ///
    /// Among equally short paths to a node, the one with the nearest last stop counts, then the one
    /// with the lowest.
    pub(crate) fn paths(&self, source: u32) -> Paths {
        let mut paths =
            Paths { us: vec![UNREACHED; self.len()], parents: vec![NONE; self.len()], order: Vec::new() };
        paths.us[source as usize] = 0;
        let entry = |us: u32, node: u32| Reverse(u64::from(us) << 32 | u64::from(node));
        let mut heap = BinaryHeap::from([entry(0, source)]);
        while let Some(Reverse(packed)) = heap.pop() {
            let (us, node) = unpack(packed);
            if paths.us[node as usize] != us {
                continue;
            }
            paths.order.push(node);
            for &(next, hop_us) in self.hops(node) {
                let us = beyond(us, hop_us);
                if us < paths.us[next as usize] {
                    paths.us[next as usize] = us;
                    paths.parents[next as usize] = node;
                    heap.push(entry(us, next));
                }
            }
        }
        paths
    }

    /// Returns the distances from several sources to each node, microseconds: a row for each node
    /// with an entry for each source. An unreachable node is [`UNREACHED`] away, and so is a node
    /// that is over half an hour away.
    ///
    /// A node whose row changed notifies its neighbours, until nothing changes (Bellman and Ford,
    /// with the queue of Moore). A row is handled as a whole, with several entries per instruction.
    /// That outweighs the useless look-ups. In a graph that was made up to cause many useless
    /// look-ups, each source is searched on its own.
    pub(crate) fn distances<const SOURCES: usize>(&self, sources: &[u32; SOURCES]) -> Vec<[u32; SOURCES]> {
        let mut rows = vec![[TOO_FAR; SOURCES]; self.len()];
        for (place, source) in sources.iter().enumerate() {
            rows[*source as usize][place] = 0;
        }
        let mut queue = VecDeque::from_iter(sources.iter().copied());
        let mut is_queued = vec![false; self.len()];
        let mut looks = LOOKS_MAX * self.hops.len();
        while let Some(node) = queue.pop_front() {
            is_queued[node as usize] = false;
            let row = rows[node as usize];
            let Some(rest) = looks.checked_sub(self.hops(node).len()) else { return self.each(sources) };
            looks = rest;
            for &(next, hop_us) in self.hops(node) {
                let is_changed = shorten(&mut rows[next as usize], &row, hop_us.min(TOO_FAR));
                if is_changed && !core::mem::replace(&mut is_queued[next as usize], true) {
                    queue.push_back(next);
                }
            }
        }
        for us in rows.iter_mut().flatten().filter(|us| **us == TOO_FAR) {
            *us = UNREACHED;
        }
        rows
    }

    /// Returns the same as [`Self::distances`], by a search from each source.
    pub(crate) fn each<const SOURCES: usize>(&self, sources: &[u32; SOURCES]) -> Vec<[u32; SOURCES]> {
        let mut rows = vec![[UNREACHED; SOURCES]; self.len()];
        for (place, source) in sources.iter().enumerate() {
            for (row, us) in rows.iter_mut().zip(self.paths(*source).us) {
                row[place] = us;
            }
        }
        rows
    }
}

/// The most look-ups of each hop for several sources at once, on average.
const LOOKS_MAX: usize = 64;

/// The largest distance whose double still fits, over half an hour.
const TOO_FAR: u32 = u32::MAX / 2;

/// Shortens the distances in `nearest` that are longer than those through `row` and a hop. Returns
/// true if any changed.
fn shorten<const SOURCES: usize>(nearest: &mut [u32; SOURCES], row: &[u32; SOURCES], hop_us: u32) -> bool {
    let mut changed = 0;
    for (nearest, us) in nearest.iter_mut().zip(row) {
        let shorter = (us + hop_us).min(*nearest);
        changed |= shorter ^ *nearest;
        *nearest = shorter;
    }
    changed != 0
}

/// Returns a heap entry's distance and node.
fn unpack(packed: u64) -> (u32, u32) {
    let [a, b, c, d, e, f, g, h] = packed.to_be_bytes();
    (u32::from_be_bytes([a, b, c, d]), u32::from_be_bytes([e, f, g, h]))
}

/// Shortest paths from one node.
#[derive(Clone, Debug)]
pub(crate) struct Paths {
    /// Each node's distance in microseconds, or [`UNREACHED`].
    pub(crate) us: Vec<u32>,
    /// Each node's last stop before it, or [`NONE`].
    pub(crate) parents: Vec<u32>,
    /// The reached nodes, nearest first. Among equally near ones the lowest comes first.
    pub(crate) order: Vec<u32>,
}

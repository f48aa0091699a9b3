//! A forecast: when a block comes first from this neighbour, which of the others hear of it first from us?
//!
//! Wherever a block is made, it is expected to spread along the shortest paths from there. A pair of neighbours (from, v)
//! is judged by all places in the graph whose shortest path to us comes in by `from`: the share of them from which the path
//! to v through us is as good as any. Of our own blocks, those neighbours hear first from us whom no other path reaches sooner;
//! how many nodes lie behind each of them on the shortest paths from us says whom to send a large body first.
//!
//! Links are as long in both directions, so the distances from us and from each neighbour tell all of this. At most
//! [`NEIGHBOURS_MAX`] neighbours are judged: distances from 128 nodes and 32 KiB of shares.

use crate::graph::adjacency::{HOP_US, NONE, Paths, UNREACHED, beyond};
use crate::graph::topology::Topology;
use crate::key::PublicKey;

/// How many neighbours a forecast covers; nothing is said of further ones.
pub const NEIGHBOURS_MAX: usize = 127;
/// How much later than on its best path a block may come through us and still count as coming from us, microseconds:
/// whoever is that close decides by chance.
pub const MARGIN_US: u32 = HOP_US;
/// So many neighbours' distances are computed together.
const TOGETHER: usize = 16;

/// Who hears first from us, as a table over pairs of neighbours.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Forecast {
    /// Rising.
    neighbours: Vec<PublicKey>,
    /// How many nodes' blocks come in by each neighbour.
    sources: Vec<u32>,
    /// A row for each neighbour that a block comes from, with the share of each that it may go to.
    permille: Vec<u16>,
    /// What is expected of each neighbour when a block is ours.
    own: Vec<Branch>,
}

/// A neighbour as a branch of the tree of shortest paths from us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Branch {
    /// Whether it hears of our blocks first from us.
    is_first: bool,
    /// How many nodes the shortest paths from us reach through it, itself among them.
    nodes: u32,
}

impl Forecast {
    /// Which of `neighbours` are expected to hear of a block first from us, for each of them that it may come from.
    pub fn new(topology: &Topology, neighbours: &[PublicKey]) -> Self {
        let adjacency = &topology.adjacency;
        let judged = |key: &PublicKey| {
            let node = topology.place(key)?;
            Some((*key, node, adjacency.hop(topology.own, node)?))
        };
        let mut judged: Vec<_> = neighbours.iter().filter_map(judged).collect();
        judged.sort_unstable();
        judged.dedup();
        judged.truncate(NEIGHBOURS_MAX);

        let count = judged.len();
        let paths = adjacency.paths(topology.own);
        let behind = behind(&paths);
        let own = paths.us;
        let together = |judged: &[(PublicKey, u32, u32)]| {
            let node = |place: usize| judged.get(place).map_or(topology.own, |(_, node, _)| *node);
            adjacency.distances(&core::array::from_fn::<_, TOGETHER, _>(node))
        };
        let distances: Vec<_> = judged.chunks(TOGETHER).map(together).collect();
        let us = |from: usize, source: usize| distances[from / TOGETHER][source][from % TOGETHER];
        let mut sources = vec![0_u32; count];
        let mut first = vec![0_u32; count * count];
        for source in (0..own.len()).filter(|source| own[*source] != UNREACHED && own[*source] != 0) {
            // By whom its blocks come to us: none when that is a neighbour that is not asked about.
            let comes_by = |from: &usize| beyond(us(*from, source), judged[*from].2) == own[source];
            let Some(from) = (0..count).find(comes_by) else { continue };
            sources[from] += 1;
            for (to, (_, _, hop_us)) in judged.iter().enumerate() {
                let through_us = beyond(own[source], *hop_us);
                if to != from && through_us <= beyond(us(to, source), MARGIN_US) {
                    first[from * count + to] += 1;
                }
            }
        }
        let share = |(place, first): (usize, u32)| {
            let sources = sources[place / count].max(1);
            u16::try_from(u64::from(first) * 1_000 / u64::from(sources)).unwrap_or(1_000)
        };
        let permille = first.into_iter().enumerate().map(share).collect();
        let branch = |(_, node, hop_us): &(PublicKey, u32, u32)| {
            let place = *node as usize;
            let is_child = paths.parents[place] == topology.own;
            Branch {
                is_first: *hop_us <= beyond(own[place], MARGIN_US),
                nodes: if is_child { behind[place] } else { 0 },
            }
        };
        let branches = judged.iter().map(branch).collect();
        let neighbours = judged.into_iter().map(|(key, ..)| key).collect();
        Self { neighbours, sources, permille, own: branches }
    }

    fn row(&self, from: &PublicKey) -> Option<&[u16]> {
        let (place, count) = (self.neighbours.binary_search(from).ok()?, self.neighbours.len());
        (self.sources[place] > 0).then(|| &self.permille[place * count..(place + 1) * count])
    }

    /// Of the blocks that come first from `from`, the share in a thousand that `to` is expected to hear of first from us.
    /// None when the graph does not tell: one of the two is not among the neighbours with a link to us, or no block is
    /// expected to come from `from`.
    pub fn share(&self, from: &PublicKey, to: &PublicKey) -> Option<u16> {
        let to = self.neighbours.binary_search(to).ok()?;
        Some(self.row(from)?[to])
    }

    /// Of our own blocks, the share in a thousand that `to` is expected to hear of first from us. None when the graph does
    /// not tell, because `to` is not among the neighbours with a link to us.
    pub fn own_share(&self, to: &PublicKey) -> Option<u16> {
        self.branch(to).map(|branch| if branch.is_first { 1_000 } else { 0 })
    }

    /// How many nodes the shortest paths from us reach through `to`: the more, the sooner it should have what we send.
    pub fn behind(&self, to: &PublicKey) -> u32 {
        self.branch(to).map_or(0, |branch| branch.nodes)
    }

    fn branch(&self, to: &PublicKey) -> Option<&Branch> {
        self.own.get(self.neighbours.binary_search(to).ok()?)
    }

    /// The neighbours that a block from `from` is expected to reach first through us, each with its share in a thousand:
    /// the largest first, of equal ones in the order of keys. Those with no share are left out.
    pub fn children(&self, from: &PublicKey) -> Vec<(PublicKey, u16)> {
        let shares = self.neighbours.iter().copied().zip(self.row(from).into_iter().flatten().copied());
        let mut children: Vec<_> = shares.filter(|(_, share)| *share > 0).collect();
        children.sort_by_key(|(_, share)| core::cmp::Reverse(*share));
        children
    }

    /// How many nodes' blocks are expected to come to us first from `from`: how much its shares are founded on.
    pub fn sources(&self, from: &PublicKey) -> u32 {
        self.neighbours.binary_search(from).map_or(0, |place| self.sources[place])
    }
}

/// How many nodes each node's branch of the tree of shortest paths holds, itself among them.
fn behind(paths: &Paths) -> Vec<u32> {
    let mut nodes = vec![1_u32; paths.us.len()];
    for node in paths.order.iter().rev() {
        let parent = paths.parents[*node as usize];
        if parent != NONE {
            nodes[parent as usize] += nodes[*node as usize];
        }
    }
    nodes
}

#[cfg(test)]
mod tests;

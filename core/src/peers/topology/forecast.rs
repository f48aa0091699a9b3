//! A forecast: when a block first comes from one neighbour, which other neighbours receive it first
//! from us?
//!
//! Wherever a block is mined, it is expected to spread along the shortest paths from there. For a
//! pair of neighbours (from, v), all nodes count whose shortest path to us comes in by `from`. The
//! pair's share is the part of them from which the path to v through us is as good as any. For our
//! own blocks, a neighbour receives them first from us if no other path reaches it sooner. The
//! number of nodes behind each neighbour on the shortest paths from us decides the order of sending
//! a large body.
//!
//! Links are equally long in both directions, so the distances from us and from each neighbour are
//! enough. At most [`NEIGHBOURS_MAX`] neighbours are judged. This takes the distances from 128
//! nodes and 32 KiB of shares.

use crate::peers::topology::graph::adjacency::{HOP_US, NONE, Paths, UNREACHED, beyond};
use crate::peers::topology::graph::topology::GraphTopology;
use crate::primitives::key::PublicKey;

/// The most neighbours that a forecast covers. Further ones are ignored.
pub const NEIGHBOURS_MAX: usize = 127;
/// The tolerance by which a block may come through us later than on its best path and still count
/// as coming from us, microseconds. Such a close race is decided at random.
pub const MARGIN_US: u32 = HOP_US;
/// The number of neighbours whose distances are computed together.
const TOGETHER: usize = 16;

/// The neighbours that receive blocks first from us, as a table over pairs of neighbours.
///
/// ```
/// use plexus_core::PublicKey;
/// use plexus_core::peers::topology::forecast::FirstHopForecast;
/// use plexus_core::peers::topology::graph::GraphTopology;
///
/// let [us, a, b] = [1, 2, 3].map(|byte| PublicKey::from_bytes([byte; 33]));
/// let apart = GraphTopology::new(us, [(us, a, 10_000), (us, b, 10_000)]);
/// let forecast = FirstHopForecast::new(&apart, &[a, b]);
/// assert_eq!(forecast.children(&a), [(b, 1_000)], "blocks reach b only through us");
/// let linked = GraphTopology::new(us, [(us, a, 80_000), (us, b, 80_000), (a, b, 10_000)]);
/// assert_eq!(FirstHopForecast::new(&linked, &[a, b]).share(&a, &b), Some(0));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FirstHopForecast {
    /// In rising order.
    neighbours: Vec<PublicKey>,
    /// The number of nodes whose blocks come in by each neighbour.
    sources: Vec<u32>,
    /// A row for each neighbour that a block comes from, with the share of each neighbour that it
    /// may go to.
    permille: Vec<u16>,
    /// The expectation for each neighbour when a block is ours.
    own: Vec<Branch>,
}

/// A neighbour as a branch of the tree of shortest paths from us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Branch {
    /// Whether it receives our blocks first from us.
    is_first: bool,
    /// The number of nodes that the shortest paths from us reach through it, itself included.
    nodes: u32,
}

impl FirstHopForecast {
    /// Creates a forecast: the `neighbours` that are expected to receive a block first from us, for
    /// each neighbour that it may come from.
    pub fn new(topology: &GraphTopology, neighbours: &[PublicKey]) -> Self {
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
            // This is the neighbour by which the source's blocks come to us. It may be one that is
            // not judged.
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

    /// Returns the share in a thousand of the blocks that come first from `from` that `to` is
    /// expected to receive first from us.
    ///
    /// Returns `None` if the graph does not tell. Then one of the two is not among the neighbours
    /// with a link to us, or no block is expected from `from`.
    pub fn share(&self, from: &PublicKey, to: &PublicKey) -> Option<u16> {
        let to = self.neighbours.binary_search(to).ok()?;
        Some(self.row(from)?[to])
    }

    /// Returns the share in a thousand of our own blocks that `to` is expected to receive first
    /// from us. Returns `None` if `to` is not among the neighbours with a link to us, because then
    /// the graph does not tell.
    pub fn own_share(&self, to: &PublicKey) -> Option<u16> {
        self.branch(to).map(|branch| if branch.is_first { 1_000 } else { 0 })
    }

    /// Returns the number of nodes that the shortest paths from us reach through `to`. The more
    /// nodes, the sooner it should have our blocks.
    pub fn downstream_nodes(&self, to: &PublicKey) -> u32 {
        self.branch(to).map_or(0, |branch| branch.nodes)
    }

    fn branch(&self, to: &PublicKey) -> Option<&Branch> {
        self.own.get(self.neighbours.binary_search(to).ok()?)
    }

    /// Returns the neighbours that a block from `from` is expected to reach first through us, each
    /// with its share in a thousand. The largest share comes first, and equal shares are in the
    /// order of keys. Neighbours with no share are left out.
    pub fn children(&self, from: &PublicKey) -> Vec<(PublicKey, u16)> {
        let shares = self.neighbours.iter().copied().zip(self.row(from).into_iter().flatten().copied());
        let mut children: Vec<_> = shares.filter(|(_, share)| *share > 0).collect();
        children.sort_by_key(|(_, share)| core::cmp::Reverse(*share));
        children
    }

    /// Returns the number of nodes whose blocks are expected to come to us first from `from`: the
    /// sample size of its shares.
    pub fn sources(&self, from: &PublicKey) -> u32 {
        self.neighbours.binary_search(from).map_or(0, |place| self.sources[place])
    }
}

/// Returns the number of nodes in each node's branch of the tree of shortest paths, itself
/// included.
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

//! The choice of links to evict for a new one.
//!
//! First a key with too many links loses one. When the graph is full, a revoked link is evicted, or
//! else the link that is farthest from us.

use core::mem::size_of;

use crate::peers::topology::graph::adjacency::{Adjacency, UNREACHED, beyond, hop_us};
use crate::peers::topology::graph::key_interner::OWN;
use crate::peers::topology::graph::link_store::{HeldLink, LinkRank, LinkStore};

/// The most links of one key that are held, and the most revoked ones. Links to us do not count.
/// Beyond it, the key's oldest of that kind is evicted.
pub const KEY_LINKS_MAX: usize = 32;
/// The number of certificates after which a full graph measures its nodes' distances again. A
/// search for each certificate would cost more than its signatures. In between, a new node's
/// distance follows from the link that it came with.
const MEASURED_MAX: u32 = 64;

/// A graph's room, and the distances that decide which links leave it.
#[derive(Clone, Debug)]
pub(super) struct Eviction {
    pub(super) links_max: usize,
    /// The distance of the farthest link at the last measurement.
    eviction_distance: u32,
    /// The number of certificates that were compared with `distances`.
    measured: u32,
    /// Each node's distance from us, microseconds. Empty until the graph is full.
    distances: Vec<u32>,
}

impl Eviction {
    pub(super) fn new(links_max: usize) -> Self {
        Self { links_max, eviction_distance: UNREACHED, measured: 0, distances: Vec::new() }
    }

    /// Returns the links to evict for a new one. Returns `None` if the new one is refused instead.
    ///
    /// `ends` are the new link's ends, if they are known. `rank` is as [`HeldLink::rank`].
    pub(super) fn victims(
        &mut self,
        store: &LinkStore,
        ends: [Option<u32>; 2],
        rank: LinkRank,
    ) -> Option<Vec<[u32; 2]>> {
        let mut victims = Vec::new();
        if !(ends.contains(&Some(OWN)) && rank.is_live) {
            for end in ends.into_iter().flatten().filter(|end| *end != OWN) {
                let alike =
                    |(link, other): &(&HeldLink, u32)| link.is_live() == rank.is_live && *other != OWN;
                let links = store.at(end).filter(alike).map(|(link, _)| link);
                if links.clone().count() < KEY_LINKS_MAX {
                    continue;
                }
                let victim = links.min_by_key(|link| link.rank())?;
                if victim.rank() >= rank {
                    return None;
                }
                victims.push(victim.ends);
            }
        }
        if victims.is_empty() && store.links.len() >= self.links_max {
            let oldest = store.revoked.front().filter(|(oldest, _)| *oldest < rank);
            victims.push(match oldest {
                Some((_, ends)) => *ends,
                // A revocation never takes a live link's room.
                None if rank.is_live => self.farthest_beyond(store, ends)?,
                None => return None,
            });
        }
        Some(victims)
    }

    /// Returns the farthest link, if it is farther away than one between `ends` would be. A link's
    /// distance is that of its nearer end.
    fn farthest_beyond(&mut self, store: &LinkStore, ends: [Option<u32>; 2]) -> Option<[u32; 2]> {
        self.measure(store);
        let distance = |node: u32| self.distances[node as usize];
        let near = |link: &HeldLink| distance(link.ends[0]).min(distance(link.ends[1]));
        let far = |link: &HeldLink| distance(link.ends[0]).max(distance(link.ends[1]));
        let new = ends.into_iter().flatten().map(distance).min().unwrap_or(UNREACHED);
        if new >= self.eviction_distance {
            return None;
        }
        let farthest = store.links.iter().max_by_key(|link| (near(link), far(link), link.rank()))?;
        (near(farthest) > new).then_some(farthest.ends)
    }

    /// Measures the distances of all nodes, unless the last measurement is recent enough.
    fn measure(&mut self, store: &LinkStore) {
        if self.distances.is_empty() || self.measured >= MEASURED_MAX {
            let links = store.live().map(|link| (link.ends[0], link.ends[1], link.weight_us()));
            self.distances = Adjacency::new(store.keys.nodes.len(), links).paths(OWN).us;
            let near =
                |link: &HeldLink| link.ends.map(|node| self.distances[node as usize]).into_iter().min();
            self.eviction_distance = store.live().filter_map(near).max().unwrap_or(UNREACHED);
            self.measured = 0;
        }
        self.measured += 1;
    }

    /// Notes a new node, whose number may have been another's before.
    pub(super) fn add_node(&mut self, node: u32) {
        if self.distances.is_empty() {
            return;
        }
        let index = node as usize;
        if index >= self.distances.len() {
            self.distances.resize(index + 1, UNREACHED);
        }
        self.distances[index] = UNREACHED;
    }

    /// Notes a new link, which may shorten the distances of its ends.
    pub(super) fn add_link(&mut self, link: &HeldLink) {
        if self.distances.is_empty() || link.is_revoked() {
            return;
        }
        for [from, to] in [link.ends, [link.ends[1], link.ends[0]]].map(|ends| ends.map(|end| end as usize)) {
            if self.distances[from] != UNREACHED {
                let through = beyond(self.distances[from], hop_us(link.weight_us()));
                self.distances[to] = self.distances[to].min(through);
            }
        }
    }

    /// Forgets the distances, because links expired.
    pub(super) fn forget_distances(&mut self) {
        self.distances = Vec::new();
    }

    /// Returns the number of bytes of memory that it takes beside itself.
    pub(super) fn size_bytes(&self) -> usize {
        self.distances.capacity() * size_of::<u32>()
    }
}

//! Measures: when each node knew each block, as shares of all nodes.
//!
//! A block is watched until [`WATCHED_MAX`] newer ones are. Then only a hundred numbers for each
//! curve are kept.

use std::collections::{BTreeMap, VecDeque};

use super::report::Curves;
use crate::primitives::hash::Hash;

/// The number of newest blocks whose delays are kept for each node.
const WATCHED_MAX: usize = 24;
/// The delay of a node that the block has not reached.
const UNKNOWN: u32 = u32::MAX;
/// The number of shares of nodes that are distinguished.
const SHARES: usize = 100;

/// The progress of a node with a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PropagationStage {
    /// It knows the header.
    Header = 0,
    /// It has verified the body.
    Body = 1,
}

/// A block that was mined.
#[derive(Debug)]
pub(super) struct Mined {
    pub(super) hash: Hash,
    parent: Option<usize>,
    at_us: u64,
}

impl Mined {
    /// Returns the index of the parent block, if that was mined by the rules.
    pub(super) fn parent(&self) -> Option<usize> {
        self.parent
    }

    /// Returns the time at which it was mined, milliseconds.
    pub(super) fn at_ms(&self) -> u64 {
        self.at_us / 1_000
    }
}

/// The delays of one block.
#[derive(Debug, Default)]
struct Watched {
    /// The number of nodes that were present to receive it, or 0 if it is not measured.
    present: usize,
    delays_us: [Vec<u32>; 2],
}

/// All blocks that were mined by the rules.
#[derive(Debug)]
pub(super) struct Measure {
    nodes: usize,
    mined: Vec<Mined>,
    by_hash: BTreeMap<Hash, usize>,
    /// The newest of `mined`.
    watched: VecDeque<Watched>,
    /// The index of each measured block, and the delays of its shares.
    curves: Vec<(usize, [[u32; SHARES]; 2])>,
    /// For each node the sum of its header delays, and the number of these delays.
    sums: Vec<(u64, u32)>,
}

impl Measure {
    pub(super) fn new(nodes: u32) -> Self {
        Self {
            nodes: nodes as usize,
            mined: Vec::new(),
            by_hash: BTreeMap::new(),
            watched: VecDeque::new(),
            curves: Vec::new(),
            sums: vec![(0, 0); nodes as usize],
        }
    }

    /// Adds a mined block. If it is measured, `present` nodes are to receive it.
    pub(super) fn mined(&mut self, hash: Hash, parent: &Hash, at_us: u64, present: Option<usize>) {
        let parent = self.by_hash.get(parent).copied();
        self.by_hash.insert(hash, self.mined.len());
        self.mined.push(Mined { hash, parent, at_us });
        if self.watched.len() == WATCHED_MAX {
            self.summarise();
        }
        let mut watched = Watched::default();
        if let Some(present) = present {
            watched.present = present;
            watched.delays_us = [vec![UNKNOWN; self.nodes], vec![UNKNOWN; self.nodes]];
        }
        self.watched.push_back(watched);
    }

    pub(super) fn all(&self) -> &[Mined] {
        &self.mined
    }

    /// Notes that a node got as far as this block and all below it.
    pub(super) fn reached(&mut self, step: PropagationStage, hash: &Hash, host: u32, now_us: u64) {
        let first = self.mined.len() - self.watched.len();
        let mut at = self.by_hash.get(hash).copied();
        while let Some(index) = at.filter(|&index| index >= first) {
            let mined = &self.mined[index];
            at = mined.parent;
            if let Some(delay) = self.watched[index - first].delays_us[step as usize].get_mut(host as usize) {
                if *delay != UNKNOWN {
                    return;
                }
                let us = now_us.saturating_sub(mined.at_us);
                *delay = u32::try_from(us).unwrap_or(UNKNOWN - 1);
                if step == PropagationStage::Header {
                    let (sum, count) = &mut self.sums[host as usize];
                    (*sum, *count) = (*sum + us, *count + 1);
                }
            }
        }
    }

    /// Reduces the oldest watched block to a hundred numbers for each curve.
    fn summarise(&mut self) {
        let index = self.mined.len() - 1 - self.watched.len();
        self.summarise_at(index);
    }

    fn summarise_at(&mut self, index: usize) {
        let Some(watched) = self.watched.pop_front().filter(|watched| watched.present > 0) else { return };
        let present = watched.present;
        self.curves.push((index, watched.delays_us.map(|delays| shares(delays, present))));
    }

    /// Ends the measurement.
    pub(super) fn finish(&mut self) {
        while !self.watched.is_empty() {
            let index = self.mined.len() - self.watched.len();
            self.summarise_at(index);
        }
    }

    /// Adds a computed block with all its delays.
    pub(super) fn computed(&mut self, mut delays_us: [Vec<u32>; 2]) {
        for (delay, (sum, count)) in delays_us[0].iter_mut().zip(&mut self.sums) {
            (*sum, *count) = (*sum + u64::from(*delay), *count + 1);
        }
        let present = self.nodes;
        self.curves.push((self.curves.len(), delays_us.map(|delays| shares(delays, present))));
    }

    /// Returns the number of measured blocks.
    pub(super) fn count(&self) -> usize {
        self.curves.len() + self.watched.iter().filter(|watched| watched.present > 0).count()
    }

    /// Returns the mean header delay of a node, milliseconds.
    pub(super) fn mean_header_ms(&self, host: u32) -> Option<f64> {
        let (sum, count) = self.sums[host as usize];
        (count > 0).then(|| sum as f64 / f64::from(count) / 1_000.0)
    }

    /// Returns the median delay of each share of nodes, over the blocks that `counts` selects.
    pub(super) fn curves(&self, counts: impl Fn(usize) -> bool) -> Curves {
        let curve = |step: PropagationStage| {
            let median = |share: usize| {
                let of_block = |(_, delays): &(usize, [[u32; SHARES]; 2])| delays[step as usize][share];
                let measured = self.curves.iter().filter(|(index, _)| counts(*index));
                let mut delays: Vec<u32> = measured.map(of_block).collect();
                delays.sort_unstable();
                let median = delays.get(delays.len() / 2).copied().filter(|delay| *delay != UNKNOWN);
                median.map(|us| f64::from(us) / 1_000.0)
            };
            (0..SHARES).map(median).collect()
        };
        Curves { header_ms: curve(PropagationStage::Header), body_ms: curve(PropagationStage::Body) }
    }

    /// Returns the mean time until `share` percent of the nodes were reached, milliseconds, over
    /// the blocks that `counts` selects. Returns `None` if one of these blocks never reached this
    /// share.
    pub(super) fn mean_ms(
        &self,
        step: PropagationStage,
        share: usize,
        counts: impl Fn(usize) -> bool,
    ) -> Option<f64> {
        let (mut sum, mut blocks) = (0, 0);
        for (_, delays) in self.curves.iter().filter(|(index, _)| counts(*index)) {
            let delay = delays[step as usize].get(share - 1).filter(|delay| **delay != UNKNOWN)?;
            (sum, blocks) = (sum + u64::from(*delay), blocks + 1);
        }
        (blocks > 0).then(|| sum as f64 / f64::from(blocks) / 1_000.0)
    }
}

/// Returns the delay within which each share of `present` nodes was reached.
fn shares(mut delays: Vec<u32>, present: usize) -> [u32; SHARES] {
    delays.sort_unstable();
    core::array::from_fn(|share| {
        let nodes = (present * (share + 1)).div_ceil(SHARES);
        delays.get(nodes.saturating_sub(1)).copied().unwrap_or(UNKNOWN)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_of_all_nodes_that_were_there() {
        let delays: Vec<u32> = (1..=150).rev().chain([UNKNOWN; 50]).collect();
        let found = shares(delays, 200);
        assert_eq!((found[0], found[49], found[74], found[75], found[99]), (2, 100, 150, UNKNOWN, UNKNOWN));
    }

    #[test]
    fn a_block_reaches_a_node_with_its_descendants() {
        let hashes = [1u8, 2, 3].map(|byte| Hash::of(&[byte]));
        let mut measure = Measure::new(2);
        measure.mined(hashes[0], &Hash::ZERO, 1_000, Some(2));
        measure.mined(hashes[1], &hashes[0], 5_000, Some(2));
        measure.reached(PropagationStage::Header, &hashes[0], 0, 2_000);
        measure.reached(PropagationStage::Header, &hashes[1], 0, 7_000);
        measure.reached(PropagationStage::Header, &hashes[1], 1, 9_000);
        measure.finish();
        let curves = measure.curves(|index| index == 0);
        assert_eq!((curves.header_ms[49], curves.header_ms[99]), (Some(1.0), Some(8.0)));
        assert_eq!(curves.body_ms[0], None);
        let mean = |step, share| measure.mean_ms(step, share, |index| index < 2);
        assert_eq!(
            [mean(PropagationStage::Header, 50), mean(PropagationStage::Header, 100)],
            [Some(1.5), Some(6.0)]
        );
        assert_eq!(mean(PropagationStage::Body, 50), None);
        assert_eq!(measure.curves(|index| index == 1).header_ms[99], Some(4.0));
        assert_eq!(measure.mean_header_ms(1), Some(6.0));
    }
}

//! The locator: hashes of a chain, increasingly sparse towards genesis. A peer finds in it the last
//! block that it shares.

use crate::primitives::hash::Hash;

/// The most hashes of a locator: 10 one by one, then in doubling steps to genesis.
pub const LOCATOR_MAX: usize = 80;

/// Sparse hashes of the best branch below the window: two for each doubling of the distance to the
/// newest.
#[derive(Clone, Debug, Default)]
pub(super) struct Skeleton {
    /// Heights and hashes, the newest last.
    blocks: Vec<(u64, Hash)>,
}

impl Skeleton {
    /// Creates a skeleton of genesis alone.
    pub(super) fn of_genesis(genesis: Hash) -> Self {
        Self { blocks: vec![(0, genesis)] }
    }

    /// Returns true if a block at a height belongs in the skeleton when it leaves the window.
    pub(super) fn is_due(height: u64) -> bool {
        height.is_multiple_of(1_024)
    }

    pub(super) fn contains(&self, hash: &Hash) -> bool {
        self.blocks.iter().any(|(_, block)| block == hash)
    }

    /// Adds a block above all others, and prunes the skeleton.
    pub(super) fn push(&mut self, height: u64, hash: Hash) {
        self.blocks.push((height, hash));
        self.prune_skeleton();
    }

    /// Keeps only blocks up to a fork that are also below the window.
    pub(super) fn cut(&mut self, fork: u64, lowest_in_window: u64) {
        self.blocks.retain(|(height, _)| *height <= fork && *height < lowest_in_window);
    }

    /// Thins out the heights to a number that grows with the logarithm: two for each doubling of
    /// the distance to the newest.
    fn prune_skeleton(&mut self) {
        let Some(&(newest, _)) = self.blocks.last() else { return };
        let mut counted = [0u8; 65];
        let mut keep: Vec<_> = self
            .blocks
            .iter()
            .rev()
            .map(|(height, _)| {
                let class = 64 - (newest - height).leading_zeros() as usize;
                counted[class] += 1;
                counted[class] <= 2 || *height == 0
            })
            .collect();
        keep.reverse();
        let mut keep = keep.into_iter();
        self.blocks.retain(|_| keep.next().unwrap_or(true));
    }

    /// Returns the locator of a branch. `height` is its last block's, and `at` returns its hash at
    /// a height above the skeleton.
    pub(super) fn locator(&self, height: u64, genesis: &Hash, at: impl Fn(u64) -> Option<Hash>) -> Vec<Hash> {
        let mut locator = Vec::with_capacity(LOCATOR_MAX);
        let (mut next, mut step) = (Some(height), 1);
        while let Some(hash) = next.and_then(&at) {
            locator.push(hash);
            if locator.len() >= 10 {
                step *= 2;
            }
            next = next.and_then(|height| height.checked_sub(step));
        }
        locator.extend(self.blocks.iter().rev().map(|(_, hash)| *hash));
        locator.truncate(LOCATOR_MAX - 1);
        if locator.last() != Some(genesis) {
            locator.push(*genesis);
        }
        locator
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.blocks.len()
    }
}

//! The best chain near its tip.

use std::collections::VecDeque;

use super::ChainEntry;
use super::header_tree::HeaderTree;
use crate::primitives::hash::Hash;

/// The number of newest headers of the best branch that are kept. The driver has older ones.
pub const WINDOW_MAX: usize = 16_384;

/// The newest blocks of the best verified branch. The last one is the tip.
#[derive(Clone, Debug)]
pub(super) struct BestChainWindow {
    tip: ChainEntry,
    /// The hashes of consecutive blocks, lowest first.
    hashes: VecDeque<Hash>,
    /// The height of the first of them.
    lowest: u64,
}

impl BestChainWindow {
    /// Creates a window of one block.
    pub(super) fn new(tip: ChainEntry) -> Self {
        Self { tip, hashes: VecDeque::from([tip.hash]), lowest: tip.header.height }
    }

    pub(super) fn tip(&self) -> &ChainEntry {
        &self.tip
    }

    /// Returns the height of the lowest block.
    pub(super) fn lowest(&self) -> u64 {
        self.lowest
    }

    pub(super) fn hashes(&self) -> &VecDeque<Hash> {
        &self.hashes
    }

    /// Returns the hash at a height.
    pub(super) fn at(&self, height: u64) -> Option<&Hash> {
        self.hashes.get(usize::try_from(height.checked_sub(self.lowest)?).ok()?)
    }

    /// Returns true if a block at a height is in the window.
    pub(super) fn contains(&self, hash: &Hash, height: u64) -> bool {
        self.at(height) == Some(hash)
    }

    /// Returns the height of the last block that a branch shares with the best branch. Returns
    /// `None` if the branch leaves the tree before it meets the window. `hash` is a block of the
    /// branch.
    pub(super) fn fork_height(&self, tree: &HeaderTree, hash: Hash) -> Option<u64> {
        let mut down = tree.down_from(hash).map(|(hash, node)| (hash, node.header.height));
        down.find(|(hash, height)| self.contains(hash, *height)).map(|(_, height)| height)
    }

    /// Adds the next block, which is the tip now.
    pub(super) fn push(&mut self, tip: ChainEntry) {
        self.hashes.push_back(tip.hash);
        self.tip = tip;
    }

    /// Replaces the blocks above a fork by another branch, whose last block is the tip now. Returns
    /// the replaced ones, the highest first.
    pub(super) fn replace_above(&mut self, fork: u64, branch: &[Hash], tip: ChainEntry) -> Vec<Hash> {
        let undone = self.cut_above(fork);
        self.hashes.extend(branch.iter().copied());
        self.tip = tip;
        undone
    }

    /// Replaces all blocks by a branch whose fork point lies below it. Returns the replaced blocks
    /// above the fork, the highest first.
    pub(super) fn replace_all(&mut self, fork: u64, branch: &[Hash], tip: ChainEntry) -> Vec<Hash> {
        let undone = self.cut_above(fork);
        self.hashes.clear();
        self.lowest = tip.header.height + 1 - branch.len() as u64;
        self.hashes.extend(branch.iter().copied());
        self.tip = tip;
        undone
    }

    /// Removes the blocks above a height. Returns them, the highest first.
    fn cut_above(&mut self, height: u64) -> Vec<Hash> {
        let kept = usize::try_from((height + 1).saturating_sub(self.lowest)).unwrap_or(usize::MAX);
        self.hashes.drain(kept.min(self.hashes.len())..).rev().collect()
    }

    /// Removes the lowest block if there are more than [`WINDOW_MAX`]. Returns it.
    pub(super) fn pop_excess(&mut self) -> Option<Hash> {
        if self.hashes.len() <= WINDOW_MAX {
            return None;
        }
        self.lowest += 1;
        self.hashes.pop_front()
    }
}

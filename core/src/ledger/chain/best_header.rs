//! The branch that the node aims at: the branch of the best header.

use std::collections::VecDeque;

use super::ChainEntry;
use super::header_tree::HeaderTree;
use super::window::BestChainWindow;
use crate::primitives::hash::Hash;

/// The most missing blocks. Further headers are rejected until bodies have caught up.
pub const AHEAD_MAX: usize = 16_384;

/// The best header, and the position of its branch in the tree.
#[derive(Clone, Debug)]
pub(super) struct BestHeader {
    entry: ChainEntry,
    /// The blocks above the best validated one, up to the best header, lowest first.
    missing_blocks: VecDeque<Hash>,
    /// The highest verified block of the branch.
    best_validated: Hash,
    /// The height of the last block that the branch shares with the best branch.
    fork: u64,
    /// True if presync showed that the branch outweighs the tip only at its end, which is not in
    /// the tree yet.
    redownloading: bool,
}

impl BestHeader {
    /// Creates it at the tip.
    pub(super) fn new(tip: &ChainEntry) -> Self {
        Self {
            entry: *tip,
            missing_blocks: VecDeque::new(),
            best_validated: tip.hash,
            fork: tip.header.height,
            redownloading: false,
        }
    }

    pub(super) fn entry(&self) -> &ChainEntry {
        &self.entry
    }

    pub(super) fn missing_blocks(&self) -> &VecDeque<Hash> {
        &self.missing_blocks
    }

    pub(super) fn best_validated(&self) -> &Hash {
        &self.best_validated
    }

    pub(super) fn fork(&self) -> u64 {
        self.fork
    }

    pub(super) fn is_redownloading(&self) -> bool {
        self.redownloading
    }

    /// Returns true if it is too far above the best validated block to be extended.
    pub(super) fn is_far_ahead(&self) -> bool {
        self.missing_blocks.len() >= AHEAD_MAX
    }

    /// Resets the best header to the tip.
    pub(super) fn reset(&mut self, tip: &ChainEntry) {
        self.missing_blocks.clear();
        self.redownloading = false;
        self.entry = *tip;
        self.best_validated = tip.hash;
        self.fork = tip.header.height;
    }

    /// Extends the branch by a child of the best header.
    pub(super) fn extend(&mut self, entry: ChainEntry, verified: bool) {
        self.entry = entry;
        if verified {
            self.best_validated = entry.hash;
        } else {
            self.missing_blocks.push_back(entry.hash);
        }
    }

    /// Sets the best header, and finds its missing blocks and its fork point.
    pub(super) fn set(&mut self, entry: ChainEntry, tree: &HeaderTree, window: &BestChainWindow) {
        self.missing_blocks.clear();
        self.entry = entry;
        let mut validated = None;
        for (hash, node) in tree.down_from(entry.hash) {
            if node.verified {
                validated = Some(hash);
                break;
            }
            self.missing_blocks.push_front(hash);
        }
        let Some(validated) = validated else {
            // The start of the branch has left the window. It is a stale fork, so its last header
            // cannot be the best header.
            return self.reset(window.tip());
        };
        self.best_validated = validated;
        // A branch from a fork point that was inserted may not meet the window, because its start
        // has left the tree since. Its fork height was noted when its redownload began.
        if let Some(fork) = window.fork_height(tree, validated) {
            self.fork = fork;
        }
    }

    /// Starts at a verified block, the fork point of a branch that presync showed to have more work
    /// than the tip.
    pub(super) fn begin_redownload(&mut self, root: ChainEntry, fork: u64) {
        self.missing_blocks.clear();
        (self.entry, self.best_validated, self.fork, self.redownloading) = (root, root.hash, fork, true);
    }

    /// Ends the redownload, because the branch outweighs the tip.
    pub(super) fn end_redownload(&mut self) {
        self.redownloading = false;
    }

    /// Notes that a block's body is valid.
    pub(super) fn mark_validated(&mut self, hash: &Hash) {
        if self.missing_blocks.front() == Some(hash) {
            self.missing_blocks.pop_front();
            self.best_validated = *hash;
        }
    }

    /// Notes that the tip has moved.
    pub(super) fn tip_moved(&mut self, tip: &ChainEntry) {
        if self.best_validated == tip.hash {
            self.fork = tip.header.height;
        }
    }

    /// Returns the branch's hash at a height, as far as tree and window reach. `validated_height`
    /// is the height of the best validated block.
    pub(super) fn at(
        &self,
        height: u64,
        validated_height: u64,
        tree: &HeaderTree,
        window: &BestChainWindow,
    ) -> Option<Hash> {
        let above = height.checked_sub(validated_height + 1);
        if let Some(hash) = above.and_then(|index| self.missing_blocks.get(usize::try_from(index).ok()?)) {
            return Some(*hash);
        }
        if height <= self.fork {
            return window.at(height).copied();
        }
        let mut down = tree.down_from(self.best_validated);
        down.find(|(_, node)| node.header.height <= height).map(|(hash, _)| hash)
    }
}

//! The memory of invalid blocks.

use std::collections::VecDeque;

use crate::primitives::hash::Hash;

/// The most invalid blocks that are remembered. When full, the oldest is forgotten and would be
/// checked again.
pub const INVALID_MAX: usize = 1_024;

/// The invalid blocks that were found last.
#[derive(Clone, Debug, Default)]
pub(super) struct InvalidBlocks(VecDeque<Hash>);

impl InvalidBlocks {
    pub(super) fn contains(&self, hash: &Hash) -> bool {
        self.0.contains(hash)
    }

    pub(super) fn push(&mut self, hash: Hash) {
        if self.0.len() == INVALID_MAX {
            self.0.pop_front();
        }
        self.0.push_back(hash);
    }
}

//! The outcomes of inserting a header and of verifying a block.

use crate::primitives::hash::Hash;
use crate::primitives::time::Timestamp;

/// The outcome of inserting a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inserted {
    /// It is in the tree.
    New {
        /// True if it is the best header now.
        leads: bool,
    },
    /// It was in the tree before.
    Known,
    /// Its parent is not in the tree.
    Orphan,
    /// It is too far ahead of the local clock. Try again when the clock shows `at`.
    TimeTooNew {
        /// The time from which on it is acceptable.
        at: Timestamp,
    },
    /// It is more than [`AHEAD_MAX`](super::AHEAD_MAX) above the best validated block. Try again
    /// when bodies have caught up.
    TooFarAhead,
}

/// The outcome of verifying a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TipUpdate {
    /// The tip moved up by this block.
    Extended,
    /// The tip moved to another branch.
    Reorged {
        /// The height of the last block that both branches share.
        fork: u64,
        /// The blocks that left the best chain, the tip first. Blocks below the window are not
        /// listed.
        undone: Vec<Hash>,
        /// The blocks that joined it, lowest first. Blocks below the window are not listed.
        done: Vec<Hash>,
    },
    /// It is on a branch that has no more work than the tip's.
    Side,
}

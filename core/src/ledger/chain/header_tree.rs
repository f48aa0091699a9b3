//! The tree of headers near the tip, on all branches.
//!
//! Bounds: the chain calls [`HeaderTree::evict_first_seen`] and [`HeaderTree::drop_below`] to keep
//! it small.

use super::ChainEntry;
use crate::primitives::block::Header;
use crate::primitives::collections::ordered_map::{OrderedMap, OrderedSet};
use crate::primitives::hash::Hash;
use crate::primitives::mmr::Mmr;
use crate::primitives::pow::Work;

/// The most headers beside the best branch and the missing blocks. When full, the quarter first
/// seen is evicted.
pub const SIDE_MAX: usize = 16_384;

/// A header in the tree.
#[derive(Clone, Debug)]
pub(super) struct TreeNode {
    pub(super) header: Header,
    /// The history up to and including this header. Its work is the branch's total.
    pub(super) history: Mmr,
    /// True if its body and all bodies below it are valid.
    pub(super) verified: bool,
    /// Its number in the order of insertion.
    order: u64,
}

impl TreeNode {
    pub(super) fn entry_of(&self, hash: Hash) -> ChainEntry {
        ChainEntry { hash, header: self.header, total_work: self.history.work() }
    }
}

/// Headers by their hashes.
#[derive(Clone, Debug)]
pub(super) struct HeaderTree {
    nodes: OrderedMap<Hash, TreeNode>,
    /// The number of headers that were inserted after the first.
    inserted: u64,
}

impl HeaderTree {
    /// Creates a tree of one verified header. Returns it with the header's entry.
    pub(super) fn new(hash: Hash, header: Header, history: Mmr) -> (Self, ChainEntry) {
        let node = TreeNode { header, history, verified: true, order: 0 };
        let entry = node.entry_of(hash);
        (Self { nodes: OrderedMap::from_iter([(hash, node)]), inserted: 0 }, entry)
    }

    pub(super) fn get(&self, hash: &Hash) -> Option<&TreeNode> {
        self.nodes.get(hash)
    }

    pub(super) fn contains(&self, hash: &Hash) -> bool {
        self.nodes.contains_key(hash)
    }

    pub(super) fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Returns a header and the headers below it, down to the lowest in the tree.
    pub(super) fn down_from(&self, hash: Hash) -> impl Iterator<Item = (Hash, &TreeNode)> {
        let mut at = hash;
        core::iter::from_fn(move || {
            let node = self.nodes.get(&at)?;
            Some((core::mem::replace(&mut at, node.header.prev_hash), node))
        })
    }

    /// Inserts a header that is not in the tree. Returns its entry.
    pub(super) fn insert(&mut self, hash: Hash, header: Header, history: Mmr, verified: bool) -> ChainEntry {
        self.inserted += 1;
        let node = TreeNode { header, history, verified, order: self.inserted };
        let entry = node.entry_of(hash);
        self.nodes.insert(hash, node);
        entry
    }

    /// Marks a header's body as valid. Returns its entry. Returns `None` if it is not in the tree.
    pub(super) fn mark_validated(&mut self, hash: &Hash) -> Option<ChainEntry> {
        let node = self.nodes.get_mut(hash)?;
        node.verified = true;
        Some(node.entry_of(*hash))
    }

    pub(super) fn remove(&mut self, hash: &Hash) -> Option<TreeNode> {
        self.nodes.remove(hash)
    }

    /// Drops the headers below a height.
    pub(super) fn drop_below(&mut self, height: u64) {
        self.nodes.retain(|_, node| node.header.height >= height);
    }

    /// Drops the quarter of [`SIDE_MAX`] that was first seen and is not in `kept`, with all its
    /// descendants.
    pub(super) fn evict_first_seen(&mut self, kept: &OrderedSet<Hash>) {
        let mut side: Vec<_> = self
            .nodes
            .iter()
            .filter(|(hash, _)| !kept.contains(*hash))
            .map(|(hash, node)| (node.order, *hash))
            .collect();
        side.sort_unstable();
        side.truncate(SIDE_MAX / 4);
        self.drop_with_descendants(side.into_iter().map(|(_, hash)| hash).collect(), kept);
    }

    /// Drops headers and all their descendants, except `kept`.
    pub(super) fn drop_with_descendants(&mut self, mut dropped: OrderedSet<Hash>, kept: &OrderedSet<Hash>) {
        let link = |(hash, node): (&Hash, &TreeNode)| (node.header.height, *hash, node.header.prev_hash);
        let mut ascending: Vec<_> = self.nodes.iter().map(link).collect();
        ascending.sort_unstable();
        for (_, hash, parent) in ascending {
            if dropped.contains(&parent) && !kept.contains(&hash) {
                dropped.insert(hash);
            }
        }
        self.nodes.retain(|hash, _| !dropped.contains(hash));
    }

    /// Returns all blocks whose branches have more work than this, the first seen first.
    pub(super) fn with_more_work(&self, work: Work) -> Vec<ChainEntry> {
        let more = self.nodes.iter().filter(|(_, node)| node.history.work() > work);
        let mut found: Vec<_> = more.map(|(hash, node)| (node.order, node.entry_of(*hash))).collect();
        found.sort_unstable_by_key(|(order, _)| *order);
        found.into_iter().map(|(_, entry)| entry).collect()
    }
}

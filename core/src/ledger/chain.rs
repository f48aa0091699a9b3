//! The chain: a tree of headers near the tip, its best branch, and the blocks that are still to be
//! verified.
//!
//! Specified in PROTOCOL.md, "Fork choice".
//!
//! Two blocks matter. The **tip** ends the best branch whose bodies are all verified: it is the
//! ledger's state. The **best header** ends the best branch whose headers are checked: the node
//! aims at it. Bodies of the **missing blocks** are verified one by one, from above the **best
//! validated** block of that branch up to the best header. When a verified block replaces the tip
//! by the rule of [`fork_choice`](crate::ledger::fork_choice), the tip moves there. After each
//! block, the tip and the best header are compared with all branches that have more work.
//!
//! Memory does not grow with the chain's length. Of the best branch, the newest [`WINDOW_MAX`]
//! headers are kept. Of the best header's branch, as many are kept below the best validated block,
//! and [`AHEAD_MAX`] above it. Beside them at most [`SIDE_MAX`] headers are kept. The driver has
//! older headers and all bodies.
//!
//! [`Chain::insert_fork_point`] inserts the fork point of a branch that forks off below the window.
//! Peers that send branches with less work than ours fill only the side's share, whose oldest
//! headers are evicted.

mod best_header;
mod choice;
mod contenders;
mod header_tree;
mod invalid_blocks;
mod locator;
mod outcome;
mod restore;
mod window;

pub use best_header::AHEAD_MAX;
pub use contenders::CONTENDERS_MAX;
pub use header_tree::SIDE_MAX;
pub use invalid_blocks::INVALID_MAX;
pub use locator::LOCATOR_MAX;
pub use outcome::{Inserted, TipUpdate};
pub use restore::RestoreError;
pub use window::WINDOW_MAX;

use self::best_header::BestHeader;
use self::contenders::Contenders;
use self::header_tree::HeaderTree;
use self::invalid_blocks::InvalidBlocks;
use self::locator::Skeleton;
use self::window::BestChainWindow;
use crate::ledger::fork_choice::{Branch, BranchEnd};
use crate::ledger::validation::{self, RuleError};
use crate::primitives::block::Header;
use crate::primitives::collections::ordered_map::OrderedSet;
use crate::primitives::hash::Hash;
use crate::primitives::mmr::Mmr;
use crate::primitives::params::Network;
use crate::primitives::pow::Work;
use crate::primitives::prefetch::prefetch;
use crate::primitives::time::Timestamp;

/// A block's entry in the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChainEntry {
    /// Its hash.
    pub hash: Hash,
    /// Its header.
    pub header: Header,
    /// The work of its branch up to and including it.
    pub total_work: Work,
}

impl Branch for ChainEntry {
    fn end(&self) -> BranchEnd {
        BranchEnd { total_work: self.total_work, tip_work: self.header.work() }
    }
}

/// The tree of headers and the best branch in it.
///
/// ```
/// # use plexus_core::ledger::chain::{Inserted, TipUpdate};
/// # use plexus_core::mining::search::grind;
/// # use plexus_core::{Chain, Header, Network};
/// let network = Network::dev();
/// let (genesis, time) = (*network.genesis(), network.genesis().time.plus_ms(15_000));
/// let mut header = Header { prev_hash: *network.id(), height: 1, time, ..genesis };
/// header.nonce = grind(&header, 1 << 20).unwrap();
/// let mut chain = Chain::new(network);
/// assert_eq!(chain.insert(header, time), Ok(Inserted::New { leads: true }));
/// assert_eq!(chain.best_header().header, header);
/// assert_eq!(chain.tip().header, genesis, "the body is not verified yet");
/// assert_eq!(chain.mark_validated(&header.hash()), TipUpdate::Extended);
/// assert_eq!(chain.tip().header, header);
/// ```
#[derive(Clone, Debug)]
pub struct Chain {
    network: Network,
    tree: HeaderTree,
    window: BestChainWindow,
    best_header: BestHeader,
    /// Verified branches with more work than the tip.
    rivals: Contenders,
    /// Branches of headers with more work than the best header.
    header_rivals: Contenders,
    skeleton: Skeleton,
    invalid: InvalidBlocks,
}

impl Chain {
    /// Creates a chain with only genesis.
    pub fn new(network: Network) -> Self {
        let genesis = *network.genesis();
        Self::begin(network, Mmr::default(), genesis)
    }

    fn begin(network: Network, below: Mmr, first: Header) -> Self {
        let hash = first.hash();
        let (tree, tip) = HeaderTree::new(hash, first, below.append(first.record(hash)));
        let skeleton = match first.height {
            0 => Skeleton::default(),
            _ => Skeleton::of_genesis(*network.id()),
        };
        Self {
            network,
            tree,
            window: BestChainWindow::new(tip),
            best_header: BestHeader::new(&tip),
            rivals: Contenders::default(),
            header_rivals: Contenders::default(),
            skeleton,
            invalid: InvalidBlocks::default(),
        }
    }

    /// Returns the network of the chain.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// Returns a block in the tree.
    pub fn find(&self, hash: &Hash) -> Option<ChainEntry> {
        // Most lookups are for the newest block.
        let tip = self.window.tip();
        if tip.hash == *hash {
            return Some(*tip);
        }
        self.tree.get(hash).map(|node| node.entry_of(*hash))
    }

    /// Prefetches the fields that most lookups read.
    pub(crate) fn prefetch(&self) {
        let (tip, best) = (self.window.tip(), self.best_header.entry());
        prefetch(&tip.hash);
        prefetch(&tip.header);
        prefetch(&best.hash);
        prefetch(&best.total_work);
    }

    /// Returns the last block of the best verified branch.
    pub fn tip(&self) -> ChainEntry {
        *self.window.tip()
    }

    /// Returns the best header: the last one of the best branch whose headers are checked.
    pub fn best_header(&self) -> ChainEntry {
        *self.best_header.entry()
    }

    /// Returns the highest verified block of the best header's branch.
    pub fn best_validated(&self) -> ChainEntry {
        self.find(self.best_header.best_validated()).unwrap_or(self.tip())
    }

    /// Returns the blocks to verify next, lowest first: from above the best validated block up to
    /// the best header.
    pub fn missing_blocks(&self) -> impl ExactSizeIterator<Item = &Hash> + DoubleEndedIterator {
        self.best_header.missing_blocks().iter()
    }

    /// Returns the history up to and including a block in the tree.
    pub fn history(&self, hash: &Hash) -> Option<&Mmr> {
        self.tree.get(hash).map(|node| &node.history)
    }

    /// Returns true if a block's body and all bodies below it are verified.
    pub fn is_verified(&self, hash: &Hash) -> bool {
        self.window.tip().hash == *hash || self.tree.get(hash).is_some_and(|node| node.verified)
    }

    /// Returns true if a block is remembered as invalid.
    pub fn is_invalid(&self, hash: &Hash) -> bool {
        self.invalid.contains(hash)
    }

    /// Returns the hash of the best branch at a height within the window.
    pub fn best_at(&self, height: u64) -> Option<&Hash> {
        self.window.at(height)
    }

    /// Returns the height of the lowest block within the window.
    pub fn lowest(&self) -> u64 {
        self.window.lowest()
    }

    /// Returns the number of headers in memory: at most 2 × [`WINDOW_MAX`] + [`AHEAD_MAX`] +
    /// [`SIDE_MAX`] and a few.
    pub fn size(&self) -> usize {
        self.tree.len()
    }

    /// Adds a header whose parent is in the tree, if it keeps the rules that apply to headers.
    ///
    /// # Errors
    /// Every rule that it breaks. Its sender commits an offence.
    ///
    /// # Examples
    /// ```
    /// use plexus_core::ledger::chain::Inserted;
    /// use plexus_core::{Chain, Hash, Header, Network};
    ///
    /// let network = Network::dev();
    /// let (genesis, now) = (*network.genesis(), network.genesis().time);
    /// let mut chain = Chain::new(network);
    /// assert_eq!(chain.insert(genesis, now), Ok(Inserted::Known));
    /// let stranger = Header { prev_hash: Hash::of(b"unknown"), ..genesis };
    /// assert_eq!(chain.insert(stranger, now), Ok(Inserted::Orphan));
    /// let invalid = Header { prev_hash: genesis.hash(), height: 9, ..genesis };
    /// assert!(chain.insert(invalid, now).is_err());
    /// ```
    pub fn insert(&mut self, header: Header, local: Timestamp) -> Result<Inserted, Vec<RuleError>> {
        let hash = header.hash();
        let extends_best = header.prev_hash == self.best_header.entry().hash;
        if let Some(node) = self.tree.get(&hash) {
            // Headers left from an earlier redownload are reused.
            if self.best_header.is_redownloading() && extends_best {
                let (entry, verified) = (node.entry_of(hash), node.verified);
                if self.best_header.is_far_ahead() {
                    return Ok(Inserted::TooFarAhead);
                }
                self.extend_best_header(entry, verified);
            }
            return Ok(Inserted::Known);
        }
        if self.is_invalid(&hash) {
            return Err(vec![RuleError::Ancestor { ancestor: hash }]);
        }
        let Some(parent) = self.tree.get(&header.prev_hash) else {
            if self.is_invalid(&header.prev_hash) {
                self.invalid.push(hash);
                return Err(vec![RuleError::Ancestor { ancestor: header.prev_hash }]);
            }
            return Ok(Inserted::Orphan);
        };
        let failures =
            validation::check_header(&self.network, &parent.header, &header.prev_hash, &header, &hash);
        if !failures.is_empty() {
            return Err(failures);
        }
        if validation::check_time_to_take(&header, local).is_some() {
            return Ok(Inserted::TimeTooNew { at: validation::time_to_take(&header) });
        }
        if extends_best && self.best_header.is_far_ahead() {
            return Ok(Inserted::TooFarAhead);
        }
        let history = parent.history.append(header.record(hash));
        if self.make_room() && !self.tree.contains(&header.prev_hash) {
            return Ok(Inserted::Orphan);
        }
        Ok(Inserted::New { leads: self.add(hash, header, history) })
    }

    /// Assumes the next missing block's body valid by its header, as light nodes do for deep
    /// blocks. Returns the block's hash and the outcome.
    pub fn assume_valid(&mut self) -> Option<(Hash, TipUpdate)> {
        let hash = *self.best_header.missing_blocks().front()?;
        let outcome = self.mark_validated(&hash);
        Some((hash, outcome))
    }

    /// Drops headers beside the best branch that fork off below the window.
    fn drop_stale_forks(&mut self) {
        let validated = self.best_validated().header.height;
        self.tree.drop_below(self.lowest().min(validated.saturating_sub(WINDOW_MAX as u64)));
    }

    /// Returns the number of verified blocks on the best header's branch that are kept beside the
    /// best branch. Later blocks are checked against them.
    fn retained_branch_len(&self) -> usize {
        let height = self.best_validated().header.height;
        let above_fork = height.saturating_sub(self.best_header.fork());
        usize::try_from(above_fork).unwrap_or(usize::MAX).min(WINDOW_MAX)
    }

    /// If the side is full, drops the quarter first seen and all its descendants. Returns true if
    /// it did.
    fn make_room(&mut self) -> bool {
        let (best_chain, missing) = (self.window.hashes(), self.best_header.missing_blocks());
        let most = best_chain.len() + missing.len() + SIDE_MAX;
        if self.size() < most || self.size() < most + self.retained_branch_len() {
            return false;
        }
        let retained = self.tree.down_from(*self.best_header.best_validated());
        let retained = retained.take(self.retained_branch_len() + 1).map(|(hash, _)| hash);
        let kept = missing.iter().chain(best_chain).copied().chain(retained).collect();
        self.tree.evict_first_seen(&kept);
        true
    }

    /// Drops an invalid block and all its descendants. The best header is then the best of the
    /// others.
    ///
    /// A verified block is never dropped.
    pub fn remove_invalid(&mut self, hash: &Hash) {
        self.invalid.push(*hash);
        self.remove_unavailable(hash);
    }

    /// Drops a block whose body is unavailable, and all its descendants. It may be inserted again.
    pub fn remove_unavailable(&mut self, hash: &Hash) {
        if self.tree.get(hash).is_none_or(|node| node.verified) {
            return;
        }
        self.tree.drop_with_descendants(OrderedSet::from_iter([*hash]), &OrderedSet::default());
        self.reset_best_header();
    }

    /// Inserts the fork point of a branch that leaves the best branch below the window. `header` is
    /// that block of the best chain, and `history` is up to and including it.
    pub fn insert_fork_point(&mut self, header: Header, history: Mmr) {
        let hash = header.hash();
        if !self.tree.contains(&hash) && header.height < self.lowest() {
            self.tree.insert(hash, header, history, true);
        }
    }

    /// Starts redownloading a branch that presync showed to have more work than the tip. `root` is
    /// its fork point. Returns true if `root` is verified, so that the branch can be followed from
    /// there.
    pub fn begin_redownload(&mut self, root: &Hash) -> bool {
        let Some(node) = self.tree.get(root).filter(|node| node.verified) else { return false };
        let (entry, height) = (node.entry_of(*root), node.header.height);
        let fork = if height < self.lowest() { height } else { self.fork_below(root) };
        self.best_header.begin_redownload(entry, fork);
        true
    }

    /// Gives up the redownload of a branch. The best header is then the best of all.
    pub fn abandon_redownload(&mut self) {
        if self.best_header.is_redownloading() {
            self.reset_best_header();
        }
    }

    /// Returns true if a hash is one of the sparse hashes that are kept of the best branch below
    /// the window.
    pub fn is_in_skeleton(&self, hash: &Hash) -> bool {
        self.skeleton.contains(hash)
    }

    /// Returns the height of the last block that a branch shares with the best branch. `hash` is a
    /// verified block of the branch.
    pub fn fork_below(&self, hash: &Hash) -> u64 {
        let noted = self.best_header.fork();
        if hash == self.best_header.best_validated() {
            return noted;
        }
        self.window.fork_height(&self.tree, *hash).unwrap_or(noted)
    }

    /// Returns true if `ancestor` is `hash` or below it, as far as the tree reaches.
    pub fn is_ancestor(&self, ancestor: &Hash, hash: &Hash) -> bool {
        let Some(height) = self.tree.get(ancestor).map(|node| node.header.height) else { return false };
        let mut at = *hash;
        while let Some(node) = self.tree.get(&at).filter(|node| node.header.height > height) {
            if self.window.contains(&at, node.header.height) {
                return self.window.contains(ancestor, height);
            }
            at = node.header.prev_hash;
        }
        at == *ancestor
    }

    /// Returns hashes from the best header down to genesis, increasingly sparse. A peer finds the
    /// last one that it shares.
    pub fn locator(&self) -> Vec<Hash> {
        let best = &self.best_header;
        let validated = self.best_validated().header.height;
        let at = |height| best.at(height, validated, &self.tree, &self.window);
        self.skeleton.locator(best.entry().header.height, self.network.id(), at)
    }
}

#[cfg(test)]
pub(crate) mod tests;

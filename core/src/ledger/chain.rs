//! The chain: a tree of headers near the tip, its best branch, and the blocks that are still to be
//! verified.
//!
//! Specified in PROTOCOL.md, "Fork choice".
//!
//! Two blocks matter. The **tip** ends the branch with most work whose bodies are all verified: it
//! is the ledger's state. The **best header** (`leader`) ends the branch with most work whose
//! headers are checked: the node aims at it. Bodies are verified along the **path** up to the best
//! header. The path starts above the highest verified block of that branch (the *frontier*). When a
//! verified block has more work than the tip, the tip moves there.
//!
//! Memory does not grow with the chain's length. Of the best branch, the newest [`WINDOW_MAX`]
//! headers are kept. Of the best header's branch, as many are kept below the frontier, and
//! [`AHEAD_MAX`] above it. Beside them at most [`SIDE_MAX`] headers are kept. The driver has older
//! headers and all bodies.
//!
//! [`Chain::insert_fork_point`] inserts the fork point of a branch that forks off below the window. Peers that
//! send branches with less work than ours fill only the side's share, whose oldest headers are
//! evicted.

use std::collections::VecDeque;

use crate::ledger::validation::{self, RuleError};
use crate::primitives::block::Header;
use crate::primitives::collections::ordered_map::{OrderedMap, OrderedSet};
use crate::primitives::hash::Hash;
use crate::primitives::mmr::Mmr;
use crate::primitives::params::Network;
use crate::primitives::pow::Work;
use crate::primitives::prefetch::prefetch;
use crate::primitives::time::Timestamp;

/// The number of newest headers of the best branch that are kept. The driver has older ones.
pub const WINDOW_MAX: usize = 16_384;
/// The most headers above the frontier. Further ones are rejected until bodies have caught up.
pub const AHEAD_MAX: usize = 16_384;
/// The most headers beside the best branch and the path. When full, the quarter first seen is
/// evicted.
pub const SIDE_MAX: usize = 16_384;
/// The most invalid blocks that are remembered. When full, the oldest is forgotten and would be
/// checked again.
pub const INVALID_MAX: usize = 1_024;
/// The most hashes of a locator: 10 one by one, then in doubling steps to genesis.
pub const LOCATOR_MAX: usize = 80;

/// A header in the tree.
#[derive(Clone, Debug)]
struct TreeNode {
    header: Header,
    /// The history up to and including this header. Its work is the branch's total.
    history: Mmr,
    verified: bool,
    /// Its number in the order of insertion: of equal work, the first seen wins.
    order: u64,
}

impl TreeNode {
    fn entry_of(&self, hash: Hash) -> ChainEntry {
        ChainEntry { hash, header: self.header, total_work: self.history.work() }
    }
}

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
    /// It is more than [`AHEAD_MAX`] above the last verified block. Try again when bodies have
    /// caught up.
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

/// The reason why stored headers are not a chain.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the stored chain is damaged at height {height}: {reason}")]
pub struct RestoreError {
    /// The lowest height that does not fit.
    pub height: u64,
    /// The error at that height.
    pub reason: String,
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
    entries: OrderedMap<Hash, TreeNode>,
    tip: ChainEntry,
    best_header: ChainEntry,
    /// The best verified branch within the window, lowest first. The last one is the tip.
    best: VecDeque<Hash>,
    /// The height of the first of `best`.
    base: u64,
    /// The blocks above the frontier, up to the best header.
    missing_blocks: VecDeque<Hash>,
    best_validated: Hash,
    /// The height of the last block that the best header's branch shares with the best branch.
    fork: u64,
    /// Hashes of the best branch below the window, the newest last, increasingly sparse towards
    /// genesis.
    skeleton: Vec<(u64, Hash)>,
    invalid: VecDeque<Hash>,
    /// True if presync showed that the best header's branch outweighs the tip only at its end,
    /// which is not in the tree yet.
    redownloading: bool,
    inserted: u64,
}

impl Chain {
    /// Creates a chain with only genesis.
    pub fn new(network: Network) -> Self {
        let genesis = *network.genesis();
        Self::begin(network, Mmr::default(), genesis)
    }

    fn begin(network: Network, below: Mmr, first: Header) -> Self {
        let hash = first.hash();
        let entry =
            TreeNode { history: below.append(first.record(hash)), header: first, verified: true, order: 0 };
        let genesis = (0, *network.id());
        let tip = entry.entry_of(hash);
        Self {
            network,
            tip,
            best_header: tip,
            entries: OrderedMap::from_iter([(hash, entry)]),
            best: VecDeque::from([hash]),
            base: first.height,
            missing_blocks: VecDeque::new(),
            best_validated: hash,
            fork: first.height,
            skeleton: if first.height == 0 { Vec::new() } else { vec![genesis] },
            invalid: VecDeque::new(),
            redownloading: false,
            inserted: 0,
        }
    }

    /// Returns the chain whose newest headers are `headers`, all verified before, with the history
    /// `below` the first.
    ///
    /// # Errors
    /// The lowest header that does not follow from the one below it.
    pub fn restore(network: Network, below: Mmr, headers: &[Header]) -> Result<Self, RestoreError> {
        let damaged = |height: u64, reason: String| RestoreError { height, reason };
        let Some((first, rest)) = headers.split_first() else {
            return Err(damaged(0, "no headers".to_owned()));
        };
        if first.height != below.leaves() {
            let reason = format!("expected height {}, found {}", below.leaves(), first.height);
            return Err(damaged(below.leaves(), reason));
        }
        if first.height == 0 && first != network.genesis() {
            return Err(damaged(0, format!("not the genesis of the network {network}")));
        }
        let mut chain = Self::begin(network, below, *first);
        for header in rest {
            let hash = header.hash();
            let tip = chain.tip();
            let failures = validation::check_header(&chain.network, &tip.header, &tip.hash, header, &hash);
            if let Some(failure) = failures.first() {
                return Err(damaged(tip.header.height + 1, failure.to_string()));
            }
            let history = chain.history(&tip.hash).cloned().unwrap_or_default();
            chain.add(hash, *header, history.append(header.record(hash)));
            chain.mark_validated(&hash);
        }
        Ok(chain)
    }

    /// Switches to a proven chain: `headers` are its newest, and `below` is the history below the
    /// first.
    ///
    /// # Errors
    /// A header does not follow from the one below it, or is known to be invalid. The chain then
    /// stays unchanged.
    pub fn restart(&mut self, below: Mmr, headers: &[Header]) -> Result<(), RestoreError> {
        if let Some(header) = headers.iter().find(|header| self.is_invalid(&header.hash())) {
            return Err(RestoreError { height: header.height, reason: "it was refused".to_owned() });
        }
        let refused = self.invalid.clone();
        *self = Self { invalid: refused, ..Self::restore(self.network.clone(), below, headers)? };
        Ok(())
    }

    /// Returns the network of the chain.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// Returns a block in the tree.
    pub fn find(&self, hash: &Hash) -> Option<ChainEntry> {
        // Most lookups are for the newest block.
        if self.tip.hash == *hash {
            return Some(self.tip);
        }
        self.entries.get(hash).map(|entry| entry.entry_of(*hash))
    }

    /// Prefetches the fields that most lookups read.
    pub(crate) fn prefetch(&self) {
        prefetch(&self.tip.hash);
        prefetch(&self.tip.header);
        prefetch(&self.best_header.hash);
        prefetch(&self.best_header.total_work);
    }

    /// Returns the last block of the best verified branch.
    pub fn tip(&self) -> ChainEntry {
        self.tip
    }

    /// Returns the best header: the last one of the branch with most work.
    pub fn best_header(&self) -> ChainEntry {
        self.best_header
    }

    /// Returns the highest verified block of the best header's branch.
    pub fn best_validated(&self) -> ChainEntry {
        self.find(&self.best_validated).unwrap_or(self.tip)
    }

    /// Returns the blocks to verify next, lowest first: from above the frontier up to the best
    /// header.
    pub fn missing_blocks(&self) -> impl ExactSizeIterator<Item = &Hash> + DoubleEndedIterator {
        self.missing_blocks.iter()
    }

    /// Returns the history up to and including a block in the tree.
    pub fn history(&self, hash: &Hash) -> Option<&Mmr> {
        self.entries.get(hash).map(|entry| &entry.history)
    }

    /// Returns true if a block's body and all bodies below it are verified.
    pub fn is_verified(&self, hash: &Hash) -> bool {
        self.tip.hash == *hash || self.entries.get(hash).is_some_and(|entry| entry.verified)
    }

    /// Returns true if a block is remembered as invalid.
    pub fn is_invalid(&self, hash: &Hash) -> bool {
        self.invalid.contains(hash)
    }

    /// Returns the hash of the best branch at a height within the window.
    pub fn best_at(&self, height: u64) -> Option<&Hash> {
        self.best.get(usize::try_from(height.checked_sub(self.base)?).ok()?)
    }

    /// Returns the height of the lowest block within the window.
    pub fn lowest(&self) -> u64 {
        self.base
    }

    fn is_best(&self, hash: &Hash, height: u64) -> bool {
        self.best_at(height) == Some(hash)
    }

    /// Returns the number of headers in memory: at most 2 × [`WINDOW_MAX`] + [`AHEAD_MAX`] +
    /// [`SIDE_MAX`] and a few.
    pub fn size(&self) -> usize {
        self.entries.len()
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
        let extends_leader = header.prev_hash == self.best_header.hash;
        if let Some(entry) = self.entries.get(&hash) {
            // Headers left from an earlier redownload are reused.
            if self.redownloading && extends_leader {
                let (place, verified) = (entry.entry_of(hash), entry.verified);
                if self.missing_blocks.len() >= AHEAD_MAX {
                    return Ok(Inserted::TooFarAhead);
                }
                self.extend_best_header(place, verified);
            }
            return Ok(Inserted::Known);
        }
        if self.is_invalid(&hash) {
            return Err(vec![RuleError::Ancestor { ancestor: hash }]);
        }
        let Some(parent) = self.entries.get(&header.prev_hash) else {
            if self.is_invalid(&header.prev_hash) {
                self.mark_invalid(hash);
                return Err(vec![RuleError::Ancestor { ancestor: header.prev_hash }]);
            }
            return Ok(Inserted::Orphan);
        };
        let failures =
            validation::check_header(&self.network, &parent.header, &header.prev_hash, &header, &hash);
        if !failures.is_empty() {
            return Err(failures);
        }
        if validation::check_clock(&header, local).is_some() {
            return Ok(Inserted::TimeTooNew { at: header.time.minus_ms(validation::BLOCK_AHEAD_MS) });
        }
        if extends_leader && self.missing_blocks.len() >= AHEAD_MAX {
            return Ok(Inserted::TooFarAhead);
        }
        let history = parent.history.append(header.record(hash));
        if self.make_room() && !self.entries.contains_key(&header.prev_hash) {
            return Ok(Inserted::Orphan);
        }
        Ok(Inserted::New { leads: self.add(hash, header, history) })
    }

    /// Adds a checked header. Returns true if it is the best header now.
    fn add(&mut self, hash: Hash, header: Header, history: Mmr) -> bool {
        self.inserted += 1;
        let entry = TreeNode { header, history, verified: false, order: self.inserted };
        let place = entry.entry_of(hash);
        self.entries.insert(hash, entry);
        if header.prev_hash == self.best_header.hash {
            self.extend_best_header(place, false);
            return true;
        }
        let leads = !self.redownloading && place.total_work > self.best_header.total_work;
        if leads {
            self.set_best_header(place);
        }
        leads
    }

    /// Extends the best header's branch.
    fn extend_best_header(&mut self, leader: ChainEntry, verified: bool) {
        self.best_header = leader;
        if verified {
            self.best_validated = leader.hash;
        } else {
            self.missing_blocks.push_back(leader.hash);
        }
        if self.redownloading && leader.total_work > self.tip.total_work {
            // Other branches may have more work by now.
            self.redownloading = false;
            self.recompute_best_header();
        }
    }

    /// Sets the best header to `leader`, and finds its path and its fork point.
    fn set_best_header(&mut self, leader: ChainEntry) {
        self.missing_blocks.clear();
        self.best_header = leader;
        let mut hash = leader.hash;
        while let Some(entry) = self.entries.get(&hash).filter(|entry| !entry.verified) {
            self.missing_blocks.push_front(hash);
            hash = entry.header.prev_hash;
        }
        if !self.entries.contains_key(&hash) {
            // The start of the branch has left the window. It is a stale fork, so its last header
            // cannot be the best header.
            return self.reset_best_header();
        }
        self.best_validated = hash;
        while let Some(entry) = self.entries.get(&hash) {
            if self.is_best(&hash, entry.header.height) {
                self.fork = entry.header.height;
                return;
            }
            hash = entry.header.prev_hash;
        }
        // The branch was inserted by a rebase, which noted its fork point, and its start has left
        // the window since.
    }

    /// Resets the best header to the tip.
    fn reset_best_header(&mut self) {
        self.missing_blocks.clear();
        self.redownloading = false;
        self.best_header = self.tip;
        self.best_validated = self.tip.hash;
        self.fork = self.tip.header.height;
    }

    /// Marks a block's body as valid. Its parent was marked before. Returns the outcome.
    pub fn mark_validated(&mut self, hash: &Hash) -> TipUpdate {
        let Some(entry) = self.entries.get_mut(hash) else { return TipUpdate::Side };
        entry.verified = true;
        let place = entry.entry_of(*hash);
        if self.missing_blocks.front() == Some(hash) {
            self.missing_blocks.pop_front();
            self.best_validated = *hash;
        }
        if place.total_work <= self.tip.total_work {
            return TipUpdate::Side;
        }
        if place.header.prev_hash == self.tip.hash {
            self.best.push_back(*hash);
            self.move_tip(place);
            return TipUpdate::Extended;
        }
        let (mut at, mut done) = (*hash, Vec::new());
        let (mut fork, mut joins) = (self.fork, false);
        while let Some(entry) = self.entries.get(&at) {
            joins = self.is_best(&at, entry.header.height);
            if joins {
                fork = entry.header.height;
                break;
            }
            done.push(at);
            at = entry.header.prev_hash;
        }
        done.reverse();
        let shared = (fork + 1).saturating_sub(self.base);
        let shared = usize::try_from(shared).unwrap_or(usize::MAX).min(self.best.len());
        let undone: Vec<_> = self.best.drain(shared..).rev().collect();
        if !joins {
            // The start of the branch has left the window, so the shared part now lies below it.
            self.best.clear();
            self.base = place.header.height + 1 - done.len() as u64;
            self.skeleton.retain(|(height, _)| *height <= fork && *height < self.base);
        }
        self.best.extend(done.iter().copied());
        // A branch that was inserted by a rebase starts with a block that both share.
        done.drain(..usize::from(!joins && self.base == fork));
        self.move_tip(place);
        TipUpdate::Reorged { fork, undone, done }
    }

    /// Assumes the next body of the path valid by its header, as light nodes do for deep blocks.
    /// Moves the frontier up by one. Returns the block's hash and the outcome.
    pub fn assume_valid(&mut self) -> Option<(Hash, TipUpdate)> {
        let hash = *self.missing_blocks.front()?;
        let outcome = self.mark_validated(&hash);
        Some((hash, outcome))
    }

    /// Makes `tip` the tip. Keeps the work of the best header at least as high, and the window
    /// within its bounds.
    fn move_tip(&mut self, tip: ChainEntry) {
        self.tip = tip;
        if !self.redownloading && self.best_header.total_work < tip.total_work {
            self.reset_best_header();
        } else if self.best_validated == tip.hash {
            self.fork = tip.header.height;
        }
        while self.best.len() > WINDOW_MAX {
            let Some(hash) = self.best.pop_front() else { break };
            if hash == self.best_validated {
                self.reset_best_header();
            }
            let entry = self.entries.remove(&hash);
            if let Some(entry) = entry.filter(|entry| is_skeleton_height(entry.header.height)) {
                self.skeleton.push((entry.header.height, hash));
                prune_skeleton(&mut self.skeleton);
            }
            self.base += 1;
            if is_skeleton_height(self.base) {
                self.drop_stale_forks();
            }
        }
    }

    /// Drops headers beside the best branch that fork off below the window.
    fn drop_stale_forks(&mut self) {
        let frontier = self.best_validated().header.height;
        let floor = self.base.min(frontier.saturating_sub(WINDOW_MAX as u64));
        self.entries.retain(|_, entry| entry.header.height >= floor);
    }

    /// Returns the number of verified blocks on the best header's branch that are kept beside the
    /// best branch. Later blocks are checked against them.
    fn retained_branch_len(&self) -> usize {
        let height = self.best_validated().header.height;
        usize::try_from(height.saturating_sub(self.fork)).unwrap_or(usize::MAX).min(WINDOW_MAX)
    }

    /// If the side is full, drops the quarter first seen and all its descendants. Returns true if
    /// it did.
    fn make_room(&mut self) -> bool {
        let most = self.best.len() + self.missing_blocks.len() + SIDE_MAX;
        if self.entries.len() < most || self.entries.len() < most + self.retained_branch_len() {
            return false;
        }
        let mut kept: OrderedSet<_> = self.missing_blocks.iter().chain(&self.best).copied().collect();
        let mut at = self.best_validated;
        for _ in 0..=self.retained_branch_len() {
            let Some(entry) = self.entries.get(&at) else { break };
            kept.insert(at);
            at = entry.header.prev_hash;
        }
        let mut side: Vec<_> = self
            .entries
            .iter()
            .filter(|(hash, _)| !kept.contains(*hash))
            .map(|(hash, entry)| (entry.order, *hash))
            .collect();
        side.sort_unstable();
        side.truncate(SIDE_MAX / 4);
        self.drop_with_descendants(side.into_iter().map(|(_, hash)| hash).collect(), &kept);
        true
    }

    /// Drops headers and all their descendants, except `kept`.
    fn drop_with_descendants(&mut self, mut dropped: OrderedSet<Hash>, kept: &OrderedSet<Hash>) {
        let place = |(hash, entry): (&Hash, &TreeNode)| (entry.header.height, *hash, entry.header.prev_hash);
        let mut rising: Vec<_> = self.entries.iter().map(place).collect();
        rising.sort_unstable();
        for (_, hash, parent) in rising {
            if dropped.contains(&parent) && !kept.contains(&hash) {
                dropped.insert(hash);
            }
        }
        self.entries.retain(|hash, _| !dropped.contains(hash));
    }

    fn mark_invalid(&mut self, hash: Hash) {
        if self.invalid.len() == INVALID_MAX {
            self.invalid.pop_front();
        }
        self.invalid.push_back(hash);
    }

    /// Drops an invalid block and all its descendants. The best header is then the best of the
    /// others.
    ///
    /// A verified block is never dropped.
    pub fn remove_invalid(&mut self, hash: &Hash) {
        self.mark_invalid(*hash);
        if self.entries.get(hash).is_none_or(|entry| entry.verified) {
            return;
        }
        self.drop_with_descendants(OrderedSet::from_iter([*hash]), &OrderedSet::default());
        self.reset_best_header();
        self.recompute_best_header();
    }

    /// Drops a block whose body is unavailable, and all its descendants. It may be inserted again.
    pub fn remove_unavailable(&mut self, hash: &Hash) {
        if self.entries.get(hash).is_none_or(|entry| entry.verified) {
            return;
        }
        self.drop_with_descendants(OrderedSet::from_iter([*hash]), &OrderedSet::default());
        self.reset_best_header();
        self.recompute_best_header();
    }

    /// Gives up the redownload of a branch. The best header is then the best of all.
    pub fn abandon_redownload(&mut self) {
        if self.redownloading {
            self.reset_best_header();
            self.recompute_best_header();
        }
    }

    fn recompute_best_header(&mut self) {
        let heaviest = |(hash, entry): (&Hash, &TreeNode)| {
            (entry.history.work(), core::cmp::Reverse(entry.order), *hash)
        };
        let heaviest = self.entries.iter().map(heaviest).max().and_then(|(_, _, hash)| self.find(&hash));
        if let Some(leader) = heaviest.filter(|leader| leader.total_work > self.tip.total_work) {
            self.set_best_header(leader);
        }
    }

    /// Inserts the fork point of a branch that leaves the best branch below the window. `header` is
    /// that block of the best chain, and `history` is up to and including it.
    pub fn insert_fork_point(&mut self, header: Header, history: Mmr) {
        let hash = header.hash();
        if self.entries.contains_key(&hash) || header.height >= self.base {
            return;
        }
        self.inserted += 1;
        self.entries.insert(hash, TreeNode { header, history, verified: true, order: self.inserted });
    }

    /// Starts redownloading a branch that presync showed to have more work than the tip. `root` is
    /// its fork point. Returns true if `root` is verified, so that the branch can be followed from
    /// there.
    pub fn begin_redownload(&mut self, root: &Hash) -> bool {
        let Some(entry) = self.entries.get(root).filter(|entry| entry.verified) else { return false };
        let (leader, height) = (entry.entry_of(*root), entry.header.height);
        self.fork = if height < self.base { height } else { self.fork_below(root) };
        self.missing_blocks.clear();
        (self.best_header, self.best_validated, self.redownloading) = (leader, *root, true);
        true
    }

    /// Returns true if a hash is one of the sparse hashes that are kept of the best branch below
    /// the window.
    pub fn is_in_skeleton(&self, hash: &Hash) -> bool {
        self.skeleton.iter().any(|(_, milestone)| milestone == hash)
    }

    /// Returns the height of the last block that a branch shares with the best branch. `hash` is a
    /// verified block of the branch.
    pub fn fork_below(&self, hash: &Hash) -> u64 {
        if *hash == self.best_validated {
            return self.fork;
        }
        let mut at = *hash;
        while let Some(entry) = self.entries.get(&at) {
            if self.is_best(&at, entry.header.height) {
                return entry.header.height;
            }
            at = entry.header.prev_hash;
        }
        self.fork
    }

    /// Returns true if `ancestor` is `hash` or below it, as far as the tree reaches.
    pub fn is_ancestor(&self, ancestor: &Hash, hash: &Hash) -> bool {
        let Some(height) = self.entries.get(ancestor).map(|entry| entry.header.height) else { return false };
        let mut at = *hash;
        while let Some(entry) = self.entries.get(&at).filter(|entry| entry.header.height > height) {
            if self.is_best(&at, entry.header.height) {
                return self.is_best(ancestor, height);
            }
            at = entry.header.prev_hash;
        }
        at == *ancestor
    }

    /// Returns hashes from the best header down to genesis, increasingly sparse. A peer finds the
    /// last one that it shares.
    pub fn locator(&self) -> Vec<Hash> {
        let leader = self.best_header;
        let mut locator = Vec::with_capacity(LOCATOR_MAX);
        let (mut at, mut step) = (Some(leader.header.height), 1);
        while let Some(height) = at {
            match self.at_on_best_header(height) {
                Some(hash) => locator.push(hash),
                None => break,
            }
            if locator.len() >= 10 {
                step *= 2;
            }
            at = height.checked_sub(step);
        }
        locator.extend(self.skeleton.iter().rev().map(|(_, hash)| *hash));
        locator.truncate(LOCATOR_MAX - 1);
        if locator.last() != Some(self.network.id()) {
            locator.push(*self.network.id());
        }
        locator
    }

    fn at_on_best_header(&self, height: u64) -> Option<Hash> {
        let above = height.checked_sub(self.best_validated().header.height + 1);
        if let Some(hash) = above.and_then(|index| self.missing_blocks.get(usize::try_from(index).ok()?)) {
            return Some(*hash);
        }
        if height <= self.fork {
            return self.best_at(height).copied();
        }
        let mut at = self.best_validated;
        loop {
            let entry = self.entries.get(&at)?;
            if entry.header.height <= height {
                return Some(at);
            }
            at = entry.header.prev_hash;
        }
    }
}

fn is_skeleton_height(height: u64) -> bool {
    height.is_multiple_of(1_024)
}

/// Thins out ascending heights to a number that grows with the logarithm: two for each doubling of
/// the distance to the newest.
fn prune_skeleton(milestones: &mut Vec<(u64, Hash)>) {
    let Some(&(newest, _)) = milestones.last() else { return };
    let mut counted = [0u8; 65];
    let mut keep: Vec<_> = milestones
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
    milestones.retain(|_| keep.next().unwrap_or(true));
}

#[cfg(test)]
pub(crate) mod tests;

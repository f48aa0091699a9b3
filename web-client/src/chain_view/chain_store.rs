//! The part of the chain that a light node stores over a reload: the best chain's newest headers
//! and the history below them.
//!
//! It applies the node's [`Change`]s as [`plexus_core::node::storage::Journal`] does, and returns
//! the writes for the store. Headers beside the best chain are kept in memory only, because a
//! reload gets them again from peers. Headers that no restored chain would hold are removed. So
//! both memory and store stay at about [`WINDOW_MAX`] headers, however long the chain.

use std::collections::VecDeque;

use plexus_core::ledger::chain::{AHEAD_MAX, Chain, RestoreError, SIDE_MAX, WINDOW_MAX};
use plexus_core::node::storage::Change;
use plexus_core::primitives::block::{HEADER_BYTES, Header};
use plexus_core::primitives::collections::ordered_map::OrderedMap;
use plexus_core::primitives::collections::vec_map::VecMap;
use plexus_core::primitives::encoding::Reader;
use plexus_core::primitives::hash::Hash;
use plexus_core::primitives::mmr::Mmr;
use plexus_core::primitives::params::Network;

use crate::browser::database::{DatabaseEntry, Write};

/// The number of headers that are stored as one value. A new block rewrites at most this many.
const CHUNK_HEADERS: u64 = 64;
/// The most headers beside the best chain. When full, the first one seen is evicted, as in the
/// chain itself.
const LOOSE_MAX: usize = AHEAD_MAX + SIDE_MAX;

/// The name of the stored address book.
pub(crate) const BOOK: &str = "book";

/// The reason that a store does not hold a chain.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ChainStoreError {
    /// A value has another form.
    #[error("the stored {key} is damaged")]
    Value {
        /// The value's key.
        key: String,
    },
    /// A header is missing.
    #[error("the stored header {height} is missing")]
    Gap {
        /// Its height.
        height: u64,
    },
    /// The headers do not follow one another.
    #[error(transparent)]
    Chain(#[from] RestoreError),
}

/// The best chain's newest headers, the headers that may join it, and the history below.
#[derive(Debug)]
pub(crate) struct ChainStore {
    headers: OrderedMap<Hash, Header>,
    /// The best chain within the window, lowest first.
    best: VecDeque<Hash>,
    /// The history up to the block below the first of `best`.
    below: Mmr,
    /// Checkpoints by rising height. After a reorganisation, some heights have several.
    checkpoints: Vec<(u64, Hash, Mmr)>,
    /// Headers that were not on the best chain when they came, in the order in which they came.
    loose: VecDeque<Hash>,
}

impl ChainStore {
    /// Creates a chain store with only genesis.
    pub(crate) fn new(network: &Network) -> Self {
        let (hash, genesis) = (*network.id(), *network.genesis());
        Self {
            headers: OrderedMap::from_iter([(hash, genesis)]),
            best: VecDeque::from([hash]),
            below: Mmr::default(),
            checkpoints: Vec::new(),
            loose: VecDeque::new(),
        }
    }

    /// Loads the stored headers. Returns the chain store and its chain.
    ///
    /// # Errors
    /// The stored headers are not a chain. The caller then starts again at genesis.
    pub(crate) fn load(
        network: Network,
        entries: &[DatabaseEntry],
    ) -> Result<(Self, Chain), ChainStoreError> {
        let mut chain_store = Self::new(&network);
        let (mut tip, mut stored) = (None, VecMap::default());
        for DatabaseEntry { key, value } in entries {
            let damaged = || ChainStoreError::Value { key: key.clone() };
            let (kind, name) = key.split_once('/').unwrap_or((key, ""));
            match kind {
                "tip" => tip = Some(decode_place(value).ok_or_else(damaged)?),
                "headers" => {
                    for header in decode_headers(value).ok_or_else(damaged)? {
                        stored.insert(header.height, header);
                    }
                }
                "checkpoints" => {
                    let place = hex::decode(name).ok().and_then(|place| decode_place(&place));
                    let history = Mmr::decode(value).map_err(|_| damaged())?;
                    let (height, hash) = place.ok_or_else(damaged)?;
                    chain_store.add_checkpoint(height, hash, history);
                }
                _ => {}
            }
        }
        let Some((height, hash)) = tip else { return Ok((chain_store, Chain::new(network))) };
        chain_store.begin_at(height, &stored);
        let mut headers = Vec::new();
        chain_store.best.clear();
        for height in chain_store.below.leaves()..=height {
            let header = *stored.get(&height).ok_or(ChainStoreError::Gap { height })?;
            let hash = header.hash();
            chain_store.headers.insert(hash, header);
            chain_store.best.push_back(hash);
            headers.push(header);
        }
        if chain_store.best.back() != Some(&hash) {
            return Err(ChainStoreError::Value { key: "tip".to_owned() });
        }
        let chain = Chain::restore(network, chain_store.below.clone(), &headers)?;
        Ok((chain_store, chain))
    }

    /// Begins the chain at the newest checkpoint with the whole window above it, whose hash the
    /// header above it names. A proven chain has fewer headers, which begin above a checkpoint of
    /// their own.
    fn begin_at(&mut self, tip: u64, stored: &VecMap<u64, Header>) {
        let floor = tip.saturating_sub(WINDOW_MAX as u64);
        let follows =
            |at: u64, hash: &Hash| stored.get(&(at + 1)).is_some_and(|above| above.prev_hash == *hash);
        let fits = |(at, hash, history): &&(u64, Hash, Mmr)| history.leaves() == at + 1 && follows(*at, hash);
        let is_gapless = |from: u64| (from..=tip).all(|height| stored.contains_key(&height));
        let mut fitting = self.checkpoints.iter().filter(fits);
        let found = fitting.clone().rev().find(|(at, ..)| *at <= floor && is_gapless(at + 1));
        let found = match found {
            None if !is_gapless(0) => fitting.find(|(at, ..)| is_gapless(at + 1)),
            found => found,
        };
        if let Some((_, _, history)) = found {
            self.below = history.clone();
        }
    }

    fn add_checkpoint(&mut self, height: u64, hash: Hash, history: Mmr) {
        self.checkpoints.retain(|(_, held, _)| *held != hash);
        let place = self.checkpoints.partition_point(|(at, _, _)| *at <= height);
        self.checkpoints.insert(place, (height, hash, history));
    }

    fn base(&self) -> u64 {
        self.below.leaves()
    }

    fn height(&self) -> u64 {
        self.base() + (self.best.len() as u64).saturating_sub(1)
    }

    fn best_at(&self, height: u64) -> Option<&Hash> {
        self.best.get(usize::try_from(height.checked_sub(self.base())?).ok()?)
    }

    /// Returns true if a block is on the best chain, within the window.
    pub(crate) fn is_best(&self, hash: &Hash, height: u64) -> bool {
        self.best_at(height) == Some(hash)
    }

    /// Stores the changes of one output. Returns the writes for the store, as one transaction.
    ///
    /// # Errors
    /// A tip whose branch is unknown. Nothing was written, and nothing more should be.
    pub(crate) fn apply(&mut self, changes: &[Change]) -> Result<Vec<Write>, ChainStoreError> {
        let mut writes = Vec::new();
        let mut lowest_changed = None;
        let (base_before, height_before) = (self.base(), self.height());
        for change in changes {
            match change {
                Change::Header { hash, header, .. } => self.hold(*hash, *header),
                // A light node keeps no bodies, and stores its own messages elsewhere.
                Change::Body { .. } | Change::Pooled { .. } | Change::Unpooled { .. } => {}
                Change::Book { encoded } => writes.push(Write::Put(BOOK.to_owned(), encoded.to_vec())),
                Change::Checkpoint { height, hash, history } => {
                    writes.push(Write::Put(checkpoint_key(*height, hash), history.encode()));
                    self.add_checkpoint(*height, *hash, history.clone());
                }
                Change::Tip { hash, fork, .. } => {
                    let lowest = self.move_tip(*hash, *fork)?;
                    lowest_changed = Some(lowest_changed.map_or(lowest, |changed: u64| changed.min(lowest)));
                }
            }
        }
        if let Some(lowest) = lowest_changed {
            self.write_best(lowest, height_before, &mut writes);
            if self.base() != base_before {
                drop_below(self.base() - 1, &mut writes);
            }
            self.forget(&mut writes);
        }
        Ok(writes)
    }

    /// Returns the writes that remove everything from the store.
    pub(crate) fn erase() -> Vec<Write> {
        ["checkpoints/", "headers/", "tip"].map(|from| Write::drop_range(from, &format!("{from}~"))).into()
    }

    fn hold(&mut self, hash: Hash, header: Header) {
        if self.headers.insert(hash, header).is_none() {
            self.loose.push_back(hash);
        }
        while self.loose.len() > LOOSE_MAX
            && let Some(oldest) = self.loose.pop_front()
        {
            if self.headers.get(&oldest).is_some_and(|header| !self.is_best(&oldest, header.height)) {
                self.headers.remove(&oldest);
            }
        }
    }

    /// Ends the best chain at a known header. Returns the lowest height that changed.
    fn move_tip(&mut self, tip: Hash, fork: u64) -> Result<u64, ChainStoreError> {
        let (mut hash, mut branch) = (tip, Vec::new());
        let mut lowest = self.headers.get(&tip).map_or(0, |header| header.height + 1);
        while lowest > fork + 1 {
            let header = self.headers.get(&hash).ok_or(ChainStoreError::Gap { height: lowest - 1 })?;
            branch.push(hash);
            lowest = header.height;
            hash = header.prev_hash;
        }
        if self.best_at(fork) == Some(&hash) {
            self.best.truncate(usize::try_from(fork + 1 - self.base()).unwrap_or(usize::MAX));
        } else {
            // A proven branch begins above a checkpoint.
            let proven = self.checkpoints.iter().find(|(at, held, _)| (*at, *held) == (fork, hash));
            self.below = proven.ok_or(ChainStoreError::Gap { height: fork })?.2.clone();
            self.best.clear();
            self.drop_below(fork);
        }
        self.best.extend(branch.into_iter().rev());
        Ok(fork + 1)
    }

    /// Writes the best chain from `lowest` on, and removes stored headers above it.
    fn write_best(&self, lowest: u64, height_before: u64, writes: &mut Vec<Write>) {
        let (first, last) = (lowest / CHUNK_HEADERS, self.height() / CHUNK_HEADERS);
        for chunk in first..=last {
            let heights = chunk * CHUNK_HEADERS..(chunk + 1) * CHUNK_HEADERS;
            let hashes = heights.filter_map(|height| self.best_at(height));
            let headers = hashes.filter_map(|hash| self.headers.get(hash));
            writes.push(Write::Put(chunk_key(chunk), headers.flat_map(Header::encode).collect()));
        }
        if height_before / CHUNK_HEADERS > last {
            writes.push(Write::drop_range(&chunk_key(last + 1), "headers/~"));
        }
        if let Some(tip) = self.best.back() {
            writes.push(Write::Put("tip".to_owned(), encode_place(self.height(), tip)));
        }
    }

    /// Removes headers and checkpoints that no restored chain would hold.
    fn forget(&mut self, writes: &mut Vec<Write>) {
        let floor = self.height().saturating_sub(WINDOW_MAX as u64);
        let newest = self.checkpoints.iter().rev();
        let Some((height, history)) = newest
            .filter(|(height, hash, _)| {
                (self.base() + 1..=floor).contains(height) && self.is_best(hash, *height)
            })
            .map(|(height, _, history)| (*height, history.clone()))
            .next()
        else {
            return;
        };
        let dropped = usize::try_from(history.leaves() - self.base()).unwrap_or(usize::MAX);
        self.best.drain(..dropped.min(self.best.len()));
        self.below = history;
        self.drop_below(height);
        drop_below(height, writes);
    }

    /// Removes headers and checkpoints below a checkpoint.
    fn drop_below(&mut self, height: u64) {
        self.headers.retain(|_, header| header.height > height);
        self.loose.retain(|hash| self.headers.contains_key(hash));
        self.checkpoints.retain(|(at, _, _)| *at >= height);
    }
}

/// Adds the writes that remove stored headers and checkpoints below a checkpoint.
fn drop_below(height: u64, writes: &mut Vec<Write>) {
    writes.push(Write::drop_range("headers/", &chunk_key((height + 1) / CHUNK_HEADERS)));
    writes.push(Write::drop_range("checkpoints/", &checkpoint_key(height, &Hash::ZERO)));
}

/// Returns the store's name of a chunk of headers. Names sort as heights do.
fn chunk_key(chunk: u64) -> String {
    format!("headers/{chunk:016x}")
}

fn checkpoint_key(height: u64, hash: &Hash) -> String {
    format!("checkpoints/{height:016x}{hash}")
}

fn encode_place(height: u64, hash: &Hash) -> Vec<u8> {
    [height.to_be_bytes().as_slice(), hash.as_bytes()].concat()
}

fn decode_place(bytes: &[u8]) -> Option<(u64, Hash)> {
    let mut reader = Reader::new(bytes);
    let place = (reader.u64("height").ok()?, Hash::from_bytes(reader.array("hash").ok()?));
    reader.end().ok()?;
    Some(place)
}

fn decode_headers(bytes: &[u8]) -> Option<Vec<Header>> {
    let chunks = bytes.chunks(HEADER_BYTES);
    chunks.map(|header| Header::decode(header).ok()).collect()
}

#[cfg(test)]
mod tests;

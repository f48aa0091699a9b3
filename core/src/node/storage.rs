//! The state that a driver must store, and a store in memory: the reference that every store must
//! match.
//!
//! The node outputs lists of [`Change`]s to persist. A list is applied as a whole or not at all, in
//! the order of the outputs. A store may keep blocks that are no longer on a useful branch for as
//! long as it likes.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;

use crate::ledger::chain::{Chain, RestoreError, WINDOW_MAX};
use crate::ledger::signature_batch::KnownIn;
use crate::node::memory_answer::MemoryAnswer;
use crate::primitives::block::{Block, Header};
use crate::primitives::hash::Hash;
use crate::primitives::message::MessageId;
use crate::primitives::mmr::Mmr;
use crate::primitives::params::Network;
use crate::primitives::pow::Work;
use crate::proof::chain_proof::Opened;
use crate::protocol::limits::HEADERS_MAX;

/// The interval of heights at which histories are stored, so that a checkpoint is near every block.
pub const CHECKPOINT_BLOCKS: u64 = 1_024;

/// A change to store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A checked header, on any branch. Its parent is already stored.
    Header {
        /// Its hash.
        hash: Hash,
        /// The header.
        header: Header,
        /// The sum of work up to and including it.
        total_work: Work,
    },
    /// A verified block, on any branch. Its header is already stored.
    Body {
        /// The block's hash.
        hash: Hash,
        /// Its height.
        height: u64,
        /// The block's encoding.
        block: Bytes,
        /// The ids of its messages, in their order.
        ids: Arc<[MessageId]>,
    },
    /// The history up to and including a header. One is stored for each height that is a multiple
    /// of [`CHECKPOINT_BLOCKS`], and for the height that a proven branch begins above.
    Checkpoint {
        /// The header's height.
        height: u64,
        /// The header's hash.
        hash: Hash,
        /// The history.
        history: Mmr,
    },
    /// The best chain now ends in this stored header. Up to height `fork` it is unchanged.
    ///
    /// Light nodes also switch to a proven branch this way. Then the header above `fork` follows
    /// the checkpoint there, and the chain below is not stored.
    Tip {
        /// The new tip's hash.
        hash: Hash,
        /// Its height.
        height: u64,
        /// The height of the last block that the old and new best chains share.
        fork: u64,
    },
    /// A message of our own that waits for a block. It is submitted again after a restart.
    Pooled {
        /// Its id.
        id: MessageId,
        /// Its encoding.
        message: Bytes,
    },
    /// The current address book, which replaces the stored one.
    Book {
        /// Its encoding, at most [`crate::peers::address_book::BOOK_BYTES_MAX`].
        encoded: Bytes,
    },
    /// A message waits no longer: it is in a block, too old for one, or evicted.
    Unpooled {
        /// Its id.
        id: MessageId,
    },
}

/// A query of the node to its store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreQuery {
    /// The history up to and including this block of the best chain.
    LoadMmr(Hash),
    /// The encodings of these blocks.
    Bodies(Vec<Hash>),
}

/// The answer to a [`StoreQuery`].
#[derive(Clone, Debug)]
pub enum StoreReply {
    /// A checkpoint below the block, and the headers after it up to and including the block.
    /// Without a checkpoint, the history is empty. `None` if the block is not on the best chain.
    Base(Hash, Option<(Mmr, Vec<Header>)>),
    /// The encodings found, in the order requested.
    Bodies(Vec<Bytes>),
}

/// A request of a peer that the store answers, at the peer's pace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PeerRequest {
    /// The headers of the best chain after the first of these hashes that is on it, at most
    /// [`HEADERS_MAX`], as one packet. If none is on it, the headers after genesis.
    Headers(Vec<Hash>),
    /// These blocks, a packet each. A block that is not stored is answered as missing.
    Bodies(Vec<Hash>),
    /// The proof of the best chain, as one packet.
    Proof,
    /// Data that is in memory, and takes work to encode. No store is needed.
    Memory(MemoryAnswer),
}

mod prover;

use self::prover::Prover;

/// A store in memory.
///
/// ```
/// # use plexus_core::mining::search::grind;
/// # use plexus_core::node::storage::{Change, Journal};
/// # use plexus_core::{Header, Network};
/// # let network = Network::dev();
/// # let (genesis, time) = (*network.genesis(), network.genesis().time.plus_ms(15_000));
/// # let mut header = Header { prev_hash: *network.id(), height: 1, time, ..genesis };
/// # header.nonce = grind(&header, 1 << 20).unwrap();
/// let (hash, total_work) = (header.hash(), header.work());
/// let mut journal = Journal::new(&network);
/// journal.apply(&[
///     Change::Header { hash, header, total_work },
///     Change::Tip { hash, height: 1, fork: 0 },
/// ]);
/// assert_eq!(journal.best(), [*network.id(), hash]);
/// assert_eq!(journal.headers_after(&[*network.id()]), [header]);
/// // After a restart, the chain is as it was.
/// assert_eq!(journal.restore(network).unwrap().tip().hash, hash);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Journal {
    headers: BTreeMap<Hash, (Header, Work)>,
    bodies: BTreeMap<Hash, Bytes>,
    /// What chain proofs show of the blocks whose bodies were deleted.
    opened: BTreeMap<Hash, Opened>,
    checkpoints: BTreeMap<(u64, Hash), Mmr>,
    best: Vec<Hash>,
    /// The height of the first of `best`.
    base: u64,
    messages: BTreeMap<MessageId, Vec<Hash>>,
    pooled: BTreeMap<MessageId, Bytes>,
    book: Bytes,
}

impl Journal {
    /// Creates a store with only genesis.
    pub fn new(network: &Network) -> Self {
        let (hash, genesis) = (*network.id(), *network.genesis());
        let history = Mmr::default().append(genesis.record(hash));
        Self {
            headers: BTreeMap::from([(hash, (genesis, Work::ZERO))]),
            bodies: BTreeMap::from([(hash, network.genesis_block().encode().into())]),
            opened: BTreeMap::new(),
            checkpoints: BTreeMap::from([((0, hash), history)]),
            best: vec![hash],
            base: 0,
            messages: BTreeMap::new(),
            pooled: BTreeMap::new(),
            book: Bytes::new(),
        }
    }

    /// Stores one list of changes.
    pub fn apply(&mut self, changes: &[Change]) {
        for change in changes {
            match change {
                Change::Header { hash, header, total_work } => {
                    self.headers.insert(*hash, (*header, *total_work));
                }
                Change::Body { hash, block, ids, .. } => {
                    if self.bodies.insert(*hash, block.clone()).is_none() {
                        for id in ids.iter() {
                            self.messages.entry(*id).or_default().push(*hash);
                        }
                    }
                }
                Change::Checkpoint { height, hash, history } => {
                    self.checkpoints.insert((*height, *hash), history.clone());
                }
                Change::Tip { hash, fork, .. } => self.move_tip(*hash, *fork),
                Change::Pooled { id, message } => {
                    self.pooled.insert(*id, message.clone());
                }
                Change::Unpooled { id } => {
                    self.pooled.remove(id);
                }
                Change::Book { encoded } => self.book = encoded.clone(),
            }
        }
    }

    /// Deletes the bodies of blocks below a height, except genesis. Keeps the body root and the extra
    /// number of each, because chain proofs show them.
    pub fn prune_below(&mut self, height: u64) {
        let (headers, opened, pruned) = (&self.headers, &mut self.opened, 1..height);
        self.bodies.retain(|hash, body| {
            let Some((header, _)) = headers.get(hash) else { return true };
            if !pruned.contains(&header.height) {
                return true;
            }
            if let Ok(block) = Block::decode(body) {
                opened.insert(*hash, Opened::of(&block));
            }
            false
        });
    }

    fn move_tip(&mut self, tip: Hash, fork: u64) {
        let (mut hash, mut branch) = (tip, Vec::new());
        while let Some((header, _)) = self.headers.get(&hash).filter(|(header, _)| header.height > fork) {
            branch.push(hash);
            hash = header.prev_hash;
        }
        if self.best_at(fork) == Some(&hash) {
            let kept = usize::try_from(fork + 1 - self.base).unwrap_or(usize::MAX);
            self.best.truncate(kept);
        } else if self.checkpoints.contains_key(&(fork, hash)) {
            self.best.clear();
            self.base = fork + 1;
        }
        self.best.extend(branch.into_iter().rev());
    }

    /// Returns the best chain's hash at a height.
    pub fn best_at(&self, height: u64) -> Option<&Hash> {
        self.best.get(usize::try_from(height.checked_sub(self.base)?).ok()?)
    }

    /// Returns the height of the lowest stored block of the best chain.
    pub fn base(&self) -> u64 {
        self.base
    }

    fn height(&self) -> u64 {
        self.base + (self.best.len() as u64).saturating_sub(1)
    }

    /// Returns the encodings of our own messages that wait for a block.
    pub fn pooled(&self) -> impl Iterator<Item = &Bytes> {
        self.pooled.values()
    }

    /// Returns the address book's encoding, which is empty until the first is stored.
    pub fn book(&self) -> &Bytes {
        &self.book
    }

    /// Returns the best chain's hashes. They start with genesis, unless the chain begins above a
    /// checkpoint.
    pub fn best(&self) -> &[Hash] {
        &self.best
    }

    /// Returns a stored header with the total work up to it.
    pub fn header(&self, hash: &Hash) -> Option<&(Header, Work)> {
        self.headers.get(hash)
    }

    /// Returns a stored block's encoding.
    pub fn body(&self, hash: &Hash) -> Option<&Bytes> {
        self.bodies.get(hash)
    }

    /// Returns the stored history up to and including a header.
    pub fn checkpoint(&self, height: u64, hash: &Hash) -> Option<&Mmr> {
        self.checkpoints.get(&(height, *hash))
    }

    /// Returns true if a header is on the best chain.
    pub fn is_best(&self, hash: &Hash) -> bool {
        self.headers.get(hash).is_some_and(|(header, _)| self.best_at(header.height) == Some(hash))
    }

    /// Returns the answer to [`PeerRequest::Headers`].
    pub fn headers_after(&self, locator: &[Hash]) -> Vec<Header> {
        let start = locator.iter().find(|hash| self.is_best(hash)).and_then(|hash| self.headers.get(hash));
        let first = start.map_or(0, |(header, _)| header.height) + 1;
        let hashes = (first..).map_while(|height| self.best_at(height)).take(HEADERS_MAX);
        hashes.filter_map(|hash| self.headers.get(hash)).map(|(header, _)| *header).collect()
    }

    /// Returns every stored block that contains a message.
    pub fn seen(&self, index: usize, id: &MessageId) -> Vec<KnownIn> {
        let blocks = self.messages.get(id).into_iter().flatten();
        let seen = blocks.filter_map(|hash| {
            let height = self.headers.get(hash)?.0.height;
            Some(KnownIn { index, block: *hash, height, best: self.is_best(hash) })
        });
        seen.collect()
    }

    /// Returns the answer to a [`StoreQuery`].
    pub fn recall(&self, recall: &StoreQuery) -> StoreReply {
        match recall {
            StoreQuery::LoadMmr(hash) => StoreReply::Base(*hash, self.root(hash)),
            StoreQuery::Bodies(hashes) => {
                StoreReply::Bodies(hashes.iter().filter_map(|hash| self.bodies.get(hash)).cloned().collect())
            }
        }
    }

    /// Returns the answer to [`PeerRequest::Proof`]. Returns `None` if the chain begins above genesis, as
    /// a light node's may.
    pub fn prove(&self, network: &Network) -> Option<Vec<u8>> {
        Prover::new(self)?.prove(network)
    }

    fn root(&self, hash: &Hash) -> Option<(Mmr, Vec<Header>)> {
        let height = self.headers.get(hash).filter(|_| self.is_best(hash))?.0.height;
        Some(self.span(height, height))
    }

    /// Returns the best chain's newest checkpoint below `from`, and its headers after that up to
    /// and including `to`.
    fn span(&self, from: u64, to: u64) -> (Mmr, Vec<Header>) {
        let from = from.max(self.base);
        let first = self.best.first().and_then(|hash| self.headers.get(hash));
        let below = |height, hash: &Hash| {
            self.best_at(height) == Some(hash)
                || height + 1 == self.base && first.is_some_and(|(first, _)| first.prev_hash == *hash)
        };
        let checkpoint = self
            .checkpoints
            .range(..(from, Hash::ZERO))
            .rev()
            .find(|((height, hash), _)| below(*height, hash));
        let history = checkpoint.map(|(_, history)| history.clone()).unwrap_or_default();
        let headers =
            (history.leaves()..=to).filter_map(|height| Some(self.headers.get(self.best_at(height)?)?.0));
        let headers = headers.collect();
        (history, headers)
    }

    /// Returns the chain as of the last stored change.
    ///
    /// # Errors
    /// The stored headers are not a chain.
    pub fn restore(&self, network: Network) -> Result<Chain, RestoreError> {
        let tip = self.height();
        let (history, headers) = self.span(tip.saturating_sub(WINDOW_MAX as u64), tip);
        Chain::restore(network, history, &headers)
    }
}

//! What a driver must remember, and a memory that remembers it: the meaning that every store has to agree with.
//!
//! The node's wishes to persist are lists of [`Change`]s. A list is applied as a whole or not at all, in the order of
//! wishes. A store may keep blocks that are on no branch of interest any more for as long as it likes.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;

use crate::block::Header;
use crate::chain::{Chain, RestoreError, WINDOW_MAX};
use crate::check::Seen;
use crate::hash::Hash;
use crate::history::History;
use crate::message::MessageId;
use crate::network::Network;
use crate::pow::Work;

/// Histories are remembered for every so many heights, so that any history is near.
pub const CHECKPOINT_BLOCKS: u64 = 1_024;
/// The most headers of one answer.
pub const HEADERS_MAX: usize = 2_000;

/// One thing to remember.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A checked header, on whatever branch; its parent is remembered already.
    Header {
        /// Its hash.
        hash: Hash,
        /// The header.
        header: Header,
        /// The sum of work up to and with it.
        total_work: Work,
    },
    /// A verified block, on whatever branch; its header is remembered already.
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
    /// The history up to and with a header: of the heights that are multiples of [`CHECKPOINT_BLOCKS`], and of the one
    /// that a proven branch begins above.
    Checkpoint {
        /// The header's height.
        height: u64,
        /// The header's hash.
        hash: Hash,
        /// The history.
        history: History,
    },
    /// The best chain now ends in this remembered header; up to height `fork` it is as it was. Light nodes go over to a proven
    /// branch so: then the header above `fork` follows the checkpoint there, and nothing is remembered of the chain below.
    Tip {
        /// The new tip's hash.
        hash: Hash,
        /// Its height.
        height: u64,
        /// The height of the last block that the old and new best chains share.
        fork: u64,
    },
    /// A message of our own that waits for a block: submitted again after a restart.
    Pooled {
        /// Its id.
        id: MessageId,
        /// Its encoding.
        message: Bytes,
    },
    /// The address book as it is now, in the place of what was remembered of it.
    Book {
        /// Its encoding, at most [`crate::book::BOOK_BYTES_MAX`].
        encoded: Bytes,
    },
    /// A message waits no more: it is in a block, or too old for one.
    Unpooled {
        /// Its id.
        id: MessageId,
    },
}

/// What the node wants to know of what it had persisted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recall {
    /// The history up to and with this block of the best chain.
    Base(Hash),
    /// The encodings of these blocks.
    Bodies(Vec<Hash>),
}

/// The answer to a [`Recall`].
#[derive(Clone, Debug)]
pub enum Recalled {
    /// A checkpoint below the block (none: an empty history), and the headers after it up to and with the block; `None` when the block is
    /// not on the best chain.
    Base(Hash, Option<(History, Vec<Header>)>),
    /// The encodings found, in the order asked for.
    Bodies(Vec<Bytes>),
}

/// What the node wants a peer to be sent from the store, at the peer's pace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Serve {
    /// The headers of the best chain after the first of these hashes that is on it (else after genesis), at most
    /// [`HEADERS_MAX`], as one packet.
    Headers(Vec<Hash>),
    /// These blocks, a packet each; one that is not stored is answered as missing.
    Bodies(Vec<Hash>),
    /// The proof of the best chain, as one packet.
    Proof,
}

mod prover;

use self::prover::Prover;

/// A memory that remembers.
#[derive(Clone, Debug, Default)]
pub struct Journal {
    headers: BTreeMap<Hash, (Header, Work)>,
    bodies: BTreeMap<Hash, Bytes>,
    checkpoints: BTreeMap<(u64, Hash), History>,
    best: Vec<Hash>,
    /// The height of the first of `best`.
    base: u64,
    messages: BTreeMap<MessageId, Vec<Hash>>,
    pooled: BTreeMap<MessageId, Bytes>,
    book: Bytes,
}

impl Journal {
    /// A memory with nothing but genesis.
    pub fn new(network: &Network) -> Self {
        let (hash, genesis) = (*network.id(), *network.genesis());
        let history = History::default().append(genesis.record(hash));
        Self {
            headers: BTreeMap::from([(hash, (genesis, Work::ZERO))]),
            bodies: BTreeMap::from([(hash, network.genesis_block().encode().into())]),
            checkpoints: BTreeMap::from([((0, hash), history)]),
            best: vec![hash],
            base: 0,
            messages: BTreeMap::new(),
            pooled: BTreeMap::new(),
            book: Bytes::new(),
        }
    }

    /// Remembers one wish.
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

    /// The best chain's hash at a height.
    pub fn best_at(&self, height: u64) -> Option<&Hash> {
        self.best.get(usize::try_from(height.checked_sub(self.base)?).ok()?)
    }

    /// The height of the lowest remembered block of the best chain.
    pub fn base(&self) -> u64 {
        self.base
    }

    fn height(&self) -> u64 {
        self.base + (self.best.len() as u64).saturating_sub(1)
    }

    /// The encodings of our own messages that wait for a block.
    pub fn pooled(&self) -> impl Iterator<Item = &Bytes> {
        self.pooled.values()
    }

    /// The address book's encoding; empty before the first was remembered.
    pub fn book(&self) -> &Bytes {
        &self.book
    }

    /// The best chain's hashes, from genesis on unless it begins above a checkpoint.
    pub fn best(&self) -> &[Hash] {
        &self.best
    }

    /// A remembered header with the total work up to it.
    pub fn header(&self, hash: &Hash) -> Option<&(Header, Work)> {
        self.headers.get(hash)
    }

    /// A remembered block's encoding.
    pub fn body(&self, hash: &Hash) -> Option<&Bytes> {
        self.bodies.get(hash)
    }

    /// The history up to and with a header of which it is remembered.
    pub fn checkpoint(&self, height: u64, hash: &Hash) -> Option<&History> {
        self.checkpoints.get(&(height, *hash))
    }

    /// Whether a header is on the best chain.
    pub fn is_best(&self, hash: &Hash) -> bool {
        self.headers.get(hash).is_some_and(|(header, _)| self.best_at(header.height) == Some(hash))
    }

    /// Answers [`Serve::Headers`].
    pub fn headers_after(&self, locator: &[Hash]) -> Vec<Header> {
        let start = locator.iter().find(|hash| self.is_best(hash)).and_then(|hash| self.headers.get(hash));
        let first = start.map_or(0, |(header, _)| header.height) + 1;
        let hashes = (first..).map_while(|height| self.best_at(height)).take(HEADERS_MAX);
        hashes.filter_map(|hash| self.headers.get(hash)).map(|(header, _)| *header).collect()
    }

    /// Every remembered block that a message is in.
    pub fn seen(&self, index: usize, id: &MessageId) -> Vec<Seen> {
        let blocks = self.messages.get(id).into_iter().flatten();
        let seen = blocks.filter_map(|hash| {
            let height = self.headers.get(hash)?.0.height;
            Some(Seen { index, block: *hash, height, best: self.is_best(hash) })
        });
        seen.collect()
    }

    /// Answers a [`Recall`].
    pub fn recall(&self, recall: &Recall) -> Recalled {
        match recall {
            Recall::Base(hash) => Recalled::Base(*hash, self.root(hash)),
            Recall::Bodies(hashes) => {
                Recalled::Bodies(hashes.iter().filter_map(|hash| self.bodies.get(hash)).cloned().collect())
            }
        }
    }

    /// Answers [`Serve::Proof`]; none if the chain begins above genesis, as that of a light node may.
    pub fn prove(&self, network: &Network) -> Option<Vec<u8>> {
        Prover::new(self)?.prove(network)
    }

    fn root(&self, hash: &Hash) -> Option<(History, Vec<Header>)> {
        let height = self.headers.get(hash).filter(|_| self.is_best(hash))?.0.height;
        Some(self.span(height, height))
    }

    /// The best chain's newest checkpoint below `from`, and its headers after that up to and with `to`.
    fn span(&self, from: u64, to: u64) -> (History, Vec<Header>) {
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

    /// The chain as it was when the last change was remembered.
    ///
    /// # Errors
    /// When what is remembered is not a chain.
    pub fn restore(&self, network: Network) -> Result<Chain, RestoreError> {
        let tip = self.height();
        let (history, headers) = self.span(tip.saturating_sub(WINDOW_MAX as u64), tip);
        Chain::restore(network, history, &headers)
    }
}

//! The store: what is remembered, in redb.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use plexus_core::block::Header;
use plexus_core::chain::Chain;
use plexus_core::check::Seen;
use plexus_core::hash::Hash;
use plexus_core::journal::{Change, Recall, Recalled};
use plexus_core::message::MessageId;
use plexus_core::network::Network;
use plexus_core::pow::Work;

mod error;

pub use self::error::StoreError;

/// The most blocks of one answer.
pub const BLOCKS_MAX: usize = 1_024;
/// An answer of blocks ends with the block that takes it over so many bytes.
pub const BLOCKS_BYTES_MAX: usize = 4 << 20;

/// Where a block is and how it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its hash.
    pub hash: Hash,
    /// Its height.
    pub height: u64,
    /// The sum of work up to and with it.
    pub total_work: Work,
}

/// A stored block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredBlock {
    /// Where it is.
    pub place: Place,
    /// Its encoding.
    pub block: Bytes,
}

/// A message in a block of the best chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// The block.
    pub block: Hash,
    /// Its height.
    pub height: u64,
    /// The message's place in the block.
    pub index: usize,
}

/// What is remembered.
#[derive(Debug)]
pub struct Store {}

type Result<T> = std::result::Result<T, StoreError>;

impl Store {
    /// Opens the store in the directory `data`, which is made if it is missing.
    ///
    /// # Errors
    /// A directory in use by another node, a store of another network or format, a damaged file, or the disk's.
    pub fn open(data: &Path, network: &Network) -> Result<Arc<Self>> {
        let _ = (data, network);
        Err(StoreError::Skeleton)
    }

    /// The chain as it was when the last change was applied.
    ///
    /// What is damaged is cut off, loudly: a node fetches it again from its peers.
    ///
    /// # Errors
    /// The disk's.
    pub fn restore(&self, network: Network) -> Result<Chain> {
        let _ = network;
        Err(StoreError::Skeleton)
    }

    /// Remembers some wishes, in their order, as one durable transaction.
    ///
    /// # Errors
    /// The disk's.
    pub fn apply(&self, changes: &[Change]) -> Result<()> {
        let _ = changes;
        Err(StoreError::Skeleton)
    }

    /// The tip of the best chain.
    ///
    /// # Errors
    /// The disk's.
    pub fn tip(&self) -> Result<Place> {
        Err(StoreError::Skeleton)
    }

    /// A remembered header, of whatever branch, with the total work up to it.
    ///
    /// # Errors
    /// The disk's.
    pub fn header(&self, hash: &Hash) -> Result<Option<(Header, Work)>> {
        let _ = hash;
        Err(StoreError::Skeleton)
    }

    /// A remembered block, of whatever branch.
    ///
    /// # Errors
    /// The disk's.
    pub fn block(&self, hash: &Hash) -> Result<Option<StoredBlock>> {
        let _ = hash;
        Err(StoreError::Skeleton)
    }

    /// The best chain's hash at a height.
    ///
    /// # Errors
    /// The disk's.
    pub fn hash_at(&self, height: u64) -> Result<Option<Hash>> {
        let _ = height;
        Err(StoreError::Skeleton)
    }

    /// Whether a header is on the best chain.
    ///
    /// # Errors
    /// The disk's.
    pub fn is_best(&self, hash: &Hash) -> Result<bool> {
        let _ = hash;
        Err(StoreError::Skeleton)
    }

    /// The blocks of the best chain from a height on, rising: at most `limit`, [`BLOCKS_MAX`] and [`BLOCKS_BYTES_MAX`]. The
    /// answer is empty only above the tip.
    ///
    /// # Errors
    /// The disk's.
    pub fn blocks(&self, from: u64, limit: usize) -> Result<Vec<StoredBlock>> {
        let _ = (from, limit);
        Err(StoreError::Skeleton)
    }

    /// Where on the best chain a message is.
    ///
    /// # Errors
    /// The disk's.
    pub fn find_message(&self, id: &MessageId) -> Result<Option<Found>> {
        let _ = id;
        Err(StoreError::Skeleton)
    }

    /// The headers of the best chain after the first of these hashes that is on it, else after genesis.
    ///
    /// # Errors
    /// The disk's.
    pub fn headers_after(&self, locator: &[Hash]) -> Result<Vec<Header>> {
        let _ = locator;
        Err(StoreError::Skeleton)
    }

    /// Every remembered block that a message is in.
    ///
    /// # Errors
    /// The disk's.
    pub fn seen(&self, index: usize, id: &MessageId) -> Result<Vec<Seen>> {
        let _ = (index, id);
        Err(StoreError::Skeleton)
    }

    /// Answers a node's question.
    ///
    /// # Errors
    /// The disk's.
    pub fn recall(&self, recall: &Recall) -> Result<Recalled> {
        let _ = recall;
        Err(StoreError::Skeleton)
    }
}

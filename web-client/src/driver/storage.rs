//! The storage: the part of the chain that a tab keeps, and the writes that become durable
//! next.

use plexus_core::node::storage::Change;
use plexus_core::primitives::params::Network;

use crate::browser::database::Write;
use crate::chain_view::block_cache::BlockCache;
use crate::chain_view::chain_store::{ChainStore, ChainStoreError};

/// The name under which the user's last settings for the miners are stored.
pub(super) const MINING_SETTINGS: &str = "effort";

/// Returns the prefix of a network's part of the store.
pub(super) fn prefix(network: &Network) -> String {
    format!("{}/", network.id())
}

/// The kept part of the chain, and the pending writes.
#[derive(Debug)]
pub(super) struct Storage {
    /// The prefix of the network's part of the store.
    prefix: String,
    /// `None` if another page keeps the chain, if there is no place for it, or after a failure.
    chain_store: Option<ChainStore>,
    /// The newest blocks, in memory only.
    pub(super) block_cache: BlockCache,
    writes: Vec<Write>,
}

impl Storage {
    /// Creates a storage with nothing to write.
    pub(super) fn new(prefix: String, chain_store: Option<ChainStore>) -> Self {
        Self { prefix, chain_store, block_cache: BlockCache::default(), writes: Vec::new() }
    }

    /// Returns true if the chain outlives a reload.
    pub(super) fn keeps_chain(&self) -> bool {
        self.chain_store.is_some()
    }

    /// Keeps nothing of the chain from now on.
    pub(super) fn forget_chain(&mut self) {
        self.chain_store = None;
    }

    /// Applies the node's changes to the kept part of the chain.
    ///
    /// # Errors
    /// They do not fit. The kept part is erased, and nothing is kept from now on.
    pub(super) fn apply(&mut self, changes: &[Change]) -> Result<(), ChainStoreError> {
        let Some(chain_store) = &mut self.chain_store else { return Ok(()) };
        let (writes, result) = match chain_store.apply(changes) {
            Ok(writes) => (writes, Ok(())),
            Err(error) => {
                self.chain_store = None;
                (ChainStore::erase(), Err(error))
            }
        };
        self.writes.extend(writes.into_iter().map(|write| write.within(&self.prefix)));
        result
    }

    /// Adds a write to the next ones.
    pub(super) fn put(&mut self, write: Write) {
        self.writes.push(write);
    }

    /// Adds a write to the network's part of the store.
    pub(super) fn put_of_network(&mut self, write: Write) {
        self.writes.push(write.within(&self.prefix));
    }

    /// Returns the writes that are to be made durable, if there are any.
    pub(super) fn take_writes(&mut self) -> Option<Vec<Write>> {
        (!self.writes.is_empty()).then(|| core::mem::take(&mut self.writes))
    }
}

//! The storage: what a tab keeps of the chain, and the writes that are to be made durable next.

use plexus_core::node::storage::Change;

use crate::browser::database::Write;
use crate::chain_view::block_cache::Recent;
use crate::chain_view::chain_store::{ArchiveError, ChainStore};

/// The kept part of the chain, and the pending writes.
#[derive(Debug)]
pub(super) struct Storage {
    /// The prefix of the network's part of the store.
    prefix: String,
    /// `None` if another page keeps the chain, if there is no place for it, or after a failure.
    archive: Option<ChainStore>,
    /// The newest blocks, in memory only.
    pub(super) recent: Recent,
    writes: Vec<Write>,
}

impl Storage {
    /// Creates a storage with nothing to write.
    pub(super) fn new(prefix: String, archive: Option<ChainStore>) -> Self {
        Self { prefix, archive, recent: Recent::default(), writes: Vec::new() }
    }

    /// Returns true if the chain outlives a reload.
    pub(super) fn keeps_chain(&self) -> bool {
        self.archive.is_some()
    }

    /// Keeps nothing of the chain from now on.
    pub(super) fn forget_chain(&mut self) {
        self.archive = None;
    }

    /// Applies the node's changes to the kept part of the chain.
    ///
    /// # Errors
    /// They do not fit. The kept part is erased, and nothing is kept from now on.
    pub(super) fn apply(&mut self, changes: &[Change]) -> Result<(), ArchiveError> {
        let Some(archive) = &mut self.archive else { return Ok(()) };
        let (writes, result) = match archive.apply(changes) {
            Ok(writes) => (writes, Ok(())),
            Err(error) => {
                self.archive = None;
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

//! Shared storage: values that thousands of hosts have in common, and memory holds once: stored
//! blocks, frames under way, and answers about signatures.

use super::frame_interner::FrameInterner;
use super::signature_cache::SignatureCache;
use super::store::{Archive, HostStore};
use crate::ledger::signature_batch::{BatchResult, SignatureBatch};
use crate::primitives::params::Network;

/// The state that all hosts share.
#[derive(Debug)]
pub(super) struct SharedStorage {
    pub(super) archive: Archive,
    pub(super) frames: FrameInterner,
    signatures: SignatureCache,
}

impl SharedStorage {
    /// Creates a storage that holds only the genesis block.
    pub(super) fn new(network: &Network) -> Self {
        Self {
            archive: Archive::new(network),
            frames: FrameInterner::default(),
            signatures: SignatureCache::default(),
        }
    }

    /// Returns the answer to a batch of the host that has this store.
    pub(super) fn verify(&mut self, store: &HostStore, batch: &SignatureBatch) -> BatchResult {
        let checks = batch.checks.iter().enumerate();
        let broken = checks.filter(|(_, check)| !self.signatures.holds(check)).map(|(index, _)| index);
        let broken = broken.collect();
        let ids = batch.ids.iter().enumerate();
        let seen = ids.flat_map(|(index, id)| store.seen(&self.archive, index, id)).collect();
        BatchResult { id: batch.id, broken, seen }
    }
}

//! Proofs of the best chain, and proofs of its messages, made from one snapshot of the store.
//!
//! A chain proof reads some ten thousand nodes, and the bodies of the blocks that it shows: about a
//! thousand. The newest proof is kept, so that many requests for it cost no more than one. The rest
//! of a message's proof reads one body and some twenty nodes.

use std::sync::PoisonError;

use bytes::Bytes;
use plexus_core::ledger::signature_batch::KnownIn;
use plexus_core::primitives::block::Block;
use plexus_core::primitives::hash::Hash;
use plexus_core::primitives::message::MessageId;
use plexus_core::primitives::mmr::{MmrNode, Position, siblings};
use plexus_core::primitives::params::Network;
use plexus_core::proof::chain_proof::{self, Opened, ProofSource, ProveError};
use plexus_core::proof::inclusion_proof::Receipt;

use super::mmr_nodes::{self, CHUNK, CHUNK_LEVEL};
use super::{Snapshot, Store, StoreError, StoreResult};

/// A chain proof that is kept for further requests.
#[derive(Debug)]
pub(super) struct Kept {
    tip: Hash,
    proof: Bytes,
}

impl Store {
    /// Returns the proof of the best chain up to its tip. It is made once for each tip. Concurrent
    /// callers wait for it.
    ///
    /// # Errors
    /// The disk fails.
    pub fn prove(&self, network: &Network) -> StoreResult<Bytes> {
        self.kept_proof(&self.view()?, network)
    }

    fn kept_proof(&self, view: &Snapshot, network: &Network) -> StoreResult<Bytes> {
        let mut kept = self.kept_proof.lock().unwrap_or_else(PoisonError::into_inner);
        let (height, tip) = view.last()?;
        if let Some(kept) = kept.as_ref().filter(|kept| kept.tip == tip) {
            return Ok(kept.proof.clone());
        }
        let proof = Bytes::from(view.prove(network, height)?);
        *kept = Some(Kept { tip, proof: proof.clone() });
        Ok(proof)
    }

    /// Returns the proof of a message in a block of the best chain, from one snapshot. Returns
    /// `None` for any other message.
    ///
    /// # Errors
    /// The disk fails.
    pub fn receipt(&self, network: &Network, id: &MessageId) -> StoreResult<Option<Receipt>> {
        let (view, seen) = self.look_up(std::slice::from_ref(id))?;
        let Some(KnownIn { block: hash, height, .. }) = seen.into_iter().find(|seen| seen.best) else {
            return Ok(None);
        };
        let mut prover = SnapshotProver { view: &view, chunk: None };
        let block = prover.block(height, &hash)?;
        let index = block.messages.iter().position(|message| message.id(network.id()) == *id);
        let Some(index) = index else { return Ok(None) };
        let leaves = view.last()?.0 + 1;
        let path =
            siblings(leaves, height).map(|position| prover.node(position)).collect::<StoreResult<_>>()?;
        Ok(Receipt::new(network, &block, index, path, self.kept_proof(&view, network)?.to_vec()))
    }
}

impl Snapshot {
    /// Returns the proof of the best chain up to a height, at most its tip's.
    ///
    /// # Errors
    /// The disk fails, or the height is above the tip's.
    pub fn prove(&self, network: &Network, height: u64) -> StoreResult<Vec<u8>> {
        let proven = chain_proof::prove(network, height, &mut SnapshotProver { view: self, chunk: None });
        proven.map_err(|error| match error {
            ProveError::Source(error) => error,
            ProveError::Chain(error) => StoreError::Proof(error),
        })
    }
}

/// Reads a snapshot for the prover.
struct SnapshotProver<'a> {
    view: &'a Snapshot,
    /// The number and leaves of the chunk that was read last. Provers ask for neighbouring leaves
    /// one after the other.
    chunk: Option<(u64, Vec<MmrNode>)>,
}

impl SnapshotProver<'_> {
    /// Returns the leaves of a chunk, at least those below the tip.
    fn chunk(&mut self, number: u64) -> StoreResult<&[MmrNode]> {
        if self.chunk.as_ref().is_none_or(|(held, _)| *held != number) {
            let headers = self.view.headers(number << CHUNK_LEVEL, 1 << CHUNK_LEVEL)?;
            self.chunk = Some((number, mmr_nodes::leaves(&headers)));
        }
        Ok(self.chunk.as_ref().map_or(&[], |(_, leaves)| leaves))
    }

    fn block(&self, height: u64, hash: &Hash) -> StoreResult<Block> {
        let Some(body) = self.view.body_at(height, hash)? else {
            let pruned = self.view.pruned_error(height, hash)?;
            return Err(pruned.unwrap_or_else(|| StoreError::missing("block", hash)));
        };
        Block::decode(&body).map_err(|error| StoreError::record("body", hash, &error))
    }
}

impl ProofSource for SnapshotProver<'_> {
    type Error = StoreError;

    fn node(&mut self, position: Position) -> StoreResult<MmrNode> {
        let missing =
            || StoreError::missing("node", format!("{} of level {}", position.index, position.level));
        if position.level >= CHUNK_LEVEL {
            return self.view.node(position)?.ok_or_else(missing);
        }
        let first = position.index << position.level;
        let leaves = self.chunk(first >> CHUNK_LEVEL)?;
        let start = usize::try_from(first % CHUNK).unwrap_or(usize::MAX);
        let leaves = leaves.get(start..start.saturating_add(1 << position.level));
        leaves.and_then(|leaves| mmr_nodes::fold(leaves, position.level)).ok_or_else(missing)
    }

    fn opened(&mut self, height: u64) -> StoreResult<Opened> {
        let hash = self.view.hash_at(height)?.ok_or_else(|| StoreError::missing("block", height))?;
        if let Some((body_root, extra)) = self.view.pruned_at(height)? {
            let header = self.view.header_at(height, &hash)?;
            let (header, _) = header.ok_or_else(|| StoreError::missing("header", hash))?;
            return Ok(Opened { header, body_root, extra });
        }
        Ok(Opened::of(&self.block(height, &hash)?))
    }
}

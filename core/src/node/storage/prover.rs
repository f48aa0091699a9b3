//! Proofs of the chain that a journal stores. All MMR nodes are computed at once.

use super::Journal;
use crate::primitives::block::Block;
use crate::primitives::mmr::{MmrNode, Position};
use crate::primitives::params::Network;
use crate::proof::chain_proof::{self, Opened, ProofSource};

/// A journal, and the MMR over its best chain.
pub(super) struct Prover<'a> {
    journal: &'a Journal,
    /// The nodes of each level, from the leaves up.
    levels: Vec<Vec<MmrNode>>,
}

/// The journal lacks a header or a body.
pub(super) struct Missing;

impl<'a> Prover<'a> {
    /// Reads the journal's headers. Returns `None` if they do not begin with genesis.
    pub(super) fn new(journal: &'a Journal) -> Option<Self> {
        if journal.base > 0 {
            return None;
        }
        let leaf = |hash| journal.headers.get(hash).map(|(header, _)| header.record(*hash));
        let mut levels = vec![journal.best.iter().map(leaf).collect::<Option<Vec<_>>>()?];
        while let Some(below) = levels.last().filter(|level| level.len() > 1) {
            let above = below.chunks_exact(2).map(|pair| MmrNode::parent(&pair[0], &pair[1])).collect();
            levels.push(above);
        }
        Some(Self { journal, levels })
    }

    pub(super) fn prove(mut self, network: &Network) -> Option<Vec<u8>> {
        chain_proof::prove(network, self.journal.height(), &mut self).ok()
    }
}

impl ProofSource for Prover<'_> {
    type Error = Missing;

    fn node(&mut self, position: Position) -> Result<MmrNode, Missing> {
        let level = usize::try_from(position.level).ok().and_then(|level| self.levels.get(level));
        let index = usize::try_from(position.index).map_err(|_| Missing)?;
        level.and_then(|level| level.get(index)).copied().ok_or(Missing)
    }

    fn opened(&mut self, height: u64) -> Result<Opened, Missing> {
        let hash = self.journal.best_at(height).ok_or(Missing)?;
        let Some(body) = self.journal.bodies.get(hash) else {
            return self.journal.opened.get(hash).copied().ok_or(Missing);
        };
        Block::decode(body).map(|block| Opened::of(&block)).map_err(|_| Missing)
    }
}

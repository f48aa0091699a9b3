//! Moves a chain from a file into a store: every rule and every signature is verified first.
//!
//! Blocks are stored in pieces. An import that is cut off leaves a sound store with the blocks up
//! to some piece, and another import of the same file goes on from there: it reads the known blocks
//! again, but neither verifies their signatures nor writes them.

use std::io::BufRead;

use anyhow::{Context, bail, ensure};
use plexus_core::ledger::fork_choice::{self, BranchEnd};
use plexus_core::node::storage::{CHECKPOINT_BLOCKS, Change};
use plexus_core::primitives::block::Block;
use plexus_core::primitives::hash::Hash;
use plexus_core::primitives::pow::Work;
use plexus_core::primitives::time::Timestamp;

use super::ChainReader;
use super::verifier::ChainVerifier;
use crate::store::Store;

/// The bytes of blocks from which on a piece is stored.
const PIECE_BYTES: usize = 8 << 20;
/// The most blocks of a piece.
const PIECE_BLOCKS: usize = 1_024;

/// The outcome of an import.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Imported {
    /// The height of the file's last block.
    pub height: u64,
    /// Its hash.
    pub tip: Hash,
    /// The number of blocks that were stored, which the store did not have before.
    pub stored: u64,
    /// True if the store's best chain now ends in the file's last block.
    pub is_best: bool,
}

/// Verifies the chain in a file, and stores the blocks that the store lacks. The store's best chain
/// changes only if the file's has more work. `step` gets the height after each block, and returns
/// false to give up.
///
/// # Errors
/// The file is of another network, damaged, or breaks a rule, `step` gives up, or the disk fails.
/// The error names the block. The valid blocks before it stay stored.
pub fn import(
    reader: &mut ChainReader<impl BufRead>,
    store: &Store,
    local: Timestamp,
    mut step: impl FnMut(u64) -> bool,
) -> anyhow::Result<Imported> {
    let (found, expected) = (*reader.network().id(), *store.network());
    if found != expected {
        let name = reader.network().name();
        bail!(
            "the file has the chain of the network {name} ({found}), not of {expected}: name it with --network"
        );
    }
    let mut import = Importer::new(store, ChainVerifier::begin(reader)?, local);
    loop {
        let block = match reader.block() {
            Ok(Some(block)) => block,
            Ok(None) => break,
            Err(error) => {
                // The blocks before the damage are valid, so they need not be read again.
                import.finish()?;
                return Err(error);
            }
        };
        import.push(&block)?;
        ensure!(step(block.header.height), "given up at block {}", block.header.height);
    }
    import.finish()
}

/// Takes a chain block by block into a store.
#[derive(Debug)]
pub struct Importer<'a> {
    store: &'a Store,
    verifier: ChainVerifier,
    local: Timestamp,
    /// The height of the last block that the file and the store's best chain share.
    fork: u64,
    /// True as long as all blocks were on the store's best chain.
    is_known: bool,
    piece: Piece,
    stored: u64,
}

/// Blocks that are stored in one transaction.
#[derive(Debug, Default)]
struct Piece {
    changes: Vec<Change>,
    blocks: usize,
    bytes: usize,
}

impl<'a> Importer<'a> {
    /// Creates the importer of a chain that so far has its genesis block.
    pub fn new(store: &'a Store, verifier: ChainVerifier, local: Timestamp) -> Self {
        Self { store, verifier, local, fork: 0, is_known: true, piece: Piece::default(), stored: 0 }
    }

    /// Returns the height and hash of the last block.
    pub fn tip(&self) -> (u64, Hash) {
        let (header, hash) = self.verifier.tip();
        (header.height, hash)
    }

    /// Verifies a block, and stores it with the piece that it completes.
    ///
    /// # Errors
    /// The block breaks a rule, a signature of its piece is invalid, or the disk fails. The error
    /// names the block.
    pub fn push(&mut self, block: &Block) -> anyhow::Result<()> {
        let (height, hash) = (block.header.height, block.header.hash());
        self.is_known = self.is_known && self.store.hash_at(height)? == Some(hash);
        // The store verified the signatures of its blocks, and a header commits to all of its body.
        let pushed = self.verifier.push(block, self.local, !self.is_known);
        let (hash, ids) = match pushed {
            Ok(pushed) => pushed,
            Err(error) => {
                self.store_piece()?;
                return Err(error);
            }
        };
        if self.is_known {
            self.fork = height;
            return Ok(());
        }
        let encoded = block.encode();
        self.piece.bytes += encoded.len();
        self.piece.blocks += 1;
        let history = self.verifier.history();
        self.piece.changes.push(Change::Header { hash, header: block.header, total_work: history.work() });
        self.piece.changes.push(Change::Body { hash, height, block: encoded.into(), ids: ids.into() });
        if height.is_multiple_of(CHECKPOINT_BLOCKS) {
            self.piece.changes.push(Change::Checkpoint { height, hash, history: history.clone() });
        }
        let is_full = self.piece.bytes >= PIECE_BYTES || self.piece.blocks >= PIECE_BLOCKS;
        if is_full || self.verifier.is_round_full() { self.store_piece() } else { Ok(()) }
    }

    /// Stores the last piece. Returns what was imported so far.
    ///
    /// # Errors
    /// A signature of the piece is invalid, or the disk fails.
    pub fn finish(&mut self) -> anyhow::Result<Imported> {
        self.store_piece()?;
        let (height, tip) = self.tip();
        Ok(Imported { height, tip, stored: self.stored, is_best: self.store.is_best(&tip)? })
    }

    /// Verifies the signatures of the piece, and stores it. The tip moves as soon as the file's
    /// chain replaces the store's.
    fn store_piece(&mut self) -> anyhow::Result<()> {
        self.verifier.verify_signatures()?;
        let mut piece = std::mem::take(&mut self.piece);
        if piece.blocks == 0 {
            return Ok(());
        }
        let (header, hash) = self.verifier.tip();
        let own = self.store.tip()?;
        let own_work = self.store.header(&own.hash)?.map_or(Work::ZERO, |(header, _)| header.work());
        let own = BranchEnd { total_work: own.total_work, tip_work: own_work };
        let found = BranchEnd { total_work: self.verifier.history().work(), tip_work: header.work() };
        if fork_choice::replaces(found, own) {
            piece.changes.push(Change::Tip { hash, height: header.height, fork: self.fork });
            self.fork = header.height;
        }
        let stored = self.store.apply(&piece.changes);
        stored.with_context(|| format!("the blocks up to {} cannot be stored", header.height))?;
        self.stored += piece.blocks as u64;
        Ok(())
    }
}

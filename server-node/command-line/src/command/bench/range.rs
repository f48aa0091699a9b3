//! A chain of headers in memory that proofs are made of. It takes 100 bytes a block, because the
//! lowest nodes are not kept.
//!
//! Its blocks are on the dev network and have no bodies: a proof shows only the roots of bodies.

use std::convert::Infallible;

use anyhow::Context;
use plexus_core::mining::search::grind;
use plexus_core::primitives::block::{Header, VERSION, content_root};
use plexus_core::primitives::hash::Hash;
use plexus_core::primitives::mmr::{Mmr, MmrNode, Position};
use plexus_core::primitives::params::Network;
use plexus_core::proof::chain_proof::{Opened, ProofSource};

/// The most blocks: their headers fit 10 GiB.
pub(super) const BLOCKS_MAX: u64 = 100_000_000;
/// The lowest level whose nodes are kept. Lower nodes are computed from headers on demand.
const KEPT_LEVEL: u32 = 5;

/// The headers and the MMR over them.
pub(super) struct SyntheticRange {
    headers: Vec<Header>,
    history: Mmr,
    /// The nodes from [`KEPT_LEVEL`] upwards.
    levels: Vec<Vec<MmrNode>>,
}

impl SyntheticRange {
    pub(super) fn new(network: &Network) -> Self {
        let history = Mmr::default().append(network.genesis().record(*network.id()));
        Self { headers: vec![*network.genesis()], history, levels: Vec::new() }
    }

    pub(super) fn height(&self) -> u64 {
        self.history.leaves() - 1
    }

    pub(super) fn tip(&self) -> &Header {
        &self.headers[self.headers.len() - 1]
    }

    /// Mines the next block, 1 to 30 s after the last.
    pub(super) fn mine(&mut self, network: &Network) -> anyhow::Result<()> {
        let (parent, prev_hash) = (*self.tip(), self.tip().hash());
        let time = parent.time.plus_ms(1_000 + u64::from(prev_hash.as_bytes()[31]) * 110);
        let mut header = Header {
            prev_hash,
            content_root: content_root(&self.history.root(), &body_root(parent.height + 1), 0),
            version: VERSION,
            height: parent.height + 1,
            time,
            bits: network.next_bits(&parent, time),
            nonce: 0,
        };
        header.nonce = grind(&header, u64::MAX).context("no nonce solves the block")?;
        self.history = self.history.append(header.record(header.hash()));
        self.headers.push(header);
        if self.history.leaves().is_multiple_of(1 << KEPT_LEVEL) {
            let index = (self.history.leaves() >> KEPT_LEVEL) - 1;
            let node = self.fold(Position { level: KEPT_LEVEL, index });
            self.keep(node);
        }
        Ok(())
    }

    fn keep(&mut self, mut node: MmrNode) {
        for level in 0.. {
            if self.levels.len() == level {
                self.levels.push(Vec::new());
            }
            let row = &mut self.levels[level];
            row.push(node);
            let [.., left, right] = row.as_slice() else { return };
            if !row.len().is_multiple_of(2) {
                return;
            }
            node = MmrNode::parent(left, right);
        }
    }

    /// Returns a node, computed from the headers below it.
    fn fold(&self, position: Position) -> MmrNode {
        let start = index(position.index << position.level);
        let mut row: Vec<_> = self.headers[start..start + (1 << position.level)]
            .iter()
            .map(|header| header.record(header.hash()))
            .collect();
        while row.len() > 1 {
            row = row.chunks_exact(2).map(|pair| MmrNode::parent(&pair[0], &pair[1])).collect();
        }
        row[0]
    }
}

impl ProofSource for SyntheticRange {
    type Error = Infallible;

    fn node(&mut self, position: Position) -> Result<MmrNode, Infallible> {
        Ok(match position.level.checked_sub(KEPT_LEVEL) {
            Some(level) => self.levels[level as usize][index(position.index)],
            None => self.fold(position),
        })
    }

    fn opened(&mut self, height: u64) -> Result<Opened, Infallible> {
        Ok(Opened { header: self.headers[index(height)], body_root: body_root(height), extra: 0 })
    }
}

/// Returns the root that stands for the body of a block.
fn body_root(height: u64) -> Hash {
    Hash::of(&height.to_be_bytes())
}

fn index(number: u64) -> usize {
    usize::try_from(number).expect("the chain is in memory")
}

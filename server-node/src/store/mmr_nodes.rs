//! The MMR over the best chain: its higher nodes, stored so that a proof need not hash the whole
//! chain again.
//!
//! A node over [`CHUNK`] headers or more is written when the last of them joins the best chain. It
//! is removed when one of them leaves it. Both happen in the transaction that moves the tip, so the
//! nodes always match the best chain. There are two nodes for every [`CHUNK`] blocks. Lower nodes
//! are computed from headers on demand.

use plexus_core::primitives::block::Header;
use plexus_core::primitives::encoding::{DecodeError, Reader};
use plexus_core::primitives::hash::Hash;
use plexus_core::primitives::mmr::{MmrNode, Position};
use redb::{ReadableTable, Table};

use super::table::{self, HeaderRecord, NodeKey, NodeRecord, PlaceKey};
use super::{StoreError, StoreResult};

/// The level of the lowest nodes that are stored.
pub(super) const CHUNK_LEVEL: u32 = 6;
/// The number of headers below each of these nodes.
pub(super) const CHUNK: u64 = 1 << CHUNK_LEVEL;

/// The table of nodes in a write transaction.
pub(super) struct MmrNodeRange<'a> {
    nodes: Table<'a, &'static NodeKey, &'static NodeRecord>,
}

impl<'a> MmrNodeRange<'a> {
    pub(super) fn new(nodes: Table<'a, &'static NodeKey, &'static NodeRecord>) -> Self {
        Self { nodes }
    }

    /// Returns the number of headers that the stored nodes cover.
    fn covered(&self) -> StoreResult<u64> {
        let (first, last) = (at(CHUNK_LEVEL, 0), at(CHUNK_LEVEL, u64::MAX));
        let newest = self.nodes.range::<&NodeKey>(&first..=&last)?.next_back().transpose()?;
        Ok(newest.map_or(0, |(key, _)| (table::node_place(key.value()).index + 1) << CHUNK_LEVEL))
    }

    /// Removes the nodes over any header that is not among the first `leaves`.
    pub(super) fn truncate(&mut self, leaves: u64) -> StoreResult<()> {
        let covered = self.covered()?;
        for level in (CHUNK_LEVEL..u64::BITS).take_while(|level| covered >> level > leaves >> level) {
            let (first, last) = (at(level, leaves >> level), at(level, u64::MAX));
            self.nodes.retain_in::<&NodeKey, _>(&first..=&last, |_, _| false)?;
        }
        Ok(())
    }

    /// Writes the nodes that are missing for the best chain, up to the first header that is
    /// missing.
    pub(super) fn extend(
        &mut self,
        best: &Table<'_, u64, &'static [u8; 32]>,
        headers: &Table<'_, &'static PlaceKey, &'static HeaderRecord>,
    ) -> StoreResult<()> {
        let mut start = self.covered()?;
        let end = best.last()?.map_or(0, |(height, _)| height.value() + 1);
        while end - start >= CHUNK {
            let mut leaves = Vec::with_capacity(1 << CHUNK_LEVEL);
            for entry in best.range(start..start + CHUNK)? {
                let (height, hash) = entry?;
                let hash = Hash::from_bytes(*hash.value());
                let header = headers.get(&table::place_key(height.value(), &hash))?;
                let Some(header) = header else { break };
                let header = table::header_of(header.value());
                let (header, _) = header.map_err(|error| StoreError::record("header", hash, &error))?;
                leaves.push(header.record(hash));
            }
            let Some(node) = fold(&leaves, CHUNK_LEVEL) else { return Ok(()) };
            self.append(start >> CHUNK_LEVEL, node)?;
            start += CHUNK;
        }
        Ok(())
    }

    fn append(&mut self, mut index: u64, mut node: MmrNode) -> StoreResult<()> {
        for level in CHUNK_LEVEL.. {
            self.nodes.insert(&at(level, index), &node.encode())?;
            if index.is_multiple_of(2) {
                break;
            }
            let left = at(level, index - 1);
            let left =
                self.nodes.get(&left)?.ok_or_else(|| StoreError::missing("node", hex::encode(left)))?;
            let left = record_of(left.value()).map_err(|error| StoreError::record("node", index, &error))?;
            node = MmrNode::parent(&left, &node);
            index >>= 1;
        }
        Ok(())
    }
}

fn at(level: u32, index: u64) -> NodeKey {
    table::node_key(Position { level, index })
}

/// Reads a stored node.
pub(super) fn record_of(bytes: &NodeRecord) -> std::result::Result<MmrNode, DecodeError> {
    MmrNode::read(&mut Reader::new(bytes))
}

/// Returns the node at `level` over these leaves. Returns `None` unless there are exactly 2^`level`
/// leaves.
pub(super) fn fold(leaves: &[MmrNode], level: u32) -> Option<MmrNode> {
    let mut row = leaves.to_vec();
    for _ in 0..level {
        row = row.chunks_exact(2).map(|pair| MmrNode::parent(&pair[0], &pair[1])).collect();
    }
    row.first().copied().filter(|_| leaves.len() == 1 << level)
}

/// Returns the leaves of these headers.
pub(super) fn leaves(headers: &[Header]) -> Vec<MmrNode> {
    headers.iter().map(|header| header.record(header.hash())).collect()
}

//! A snapshot of the store: any number of reads of one state.
//!
//! Later transactions do not change a snapshot. While it lives, redb cannot reuse the pages that it
//! reads, so keep it for a short time.

use bytes::Bytes;
use plexus_core::node::storage::{StoreQuery, StoreReply};
use plexus_core::primitives::block::{Block, Header};
use plexus_core::primitives::hash::Hash;
use plexus_core::primitives::message::MessageId;
use plexus_core::primitives::mmr::{Mmr, MmrNode, Position};
use plexus_core::primitives::pow::Work;
use plexus_core::protocol::limits::HEADERS_MAX;
use plexus_core::protocol::packet::{Packet, body_frame};
use redb::{AccessGuard, ReadOnlyTable, ReadTransaction, ReadableTable};

use super::mmr_nodes;
use super::table::{self, HeaderRecord, MessageKey, NodeKey, NodeRecord, PlaceKey, PrunedRecord};
use super::{BLOCKS_BYTES_MAX, BLOCKS_MAX, StoreError, StoreResult, StoredBlock, StoredPosition};

/// A snapshot of the store.
pub struct Snapshot {
    network: Hash,
    headers: ReadOnlyTable<&'static PlaceKey, &'static HeaderRecord>,
    pub(super) bodies: ReadOnlyTable<&'static PlaceKey, &'static [u8]>,
    pruned: ReadOnlyTable<u64, &'static PrunedRecord>,
    best: ReadOnlyTable<u64, &'static [u8; 32]>,
    heights: ReadOnlyTable<&'static [u8; 32], u64>,
    checkpoints: ReadOnlyTable<&'static PlaceKey, &'static [u8]>,
    nodes: ReadOnlyTable<&'static NodeKey, &'static NodeRecord>,
    messages: ReadOnlyTable<&'static MessageKey, u64>,
    pooled: ReadOnlyTable<&'static [u8; 32], &'static [u8]>,
    meta: ReadOnlyTable<&'static str, &'static [u8]>,
}

impl std::fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("View").finish_non_exhaustive()
    }
}

impl Snapshot {
    pub(super) fn new(transaction: &ReadTransaction, network: Hash) -> StoreResult<Self> {
        Ok(Self {
            network,
            headers: transaction.open_table(table::HEADERS)?,
            bodies: transaction.open_table(table::BODIES)?,
            pruned: transaction.open_table(table::PRUNED)?,
            best: transaction.open_table(table::BEST)?,
            heights: transaction.open_table(table::HEIGHTS)?,
            checkpoints: transaction.open_table(table::CHECKPOINTS)?,
            nodes: transaction.open_table(table::NODES)?,
            messages: transaction.open_table(table::MESSAGES)?,
            pooled: transaction.open_table(table::POOLED)?,
            meta: transaction.open_table(table::META)?,
        })
    }

    /// Returns the tip of the best chain.
    ///
    /// # Errors
    /// The disk fails.
    pub fn tip(&self) -> StoreResult<StoredPosition> {
        let (height, hash) = self.last()?;
        let (_, total_work) =
            self.header_at(height, &hash)?.ok_or_else(|| StoreError::missing("header", hash))?;
        Ok(StoredPosition { hash, height, total_work })
    }

    /// Returns the tip's height and hash.
    pub(super) fn last(&self) -> StoreResult<(u64, Hash)> {
        let (height, hash) = self.best.last()?.ok_or_else(|| StoreError::missing("tip", ""))?;
        Ok((height.value(), Hash::from_bytes(*hash.value())))
    }

    pub(super) fn height(&self, hash: &Hash) -> StoreResult<Option<u64>> {
        Ok(self.heights.get(hash.as_bytes())?.map(|height| height.value()))
    }

    pub(super) fn header_at(&self, height: u64, hash: &Hash) -> StoreResult<Option<(Header, Work)>> {
        let record = self.headers.get(&table::place_key(height, hash))?;
        let header = record.map(|record| table::header_of(record.value())).transpose();
        header.map_err(|error| StoreError::record("header", hash, &error))
    }

    /// Returns a header of any branch, with the total work up to it.
    ///
    /// # Errors
    /// The disk fails.
    pub fn header(&self, hash: &Hash) -> StoreResult<Option<(Header, Work)>> {
        let Some(height) = self.height(hash)? else { return Ok(None) };
        self.header_at(height, hash)
    }

    pub(super) fn body_at(&self, height: u64, hash: &Hash) -> StoreResult<Option<Bytes>> {
        let body = self.bodies.get(&table::place_key(height, hash))?;
        Ok(body.map(|body| Bytes::copy_from_slice(body.value())))
    }

    /// Returns the body root and extra of a block of the best chain whose body was deleted.
    pub(super) fn pruned_at(&self, height: u64) -> StoreResult<Option<(Hash, u64)>> {
        Ok(self.pruned.get(height)?.map(|record| table::pruned_of(record.value())))
    }

    fn number(&self, key: &str) -> StoreResult<u64> {
        Ok(table::number_of(self.meta.get(key)?.as_ref().map(AccessGuard::value)))
    }

    /// Returns the lowest height above genesis whose body is kept: 0 if no body was deleted.
    ///
    /// # Errors
    /// The disk fails.
    pub fn kept_from(&self) -> StoreResult<u64> {
        self.number(table::KEPT_FROM_KEY)
    }

    /// Returns the bytes of all stored bodies.
    ///
    /// # Errors
    /// The disk fails.
    pub fn body_bytes(&self) -> StoreResult<u64> {
        self.number(table::BODY_BYTES_KEY)
    }

    /// Returns the error for a block at a height whose body is missing, if it was deleted.
    pub(super) fn pruned_error(&self, height: u64, hash: &Hash) -> StoreResult<Option<StoreError>> {
        let kept_from = self.kept_from()?;
        let is_pruned = (1..kept_from).contains(&height);
        Ok(is_pruned.then_some(StoreError::Pruned { block: *hash, height, kept_from }))
    }

    /// Returns a block of any branch.
    ///
    /// # Errors
    /// The disk fails, or the block's body was deleted.
    pub fn block(&self, hash: &Hash) -> StoreResult<Option<StoredBlock>> {
        let Some(height) = self.height(hash)? else { return Ok(None) };
        self.block_at(height, hash)
    }

    fn block_at(&self, height: u64, hash: &Hash) -> StoreResult<Option<StoredBlock>> {
        let (header, block) = (self.header_at(height, hash)?, self.body_at(height, hash)?);
        if block.is_none()
            && let Some(pruned) = self.pruned_error(height, hash)?
        {
            return Err(pruned);
        }
        let stored = header.zip(block).map(|((_, total_work), block)| {
            let place = StoredPosition { hash: *hash, height, total_work };
            StoredBlock { place, block }
        });
        Ok(stored)
    }

    /// Returns a stored node of the MMR over the best chain.
    pub(super) fn node(&self, position: Position) -> StoreResult<Option<MmrNode>> {
        let node = self.nodes.get(&table::node_key(position))?;
        let record = node.map(|node| mmr_nodes::record_of(node.value())).transpose();
        record.map_err(|error| StoreError::record("node", position.index, &error))
    }

    /// Returns the stored checkpoint at a block.
    pub(super) fn checkpoint(&self, height: u64, hash: &Hash) -> StoreResult<Option<Vec<u8>>> {
        let record = self.checkpoints.get(&table::place_key(height, hash))?;
        Ok(record.map(|record| record.value().to_vec()))
    }

    /// Returns the best chain's hash at a height.
    ///
    /// # Errors
    /// The disk fails.
    pub fn hash_at(&self, height: u64) -> StoreResult<Option<Hash>> {
        Ok(self.best.get(height)?.map(|hash| Hash::from_bytes(*hash.value())))
    }

    /// Returns true if a header is on the best chain.
    ///
    /// # Errors
    /// The disk fails.
    pub fn is_best(&self, hash: &Hash) -> StoreResult<bool> {
        let Some(height) = self.height(hash)? else { return Ok(false) };
        self.is_best_at(height, hash)
    }

    pub(super) fn is_best_at(&self, height: u64, hash: &Hash) -> StoreResult<bool> {
        Ok(self.hash_at(height)?.as_ref() == Some(hash))
    }

    /// Returns the blocks of the best chain from a height on. See [`super::Store::blocks`].
    ///
    /// # Errors
    /// The disk fails, or the body of one of them was deleted.
    pub fn blocks(&self, from: u64, limit: usize) -> StoreResult<Vec<StoredBlock>> {
        let (mut blocks, mut bytes) = (Vec::new(), 0);
        for entry in self.best.range(from..)?.take(limit.min(BLOCKS_MAX)) {
            let (height, hash) = entry?;
            let hash = Hash::from_bytes(*hash.value());
            let block = self.block_at(height.value(), &hash)?;
            let block = block.ok_or_else(|| StoreError::missing("block", hash))?;
            bytes += block.block.len();
            blocks.push(block);
            if bytes >= BLOCKS_BYTES_MAX {
                break;
            }
        }
        Ok(blocks)
    }

    /// Returns at most `limit` headers of the best chain from a height on, in rising order.
    ///
    /// # Errors
    /// The disk fails.
    pub fn headers(&self, from: u64, limit: usize) -> StoreResult<Vec<Header>> {
        let mut headers = Vec::new();
        for entry in self.best.range(from..)?.take(limit) {
            let (height, hash) = entry?;
            let hash = Hash::from_bytes(*hash.value());
            // A gap ends the list, because the headers beyond it do not follow.
            let Some((header, _)) = self.header_at(height.value(), &hash)? else { break };
            headers.push(header);
        }
        Ok(headers)
    }

    /// Returns the headers for [`plexus_core::node::storage::PeerRequest::Headers`].
    ///
    /// # Errors
    /// The disk fails.
    pub fn headers_after(&self, locator: &[Hash]) -> StoreResult<Vec<Header>> {
        let mut start = 0;
        for hash in locator {
            if let Some(height) = self.height(hash)?
                && self.is_best_at(height, hash)?
            {
                start = height;
                break;
            }
        }
        self.headers(start.saturating_add(1), HEADERS_MAX)
    }

    /// Returns the index of a message in a block.
    pub(super) fn index_in(&self, height: u64, block: &Hash, id: &MessageId) -> StoreResult<Option<usize>> {
        let Some(body) = self.body_at(height, block)? else {
            return self.pruned_error(height, block)?.map_or(Ok(None), Err);
        };
        let block = Block::decode(&body).map_err(|error| StoreError::record("body", block, &error))?;
        Ok(block.messages.iter().position(|message| message.id(&self.network) == *id))
    }

    /// Returns the blocks that the index's table has for a message, with their heights.
    pub(super) fn find_in_table(&self, id: &MessageId) -> StoreResult<Vec<(Hash, u64)>> {
        let keys = table::message_keys(id);
        let entries = self.messages.range::<&MessageKey>(keys.start()..=keys.end())?;
        let blocks = entries.map(|entry| {
            let (key, height) = entry?;
            Ok((table::block_of(key.value()), height.value()))
        });
        blocks.collect()
    }

    /// Returns our own messages that wait for a block, with their ids.
    ///
    /// # Errors
    /// The disk fails.
    pub fn pooled(&self) -> StoreResult<Vec<(MessageId, Bytes)>> {
        let pooled = self.pooled.iter()?.map(|entry| {
            let (id, message) = entry?;
            Ok((Hash::from_bytes(*id.value()), Bytes::copy_from_slice(message.value())))
        });
        pooled.collect()
    }

    /// Returns the address book as it was last stored. It is empty if none was stored.
    ///
    /// # Errors
    /// The disk fails.
    pub fn book(&self) -> StoreResult<Vec<u8>> {
        Ok(self.meta.get(table::BOOK_KEY)?.map(|book| book.value().to_vec()).unwrap_or_default())
    }

    /// Answers the node's query.
    ///
    /// # Errors
    /// The disk fails.
    pub fn recall(&self, recall: &StoreQuery) -> StoreResult<StoreReply> {
        match recall {
            StoreQuery::LoadMmr(hash) => Ok(StoreReply::Base(*hash, self.base(hash)?)),
            StoreQuery::Bodies(hashes) => {
                let mut bodies = Vec::new();
                for hash in hashes {
                    let Some(height) = self.height(hash)? else { continue };
                    bodies.extend(self.body_at(height, hash)?);
                }
                Ok(StoreReply::Bodies(bodies))
            }
        }
    }

    fn base(&self, hash: &Hash) -> StoreResult<Option<(Mmr, Vec<Header>)>> {
        let Some(height) = self.height(hash)? else { return Ok(None) };
        if !self.is_best_at(height, hash)? {
            return Ok(None);
        }
        self.span(height, height).map(Some)
    }

    /// Returns the best chain's newest checkpoint below `from`, and its headers after that up to
    /// `to`, inclusive.
    ///
    /// A checkpoint that cannot be read is skipped for an older one.
    pub(super) fn span(&self, from: u64, to: u64) -> StoreResult<(Mmr, Vec<Header>)> {
        let mut history = Mmr::default();
        let end = table::place_key(from, &Hash::ZERO);
        for entry in self.checkpoints.range::<&PlaceKey>(..&end)?.rev() {
            let (key, record) = entry?;
            let (height, hash) = table::place_of(key.value());
            if !self.is_best_at(height, &hash)? {
                continue;
            }
            match Mmr::decode(record.value()) {
                Ok(found) if found.leaves() == height + 1 => {
                    history = found;
                    break;
                }
                Ok(_) | Err(_) => {
                    tracing::warn!(height, "the stored history is damaged, an older one is used");
                }
            }
        }
        let count = (to + 1).saturating_sub(history.leaves());
        let headers = self.headers(history.leaves(), usize::try_from(count).unwrap_or(usize::MAX))?;
        Ok((history, headers))
    }

    /// Returns the frames for [`plexus_core::node::storage::PeerRequest::Bodies`], one for each of the
    /// first hashes. There is at least one. The frame that takes them over `bytes_max` is the last.
    ///
    /// # Errors
    /// The disk fails.
    pub fn body_frames(&self, hashes: &[Hash], bytes_max: usize) -> StoreResult<Vec<Bytes>> {
        let (mut frames, mut bytes) = (Vec::new(), 0);
        for hash in hashes {
            let body = match self.height(hash)? {
                Some(height) => self.bodies.get(&table::place_key(height, hash))?,
                None => None,
            };
            let frame = match body {
                Some(body) => body_frame(body.value()),
                None => Packet::Missing(*hash).encode(),
            };
            bytes += frame.len();
            frames.push(frame);
            if bytes >= bytes_max {
                break;
            }
        }
        Ok(frames)
    }
}

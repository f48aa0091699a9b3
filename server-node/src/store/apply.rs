//! Applying changes: the writes for each of them.

use plexus_core::node::storage::Change;
use plexus_core::primitives::block::Header;
use plexus_core::primitives::hash::Hash;
use plexus_core::primitives::message::MessageId;
use plexus_core::primitives::mmr::Mmr;
use plexus_core::primitives::params::Network;
use plexus_core::primitives::pow::Work;
use redb::{AccessGuard, ReadableTable, Table, WriteTransaction};

use super::memtable::{self, Memtable};
use super::mmr_nodes::MmrNodeRange;
use super::table::{self, HeaderRecord, MessageKey, PlaceKey, PrunedRecord};
use super::{StoreError, StoreResult};

/// The tables of one write transaction.
pub(super) struct TransactionWriter<'a> {
    headers: Table<'a, &'static PlaceKey, &'static HeaderRecord>,
    pub(super) bodies: Table<'a, &'static PlaceKey, &'static [u8]>,
    pub(super) pruned: Table<'a, u64, &'static PrunedRecord>,
    pub(super) best: Table<'a, u64, &'static [u8; 32]>,
    heights: Table<'a, &'static [u8; 32], u64>,
    checkpoints: Table<'a, &'static PlaceKey, &'static [u8]>,
    range: MmrNodeRange<'a>,
    messages: Table<'a, &'static MessageKey, u64>,
    log: Table<'a, u64, &'static [u8]>,
    pooled: Table<'a, &'static [u8; 32], &'static [u8]>,
    meta: Table<'a, &'static str, &'static [u8]>,
    /// The lowest height above genesis whose body is kept.
    kept_from: u64,
    /// The bytes of all bodies.
    pub(super) body_bytes: u64,
    /// The rows that this transaction adds to the log.
    logged: Vec<(MessageKey, u64)>,
}

impl<'a> TransactionWriter<'a> {
    pub(super) fn new(transaction: &'a WriteTransaction) -> StoreResult<Self> {
        let meta = transaction.open_table(table::META)?;
        let number = |key| -> StoreResult<u64> {
            Ok(table::number_of(meta.get(key)?.as_ref().map(AccessGuard::value)))
        };
        let (kept_from, body_bytes) = (number(table::KEPT_FROM_KEY)?, number(table::BODY_BYTES_KEY)?);
        Ok(Self {
            headers: transaction.open_table(table::HEADERS)?,
            bodies: transaction.open_table(table::BODIES)?,
            pruned: transaction.open_table(table::PRUNED)?,
            best: transaction.open_table(table::BEST)?,
            heights: transaction.open_table(table::HEIGHTS)?,
            checkpoints: transaction.open_table(table::CHECKPOINTS)?,
            range: MmrNodeRange::new(transaction.open_table(table::NODES)?),
            messages: transaction.open_table(table::MESSAGES)?,
            log: transaction.open_table(table::LOG)?,
            pooled: transaction.open_table(table::POOLED)?,
            meta,
            kept_from,
            body_bytes,
            logged: Vec::new(),
        })
    }

    pub(super) fn apply(&mut self, change: &Change) -> StoreResult<()> {
        match change {
            Change::Header { hash, header, total_work } => self.header(hash, header, *total_work),
            Change::Body { hash, height, block, ids } => self.body(hash, *height, block, ids),
            Change::Checkpoint { height, hash, history } => self.checkpoint(*height, hash, history),
            Change::Tip { hash, height, fork } => self.move_tip(*hash, *height, *fork),
            Change::Pooled { id, message } => self.pooled(id, message),
            Change::Unpooled { id } => self.unpooled(id),
            Change::Book { encoded } => self.book(encoded),
        }
    }

    /// Writes the contents of a new store, over any that are there.
    pub(super) fn genesis(&mut self, network: &Network) -> StoreResult<()> {
        let (hash, genesis) = (network.id(), network.genesis());
        let history = Mmr::default().append(genesis.record(*hash));
        self.header(hash, genesis, Work::ZERO)?;
        self.body(hash, 0, &network.genesis_block().encode(), &[])?;
        self.checkpoint(0, hash, &history)?;
        self.best.insert(0, hash.as_bytes())?;
        Ok(())
    }

    fn header(&mut self, hash: &Hash, header: &Header, total_work: Work) -> StoreResult<()> {
        let record = table::header_record(header, total_work);
        self.headers.insert(&table::place_key(header.height, hash), &record)?;
        self.heights.insert(hash.as_bytes(), header.height)?;
        Ok(())
    }

    fn body(&mut self, hash: &Hash, height: u64, block: &[u8], ids: &[MessageId]) -> StoreResult<()> {
        let key = table::place_key(height, hash);
        let known = self.bodies.insert(&key, block)?.map(|old| old.value().len() as u64);
        self.body_bytes = (self.body_bytes + block.len() as u64).saturating_sub(known.unwrap_or(0));
        if known.is_none() && !ids.is_empty() {
            let next = self.log.last()?.map_or(0, |(number, _)| number.value() + 1);
            self.log.insert(next, memtable::log_row(height, hash, ids).as_slice())?;
            self.logged.extend(ids.iter().map(|id| (table::message_key(id, hash), height)));
        }
        Ok(())
    }

    /// Moves the log to the table.
    pub(super) fn merge(&mut self, head: &Memtable) -> StoreResult<()> {
        for (key, height) in head.iter() {
            self.messages.insert(key, height)?;
        }
        self.log.retain(|_, _| false)?;
        Ok(())
    }

    /// Writes the numbers that changed. Returns the rows that were added to the log, for the head,
    /// and the lowest height whose body is kept.
    pub(super) fn finish(mut self) -> StoreResult<(Vec<(MessageKey, u64)>, u64)> {
        self.meta.insert(table::KEPT_FROM_KEY, self.kept_from.to_be_bytes().as_slice())?;
        self.meta.insert(table::BODY_BYTES_KEY, self.body_bytes.to_be_bytes().as_slice())?;
        let peak =
            table::number_of(self.meta.get(table::BODY_BYTES_PEAK_KEY)?.as_ref().map(AccessGuard::value));
        if self.body_bytes > peak {
            self.meta.insert(table::BODY_BYTES_PEAK_KEY, self.body_bytes.to_be_bytes().as_slice())?;
        }
        Ok((self.logged, self.kept_from))
    }

    /// Returns the lowest height above genesis whose body is kept: 0 if no body was deleted.
    pub(super) fn kept_from(&self) -> u64 {
        self.kept_from
    }

    /// Notes that the bodies below a height were deleted.
    pub(super) fn keep_from(&mut self, height: u64) {
        self.kept_from = height;
    }

    /// Notes that the best chain now has other blocks above a height, with their bodies.
    fn keep_above(&mut self, height: u64) -> StoreResult<()> {
        let above = height.saturating_add(1);
        if self.kept_from > above {
            self.kept_from = above;
            self.pruned.retain_in(above.., |_, _| false)?;
        }
        Ok(())
    }

    /// Counts the bytes of all bodies, which a store of an older format does not note.
    pub(super) fn count_body_bytes(&mut self) -> StoreResult<()> {
        self.body_bytes = 0;
        for entry in self.bodies.iter()? {
            self.body_bytes += entry?.1.value().len() as u64;
        }
        Ok(())
    }

    fn checkpoint(&mut self, height: u64, hash: &Hash, history: &Mmr) -> StoreResult<()> {
        self.checkpoints.insert(&table::place_key(height, hash), history.encode().as_slice())?;
        Ok(())
    }

    fn pooled(&mut self, id: &MessageId, message: &[u8]) -> StoreResult<()> {
        self.pooled.insert(id.as_bytes(), message)?;
        Ok(())
    }

    fn book(&mut self, encoded: &[u8]) -> StoreResult<()> {
        self.meta.insert(table::BOOK_KEY, encoded)?;
        Ok(())
    }

    fn unpooled(&mut self, id: &MessageId) -> StoreResult<()> {
        self.pooled.remove(id.as_bytes())?;
        Ok(())
    }

    /// Writes the nodes that a store of an older format lacks.
    pub(super) fn fill_range(&mut self) -> StoreResult<()> {
        self.range.extend(&self.best, &self.headers)
    }

    fn move_tip(&mut self, tip: Hash, height: u64, fork: u64) -> StoreResult<()> {
        self.keep_above(fork)?;
        self.range.truncate(fork.saturating_add(1))?;
        while let Some(last) = self.last()?.filter(|last| *last > height) {
            self.best.remove(last)?;
        }
        let mut hash = tip;
        for height in (fork.saturating_add(1)..=height).rev() {
            self.best.insert(height, hash.as_bytes())?;
            let record = self.headers.get(&table::place_key(height, &hash))?;
            let record = record.ok_or_else(|| StoreError::missing("header", hash))?;
            let header = table::header_of(record.value());
            hash = header.map_err(|error| StoreError::record("header", hash, &error))?.0.prev_hash;
        }
        self.range.extend(&self.best, &self.headers)
    }

    fn last(&self) -> StoreResult<Option<u64>> {
        Ok(self.best.last()?.map(|(height, _)| height.value()))
    }

    /// Ends the best chain at a height, and removes the blocks above so that they are fetched
    /// again. The log must be empty.
    pub(super) fn truncate(&mut self, height: u64, ids: impl Fn(&[u8]) -> Vec<MessageId>) -> StoreResult<()> {
        self.keep_above(height)?;
        self.range.truncate(height.saturating_add(1))?;
        while let Some(last) = self.last()?.filter(|last| *last > height) {
            let Some(hash) = self.best.remove(last)?.map(|hash| Hash::from_bytes(*hash.value())) else {
                break;
            };
            let key = table::place_key(last, &hash);
            let removed =
                self.bodies.remove(&key)?.map(|body| (body.value().len() as u64, ids(body.value())));
            let (bytes, ids) = removed.unwrap_or_default();
            self.body_bytes = self.body_bytes.saturating_sub(bytes);
            for id in ids {
                self.messages.remove(&table::message_key(&id, &hash))?;
            }
            self.headers.remove(&key)?;
            self.heights.remove(hash.as_bytes())?;
        }
        let above = table::place_key(height.saturating_add(1), &Hash::ZERO);
        self.checkpoints.retain_in::<&PlaceKey, _>(&above.., |_, _| false)?;
        Ok(())
    }
}

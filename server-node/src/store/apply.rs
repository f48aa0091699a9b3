//! Applying changes: the writes for each of them.

use plexus_core::node::storage::Change;
use plexus_core::primitives::block::Header;
use plexus_core::primitives::hash::Hash;
use plexus_core::primitives::message::MessageId;
use plexus_core::primitives::mmr::Mmr;
use plexus_core::primitives::params::Network;
use plexus_core::primitives::pow::Work;
use redb::{ReadableTable, Table, WriteTransaction};

use super::memtable::{self, Memtable};
use super::mmr_nodes::MmrNodeRange;
use super::table::{self, HeaderRecord, MessageKey, PlaceKey};
use super::{StoreError, StoreResult};

/// The tables of one write transaction.
pub(super) struct TransactionWriter<'a> {
    headers: Table<'a, &'static PlaceKey, &'static HeaderRecord>,
    bodies: Table<'a, &'static PlaceKey, &'static [u8]>,
    best: Table<'a, u64, &'static [u8; 32]>,
    heights: Table<'a, &'static [u8; 32], u64>,
    checkpoints: Table<'a, &'static PlaceKey, &'static [u8]>,
    range: MmrNodeRange<'a>,
    messages: Table<'a, &'static MessageKey, u64>,
    log: Table<'a, u64, &'static [u8]>,
    pooled: Table<'a, &'static [u8; 32], &'static [u8]>,
    meta: Table<'a, &'static str, &'static [u8]>,
    /// The rows that this transaction adds to the log.
    logged: Vec<(MessageKey, u64)>,
}

impl<'a> TransactionWriter<'a> {
    pub(super) fn new(transaction: &'a WriteTransaction) -> StoreResult<Self> {
        Ok(Self {
            headers: transaction.open_table(table::HEADERS)?,
            bodies: transaction.open_table(table::BODIES)?,
            best: transaction.open_table(table::BEST)?,
            heights: transaction.open_table(table::HEIGHTS)?,
            checkpoints: transaction.open_table(table::CHECKPOINTS)?,
            range: MmrNodeRange::new(transaction.open_table(table::NODES)?),
            messages: transaction.open_table(table::MESSAGES)?,
            log: transaction.open_table(table::LOG)?,
            pooled: transaction.open_table(table::POOLED)?,
            meta: transaction.open_table(table::META)?,
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
        let known = self.bodies.insert(&table::place_key(height, hash), block)?.is_some();
        if !known && !ids.is_empty() {
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

    /// Returns the rows that were added to the log, for the head.
    pub(super) fn into_logged(self) -> Vec<(MessageKey, u64)> {
        self.logged
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
        self.range.truncate(height.saturating_add(1))?;
        while let Some(last) = self.last()?.filter(|last| *last > height) {
            let Some(hash) = self.best.remove(last)?.map(|hash| Hash::from_bytes(*hash.value())) else {
                break;
            };
            let key = table::place_key(last, &hash);
            let ids = self.bodies.remove(&key)?.map(|body| ids(body.value())).unwrap_or_default();
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

//! The store: the persistent state of a node, in [redb](https://docs.rs/redb).
//!
//! It implements [`plexus_core::node::storage::Journal`] on disk. One call of [`Store::apply`] is
//! one transaction, durable when it returns. A concurrent reader sees all of it or nothing. The
//! store never checks a rule: the caller verified all that it stores. Its memory is bounded by
//! [`CACHE_BYTES`] and the changes of one transaction.

use std::fs::{File, TryLockError};
use std::io::ErrorKind;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use bytes::Bytes;
use plexus_core::ledger::signature_batch::KnownIn;
use plexus_core::node::storage::{Change, StoreQuery, StoreReply};
use plexus_core::primitives::block::Header;
use plexus_core::primitives::hash::Hash;
use plexus_core::primitives::message::MessageId;
use plexus_core::primitives::params::Network;
use plexus_core::primitives::pow::Work;
use redb::{Database, DatabaseError, ReadableDatabase, ReadableTable, StorageBackend, StorageError};
use tokio_util::sync::{CancellationToken, DropGuard};

mod apply;
pub mod check;
mod error;
mod identity;
mod memtable;
mod mmr_nodes;
mod overlay;
mod proof;
mod prune;
mod restore;
pub mod salvage;
mod snapshot;
mod table;

use self::apply::TransactionWriter;
pub use self::error::StoreError;
pub use self::memtable::HEAD_MAX;
use self::memtable::Memtable;
pub use self::prune::{KEPT_BODIES_MIN, KeepBodies, KeepBodiesError, Pruned, STEP_BLOCKS, STEP_BYTES};
pub use self::restore::BODIES_CHECKED;
pub use self::snapshot::Snapshot;
use crate::private_file;

/// The store's file in the data directory.
pub const FILE: &str = "chain.redb";
/// The name of the store's file until it is complete.
pub const NEW_FILE: &str = "chain.redb.new";
/// The file in the data directory whose lock shows that a node is using it.
pub const LOCK_FILE: &str = "lock";
/// The memory for pages of the file. More is useless. With less, a synchronization reads back pages
/// that it wrote.
pub const CACHE_BYTES: usize = 16 << 20;
/// The most blocks that one call returns.
pub const BLOCKS_MAX: usize = 1_024;
/// The size in bytes above which a list of blocks ends: the block that exceeds it is the last.
pub const BLOCKS_BYTES_MAX: usize = 4 << 20;

/// A block's position in the chain, and its total work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoredPosition {
    /// Its hash.
    pub hash: Hash,
    /// Its height.
    pub height: u64,
    /// The sum of work up to this block and including it.
    pub total_work: Work,
}

/// A stored block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredBlock {
    /// Its position.
    pub place: StoredPosition,
    /// Its encoding.
    pub block: Bytes,
}

/// A message in a block of the best chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// The block.
    pub block: Hash,
    /// Its height.
    pub height: u64,
    /// The message's index in the block.
    pub index: usize,
}

/// The store of a node.
#[derive(Debug)]
pub struct Store {
    database: Database,
    network: Hash,
    /// The messages that are not in the index's table yet.
    head: RwLock<Memtable>,
    /// The newest proof.
    kept_proof: Mutex<Option<proof::Kept>>,
    /// The lowest height above genesis whose body is kept, as of the last transaction.
    kept_from: AtomicU64,
    /// Held while writing.
    writing: Mutex<()>,
    /// Held as long as the store is open.
    _lock: Option<File>,
    /// Fields are dropped in their order. When this one is, the file is closed and the directory
    /// free.
    released: DropGuard,
}

type StoreResult<T> = std::result::Result<T, StoreError>;

impl Store {
    /// Opens the store in the directory `data`, which is created if it is missing.
    ///
    /// # Errors
    /// The directory is in use by another node, the store is of another network or format, the file
    /// is damaged, or the disk fails.
    pub fn open(data: &Path, network: &Network) -> StoreResult<Arc<Self>> {
        let directory = |source| StoreError::Directory { path: data.to_owned(), source };
        private_file::create_folder(data).map_err(directory)?;
        let lock = lock(data)?;
        let file = data.join(FILE);
        if !file.exists() {
            // The file has another name until it is complete. A start that is cut off leaves
            // nothing that looks like a store.
            let new = data.join(NEW_FILE);
            if new.exists() {
                std::fs::remove_file(&new).map_err(directory)?;
            }
            drop(Self::begin(create(data, &new)?, data, network, None)?);
            std::fs::rename(&new, &file).map_err(directory)?;
            sync_directory(data).map_err(directory)?;
        }
        let mut database = create(data, &file)?;
        prune::compact_if_free(&mut database, &file)?;
        Self::begin(database, data, network, Some(lock))
    }

    /// Opens a store on another backend than a file, for tests of crashes.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn open_on(backend: impl StorageBackend, network: &Network) -> StoreResult<Arc<Self>> {
        let data = Path::new("backend");
        let database = builder().create_with_backend(backend).map_err(|error| refused(data, data, error))?;
        Self::begin(database, data, network, None)
    }

    fn begin(
        database: Database,
        data: &Path,
        network: &Network,
        lock: Option<File>,
    ) -> StoreResult<Arc<Self>> {
        let released = CancellationToken::new().drop_guard();
        let (head, kept_proof, writing, kept_from) = Default::default();
        let network_id = *network.id();
        let store = Self {
            database,
            network: network_id,
            head,
            kept_proof,
            kept_from,
            writing,
            _lock: lock,
            released,
        };
        let transaction = store.database.begin_write()?;
        let found = {
            let mut meta = transaction.open_table(table::META)?;
            let format = meta.get(table::FORMAT_KEY)?.map(|value| value.value().to_vec());
            match format {
                Some(format) => {
                    let format = identity::check_format(data, &format)?;
                    let found = meta.get(table::NETWORK_KEY)?.map(|value| value.value().to_vec());
                    identity::check_network(
                        &transaction.open_table(table::HEADERS)?,
                        data,
                        &found.unwrap_or_default(),
                        network.id(),
                    )?;
                    if format != table::FORMAT {
                        meta.insert(table::FORMAT_KEY, table::FORMAT.to_be_bytes().as_slice())?;
                    }
                    Some(format)
                }
                None => {
                    meta.insert(table::FORMAT_KEY, table::FORMAT.to_be_bytes().as_slice())?;
                    meta.insert(table::NETWORK_KEY, network.id().as_bytes().as_slice())?;
                    None
                }
            }
        };
        if found.is_some() {
            let log = transaction.open_table(table::LOG)?;
            for row in log.iter()? {
                store.head_mut().extend(memtable::read_log_row(row?.1.value()));
            }
        }
        match found {
            Some(table::FORMAT) => transaction.abort()?,
            Some(format) => {
                tracing::debug!(format, "the store is brought up to date");
                let mut writer = TransactionWriter::new(&transaction)?;
                writer.fill_range()?;
                writer.count_body_bytes()?;
                writer.finish()?;
                transaction.commit()?;
            }
            None => {
                let mut writer = TransactionWriter::new(&transaction)?;
                writer.genesis(network)?;
                writer.finish()?;
                transaction.commit()?;
            }
        }
        store.kept_from.store(store.view()?.kept_from()?, Ordering::Relaxed);
        Ok(Arc::new(store))
    }

    /// Returns the id of the store's network.
    pub fn network(&self) -> &Hash {
        &self.network
    }

    /// Returns a token that is cancelled when the last owner of the store has dropped it and its
    /// directory is free.
    pub(crate) fn released(&self) -> CancellationToken {
        self.released.token().clone()
    }

    /// Returns a snapshot of the store, for many reads of the same state.
    ///
    /// # Errors
    /// The disk fails.
    pub fn view(&self) -> StoreResult<Snapshot> {
        Snapshot::new(&self.database.begin_read()?, self.network)
    }

    /// Stores changes, in their order, as one durable transaction.
    ///
    /// # Errors
    /// The disk fails.
    pub fn apply(&self, changes: &[Change]) -> StoreResult<()> {
        self.write(|writer| changes.iter().try_for_each(|change| writer.apply(change)))
    }

    fn write(&self, work: impl FnOnce(&mut TransactionWriter<'_>) -> StoreResult<()>) -> StoreResult<()> {
        let merge = self.head().is_full();
        self.write_merging(merge, work)
    }

    /// Runs a write transaction. If `merge` is set, it moves the index's head to its table first.
    fn write_merging(
        &self,
        merge: bool,
        work: impl FnOnce(&mut TransactionWriter<'_>) -> StoreResult<()>,
    ) -> StoreResult<()> {
        let _alone = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut transaction = self.database.begin_write()?;
        // Otherwise a start after a crash would read the whole file.
        transaction.set_quick_repair(true);
        let mut writer = TransactionWriter::new(&transaction)?;
        if merge {
            writer.merge(&self.head())?;
        }
        work(&mut writer)?;
        let (logged, kept_from) = writer.finish()?;
        transaction.commit()?;
        self.kept_from.store(kept_from, Ordering::Relaxed);
        // Clear the head only after the commit: a reader that no longer finds a message in the head
        // finds it in the table.
        let mut head = self.head_mut();
        if merge {
            head.clear();
        }
        head.extend(logged);
        Ok(())
    }

    fn head(&self) -> RwLockReadGuard<'_, Memtable> {
        self.head.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn head_mut(&self) -> RwLockWriteGuard<'_, Memtable> {
        self.head.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the tip of the best chain.
    ///
    /// # Errors
    /// The disk fails.
    pub fn tip(&self) -> StoreResult<StoredPosition> {
        self.view()?.tip()
    }

    /// Returns a stored header of any branch, with the total work up to it.
    ///
    /// # Errors
    /// The disk fails.
    pub fn header(&self, hash: &Hash) -> StoreResult<Option<(Header, Work)>> {
        self.view()?.header(hash)
    }

    /// Returns the lowest height above genesis whose body is kept. Returns `None` if no body was
    /// deleted.
    pub fn kept_from(&self) -> Option<u64> {
        Some(self.kept_from.load(Ordering::Relaxed)).filter(|height| *height > 1)
    }

    /// Returns a stored block of any branch.
    ///
    /// # Errors
    /// The disk fails, or the block's body was deleted.
    pub fn block(&self, hash: &Hash) -> StoreResult<Option<StoredBlock>> {
        self.view()?.block(hash)
    }

    /// Returns the best chain's hash at a height.
    ///
    /// # Errors
    /// The disk fails.
    pub fn hash_at(&self, height: u64) -> StoreResult<Option<Hash>> {
        self.view()?.hash_at(height)
    }

    /// Returns true if a header is on the best chain.
    ///
    /// # Errors
    /// The disk fails.
    pub fn is_best(&self, hash: &Hash) -> StoreResult<bool> {
        self.view()?.is_best(hash)
    }

    /// Returns the blocks of the best chain from a height on, in rising order: at most `limit`,
    /// [`BLOCKS_MAX`] and [`BLOCKS_BYTES_MAX`]. The list is empty only if `from` is above the tip
    /// or `limit` is 0.
    ///
    /// # Errors
    /// The disk fails.
    pub fn blocks(&self, from: u64, limit: usize) -> StoreResult<Vec<StoredBlock>> {
        self.view()?.blocks(from, limit)
    }

    /// Returns the position of a message on the best chain.
    ///
    /// # Errors
    /// The disk fails, or the body of the message's block was deleted. The error names the block.
    pub fn find_message(&self, id: &MessageId) -> StoreResult<Option<Found>> {
        let (view, seen) = self.look_up(std::slice::from_ref(id))?;
        let Some(KnownIn { block, height, .. }) = seen.into_iter().find(|seen| seen.best) else {
            return Ok(None);
        };
        let index = view.index_in(height, &block, id)?;
        Ok(index.map(|index| Found { block, height, index }))
    }

    /// Returns the headers of the best chain that follow the first of these hashes on it. If no
    /// hash is on it, they follow genesis.
    ///
    /// # Errors
    /// The disk fails.
    pub fn headers_after(&self, locator: &[Hash]) -> StoreResult<Vec<Header>> {
        self.view()?.headers_after(locator)
    }

    /// Returns every stored block that contains one of these messages.
    ///
    /// # Errors
    /// The disk fails.
    pub fn seen(&self, ids: &[MessageId]) -> StoreResult<Vec<KnownIn>> {
        Ok(self.look_up(ids)?.1)
    }

    /// Returns the result of [`Store::seen`], and the snapshot in which it holds.
    fn look_up(&self, ids: &[MessageId]) -> StoreResult<(Snapshot, Vec<KnownIn>)> {
        // Read the head before the table. A message that is moved meanwhile is then found twice,
        // rather than missed.
        let in_head: Vec<Vec<_>> = {
            let head = self.head();
            ids.iter().map(|id| head.find(id).collect()).collect()
        };
        let (view, mut seen) = (self.view()?, Vec::new());
        for (index, (id, mut blocks)) in ids.iter().zip(in_head).enumerate() {
            blocks.extend(view.find_in_table(id)?);
            blocks.sort_unstable();
            blocks.dedup();
            for (block, height) in blocks {
                seen.push(KnownIn { index, block, height, best: view.is_best_at(height, &block)? });
            }
        }
        Ok((view, seen))
    }

    /// Returns our own messages that wait for a block, with their ids: at most the number that the
    /// node's mempool holds.
    ///
    /// # Errors
    /// The disk fails.
    pub fn pooled(&self) -> StoreResult<Vec<(MessageId, Bytes)>> {
        self.view()?.pooled()
    }

    /// Returns the address book as it was last stored. It is empty if none was stored.
    ///
    /// # Errors
    /// The disk fails.
    pub fn book(&self) -> StoreResult<Vec<u8>> {
        self.view()?.book()
    }

    /// Answers the node's query.
    ///
    /// # Errors
    /// The disk fails.
    pub fn recall(&self, recall: &StoreQuery) -> StoreResult<StoreReply> {
        self.view()?.recall(recall)
    }
}

fn builder() -> redb::Builder {
    let mut builder = Database::builder();
    builder.set_cache_size(CACHE_BYTES).set_repair_callback(|session| {
        tracing::warn!(
            progress = session.progress(),
            "the last run did not end cleanly, the store is checked"
        );
    });
    builder
}

/// Locks the data directory for this process, as long as the file that it returns is open.
///
/// # Errors
/// Another process uses the directory, or the lock's file cannot be made.
pub fn lock(data: &Path) -> StoreResult<File> {
    let path = data.join(LOCK_FILE);
    let opened = File::options().create(true).truncate(false).write(true).open(&path);
    let file = opened.map_err(|source| StoreError::Directory { path: path.clone(), source })?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::InUse { data: data.to_owned() }),
        Err(TryLockError::Error(source)) => Err(StoreError::Directory { path, source }),
    }
}

fn create(data: &Path, file: &Path) -> StoreResult<Database> {
    builder().create(file).map_err(|error| refused(data, file, error))
}

/// Makes a renamed file's name durable, on systems that can sync directories.
///
/// # Errors
/// The directory cannot be synced.
pub fn sync_directory(data: &Path) -> std::io::Result<()> {
    if cfg!(unix) { File::open(data)?.sync_all() } else { Ok(()) }
}

fn refused(data: &Path, file: &Path, error: DatabaseError) -> StoreError {
    if matches!(error, DatabaseError::DatabaseAlreadyOpen) {
        return StoreError::InUse { data: data.to_owned() };
    }
    let reason = error.to_string();
    let DatabaseError::Storage(StorageError::Io(source)) = error else {
        return StoreError::Unreadable { file: file.to_owned(), reason };
    };
    // These are redb's errors for a file that is not a database.
    if matches!(source.kind(), ErrorKind::InvalidData | ErrorKind::UnexpectedEof) {
        return StoreError::Unreadable { file: file.to_owned(), reason };
    }
    if error::is_disk_full(&source) {
        return StoreError::DiskFull;
    }
    StoreError::Directory { path: file.to_owned(), source }
}

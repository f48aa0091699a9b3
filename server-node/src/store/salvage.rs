//! Reads what can be read of a store that may be damaged. The file is not changed.
//!
//! The database may panic on a damaged page. So these functions are for a process of their own,
//! which may end at any moment: all that it has passed on before counts.

use std::path::Path;

use plexus_core::primitives::block::Block;
use plexus_core::primitives::hash::Hash;
use redb::{Database, ReadTransaction, ReadableDatabase, ReadableTable};

use super::overlay::Overlay;
use super::table::{self, PlaceKey};
use super::{FILE, StoreError, StoreResult, builder, identity, refused};

/// The blocks by which branches are compared where the best chain's table is lost.
const LOOK_AHEAD: u64 = 64;
/// The most blocks of one height that are compared.
const SIBLINGS_MAX: usize = 16;

/// A store that may be damaged.
#[derive(Debug)]
pub struct Salvage {
    transaction: ReadTransactionBox,
    _database: Database,
}

/// A read transaction, which cannot be shown.
struct ReadTransactionBox(ReadTransaction);

impl std::fmt::Debug for ReadTransactionBox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ReadTransaction")
    }
}

/// Opens the database of a store for reading only.
pub(super) fn open(data: &Path) -> StoreResult<Database> {
    let file = data.join(FILE);
    let overlay =
        Overlay::open(&file).map_err(|source| StoreError::Directory { path: file.clone(), source })?;
    builder().create_with_backend(overlay).map_err(|error| refused(data, &file, error))
}

impl Salvage {
    /// Opens the store of a data folder.
    ///
    /// # Errors
    /// The file is missing, cannot be read as a database, or its old bodies were deleted.
    pub fn open(data: &Path) -> StoreResult<Self> {
        let database = open(data)?;
        let transaction = ReadTransactionBox(database.begin_read()?);
        // Only the blocks that follow genesis without a gap could be saved.
        if let Err(error @ StoreError::PrunedStore { .. }) = identity::check_whole(&transaction.0) {
            return Err(error);
        }
        Ok(Self { transaction, _database: database })
    }

    /// Passes on the blocks of the best chain from genesis, as its table names them, up to the first
    /// that is missing or is not the one that its hash names. `take` returns false to stop.
    ///
    /// # Errors
    /// A table cannot be read.
    pub fn best(&self, mut take: impl FnMut(&[u8]) -> bool) -> StoreResult<()> {
        let best = self.transaction.0.open_table(table::BEST)?;
        let bodies = self.transaction.0.open_table(table::BODIES)?;
        for (expected, entry) in (0..).zip(best.iter()?) {
            let (height, hash) = entry?;
            let hash = Hash::from_bytes(*hash.value());
            let body = bodies.get(&table::place_key(expected, &hash))?;
            let body =
                body.filter(|body| height.value() == expected && is_block(body.value(), expected, &hash));
            if !body.is_some_and(|body| take(body.value())) {
                break;
            }
        }
        Ok(())
    }

    /// Passes on the blocks that follow `parent`, from `height` on, by their bodies alone. Of several
    /// branches it follows the one that is longest within `LOOK_AHEAD` blocks. `take` returns false
    /// to stop.
    ///
    /// # Errors
    /// A table cannot be read.
    pub fn following(
        &self,
        mut height: u64,
        mut parent: Hash,
        mut take: impl FnMut(&[u8]) -> bool,
    ) -> StoreResult<()> {
        loop {
            let mut children = self.children(height, &parent)?;
            if children.len() > 1 {
                let mut longest = (0, 0);
                for (index, (hash, _)) in children.iter().enumerate() {
                    let length = self.length(height + 1, *hash)?;
                    longest = longest.max((length, children.len() - index));
                }
                let chosen = children.len() - longest.1;
                children.swap(0, chosen);
            }
            let Some((hash, body)) = children.into_iter().next() else { return Ok(()) };
            if !take(&body) {
                return Ok(());
            }
            (height, parent) = (height + 1, hash);
        }
    }

    /// Returns the stored blocks at a height with this parent.
    fn children(&self, height: u64, parent: &Hash) -> StoreResult<Vec<(Hash, Vec<u8>)>> {
        let bodies = self.transaction.0.open_table(table::BODIES)?;
        let first = table::place_key(height, &Hash::ZERO);
        let last = table::place_key(height, &Hash::from_bytes([0xff; 32]));
        let mut children = Vec::new();
        for entry in bodies.range::<&PlaceKey>(&first..=&last)? {
            let (key, body) = entry?;
            let (_, hash) = table::place_of(key.value());
            let block = Block::decode(body.value());
            let follows = block.is_ok_and(|block| block.header.prev_hash == *parent);
            if follows && is_block(body.value(), height, &hash) {
                children.push((hash, body.value().to_vec()));
            }
            if children.len() == SIBLINGS_MAX {
                break;
            }
        }
        Ok(children)
    }

    /// Returns the number of blocks on the first branch that follows `parent`, at most
    /// `LOOK_AHEAD`.
    fn length(&self, height: u64, mut parent: Hash) -> StoreResult<u64> {
        for length in 0..LOOK_AHEAD {
            match self.children(height + length, &parent)?.into_iter().next() {
                Some((hash, _)) => parent = hash,
                None => return Ok(length),
            }
        }
        Ok(LOOK_AHEAD)
    }

    /// Passes on our own messages that wait for a block. `take` returns false to stop.
    ///
    /// # Errors
    /// The table cannot be read.
    pub fn pooled(&self, mut take: impl FnMut(&[u8]) -> bool) -> StoreResult<()> {
        for entry in self.transaction.0.open_table(table::POOLED)?.iter()? {
            if !take(entry?.1.value()) {
                break;
            }
        }
        Ok(())
    }

    /// Passes on the address book.
    ///
    /// # Errors
    /// The table cannot be read.
    pub fn book(&self, mut take: impl FnMut(&[u8]) -> bool) -> StoreResult<()> {
        if let Some(book) = self.transaction.0.open_table(table::META)?.get(table::BOOK_KEY)? {
            take(book.value());
        }
        Ok(())
    }
}

/// Returns true if bytes are a block of this height and hash.
fn is_block(body: &[u8], height: u64, hash: &Hash) -> bool {
    Block::decode(body).is_ok_and(|block| block.header.height == height && block.header.hash() == *hash)
}

//! Pruning: deletes the bodies of old blocks, in steps.
//!
//! Headers, the MMR and the index of messages stay. Of each deleted body of the best chain, the two
//! values that a chain proof shows are kept: 40 bytes. A step is one transaction of at most
//! [`STEP_BLOCKS`] heights and about [`STEP_BYTES`] of bodies. So a crash loses at most the last
//! step, and other transactions wait only for one.
//!
//! The database reuses the pages that a deletion frees, and its file keeps its size. When deleted
//! bodies took a quarter of the file or more, it is compacted as the store is opened.
//!
//! The bodies of the newest [`KEPT_BODIES_MIN`] blocks are never deleted. Peers may request them.

use std::fmt;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use plexus_core::primitives::block::Block;
use plexus_core::primitives::hash::Hash;
use plexus_core::primitives::time::Timestamp;
pub use plexus_core::protocol::hello::KEPT_BODIES_MIN;
use redb::{AccessGuard, Database, ReadableDatabase, ReadableTable, TableError};

use super::apply::TransactionWriter;
use super::snapshot::Snapshot;
use super::table::{self, PlaceKey, PrunedRecord};
use super::{Store, StoreError, StoreResult};

/// The most heights whose bodies one step deletes.
pub const STEP_BLOCKS: u64 = 256;
/// The bytes of bodies after which a step ends.
pub const STEP_BYTES: usize = 4 << 20;
/// The least bytes that compacting the file must free.
const COMPACTED_BYTES_MIN: u64 = 16 << 20;
/// The longest age of bodies that can be kept, in days: a hundred years.
const DAYS_MAX: u64 = 36_500;

/// The bodies that a node keeps.
///
/// ```
/// use plexus_node::store::KeepBodies;
///
/// assert_eq!("1000".parse(), Ok(KeepBodies::Blocks(1_000)));
/// assert_eq!("10GB".parse(), Ok(KeepBodies::Bytes(10_000_000_000)));
/// assert_eq!("90d".parse::<KeepBodies>().unwrap().to_string(), "90d");
/// assert!("90 parsecs".parse::<KeepBodies>().unwrap_err().to_string().contains("90d"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeepBodies {
    /// Those of the newest blocks, this many.
    Blocks(u64),
    /// The newest that together have at most this many bytes.
    Bytes(u64),
    /// Those of blocks that are at most this old.
    Age(Duration),
}

/// A text does not say which bodies to keep.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeepBodiesError {
    /// It has another form.
    #[error(
        "expected a duration like 90d or 36h, a size like 10GB, 500MB or 8GiB, or a number of blocks like 100000"
    )]
    Form,
    /// It is fewer blocks than every node keeps.
    #[error("at least {KEPT_BODIES_MIN} blocks, because peers may request so many")]
    TooFew,
    /// It is more than a node ever has.
    #[error("too much: leave the option out to keep all bodies")]
    TooMuch,
}

impl FromStr for KeepBodies {
    type Err = KeepBodiesError;

    fn from_str(text: &str) -> Result<Self, KeepBodiesError> {
        let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (digits, unit) = text.split_at(end);
        if digits.is_empty() {
            return Err(KeepBodiesError::Form);
        }
        let number: u64 = digits.parse().map_err(|_| KeepBodiesError::TooMuch)?;
        let times = |factor: u64| number.checked_mul(factor).ok_or(KeepBodiesError::TooMuch);
        let age = |seconds: u64| match times(seconds)? {
            0 => Err(KeepBodiesError::Form),
            age if age > DAYS_MAX * 86_400 => Err(KeepBodiesError::TooMuch),
            age => Ok(Self::Age(Duration::from_secs(age))),
        };
        match unit {
            "" if number < KEPT_BODIES_MIN => Err(KeepBodiesError::TooFew),
            "" => Ok(Self::Blocks(number)),
            "d" => age(86_400),
            "h" => age(3_600),
            "MB" => times(1_000_000).map(Self::Bytes),
            "GB" => times(1_000_000_000).map(Self::Bytes),
            "TB" => times(1_000_000_000_000).map(Self::Bytes),
            "MiB" => times(1 << 20).map(Self::Bytes),
            "GiB" => times(1 << 30).map(Self::Bytes),
            "TiB" => times(1 << 40).map(Self::Bytes),
            _ => Err(KeepBodiesError::Form),
        }
    }
}

impl fmt::Display for KeepBodies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Blocks(blocks) => write!(f, "{blocks}"),
            Self::Bytes(bytes) if bytes.is_multiple_of(1_000_000) => write!(f, "{}MB", bytes / 1_000_000),
            Self::Bytes(bytes) => write!(f, "{}MiB", bytes >> 20),
            Self::Age(age) if age.as_secs().is_multiple_of(86_400) => {
                write!(f, "{}d", age.as_secs() / 86_400)
            }
            Self::Age(age) => write!(f, "{}h", age.as_secs() / 3_600),
        }
    }
}

/// The result of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pruned {
    /// The number of deleted bodies.
    pub bodies: usize,
    /// True if nothing is left to delete now.
    pub is_done: bool,
}

/// A body to delete.
struct OldBody {
    height: u64,
    hash: Hash,
    bytes: u64,
    /// What stays of a block of the best chain.
    record: Option<PrunedRecord>,
}

/// Compacts a store's file, if its bodies once took a quarter of it more than they take now.
pub(super) fn compact_if_free(database: &mut Database, file: &Path) -> StoreResult<()> {
    let file_bytes = std::fs::metadata(file).map(|metadata| metadata.len()).unwrap_or_default();
    let (body_bytes, peak) = match database.begin_read()?.open_table(table::META) {
        Ok(meta) => {
            let number = |key: &str| -> StoreResult<u64> {
                Ok(table::number_of(meta.get(key)?.as_ref().map(AccessGuard::value)))
            };
            (number(table::BODY_BYTES_KEY)?, number(table::BODY_BYTES_PEAK_KEY)?)
        }
        // What this file is turns out next.
        Err(TableError::TableDoesNotExist(_)) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    let free = peak.saturating_sub(body_bytes);
    if free < COMPACTED_BYTES_MIN || free < file_bytes / 4 {
        return Ok(());
    }
    tracing::info!(file_bytes, free, "the store's file is compacted");
    database.compact()?;
    let transaction = database.begin_write()?;
    transaction
        .open_table(table::META)?
        .insert(table::BODY_BYTES_PEAK_KEY, body_bytes.to_be_bytes().as_slice())?;
    transaction.commit()?;
    Ok(())
}

impl Store {
    /// Deletes the oldest bodies that need not be kept, in one step.
    ///
    /// # Errors
    /// The disk fails, or a stored body cannot be read.
    pub fn prune(&self, keep: KeepBodies, now: Timestamp) -> StoreResult<Pruned> {
        let view = self.view()?;
        let tip = view.last()?.0;
        let from = view.kept_from()?.max(1);
        let end = view.first_to_keep(keep, tip, now)?.min((tip + 1).saturating_sub(KEPT_BODIES_MIN));
        let end = end.min(from.saturating_add(STEP_BLOCKS));
        let excess = match keep {
            KeepBodies::Bytes(bytes) => view.body_bytes()?.saturating_sub(bytes),
            KeepBodies::Blocks(_) | KeepBodies::Age(_) => u64::MAX,
        };
        if from >= end || excess == 0 {
            return Ok(Pruned { bodies: 0, is_done: true });
        }
        let (bodies, end) = view.old_bodies(from, end, excess)?;
        drop(view);
        let mut deleted = 0;
        self.write(|writer| {
            deleted = writer.prune(from, end, &bodies)?;
            Ok(())
        })?;
        Ok(Pruned { bodies: deleted, is_done: false })
    }
}

impl Snapshot {
    /// Returns the height of the first block whose body is to be kept. By bytes, that is any: the
    /// deletion ends when few enough are left.
    fn first_to_keep(&self, keep: KeepBodies, tip: u64, now: Timestamp) -> StoreResult<u64> {
        match keep {
            KeepBodies::Blocks(blocks) => Ok((tip + 1).saturating_sub(blocks)),
            KeepBodies::Bytes(_) => Ok(tip + 1),
            KeepBodies::Age(age) => {
                let oldest = now.minus_ms(u64::try_from(age.as_millis()).unwrap_or(u64::MAX));
                self.first_since(oldest, tip)
            }
        }
    }

    /// Returns the height of the first block of the best chain with this time or a later one. Times
    /// rise along the chain.
    fn first_since(&self, time: Timestamp, tip: u64) -> StoreResult<u64> {
        let (mut low, mut high) = (0, tip + 1);
        while low < high {
            let middle = low + (high - low) / 2;
            let hash = self.hash_at(middle)?.ok_or_else(|| StoreError::missing("block", middle))?;
            let header = self.header_at(middle, &hash)?.ok_or_else(|| StoreError::missing("header", hash))?;
            if header.0.time < time { low = middle + 1 } else { high = middle }
        }
        Ok(low)
    }

    /// Returns the bodies at the heights from `from` on and below `end`, of all branches, and the
    /// height up to which these are. They end after [`STEP_BYTES`] or `excess` bytes.
    fn old_bodies(&self, from: u64, end: u64, excess: u64) -> StoreResult<(Vec<OldBody>, u64)> {
        let (mut bodies, mut bytes) = (Vec::new(), 0);
        let keys = table::place_key(from, &Hash::ZERO)..table::place_key(end, &Hash::ZERO);
        for entry in self.bodies.range::<&PlaceKey>(&keys.start..&keys.end)? {
            let (key, body) = entry?;
            let (height, hash) = table::place_of(key.value());
            let is_new_height = bodies.last().is_none_or(|last: &OldBody| last.height != height);
            if is_new_height && bytes >= excess.min(STEP_BYTES as u64) {
                return Ok((bodies, height));
            }
            bytes += body.value().len() as u64;
            let record = match self.is_best_at(height, &hash)? {
                true => {
                    let block = Block::decode(body.value());
                    let block = block.map_err(|error| StoreError::record("body", hash, &error))?;
                    Some(table::pruned_record(&block.body_root(&block.messages_root()), block.extra))
                }
                false => None,
            };
            bodies.push(OldBody { height, hash, bytes: body.value().len() as u64, record });
        }
        Ok((bodies, end))
    }
}

impl TransactionWriter<'_> {
    /// Deletes these bodies, which are all at the heights from `from` on and below `end`. Returns
    /// their number. Nothing is deleted if the best chain has changed there since they were read.
    fn prune(&mut self, from: u64, end: u64, bodies: &[OldBody]) -> StoreResult<usize> {
        if self.kept_from().max(1) != from {
            return Ok(0);
        }
        for body in bodies.iter().filter(|body| body.record.is_some()) {
            if self.best.get(body.height)?.is_none_or(|hash| hash.value() != body.hash.as_bytes()) {
                return Ok(0);
            }
        }
        for body in bodies {
            if self.bodies.remove(&table::place_key(body.height, &body.hash))?.is_some() {
                self.body_bytes = self.body_bytes.saturating_sub(body.bytes);
            }
            if let Some(record) = &body.record {
                self.pruned.insert(body.height, record)?;
            }
        }
        self.keep_from(end);
        Ok(bodies.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_to_keep_is_a_duration_a_size_or_a_number_of_blocks() {
        for (text, keep) in [
            ("512", KeepBodies::Blocks(512)),
            ("100000", KeepBodies::Blocks(100_000)),
            ("90d", KeepBodies::Age(Duration::from_secs(90 * 86_400))),
            ("36h", KeepBodies::Age(Duration::from_secs(36 * 3_600))),
            ("10GB", KeepBodies::Bytes(10_000_000_000)),
            ("8GiB", KeepBodies::Bytes(8 << 30)),
            ("0MB", KeepBodies::Bytes(0)),
        ] {
            assert_eq!(text.parse(), Ok(keep), "{text}");
            assert_eq!(keep.to_string().parse(), Ok(keep), "{keep}");
        }
        for text in ["", "d", "-1", "1.5GB", "90 d", "10gb", "10GBs", "GB", "ten", "0d", "12m"] {
            assert_eq!(text.parse::<KeepBodies>(), Err(KeepBodiesError::Form), "{text}");
        }
        for text in ["0", "1", "511"] {
            assert_eq!(text.parse::<KeepBodies>(), Err(KeepBodiesError::TooFew), "{text}");
        }
        for text in ["99999999999999999999", "18446744073709551615TB", "36501d", "9999999999999999999h"] {
            assert_eq!(text.parse::<KeepBodies>(), Err(KeepBodiesError::TooMuch), "{text}");
        }
    }
}

//! Errors of the store.

use std::io::ErrorKind;
use std::path::PathBuf;

use plexus_core::primitives::encoding::DecodeError;
use plexus_core::primitives::hash::Hash;
use plexus_core::proof::chain_proof::ProofError;

/// The reason that a store cannot be opened, read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process has the store open.
    #[error("another node is using {}: stop it, or choose another directory with --data", data.display())]
    InUse {
        /// The data directory.
        data: PathBuf,
    },
    /// The store belongs to another network.
    #[error(
        "{} holds the chain of another network (genesis {found}, not {expected}): choose another directory with --data",
        data.display()
    )]
    OtherNetwork {
        /// The data directory.
        data: PathBuf,
        /// The id of the node's network.
        expected: Hash,
        /// The id of the store's network.
        found: Hash,
    },
    /// The store's chain follows another version of the protocol.
    #[error(
        "{} holds a chain of protocol version {found}, this program follows version {expected}: nothing is converted, \
         choose a new directory with --data",
        data.display()
    )]
    OtherProtocol {
        /// The data directory.
        data: PathBuf,
        /// This program's version.
        expected: u32,
        /// The version in the store's genesis header.
        found: u32,
    },
    /// The store's tables have another layout.
    #[error(
        "{} has store format {found}, this program writes {expected}: use the program that wrote it, or choose another \
         directory with --data",
        data.display()
    )]
    OtherFormat {
        /// The data directory.
        data: PathBuf,
        /// This program's format.
        expected: u64,
        /// The store's format.
        found: u64,
    },
    /// The file is not a store, or damaged beyond use.
    #[error(
        "{} cannot be read ({reason}): run `plexus repair`, which keeps what is sound",
        file.display()
    )]
    Unreadable {
        /// The store's file.
        file: PathBuf,
        /// The database's error.
        reason: String,
    },
    /// The data directory cannot be created or used.
    #[error("{}: {source}", path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// The body of a block was deleted.
    #[error(
        "the body of block {height} ({block}) was deleted here: this node keeps those from block {kept_from} on, an \
         archive node has all"
    )]
    Pruned {
        /// The block.
        block: Hash,
        /// Its height.
        height: u64,
        /// The lowest height whose body is kept.
        kept_from: u64,
    },
    /// The bodies of old blocks were deleted, and the whole chain is needed.
    #[error(
        "the store is pruned: the bodies below block {kept_from} were deleted, and a new store cannot be made without \
         them. A node that starts cuts the chain off below damage in its newest blocks. Otherwise begin again: \
         `plexus node --data NEW --from URL`"
    )]
    PrunedStore {
        /// The lowest height whose body is kept.
        kept_from: u64,
    },
    /// A stored record differs from the one that was written.
    #[error("the store is damaged: {what} {key}: {reason}")]
    Record {
        /// The kind of record.
        what: &'static str,
        /// The record's key.
        key: String,
        /// The error in it.
        reason: String,
    },
    /// The best chain cannot be proven.
    #[error("the chain cannot be proven: {0}")]
    Proof(ProofError),
    /// The disk is full.
    #[error("the disk is full: make room and start the node again, nothing that it acknowledged is lost")]
    DiskFull,
    /// The disk or the database failed.
    #[error("the store: {0}")]
    Database(Box<redb::Error>),
}

impl StoreError {
    pub(crate) fn record(what: &'static str, key: impl ToString, error: &DecodeError) -> Self {
        Self::Record { what, key: key.to_string(), reason: error.to_string() }
    }

    fn of(error: redb::Error) -> Self {
        if let redb::Error::Io(source) = &error
            && is_disk_full(source)
        {
            return Self::DiskFull;
        }
        Self::Database(Box::new(error))
    }

    pub(super) fn missing(what: &'static str, key: impl ToString) -> Self {
        Self::Record { what, key: key.to_string(), reason: "missing".to_owned() }
    }
}

pub(super) fn is_disk_full(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded)
}

macro_rules! from_redb {
    ($($error:ty),*) => {$(
        impl From<$error> for StoreError {
            fn from(error: $error) -> Self {
                Self::of(error.into())
            }
        }
    )*};
}

from_redb!(
    redb::TransactionError,
    redb::TableError,
    redb::StorageError,
    redb::CommitError,
    redb::CompactionError,
    redb::SetDurabilityError
);

//! What can go wrong with a store.

use std::path::PathBuf;

use plexus_core::hash::Hash;
use plexus_core::layout::DecodeError;
use plexus_core::proof::ProofError;

/// Why a store cannot be opened, read or written.
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
    /// The store's tables are laid out in another way.
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
        /// The store's.
        found: u64,
    },
    /// The file is no store, or damaged beyond use.
    #[error(
        "{} cannot be read ({reason}): move it away and start again, the node fetches the chain from its peers",
        file.display()
    )]
    Unreadable {
        /// The store's file.
        file: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The data directory cannot be made or used.
    #[error("{}: {source}", path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// A stored record is not what was written.
    #[error("the store is damaged: {what} {key}: {reason}")]
    Record {
        /// What kind of record.
        what: &'static str,
        /// Which.
        key: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The best chain is none that can be proven.
    #[error("the chain cannot be proven: {0}")]
    Proof(ProofError),
    /// The disk, or the database upon it.
    #[error("the store: {0}")]
    Database(Box<redb::Error>),
}

impl StoreError {
    pub(super) fn record(what: &'static str, key: impl ToString, error: &DecodeError) -> Self {
        Self::Record { what, key: key.to_string(), reason: error.to_string() }
    }

    pub(super) fn missing(what: &'static str, key: impl ToString) -> Self {
        Self::Record { what, key: key.to_string(), reason: "missing".to_owned() }
    }
}

macro_rules! from_redb {
    ($($error:ty),*) => {$(
        impl From<$error> for StoreError {
            fn from(error: $error) -> Self {
                Self::Database(Box::new(error.into()))
            }
        }
    )*};
}

from_redb!(
    redb::TransactionError,
    redb::TableError,
    redb::StorageError,
    redb::CommitError,
    redb::SetDurabilityError
);

//! What can go wrong with a store.

/// Why a store cannot be opened, read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Nothing is here yet.
    #[error("the store is not written yet")]
    Skeleton,
}

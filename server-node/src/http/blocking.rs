//! Questions to the store, asked on threads that may wait for the disk.

use std::sync::Arc;

use crate::handle::Handle;
use crate::http::error::ApiError;
use crate::store::{Store, StoreError};

/// Reads the store on a thread that may wait for the disk.
pub(crate) async fn read<T: Send + 'static>(
    handle: &Handle,
    question: impl FnOnce(&Store) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, ApiError> {
    let store = Arc::clone(handle.store());
    let answer = tokio::task::spawn_blocking(move || question(&store)).await;
    // The task is only lost if the runtime is shutting down.
    answer.map_err(|_| ApiError::from(crate::handle::Stopped))?.map_err(ApiError::from)
}

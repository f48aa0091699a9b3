//! Blocks: lists of the best chain, and single blocks by height or hash.

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, VARY};
use axum::response::{IntoResponse, Response};
use plexus_core::ledger::json;
use plexus_core::primitives::block::Block;
use plexus_core::primitives::hash::Hash;
use plexus_core::primitives::params::Network;

use super::SliceQuery;
use super::proof::{BINARY, wants_binary};
use crate::http::blocking::read;
use crate::http::error::ApiError;
use crate::http::state::AppState;
use crate::store::{Store, StoreError, StoredBlock};

/// The size of a list in bytes of encoded blocks: the block that exceeds it is the last. JSON is
/// several times as long.
const LIST_BYTES_MAX: usize = 1 << 20;

/// Returns a stored block in the form for people. Returns `None` if it cannot be read, which goes
/// to the log.
pub(crate) fn shown(stored: &StoredBlock, network: &Network) -> Option<json::BlockView> {
    match Block::decode(&stored.block) {
        Ok(block) => Some(json::BlockView::new(&block, stored.place.total_work, network.id())),
        Err(error) => {
            tracing::error!(hash = %stored.place.hash, %error, "a stored block is damaged");
            None
        }
    }
}

/// Blocks of the best chain, in rising order: the newest ones, or those from a height on
#[utoipa::path(get, path = "/api/v1/blocks", operation_id = "list_blocks", tag = "ledger", params(super::ListSlice),
    responses((status = 200, body = Vec<json::BlockView>), (status = 400, body = crate::http::error::Refusal),
        (status = 410, description = "The block's body was deleted here", body = crate::http::error::Refusal)))]
pub(super) async fn list(
    State(app): State<AppState>,
    query: SliceQuery,
) -> Result<Json<Vec<json::BlockView>>, ApiError> {
    let slice = query?.0;
    let network = app.handle.network().clone();
    let blocks = read(&app.handle, move |store| {
        let from = match slice.from {
            Some(from) => from,
            None => (store.tip()?.height + 1).saturating_sub(slice.limit() as u64),
        };
        Ok(brief(store.blocks(from, slice.limit())?, &network))
    });
    Ok(Json(blocks.await?))
}

fn brief(blocks: Vec<StoredBlock>, network: &Network) -> Vec<json::BlockView> {
    let mut bytes = 0;
    let fitting = blocks.into_iter().take_while(|stored| {
        let fits = bytes <= LIST_BYTES_MAX;
        bytes += stored.block.len();
        fits
    });
    fitting.map_while(|stored| shown(&stored, network)).collect()
}

/// One block, by its height on the best chain or by its hash on any branch: as JSON, or as bytes if
/// `application/octet-stream` is accepted
#[utoipa::path(get, path = "/api/v1/blocks/{name}", operation_id = "block", tag = "ledger",
    params(("name" = String, Path, description = "A height, or a hash of 64 hex digits")),
    responses((status = 200, content((json::BlockView = "application/json"), (Vec<u8> = "application/octet-stream"))),
        (status = 400, body = crate::http::error::Refusal),
        (status = 404, body = crate::http::error::Refusal),
        (status = 410, description = "The block's body was deleted here", body = crate::http::error::Refusal)))]
pub(super) async fn show(
    State(app): State<AppState>,
    headers: HeaderMap,
    name: Result<Path<String>, PathRejection>,
) -> Result<Response, ApiError> {
    let Path(name) = name?;
    let (hash, height) = (name.parse::<Hash>().ok(), name.parse::<u64>().ok());
    if hash.is_none() && height.is_none() {
        return Err(ApiError::malformed("a block is named by its height or by its hash of 64 hex digits"));
    }
    let missing = || ApiError::missing(format_args!("block {name}"));
    let stored = read(&app.handle, move |store| find(store, hash, height)).await?.ok_or_else(missing)?;
    // A hash always names the same block. A height may later name another.
    let caching = if hash.is_some() { "public, max-age=31536000, immutable" } else { "no-cache" };
    let caching = [(CACHE_CONTROL, caching), (VARY, "accept")];
    if wants_binary(&headers) {
        return Ok((caching, [(CONTENT_TYPE, BINARY)], stored.block).into_response());
    }
    let block = shown(&stored, app.handle.network()).ok_or_else(missing)?;
    Ok((caching, Json(block)).into_response())
}

fn find(store: &Store, hash: Option<Hash>, height: Option<u64>) -> Result<Option<StoredBlock>, StoreError> {
    let hash = match (hash, height) {
        (Some(hash), _) => Some(hash),
        (None, Some(height)) => store.hash_at(height)?,
        (None, None) => None,
    };
    hash.map_or(Ok(None), |hash| store.block(&hash))
}

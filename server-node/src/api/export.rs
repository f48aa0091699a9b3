//! The whole chain as text. Line 1 is the network's parameters as JSON. Each further line is a
//! block's encoding in hex, genesis first.

use std::io;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;
use plexus_core::primitives::block::Header;
use plexus_core::primitives::hash::Hash;
use tokio::sync::OwnedSemaphorePermit;

use crate::handle::Handle;
use crate::http::blocking::read;
use crate::http::error::ApiError;
use crate::http::state::AppState;
use crate::store::StoredBlock;

/// The most exports at a time. Further requests are refused and may be repeated.
pub(crate) const EXPORTS_MAX: usize = 8;
/// The number of blocks that are read in one piece.
const PIECE_BLOCKS: usize = 256;
const REORGANISED: &str = "the chain was reorganised meanwhile: ask again";

struct Export {
    handle: Handle,
    height: u64,
    parent: Hash,
    _permit: OwnedSemaphorePermit,
}

/// The whole chain, for its reader to verify. It breaks off if the chain is reorganised meanwhile
#[utoipa::path(get, path = "/api/v1/export", operation_id = "export", tag = "ledger",
    responses(
        (status = 200, description = "The network's parameters as JSON, then a block a line in hex", content_type = "text/plain"),
        (status = 410, description = "The bodies of old blocks were deleted here", body = crate::http::error::Refusal),
        (status = 503, description = "Too many exports are under way", body = crate::http::error::Refusal)))]
pub(super) async fn stream(State(app): State<AppState>) -> Result<Response, ApiError> {
    check_whole(&app)?;
    let permit = Arc::clone(&app.exports).try_acquire_owned().map_err(|_| ApiError::busy())?;
    let mut first = serde_json::to_vec(app.handle.network().parameters()).unwrap_or_default();
    first.push(b'\n');
    let export = Export { handle: app.handle.clone(), height: 0, parent: Hash::ZERO, _permit: permit };
    let pieces = stream::try_unfold((Some(Bytes::from(first)), export), |(first, export)| async {
        if let Some(first) = first {
            return Ok(Some((first, (None, export))));
        }
        Ok::<_, io::Error>(export.next().await?.map(|(piece, export)| (piece, (None, export))))
    });
    let headers = [(CONTENT_TYPE, "text/plain; charset=utf-8"), (CACHE_CONTROL, "no-store")];
    Ok((headers, Body::from_stream(pieces)).into_response())
}

/// Refuses an answer with every block, if the bodies of some were deleted.
pub(crate) fn check_whole(app: &AppState) -> Result<(), ApiError> {
    let Some(height) = app.handle.store().kept_from() else { return Ok(()) };
    let message = format!(
        "the bodies of the blocks from 1 to {} were deleted here: ask an archive node for the whole chain",
        height - 1
    );
    Err(ApiError::new(StatusCode::GONE, "pruned", message))
}

impl Export {
    async fn next(mut self) -> io::Result<Option<(Bytes, Self)>> {
        let height = self.height;
        let blocks = read(&self.handle, move |store| store.blocks(height, PIECE_BLOCKS)).await;
        let blocks = blocks.map_err(|_| io::Error::other("the store cannot be read"))?;
        if blocks.is_empty() {
            // After a reorganisation the chain may be shorter than the part already sent.
            let tip = read(&self.handle, |store| store.tip()).await.map(|tip| tip.hash);
            return if tip == Ok(self.parent) { Ok(None) } else { Err(io::Error::other(REORGANISED)) };
        }
        let mut piece = String::with_capacity(blocks.iter().map(|stored| 2 * stored.block.len() + 1).sum());
        for stored in &blocks {
            if parent_of(stored) != Some(self.parent) {
                return Err(io::Error::other(REORGANISED));
            }
            piece.push_str(&hex::encode(&stored.block));
            piece.push('\n');
            self.parent = stored.place.hash;
        }
        self.height += blocks.len() as u64;
        Ok(Some((piece.into(), self)))
    }
}

/// The hash of a stored block's parent.
pub(crate) fn parent_of(stored: &StoredBlock) -> Option<Hash> {
    let header = stored.block.get(..plexus_core::primitives::block::HEADER_BYTES)?;
    Header::decode(header).ok().map(|header| header.prev_hash)
}

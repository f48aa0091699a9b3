//! The proof file of a message, which shows offline that the message is in the ledger.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::header::{ACCEPT, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE, VARY};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use plexus_core::primitives::message::MessageId;
use plexus_core::proof::inclusion_proof::{Form, Receipt};

use super::messages;
use crate::http::blocking::read;
use crate::http::error::ApiError;
use crate::http::state::AppState;
use crate::store::Store;

/// The most proofs that are made at a time. Further requests are refused and may be repeated.
pub(crate) const PROOFS_MAX: usize = 8;
pub(super) const BINARY: &str = "application/octet-stream";

/// A message's proof file: as bytes if `application/octet-stream` is accepted, otherwise as JSON
#[utoipa::path(get, path = "/api/v1/messages/{id}/proof", operation_id = "proof", tag = "ledger",
    params(("id" = String, Path, description = "The message's id, 64 hex digits")),
    responses(
        (status = 200, description = "It shows that the message is in a block, and how much work is on and above that block",
            content((Form = "application/json"), (Vec<u8> = "application/octet-stream"))),
        (status = 400, body = crate::http::error::Refusal),
        (status = 404, description = "The message is not known", body = crate::http::error::Refusal),
        (status = 409, description = "The message waits for a block", body = crate::http::error::Refusal),
        (status = 410, description = "It is in a block whose body was deleted here", body = crate::http::error::Refusal),
        (status = 503, description = "Too many proofs are being made", body = crate::http::error::Refusal)))]
pub(super) async fn show(
    State(app): State<AppState>,
    headers: HeaderMap,
    id: Result<Path<String>, PathRejection>,
) -> Result<Response, ApiError> {
    let id = messages::name(id)?;
    // A message moves from the mempool to a block, and back when the block is undone. See
    // `messages::show`.
    check_pool(&app, id).await?;
    let permit = Arc::clone(&app.proofs).try_acquire_owned().map_err(|_| ApiError::busy())?;
    let (network, binary) = (app.handle.network().clone(), wants_binary(&headers));
    let made = move |store: &Store| {
        let receipt = store.receipt(&network, &id)?;
        drop(permit);
        let answer = |receipt: Receipt| match binary {
            true => file(&id, &receipt),
            false => Json(Form::new(&receipt)).into_response(),
        };
        Ok(receipt.map(answer))
    };
    if let Some(answer) = read(&app.handle, made).await? {
        return Ok(([(CACHE_CONTROL, "no-cache"), (VARY, "accept")], answer).into_response());
    }
    check_pool(&app, id).await?;
    Err(ApiError::missing(format_args!("message {id}")))
}

/// Refuses a message that waits in the mempool.
async fn check_pool(app: &AppState, id: MessageId) -> Result<(), ApiError> {
    if app.handle.pooled(id).await?.is_none() {
        return Ok(());
    }
    let waits = format!("message {id} waits for a block: there is a proof as soon as it is in one");
    Err(ApiError::new(StatusCode::CONFLICT, "pending", waits))
}

fn file(id: &MessageId, receipt: &Receipt) -> Response {
    let name = format!("attachment; filename=\"{id:.16}.plexus\"");
    let headers = [(CONTENT_TYPE, BINARY.to_owned()), (CONTENT_DISPOSITION, name)];
    (headers, receipt.encode()).into_response()
}

/// Returns true if the binary media type is accepted. Other accepted types and all weights are
/// ignored.
pub(super) fn wants_binary(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let types = accepted.flat_map(|value| value.split(','));
    types
        .map(|range| range.split(';').next().unwrap_or_default())
        .any(|range| range.trim().eq_ignore_ascii_case(BINARY))
}

//! Messages: submitted ones, ones in the mempool, and ones in a block.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, PathRejection};
use axum::extract::{Path, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use plexus_core::ledger::json::{self, MessageStatus, Submission};
use plexus_core::primitives::block::Block;
use plexus_core::primitives::message::{Message, MessageId};
use plexus_core::primitives::pow::Work;

use super::SliceQuery;
use super::view::Accepted;
use crate::http::blocking::read;
use crate::http::error::ApiError;
use crate::http::state::AppState;
use crate::store::{Store, StoreError};

/// Messages in the mempool, those next in line first
#[utoipa::path(get, path = "/api/v1/messages", operation_id = "list_messages", tag = "ledger", params(super::ListSlice),
    responses((status = 200, body = Vec<json::MessageView>), (status = 400, body = crate::http::error::Refusal)))]
pub(super) async fn list(
    State(app): State<AppState>,
    query: SliceQuery,
) -> Result<Json<Vec<json::MessageView>>, ApiError> {
    let slice = query?.0;
    if slice.from.is_some() {
        return Err(ApiError::malformed("from: the pool has no heights; it is listed from its head on"));
    }
    let pool = app.handle.pool(slice.limit()).await?;
    let network = app.handle.network().id();
    Ok(Json(pool.iter().map(|message| json::MessageView::new(message, network)).collect()))
}

/// A message and its position in the ledger
#[utoipa::path(get, path = "/api/v1/messages/{id}", operation_id = "message", tag = "ledger",
    params(("id" = String, Path, description = "The message's id, 64 hex digits")),
    responses((status = 200, body = MessageStatus), (status = 400, body = crate::http::error::Refusal),
        (status = 404, description = "Unknown (`not_found`), or evicted from the full pool (`dropped`)",
            body = crate::http::error::Refusal),
        (status = 410, description = "It is in a block whose body was deleted here", body = crate::http::error::Refusal)))]
pub(super) async fn show(
    State(app): State<AppState>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Json<MessageStatus>, ApiError> {
    let id = name(id)?;
    // A message moves from the mempool to a block. If it is not in the mempool at first, it is in
    // the store afterwards.
    if let Some(message) = app.handle.pooled(id).await? {
        return Ok(Json(pending(&message, &app)));
    }
    let network = *app.handle.network().id();
    if let Some((message, place)) = read(&app.handle, move |store| find(store, &id)).await? {
        let message = json::MessageView::new(&message, &network);
        return Ok(Json(MessageStatus {
            message,
            pending: false,
            number_of_block: Some(place.height),
            block: Some(place.block),
            work_above: Some(place.work_above.to_string()),
        }));
    }
    // It moves back if its block is undone in between.
    match app.handle.pooled(id).await? {
        Some(message) => Ok(Json(pending(&message, &app))),
        None if app.handle.was_dropped(id).await? => Err(ApiError::new(
            StatusCode::NOT_FOUND,
            "dropped",
            format!("message {id} was dropped, because the pool is full: raise its stamp"),
        )),
        None => Err(ApiError::missing(format_args!("message {id}"))),
    }
}

/// Returns the id that a path names.
pub(super) fn name(id: Result<Path<String>, PathRejection>) -> Result<MessageId, ApiError> {
    let Path(text) = id?;
    text.parse().map_err(|_| ApiError::malformed("a message is named by its id of 64 hex digits"))
}

fn pending(message: &Message, app: &AppState) -> MessageStatus {
    let message = json::MessageView::new(message, app.handle.network().id());
    MessageStatus { message, pending: true, number_of_block: None, block: None, work_above: None }
}

struct MessageLocation {
    block: plexus_core::primitives::hash::Hash,
    height: u64,
    /// The work of the message's block and of all blocks above.
    work_above: Work,
}

fn find(store: &Store, id: &MessageId) -> Result<Option<(Arc<Message>, MessageLocation)>, StoreError> {
    let Some(found) = store.find_message(id)? else { return Ok(None) };
    let Some(stored) = store.block(&found.block)? else { return Ok(None) };
    let Ok(block) = Block::decode(&stored.block) else { return Ok(None) };
    let Some(message) = block.messages.get(found.index) else { return Ok(None) };
    let below = stored.place.total_work.hashes().saturating_sub(block.header.work().hashes());
    let work_above = Work::from_hashes(store.tip()?.total_work.hashes().saturating_sub(below));
    Ok(Some((Arc::clone(message), MessageLocation { block: found.block, height: found.height, work_above })))
}

/// Submits a signed message, as JSON or in its binary encoding (`application/octet-stream`)
#[utoipa::path(post, path = "/api/v1/messages", tag = "ledger",
    request_body(content((Submission = "application/json"), (Vec<u8> = "application/octet-stream"))),
    responses(
        (status = 201, description = "It is pooled and told to the peers", body = Accepted),
        (status = 400, description = "Not a message", body = crate::http::error::Refusal),
        (status = 409, description = "It is known already, with over half of this stamp work",
            body = crate::http::error::Refusal),
        (status = 413, description = "The body is too large", body = crate::http::error::Refusal),
        (status = 415, description = "Neither JSON nor binary", body = crate::http::error::Refusal),
        (status = 422, description = "Its sizes, time, signature or stamp are wrong", body = crate::http::error::Refusal),
        (status = 429, description = "Its sender has too many waiting", body = crate::http::error::Refusal),
        (status = 503, description = "The pool is full of messages with more stamp work", body = crate::http::error::Refusal)))]
pub(super) async fn submit(
    State(app): State<AppState>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<(StatusCode, Json<Accepted>), ApiError> {
    let message = decode(&headers, &body?)?;
    let id = app.handle.submit(message).await?;
    Ok((StatusCode::CREATED, Json(Accepted { id })))
}

fn decode(headers: &HeaderMap, body: &[u8]) -> Result<Message, ApiError> {
    let media_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    match media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase().as_str() {
        "application/json" => {
            let submission: Submission = serde_json::from_slice(body).map_err(|error| {
                ApiError::new(StatusCode::BAD_REQUEST, "bad_json", format!("not a message in JSON: {error}"))
            })?;
            Ok(submission.try_into()?)
        }
        "application/octet-stream" => Message::decode(body).map_err(|error| {
            ApiError::new(StatusCode::BAD_REQUEST, "bad_encoding", format!("not an encoded message: {error}"))
        }),
        _ => Err(ApiError::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported_media_type",
            "a message comes as application/json or as application/octet-stream",
        )),
    }
}

//! The API: JSON under `/api/v1/`, for programs, the command line, and whoever writes another client.
//!
//! It reads the store and asks the node; it decides nothing. Every answer has a cap, and long ones are given to few at once.

use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{DefaultBodyLimit, Query, State};
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Json, Router};
use plexus_core::network::Parameters;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::app::App;
use crate::handle::Handle;
use crate::openapi;
use crate::store::{Store, StoreError};

pub(crate) mod blocks;
mod error;
pub(crate) mod events;
pub(crate) mod export;
pub mod feed;
pub mod graph;
pub(crate) mod keys;
pub(crate) mod messages;
pub(crate) mod proof;
pub mod view;

pub use self::error::ApiError;

/// The most bytes of a submitted message: the largest text, each of its bytes escaped as JSON allows, and the rest.
pub const SUBMISSION_BYTES_MAX: usize = 32 * 1024;
/// How many entries a list has, unless asked for otherwise.
pub const LIST_DEFAULT: usize = 50;
/// The most entries of a list; a higher `limit` is taken as this one.
pub const LIST_MAX: usize = 200;

/// How much of a list is wanted.
#[derive(Clone, Copy, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Slice {
    /// The height to start from, upwards; left out, the newest blocks.
    from: Option<u64>,
    /// How many entries, from 1 to 200; 50 when left out.
    limit: Option<usize>,
}

/// What a list's query says, or why it says nothing.
type SliceQuery = Result<Query<Slice>, QueryRejection>;

impl Slice {
    fn limit(self) -> usize {
        self.limit.unwrap_or(LIST_DEFAULT).clamp(1, LIST_MAX)
    }
}

/// The API's routes, relative to `/api/v1`.
pub fn router() -> Router<App> {
    Router::new()
        .route("/status", get(status))
        .route("/network", get(network))
        .route("/blocks", get(blocks::list))
        .route("/blocks/{name}", get(blocks::show))
        .route("/messages", get(messages::list).post(messages::submit))
        .route("/messages/{id}", get(messages::show))
        .route("/messages/{id}/proof", get(proof::show))
        .route("/keys/{key}", get(keys::show))
        .route("/peers", get(peers))
        .route("/graph", get(graph::show))
        .route("/events", get(events::stream))
        .route("/export", get(export::stream))
        .route("/openapi.json", get(document))
        .layer(DefaultBodyLimit::max(SUBMISSION_BYTES_MAX))
}

/// Asks the store on a thread that may wait for the disk.
pub(crate) async fn read<T: Send + 'static>(
    handle: &Handle,
    question: impl FnOnce(&Store) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, ApiError> {
    let store = Arc::clone(handle.store());
    let answer = tokio::task::spawn_blocking(move || question(&store)).await;
    // The task is only lost when the runtime is shutting down.
    answer.map_err(|_| ApiError::from(crate::handle::Stopped))?.map_err(ApiError::from)
}

/// How the node stands
#[utoipa::path(get, path = "/api/v1/status", tag = "node",
    responses((status = 200, body = view::Status), (status = 503, body = view::Refusal)))]
pub(crate) async fn status(State(app): State<App>) -> Result<Json<view::Status>, ApiError> {
    Ok(Json(view::Status::new(app.handle.network(), app.handle.status().await?)))
}

/// The parameters of the node's network, from which its genesis block and id follow
#[utoipa::path(get, path = "/api/v1/network", tag = "node", responses((status = 200, body = openapi::Parameters)))]
pub(crate) async fn network(State(app): State<App>) -> Json<Parameters> {
    Json(app.handle.network().parameters().clone())
}

/// Whom the node is connected to, in the order in which they connected
#[utoipa::path(get, path = "/api/v1/peers", tag = "node",
    responses((status = 200, body = Vec<view::Peer>), (status = 503, body = view::Refusal)))]
pub(crate) async fn peers(State(app): State<App>) -> Result<Json<Vec<view::Peer>>, ApiError> {
    Ok(Json(app.handle.peers().await?.into_iter().map(view::Peer::from).collect()))
}

/// This document
#[utoipa::path(get, path = "/api/v1/openapi.json", tag = "node", responses((status = 200, description = "OpenAPI 3")))]
pub(crate) async fn document() -> impl IntoResponse {
    Json(openapi::document())
}

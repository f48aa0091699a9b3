//! The API: JSON under `/api/v1/`, for programs, the command line, and authors of other clients.
//!
//! It reads the store and queries the node, but decides nothing. Every answer has a cap, and few
//! long ones are given at a time.

use axum::extract::rejection::QueryRejection;
use axum::extract::{DefaultBodyLimit, Query, State};
use axum::routing::get;
use axum::{Json, Router};
use plexus_core::primitives::params::Parameters;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::http::schema;
use crate::http::schema::SUBMISSION_BYTES_MAX;
use crate::http::state::AppState;

pub(crate) mod blocks;
pub(crate) mod events;
pub(crate) mod export;
pub mod feed;
pub mod graph;
pub(crate) mod keys;
pub(crate) mod messages;
pub(crate) mod proof;
pub mod view;

use crate::http::error::ApiError;

/// The number of entries of a list if the request names none.
pub const LIST_DEFAULT: usize = 50;
/// The most entries of a list. A higher `limit` is lowered to it.
pub const LIST_MAX: usize = 200;

/// The part of a list that is requested.
#[derive(Clone, Copy, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListSlice {
    /// The height to start from, upwards. The newest blocks if left out.
    from: Option<u64>,
    /// The number of entries, from 1 to 200. 50 if left out.
    limit: Option<usize>,
}

/// The query of a list, or the reason that it is malformed.
type SliceQuery = Result<Query<ListSlice>, QueryRejection>;

impl ListSlice {
    fn limit(self) -> usize {
        self.limit.unwrap_or(LIST_DEFAULT).clamp(1, LIST_MAX)
    }
}

/// Returns the API's routes, relative to `/api/v1`.
pub fn router() -> Router<AppState> {
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
        .layer(DefaultBodyLimit::max(SUBMISSION_BYTES_MAX))
}

/// The state of the node
#[utoipa::path(get, path = "/api/v1/status", tag = "node",
    responses((status = 200, body = view::StatusView), (status = 503, body = crate::http::error::Refusal)))]
pub(crate) async fn status(State(app): State<AppState>) -> Result<Json<view::StatusView>, ApiError> {
    Ok(Json(view::StatusView::new(app.handle.network(), app.handle.status().await?)))
}

/// The parameters of the node's network. Its genesis block and id follow from them
#[utoipa::path(get, path = "/api/v1/network", tag = "node", responses((status = 200, body = schema::ParametersSchema)))]
pub(crate) async fn network(State(app): State<AppState>) -> Json<Parameters> {
    Json(app.handle.network().parameters().clone())
}

/// The peers that the node is connected to, in the order in which they connected
#[utoipa::path(get, path = "/api/v1/peers", tag = "node",
    responses((status = 200, body = Vec<view::ConnectedPeer>), (status = 503, body = crate::http::error::Refusal)))]
pub(crate) async fn peers(State(app): State<AppState>) -> Result<Json<Vec<view::ConnectedPeer>>, ApiError> {
    Ok(Json(app.handle.peers().await?.into_iter().map(view::ConnectedPeer::from).collect()))
}

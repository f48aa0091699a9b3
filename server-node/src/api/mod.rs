//! The API: JSON under `/api/v1/`, for programs, the command line, and authors of other clients.
//!
//! It reads the store and queries the node, but decides nothing. Every answer has a cap, and few
//! long ones are given at a time.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{DefaultBodyLimit, Query, State};
use plexus_core::primitives::params::Parameters;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::http::SUBMISSION_BYTES_MAX;
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

/// Returns the API's routes.
pub(crate) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::default()
        .routes(routes!(status))
        .routes(routes!(network))
        .routes(routes!(blocks::list))
        .routes(routes!(blocks::show))
        .routes(routes!(messages::list, messages::submit))
        .routes(routes!(messages::show))
        .routes(routes!(proof::show))
        .routes(routes!(keys::show))
        .routes(routes!(peers))
        .routes(routes!(graph::show))
        .routes(routes!(events::stream))
        .routes(routes!(export::stream))
        .layer(DefaultBodyLimit::max(SUBMISSION_BYTES_MAX))
}

/// The state of the node
#[utoipa::path(get, path = "/api/v1/status", tag = "node",
    responses((status = 200, body = view::StatusView), (status = 503, body = crate::http::error::Refusal)))]
pub(crate) async fn status(State(app): State<AppState>) -> Result<Json<view::StatusView>, ApiError> {
    let status = app.handle.status().await?;
    Ok(Json(view::StatusView::new(app.handle.network(), status, app.handle.store().kept_from())))
}

/// The parameters of the node's network. Its genesis block and id follow from them
#[utoipa::path(get, path = "/api/v1/network", tag = "node", responses((status = 200, body = Parameters)))]
pub(crate) async fn network(State(app): State<AppState>) -> Json<Parameters> {
    Json(app.handle.network().parameters().clone())
}

/// The peers that the node is connected to, in the order in which they connected
#[utoipa::path(get, path = "/api/v1/peers", tag = "node",
    responses((status = 200, body = Vec<view::ConnectedPeer>), (status = 503, body = crate::http::error::Refusal)))]
pub(crate) async fn peers(State(app): State<AppState>) -> Result<Json<Vec<view::ConnectedPeer>>, ApiError> {
    Ok(Json(app.handle.peers().await?.into_iter().map(view::ConnectedPeer::from).collect()))
}

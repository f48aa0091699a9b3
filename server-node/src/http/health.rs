//! The health check: tells whether the node answers.

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;

use super::error;
use crate::http::error::ApiError;
use crate::http::state::AppState;

/// Tells whether the node answers, for a supervisor that restarts it if it does not.
#[utoipa::path(get, path = "/health", tag = "node",
    responses((status = 200, description = "It does"), (status = 503, body = error::Refusal)))]
pub(crate) async fn health(State(app): State<AppState>) -> Result<impl IntoResponse, ApiError> {
    app.handle.status().await?;
    Ok(Json(serde_json::json!({ "status": "ok" })))
}

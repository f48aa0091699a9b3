//! The checks of health: whether the node is alive, and whether it is ready for traffic.
//!
//! Both ask the driver, and wait no longer than [`crate::handle::ANSWER_TIMEOUT`] for it.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CACHE_CONTROL;
use axum::response::IntoResponse;
use serde::Serialize;
use utoipa::ToSchema;

use super::error;
use crate::http::error::ApiError;
use crate::http::readiness::NotReady;
use crate::http::state::AppState;

/// The answer of a node that is ready, or of one that is not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Readiness {
    /// True if the node is ready for traffic.
    ready: bool,
    /// The reasons that it is not. Empty if it is.
    reasons: Vec<NotReady>,
}

/// Tells whether the node answers, for a supervisor that restarts it if it does not.
#[utoipa::path(get, path = "/health", tag = "node",
    responses((status = 200, description = "It does"), (status = 503, body = error::Refusal)))]
pub(crate) async fn health(State(app): State<AppState>) -> Result<impl IntoResponse, ApiError> {
    match app.handle.snapshot().await {
        Some(_) => Ok(([(CACHE_CONTROL, "no-store")], Json(serde_json::json!({ "status": "ok" })))),
        None => Err(ApiError::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "driver_silent",
            "the node's driver does not answer",
        )),
    }
}

/// Tells whether the node is ready for traffic, for a load balancer
///
/// A node is not ready while it synchronizes, while it has no peer although `--connect` names some,
/// while its clock is off by over 30 s, while the disk is low, and while its driver or its disk does
/// not answer.
#[utoipa::path(get, path = "/health/ready", tag = "node",
    responses((status = 200, description = "It is ready", body = Readiness),
        (status = 503, description = "It is not, for these reasons", body = Readiness)))]
pub(crate) async fn ready(State(app): State<AppState>) -> impl IntoResponse {
    let findings = app.findings().await.findings;
    let reasons: Vec<_> = findings.reasons().into_iter().map(|reason| findings.explain(reason)).collect();
    let status = if reasons.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let ready = Readiness { ready: reasons.is_empty(), reasons };
    (status, [(CACHE_CONTROL, "no-store")], Json(ready))
}

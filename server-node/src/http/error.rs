//! The API's errors: `{error: {code, message}}`, with the fitting HTTP status.
//!
//! Codes are for programs and never change their meaning. Messages are for people and name the
//! error.

use axum::Json;
use axum::extract::rejection::{BytesRejection, PathRejection, QueryRejection};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use plexus_core::ledger::json::SubmissionError;
use plexus_core::node::SubmitError;
use plexus_core::primitives::pow::Work;
use serde::Deserialize;
use serde::Serialize;
use utoipa::ToSchema;

use crate::handle::{self, Stopped};
use crate::store::StoreError;

/// The answer to a request that was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Refusal {
    /// The reason.
    pub error: Detail,
}

/// Why a request was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Detail {
    /// The code, for programs. It never changes its meaning.
    pub code: String,
    /// The message, for people. It names the error.
    pub message: String,
    /// The stamp work, as a decimal string, with which the message would be accepted: with the codes
    /// `stamp_too_low` and `pool_full`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub least_stamp_work: Option<String>,
}

/// The reason that a request is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiError {
    status: StatusCode,
    code: &'static str,
    message: String,
    least_stamp_work: Option<Work>,
}

impl ApiError {
    /// Creates an error from its status, code and message.
    pub fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), least_stamp_work: None }
    }

    /// Returns the error for something that does not exist.
    pub fn missing(what: impl std::fmt::Display) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", format!("{what} is not known here"))
    }

    /// Returns the error for a path, query or body of another form than expected.
    pub fn malformed(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_request", message)
    }

    /// Returns the error for a long answer beyond the number that the node gives at a time.
    pub fn busy() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "busy",
            "too many long answers are under way: ask again soon",
        )
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let least_stamp_work = self.least_stamp_work.map(|work| work.to_string());
        let error = Detail { code: self.code.to_owned(), message: self.message, least_stamp_work };
        (self.status, Json(Refusal { error })).into_response()
    }
}

impl From<Stopped> for ApiError {
    fn from(error: Stopped) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "stopping", error.to_string())
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        if matches!(error, StoreError::Pruned { .. }) {
            return Self::new(StatusCode::GONE, "pruned", error.to_string());
        }
        // An error of the disk is for the node's owner. The log has it, but others must not learn
        // paths.
        tracing::error!(%error, "the store cannot be read");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "store", "the node's store cannot be read")
    }
}

impl From<handle::SubmitRefused> for ApiError {
    fn from(refusal: handle::SubmitRefused) -> Self {
        let error = match refusal {
            handle::SubmitRefused::Stopped(stopped) => return stopped.into(),
            handle::SubmitRefused::DiskFull => {
                return Self::new(StatusCode::SERVICE_UNAVAILABLE, "disk_full", refusal.to_string());
            }
            handle::SubmitRefused::Submit(error) => error,
        };
        let (status, code) = match error {
            SubmitError::Signature => (StatusCode::UNPROCESSABLE_ENTITY, "bad_signature"),
            SubmitError::Known { .. } => (StatusCode::CONFLICT, "known"),
            SubmitError::Time { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "bad_time"),
            SubmitError::SenderFull { .. } => (StatusCode::TOO_MANY_REQUESTS, "sender_full"),
            SubmitError::StampTooLow { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "stamp_too_low"),
            SubmitError::PoolFull { .. } => (StatusCode::SERVICE_UNAVAILABLE, "pool_full"),
        };
        Self { least_stamp_work: error.least_stamp_work(), ..Self::new(status, code, error.to_string()) }
    }
}

impl From<SubmissionError> for ApiError {
    fn from(error: SubmissionError) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "bad_message", error.to_string())
    }
}

impl From<BytesRejection> for ApiError {
    fn from(rejection: BytesRejection) -> Self {
        match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => {
                let max = crate::http::SUBMISSION_BYTES_MAX;
                let message = format!("the body is over {max} bytes: no message is that long");
                Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", message)
            }
            _ => Self::malformed("the body broke off"),
        }
    }
}

impl From<QueryRejection> for ApiError {
    fn from(rejection: QueryRejection) -> Self {
        Self::malformed(rejection.body_text())
    }
}

impl From<PathRejection> for ApiError {
    fn from(rejection: PathRejection) -> Self {
        Self::malformed(rejection.body_text())
    }
}

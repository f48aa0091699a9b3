//! HTTP: every route of the node's one port, and the state and the errors that the routes share.
//!
//! **Architecture Invariant:** only [`router`] knows all routes, and no route knows the router.

pub(crate) mod blocking;
pub mod error;
pub(crate) mod health;
pub mod machine;
pub mod metrics;
pub(crate) mod negotiation;
pub mod openapi;
pub mod readiness;
pub mod router;
pub mod server;
pub mod state;
pub mod web;

/// The most bytes of a submitted message: the largest text with each byte escaped as JSON allows,
/// and the rest.
pub const SUBMISSION_BYTES_MAX: usize = 32 * 1024;

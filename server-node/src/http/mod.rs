//! HTTP: every route of the node's one port, and the state and the errors that the routes share.
//!
//! **Architecture Invariant:** only [`router`] knows all routes, and no route knows the router.

pub(crate) mod blocking;
pub mod error;
pub(crate) mod health;
pub mod metrics;
pub(crate) mod negotiation;
pub mod openapi;
pub mod router;
pub mod schema;
pub mod server;
pub mod state;
pub mod web;

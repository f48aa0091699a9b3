//! The browser's services for a Worker, as plain Rust types.
//!
//! **Architecture Invariant:** nothing here knows the driver, the keys or the view of the chain.

pub(crate) mod api;
pub(crate) mod callbacks;
pub(crate) mod clock;
pub(crate) mod database;
pub(crate) mod socket;

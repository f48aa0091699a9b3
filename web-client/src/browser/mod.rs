//! The browser: what it offers to a Worker, as plain Rust types.

pub(crate) mod api;
pub(crate) mod callbacks;
pub(crate) mod clock;
pub(crate) mod database;
pub(crate) mod socket;

//! The interfaces of a running node, as other programs see them: the API over HTTP, and the older
//! system's routes over WebSocket.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![allow(clippy::wildcard_enum_match_arm, reason = "tests look at the one variant that they are about")]

mod api;
mod bench;
mod client;
mod legacy;
#[cfg(feature = "page")]
mod page;

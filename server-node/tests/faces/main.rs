//! The interfaces of a running node, as other programs see them: the API over HTTP, and the older
//! system's routes over WebSocket.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![allow(clippy::wildcard_enum_match_arm, reason = "tests look at the one variant that they are about")]

mod api;
mod bench;
mod client;
#[cfg(unix)]
mod command;
#[cfg(unix)]
mod keys;
mod legacy;
#[cfg(feature = "page")]
mod page;
#[cfg(unix)]
mod page_hashes;
mod terminal;
#[cfg(unix)]
mod tls;

//! The faces of a running node, as programs outside see them: the API over HTTP, and the older system's routes over WebSocket.

mod api;
mod bench;
mod client;
#[cfg(unix)]
mod command;
mod legacy;

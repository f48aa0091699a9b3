//! The app: every route of the node's one port.

use axum::Router;
use plexus_core::address::PEER_PATH;

use crate::handle::Handle;
use crate::socket;

/// All routes, on one node.
pub fn router(handle: Handle) -> Router {
    Router::new().route(PEER_PATH, socket::route()).with_state(handle)
}

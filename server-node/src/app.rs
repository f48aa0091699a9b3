//! The app: every route of the node's one port.

use axum::Router;

use crate::handle::Handle;

/// All routes, on one node.
pub fn router(handle: Handle) -> Router {
    let _ = handle;
    Router::new()
}

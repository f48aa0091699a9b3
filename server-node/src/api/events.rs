//! Server-sent events: everything that happens, as it happens.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use super::feed::{EventFrame, lagged};
use crate::handle::Handle;
use crate::http::state::AppState;

/// The time without an event after which a comment is sent, so that a dead connection is noticed.
const QUIET: Duration = Duration::from_secs(15);

struct EventWatcher {
    frames: Receiver<Arc<EventFrame>>,
    handle: Handle,
    greeted: bool,
}

/// Events as they happen: `block`, `arrived`, `stale`, `undone`, `message`, `dropped`, `refused`, `peer_up`,
/// `peer_down`, `disagrees`, `fault`, `syncing`. `lagged` says that some were missed
#[utoipa::path(get, path = "/api/v1/events", operation_id = "events", tag = "node",
    responses((status = 200, description = "Server-sent events with JSON data", content_type = "text/event-stream")))]
pub(super) async fn stream(State(app): State<AppState>) -> Response {
    let watcher = EventWatcher { frames: app.feed.watch(), handle: app.handle.clone(), greeted: false };
    let body = Body::from_stream(stream::unfold(watcher, next));
    ([(CONTENT_TYPE, "text/event-stream"), (CACHE_CONTROL, "no-store")], body).into_response()
}

async fn next(mut watcher: EventWatcher) -> Option<(Result<Bytes, Infallible>, EventWatcher)> {
    if !watcher.greeted {
        // A first line tells the client at once that the stream is open.
        watcher.greeted = true;
        return Some((Ok(Bytes::from_static(b": open\n\n")), watcher));
    }
    let bytes = tokio::select! {
        frame = watcher.frames.recv() => match frame {
            Ok(frame) => frame.event.clone(),
            Err(RecvError::Lagged(missed)) => lagged(missed).event,
            Err(RecvError::Closed) => return None,
        },
        () = tokio::time::sleep(QUIET) => Bytes::from_static(b": quiet\n\n"),
        () = watcher.handle.stopping() => return None,
    };
    Some((Ok(bytes), watcher))
}

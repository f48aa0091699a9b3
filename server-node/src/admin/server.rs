//! Serves the admin routes until the node stops: few connections at a time, and small requests.

use std::sync::Arc;

use axum::body::Body;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::UnixStream;
use tokio::sync::Semaphore;
use tokio::time::sleep;
use tower::ServiceExt;

use super::listener::AdminListener;
use super::routes::{self, AdminState};
use crate::http::server::{CROWDED_PAUSE, HEAD_TIMEOUT};

/// The most connections at a time. Further ones wait to be accepted.
const CONNECTIONS_MAX: usize = 16;
/// The most bytes of a request's head.
const HEAD_BYTES_MAX: usize = 16 << 10;

/// Serves the socket until the node stops. The socket's file is then removed.
pub(crate) async fn serve(listener: AdminListener, state: AdminState) {
    let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let handle = state.handle.clone();
    let app = routes::router(state);
    loop {
        let accepted = async {
            let permit = room.clone().acquire_owned().await;
            (permit, listener.accept().await)
        };
        tokio::select! {
            () = handle.stopping() => return,
            (permit, accepted) = accepted => match accepted {
                Ok(stream) => {
                    let (app, handle) = (app.clone(), handle.clone());
                    tokio::spawn(async move {
                        if let Err(error) = converse(stream, app, &handle).await {
                            tracing::debug!(%error, "an admin connection failed");
                        }
                        drop(permit);
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "an admin connection is refused");
                    sleep(CROWDED_PAUSE).await;
                }
            },
        }
    }
}

async fn converse(
    stream: UnixStream,
    app: axum::Router,
    handle: &crate::handle::Handle,
) -> Result<(), hyper::Error> {
    let service = service_fn(move |request: Request<Incoming>| app.clone().oneshot(request.map(Body::new)));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    tokio::select! {
        ended = &mut connection => ended,
        () = handle.stopping() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    }
}

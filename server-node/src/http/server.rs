//! The server: accepts connections on the one port, plain or TLS, and serves the app on them.
//!
//! Each connection is a task. There are at most as many as configured, and further ones wait in the
//! system's queue. A connection that is slow to send its request is closed. HTTP/1.1 only, as
//! WebSockets need no more.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use prometheus_client::metrics::gauge::Gauge;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt;

use crate::dialer::Duplex;
use crate::handle::Handle;
use crate::listen::Listeners;
use crate::metrics::connections::OpenGuard;
use crate::tls;

/// The most time for a TLS handshake, and then for a request's head, again after each answer.
pub const HEAD_TIMEOUT: Duration = Duration::from_secs(15);
/// The most bytes of a request's head, and of the buffered part of its body.
pub const HEAD_BYTES_MAX: usize = 64 << 10;
/// The most time for answers that are under way when the node stops.
pub const STOPPING_TIMEOUT: Duration = Duration::from_secs(1);
/// The most connections to the listener for metrics. A scraper needs one.
pub const METRICS_CONNECTIONS_MAX: usize = 16;
/// The most time that a connection to the listener for metrics lasts. A scraper connects again.
pub const METRICS_LIFETIME: Duration = Duration::from_secs(300);
/// The pause when the system has no room for another connection.
pub(crate) const CROWDED_PAUSE: Duration = Duration::from_millis(100);

/// The app of a listener, and the bounds of its connections.
#[derive(Clone, Debug)]
pub(crate) struct Service {
    /// The routes.
    pub(crate) app: Router,
    /// A permit for each connection. Further ones wait to be accepted.
    pub(crate) room: Arc<Semaphore>,
    /// The number of open connections.
    pub(crate) open: Gauge,
    /// The most time that a connection may last, if there is one.
    pub(crate) lifetime: Option<Duration>,
}

impl Service {
    /// Creates the service of the main listener.
    pub(crate) fn main(app: Router, room: Arc<Semaphore>, handle: &Handle) -> Self {
        Self { app, room, open: handle.metrics().connections.http.clone(), lifetime: None }
    }

    /// Creates the service of the listener for metrics.
    pub(crate) fn metrics(app: Router, handle: &Handle) -> Self {
        let room = connections(METRICS_CONNECTIONS_MAX);
        let open = handle.metrics().connections.metrics.clone();
        Self { app, room, open, lifetime: Some(METRICS_LIFETIME) }
    }
}

/// Returns the permits for this many connections, at least one.
pub(crate) fn connections(max: usize) -> Arc<Semaphore> {
    Arc::new(Semaphore::new(max.clamp(1, Semaphore::MAX_PERMITS)))
}

/// Serves the app until the node stops.
pub(crate) async fn serve(
    listeners: Listeners,
    acceptor: Option<TlsAcceptor>,
    service: Service,
    handle: Handle,
) {
    let mut connections = JoinSet::new();
    loop {
        let accepted = async {
            let permit = service.room.clone().acquire_owned().await;
            (permit, listeners.accept().await)
        };
        tokio::select! {
            () = handle.stopping() => break,
            Some(_ended) = connections.join_next() => {}
            (permit, accepted) = accepted => match accepted {
                Ok((stream, address)) => {
                    let served = connection(stream, address, acceptor.clone(), service.clone(), handle.clone());
                    connections.spawn(async move {
                        served.await;
                        drop(permit);
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    sleep(CROWDED_PAUSE).await;
                }
            },
        }
    }
    drop(listeners);
    let ended = async { while connections.join_next().await.is_some() {} };
    if timeout(STOPPING_TIMEOUT, ended).await.is_err() {
        connections.shutdown().await;
    }
}

async fn connection(
    stream: TcpStream,
    address: SocketAddr,
    acceptor: Option<TlsAcceptor>,
    service: Service,
    handle: Handle,
) {
    let _open = OpenGuard::new(&service.open);
    let conversation = converse(stream, address, acceptor, service.app, &handle);
    let done = match service.lifetime {
        Some(lifetime) => timeout(lifetime, conversation).await.unwrap_or(Ok(())),
        None => conversation.await,
    };
    if let Err(error) = done {
        tracing::debug!(%address, %error, "a connection failed");
    }
}

async fn converse(
    stream: TcpStream,
    address: SocketAddr,
    acceptor: Option<TlsAcceptor>,
    app: Router,
    handle: &Handle,
) -> anyhow::Result<()> {
    stream.set_nodelay(true)?;
    let stream: Box<dyn Duplex> = match acceptor {
        Some(acceptor) => {
            let stream = timeout(HEAD_TIMEOUT, acceptor.accept(stream)).await??;
            if tls::is_challenge(stream.get_ref().1.alpn_protocol()) {
                return Ok(());
            }
            Box::new(stream)
        }
        None => Box::new(stream),
    };
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(address));
        app.clone().oneshot(request.map(Body::new))
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut connection = std::pin::pin!(connection);
    tokio::select! {
        ended = &mut connection => ended?,
        () = handle.stopping() => {
            connection.as_mut().graceful_shutdown();
            connection.await?;
        }
    }
    Ok(())
}

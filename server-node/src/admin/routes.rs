//! The requests of the admin socket.

use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{DefaultBodyLimit, Path, Query, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post, put};
use axum::{Json, Router};
use bytes::Bytes;
use futures_util::stream;
use plexus_core::node::ConnectionId;
use plexus_core::peers::ban_list::BanTarget;
use plexus_core::primitives::key::PublicKey;
use plexus_core::protocol::address::Address;
use tokio::sync::{Semaphore, mpsc};

use super::view::{
    AdminStatus, BackupParts, BanTargetView, BanView, Closed, Done, LogLevels, Mining, PeerUrl, Peers,
};
use crate::api::view::{ConnectedPeer, StatusView};
use crate::chain_file::backup;
use crate::chain_file::key_file::read_keys;
use crate::config::NodeConfig;
use crate::disk::disk_free;
use crate::driver::event::AdminQuery;
use crate::handle::Handle;
use crate::http::error::ApiError;
use crate::logging::LogControl;
use crate::miner::THREADS_MAX;

/// The most bytes of a request's body.
const BODY_BYTES_MAX: usize = 4 << 10;
/// The longest ban, a year.
const BAN_SECONDS_MAX: u64 = 365 * 86_400;
/// The most backups at a time.
const BACKUPS_MAX: usize = 1;
/// The bytes of a piece of a backup, and the pieces that wait for a slow reader.
const PIECE_BYTES: usize = 256 << 10;
const PIECES_MAX: usize = 4;

/// The state that the requests share.
#[derive(Clone, Debug)]
pub(crate) struct AdminState {
    pub(crate) handle: Handle,
    pub(crate) data: PathBuf,
    pub(crate) disk_reserve: u64,
    log: Option<LogControl>,
    backups: Arc<Semaphore>,
}

impl AdminState {
    pub(crate) fn new(handle: Handle, config: &NodeConfig) -> Self {
        let (data, disk_reserve, log) = (config.data.clone(), config.disk_reserve, config.log.clone());
        Self { handle, data, disk_reserve, log, backups: Arc::new(Semaphore::new(BACKUPS_MAX)) }
    }
}

type Answer<T> = Result<Json<T>, ApiError>;
type Request<T> = Result<Json<T>, JsonRejection>;

/// Returns the routes.
pub(crate) fn router(state: AdminState) -> Router {
    Router::new()
        .route("/status", get(status))
        .route("/peers", get(peers).post(add_peer))
        .route("/peers/{id}", delete(drop_peer))
        .route("/bans", post(ban).delete(unban))
        .route("/mining", put(mining))
        .route("/log", get(log).put(set_log))
        .route("/backup", get(send_backup))
        .route("/stop", post(stop))
        .fallback(async |uri: Uri| ApiError::missing(uri.path()))
        .method_not_allowed_fallback(async |method: Method| {
            let message = format!("{method} is not possible here");
            ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", message)
        })
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(state)
}

fn body<T>(request: Request<T>) -> Result<T, ApiError> {
    request.map(|Json(body)| body).map_err(|rejection| ApiError::malformed(rejection.body_text()))
}

async fn status(State(state): State<AdminState>) -> Answer<AdminStatus> {
    let (handle, data) = (&state.handle, state.data.clone());
    let pruned = handle.store().kept_from();
    let status = StatusView::new(handle.network(), handle.status().await?, pruned);
    let mining_threads = handle.administer(AdminQuery::MiningThreads).await?;
    let free = tokio::task::spawn_blocking(move || disk_free(&data).ok()).await;
    Ok(Json(AdminStatus {
        status,
        process: std::process::id(),
        data: state.data.display().to_string(),
        disk_free: free.unwrap_or_default(),
        disk_reserve: state.disk_reserve,
        disk_full: handle.is_disk_full(),
        mining_threads,
    }))
}

async fn peers(State(state): State<AdminState>) -> Answer<Peers> {
    let peers = state.handle.peers().await?.into_iter().map(ConnectedPeer::from).collect();
    let bans = state.handle.administer(AdminQuery::Bans).await?;
    let bans = bans.iter().map(|(target, left)| BanView { target: shown(target), seconds: left.as_secs() });
    Ok(Json(Peers { peers, bans: bans.collect() }))
}

async fn add_peer(State(state): State<AdminState>, request: Request<PeerUrl>) -> Answer<Done> {
    let address: Address =
        body(request)?.url.parse().map_err(|error| ApiError::malformed(format!("{error}")))?;
    let added = state.handle.administer(|answer| AdminQuery::AddPeer(address, answer)).await?;
    if added {
        return Ok(Json(Done {}));
    }
    let max = plexus_core::peers::TARGETS_MAX;
    Err(ApiError::new(
        StatusCode::CONFLICT,
        "peers_full",
        format!("the node stays connected to {max} nodes already, which is the most: drop one first"),
    ))
}

async fn drop_peer(State(state): State<AdminState>, Path(id): Path<String>) -> Answer<Done> {
    let id =
        id.parse().map_err(|_| ApiError::malformed("a peer's number is expected, as `peers` lists them"))?;
    let dropped = state.handle.administer(|answer| AdminQuery::DropPeer(ConnectionId(id), answer)).await?;
    if dropped { Ok(Json(Done {})) } else { Err(ApiError::missing(format!("peer {id}"))) }
}

async fn ban(State(state): State<AdminState>, request: Request<BanView>) -> Answer<Closed> {
    let BanView { target, seconds } = body(request)?;
    let target = parse_target(&target)?;
    if !(1..=BAN_SECONDS_MAX).contains(&seconds) {
        return Err(ApiError::malformed(format!("a ban lasts 1 to {BAN_SECONDS_MAX} seconds")));
    }
    let length = Duration::from_secs(seconds);
    let closed = state.handle.administer(|answer| AdminQuery::Ban(target, length, answer)).await?;
    Ok(Json(Closed { closed }))
}

async fn unban(
    State(state): State<AdminState>,
    query: Result<Query<BanTargetView>, QueryRejection>,
) -> Answer<Done> {
    let Query(BanTargetView { target }) = query?;
    let parsed = parse_target(&target)?;
    let ended = state.handle.administer(|answer| AdminQuery::Unban(parsed, answer)).await?;
    if ended { Ok(Json(Done {})) } else { Err(ApiError::missing(format!("a ban of {target}"))) }
}

/// Returns the target that a host, an IP address or a key names.
fn parse_target(text: &str) -> Result<BanTarget, ApiError> {
    if let Ok(key) = PublicKey::from_str(text) {
        return Ok(BanTarget::Key(key));
    }
    let is_bare_ip = text.parse::<std::net::Ipv6Addr>().is_ok();
    let address = if is_bare_ip { format!("[{text}]:1") } else { format!("{text}:1") };
    let address: Address = address
        .parse()
        .map_err(|_| ApiError::malformed(format!("{text:?} is not a host, an IP address or a peer's key")))?;
    BanTarget::of(Some(address.host()), None).ok_or_else(|| {
        ApiError::malformed(format!(
            "{text} is a local address, which many peers may share: ban the peer's key"
        ))
    })
}

fn shown(target: &BanTarget) -> String {
    match target {
        BanTarget::Host(host) => host.to_string(),
        BanTarget::Key(key) => key.to_string(),
    }
}

async fn mining(State(state): State<AdminState>, request: Request<Mining>) -> Answer<Done> {
    let Mining { on, threads } = body(request)?;
    if let Some(threads) = threads {
        if !(1..=THREADS_MAX).contains(&threads) {
            return Err(ApiError::malformed(format!("1 to {THREADS_MAX} threads can mine")));
        }
        let changed = state.handle.administer(|answer| AdminQuery::SetThreads(threads, answer)).await?;
        changed.map_err(|error| {
            let message = format!("the system cannot start {threads} threads: {error}");
            ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "threads", message)
        })?;
    }
    state.handle.set_mining(on).await?;
    Ok(Json(Done {}))
}

async fn log(State(state): State<AdminState>) -> Answer<LogLevels> {
    let levels = control(&state)?.levels();
    std::future::ready(Ok(Json(LogLevels { levels }))).await
}

async fn set_log(State(state): State<AdminState>, request: Request<LogLevels>) -> Answer<LogLevels> {
    let set = control(&state)?.set(&body(request)?.levels);
    set.map_err(|error| ApiError::malformed(error.to_string()))?;
    log(State(state)).await
}

fn control(state: &AdminState) -> Result<&LogControl, ApiError> {
    let missing = || ApiError::new(StatusCode::CONFLICT, "no_log", "this node does not control its log");
    state.log.as_ref().ok_or_else(missing)
}

async fn stop(State(state): State<AdminState>) -> Json<Done> {
    tracing::info!(by = "admin socket", "stopping");
    state.handle.stop();
    std::future::ready(Json(Done {})).await
}

/// Sends a backup. A failure cuts it off, which its reader notices.
async fn send_backup(
    State(state): State<AdminState>,
    query: Result<Query<BackupParts>, QueryRejection>,
) -> Result<Response, ApiError> {
    let Query(parts) = query?;
    // Before the head of the answer: later a failure can only cut it off.
    backup::check_whole(state.handle.store().kept_from().unwrap_or(1))
        .map_err(|error| ApiError::new(StatusCode::GONE, "pruned", error.to_string()))?;
    let permit = Arc::clone(&state.backups).try_acquire_owned().map_err(|_| ApiError::busy())?;
    let (sender, pieces) = mpsc::channel(PIECES_MAX);
    tokio::task::spawn_blocking(move || {
        let mut out = BufWriter::with_capacity(PIECE_BYTES, Pieces(sender.clone()));
        if let Err(error) = write_backup(&state, parts.keys, &mut out) {
            tracing::warn!(error = format!("{error:#}"), "a backup was not completed");
            // The reader may be gone.
            let _ = sender.blocking_send(Err(io::Error::other("the backup was not completed")));
        }
        drop(permit);
    });
    let pieces = stream::unfold(pieces, async |mut pieces| Some((pieces.recv().await?, pieces)));
    Ok(([(CONTENT_TYPE, "application/octet-stream")], Body::from_stream(pieces)).into_response())
}

fn write_backup(state: &AdminState, with_keys: bool, out: &mut impl Write) -> anyhow::Result<()> {
    let keys = if with_keys { read_keys(&state.data)? } else { Vec::new() };
    let (handle, view) = (&state.handle, state.handle.store().view()?);
    let written = backup::write(&view, handle.network(), &keys, out, |_, _| !handle.is_stopping())?;
    tracing::debug!(height = written.height, bytes = written.bytes, "a backup was sent");
    Ok(())
}

/// Sends what is written as pieces, and waits while the reader is behind.
struct Pieces(mpsc::Sender<io::Result<Bytes>>);

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let sent = self.0.blocking_send(Ok(Bytes::copy_from_slice(bytes)));
        sent.map(|()| bytes.len()).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bans_are_of_hosts_and_keys_and_not_of_shared_addresses() {
        for text in ["192.0.2.1", "2001:db8::1", "[2001:db8::1]", "node.example.org"] {
            assert!(parse_target(text).is_ok(), "{text}");
        }
        let key = format!("02{}", "ab".repeat(32));
        assert_eq!(shown(&parse_target(&key).unwrap()), key);
        assert_eq!(shown(&parse_target("2001:db8::1").unwrap()), "[2001:db8::]", "a whole /64");
        for text in ["", "127.0.0.1", "10.1.2.3", "::1", "a b", "http://x/y"] {
            assert!(parse_target(text).is_err(), "{text}");
        }
    }
}

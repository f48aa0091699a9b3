//! `/get-blockchaindata`: the chain as one JSON text, over WebSocket in fragments, over HTTP as a
//! stream.
//!
//! Only one piece of an answer is in memory. The client's library ends a connection whose pings are
//! not answered, so the socket is read while the answer is written, and fragments are short.
//!
//! An answer is read in two parts. With `?all`, the blocks that are [`SETTLED_BLOCKS`] below the
//! tip come first, piece by piece, each from the store as it is then. The rest comes from one view
//! of the store, which a [hold](super::hold) keeps in step with the blocks on `/`. Sent text cannot
//! be taken back. If a reorganisation reaches below the first part meanwhile, the text is never
//! ended and the connection closes. So the client fetches again. One view for all of it would keep
//! each page of the store that changes meanwhile, until the slowest client is done.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Extension;
use axum::body::Body;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::{FromRequestParts, Request, State};
use axum::http::header::{
    CONNECTION, CONTENT_TYPE, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, UPGRADE,
};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use plexus_core::primitives::block::Block;
use plexus_core::primitives::hash::Hash;
use plexus_core::primitives::key::PublicKey;
use plexus_core::primitives::params::Network;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{CloseCode, Data, OpCode};
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig, frame};

use super::hold::{Fetch, Hold, Member};
use super::tail::{Tail, TailPosition};
use super::{ANSWER_BYTES_MAX, BUFFER_BYTES, PIECE_BYTES, SEND_TIMEOUT, TEXT_BYTES_MAX, form, origin};
use crate::api::export::{check_whole, parent_of};
use crate::http::blocking;
use crate::http::error::ApiError;
use crate::http::state::{AppState, Remote};
use crate::store::{Snapshot, StoreError, StoredBlock};

/// The payload of a fragment: short, so that a pong is never behind a long one.
const FRAGMENT_BYTES: usize = 32 << 10;
/// The number of blocks below the tip that are read again if a reorganisation replaces them during
/// an answer with `?all`.
const SETTLED_BLOCKS: u64 = 128;
/// The most time that a request waits for its turn.
const TURN_TIMEOUT: Duration = Duration::from_secs(10);
/// The most time that a fetch waits until its client has received the last block of the answer on
/// `/`.
const SETTLE_TIMEOUT: Duration = Duration::from_secs(2);
/// The most time for the end of an answer, which is read from one view of the store.
const END_TIMEOUT: Duration = Duration::from_secs(120);
/// The most time that blocks wait for a client that has its answer and does not close.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(3);
/// The most time that such a client may stay connected after that.
const LINGER_TIMEOUT: Duration = Duration::from_secs(30);
/// The time that blocks wait after the client has closed, as some clients replace their chain only
/// then.
const REPLACE_PAUSE: Duration = Duration::from_millis(100);
/// The most times that a position is pinned again while reorganisations come in between.
const PINS_MAX: usize = 20;
/// The most time that a fetch waits for the tail to follow the store.
const FOLLOW_TIMEOUT: Duration = Duration::from_millis(500);

type UpgradedSocket = WebSocketStream<TokioIo<Upgraded>>;

/// The reason that an answer is not whole.
enum Broken {
    /// The client is gone, or does not read.
    Gone,
    /// Too many answers are under way, or the chain was reorganised: the client may ask again.
    Again,
    /// The store cannot be read, or the node is stopping.
    Failed(ApiError),
}

impl From<ApiError> for Broken {
    fn from(error: ApiError) -> Self {
        Self::Failed(error)
    }
}

/// The node's key, the nodes, and the chain, genesis first, as one JSON text; over WebSocket one text message
///
/// Without `all`: genesis and the newest blocks that fit into 1,000,000 bytes. A pruned node has no
/// others than those whose bodies it kept. With `all`: every block. A block over 500,000 bytes in
/// this form has an empty list of `messages`.
#[utoipa::path(get, path = "/get-blockchaindata", operation_id = "older_chain", tag = "older system",
    params(("all" = Option<String>, Query, description = "Given, with any value or none: every block")),
    responses((status = 200, description = "WalletAuthor, NetworkData and BlockChainData", content_type = "application/json"),
        (status = 410, description = "Every block was asked for, and the bodies of old ones were deleted here",
            body = crate::http::error::Refusal),
        (status = 503, description = "Too many at once", body = crate::http::error::Refusal)))]
pub(crate) async fn show(
    State(app): State<AppState>,
    remote: Option<Extension<Remote>>,
    request: Request,
) -> Response {
    let ip = origin(remote.map(|Extension(remote)| remote.0));
    let (mut parts, _) = request.into_parts();
    let query = parts.uri.query().unwrap_or_default();
    let all = query.split('&').any(|pair| pair == "all" || pair.starts_with("all="));
    if all && let Err(pruned) = check_whole(&app) {
        return pruned.into_response();
    }
    let upgraded = parts.extensions.get::<OnUpgrade>().cloned();
    // Only checks the request. The connection that the extractor would make has no fragments.
    let checked = WebSocketUpgrade::from_request_parts(&mut parts, &app).await;
    if let (Ok(_), Some(upgraded), Some(key)) = (checked, upgraded, parts.headers.get(SEC_WEBSOCKET_KEY)) {
        let headers = accepted(key);
        tokio::spawn(tell(app, upgraded, ip, all));
        return (StatusCode::SWITCHING_PROTOCOLS, headers).into_response();
    }
    // HTTP has no connection on `/` to keep in step with.
    let member = app.legacy.holds.join(ip);
    let Ok(permits) = turn(&app, &member, all).await else { return ApiError::busy().into_response() };
    let (sender, receiver) = mpsc::channel(1);
    tokio::spawn(async move {
        let mut out = Out::Body(sender);
        if answer(&app, all, &mut out, None).await.is_err()
            && let Out::Body(sender) = out
        {
            // It tells the reader that the text is not whole. The reader may be gone.
            let _ =
                timeout(SEND_TIMEOUT, sender.send(Err(io::Error::other("the answer is not whole")))).await;
        }
        drop((permits, member));
    });
    let pieces = futures_util::stream::unfold(receiver, |mut receiver| async {
        receiver.recv().await.map(|piece| (piece, receiver))
    });
    ([(CONTENT_TYPE, "application/json")], Body::from_stream(pieces)).into_response()
}

fn accepted(key: &HeaderValue) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    if let Ok(accept) = HeaderValue::from_str(&derive_accept_key(key.as_bytes())) {
        headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
    }
    headers
}

/// Waits for the turn of a request, first among those of its address. Returns its permits.
async fn turn(app: &AppState, member: &Member, all: bool) -> Result<Vec<OwnedSemaphorePermit>, Broken> {
    let legacy = &app.legacy;
    let rooms =
        [Some(&member.hold.chains), all.then_some(&legacy.whole_chains), (!all).then_some(&legacy.chains)];
    let acquired = async {
        let mut permits = Vec::new();
        for room in rooms.into_iter().flatten() {
            permits.push(Arc::clone(room).acquire_owned().await.map_err(|_| Broken::Again)?);
        }
        Ok(permits)
    };
    timeout(TURN_TIMEOUT, acquired).await.unwrap_or(Err(Broken::Again))
}

/// Answers over WebSocket, and leaves the closing to the client.
async fn tell(app: AppState, upgraded: OnUpgrade, ip: Option<IpAddr>, all: bool) {
    let Ok(upgraded) = upgraded.await else { return };
    let config = WebSocketConfig::default()
        .read_buffer_size(BUFFER_BYTES)
        .write_buffer_size(BUFFER_BYTES)
        .max_message_size(Some(TEXT_BYTES_MAX))
        .max_frame_size(Some(TEXT_BYTES_MAX));
    let socket = WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, Some(config)).await;
    let (sink, stream) = socket.split();
    let handle = app.handle.clone();
    tokio::select! {
        () = converse(app, sink, stream, ip, all) => {}
        () = handle.stopping() => {}
    }
}

async fn converse(
    app: AppState,
    sink: SplitSink<UpgradedSocket, Message>,
    mut stream: SplitStream<UpgradedSocket>,
    ip: Option<IpAddr>,
    all: bool,
) {
    let member = app.legacy.holds.join(ip);
    let mut out = Out::Socket { sink, begun: false };
    let mut fetch = None;
    // Reading answers the client's pings.
    let mut closed = Box::pin(async move { while let Some(Ok(_)) = stream.next().await {} });
    let told = async {
        let permits = turn(&app, &member, all).await?;
        let told = answer(&app, all, &mut out, Some((&member.hold, &mut fetch)));
        let told = told.await;
        drop(permits);
        told
    };
    let told = tokio::select! {
        told = told => told,
        () = &mut closed => return,
    };
    let code = match told {
        Ok(()) => {
            if timeout(CLOSE_TIMEOUT, &mut closed).await.is_ok() {
                // The client's library waits until the node ends the connection.
                drop((closed, out));
                tokio::time::sleep(REPLACE_PAUSE).await;
                return;
            }
            drop(fetch.take());
            if timeout(LINGER_TIMEOUT, &mut closed).await.is_ok() {
                return;
            }
            CloseCode::Normal
        }
        Err(Broken::Gone) => return,
        Err(Broken::Again) => CloseCode::Again,
        Err(Broken::Failed(error)) => {
            tracing::warn!(?error, "a chain could not be told");
            CloseCode::Error
        }
    };
    drop(fetch);
    if let Out::Socket { mut sink, .. } = out {
        let close = Message::Close(Some(CloseFrame { code, reason: "".into() }));
        // The client may be gone.
        let _ = timeout(SEND_TIMEOUT, sink.send(close)).await;
        let _ = timeout(SEND_TIMEOUT, closed).await;
    }
}

/// The destination of an answer.
enum Out {
    Socket { sink: SplitSink<UpgradedSocket, Message>, begun: bool },
    Body(mpsc::Sender<io::Result<Bytes>>),
}

impl Out {
    /// Sends a piece, and waits until it is taken. `is_end` says that the text ends with it.
    async fn send(&mut self, text: String, is_end: bool) -> Result<(), Broken> {
        let mut text = Bytes::from(text);
        match self {
            Self::Body(sender) => match timeout(SEND_TIMEOUT, sender.send(Ok(text))).await {
                Ok(Ok(())) => Ok(()),
                Ok(Err(_)) | Err(_) => Err(Broken::Gone),
            },
            Self::Socket { sink, begun } => loop {
                let fragment = text.split_to(text.len().min(FRAGMENT_BYTES));
                let kind = if *begun { Data::Continue } else { Data::Text };
                *begun = true;
                let is_last = is_end && text.is_empty();
                let fragment = frame::Frame::message(fragment, OpCode::Data(kind), is_last);
                match timeout(SEND_TIMEOUT, sink.send(Message::Frame(fragment))).await {
                    Ok(Ok(())) if text.is_empty() => return Ok(()),
                    Ok(Ok(())) => {}
                    Ok(Err(_)) | Err(_) => return Err(Broken::Gone),
                }
            },
        }
    }
}

/// Sends the whole text. If there is a hold, a fetch that keeps it in step is begun, and left in
/// the place for it.
async fn answer(
    app: &AppState,
    all: bool,
    out: &mut Out,
    hold: Option<(&Arc<Hold>, &mut Option<Fetch>)>,
) -> Result<(), Broken> {
    let network = app.handle.network().clone();
    let reader = Arc::new(BlockReader { network, speaker: app.author });
    let head = head(app).await?;
    let room = ANSWER_BYTES_MAX - head.len() - "]}".len();
    out.send(head, false).await?;
    let mut chain = AscendingChain { reader, next: 0, parent: Hash::ZERO };
    if all {
        loop {
            let view = view(app).await?;
            let (view, tip) = read(view, Snapshot::tip).await?;
            let to = tip.height.saturating_sub(SETTLED_BLOCKS);
            if chain.next >= to {
                break;
            }
            let (_, text) = chain.piece(view, to - 1).await?;
            out.send(text, false).await?;
        }
    }
    let fetch = match hold {
        Some((hold, place)) => Some(&*place.insert(hold.fetch().await)),
        None => None,
    };
    let (view, end) = pin(app, fetch).await?;
    let end_of_answer = async {
        let mut view = view;
        if !all {
            let (kept, text) = chain.piece(view, 0).await?;
            let reader = Arc::clone(&chain.reader);
            let room = room.saturating_sub(text.len());
            let (kept, (from, parent)) =
                read(kept, move |view| reader.newest(view, end.height, room)).await?;
            view = kept;
            out.send(text, false).await?;
            (chain.next, chain.parent) = (from, parent);
        }
        while chain.next <= end.height {
            let (kept, text) = chain.piece(view, end.height).await?;
            view = kept;
            out.send(text, false).await?;
        }
        drop(view);
        if chain.parent != end.hash {
            return Err(Broken::Again);
        }
        if let Some(fetch) = fetch {
            // A client that does not answer its pings may have to fetch once more.
            let _ = timeout(SETTLE_TIMEOUT, fetch.settled()).await;
        }
        out.send("]}".to_owned(), true).await
    };
    timeout(END_TIMEOUT, end_of_answer).await.unwrap_or(Err(Broken::Gone))
}

/// Returns the text up to the first block.
async fn head(app: &AppState) -> Result<String, ApiError> {
    let peers = app.handle.peers().await?;
    let nodes = app.legacy.nodes.list(&peers, crate::clock::time());
    let nodes = serde_json::to_string(&nodes).unwrap_or_default();
    Ok(format!(
        "{{\"WalletAuthor\":\"{}\",\"NetworkData\":{{\"Nodes\":{nodes}}},\"BlockChainData\":[",
        app.author
    ))
}

/// Returns the block that the answer ends with, and a view of a store whose best chain it is on.
async fn pin(app: &AppState, fetch: Option<&Fetch>) -> Result<(Snapshot, TailPosition), Broken> {
    let tail: &Tail = &app.legacy.tail;
    for _ in 0..PINS_MAX {
        let (_, newest) = read(view(app).await?, Snapshot::tip).await?;
        let newest = TailPosition::from(newest);
        // The node announces a block right after it is in the store.
        let _ = timeout(FOLLOW_TIMEOUT, tail.reached(newest)).await;
        let pin = match fetch {
            Some(fetch) => fetch.pin(Instant::now(), tail.tip(), |pin| tail.is_current(pin)),
            None => newest,
        };
        let (view, is_best) = read(view(app).await?, move |view| view.is_best(&pin.hash)).await?;
        if is_best {
            return Ok((view, pin));
        }
    }
    Err(Broken::Again)
}

async fn view(app: &AppState) -> Result<Snapshot, ApiError> {
    blocking::read(&app.handle, |store| store.view()).await
}

/// Asks a view on a thread that may wait for the disk. Returns the view and its answer.
async fn read<T: Send + 'static>(
    view: Snapshot,
    question: impl FnOnce(&Snapshot) -> Result<T, StoreError> + Send + 'static,
) -> Result<(Snapshot, T), Broken> {
    let answer = tokio::task::spawn_blocking(move || {
        let answer = question(&view);
        (view, answer)
    });
    // The task is only lost when the runtime is shutting down.
    let (view, answer) = answer.await.map_err(|_| ApiError::from(crate::handle::Stopped))?;
    Ok((view, answer.map_err(ApiError::from)?))
}

/// The network and the speaker that a block's JSON depends on.
struct BlockReader {
    network: Network,
    speaker: PublicKey,
}

impl BlockReader {
    fn json(&self, stored: &StoredBlock) -> Result<String, StoreError> {
        let decoded = Block::decode(&stored.block);
        let block = decoded.map_err(|error| StoreError::record("body", stored.place.hash, &error))?;
        Ok(form::json(&block, stored.place.total_work, &self.network, &self.speaker))
    }

    /// Returns the lowest height such that the blocks from it up to `to`, each with a comma, fit
    /// into `room` bytes and have their bodies. Also returns the hash of the block below it.
    fn newest(&self, view: &Snapshot, to: u64, mut room: usize) -> Result<(u64, Hash), StoreError> {
        let (mut from, first) = (to + 1, view.kept_from()?.max(1));
        while from > first {
            let Some(stored) = view.blocks(from - 1, 1)?.pop() else { break };
            let bytes = self.json(&stored)?.len() + 1;
            if bytes > room {
                break;
            }
            room -= bytes;
            from -= 1;
        }
        let parent = view.hash_at(from - 1)?.unwrap_or(Hash::ZERO);
        Ok((from, parent))
    }
}

/// A chain that is told upwards.
struct AscendingChain {
    reader: Arc<BlockReader>,
    /// The height of the next block.
    next: u64,
    /// The hash of the block below it.
    parent: Hash,
}

impl AscendingChain {
    /// Reads a piece: blocks up to `to`, each but genesis after a comma. Returns the view and the
    /// piece.
    async fn piece(&mut self, view: Snapshot, to: u64) -> Result<(Snapshot, String), Broken> {
        let (reader, mut next, mut parent) = (Arc::clone(&self.reader), self.next, self.parent);
        let piece = read(view, move |view| {
            let mut text = String::new();
            while next <= to && text.len() < PIECE_BYTES {
                let Some(stored) = view.blocks(next, 1)?.pop() else { return Ok(None) };
                if parent_of(&stored) != Some(parent) {
                    return Ok(None);
                }
                if next > 0 {
                    text.push(',');
                }
                text.push_str(&reader.json(&stored)?);
                parent = stored.place.hash;
                next += 1;
            }
            Ok(Some((text, next, parent)))
        });
        let (view, piece) = piece.await?;
        let (text, next, parent) = piece.ok_or(Broken::Again)?;
        (self.next, self.parent) = (next, parent);
        Ok((view, text))
    }
}

//! The older system's two routes, for its clients, unchanged.
//!
//! `/`: a WebSocket client sends the text `ping`, is answered `pong`, is listed as a node with its measured round trip, and gets every
//! new block from then on as one JSON text frame. `/get-blockchaindata`: one JSON text frame with the node's key, the nodes, and the whole chain.
//! Any other request for `/` is for the page.
//!
//! Bounds: at most [`NODES_MAX`] nodes are listed, at most [`CHAINS_MAX`] whole chains are told at once, each at most [`CHAIN_BYTES_MAX`] long;
//! a client that does not read is dropped, never waited for by others; what clients send is at most [`TEXT_BYTES_MAX`] long.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Extension;
use axum::extract::State;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{Message, Utf8Bytes, WebSocket, WebSocketUpgrade};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use tokio::sync::broadcast::error::RecvError;

use crate::api::{self, ApiError};
use crate::app::{App, Remote};
use crate::web;

mod nodes;

pub use self::nodes::{NODES_MAX, Node, Nodes};

/// How many whole chains are told at once; whoever asks beyond that is told to ask again.
pub const CHAINS_MAX: usize = 2;
/// The most bytes of a whole chain in this form; a longer one is read through the API, piece by piece.
pub const CHAIN_BYTES_MAX: usize = 64 << 20;
/// The most bytes of what a client sends; it is cut off beyond that.
pub const TEXT_BYTES_MAX: usize = 4_096;
/// How long a client may take to read a frame.
const SEND_TIMEOUT: Duration = Duration::from_secs(20);
/// How often a client's round trip is measured; one that did not answer since the last time is gone.
const PING_INTERVAL: Duration = Duration::from_secs(30);
/// How many blocks are read in one piece.
const PIECE_BLOCKS: usize = 256;

type Upgrade = Result<WebSocketUpgrade, WebSocketUpgradeRejection>;

/// Small buffers: with the default ones a client costs 130 KiB and four times the work.
fn small(upgrade: WebSocketUpgrade) -> WebSocketUpgrade {
    upgrade
        .read_buffer_size(4_096)
        .write_buffer_size(4_096)
        .max_message_size(TEXT_BYTES_MAX)
        .max_frame_size(TEXT_BYTES_MAX)
}

/// The page, or a client of the older system.
pub(crate) async fn root(
    State(app): State<App>,
    remote: Option<Extension<Remote>>,
    headers: HeaderMap,
    upgrade: Upgrade,
) -> Response {
    let remote = remote.map(|Extension(remote)| remote.0);
    let response = match upgrade {
        Ok(upgrade) => small(upgrade).on_upgrade(move |socket| Client::new(app, socket, remote).serve()),
        Err(_) => web::index(&headers),
    };
    std::future::ready(response).await
}

/// A connected client of the older system.
struct Client {
    app: App,
    socket: WebSocket,
    remote: Option<SocketAddr>,
    /// The name that it is listed under, once it sent `ping`.
    listed: Option<String>,
    /// When the last measurement began, until it is answered.
    pinged: Option<Instant>,
}

/// The connection is over.
struct Gone;

impl Client {
    fn new(app: App, socket: WebSocket, remote: Option<SocketAddr>) -> Self {
        Self { app, socket, remote, listed: None, pinged: None }
    }

    async fn serve(mut self) {
        // Whoever connects is to hear of every block from its ping on, so its place in the feed is taken before.
        let mut frames = self.app.feed.watch();
        let mut rounds = tokio::time::interval_at((Instant::now() + PING_INTERVAL).into(), PING_INTERVAL);
        loop {
            let served = tokio::select! {
                message = self.socket.recv() => match message {
                    Some(Ok(message)) => self.received(message).await,
                    Some(Err(_)) | None => Err(Gone),
                },
                frame = frames.recv() => match frame {
                    Ok(frame) => match (&self.listed, &frame.block) {
                        (Some(_), Some(block)) => self.send(Message::Text(block.clone())).await,
                        (Some(_), None) | (None, _) => Ok(()),
                    },
                    // A gap would pass unnoticed: it is to connect again, and read the whole chain.
                    Err(RecvError::Lagged(_) | RecvError::Closed) => Err(Gone),
                },
                _ = rounds.tick() => match self.pinged {
                    Some(_) => Err(Gone),
                    None => self.measure().await,
                },
                () = self.app.handle.stopping() => Err(Gone),
            };
            if served.is_err() {
                break;
            }
        }
        if let Some(name) = &self.listed {
            self.app.nodes.left(name, crate::clock::time());
        }
    }

    async fn received(&mut self, message: Message) -> Result<(), Gone> {
        match message {
            Message::Text(text) if text.trim() == "ping" => {
                if self.listed.is_none() {
                    let name = self.remote.map_or_else(|| "unknown".to_owned(), |remote| remote.to_string());
                    let ip =
                        self.remote.map_or_else(|| "unknown".to_owned(), |remote| remote.ip().to_string());
                    self.app.nodes.joined(&name, ip, crate::clock::time());
                    self.listed = Some(name);
                }
                self.send(Message::Text(Utf8Bytes::from_static("pong"))).await?;
                self.measure().await
            }
            Message::Pong(_) => {
                if let (Some(name), Some(pinged)) = (&self.listed, self.pinged.take()) {
                    self.app.nodes.measured(name, pinged.elapsed(), crate::clock::time());
                }
                Ok(())
            }
            Message::Close(_) => Err(Gone),
            // The older system's clients say more than this node needs to hear.
            Message::Text(_) | Message::Binary(_) | Message::Ping(_) => Ok(()),
        }
    }

    /// Begins to measure the round trip: any WebSocket client answers a ping by itself, at once.
    async fn measure(&mut self) -> Result<(), Gone> {
        if self.pinged.is_some() {
            return Ok(());
        }
        self.pinged = Some(Instant::now());
        self.send(Message::Ping(bytes::Bytes::new())).await
    }

    async fn send(&mut self, message: Message) -> Result<(), Gone> {
        match tokio::time::timeout(SEND_TIMEOUT, self.socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(Gone),
        }
    }
}

/// The node's key, the nodes, and the whole chain, genesis first: over WebSocket one text frame
#[utoipa::path(get, path = "/get-blockchaindata", tag = "older system",
    responses((status = 200, description = "WalletAuthor, NetworkData and BlockChainData", content_type = "application/json"),
        (status = 503, description = "Too large for this form, or too many at once", body = crate::api::view::Refusal)))]
pub(crate) async fn chain(State(app): State<App>, upgrade: Upgrade) -> Response {
    match upgrade {
        Ok(upgrade) => small(upgrade).on_upgrade(move |socket| tell(app, socket)),
        Err(_) => match gather(&app).await {
            Ok(json) => ([(CONTENT_TYPE, "application/json")], json).into_response(),
            Err(error) => error.into_response(),
        },
    }
}

/// Sends the chain as one frame, and leaves the closing to the client, which reads it when it likes.
async fn tell(app: App, mut socket: WebSocket) {
    let text = match gather(&app).await {
        Ok(json) => json,
        Err(error) => error.into_json(),
    };
    if !matches!(
        tokio::time::timeout(SEND_TIMEOUT, socket.send(Message::Text(text.into()))).await,
        Ok(Ok(()))
    ) {
        return;
    }
    let closed = async { while let Some(Ok(_)) = socket.recv().await {} };
    tokio::select! {
        () = closed => {}
        () = tokio::time::sleep(PING_INTERVAL) => {}
        () = app.handle.stopping() => {}
    }
    // Whether the client hears of the end any more is its own affair.
    let _ = tokio::time::timeout(SEND_TIMEOUT, socket.send(Message::Close(None))).await;
}

/// The whole text, block by block, up to its cap.
async fn gather(app: &App) -> Result<String, ApiError> {
    let _permit = Arc::clone(&app.legacy_chains).try_acquire_owned().map_err(|_| ApiError::busy())?;
    let peers = app.handle.peers().await?;
    let nodes = app.nodes.list(&peers, crate::clock::time());
    let author = app.author;
    let mut json = format!(
        "{{\"WalletAuthor\":\"{author}\",\"NetworkData\":{{\"Nodes\":{}}},\"BlockChainData\":[",
        serde_json::to_string(&nodes).unwrap_or_default()
    );
    let mut height = 0;
    loop {
        let network = app.handle.network().clone();
        let piece = api::read(&app.handle, move |store| {
            let blocks = store.blocks(height, PIECE_BLOCKS)?;
            Ok(blocks.iter().map_while(|stored| api::blocks::shown(stored, &network)).collect::<Vec<_>>())
        });
        let piece = piece.await?;
        if piece.is_empty() {
            json.push_str("]}");
            return Ok(json);
        }
        for block in &piece {
            if height > 0 {
                json.push(',');
            }
            json.push_str(&serde_json::to_string(block).unwrap_or_default());
            height += 1;
        }
        if json.len() > CHAIN_BYTES_MAX {
            let message = format!(
                "the chain is over {CHAIN_BYTES_MAX} bytes in this form: read it through /api/v1/blocks or /api/v1/export"
            );
            return Err(ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "chain_too_large", message));
        }
    }
}

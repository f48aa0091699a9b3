//! Sockets: a reader and a writer for each peer, and one loop for both inbound and outbound
//! sockets.
//!
//! The reader passes frames on to the driver and waits when its channel is full, so that
//! back-pressure reaches the peer. The writer sends the frames of the peer's send queue. It reads
//! served data from the store as fast as the peer takes it. Neither understands a packet. A frame
//! over [`FRAME_BYTES_MAX`] is never read whole.

use std::fmt::Display;
use std::time::{Duration, Instant};

use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{self, WebSocketUpgrade};
use axum::extract::{ConnectInfo, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get};
use bytes::Bytes;
use futures_util::{Sink, SinkExt, Stream, StreamExt};
use plexus_core::node::storage::PeerRequest;
use plexus_core::node::{ConnectionId, Direction, Input};
use plexus_core::protocol::address::SUBPROTOCOLS;
use plexus_core::protocol::bounded::{BoundedBytes, BoundedVec};
use plexus_core::protocol::limits::FRAME_BYTES_MAX;
use plexus_core::protocol::packet::Packet;
use tokio::time::{sleep, timeout};
use tokio_tungstenite::tungstenite;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

use crate::driver::event::DriverEvent;
use crate::driver::send_queue::{Outgoing, SendQueueReader, channel};
use crate::gate::Stay;
use crate::handle::Handle;
use crate::http::state::Remote;
use crate::metrics::connections::OpenGuard;
use crate::operator_log;
use crate::socket::read_budget::ReadBudget;
use crate::store::{Store, StoreError};

/// A socket's read buffer. The usual 128 KiB is filled with zeros at each read, which costs more
/// than it saves.
pub const READ_BUFFER_BYTES: usize = 4_096;
/// The most bytes of frames that are gathered before the system is asked to send them.
pub const WRITE_BUFFER_BYTES: usize = 16 << 10;
/// The bytes read from the store at once for a peer.
pub const SERVED_BYTES: usize = 256 << 10;
/// The most time that a closed peer may take to read the frames that were sent before.
pub const CLOSING_TIMEOUT: Duration = Duration::from_secs(3);

/// A message, as a WebSocket stack calls it.
pub(crate) trait Frame: Sized {
    fn binary(bytes: Bytes) -> Self;
    fn close(code: u16, reason: &'static str) -> Self;
    fn kind(self) -> Kind;
}

/// The kind of a frame, as a peer's reader sees it.
pub(crate) enum Kind {
    Binary(Bytes),
    Text,
    /// Ping, pong and close, which the stack answers by itself.
    Control,
}

impl Frame for ws::Message {
    fn binary(bytes: Bytes) -> Self {
        Self::Binary(bytes)
    }

    fn close(code: u16, reason: &'static str) -> Self {
        Self::Close(Some(ws::CloseFrame { code, reason: reason.into() }))
    }

    fn kind(self) -> Kind {
        match self {
            Self::Binary(bytes) => Kind::Binary(bytes),
            Self::Text(_) => Kind::Text,
            Self::Ping(_) | Self::Pong(_) | Self::Close(_) => Kind::Control,
        }
    }
}

impl Frame for tungstenite::Message {
    fn binary(bytes: Bytes) -> Self {
        Self::Binary(bytes)
    }

    fn close(code: u16, reason: &'static str) -> Self {
        Self::Close(Some(tungstenite::protocol::CloseFrame { code: code.into(), reason: reason.into() }))
    }

    fn kind(self) -> Kind {
        match self {
            Self::Binary(bytes) => Kind::Binary(bytes),
            Self::Text(_) => Kind::Text,
            Self::Ping(_) | Self::Pong(_) | Self::Close(_) | Self::Frame(_) => Kind::Control,
        }
    }
}

/// Returns the buffers and caps of an outbound socket. Inbound sockets get the same.
pub(crate) fn limits() -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER_BYTES)
        .write_buffer_size(WRITE_BUFFER_BYTES)
        .max_write_buffer_size(WRITE_BUFFER_BYTES + 2 * FRAME_BYTES_MAX)
        .max_message_size(Some(FRAME_BYTES_MAX))
        .max_frame_size(Some(FRAME_BYTES_MAX))
}

/// Returns the route that peers connect to.
pub fn route() -> MethodRouter<Handle> {
    get(accept)
}

async fn accept(
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
    ConnectInfo(remote): Remote,
    State(handle): State<Handle>,
) -> Response {
    let refuse = |status: StatusCode, reason: String| (status, reason).into_response();
    let upgrade = match upgrade {
        Ok(upgrade) => upgrade.protocols(SUBPROTOCOLS.iter().copied()),
        Err(error) => return refuse(error.status(), format!("peers connect here by WebSocket: {error}\n")),
    };
    if upgrade.selected_protocol().is_none() {
        let known = SUBPROTOCOLS.join(", ");
        let reason = format!("these WebSocket subprotocols are spoken here, and none was offered: {known}\n");
        return refuse(StatusCode::BAD_REQUEST, reason);
    }
    if !handle.gate().has_room(remote.ip()) {
        handle.metrics().turned_away.inc();
        return refuse(StatusCode::SERVICE_UNAVAILABLE, "no room for another peer\n".to_owned());
    }
    upgrade
        .read_buffer_size(READ_BUFFER_BYTES)
        .write_buffer_size(WRITE_BUFFER_BYTES)
        .max_write_buffer_size(WRITE_BUFFER_BYTES + 2 * FRAME_BYTES_MAX)
        .max_message_size(FRAME_BYTES_MAX)
        .max_frame_size(FRAME_BYTES_MAX)
        .on_upgrade(move |socket| async move {
            // The place is taken no sooner: a client that does not read the answer to its request
            // gets here late or never.
            let Some(place) = handle.gate().enter(remote.ip()) else {
                return turn_away(socket, &handle).await;
            };
            handle.metrics().inbound.inc();
            run(socket, Direction::Inbound(Some(remote.ip())), Stay::Open(place), &handle).await;
        })
}

/// Closes a socket that had room when it was requested, but has none any more.
async fn turn_away(mut socket: ws::WebSocket, handle: &Handle) {
    handle.metrics().turned_away.inc();
    if let Some(_permit) = handle.gate().leave() {
        let _late =
            timeout(CLOSING_TIMEOUT, socket.send(ws::Message::close(1013, "no room for another peer"))).await;
    }
}

/// The reason to close a socket from our side.
enum CloseCause {
    /// The peer is gone.
    Gone,
    /// The driver closed it, or the node stops.
    Closed,
    /// The peer does not read.
    Slow,
    /// The peer broke the framing.
    Framing(u16, &'static str),
}

/// Serves a peer until either end closes.
pub(crate) async fn run<S, F, E>(socket: S, link: Direction, mut stay: Stay, handle: &Handle)
where
    S: Stream<Item = Result<F, E>> + Sink<F, Error = E> + Unpin,
    F: Frame,
    E: Display,
{
    let (peer, (queue, end)) = (handle.next_peer(), channel());
    let open = &handle.metrics().connections;
    let _open = OpenGuard::new(match link {
        Direction::Inbound(_) => &open.peer_inbound,
        Direction::Outbound(_) => &open.peer_outbound,
    });
    if let Direction::Outbound(address) = &link {
        let change = handle.connects().opened(address, peer);
        change.as_ref().into_iter().for_each(operator_log::tell);
    }
    if handle.tell(DriverEvent::Opened(peer, link, queue)).await.is_err() {
        return;
    }
    let (mut sink, mut stream) = socket.split();
    let (cut, closed) = (end.cut(), end.closed());
    let end = tokio::select! {
        // Pending frames are written before the socket is given up.
        biased;
        end = read(&mut stream, peer, handle) => end,
        end = write(&mut sink, end, handle) => end,
        () = cut => CloseCause::Slow,
        end = give_up(closed, &mut stay) => end,
    };
    let closing = match end {
        CloseCause::Gone => None,
        CloseCause::Slow => {
            handle.metrics().slow_readers.inc();
            tracing::debug!(peer = peer.0, "cut off: it does not read what is sent to it");
            None
        }
        CloseCause::Closed => Some(F::close(1000, "")),
        CloseCause::Framing(code, reason) => {
            tracing::debug!(peer = peer.0, reason, "closed");
            Some(F::close(code, reason))
        }
    };
    // The node is told first, as it need not wait for the peer to hang up.
    let _stopped = handle.tell_input(Input::Closed(peer)).await;
    let lingers = stay.leave();
    if let Some(frame) = closing.filter(|_| lingers) {
        let _late = timeout(CLOSING_TIMEOUT, async {
            if sink.send(frame).await.is_ok() {
                // Later frames of the peer are read and dropped. If they stayed unread, the system
                // would drop the data on its way to the peer.
                while let Some(Ok(_)) = stream.next().await {}
            }
        })
        .await;
    }
}

/// Resolves when a peer that the driver has closed did not read the earlier frames in time. Its
/// place is free from the moment of closing on. Returns the reason.
async fn give_up(closed: impl Future<Output = ()>, stay: &mut Stay) -> CloseCause {
    closed.await;
    if !stay.leave() {
        return CloseCause::Gone;
    }
    sleep(CLOSING_TIMEOUT).await;
    CloseCause::Slow
}

async fn read<S, F, E>(stream: &mut S, peer: ConnectionId, handle: &Handle) -> CloseCause
where
    S: Stream<Item = Result<F, E>> + Unpin,
    F: Frame,
    E: Display,
{
    let mut budget = ReadBudget::new(Instant::now());
    loop {
        match stream.next().await.map(|frame| frame.map(F::kind)) {
            Some(Ok(Kind::Binary(frame))) => {
                handle.metrics().received.count(&frame);
                // The kept bytes of a frame must not keep the read buffer that the frame came in.
                let frame = Bytes::from(Vec::from(frame));
                let wait = budget.spend(&frame, Instant::now());
                if handle.tell_frame(peer, frame).await.is_err() {
                    return CloseCause::Closed;
                }
                if !wait.is_zero() {
                    sleep(wait).await;
                }
            }
            Some(Ok(Kind::Text)) => return CloseCause::Framing(1003, "text frames are not spoken here"),
            Some(Ok(Kind::Control)) => {}
            Some(Err(error)) => {
                tracing::debug!(peer = peer.0, %error, "the socket failed");
                return CloseCause::Framing(1002, "a frame that is too long or none");
            }
            None => return CloseCause::Gone,
        }
    }
}

async fn write<S, F, E>(sink: &mut S, mut end: SendQueueReader, handle: &Handle) -> CloseCause
where
    S: Sink<F, Error = E> + Unpin,
    F: Frame,
{
    while let Some(outgoing) = end.next().await {
        let mut next = Some(outgoing);
        while let Some(outgoing) = next {
            if send(sink, outgoing, handle).await.is_err() {
                return CloseCause::Gone;
            }
            next = end.next_now().ok();
        }
        if sink.flush().await.is_err() {
            return CloseCause::Gone;
        }
    }
    CloseCause::Closed
}

async fn send<S, F, E>(sink: &mut S, outgoing: Outgoing, handle: &Handle) -> Result<(), ()>
where
    S: Sink<F, Error = E> + Unpin,
    F: Frame,
{
    match outgoing {
        Outgoing::Frame(frame) => feed(sink, frame, handle).await,
        Outgoing::Serve(PeerRequest::Headers(locator)) => {
            let headers = from_store(handle, move |store| store.headers_after(&locator)).await?;
            feed(sink, Packet::Headers(BoundedVec::new(headers)).encode(), handle).await
        }
        Outgoing::Serve(PeerRequest::Memory(answer)) => {
            // One frame at a time, as the peer takes them.
            for frame in answer.frames(handle.network().block_bytes_max()) {
                feed(sink, frame, handle).await?;
            }
            Ok(())
        }
        Outgoing::Serve(PeerRequest::Proof) => {
            let network = handle.network().clone();
            let proof = from_store(handle, move |store| match store.prove(&network) {
                Err(StoreError::Proof(_)) => Ok(Bytes::new()),
                proof => proof,
            })
            .await?;
            feed(sink, Packet::Proof(BoundedBytes::new(proof.to_vec())).encode(), handle).await
        }
        Outgoing::Serve(PeerRequest::Bodies(mut hashes)) => {
            while !hashes.is_empty() {
                let wanted = std::mem::take(&mut hashes);
                let (frames, wanted) = from_store(handle, move |store| {
                    Ok((store.view()?.body_frames(&wanted, SERVED_BYTES)?, wanted))
                })
                .await?;
                hashes = wanted.get(frames.len()..).unwrap_or_default().to_vec();
                for frame in frames {
                    feed(sink, frame, handle).await?;
                }
            }
            Ok(())
        }
    }
}

async fn feed<S, F, E>(sink: &mut S, frame: Bytes, handle: &Handle) -> Result<(), ()>
where
    S: Sink<F, Error = E> + Unpin,
    F: Frame,
{
    handle.metrics().sent.count(&frame);
    sink.feed(F::binary(frame)).await.map_err(|_| ())
}

/// Reads the store on a thread that may wait for the disk. Returns the answer. A store that fails
/// stops the node.
async fn from_store<T: Send + 'static>(
    handle: &Handle,
    read: impl FnOnce(&Store) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, ()> {
    let store = handle.store().clone();
    match tokio::task::spawn_blocking(move || read(&store)).await {
        Ok(Ok(found)) => Ok(found),
        Ok(Err(error)) => {
            let _stopped = handle.tell(DriverEvent::Failed(error)).await;
            Err(())
        }
        Err(_stopping) => Err(()),
    }
}

mod read_budget;

#[cfg(test)]
mod tests;

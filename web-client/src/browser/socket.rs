//! One WebSocket to a node: frames in, frames out, and each end of it reported once.
//!
//! gloo-net's [`WebSocket`] connects, queues incoming frames and closes. Its queue has no bound,
//! and it copies a frame of any length into the program's memory. So a listener that runs before
//! gloo-net's own looks at each frame first. Three kinds of frames end the connection and are never
//! queued: text, a frame over [`FRAME_BYTES_MAX`], and a frame with which more than
//! [`unread::UNREAD_BYTES_MAX`] would be unread.

use core::cell::RefCell;
use core::future::poll_fn;
use core::pin::Pin;
use core::task::{Context, Poll, Waker, ready};
use std::rc::Rc;

use futures_core::Stream;
use futures_sink::Sink;
use gloo_net::websocket::futures::WebSocket;
use gloo_net::websocket::{Message, State, WebSocketError};
use js_sys::ArrayBuffer;
use plexus_core::protocol::address::{Address, SUBPROTOCOLS};
use plexus_core::protocol::host::Host;
use plexus_core::protocol::limits::FRAME_BYTES_MAX;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::spawn_local;
use web_sys::MessageEvent;

use self::unread::Unread;

mod unread;

/// The most bytes that may wait to be sent. Above that, the connection is closed, because the other
/// end does not read.
const UNSENT_BYTES_MAX: u32 = 8 << 20;

/// A report of a socket.
#[derive(Debug)]
pub(crate) enum SocketEvent {
    /// It is open.
    Opened,
    /// A frame came.
    Frame(Vec<u8>),
    /// The other end broke a limit, and the connection is being closed.
    Broken,
    /// It is closed.
    Closed {
        /// Whether it was open before.
        opened: bool,
    },
}

/// The reason for which a connection is ended here, as the other end is told: a code for
/// applications, and words.
type CloseReason = (u16, &'static str);

const TEXT: CloseReason = (4003, "frames are binary");
const OVERLONG: CloseReason = (4009, "a frame is too long");
const UNREAD: CloseReason = (4008, "more came than was read");

/// The socket, which its reader shares.
#[derive(Default)]
struct SocketState {
    /// `None` once the connection was dropped.
    socket: RefCell<Option<WebSocket>>,
    unread: RefCell<Unread>,
}

impl SocketState {
    /// Returns the result of `poll` for the socket, or `None` if the connection was dropped.
    fn poll<T>(&self, poll: impl FnOnce(Pin<&mut WebSocket>) -> Poll<T>) -> Poll<Option<T>> {
        match &mut *self.socket.borrow_mut() {
            Some(socket) => poll(Pin::new(socket)).map(Some),
            None => Poll::Ready(None),
        }
    }
}

/// A connection. When it is dropped, it is closed and reports no more.
pub(crate) struct Socket {
    raw: web_sys::WebSocket,
    shared: Rc<SocketState>,
    guard: Closure<dyn FnMut(MessageEvent)>,
}

impl core::fmt::Debug for Socket {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Socket").field("url", &self.raw.url()).finish_non_exhaustive()
    }
}

impl Socket {
    /// Begins to connect. Returns the connection. A frame is reported only after `has_room`
    /// returned true. If it returns false, it keeps the waker and wakes it when there is room.
    ///
    /// # Errors
    /// The browser allows no such connection, as a plain one from a page over TLS.
    pub(crate) fn open(
        address: &Address,
        has_room: impl Fn(&Waker) -> bool + 'static,
        report: impl Fn(SocketEvent) + Clone + 'static,
    ) -> Result<Self, JsValue> {
        if is_secure() && is_mixed(address) {
            return Err(JsValue::UNDEFINED);
        }
        let offered: js_sys::Array = SUBPROTOCOLS.iter().map(|name| JsValue::from_str(name)).collect();
        let raw = web_sys::WebSocket::new_with_str_sequence(&address.to_string(), &offered)?;
        let shared = Rc::new(SocketState::default());
        let guard = guard(raw.clone(), shared.clone(), report.clone());
        // Listeners are called in the order in which they were added, so this comes before
        // gloo-net's.
        raw.add_event_listener_with_callback("message", guard.as_ref().unchecked_ref())?;
        let socket = WebSocket::try_from(raw.clone()).map_err(|_| JsValue::UNDEFINED)?;
        *shared.socket.borrow_mut() = Some(socket);
        spawn_local(read(shared.clone(), has_room, report));
        Ok(Self { raw, shared, guard })
    }

    /// Sends a frame. Returns false if the connection is not worth keeping.
    ///
    /// gloo-net's sink would make a `Blob` of each frame. A peer's answer comes 0.5 ms later then
    /// (medians of 200 in Chromium, on the loopback: 0.1 and 0.6 ms), and peers choose each other by
    /// that.
    pub(crate) fn send(&self, frame: &[u8]) -> bool {
        self.raw.buffered_amount() <= UNSENT_BYTES_MAX && self.raw.send_with_u8_array(frame).is_ok()
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        let guard = self.guard.as_ref().unchecked_ref();
        // It fails only for arguments of the wrong kind.
        let _ = self.raw.remove_event_listener_with_callback("message", guard);
        // gloo-net's socket closes itself, after sending the earlier frames, and removes its
        // listeners. Its reader finds it gone. A reader that waits only for this socket is freed
        // with it.
        let socket = self.shared.socket.take();
        drop(socket);
    }
}

/// Returns the listener that looks at each frame before gloo-net copies and queues it.
fn guard(
    raw: web_sys::WebSocket,
    shared: Rc<SocketState>,
    report: impl Fn(SocketEvent) + 'static,
) -> Closure<dyn FnMut(MessageEvent)> {
    Closure::new(move |event: MessageEvent| {
        let bytes = event.data().dyn_into::<ArrayBuffer>().ok();
        let bytes = bytes.map(|bytes| usize::try_from(bytes.byte_length()).unwrap_or(usize::MAX));
        let (code, reason) = match bytes {
            None => TEXT,
            Some(bytes) if bytes > FRAME_BYTES_MAX => OVERLONG,
            Some(bytes) if shared.unread.borrow_mut().arrived(bytes) => return,
            Some(_) => UNREAD,
        };
        event.stop_immediate_propagation();
        // A browser delivers nothing after this. It fails only for codes that this program does not
        // use.
        let _ = raw.close_with_code_and_reason(code, reason);
        report(SocketEvent::Broken);
    })
}

/// Reads until the connection ends.
async fn read(shared: Rc<SocketState>, has_room: impl Fn(&Waker) -> bool, report: impl Fn(SocketEvent)) {
    let connected = |context: &mut Context<'_>| {
        shared.poll(|mut socket| {
            // It waits for as long as the socket connects, and never fails.
            let _ = ready!(socket.as_mut().poll_ready(context));
            Poll::Ready(matches!(socket.state(), State::Open))
        })
    };
    let Some(opened) = poll_fn(connected).await else { return };
    if opened {
        report(SocketEvent::Opened);
    }
    let next = |context: &mut Context<'_>| {
        if has_room(context.waker()) {
            shared.poll(|socket| socket.poll_next(context))
        } else {
            Poll::Pending
        }
    };
    loop {
        match poll_fn(next).await {
            Some(Some(Ok(Message::Bytes(frame)))) => {
                shared.unread.borrow_mut().taken(frame.len());
                report(SocketEvent::Frame(frame));
            }
            // An error is always followed by a close. Text does not come past the guard.
            Some(Some(Err(WebSocketError::ConnectionError) | Ok(Message::Text(_)))) => {}
            Some(Some(Err(_)) | None) => return report(SocketEvent::Closed { opened }),
            None => return,
        }
    }
}

/// Returns true if the program came over TLS.
fn is_secure() -> bool {
    let location = js_sys::Reflect::get(&js_sys::global(), &"location".into());
    let protocol = location.and_then(|location| js_sys::Reflect::get(&location, &"protocol".into()));
    protocol.is_ok_and(|protocol| protocol == "https:")
}

/// Returns true if no browser connects there from a page that came over TLS: without TLS, and not
/// to the same machine. Some browsers report that only after a while, and each time with an error
/// in the console.
fn is_mixed(address: &Address) -> bool {
    let is_here = match address.host() {
        Host::V4(ip) => ip.is_loopback(),
        Host::V6(ip) => ip.is_loopback(),
        Host::Name(name) => &**name == "localhost" || name.ends_with(".localhost"),
    };
    !address.is_tls() && !is_here
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_connections_to_other_machines_are_mixed() {
        let is_mixed = |address: &str| is_mixed(&address.parse().unwrap());
        for address in ["wss://node.example", "ws://localhost:1", "ws://127.0.0.9:1", "ws://[::1]:1"] {
            assert!(!is_mixed(address), "{address}");
        }
        for address in ["ws://node.example", "ws://192.168.0.1:1", "ws://localhost.example:1"] {
            assert!(is_mixed(address), "{address}");
        }
    }
}

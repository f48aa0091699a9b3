//! One WebSocket to a node: frames in, frames out, and each end of it reported once.

use core::cell::Cell;

use js_sys::{ArrayBuffer, Uint8Array};
use plexus_core::address::{Address, Host, SUBPROTOCOL};
use plexus_core::wire::FRAME_BYTES_MAX;
use wasm_bindgen::prelude::*;
use web_sys::{BinaryType, Event, MessageEvent, WebSocket};

/// The most bytes that may wait to be sent; more, and the connection is given up: the other end does not read.
const UNSENT_BYTES_MAX: u32 = 8 << 20;

/// What a socket reports.
#[derive(Debug)]
pub(crate) enum Report {
    /// It is open.
    Opened,
    /// A frame came.
    Frame(Vec<u8>),
    /// A frame came that no peer sends: text, or one over [`FRAME_BYTES_MAX`].
    Overlong,
    /// It is closed.
    Closed {
        /// Whether it was open before.
        opened: bool,
    },
}

/// A connection; dropped, it is closed and reports no more.
pub(crate) struct Socket {
    inner: WebSocket,
    _on_event: Closure<dyn FnMut(Event)>,
    _on_message: Closure<dyn FnMut(MessageEvent)>,
}

impl core::fmt::Debug for Socket {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Socket").field("url", &self.inner.url()).finish_non_exhaustive()
    }
}

impl Socket {
    /// Begins to connect.
    ///
    /// # Errors
    /// The browser allows no such connection, as a plain one from a page over TLS.
    pub(crate) fn open(
        address: &Address,
        report: impl Fn(Report) + Clone + 'static,
    ) -> Result<Self, JsValue> {
        if is_secure() && is_mixed(address) {
            return Err(JsValue::UNDEFINED);
        }
        let inner = WebSocket::new_with_str(&address.to_string(), SUBPROTOCOL)?;
        inner.set_binary_type(BinaryType::Arraybuffer);
        let (tell, opened) = (report.clone(), Cell::new(false));
        let on_event = Closure::<dyn FnMut(Event)>::new(move |event: Event| match event.type_().as_str() {
            "open" => {
                opened.set(true);
                tell(Report::Opened);
            }
            // An error is always followed by a close.
            "close" => tell(Report::Closed { opened: opened.get() }),
            _ => {}
        });
        let on_message = Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| {
            let frame = event.data().dyn_into::<ArrayBuffer>().ok().map(|frame| Uint8Array::new(&frame));
            let fits =
                |frame: &Uint8Array| usize::try_from(frame.length()).is_ok_and(|n| n <= FRAME_BYTES_MAX);
            report(frame.filter(fits).map_or(Report::Overlong, |frame| Report::Frame(frame.to_vec())));
        });
        let listener = Some(on_event.as_ref().unchecked_ref());
        inner.set_onopen(listener);
        inner.set_onclose(listener);
        inner.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
        Ok(Self { inner, _on_event: on_event, _on_message: on_message })
    }

    /// Sends a frame; whether the connection is still worth keeping.
    pub(crate) fn send(&self, frame: &[u8]) -> bool {
        self.inner.buffered_amount() <= UNSENT_BYTES_MAX && self.inner.send_with_u8_array(frame).is_ok()
    }
}

/// Whether the program came over TLS.
fn is_secure() -> bool {
    let location = js_sys::Reflect::get(&js_sys::global(), &"location".into());
    let protocol = location.and_then(|location| js_sys::Reflect::get(&location, &"protocol".into()));
    protocol.is_ok_and(|protocol| protocol == "https:")
}

/// Whether no browser connects there from a page that came over TLS: without TLS, and not to the same machine. Some say so only
/// after a while, and each time with an error in the console.
fn is_mixed(address: &Address) -> bool {
    let is_here = match address.host() {
        Host::V4(ip) => ip.is_loopback(),
        Host::V6(ip) => ip.is_loopback(),
        Host::Name(name) => &**name == "localhost" || name.ends_with(".localhost"),
    };
    !address.is_tls() && !is_here
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.inner.set_onopen(None);
        self.inner.set_onclose(None);
        self.inner.set_onmessage(None);
        // What was sent before goes out first. A socket that is closed already has nothing to say about it.
        let _ = self.inner.close();
    }
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

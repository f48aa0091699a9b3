//! The feed: the node's events, encoded once for all watchers by server-sent events.
//!
//! A watcher that is over [`FRAMES_MAX`] frames behind misses the oldest, and learns their number.
//! Nothing is encoded while there is no watcher.

use std::sync::Arc;

use bytes::Bytes;
use plexus_core::ledger::json::{BlockView, MessageView, VerifyStatus};
use plexus_core::node::event::Event;
use plexus_core::primitives::params::Network;
use serde::Serialize;
use serde_json::json;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use crate::handle::Handle;

/// The frames that are kept for a watcher that is behind.
pub const FRAMES_MAX: usize = 256;

/// An event, as it is sent.
#[derive(Clone, Debug)]
pub struct EventFrame {
    /// The server-sent event.
    pub event: Bytes,
}

/// The place where watchers subscribe.
#[derive(Clone, Debug)]
pub struct EventFeed(broadcast::Sender<Arc<EventFrame>>);

impl EventFeed {
    /// Starts a task that encodes the events, for as long as the node runs. Returns the feed.
    pub fn start(handle: &Handle) -> Self {
        let (sender, _) = broadcast::channel(FRAMES_MAX);
        let feed = Self(sender.clone());
        let (handle, mut events) = (handle.clone(), handle.events());
        tokio::spawn(async move {
            loop {
                let event = tokio::select! {
                    event = events.recv() => event,
                    () = handle.stopping() => return,
                };
                let frame = match event {
                    Ok(_) if sender.receiver_count() == 0 => continue,
                    Ok(event) => encode(&event, handle.network()),
                    Err(RecvError::Lagged(missed)) => Some(lagged(missed)),
                    Err(RecvError::Closed) => return,
                };
                if let Some(frame) = frame {
                    // There may be no listener any more. This is not an error.
                    let _ = sender.send(Arc::new(frame));
                }
            }
        });
        feed
    }

    /// Returns the events from now on.
    pub fn watch(&self) -> broadcast::Receiver<Arc<EventFrame>> {
        self.0.subscribe()
    }
}

/// Returns the frame that tells a watcher that it missed events. It may ask the API for the current
/// state.
pub fn lagged(missed: u64) -> EventFrame {
    frame("lagged", &json!({ "missed": missed }))
}

fn frame(name: &str, value: &impl Serialize) -> EventFrame {
    let json = serde_json::to_string(value).unwrap_or_default();
    EventFrame { event: format!("event: {name}\ndata: {json}\n\n").into() }
}

fn encode(event: &Event, network: &Network) -> Option<EventFrame> {
    Some(match event {
        Event::Connected { block, total_work, .. } => {
            frame("block", &BlockView::new(block, *total_work, network.id()))
        }
        Event::Arrived { hash, age_ms, waited } => {
            let waited_ms = waited.as_secs_f64() * 1e3;
            frame("arrived", &json!({ "hash": hash, "age_ms": age_ms, "waited_ms": waited_ms }))
        }
        Event::Stale { hash, height } => frame("stale", &json!({ "hash": hash, "height": height })),
        Event::Undone { fork, hashes, .. } => frame("undone", &json!({ "fork": fork, "hashes": hashes })),
        Event::Refused { hash, height, failures, .. } => {
            frame("refused", &VerifyStatus::new(*hash, *height, failures))
        }
        Event::Pooled(message) => frame("message", &MessageView::new(message.message(), network.id())),
        Event::Dropped { id } => frame("dropped", &json!({ "id": id })),
        Event::PeerUp { peer, key, role } => {
            frame("peer_up", &json!({ "id": peer.0, "key": key, "role": role }))
        }
        Event::PeerDown { peer } => frame("peer_down", &json!({ "id": peer.0 })),
        Event::Faulted { peer, fault } => {
            frame("fault", &json!({ "id": peer.0, "reason": fault.to_string() }))
        }
        Event::Disagrees { peer, agreement, height } => {
            frame("disagrees", &json!({ "id": peer.0, "agreement": agreement, "height": height }))
        }
        Event::Synchronizing { height, target } => {
            frame("syncing", &json!({ "height": height, "target": target }))
        }
        // Only the node's log uses these.
        Event::Assumed { .. }
        | Event::Proven { .. }
        | Event::Orphan { .. }
        | Event::Lacking { .. }
        | Event::Closing { .. } => return None,
    })
}

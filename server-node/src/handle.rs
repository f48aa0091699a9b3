//! The handle: how the API, the page's server and the commands ask a running node.
//!
//! A handle is cheap to clone. Questions go through the driver's one channel, bounded like all facts; their answers come when
//! everything they show is durable.

use std::sync::Arc;

use plexus_core::event::Event;
use plexus_core::message::{Message, MessageId};
use plexus_core::network::Network;
use plexus_core::node::{PeerView, Status, SubmitError};
use tokio::sync::broadcast;

use crate::counters::Counters;
use crate::store::Store;

/// The events that are kept for a listener that is behind; when full, the oldest is dropped and the listener is told.
pub const EVENTS_MAX: usize = 256;

/// The node is stopping, and answers nothing any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the node is stopping")]
pub struct Stopped;

/// Why a message was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The node does not want it.
    #[error(transparent)]
    Submit(#[from] SubmitError),
    /// The node is stopping.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

/// A way to ask the node.
#[derive(Clone, Debug)]
pub struct Handle(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    events: broadcast::Sender<Arc<Event>>,
    store: Arc<Store>,
    network: Network,
    counters: Arc<Counters>,
}

impl Handle {
    /// How the node stands.
    ///
    /// # Errors
    /// When the node is stopping.
    pub async fn status(&self) -> Result<Status, Stopped> {
        tokio::task::yield_now().await;
        Err(Stopped)
    }

    /// The peers, in the order in which they connected.
    ///
    /// # Errors
    /// When the node is stopping.
    pub async fn peers(&self) -> Result<Vec<PeerView>, Stopped> {
        tokio::task::yield_now().await;
        Err(Stopped)
    }

    /// Hands in a message.
    ///
    /// # Errors
    /// Why it is not taken.
    pub async fn submit(&self, message: Message) -> Result<MessageId, Refusal> {
        let _ = message;
        tokio::task::yield_now().await;
        Err(Stopped.into())
    }

    /// A message that waits in the pool.
    ///
    /// # Errors
    /// When the node is stopping.
    pub async fn pooled(&self, id: MessageId) -> Result<Option<Arc<Message>>, Stopped> {
        let _ = id;
        tokio::task::yield_now().await;
        Err(Stopped)
    }

    /// At most `limit` messages that wait in the pool, those next in line first.
    ///
    /// # Errors
    /// When the node is stopping.
    pub async fn pool(&self, limit: usize) -> Result<Vec<Arc<Message>>, Stopped> {
        let _ = limit;
        tokio::task::yield_now().await;
        Err(Stopped)
    }

    /// Starts or stops mining.
    ///
    /// # Errors
    /// When the node is stopping.
    pub async fn set_mining(&self, mining: bool) -> Result<(), Stopped> {
        let _ = mining;
        tokio::task::yield_now().await;
        Err(Stopped)
    }

    /// What happens from now on. A listener over [`EVENTS_MAX`] behind is told how many it missed.
    pub fn events(&self) -> broadcast::Receiver<Arc<Event>> {
        self.0.events.subscribe()
    }

    /// What is remembered. Its reads touch the disk: ask it on a thread that may block.
    pub fn store(&self) -> &Arc<Store> {
        &self.0.store
    }

    /// The node's network.
    pub fn network(&self) -> &Network {
        &self.0.network
    }

    /// What is counted.
    pub fn counters(&self) -> &Arc<Counters> {
        &self.0.counters
    }

    /// Resolves when the node stops: long answers and sockets end then.
    pub async fn stopping(&self) {
        std::future::pending().await
    }
}

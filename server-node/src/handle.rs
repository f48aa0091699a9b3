//! The handle: how the API, the page's server, sockets and threads reach a running node.
//!
//! A handle is cheap to clone. Everything goes through the driver's one channel, bounded in facts and in bytes; whoever tells
//! or asks waits while it is full. An answer comes when everything that it shows is durable.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use plexus_core::event::Event;
use plexus_core::graph::Graph;
use plexus_core::message::{Message, MessageId};
use plexus_core::network::Network;
use plexus_core::node::{Input, PeerId, PeerView, Status, SubmitError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, broadcast, mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::counters::Counters;
use crate::fact::{Ask, FACTS_MAX, FRAMES_BYTES_MAX, Fact};
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

/// A way to reach the node.
#[derive(Clone, Debug)]
pub struct Handle(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    facts: mpsc::Sender<Fact>,
    frames: Arc<Semaphore>,
    inbound: Arc<Semaphore>,
    peers: AtomicU64,
    events: broadcast::Sender<Arc<Event>>,
    store: Arc<Store>,
    network: Network,
    counters: Arc<Counters>,
    stopping: CancellationToken,
}

impl Handle {
    /// A handle, and the channel's end for the driver.
    pub(crate) fn new(
        store: Arc<Store>,
        network: Network,
        inbound_max: usize,
    ) -> (Self, mpsc::Receiver<Fact>) {
        let (facts, received) = mpsc::channel(FACTS_MAX);
        let shared = Shared {
            facts,
            frames: Arc::new(Semaphore::new(FRAMES_BYTES_MAX)),
            inbound: Arc::new(Semaphore::new(inbound_max.min(Semaphore::MAX_PERMITS))),
            peers: AtomicU64::new(0),
            events: broadcast::channel(EVENTS_MAX).0,
            store,
            network,
            counters: Arc::default(),
            stopping: CancellationToken::new(),
        };
        (Self(Arc::new(shared)), received)
    }

    /// How the node stands.
    ///
    /// # Errors
    /// When the node is stopping.
    pub async fn status(&self) -> Result<Status, Stopped> {
        self.ask(Ask::Status).await
    }

    /// The peers, in the order in which they connected.
    ///
    /// # Errors
    /// When the node is stopping.
    pub async fn peers(&self) -> Result<Vec<PeerView>, Stopped> {
        self.ask(Ask::Peers).await
    }

    /// The network's latency graph as it is now: a copy, to be read at leisure.
    ///
    /// # Errors
    /// When the node is stopping.
    pub async fn graph(&self) -> Result<Graph, Stopped> {
        self.ask(Ask::Graph).await
    }

    /// Hands in a message.
    ///
    /// # Errors
    /// Why it is not taken.
    pub async fn submit(&self, message: Message) -> Result<MessageId, Refusal> {
        let answer = self.ask(|answer| Ask::Submit(Box::new(message), answer)).await?;
        Ok(answer?)
    }

    /// A message that waits in the pool.
    ///
    /// # Errors
    /// When the node is stopping.
    pub async fn pooled(&self, id: MessageId) -> Result<Option<Arc<Message>>, Stopped> {
        self.ask(|answer| Ask::Pooled(id, answer)).await
    }

    /// At most `limit` messages that wait in the pool, those next in line first.
    ///
    /// # Errors
    /// When the node is stopping.
    pub async fn pool(&self, limit: usize) -> Result<Vec<Arc<Message>>, Stopped> {
        self.ask(|answer| Ask::Pool(limit, answer)).await
    }

    /// Starts or stops mining.
    ///
    /// # Errors
    /// When the node is stopping.
    pub async fn set_mining(&self, mining: bool) -> Result<(), Stopped> {
        self.ask(|answer| Ask::SetMining(mining, answer)).await
    }

    async fn ask<T>(&self, question: impl FnOnce(oneshot::Sender<T>) -> Ask) -> Result<T, Stopped> {
        let (sender, answer) = oneshot::channel();
        self.tell(Fact::Ask(question(sender))).await?;
        answer.await.map_err(|_| Stopped)
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
        self.0.stopping.cancelled().await;
    }

    /// Makes the node stop.
    pub(crate) fn stop(&self) {
        self.0.stopping.cancel();
    }

    /// Tells the driver; waits while its channel is full.
    pub(crate) async fn tell(&self, fact: Fact) -> Result<(), Stopped> {
        self.0.facts.send(fact).await.map_err(|_| Stopped)
    }

    /// Tells the driver from a thread of one's own.
    pub(crate) fn tell_blocking(&self, fact: Fact) -> Result<(), Stopped> {
        self.0.facts.blocking_send(fact).map_err(|_| Stopped)
    }

    /// Tells the driver of a frame; waits while too many bytes wait for it.
    pub(crate) async fn tell_frame(&self, peer: PeerId, frame: Bytes) -> Result<(), Stopped> {
        let size = u32::try_from(frame.len().min(FRAMES_BYTES_MAX)).unwrap_or(u32::MAX);
        let permit = self.0.frames.clone().acquire_many_owned(size).await.map_err(|_| Stopped)?;
        self.tell(Fact::Received(peer, frame, permit)).await
    }

    /// Tells the driver an input.
    pub(crate) async fn tell_input(&self, input: Input) -> Result<(), Stopped> {
        self.tell(Fact::Input(input)).await
    }

    /// A number for a new connection, never used before.
    pub(crate) fn next_peer(&self) -> PeerId {
        PeerId(self.0.peers.fetch_add(1, Ordering::Relaxed))
    }

    /// Room for one more peer that connects to us, if there is any.
    pub(crate) fn admit(&self) -> Option<OwnedSemaphorePermit> {
        self.0.inbound.clone().try_acquire_owned().ok()
    }

    /// Tells all listeners; it is nothing to us when there are none.
    pub(crate) fn publish(&self, event: Event) {
        let _listeners = self.0.events.send(Arc::new(event)).unwrap_or(0);
    }
}

//! The handle: the way from the API, the page's server, sockets and threads to a running node.
//!
//! A handle is cheap to clone. Everything goes through the driver's channel, which is bounded in
//! items and in bytes. Callers wait while it is full. An answer comes only when all state that it
//! shows is durable.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use plexus_core::node::event::Event;
use plexus_core::node::{ConnectionId, Input, PeerView, Status, SubmitError};
use plexus_core::peers::topology::graph::Graph;
use plexus_core::primitives::message::{Message, MessageId};
use plexus_core::primitives::params::Network;
use tokio::sync::{Semaphore, broadcast, mpsc, oneshot};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::clock_offset::ClockOffsets;
use crate::connect_log::ConnectLog;
use crate::driver::event::{
    AdminQuery, DRIVER_EVENTS_MAX, DriverEvent, FRAMES_BYTES_MAX, NodeSnapshot, Query,
};
use crate::gate::Gate;
use crate::metrics::Metrics;
use crate::metrics::scrape::Permits;
use crate::store::Store;

/// The events that are kept for a listener that is behind. Beyond them the oldest is dropped, and
/// the listener learns of it.
pub const EVENTS_MAX: usize = 256;

/// The most time that a check of health or a scrape of metrics waits for the driver.
pub const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);

/// The node is stopping, and answers no queries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the node is stopping")]
pub struct Stopped;

/// The reason that a message was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SubmitRefused {
    /// The node refuses it.
    #[error(transparent)]
    Submit(#[from] SubmitError),
    /// The node is stopping.
    #[error(transparent)]
    Stopped(#[from] Stopped),
    /// The disk has no room.
    #[error(
        "the node's disk is nearly full, so it takes no message: send it through another node, or again later"
    )]
    DiskFull,
}

/// A handle to a running node.
#[derive(Clone, Debug)]
pub struct Handle(Arc<HandleState>);

#[derive(Debug)]
struct HandleState {
    to_driver: mpsc::Sender<DriverEvent>,
    frames: Arc<Semaphore>,
    gate: Gate,
    peers: AtomicU64,
    events: broadcast::Sender<Arc<Event>>,
    store: Arc<Store>,
    network: Network,
    connects: ConnectLog,
    metrics: Arc<Metrics>,
    clock_offsets: ClockOffsets,
    stopping: CancellationToken,
    disk_full: AtomicBool,
}

impl Handle {
    /// Creates a handle, and the channel's receiver for the driver. `connect` are the nodes that the
    /// operator named.
    pub(crate) fn new(
        store: Arc<Store>,
        network: Network,
        inbound_max: usize,
        connects: ConnectLog,
    ) -> (Self, mpsc::Receiver<DriverEvent>) {
        let (to_driver, received) = mpsc::channel(DRIVER_EVENTS_MAX);
        let shared = HandleState {
            to_driver,
            frames: Arc::new(Semaphore::new(FRAMES_BYTES_MAX)),
            gate: Gate::new(inbound_max),
            peers: AtomicU64::new(0),
            events: broadcast::channel(EVENTS_MAX).0,
            store,
            network,
            clock_offsets: ClockOffsets::new(connects.addresses()),
            connects,
            metrics: Arc::default(),
            stopping: CancellationToken::new(),
            disk_full: AtomicBool::new(false),
        };
        (Self(Arc::new(shared)), received)
    }

    /// Returns the state of the node.
    ///
    /// # Errors
    /// The node is stopping.
    pub async fn status(&self) -> Result<Status, Stopped> {
        self.ask(Query::Status).await
    }

    /// Returns the state of the node for the checks of health and the metrics. Returns `None` if the
    /// driver does not answer within [`ANSWER_TIMEOUT`].
    pub(crate) async fn snapshot(&self) -> Option<NodeSnapshot> {
        timeout(ANSWER_TIMEOUT, self.ask(Query::Snapshot)).await.ok()?.ok()
    }

    /// Returns the peers, in the order in which they connected.
    ///
    /// # Errors
    /// The node is stopping.
    pub async fn peers(&self) -> Result<Vec<PeerView>, Stopped> {
        self.ask(Query::Peers).await
    }

    /// Returns a copy of the network's latency graph.
    ///
    /// # Errors
    /// The node is stopping.
    pub async fn graph(&self) -> Result<Graph, Stopped> {
        self.ask(Query::Graph).await
    }

    /// Submits a message. Returns its id.
    ///
    /// # Errors
    /// The reason that it is refused.
    pub async fn submit(&self, message: Message) -> Result<MessageId, SubmitRefused> {
        if self.is_disk_full() {
            return Err(SubmitRefused::DiskFull);
        }
        let answer = self.ask(|answer| Query::Submit(Box::new(message), answer)).await?;
        Ok(answer?)
    }

    /// Returns a message of the mempool.
    ///
    /// # Errors
    /// The node is stopping.
    pub async fn pooled(&self, id: MessageId) -> Result<Option<Arc<Message>>, Stopped> {
        self.ask(|answer| Query::Pooled(id, answer)).await
    }

    /// Returns true if a message was evicted from the full mempool lately.
    ///
    /// # Errors
    /// The node is stopping.
    pub async fn was_dropped(&self, id: MessageId) -> Result<bool, Stopped> {
        self.ask(|answer| Query::WasDropped(id, answer)).await
    }

    /// Returns at most `limit` messages of the mempool, those next in line first.
    ///
    /// # Errors
    /// The node is stopping.
    pub async fn pool(&self, limit: usize) -> Result<Vec<Arc<Message>>, Stopped> {
        self.ask(|answer| Query::Pool(limit, answer)).await
    }

    /// Starts or stops mining.
    ///
    /// # Errors
    /// The node is stopping.
    pub async fn set_mining(&self, mining: bool) -> Result<(), Stopped> {
        self.ask(|answer| Query::SetMining(mining, answer)).await
    }

    /// Asks the node a query of its operator.
    pub(crate) async fn administer<T>(
        &self,
        query: impl FnOnce(oneshot::Sender<T>) -> AdminQuery,
    ) -> Result<T, Stopped> {
        self.ask(|answer| Query::Administer(query(answer))).await
    }

    async fn ask<T>(&self, question: impl FnOnce(oneshot::Sender<T>) -> Query) -> Result<T, Stopped> {
        let (sender, answer) = oneshot::channel();
        self.tell(DriverEvent::Ask(question(sender))).await?;
        answer.await.map_err(|_| Stopped)
    }

    /// Returns a receiver of events from now on. A listener more than [`EVENTS_MAX`] events behind
    /// learns the number that it missed.
    pub fn events(&self) -> broadcast::Receiver<Arc<Event>> {
        self.0.events.subscribe()
    }

    /// Returns the store. Its reads touch the disk, so call them on a thread that may block.
    pub fn store(&self) -> &Arc<Store> {
        &self.0.store
    }

    /// Returns the node's network.
    pub fn network(&self) -> &Network {
        &self.0.network
    }

    /// Returns the metrics that are counted.
    pub fn metrics(&self) -> &Arc<Metrics> {
        &self.0.metrics
    }

    /// Returns the measured clocks of other nodes.
    pub(crate) fn clock_offsets(&self) -> &ClockOffsets {
        &self.0.clock_offsets
    }

    /// Returns the room for bytes of frames that wait for the driver.
    pub(crate) fn frame_permits(&self) -> Permits {
        let available = self.0.frames.available_permits();
        Permits { resource: "frame_bytes", available, max: FRAMES_BYTES_MAX }
    }

    /// Returns the log of the configured nodes.
    pub(crate) fn connects(&self) -> &ConnectLog {
        &self.0.connects
    }

    /// Returns true if the disk is nearly full, so that the node takes neither blocks nor messages.
    pub fn is_disk_full(&self) -> bool {
        self.0.disk_full.load(Ordering::Relaxed)
    }

    pub(crate) fn set_disk_full(&self, is_full: bool) {
        self.0.disk_full.store(is_full, Ordering::Relaxed);
    }

    /// Resolves when the node stops. Long answers and sockets then end.
    pub async fn stopping(&self) {
        self.0.stopping.cancelled().await;
    }

    /// Returns true if the node is stopping.
    pub(crate) fn is_stopping(&self) -> bool {
        self.0.stopping.is_cancelled()
    }

    /// Stops the node.
    pub(crate) fn stop(&self) {
        self.0.stopping.cancel();
    }

    /// Sends an item to the driver. Waits while its channel is full.
    pub(crate) async fn tell(&self, event: DriverEvent) -> Result<(), Stopped> {
        self.0.to_driver.send(event).await.map_err(|_| Stopped)
    }

    /// Sends an item to the driver from a thread that may block.
    pub(crate) fn tell_blocking(&self, event: DriverEvent) -> Result<(), Stopped> {
        self.0.to_driver.blocking_send(event).map_err(|_| Stopped)
    }

    /// Sends a frame to the driver. Waits while too many bytes wait for it.
    pub(crate) async fn tell_frame(&self, peer: ConnectionId, frame: Bytes) -> Result<(), Stopped> {
        let size = u32::try_from(frame.len().min(FRAMES_BYTES_MAX)).unwrap_or(u32::MAX);
        let permit = self.0.frames.clone().acquire_many_owned(size).await.map_err(|_| Stopped)?;
        self.tell(DriverEvent::Received(peer, frame, permit)).await
    }

    /// Sends an input to the driver.
    pub(crate) async fn tell_input(&self, input: Input) -> Result<(), Stopped> {
        self.tell(DriverEvent::Input(input)).await
    }

    /// Returns a number for a new connection, never used before.
    pub(crate) fn next_peer(&self) -> ConnectionId {
        ConnectionId(self.0.peers.fetch_add(1, Ordering::Relaxed))
    }

    /// Counts the inbound sockets.
    pub(crate) fn gate(&self) -> &Gate {
        &self.0.gate
    }

    /// Sends an event to all listeners. It is fine if there are no listeners.
    pub(crate) fn publish(&self, event: Event) {
        let _listeners = self.0.events.send(Arc::new(event)).unwrap_or(0);
    }
}

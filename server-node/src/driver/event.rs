//! The items of the driver's channel, from sockets, threads and callers.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use plexus_core::node::{ConnectionId, Direction, Input, PeerCounts, PeerView, Status, SubmitError};
use plexus_core::peers::ban_list::BanTarget;
use plexus_core::peers::topology::graph::Graph;
use plexus_core::primitives::message::{Message, MessageId};
use plexus_core::primitives::time::Timestamp;
use plexus_core::protocol::address::Address;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use crate::driver::send_queue::SendQueue;
use crate::store::StoreError;

/// The most items that wait for the driver. When it is full, readers wait, and so do peers.
pub const DRIVER_EVENTS_MAX: usize = 1_024;
/// The most bytes of frames that wait for the driver. When they are reached, readers wait.
pub const FRAMES_BYTES_MAX: usize = 32 << 20;

/// An item for the driver.
#[derive(Debug)]
pub(crate) enum DriverEvent {
    /// A connection is open. Data for it goes to its send queue.
    Opened(ConnectionId, Direction, SendQueue),
    /// A frame was received. Its room in the channel is freed when the permit is dropped.
    Received(ConnectionId, Bytes, OwnedSemaphorePermit),
    /// Any other input, which goes to the node as it is.
    Input(Input),
    /// A query.
    Ask(Query),
    /// The store failed for a reader, so the node cannot go on.
    Failed(StoreError),
}

/// The state of the node for the checks of health and the metrics.
#[derive(Debug)]
pub(crate) struct NodeSnapshot {
    pub(crate) status: Status,
    /// The time of the tip, by its miner's clock.
    pub(crate) tip_time: Timestamp,
    pub(crate) peers: PeerCounts,
    /// The bytes of the messages in the mempool.
    pub(crate) pool_bytes: usize,
}

/// A query to the node.
#[derive(Debug)]
pub(crate) enum Query {
    Status(oneshot::Sender<Status>),
    Snapshot(oneshot::Sender<NodeSnapshot>),
    Peers(oneshot::Sender<Vec<PeerView>>),
    Graph(oneshot::Sender<Graph>),
    Submit(Box<Message>, oneshot::Sender<Result<MessageId, SubmitError>>),
    Pooled(MessageId, oneshot::Sender<Option<Arc<Message>>>),
    WasDropped(MessageId, oneshot::Sender<bool>),
    Pool(usize, oneshot::Sender<Vec<Arc<Message>>>),
    SetMining(bool, oneshot::Sender<()>),
    Administer(AdminQuery),
}

/// A query of the node's operator.
#[derive(Debug)]
pub(crate) enum AdminQuery {
    AddPeer(Address, oneshot::Sender<bool>),
    DropPeer(ConnectionId, oneshot::Sender<bool>),
    Ban(BanTarget, Duration, oneshot::Sender<usize>),
    Unban(BanTarget, oneshot::Sender<bool>),
    Bans(oneshot::Sender<Vec<(BanTarget, Duration)>>),
    MiningThreads(oneshot::Sender<usize>),
    SetThreads(usize, oneshot::Sender<std::io::Result<()>>),
}

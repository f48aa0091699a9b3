//! Facts: what the driver's one channel carries, from sockets, threads and whoever asks.

use std::sync::Arc;

use bytes::Bytes;
use plexus_core::graph::Graph;
use plexus_core::message::{Message, MessageId};
use plexus_core::node::{Input, Link, PeerId, PeerView, Status, SubmitError};
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use crate::lane::Lane;
use crate::store::StoreError;

/// The facts that wait for the driver; when it is full, readers wait, and so do peers.
pub const FACTS_MAX: usize = 1_024;
/// The bytes of frames that wait for the driver; when reached, readers wait.
pub const FRAMES_BYTES_MAX: usize = 32 << 20;

/// Something that the driver is told.
#[derive(Debug)]
pub(crate) enum Fact {
    /// A connection is open; what is for it goes to its lane.
    Opened(PeerId, Link, Lane),
    /// A frame came; its room in the channel is free again when the permit is dropped.
    Received(PeerId, Bytes, OwnedSemaphorePermit),
    /// Anything else that the node is told as it is.
    Input(Input),
    /// Somebody asks.
    Ask(Ask),
    /// The store failed a reader: the node cannot go on.
    Failed(StoreError),
}

/// Something that is asked.
#[derive(Debug)]
pub(crate) enum Ask {
    Status(oneshot::Sender<Status>),
    Peers(oneshot::Sender<Vec<PeerView>>),
    Graph(oneshot::Sender<Graph>),
    Submit(Box<Message>, oneshot::Sender<Result<MessageId, SubmitError>>),
    Pooled(MessageId, oneshot::Sender<Option<Arc<Message>>>),
    Pool(usize, oneshot::Sender<Vec<Arc<Message>>>),
    SetMining(bool, oneshot::Sender<()>),
}

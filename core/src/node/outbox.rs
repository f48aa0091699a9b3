//! The outbox: the outputs of a node, with one method for each. They are queued here, in order,
//! until the driver takes them.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;

use crate::ledger::signature_batch::{BatchId, SignatureBatch};
use crate::mining::job::Job;
use crate::node::event::Event;
use crate::node::storage::{Change, PeerRequest, StoreQuery};
use crate::protocol::address::Address;
use crate::protocol::bounded::BoundedString;
use crate::protocol::connection::ConnectionId;
use crate::protocol::limits::FAREWELL_BYTES_MAX;
use crate::protocol::misbehavior::Reason;
use crate::protocol::packet::Packet;

/// An output of a node.
#[derive(Clone, Debug)]
pub enum Output {
    /// Send a frame. The frames of one broadcast share their bytes.
    Send(ConnectionId, Bytes),
    /// Connect to an address. [`crate::node::Input::Connected`] or
    /// [`crate::node::Input::DialFailed`] follows.
    Dial(Address),
    /// Close a connection after all frames sent to it. [`crate::node::Input::Closed`] may follow,
    /// and changes nothing.
    Close(ConnectionId, Reason),
    /// Store durably, as one transaction.
    Persist(Vec<Change>),
    /// Verify on any available threads. [`crate::node::Input::Verified`] follows.
    Verify(Arc<SignatureBatch>),
    /// Query the store. [`crate::node::Input::Recalled`] follows.
    Recall(StoreQuery),
    /// Send a peer data from the store, as fast as the peer takes it.
    Serve(ConnectionId, PeerRequest),
    /// Search only this job from now on. `None` stops the search.
    Mine(Option<Box<Job>>),
    /// Report an event.
    Tell(Event),
}

/// The queue of outputs. It is drained after each input, so it holds only the outputs of one input.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    queue: VecDeque<Output>,
    /// Outputs that may be carried out only after the changes being gathered are durable.
    after_commit: Vec<Output>,
    /// The number of signature batches so far.
    batches: u64,
}

impl Outbox {
    pub(crate) fn poll(&mut self) -> Option<Output> {
        self.queue.pop_front()
    }

    pub(crate) fn send(&mut self, peer: ConnectionId, packet: &Packet) {
        self.queue.push_back(Output::Send(peer, packet.encode()));
    }

    /// Sends one packet to many peers. It is encoded once, and its bytes are shared.
    pub(crate) fn broadcast(&mut self, peers: impl IntoIterator<Item = ConnectionId>, packet: &Packet) {
        let mut frame: Option<Bytes> = None;
        for peer in peers {
            let frame = frame.get_or_insert_with(|| packet.encode());
            self.queue.push_back(Output::Send(peer, frame.clone()));
        }
    }

    pub(crate) fn dial(&mut self, address: Address) {
        self.queue.push_back(Output::Dial(address));
    }

    /// Sends the reason, and closes.
    pub(crate) fn close(&mut self, peer: ConnectionId, reason: Reason) {
        let farewell = BoundedString::<FAREWELL_BYTES_MAX>::new(&reason.to_string());
        self.send(peer, &Packet::Farewell(farewell));
        self.queue.push_back(Output::Close(peer, reason));
    }

    /// Sends a frame that is already encoded.
    pub(crate) fn send_frame(&mut self, peer: ConnectionId, frame: Bytes) {
        self.queue.push_back(Output::Send(peer, frame));
    }

    /// Sends a frame that is already encoded, after the changes that are being gathered.
    pub(crate) fn send_frame_after_commit(&mut self, peer: ConnectionId, frame: Bytes) {
        self.after_commit.push(Output::Send(peer, frame));
    }

    /// Persists changes, and then queues the outputs that wait for them.
    pub(crate) fn persist(&mut self, changes: Vec<Change>) {
        if !changes.is_empty() {
            self.queue.push_back(Output::Persist(changes));
        }
        self.queue.extend(self.after_commit.drain(..));
    }

    /// Sends one packet to many peers, after the changes that are being gathered.
    pub(crate) fn broadcast_after_commit(
        &mut self,
        peers: impl IntoIterator<Item = ConnectionId>,
        packet: &Packet,
    ) {
        let frame = packet.encode();
        self.after_commit.extend(peers.into_iter().map(|peer| Output::Send(peer, frame.clone())));
    }

    /// Reports an event, after the changes that are being gathered.
    pub(crate) fn emit_after_commit(&mut self, event: Event) {
        self.after_commit.push(Output::Tell(event));
    }

    /// Queries the store, after the changes that are being gathered.
    pub(crate) fn query_store_after_commit(&mut self, query: StoreQuery) {
        self.after_commit.push(Output::Recall(query));
    }

    /// Returns an id for a new batch of signatures.
    pub(crate) fn next_batch_id(&mut self) -> BatchId {
        self.batches += 1;
        BatchId(self.batches)
    }

    pub(crate) fn verify(&mut self, batch: SignatureBatch) {
        self.queue.push_back(Output::Verify(Arc::new(batch)));
    }

    /// Asks the store about a batch, after the changes that are being gathered.
    pub(crate) fn verify_after_commit(&mut self, batch: SignatureBatch) {
        self.after_commit.push(Output::Verify(Arc::new(batch)));
    }

    pub(crate) fn query_store(&mut self, query: StoreQuery) {
        self.queue.push_back(Output::Recall(query));
    }

    pub(crate) fn serve(&mut self, peer: ConnectionId, serve: PeerRequest) {
        self.queue.push_back(Output::Serve(peer, serve));
    }

    pub(crate) fn mine(&mut self, job: Option<Job>) {
        self.queue.push_back(Output::Mine(job.map(Box::new)));
    }

    pub(crate) fn emit(&mut self, event: Event) {
        self.queue.push_back(Output::Tell(event));
    }
}

//! The outbox: what a node may wish, and one verb for each wish. What the node wishes is queued here, in order, until the driver takes it.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;

use crate::address::Address;
use crate::check::Batch;
use crate::connection::PeerId;
use crate::event::Event;
use crate::fault::Reason;
use crate::journal::{Change, Recall, Serve};
use crate::mine::Job;
use crate::wire::{FAREWELL_BYTES_MAX, Packet, Text};

/// What a node wishes.
#[derive(Clone, Debug)]
pub enum Output {
    /// Send a frame; frames of one broadcast share their bytes.
    Send(PeerId, Bytes),
    /// Connect to an address: [`crate::node::Input::Connected`] or [`crate::node::Input::Unreached`] follows.
    Dial(Address),
    /// Close a connection after what was sent to it. [`crate::node::Input::Closed`] may follow, and changes nothing.
    Close(PeerId, Reason),
    /// Remember, durably, as one transaction.
    Persist(Vec<Change>),
    /// Verify on whatever threads there are: [`crate::node::Input::Verified`] follows.
    Verify(Arc<Batch>),
    /// Bring back: [`crate::node::Input::Recalled`] follows.
    Recall(Recall),
    /// Send a peer something from the store, as fast as the peer takes it.
    Serve(PeerId, Serve),
    /// Search this job from now on and no other; `None`: stop.
    Mine(Option<Box<Job>>),
    /// Something happened.
    Tell(Event),
}

/// The queue of wishes. It is drained after each fact, so it holds what one fact leads to.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    queue: VecDeque<Output>,
    /// What may be carried out only when the changes that are being gathered are durable.
    later: Vec<Output>,
}

impl Outbox {
    pub(crate) fn poll(&mut self) -> Option<Output> {
        self.queue.pop_front()
    }

    pub(crate) fn send(&mut self, peer: PeerId, packet: &Packet) {
        self.queue.push_back(Output::Send(peer, packet.encode()));
    }

    /// Sends one packet to many: it is encoded once, and its bytes are shared.
    pub(crate) fn broadcast(&mut self, peers: impl IntoIterator<Item = PeerId>, packet: &Packet) {
        let mut frame: Option<Bytes> = None;
        for peer in peers {
            let frame = frame.get_or_insert_with(|| packet.encode());
            self.queue.push_back(Output::Send(peer, frame.clone()));
        }
    }

    pub(crate) fn dial(&mut self, address: Address) {
        self.queue.push_back(Output::Dial(address));
    }

    /// Says why, and closes.
    pub(crate) fn close(&mut self, peer: PeerId, reason: Reason) {
        let farewell = Text::<FAREWELL_BYTES_MAX>::new(&reason.to_string());
        self.send(peer, &Packet::Farewell(farewell));
        self.queue.push_back(Output::Close(peer, reason));
    }

    /// Sends a frame that is encoded already.
    pub(crate) fn send_frame(&mut self, peer: PeerId, frame: Bytes) {
        self.queue.push_back(Output::Send(peer, frame));
    }

    /// The same, after the changes that are being gathered.
    pub(crate) fn send_frame_later(&mut self, peer: PeerId, frame: Bytes) {
        self.later.push(Output::Send(peer, frame));
    }

    /// Wishes for changes to be durable, and then for what waits for that.
    pub(crate) fn persist(&mut self, changes: Vec<Change>) {
        if !changes.is_empty() {
            self.queue.push_back(Output::Persist(changes));
        }
        self.queue.extend(self.later.drain(..));
    }

    /// Sends one packet to many, after the changes that are being gathered.
    pub(crate) fn broadcast_later(&mut self, peers: impl IntoIterator<Item = PeerId>, packet: &Packet) {
        let frame = packet.encode();
        self.later.extend(peers.into_iter().map(|peer| Output::Send(peer, frame.clone())));
    }

    /// Tells of something, after the changes that are being gathered.
    pub(crate) fn tell_later(&mut self, event: Event) {
        self.later.push(Output::Tell(event));
    }

    /// Asks for something back, after the changes that are being gathered.
    pub(crate) fn recall_later(&mut self, recall: Recall) {
        self.later.push(Output::Recall(recall));
    }

    pub(crate) fn verify(&mut self, batch: Batch) {
        self.queue.push_back(Output::Verify(Arc::new(batch)));
    }

    /// Asks the store, after the changes that are being gathered.
    pub(crate) fn verify_later(&mut self, batch: Batch) {
        self.later.push(Output::Verify(Arc::new(batch)));
    }

    pub(crate) fn recall(&mut self, recall: Recall) {
        self.queue.push_back(Output::Recall(recall));
    }

    pub(crate) fn serve(&mut self, peer: PeerId, serve: Serve) {
        self.queue.push_back(Output::Serve(peer, serve));
    }

    pub(crate) fn mine(&mut self, job: Option<Job>) {
        self.queue.push_back(Output::Mine(job.map(Box::new)));
    }

    pub(crate) fn tell(&mut self, event: Event) {
        self.queue.push_back(Output::Tell(event));
    }
}

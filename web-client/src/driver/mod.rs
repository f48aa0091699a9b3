//! The driver: owns the node, passes inputs to it, and carries out its outputs in order.
//!
//! Inputs are processed as they come, and their outputs are queued. One task carries the queue out.
//! It waits only where something has to be durable first. Signatures are checked in slices on the
//! same thread, so that the socket stays answered. The updates for the page follow from the node's
//! state after each round. The queue is bounded. While it is full, no frames are read, and a peer
//! that goes on sending is closed.

pub(crate) mod bootstrap;
mod chain_view;
mod commands;
mod connections;
mod initial_state;
mod miners;
mod publish;
pub(crate) mod runtime;
mod storage;
mod surroundings;
mod trace;

use core::time::Duration;
use std::collections::VecDeque;
use std::rc::Weak;
use std::sync::Arc;

use plexus_core::ledger::signature_batch::{BatchResult, SignatureBatch};
use plexus_core::mining::job::Solution;
use plexus_core::node::event::Event;
use plexus_core::node::storage::{Change, PeerRequest, StoreQuery, StoreReply};
use plexus_core::node::{ConnectionId, Direction, Input, Node, Output};
use plexus_core::peers::chain_status::Agreement;
use plexus_core::primitives::params::Network;
use plexus_core::primitives::time::Now;
use plexus_core::protocol::address::Address;
use plexus_core::protocol::packet::{Packet, body_frame};

use self::chain_view::ChainView;
use self::connections::{Connections, DialError};
use self::initial_state::InitialState;
use self::miners::Miners;
use self::storage::{Storage, prefix};
pub(crate) use self::surroundings::Surroundings;
use crate::browser::callbacks::Callbacks;
use crate::browser::database::Write;
use crate::browser::socket::SocketEvent;
use crate::chain_view::reorg::Undone;
use crate::keys::keyring::Keyring;
use crate::messages::{ChainProofView, NodeState};

/// The queued outputs above which no further frame is read. Frames that come meanwhile stay unread
/// in their socket, which closes if they are too many.
const OUTPUTS_MAX: usize = 8_192;
/// The interval at which the page is told the hash rate of the miners.
const MINING_PERIOD: Duration = Duration::from_millis(500);

/// The next step, for a caller that can wait.
#[derive(Debug)]
pub(crate) enum DriverStep {
    /// Make these durable, and then go on.
    Commit(Vec<Write>),
    /// Go on.
    Again,
    /// Nothing until something happens, or until the node's deadline.
    Rest,
}

/// The node and everything that its outputs need.
#[derive(Debug)]
pub(crate) struct Driver {
    node: Node,
    network: Network,
    keys: Keyring,
    outputs: VecDeque<Output>,
    connections: Connections,
    storage: Storage,
    view: ChainView,
    mining: Miners,
    page: Callbacks,
    standing: Standing,
    runtime: Weak<dyn Surroundings>,
}

/// The connection data that the user is told beside the node's own status.
#[derive(Debug, Default)]
struct Standing {
    /// Whether the last connection was lost, or the first could not be made.
    lost: bool,
    trouble: Option<String>,
    /// Whether pending messages were looked up since the node last caught up.
    looked_up: bool,
    /// Whether the list of blocks was compared with the chain since the page opened.
    compared: bool,
    /// The proof that the chain was begun with, if it was.
    proof: Option<ChainProofView>,
    told: Option<NodeState>,
}

impl Driver {
    /// Creates a driver whose node is about to dial.
    pub(crate) fn new(
        initial: InitialState,
        node: Node,
        page: Callbacks,
        runtime: Weak<dyn Surroundings>,
    ) -> Self {
        let InitialState { network, address, keys, chain_store, feed, reorgs, sent, settings, .. } = initial;
        Self {
            node,
            keys,
            outputs: VecDeque::new(),
            connections: Connections::new(address),
            storage: Storage::new(prefix(&network), chain_store),
            view: ChainView { feed, reorgs, sent },
            mining: Miners { settings, ..Miners::default() },
            page,
            standing: Standing::default(),
            runtime,
            network,
        }
    }

    /// Passes an input to the node.
    pub(crate) fn tell(&mut self, now: Now, input: Input) {
        self.node.handle(now, input);
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(output) = self.node.poll() {
            self.outputs.push_back(output);
        }
    }

    /// Returns the time until the node or the page next needs a timer.
    pub(crate) fn sleep(&self, now: Now) -> Option<Duration> {
        let node = self.node.deadline().map(|(at, _)| at - now.moment);
        let page = self.mining.job.is_some().then_some(MINING_PERIOD);
        [node, page].into_iter().flatten().min()
    }

    /// Carries out the next output. Returns the next step.
    pub(crate) fn step(&mut self, now: Now) -> DriverStep {
        let Some(output) = self.outputs.pop_front() else { return self.rest(now) };
        match output {
            Output::Send(peer, frame) => self.send(now, peer, &frame),
            Output::Dial(address) => self.dial(now, address),
            Output::Close(peer, _) => {
                self.connections.take(peer);
            }
            Output::Persist(changes) => return self.persist(&changes),
            Output::Verify(batch) => self.verify(batch),
            Output::Recall(recall) => self.recall(now, recall),
            Output::Serve(peer, serve) => self.serve(now, peer, &serve),
            Output::Mine(job) => self.mining.search(job.map(|job| *job), &self.page),
            Output::Tell(event) => self.told(now, event),
        }
        DriverStep::Again
    }

    /// Ends a round, in which all outputs were carried out. Tells the page the changes, and has
    /// them stored.
    fn rest(&mut self, now: Now) -> DriverStep {
        self.view.sent.expire(now.time);
        self.show(now);
        self.view.gather(self.network.id(), &self.page, &mut self.storage);
        self.storage.take_writes().map_or(DriverStep::Rest, DriverStep::Commit)
    }

    fn persist(&mut self, changes: &[Change]) -> DriverStep {
        if let Err(error) = self.storage.apply(changes) {
            self.page.notice(false, format!("{error}: after a reload, all headers are checked again"));
        }
        // A message of our own is stored with its output, before any peer receives it.
        self.view.gather(self.network.id(), &self.page, &mut self.storage);
        self.storage.take_writes().map_or(DriverStep::Again, DriverStep::Commit)
    }

    /// The store failed. From now on nothing is kept.
    pub(crate) fn lose_store(&mut self) {
        self.storage.forget_chain();
    }

    fn dial(&mut self, now: Now, address: Address) {
        match self.connections.dial(&address, &self.runtime) {
            Ok(()) => {}
            Err(DialError::Refused) => {
                self.dial_failed(now, &address, || {
                    format!("the browser allows no connection to {address} from here")
                });
            }
            Err(DialError::Full) => {
                self.dial_failed(now, &address, || format!("{address} has to wait for other connections"));
            }
        }
    }

    /// Returns true if the next frame may be read.
    pub(crate) fn has_room(&self) -> bool {
        self.outputs.len() <= OUTPUTS_MAX
    }

    /// A socket reports.
    pub(crate) fn reported(&mut self, now: Now, peer: ConnectionId, address: &Address, report: SocketEvent) {
        match report {
            SocketEvent::Opened => {
                self.tell(now, Input::Connected(peer, Direction::Outbound(address.clone())));
            }
            SocketEvent::Frame(frame) => self.tell(now, Input::Received(peer, frame.into())),
            SocketEvent::Broken | SocketEvent::Closed { opened: true } => self.hang_up(now, peer),
            SocketEvent::Closed { opened: false } => {
                self.connections.take(peer);
                self.dial_failed(now, address, || format!("{address} cannot be reached"));
            }
        }
    }

    /// An address cannot be reached. The user is told only about their own node, and only while no
    /// other is connected. The other addresses were never verified.
    fn dial_failed(&mut self, now: Now, address: &Address, trouble: impl FnOnce() -> String) {
        if *address == self.connections.home && !self.connections.is_any_held() {
            self.standing.lost = true;
            self.standing.trouble.get_or_insert_with(trouble);
        }
        self.tell(now, Input::DialFailed(address.clone()));
    }

    /// A connection ended without a request of the node.
    fn hang_up(&mut self, now: Now, peer: ConnectionId) {
        let Some(connection) = self.connections.take(peer) else { return };
        if (connection.held || connection.address == self.connections.home) && !self.connections.is_any_held()
        {
            self.standing.lost = true;
            let trouble = || format!("the connection to {} was lost", connection.address);
            self.standing.trouble.get_or_insert_with(trouble);
        }
        self.tell(now, Input::Closed(peer));
    }

    fn send(&mut self, now: Now, peer: ConnectionId, frame: &[u8]) {
        if !self.connections.send(peer, frame) {
            self.hang_up(now, peer);
        }
    }

    fn verify(&self, batch: Arc<SignatureBatch>) {
        if let Some(runtime) = self.runtime.upgrade() {
            runtime.verify(batch);
        }
    }

    /// A batch's signatures are checked. Looks its ids up, and answers.
    pub(crate) fn verified(&mut self, now: Now, batch: &SignatureBatch, broken: Vec<usize>) {
        let chain = self.node.chain();
        let is_best = |hash: &_, height| chain.best_at(height) == Some(hash);
        let ids = batch.ids.iter().enumerate();
        let seen = ids.flat_map(|(index, id)| self.storage.block_cache.seen(index, id, is_best)).collect();
        self.tell(now, Input::Verified(BatchResult { id: batch.id, broken, seen }));
    }

    fn recall(&mut self, now: Now, recall: StoreQuery) {
        let recalled = match recall {
            // The stored part begins at the same height as the node's own memory.
            StoreQuery::LoadMmr(hash) => StoreReply::Base(hash, None),
            StoreQuery::Bodies(hashes) => {
                let bodies = hashes.iter().filter_map(|hash| self.storage.block_cache.body(hash));
                StoreReply::Bodies(bodies.map(|body| body.to_vec().into()).collect())
            }
        };
        self.tell(now, Input::Recalled(recalled));
    }

    fn serve(&mut self, now: Now, peer: ConnectionId, serve: &PeerRequest) {
        match serve {
            PeerRequest::Headers(_) => {
                let none = Packet::Headers(plexus_core::protocol::bounded::BoundedVec::new(Vec::new()));
                self.send(now, peer, &none.encode());
            }
            PeerRequest::Memory(answer) => {
                let frames: Vec<_> = answer.frames(self.network.block_bytes_max()).collect();
                frames.iter().for_each(|frame| self.send(now, peer, frame));
            }
            // A node that keeps no blocks cannot make a proof.
            PeerRequest::Proof => {
                let none = Packet::Proof(plexus_core::protocol::bounded::BoundedBytes::new(Vec::new()));
                self.send(now, peer, &none.encode());
            }
            PeerRequest::Bodies(hashes) => {
                for hash in hashes {
                    let frame = self.storage.block_cache.body(hash).map(body_frame);
                    let frame = frame.unwrap_or_else(|| Packet::Missing(*hash).encode());
                    self.send(now, peer, &frame);
                }
            }
        }
    }

    fn told(&mut self, now: Now, event: Event) {
        match event {
            Event::Connected { hash, block, total_work, mined_here } => {
                let network = self.network.id();
                self.storage.block_cache.hold(network, hash, &block);
                self.view.feed.connected(hash, &block, total_work, mined_here, now.time);
                self.view.sent.connected(network, hash, &block);
                self.mining.found += u64::from(mined_here);
            }
            Event::Undone { fork, is_exact, hashes, height, total_work } => {
                self.undone(now, Undone { fork, is_exact, hashes, height, total_work });
            }
            Event::Refused { hash, height, failures, .. } => {
                self.view.feed.refused(hash, height, &failures, now.time);
            }
            Event::Dropped { id } => self.view.sent.dropped(&id),
            Event::PeerUp { peer, .. } => {
                if self.connections.set_held(peer, true) {
                    (self.standing.lost, self.standing.trouble) = (false, None);
                }
            }
            Event::PeerDown { peer } => {
                self.connections.set_held(peer, false);
                if !self.connections.is_any_held() {
                    self.standing.lost = true;
                    self.standing.looked_up = false;
                }
            }
            Event::Faulted { peer, fault } => self.blame(peer, &fault),
            Event::Closing { peer, reason } => self.blame(peer, &reason),
            Event::Disagrees { peer, agreement, height } => self.warn(peer, agreement, height),
            Event::Proven { height, samples, bytes, .. } => {
                self.standing.proof = Some(ChainProofView { height, samples, bytes });
            }
            Event::Assumed { .. }
            | Event::Arrived { .. }
            | Event::Orphan { .. }
            | Event::Stale { .. }
            | Event::Pooled(_)
            | Event::Lacking { .. }
            | Event::Synchronizing { .. } => {}
        }
    }

    /// A connection is about to be ended for a reason. The user is told if no other connection is
    /// left. The normal ends of a link that was measured or replaced are not told.
    fn blame(&mut self, peer: ConnectionId, trouble: &dyn core::fmt::Display) {
        if self.connections.is_last(peer) {
            self.standing.lost = true;
            self.page.notice(true, format!("The connection was ended: {trouble}"));
            self.standing.trouble = Some(trouble.to_string());
        }
    }

    /// A connected node has had another chain for long. Users may want to know its address.
    fn warn(&self, peer: ConnectionId, agreement: Agreement, height: u64) {
        let Some(address) = self.connections.address_of(peer) else { return };
        let text = match agreement {
            Agreement::Agrees => return,
            Agreement::Lags => format!("{address} has been behind for minutes, at block {height}."),
            Agreement::Differs => format!(
                "{address} has had another chain for minutes, up to block {height}. The one with most work counts."
            ),
        };
        self.page.notice(agreement == Agreement::Differs, text);
    }

    /// A miner found a nonce.
    pub(crate) fn solved(&mut self, now: Now, solution: Solution) {
        self.tell(now, Input::Solved(solution));
    }

    /// Miners tried this many nonces.
    pub(crate) fn hashed(&mut self, hashes: f64) {
        self.mining.hashed(hashes);
    }
}

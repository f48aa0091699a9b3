//! A host: the driver of one node in a world, with a journal for a store.
//!
//! It obeys the rules for a driver, and checks invariants after each input. The tip's work never
//! falls. Only persisted blocks are announced. The journal ends where the chain ends. Every frame
//! is valid, no container exceeds its bound, and no input leads to endless outputs.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use plexus_core::ledger::chain::{AHEAD_MAX, Chain, SIDE_MAX, WINDOW_MAX};
use plexus_core::ledger::signature_batch::SignatureBatch;
use plexus_core::ledger::validation;
use plexus_core::mining::job::Job;
use plexus_core::node::event::Event;
use plexus_core::node::storage::{Change, Journal, PeerRequest, StoreQuery};
use plexus_core::node::{Config, ConnectionId, Input, Node, Output};
use plexus_core::primitives::block::{BLOCK_BYTES_MAX, Block};
use plexus_core::primitives::message::Message;
use plexus_core::primitives::mmr::Mmr;
use plexus_core::primitives::params::Network;
use plexus_core::primitives::pow::Work;
use plexus_core::primitives::time::{Now, Timestamp};
use plexus_core::protocol::address::Address;
use plexus_core::protocol::bounded::BoundedBytes;
use plexus_core::protocol::hello::Features;
use plexus_core::protocol::misbehavior::{Misbehavior, Reason};
use plexus_core::protocol::packet::{Packet, Role, body_frame};

/// The most outputs that one input may lead to.
pub const OUTPUTS_MAX: usize = 50_000;
/// The newest events that are kept for scenarios.
pub const EVENTS_MAX: usize = 65_536;

/// An output that a host cannot execute by itself.
#[derive(Debug)]
pub enum HostOutput {
    /// Deliver a frame.
    Send(ConnectionId, Bytes),
    /// Connect to an address.
    Dial(Address),
    /// Close a connection.
    Close(ConnectionId),
    /// Run a task.
    Task(HostTask),
}

/// Work that takes a while. It is executed later, against the journal's state at that time.
#[derive(Debug)]
pub enum HostTask {
    /// A batch to verify.
    Verify(Arc<SignatureBatch>),
    /// A query to the store.
    Recall(StoreQuery),
    /// Data to send from the store.
    Serve(ConnectionId, PeerRequest),
}

/// A node, its store, and a record of its behaviour.
#[derive(Debug)]
pub struct NodeHost {
    /// Its name, which is also its host name.
    pub name: String,
    /// Its IP address. If set, it is dialled by this instead.
    pub ip: Option<IpAddr>,
    /// The addresses that it gets at each start.
    pub meets: Vec<Address>,
    /// Its configuration.
    pub config: Config,
    /// The node, while it is up.
    pub node: Option<Node>,
    /// Its store.
    pub journal: Journal,
    /// The job that it wants to be mined.
    pub job: Option<Job>,
    /// The events that it reported, the newest last.
    pub events: VecDeque<Event>,
    /// The addresses that it dialled.
    pub dials: Vec<Address>,
    /// The connections that it closed, and the reasons.
    pub closes: Vec<(ConnectionId, Reason)>,
    /// The error of its clock, in milliseconds.
    pub skew_ms: i64,
    /// The number of further transactions until its power fails.
    pub persists_left: Option<u64>,
    /// The number of blocks that it sent from its store.
    pub bodies_served: usize,
    /// The number of proofs that it sent from its store.
    pub proofs_served: usize,
    network: Network,
    /// Counts its lives.
    pub life: u64,
    work: Work,
    /// True if the current input is a solution.
    mines: bool,
}

impl NodeHost {
    /// Creates a host that is down, with an empty store.
    pub fn new(name: &str, config: Config, network: &Network) -> Self {
        Self {
            name: name.to_owned(),
            ip: None,
            meets: Vec::new(),
            config,
            node: None,
            journal: Journal::new(network),
            job: None,
            events: VecDeque::new(),
            dials: Vec::new(),
            closes: Vec::new(),
            skew_ms: 0,
            persists_left: None,
            bodies_served: 0,
            proofs_served: 0,
            network: network.clone(),
            life: 0,
            work: Work::ZERO,
            mines: false,
        }
    }

    /// Starts the node from the store.
    pub fn start(&mut self, network: &Network, seed: [u8; 32]) {
        let chain = self.journal.restore(network.clone()).expect("the journal restores to a chain");
        self.start_from(chain, seed);
        if let Some(node) = self.node.as_mut().filter(|_| !self.journal.book().is_empty()) {
            node.remember(self.journal.book()).expect("the book that was remembered");
        }
    }

    /// Gives the node its initial addresses.
    pub fn meet(&mut self, now: Now) {
        if let Some(node) = &mut self.node {
            node.meet(now, &self.meets);
        }
    }

    /// Starts the node from a chain.
    pub fn start_from(&mut self, chain: Chain, seed: [u8; 32]) {
        self.work = chain.tip().total_work;
        self.life += 1;
        self.job = None;
        self.persists_left = None;
        self.node = Some(Node::new(self.config.clone(), chain, seed));
    }

    /// Returns its users' messages that wait for a block, to be submitted again after a start.
    pub fn waiting(&self) -> Vec<Message> {
        self.journal
            .pooled()
            .map(|message| Message::decode(message).expect("a stored message decodes"))
            .collect()
    }

    /// Ends the node's life. State that is not stored is lost.
    pub fn crash(&mut self) {
        self.node = None;
        self.job = None;
    }

    /// Gives the node an input. Returns the outputs that the world has to execute.
    pub fn handle(&mut self, now: Now, input: Input) -> Vec<HostOutput> {
        let Some(node) = &mut self.node else { return Vec::new() };
        self.mines = matches!(input, Input::Solved(_));
        node.handle(now, input);
        let outputs = self.drain(now);
        self.mines = false;
        outputs
    }

    /// Executes the outputs that the host can execute. Returns the others.
    pub fn drain(&mut self, now: Now) -> Vec<HostOutput> {
        let mut outputs = Vec::new();
        for count in 0.. {
            assert!(count < OUTPUTS_MAX, "{}: over {OUTPUTS_MAX} outputs from one input", self.name);
            let Some(output) = self.node.as_mut().and_then(Node::poll) else { break };
            match output {
                Output::Send(peer, frame) => {
                    self.check_frame(&frame);
                    outputs.push(HostOutput::Send(peer, frame));
                }
                Output::Dial(address) => {
                    self.dials.push(address.clone());
                    outputs.push(HostOutput::Dial(address));
                }
                Output::Close(peer, reason) => {
                    self.closes.push((peer, reason));
                    outputs.push(HostOutput::Close(peer));
                }
                Output::Persist(changes) => {
                    if self.persists_left == Some(0) {
                        self.crash();
                        break;
                    }
                    self.persists_left = self.persists_left.map(|left| left - 1);
                    self.persist(&changes);
                }
                Output::Verify(batch) => outputs.push(HostOutput::Task(HostTask::Verify(batch))),
                Output::Recall(recall) => outputs.push(HostOutput::Task(HostTask::Recall(recall))),
                Output::Serve(peer, serve) => outputs.push(HostOutput::Task(HostTask::Serve(peer, serve))),
                Output::Mine(job) => self.job = job.map(|job| *job),
                Output::Tell(event) => self.note(event),
            }
        }
        self.check(now);
        outputs
    }

    /// Runs a task. Returns its input for the node, and the frames that it sends.
    pub fn run(&mut self, task: &HostTask) -> (Option<Input>, Vec<(ConnectionId, Bytes)>) {
        match task {
            HostTask::Verify(batch) => {
                (Some(Input::Verified(batch.answer(|index, id| self.journal.seen(index, id)))), Vec::new())
            }
            HostTask::Recall(recall) => (Some(Input::Recalled(self.journal.recall(recall))), Vec::new()),
            HostTask::Serve(peer, PeerRequest::Headers(locator)) => {
                let headers = self.journal.headers_after(locator);
                let packet = Packet::Headers(plexus_core::protocol::bounded::BoundedVec::new(headers));
                (None, vec![(*peer, packet.encode())])
            }
            HostTask::Serve(peer, PeerRequest::Memory(answer)) => {
                let frames = answer.frames(self.network.block_bytes_max());
                (None, frames.map(|frame| (*peer, frame)).collect())
            }
            HostTask::Serve(peer, PeerRequest::Proof) => {
                self.proofs_served += 1;
                let proof = self.journal.prove(&self.network).unwrap_or_default();
                (None, vec![(*peer, Packet::Proof(BoundedBytes::new(proof)).encode())])
            }
            HostTask::Serve(peer, PeerRequest::Bodies(hashes)) => {
                let frame = |hash| match self.journal.body(hash) {
                    Some(block) => body_frame(block),
                    None => Packet::Missing(*hash).encode(),
                };
                self.bodies_served += hashes.len();
                (None, hashes.iter().map(|hash| (*peer, frame(hash))).collect())
            }
        }
    }

    fn persist(&mut self, changes: &[Change]) {
        assert!(!changes.is_empty(), "{}: outputs for nothing to be remembered", self.name);
        // A transaction is applied as a whole, but its changes build on one another.
        for change in changes {
            self.check_change(change);
            self.journal.apply(std::slice::from_ref(change));
        }
    }

    fn check_change(&self, change: &Change) {
        let (name, journal) = (&self.name, &self.journal);
        match change {
            Change::Header { hash, header, total_work } => {
                assert_eq!(header.hash(), *hash, "{name}: a header under another's hash");
                let below = match journal.header(&header.prev_hash) {
                    Some((_, below)) => *below,
                    None => {
                        let below = journal.checkpoint(header.height - 1, &header.prev_hash);
                        below.expect("a parent is remembered before, or the history below").work()
                    }
                };
                assert!(*total_work > below, "{name}: total work that does not rise");
            }
            Change::Body { hash, height, block, ids } => {
                let (header, _) = journal.header(hash).expect("a header is remembered before its body");
                let block = Block::decode(block).expect("a body that decodes");
                assert_eq!((block.header, header.height), (*header, *height), "{name}: another's body");
                let network = self.network.id();
                let found: Vec<_> = block.messages.iter().map(|message| message.id(network)).collect();
                assert_eq!(found, ids.to_vec(), "{name}: other ids than the body's");
            }
            Change::Checkpoint { height, history, .. } => {
                assert_eq!(history.leaves(), height + 1, "{name}: a history of another height");
            }
            Change::Pooled { id, message } => {
                let message = Message::decode(message).expect("a message that decodes");
                assert_eq!(message.id(self.network.id()), *id, "{name}: a message under another's id");
            }
            Change::Unpooled { .. } | Change::Book { .. } => {}
            Change::Tip { hash, height, fork } => {
                let (header, _) = journal.header(hash).expect("a tip is remembered before");
                assert_eq!(header.height, *height, "{name}: a tip at another height");
                let mut at = *hash;
                while let Some((header, _)) = journal.header(&at).filter(|(header, _)| header.height > *fork)
                {
                    let stored = journal.body(&at).is_some();
                    assert!(stored || self.config.role == Role::Light, "{name}: a tip without bodies");
                    at = header.prev_hash;
                }
                let follows = journal.best_at(*fork) == Some(&at);
                let begins = self.config.role == Role::Light && journal.checkpoint(*fork, &at).is_some();
                assert!(follows || begins, "{name}: a tip that does not follow the fork");
            }
        }
    }

    fn check_frame(&self, frame: &Bytes) {
        let name = &self.name;
        match Packet::decode(frame, BLOCK_BYTES_MAX) {
            Ok(Packet::Held(hash)) if self.config.role == Role::Full => {
                assert!(
                    self.journal.body(&hash).is_some(),
                    "{name}: says to hold a block that is not stored"
                );
            }
            // Others' headers are relayed before they are stored. A block of our own is announced
            // when it is durable.
            Ok(Packet::Announce(header)) if self.mines => {
                let stored = self.journal.header(&header.hash()).is_some();
                assert!(stored, "{name}: announces a header that is not stored");
            }
            Ok(_) => {}
            Err(fault) => panic!("{name} sends an illegal frame: {fault}"),
        }
    }

    fn note(&mut self, event: Event) {
        if let Event::Connected { hash, .. } = &event {
            let stored = self.journal.body(hash).is_some() || self.config.role == Role::Light;
            assert!(stored, "{}: tells of a block that is not stored", self.name);
        }
        if self.events.len() == EVENTS_MAX {
            self.events.pop_front();
        }
        self.events.push_back(event);
    }

    fn check(&mut self, now: Now) {
        let Some(node) = &self.node else { return };
        let (name, chain) = (&self.name, node.chain());
        let tip = chain.tip();
        assert!(tip.total_work >= self.work, "{name}: the tip's work fell");
        self.work = tip.total_work;
        assert_eq!(self.journal.best().last(), Some(&tip.hash), "{name}: remembers another tip");
        let most = WINDOW_MAX + AHEAD_MAX + SIDE_MAX + 64;
        assert!(chain.size() <= most, "{name}: {} headers in memory", chain.size());
        let status = node.status(now);
        assert_eq!((status.height, status.tip), (tip.header.height, tip.hash), "{name}: another status");
    }

    /// Asserts that the stored chain is valid by all rules from genesis on, and that it restores to
    /// the node's chain.
    pub fn audit(&self, network: &Network) {
        let name = &self.name;
        let restored = self.journal.restore(network.clone()).expect("the journal restores to a chain");
        if let Some(node) = &self.node {
            assert_eq!(restored.tip(), node.chain().tip(), "{name}: the journal restores to another tip");
        }
        let lowest = self.journal.best()[0];
        let (mut parent, total_work) = *self.journal.header(&lowest).expect("the lowest header");
        let below = match self.journal.base() {
            0 => Mmr::default(),
            base => self.journal.checkpoint(base - 1, &parent.prev_hash).expect("the history below").clone(),
        };
        let (mut history, mut known) =
            (below.append(parent.record(lowest)), std::collections::BTreeSet::new());
        assert_eq!(history.work(), total_work, "{name}: another total work at {}", parent.height);
        for hash in &self.journal.best()[1..] {
            let (header, total_work) = *self.journal.header(hash).expect("a header of the best chain");
            let failures = validation::check_header(network, &parent, &parent.hash(), &header, hash);
            assert_eq!(failures, [], "{name}: holds an invalid header at {}", header.height);
            if let Some(body) = self.journal.body(hash) {
                let block = Block::decode(body).expect("a stored block decodes");
                audit_body(name, network, &history.root(), &block, &mut known);
            } else {
                let is_archive = self.config.features.has(Features::ARCHIVE);
                assert!(!is_archive, "{name}: lacks the body at {}", header.height);
            }
            history = history.append(header.record(*hash));
            assert_eq!(history.work(), total_work, "{name}: another total work at {}", header.height);
            parent = header;
        }
    }

    /// Returns the faults that the node found in its peers.
    pub fn faults(&self) -> Vec<&Misbehavior> {
        fn fault(reason: &Reason) -> Option<&Misbehavior> {
            match reason {
                Reason::Fault(fault) => Some(fault),
                Reason::OwnKey
                | Reason::Duplicate
                | Reason::Full
                | Reason::Evicted
                | Reason::Crowded
                | Reason::Banned
                | Reason::Dropped
                | Reason::Measured
                | Reason::Replaced => None,
            }
        }
        self.closes.iter().filter_map(|(_, reason)| fault(reason)).collect()
    }

    /// Returns the local clock's time if the world's clock shows `time`.
    pub fn clock(&self, time: Timestamp) -> Timestamp {
        Timestamp::from_unix_ms(time.unix_ms().saturating_add_signed(self.skew_ms))
    }
}

fn audit_body(
    name: &str,
    network: &Network,
    history_root: &plexus_core::primitives::hash::Hash,
    block: &Block,
    known: &mut std::collections::BTreeSet<plexus_core::primitives::message::MessageId>,
) {
    let height = block.header.height;
    let failures = validation::check_contents(network, history_root, block);
    assert_eq!(failures, [], "{name}: holds an invalid block at {height}");
    let digest = block.digest(network.id(), history_root, &block.messages_root());
    assert!(block.author.verifies(&digest, &block.signature), "{name}: unsigned block at {height}");
    for message in &block.messages {
        let id = message.id(network.id());
        assert!(message.sender().verifies(&id, message.signature()), "{name}: forged message at {height}");
        assert!(known.insert(id), "{name}: message {id} twice in the chain, again at {height}");
    }
}

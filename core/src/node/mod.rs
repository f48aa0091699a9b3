//! The node: a protocol state machine that takes [`Input`]s and produces [`Output`]s.
//!
//! # The contract of a driver
//!
//! 1. Make one mutation ([`Node::handle`], [`Node::submit`], [`Node::set_mining`]). Then call
//!    [`Node::poll`] until it returns `None`, and carry out the outputs in order. A driver may make
//!    several mutations before it carries out their outputs, if it keeps the order.
//! 2. [`Output::Persist`] is durable before any later output is carried out.
//! 3. Sleep until [`Node::deadline`]. An early or repeated tick is harmless.
//! 4. Peer ids are never used twice. The driver cuts off frames over
//!    [`crate::protocol::limits::FRAME_BYTES_MAX`].
//! 5. Nothing that a peer sends can panic or return an error: it becomes [`Output::Close`] with a
//!    named fault.
//!
//! **Architecture Invariant:** the node owns no state that only one of its machines needs.
//!
//! # A driver
//!
//! Two nodes in one process, a clock that jumps, and a store in memory. A real driver differs in its
//! sockets, its disk and its threads, not in this loop. The function `answer`, which is left out
//! here, reads the headers, blocks or proof that a peer asks for from the store, as frames.
//!
//! ```
//! # use std::collections::VecDeque;
//! # use plexus_core::mining::search::Search;
//! # use plexus_core::node::storage::{Journal, PeerRequest};
//! # use plexus_core::node::{ConnectionId, Direction, Neighbours};
//! # use plexus_core::primitives::time::{MonotonicTime, Now};
//! # use plexus_core::protocol::bounded::{BoundedBytes, BoundedVec};
//! # use plexus_core::protocol::packet::{Packet, Role, body_frame};
//! # use plexus_core::{Chain, Config, Input, Network, Node, Output, SecretKey};
//! let network = Network::dev();
//! let time = network.genesis().time.plus_ms(60_000);
//! let mut now = Now { time, moment: MonotonicTime::default() };
//! let mut nodes = [1, 2].map(|seed| {
//!     let key = SecretKey::from_bytes(&[seed; 32]).unwrap();
//!     let config = Config::new(Role::Full, key.clone(), key);
//!     let config = Config { neighbours: Neighbours::Given, ..config };
//!     (Node::new(config, Chain::new(network.clone()), [seed; 32]), Journal::new(&network))
//! });
//! let (link, mut job) = (ConnectionId(1), None);
//! let dialled = Direction::Outbound("other:8333".parse().unwrap());
//! let mut inputs = VecDeque::from([
//!     (0, Input::Connected(link, dialled)),
//!     (1, Input::Connected(link, Direction::Inbound(None))),
//! ]);
//! nodes[0].0.set_mining(now, true);
//! while nodes[1].0.chain().tip().header.height < 3 {
//!     for at in [0, 1] {
//!         let (node, store) = &mut nodes[at];
//!         // Carry out all outputs, in order. Some of them lead to inputs.
//!         while let Some(output) = node.poll() {
//!             match output {
//!                 Output::Persist(changes) => store.apply(&changes),
//!                 Output::Send(_, frame) => inputs.push_back((1 - at, Input::Received(link, frame))),
//!                 Output::Close(..) => inputs.push_back((1 - at, Input::Closed(link))),
//!                 Output::Dial(address) => inputs.push_back((at, Input::DialFailed(address))),
//!                 Output::Verify(batch) => {
//!                     let result = batch.answer(|index, id| store.seen(index, id));
//!                     inputs.push_back((at, Input::Verified(result)));
//!                 }
//!                 Output::Recall(query) => {
//!                     inputs.push_back((at, Input::Recalled(store.recall(&query))));
//!                 }
//!                 Output::Serve(_, request) => {
//!                     let frames = answer(store, &network, request).into_iter();
//!                     inputs.extend(frames.map(|frame| (1 - at, Input::Received(link, frame))));
//!                 }
//!                 Output::Mine(next) => job = next,
//!                 Output::Tell(event) => drop(event),
//!             }
//!         }
//!     }
//!     // Hand over the next input. If there is none, solve the job and jump to the next deadline.
//!     let (at, input) = inputs.pop_front().unwrap_or_else(|| {
//!         let solution = job.take().and_then(|job| Search::new(&job, 0).run(1 << 20));
//!         let deadlines = nodes.iter().filter_map(|(node, _)| node.deadline());
//!         let next = deadlines.map(|(at, _)| at).min().map_or(now.moment, |at| at.max(now.moment));
//!         let slept = u64::try_from((next - now.moment).as_millis()).unwrap();
//!         now = Now { time: now.time.plus_ms(slept), moment: next };
//!         inputs.push_back((1, Input::Ticked));
//!         (0, solution.map_or(Input::Ticked, Input::Solved))
//!     });
//!     nodes[at].0.handle(now, input);
//! }
//! assert_eq!(nodes[0].0.chain().tip(), nodes[1].0.chain().tip());
//! # /// Answers a peer from the store.
//! # fn answer(store: &Journal, network: &Network, request: PeerRequest) -> Vec<bytes::Bytes> {
//! #     let body = |hash| store.body(hash).map(|block| body_frame(block));
//! #     match request {
//! #         PeerRequest::Headers(locator) => {
//! #             vec![Packet::Headers(BoundedVec::new(store.headers_after(&locator))).encode()]
//! #         }
//! #         PeerRequest::Bodies(hashes) => hashes
//! #             .iter()
//! #             .map(|hash| body(hash).unwrap_or_else(|| Packet::Missing(*hash).encode()))
//! #             .collect(),
//! #         PeerRequest::Proof => {
//! #             let proof = store.prove(network).unwrap_or_default();
//! #             vec![Packet::Proof(BoundedBytes::new(proof)).encode()]
//! #         }
//! #     }
//! # }
//! ```

use std::sync::Arc;

use bytes::Bytes;

use crate::ledger::chain::Chain;
use crate::ledger::mempool::{LIGHT_POOL_BYTES_MAX, Mempool, POOL_BYTES_MAX};
use crate::ledger::signature_batch::BatchResult;
use crate::mining::job::Solution;
use crate::mining::template::Miner;
use crate::node::event::Event;
use crate::node::outbox::Outbox;
use crate::node::schedule::Schedule;
use crate::node::storage::StoreReply;
use crate::peers::address_book::AddressBook;
use crate::peers::outbound_slots::{OutboundSlots, Quota};
use crate::peers::peer::{Greeted, Peer};
use crate::peers::peer_manager::PeerManager;
use crate::peers::reconnect::Reconnector;
use crate::peers::topology::graph::{self, Graph};
use crate::primitives::collections::vec_map::VecMap;
use crate::primitives::encoding::DecodeError;
use crate::primitives::hash::{Tag, tagged};
use crate::primitives::key::SecretKey;
use crate::primitives::message::{Message, MessageId, VerifiedMessage};
use crate::primitives::rng::SeededRng;
use crate::primitives::time::{MonotonicTime, Now};
use crate::protocol::address::Address;
use crate::protocol::misbehavior::{Misbehavior, Reason};
use crate::protocol::packet::Role;
use crate::sync::block_sync::BlockSync;
use crate::sync::headers::PATIENCE;
use crate::sync::message_relay::{AssumedRange, MessageRelay};

pub use crate::node::outbox::Output;
pub use crate::node::schedule::Wake;
pub use crate::peers::peer::INBOUND_MAX;
pub use crate::protocol::connection::{ConnectionId, Direction};
pub use crate::sync::block_sync::EARLY_MAX;
pub use crate::sync::headers::LIGHT_BODIES;
pub(crate) use read_ahead::{NextInput, ReadAheadStage};
pub use status::{PeerView, Status};

/// True if this is built for nodes that keep all blocks. Without it, the code that only those nodes
/// run is left out.
const FULL: bool = cfg!(feature = "full");

/// A node at most this many blocks behind its best header counts as synchronized: the bodies are on
/// their way.
pub const AT_HEEL_MAX: usize = 3;

/// The most links of the latency graph that a light node holds.
pub const LIGHT_LINKS_MAX: usize = 1_024;

/// An input of a node.
#[derive(Clone, Debug)]
pub enum Input {
    /// A connection is open.
    Connected(ConnectionId, Direction),
    /// An address that the node asked to dial could not be reached.
    DialFailed(Address),
    /// A frame arrived.
    Received(ConnectionId, Bytes),
    /// Either end closed a connection.
    Closed(ConnectionId),
    /// A job is solved.
    Solved(Solution),
    /// The result of a batch of signatures.
    Verified(BatchResult),
    /// The answer of the store to a query.
    Recalled(StoreReply),
    /// Time passed.
    Ticked,
}

/// The configuration of a node.
///
/// ```
/// use plexus_core::node::{INBOUND_MAX, Neighbours};
/// use plexus_core::protocol::packet::Role;
/// use plexus_core::{Config, SecretKey};
///
/// let [key, author] = [1, 2].map(|seed| SecretKey::from_bytes(&[seed; 32]).unwrap());
/// let config = Config::new(Role::Full, key, author);
/// assert_eq!((config.inbound_max, config.mining), (INBOUND_MAX, false));
/// // A driver that opens all links itself says so.
/// let given = Config { neighbours: Neighbours::Given, ..config };
/// assert!(given.connect.is_empty());
/// ```
#[derive(Clone, Debug)]
pub struct Config {
    /// Keeps and serves all blocks, or only headers.
    pub role: Role,
    /// The node's key, by which peers identify it.
    pub node_key: SecretKey,
    /// The author of the blocks that it mines.
    pub author: SecretKey,
    /// The address where others can reach it, if they can.
    pub listen: Option<Address>,
    /// Nodes to stay connected to. At most [`crate::peers::TARGETS_MAX`] are used.
    pub connect: Vec<Address>,
    /// True if it mines once it is synchronized. [`Node::set_mining`] changes that.
    pub mining: bool,
    /// The other nodes that it connects to.
    pub neighbours: Neighbours,
    /// The most inbound connections, at most [`INBOUND_MAX`]. When there are that many, one of them
    /// is evicted for a newcomer. The connections that the node opens itself do not count.
    pub inbound_max: usize,
    /// The most links of the network's latency graph that it holds. Each takes about 200 bytes.
    pub links_max: usize,
}

impl Config {
    /// Returns the configuration of a node that chooses its neighbours, with the usual caps. It
    /// neither listens nor mines.
    pub fn new(role: Role, node_key: SecretKey, author: SecretKey) -> Self {
        let links_max = match role {
            Role::Full => graph::LINKS_MAX,
            Role::Light => LIGHT_LINKS_MAX,
        };
        Self {
            role,
            node_key,
            author,
            listen: None,
            connect: Vec::new(),
            mining: false,
            neighbours: Neighbours::Chosen,
            inbound_max: INBOUND_MAX,
            links_max,
        }
    }
}

/// The nodes that a node connects to besides the configured ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Neighbours {
    /// No others: the driver opens the links.
    Given,
    /// Nodes that it selects itself among all known addresses.
    Chosen,
}

/// The reason why a message of our own is not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SubmitError {
    /// The signature is not the sender's.
    #[error("the signature is not the sender's")]
    Signature,
    /// It is already in the mempool or in a block.
    #[error("message {id} is known already")]
    Known {
        /// Its id.
        id: MessageId,
    },
    /// Its time is too far from the local clock.
    #[error("timeStamp: {found} is over a day old or a minute ahead of the node's clock, {local}")]
    Time {
        /// The message's time.
        found: crate::primitives::time::Timestamp,
        /// The time of the local clock.
        local: crate::primitives::time::Timestamp,
    },
    /// The sender already has the most waiting messages that a sender may have.
    #[error("the sender has {max} messages waiting already")]
    SenderFull {
        /// The cap.
        max: usize,
    },
    /// The mempool is full of messages with more stamp work.
    #[error("the pool is full: a stamp of at least {floor} hashes per byte is needed")]
    PoolFull {
        /// The stamp work per byte that would be accepted.
        floor: u128,
    },
}

/// Returns a secret that stays the same over restarts, so that a stored address book keeps its
/// order.
fn book_secret(config: &Config) -> [u8; 32] {
    *tagged(Tag::Book, &[config.node_key.to_bytes().as_slice()]).as_bytes()
}

/// The node: one value that owns its sub-machines and passes the findings of each to the others.
///
/// ```
/// # use plexus_core::mining::search::Search;
/// # use plexus_core::primitives::time::{MonotonicTime, Now};
/// # use plexus_core::protocol::packet::Role;
/// # use plexus_core::{Chain, Config, Input, Network, Node, Output, SecretKey};
/// # let (network, key) = (Network::dev(), SecretKey::from_bytes(&[7; 32]).unwrap());
/// # let now = Now { time: network.genesis().time, moment: MonotonicTime::default() };
/// let config = Config::new(Role::Full, key.clone(), key);
/// let mut node = Node::new(config, Chain::new(network), [1; 32]);
/// node.set_mining(now, true);
/// let job = std::iter::from_fn(|| node.poll()).find_map(|output| match output {
///     Output::Mine(job) => job,
///     _ => None,
/// });
/// let solution = Search::new(&job.unwrap(), 0).run(1 << 20).unwrap();
/// node.handle(now, Input::Solved(solution));
/// # while let Some(output) = node.poll() {
/// #     if let Output::Verify(batch) = output {
/// #         node.handle(now, Input::Verified(batch.answer(|_, _| Vec::new())));
/// #     }
/// # }
/// assert_eq!(node.chain().tip().header.height, 1);
/// ```
#[derive(Debug)]
pub struct Node {
    config: Config,
    chain: Chain,
    connections: VecMap<ConnectionId, Peer>,
    blocks: BlockSync,
    messages: MessageRelay,
    peers: PeerManager,
    miner: Miner,
    schedule: Schedule,
    rng: SeededRng,
    outbox: Outbox,
}

impl Node {
    /// Creates a node that starts from `chain`. `seed` is 32 random bytes.
    pub fn new(config: Config, chain: Chain, seed: [u8; 32]) -> Self {
        let pool_bytes = match config.role {
            Role::Full => POOL_BYTES_MAX,
            Role::Light => LIGHT_POOL_BYTES_MAX,
        };
        let mut rng = SeededRng::new(seed);
        let mut assumed = AssumedRange::default();
        if config.role == Role::Light && chain.tip().header.height > 0 {
            // Verification before a restart is not stored.
            assumed.block = chain.tip().header.time;
        }
        let peers = PeerManager::new(
            Reconnector::new(config.connect.iter().cloned()),
            AddressBook::new(book_secret(&config)),
            OutboundSlots::new(Quota::of(config.role)),
            Graph::new(config.node_key.public(), config.links_max),
            rng.bytes16(),
        );
        Self {
            connections: VecMap::default(),
            blocks: BlockSync::default(),
            messages: MessageRelay::new(Mempool::new(pool_bytes), assumed),
            peers,
            miner: Miner::new(config.mining),
            schedule: Schedule::new(),
            rng,
            outbox: Outbox::default(),
            chain,
            config,
        }
    }

    /// Loads the stored address book.
    ///
    /// # Errors
    /// The bytes are not a valid address book. The node then starts without one.
    pub fn remember(&mut self, book: &[u8]) -> Result<(), DecodeError> {
        self.peers.book = AddressBook::decode(book_secret(&self.config), book)?;
        self.peers.stored_book = book.to_vec();
        Ok(())
    }

    /// Adds bootstrap addresses. The node may dial them and need not stay connected to them.
    pub fn meet<'a>(&mut self, now: Now, addresses: impl IntoIterator<Item = &'a Address>) {
        for address in addresses {
            self.peers.book.add(address, address.group(), now.time);
        }
        self.peers.rounds.stir();
    }

    /// Handles an input.
    pub fn handle(&mut self, now: Now, input: Input) {
        self.messages.assumed.assumed_at.get_or_insert(now.time);
        // Most frames require no further steps. Those frames that do set the flag themselves.
        self.schedule.dirty |= !matches!(input, Input::Received(..));
        match input {
            Input::Connected(peer, link) => self.connected(now, peer, link),
            Input::DialFailed(address) => self.unreached(now, &address),
            Input::Received(peer, frame) => self.received(now, peer, frame),
            Input::Closed(peer) => self.hung_up(now, peer),
            Input::Solved(solution) => self.solved(now, solution),
            Input::Verified(verdict) => self.verified(now, verdict),
            Input::Recalled(recalled) => self.recalled(now, recalled),
            Input::Ticked => {}
        }
        if self.schedule.is_due(now.moment) {
            self.advance(now);
        }
    }

    /// Submits a message of our own: adds it to the mempool, persists it and announces it to the
    /// peers. Returns its id. The message is safe once the outputs are carried out.
    ///
    /// # Errors
    /// The reason why the message is not accepted.
    ///
    /// # Examples
    /// ```
    /// # use plexus_core::node::SubmitError;
    /// # use plexus_core::primitives::message::Draft;
    /// # use plexus_core::primitives::time::{MonotonicTime, Now};
    /// # use plexus_core::protocol::packet::Role;
    /// # use plexus_core::{Chain, Config, Network, Node, Output, SecretKey};
    /// # let (network, alice) = (Network::dev(), SecretKey::from_bytes(&[7; 32]).unwrap());
    /// # let now = Now { time: network.genesis().time, moment: MonotonicTime::default() };
    /// # let config = Config::new(Role::Full, alice.clone(), alice.clone());
    /// # let mut node = Node::new(config, Chain::new(network.clone()), [1; 32]);
    /// let draft = Draft::new(alice.public(), "bob", "hello", now.time).unwrap();
    /// let message = draft.sign(&alice, network.id(), 0);
    /// let id = node.submit(now, message.clone()).unwrap();
    /// assert!(node.pooled(&id).is_some());
    /// // The message is safe once the driver has stored it.
    /// assert!(std::iter::from_fn(|| node.poll()).any(|out| matches!(out, Output::Persist(_))));
    /// assert_eq!(node.submit(now, message), Err(SubmitError::Known { id }));
    /// ```
    pub fn submit(&mut self, now: Now, message: Message) -> Result<MessageId, SubmitError> {
        self.messages.assumed.assumed_at.get_or_insert(now.time);
        let id = self.pool_own(now, message)?;
        self.advance(now);
        Ok(id)
    }

    /// Starts or stops mining. Mining starts only once the node is synchronized.
    pub fn set_mining(&mut self, now: Now, mining: bool) {
        self.miner.set_enabled(mining);
        self.advance(now);
    }

    /// Sets the author of mined blocks from now on: `None` means the node's own key. The search for
    /// the previous author's block is given up.
    pub fn set_author(&mut self, now: Now, author: Option<SecretKey>) {
        self.config.author = author.unwrap_or_else(|| self.config.node_key.clone());
        if self.miner.stop() {
            self.outbox.mine(None);
        }
        self.advance(now);
    }

    /// Returns the next output. Call it until it returns `None` after each mutation.
    pub fn poll(&mut self) -> Option<Output> {
        self.outbox.poll()
    }

    /// Returns when to tick next, and why.
    pub fn deadline(&self) -> Option<(MonotonicTime, Wake)> {
        self.schedule.wake
    }

    /// Returns when the node next dials a missing configured peer. Returns `None` if none is
    /// missing.
    pub fn redial(&self) -> Option<MonotonicTime> {
        self.peers.reconnector.deadline()
    }

    fn next_wake(&self) -> Option<(MonotonicTime, Wake)> {
        let peers = (!self.connections.is_empty()).then_some((self.schedule.peers_wake, Wake::Ping));
        let early = self.blocks.early_deadline().map(|at| (at, Wake::Early));
        let bodies = (self.chain.missing_blocks().len() > 0).then_some(self.blocks.last_progress + PATIENCE);
        let pushed =
            self.chain.missing_blocks().next().and_then(|lowest| self.blocks.relay.expected_until(lowest));
        [
            peers,
            early,
            self.peers.reconnector.deadline().map(|at| (at, Wake::Dial)),
            (self.config.neighbours == Neighbours::Chosen)
                .then(|| (self.peers.rounds.next(), Wake::Neighbours)),
            self.blocks.relay.deadline().map(|at| (at, Wake::Push)),
            self.blocks.headers.deadline().map(|at| (at, Wake::Request)),
            self.blocks.download.deadline().map(|at| (at, Wake::Request)),
            self.miner.deadline().map(|at| (at, Wake::Job)),
            bodies.filter(|at| *at > self.schedule.last_advance).map(|at| (at, Wake::Request)),
            pushed.filter(|at| *at > self.schedule.last_advance).map(|at| (at, Wake::Request)),
        ]
        .into_iter()
        .flatten()
        .min_by_key(|(at, _)| *at)
    }

    /// Returns the chain.
    pub fn chain(&self) -> &Chain {
        &self.chain
    }

    /// Returns true if peers have more work than we have and it is being fetched.
    pub fn is_syncing(&self) -> bool {
        self.blocks.is_syncing()
    }

    /// Returns the network's latency graph: the certified links that this node holds.
    pub fn graph(&self) -> &Graph {
        &self.peers.graph
    }

    /// Returns the address book.
    pub fn book(&self) -> &AddressBook {
        &self.peers.book
    }

    /// Returns a message that waits in the mempool.
    pub fn pooled(&self, id: &MessageId) -> Option<&Arc<Message>> {
        self.messages.pool.find(id).map(VerifiedMessage::message)
    }

    /// Returns the messages that wait in the mempool, in the order in which they would be mined.
    pub fn pool(&self) -> impl Iterator<Item = &Arc<Message>> {
        self.messages.pool.iter().map(VerifiedMessage::message)
    }

    /// Returns true if the node keeps all blocks and takes part in the latency graph.
    fn is_full(&self) -> bool {
        FULL && self.config.role == Role::Full
    }

    fn greeted(&self) -> impl Iterator<Item = (ConnectionId, &Greeted)> {
        self.connections.iter().filter_map(|(&id, peer)| Some((id, peer.greeted()?)))
    }

    fn fault(&mut self, now: Now, peer: ConnectionId, fault: Misbehavior) {
        self.outbox.tell(Event::Faulted { peer, fault: fault.clone() });
        self.punish(now, peer, &fault);
        self.close(now, peer, Reason::Fault(fault));
    }

    fn close(&mut self, now: Now, peer: ConnectionId, reason: Reason) {
        if self.connections.contains_key(&peer) {
            self.outbox.close(peer, reason);
            self.closed(now, peer);
        }
    }

    /// Takes all steps that follow from the current state, independent of the input that changed
    /// it.
    fn advance(&mut self, now: Now) {
        for address in self.peers.reconnector.tick(now.moment) {
            self.outbox.dial(address);
        }
        self.tick_peers(now);
        self.seek_neighbours(now);
        self.tick_early(now);
        self.tick_relay(now);
        self.watch_agreement(now);
        self.schedule.last_advance = now.moment;
        self.seek_headers(now);
        self.seek_bodies(now);
        self.take_offers();
        self.seek_block(now);
        self.schedule.dirty = false;
        self.schedule.wake = self.next_wake();
    }
}

mod admission;
mod agreement;
mod blocks;
mod certificates;
mod connections;
pub mod event;
mod messages;
mod mining;
mod neighbours;
pub(crate) mod outbox;
mod plausibility;
mod proof;
mod read_ahead;
mod relay;
mod schedule;
mod status;
pub mod storage;

#[cfg(test)]
mod tests;

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
//! #         PeerRequest::Memory(answer) => answer.frames(network.block_bytes_max()).collect(),
//! #         PeerRequest::Proof => {
//! #             let proof = store.prove(network).unwrap_or_default();
//! #             vec![Packet::Proof(BoundedBytes::new(proof)).encode()]
//! #         }
//! #     }
//! # }
//! ```

use std::sync::Arc;

use crate::ledger::chain::Chain;
use crate::ledger::known_work::KnownWork;
use crate::ledger::mempool::{LIGHT_POOL_BYTES_MAX, Mempool, POOL_BYTES_MAX};
use crate::node::block_sync::BlockSync;
use crate::node::context::Context;
use crate::node::machines::Machines;
use crate::node::message_relay::MessageRelay;
use crate::node::miner::Miner;
use crate::node::outbox::Outbox;
use crate::node::peer_manager::PeerManager;
use crate::node::schedule::Schedule;
use crate::peers::address_book::AddressBook;
use crate::peers::connections::PeerConnections;
use crate::peers::topology::graph::Graph;
use crate::primitives::encoding::DecodeError;
use crate::primitives::key::SecretKey;
use crate::primitives::message::{Message, MessageId, VerifiedMessage};
use crate::primitives::rng::SeededRng;
use crate::primitives::time::{MonotonicTime, Now};
use crate::protocol::address::Address;
use crate::protocol::packet::Role;
use crate::sync::assumed_range::AssumedRange;

pub use crate::node::block_sync::{EARLY_MAX, NEAR_TIP_BLOCKS};
pub use crate::node::config::{Config, LIGHT_LINKS_MAX, Neighbours};
pub use crate::node::input::Input;
pub use crate::node::outbox::Output;
pub use crate::node::schedule::Wake;
pub use crate::node::submit_error::SubmitError;
pub use crate::peers::peer::INBOUND_MAX;
pub use crate::protocol::connection::{ConnectionId, Direction};
pub use crate::sync::headers::LIGHT_BODIES;
pub(crate) use read_ahead::{NextInput, ReadAheadStage};
pub use status::{PeerCounts, PeerView, Status};

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
    connections: PeerConnections,
    outbox: Outbox,
    schedule: Schedule,
    rng: SeededRng,
    machines: Machines,
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
        let mut blocks = BlockSync::default();
        if config.role == Role::Light {
            let known = config.known_work.unwrap_or_else(|| KnownWork::of(chain.network()));
            blocks.headers.set_least_work(known.total_work);
        }
        let machines = Machines {
            blocks,
            messages: MessageRelay::new(Mempool::new(pool_bytes), assumed),
            peers: PeerManager::new(&config, rng.bytes16()),
            miner: Miner::new(config.mining),
        };
        Self {
            connections: PeerConnections::default(),
            outbox: Outbox::default(),
            schedule: Schedule::new(),
            rng,
            machines,
            chain,
            config,
        }
    }

    /// Returns the machines, and the context that the node lends to them.
    #[inline]
    fn lend(&mut self, now: Now) -> (&mut Machines, Context<'_>) {
        let cx = Context {
            now,
            config: &self.config,
            chain: &mut self.chain,
            connections: &mut self.connections,
            outbox: &mut self.outbox,
            schedule: &mut self.schedule,
            rng: &mut self.rng,
        };
        (&mut self.machines, cx)
    }

    fn advance(&mut self, now: Now) {
        let (machines, mut cx) = self.lend(now);
        machines.advance(&mut cx);
    }

    /// Loads the stored address book.
    ///
    /// # Errors
    /// The bytes are not a valid address book. The node then starts without one.
    pub fn remember(&mut self, book: &[u8]) -> Result<(), DecodeError> {
        self.machines.peers.load_book(&self.config, book)
    }

    /// Adds bootstrap addresses. The node may dial them and need not stay connected to them.
    pub fn meet<'a>(&mut self, now: Now, addresses: impl IntoIterator<Item = &'a Address>) {
        self.machines.peers.add_seeds(now, addresses);
    }

    /// Handles an input.
    pub fn handle(&mut self, now: Now, input: Input) {
        let (machines, mut cx) = self.lend(now);
        machines.messages.assumed.assumed_at.get_or_insert(now.time);
        // Most frames require no further steps. Those frames that do set the flag themselves.
        cx.schedule.dirty |= !matches!(input, Input::Received(..));
        machines.handle(&mut cx, input);
        if cx.schedule.is_due(now.moment) {
            machines.advance(&mut cx);
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
    /// let message = draft.sign_stamped(&alice, &network);
    /// let id = node.submit(now, message.clone()).unwrap();
    /// assert!(node.pooled(&id).is_some());
    /// // The message is safe once the driver has stored it.
    /// assert!(std::iter::from_fn(|| node.poll()).any(|out| matches!(out, Output::Persist(_))));
    /// assert_eq!(node.submit(now, message), Err(SubmitError::Known { id }));
    /// ```
    pub fn submit(&mut self, now: Now, message: Message) -> Result<MessageId, SubmitError> {
        self.submit_with(now, message, false)
    }

    /// Submits a message again that an earlier run accepted. No stamp is due, because its sender was
    /// told that it waits.
    ///
    /// # Errors
    /// The reason why the message is not accepted.
    pub fn resubmit(&mut self, now: Now, message: Message) -> Result<MessageId, SubmitError> {
        self.submit_with(now, message, true)
    }

    fn submit_with(&mut self, now: Now, message: Message, had_place: bool) -> Result<MessageId, SubmitError> {
        let (machines, mut cx) = self.lend(now);
        machines.messages.assumed.assumed_at.get_or_insert(now.time);
        let id = machines.submit(&mut cx, message, had_place)?;
        machines.advance(&mut cx);
        Ok(id)
    }

    /// Starts or stops mining. Mining starts only once the node is synchronized.
    pub fn set_mining(&mut self, now: Now, mining: bool) {
        self.machines.miner.set_enabled(mining);
        self.advance(now);
    }

    /// Sets the author of mined blocks from now on: `None` means the node's own key. The search for
    /// the previous author's block is given up.
    pub fn set_author(&mut self, now: Now, author: Option<SecretKey>) {
        self.config.author = author.unwrap_or_else(|| self.config.node_key.clone());
        if self.machines.miner.stop() {
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
        self.machines.peers.reconnector.deadline()
    }

    /// Returns the chain.
    pub fn chain(&self) -> &Chain {
        &self.chain
    }

    /// Returns true if peers have more work than we have and it is being fetched.
    pub fn is_syncing(&self) -> bool {
        self.machines.blocks.is_syncing()
    }

    /// Returns the network's latency graph: the certified links that this node holds.
    pub fn graph(&self) -> &Graph {
        &self.machines.peers.graph
    }

    /// Returns the address book.
    pub fn book(&self) -> &AddressBook {
        &self.machines.peers.book
    }

    /// Returns a message that waits in the mempool.
    pub fn pooled(&self, id: &MessageId) -> Option<&Arc<Message>> {
        self.machines.messages.pool.find(id).map(VerifiedMessage::message)
    }

    /// Returns true if a message was evicted from the full mempool lately.
    pub fn was_dropped(&self, id: &MessageId) -> bool {
        self.machines.messages.pool.was_dropped(id)
    }

    /// Returns the messages that wait in the mempool, in the order in which they would be mined.
    pub fn pool(&self) -> impl Iterator<Item = &Arc<Message>> {
        self.machines.messages.pool.iter().map(VerifiedMessage::message)
    }

    /// Completes a handshake without checking the signature: the driver knows that it is valid,
    /// because the signing node is its own too.
    pub(crate) fn proven(&mut self, now: Now, peer: ConnectionId) {
        let (machines, mut cx) = self.lend(now);
        if machines.proven(&mut cx, peer) {
            machines.advance(&mut cx);
        }
    }
}

mod administration;
mod block_sync;
mod config;
mod context;
mod dispatch;
pub mod event;
mod input;
mod machines;
pub mod memory_answer;
mod message_relay;
mod miner;
pub(crate) mod outbox;
mod peer_manager;
mod read_ahead;
mod schedule;
mod status;
pub mod storage;
mod submit_error;

#[cfg(test)]
mod tests;

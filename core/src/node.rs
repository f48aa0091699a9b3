//! The node: told facts, it answers with wishes.
//!
//! # The law of a driver
//!
//! 1. One mutation ([`Node::handle`], [`Node::submit`], [`Node::set_mining`]), then [`Node::poll`] until `None`, in order. A
//!    driver may put several mutations before it carries out what they wish, if it keeps the order.
//! 2. [`Output::Persist`] is durable before any later output is carried out.
//! 3. Sleep until [`Node::deadline`]; a tick early or twice is harmless.
//! 4. Peer ids are never used twice. Frames over [`crate::wire::FRAME_BYTES_MAX`] are cut off by the driver.
//! 5. Nothing that a peer sends can panic or return an error: it becomes [`Output::Close`] with a named fault.

use std::sync::Arc;

use bytes::Bytes;

use crate::address::Address;
use crate::ban::Bans;
use crate::block::Header;
use crate::book::Book;
use crate::chain::Chain;
use crate::chance::Chance;
use crate::check::{BatchId, Verdict};
use crate::dial::Dialer;
use crate::event::Event;
use crate::fault::{Fault, Reason};
use crate::fetch::Fetch;
use crate::gossip::Gossip;
use crate::graph::{self, Forecast, Graph};
use crate::hash::{Hash, Tag, tagged};
use crate::journal::Recalled;
use crate::key::SecretKey;
use crate::layout::DecodeError;
use crate::message::{Message, MessageId, VerifiedMessage};
use crate::mine::{Miner, Solution};
use crate::outbox::Outbox;
use crate::peer::{Greeted, Peer};
use crate::pool::{LIGHT_POOL_BYTES_MAX, POOL_BYTES_MAX, Pool};
use crate::pow::Work;
use crate::relay::Relay;
use crate::rules::MESSAGE_AHEAD_MS;
use crate::shelf::Shelf;
use crate::slot::{Quota, Slots};
use crate::sorted::Sorted;
use crate::sync::{PATIENCE, Sync};
use crate::time::{Moment, Now, Time};
use crate::vouching::Vouching;
use crate::wire::Role;

pub use crate::connection::{Link, PeerId};
pub use crate::outbox::Output;
pub use crate::sync::LIGHT_BODIES;
pub(crate) use approach::{Approach, Coming};
pub use status::{PeerView, Status};

/// Whether this is built for nodes that keep all blocks: without, what they alone do is left out.
const FULL: bool = cfg!(feature = "full");

/// A node this few blocks behind its leader counts as synchronized: bodies are on their way.
pub const AT_HEEL_MAX: usize = 3;
/// The too early headers that are kept back; further ones are forgotten, and come again with their children.
pub const EARLY_MAX: usize = 64;

/// How many may connect to a full node, unless configured.
pub const INBOUND_MAX: usize = 896;
/// The most links of the latency graph that a light node holds.
pub const LIGHT_LINKS_MAX: usize = 1_024;

/// What a node is told.
#[derive(Clone, Debug)]
pub enum Input {
    /// A connection is open.
    Connected(PeerId, Link),
    /// An address that the node wished to dial could not be reached.
    Unreached(Address),
    /// A frame came.
    Received(PeerId, Bytes),
    /// A connection is closed, by whichever end.
    Closed(PeerId),
    /// A job is solved.
    Solved(Solution),
    /// A batch is answered.
    Verified(Verdict),
    /// What was remembered, brought back.
    Recalled(Recalled),
    /// Time passed.
    Ticked,
}

/// Why a node wants to be ticked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wake {
    /// To dial again.
    Dial,
    /// To ping, or to give up on a silent peer or an unfinished handshake.
    Ping,
    /// To give up on an unanswered request.
    Request,
    /// To move the job's time on.
    Job,
    /// A header that was too early is acceptable.
    Early,
    /// To look after the links and what is known of the network.
    Neighbours,
    /// To push a body to a peer whose silence says that it waits for it.
    Push,
}

/// Up to where a light node has not seen what is in the blocks of its chain.
#[derive(Clone, Copy, Debug)]
struct Blind {
    /// The time of the newest block whose messages it does not know.
    block: Time,
    /// When it learned of that block, by its own clock; what it starts from is learned with the first fact.
    learned: Option<Time>,
}

impl Blind {
    /// Whether a block that was not seen may have a message. A message of our own that was written later than we learned of the
    /// block is not in it; another's clock may be ahead by as much as the rules allow.
    fn may_hide(self, message: &Message, own: bool) -> bool {
        let in_reach = message.time().minus_ms(MESSAGE_AHEAD_MS) <= self.block;
        self.block > Time::default() && in_reach && !(own && Some(message.time()) > self.learned)
    }
}

/// What a node is.
#[derive(Clone, Debug)]
pub struct Config {
    /// Keeps and serves all blocks, or only headers.
    pub role: Role,
    /// The node's key, by which peers know it.
    pub node_key: SecretKey,
    /// Whose blocks it mines.
    pub author: SecretKey,
    /// Where others can reach it, if they can.
    pub listen: Option<Address>,
    /// Nodes to stay connected to; at most [`crate::dial::TARGETS_MAX`] are.
    pub connect: Vec<Address>,
    /// Whether it mines once it is synchronized; [`Node::set_mining`] changes that.
    pub mining: bool,
    /// Whom else it connects to.
    pub neighbours: Neighbours,
    /// How many may connect to it, at most [`crate::peer::PEERS_MAX`] with all others; when full, one of them gives way.
    pub inbound_max: usize,
    /// The most links of the network's latency graph that it holds: some 200 bytes each.
    pub links_max: usize,
}

impl Config {
    /// A node that chooses its neighbours, and neither listens nor mines: the usual caps.
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

/// Whom a node connects to beside those that it is told to stay connected to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Neighbours {
    /// Nobody: its driver opens the links that it is to have.
    Given,
    /// Whom it chooses itself among all that it hears of.
    Chosen,
}

/// Why a message of our own is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SubmitError {
    /// The signature is not the sender's.
    #[error("the signature is not the sender's")]
    Signature,
    /// It is pooled or in a block already.
    #[error("message {id} is known already")]
    Known {
        /// Its id.
        id: MessageId,
    },
    /// Its time is too far from the local clock.
    #[error("timeStamp: {found} is over a day old or a minute ahead of the node's clock, {local}")]
    Time {
        /// The message's time.
        found: crate::time::Time,
        /// The local clock's.
        local: crate::time::Time,
    },
    /// The sender has as many messages waiting as a sender may.
    #[error("the sender has {max} messages waiting already")]
    SenderFull {
        /// The cap.
        max: usize,
    },
    /// The pool is full of messages with more stamp work.
    #[error("the pool is full: a stamp of at least {floor} hashes per byte is needed")]
    PoolFull {
        /// Stamp work per byte that would be taken.
        floor: u128,
    },
}

/// The same over restarts, so that a remembered book keeps its order.
fn book_secret(config: &Config) -> [u8; 32] {
    *tagged(Tag::Book, &[config.node_key.to_bytes().as_slice()]).as_bytes()
}

/// The node: one value that owns its sub-machines and tells each what the others found.
#[derive(Debug)]
pub struct Node {
    config: Config,
    chain: Chain,
    pool: Pool,
    peers: Sorted<PeerId, Peer>,
    dialer: Dialer,
    sync: Sync,
    fetch: Fetch,
    relay: Relay,
    book: Book,
    bans: Bans,
    slots: Slots,
    graph: Graph,
    /// Who is expected to hear of a block first from us, as of the last planning round.
    forecast: Forecast,
    vouching: Vouching,
    rounds: neighbours::Rounds,
    /// The address book as it was last remembered.
    remembered: Vec<u8>,
    /// What nobody else knows: who of our peers gives way first.
    secret: [u8; 16],
    gossip: Gossip,
    shelf: Shelf,
    miner: Miner,
    /// Headers that were too early, by the time from which on they are acceptable.
    early: Sorted<(Time, Hash), Header>,
    early_deadline: Option<Moment>,
    mining: bool,
    blind: Blind,
    /// When a body was last connected, or none was wished for.
    moved: Moment,
    /// Whether bodies of a longer path are on their way.
    lags: bool,
    /// When the last steps were taken.
    ticked: Moment,
    /// Whether anything changed since then that further steps follow from.
    stirred: bool,
    /// When to take the next steps if nothing changes.
    wake: Option<(Moment, Wake)>,
    /// No peer needs to be pinged or given up before.
    peers_wake: Moment,
    /// The most work that a peer claims to have.
    most_claimed: Work,
    /// Whether a peer offered messages while blocks were being fetched.
    offered: bool,
    /// When the peers are looked at next for one that disagrees.
    watch: Moment,
    /// Counts reorganisations: what the store said of the best chain before one is asked again.
    epoch: u64,
    batches: u64,
    chance: Chance,
    outbox: Outbox,
}

impl Node {
    /// A node that starts from `chain`; `seed` is 32 bytes of chance.
    pub fn new(config: Config, chain: Chain, seed: [u8; 32]) -> Self {
        let pool_bytes = match config.role {
            Role::Full => POOL_BYTES_MAX,
            Role::Light => LIGHT_POOL_BYTES_MAX,
        };
        let mut chance = Chance::new(seed);
        let mut blind = Blind { block: Time::default(), learned: None };
        if config.role == Role::Light && chain.tip().header.height > 0 {
            // What was verified before a restart is not remembered.
            blind.block = chain.tip().header.time;
        }
        Self {
            blind,
            pool: Pool::new(pool_bytes),
            peers: Sorted::default(),
            dialer: Dialer::new(config.connect.iter().cloned()),
            sync: Sync::default(),
            fetch: Fetch::default(),
            relay: Relay::default(),
            book: Book::new(book_secret(&config)),
            bans: Bans::default(),
            slots: Slots::new(Quota::of(config.role)),
            graph: Graph::new(config.node_key.public(), config.links_max),
            forecast: Forecast::default(),
            vouching: Vouching::default(),
            rounds: neighbours::Rounds::default(),
            remembered: Vec::new(),
            secret: chance.bytes16(),
            gossip: Gossip::default(),
            shelf: Shelf::default(),
            miner: Miner::default(),
            early: Sorted::default(),
            early_deadline: None,
            mining: config.mining,
            moved: Moment::default(),
            lags: false,
            ticked: Moment::default(),
            stirred: true,
            wake: None,
            peers_wake: Moment::default(),
            most_claimed: Work::ZERO,
            offered: false,
            watch: Moment::default(),
            epoch: 0,
            batches: 0,
            chance,
            outbox: Outbox::default(),
            chain,
            config,
        }
    }

    /// Takes the address book that was remembered.
    ///
    /// # Errors
    /// Bytes that are no book: the node begins without.
    pub fn remember(&mut self, book: &[u8]) -> Result<(), DecodeError> {
        self.book = Book::decode(book_secret(&self.config), book)?;
        self.remembered = book.to_vec();
        Ok(())
    }

    /// Takes addresses of nodes to begin with: it may dial them, and need not stay connected to them.
    pub fn meet<'a>(&mut self, now: Now, addresses: impl IntoIterator<Item = &'a Address>) {
        for address in addresses {
            self.book.heard(address, address.group(), now.time);
        }
        self.rounds.stir();
    }

    /// Takes a fact.
    pub fn handle(&mut self, now: Now, input: Input) {
        self.blind.learned.get_or_insert(now.time);
        // Most frames change nothing that steps follow from: those that do say so.
        self.stirred |= !matches!(input, Input::Received(..));
        match input {
            Input::Connected(peer, link) => self.connected(now, peer, link),
            Input::Unreached(address) => self.unreached(now, &address),
            Input::Received(peer, frame) => self.received(now, peer, frame),
            Input::Closed(peer) => self.hung_up(now, peer),
            Input::Solved(solution) => self.solved(now, solution),
            Input::Verified(verdict) => self.verified(now, verdict),
            Input::Recalled(recalled) => self.recalled(now, recalled),
            Input::Ticked => {}
        }
        if self.stirred || self.wake.is_some_and(|(at, _)| at <= now.moment) {
            self.steer(now);
        }
    }

    /// Takes a message of our own: pools it, remembers it and tells the peers. It is safe once what is wished is carried out.
    ///
    /// # Errors
    /// Why it is not taken.
    pub fn submit(&mut self, now: Now, message: Message) -> Result<MessageId, SubmitError> {
        self.blind.learned.get_or_insert(now.time);
        let id = self.pool_own(now, message)?;
        self.steer(now);
        Ok(id)
    }

    /// Starts or stops mining. Nothing is mined before the node is synchronized.
    pub fn set_mining(&mut self, now: Now, mining: bool) {
        self.mining = mining;
        self.steer(now);
    }

    /// Mines for another key from now on; for none but the node's own without one. What is being searched for the last is given up.
    pub fn set_author(&mut self, now: Now, author: Option<SecretKey>) {
        self.config.author = author.unwrap_or_else(|| self.config.node_key.clone());
        if self.miner.stop() {
            self.outbox.mine(None);
        }
        self.steer(now);
    }

    /// The next wish; drain to `None` after each mutation.
    pub fn poll(&mut self) -> Option<Output> {
        self.outbox.poll()
    }

    /// When to tick next, and why.
    pub fn deadline(&self) -> Option<(Moment, Wake)> {
        self.wake
    }

    /// When one of the nodes to stay connected to is dialled next, if one is missing.
    pub fn redial(&self) -> Option<Moment> {
        self.dialer.deadline()
    }

    fn next_wake(&self) -> Option<(Moment, Wake)> {
        let peers = (!self.peers.is_empty()).then_some((self.peers_wake, Wake::Ping));
        let early = self.early_deadline.map(|at| (at, Wake::Early));
        let bodies = (self.chain.path().len() > 0).then_some(self.moved + PATIENCE);
        let pushed = self.chain.path().next().and_then(|lowest| self.relay.expected_until(lowest));
        [
            peers,
            early,
            self.dialer.deadline().map(|at| (at, Wake::Dial)),
            (self.config.neighbours == Neighbours::Chosen).then(|| (self.rounds.next(), Wake::Neighbours)),
            self.relay.deadline().map(|at| (at, Wake::Push)),
            self.sync.deadline().map(|at| (at, Wake::Request)),
            self.fetch.deadline().map(|at| (at, Wake::Request)),
            self.miner.deadline().map(|at| (at, Wake::Job)),
            bodies.filter(|at| *at > self.ticked).map(|at| (at, Wake::Request)),
            pushed.filter(|at| *at > self.ticked).map(|at| (at, Wake::Request)),
        ]
        .into_iter()
        .flatten()
        .min_by_key(|(at, _)| *at)
    }

    /// The chain.
    pub fn chain(&self) -> &Chain {
        &self.chain
    }

    /// Whether peers have more than we have, and it is being fetched.
    pub fn is_syncing(&self) -> bool {
        self.sync.is_heading() || self.is_behind()
    }

    /// Whether what is on its way is waited for. Headers or bodies that do not come are not waited for any longer, however much
    /// work somebody claims that they have.
    fn is_behind(&self) -> bool {
        self.sync.is_awaited() || self.sync.is_long() || self.lags
    }

    /// The network's latency graph, as far as it is certified and held here.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// The addresses of nodes that were heard of.
    pub fn book(&self) -> &Book {
        &self.book
    }

    /// A message that waits in the pool.
    pub fn pooled(&self, id: &MessageId) -> Option<&Arc<Message>> {
        self.pool.find(id).map(VerifiedMessage::message)
    }

    /// The messages that wait in the pool, those next in line first.
    pub fn pool(&self) -> impl Iterator<Item = &Arc<Message>> {
        self.pool.iter().map(VerifiedMessage::message)
    }

    /// Whether it keeps all blocks, and takes part in the latency graph.
    fn is_full(&self) -> bool {
        FULL && self.config.role == Role::Full
    }

    fn greeted(&self) -> impl Iterator<Item = (PeerId, &Greeted)> {
        self.peers.iter().filter_map(|(&id, peer)| Some((id, peer.greeted()?)))
    }

    fn batch(&mut self) -> BatchId {
        self.batches += 1;
        BatchId(self.batches)
    }

    fn fault(&mut self, now: Now, peer: PeerId, fault: Fault) {
        self.outbox.tell(Event::Faulted { peer, fault: fault.clone() });
        self.punish(now, peer, &fault);
        self.close(now, peer, Reason::Fault(fault));
    }

    fn close(&mut self, now: Now, peer: PeerId, reason: Reason) {
        if self.peers.contains_key(&peer) {
            self.outbox.close(peer, reason);
            self.closed(now, peer);
        }
    }

    /// What follows from the state of things, whatever fact brought it about.
    fn steer(&mut self, now: Now) {
        for address in self.dialer.tick(now.moment) {
            self.outbox.dial(address);
        }
        self.tick_peers(now);
        self.seek_neighbours(now);
        self.tick_early(now);
        self.tick_relay(now);
        self.watch_agreement(now);
        self.ticked = now.moment;
        self.seek_headers(now);
        self.seek_bodies(now);
        self.take_offers();
        self.seek_block(now);
        self.stirred = false;
        self.wake = self.next_wake();
    }
}

mod agreement;
mod approach;
mod blocks;
mod certificates;
mod distance;
mod links;
mod messages;
mod neighbours;
mod proof;
mod relay;
mod status;
mod work;

#[cfg(test)]
mod tests;

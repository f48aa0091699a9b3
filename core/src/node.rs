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
use crate::chain::Chain;
use crate::check::{Batch, Verdict};
use crate::event::Event;
use crate::fault::Reason;
use crate::journal::{Change, Recall, Recalled, Serve};
use crate::key::SecretKey;
use crate::message::{Message, MessageId};
use crate::mine::{Job, Solution};
use crate::time::{Moment, Now};
use crate::wire::Role;

/// Names a connection; never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
pub struct PeerId(pub u64);

/// How a connection came about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Link {
    /// The node's wish to dial this address was carried out.
    Outbound(Address),
    /// Somebody connected to us.
    Inbound,
}

/// What a node is told.
#[derive(Clone, Debug)]
pub enum Input {
    /// A connection is open.
    Connected(PeerId, Link),
    /// An address that the node wished to dial could not be reached.
    Unreached(Address),
    /// A frame came.
    Received(PeerId, Vec<u8>),
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

/// What a node wishes.
#[derive(Clone, Debug)]
pub enum Output {
    /// Send a frame; frames of one broadcast share their bytes.
    Send(PeerId, Bytes),
    /// Connect to an address: [`Input::Connected`] or [`Input::Unreached`] follows.
    Dial(Address),
    /// Close a connection after what was sent to it. [`Input::Closed`] may follow, and changes nothing.
    Close(PeerId, Reason),
    /// Remember, durably, as one transaction.
    Persist(Vec<Change>),
    /// Verify on whatever threads there are: [`Input::Verified`] follows.
    Verify(Arc<Batch>),
    /// Bring back: [`Input::Recalled`] follows.
    Recall(Recall),
    /// Send a peer something from the store, as fast as the peer takes it.
    Serve(PeerId, Serve),
    /// Search this job from now on and no other; `None`: stop.
    Mine(Option<Job>),
    /// Something happened.
    Tell(Event),
}

/// Why a node wants to be ticked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wake {
    /// To dial again.
    Dial,
    /// To ping, or to give up on a silent peer.
    Ping,
    /// To give up on an unfinished handshake.
    Handshake,
    /// To give up on an unanswered request.
    Request,
    /// To move the job's time on.
    Job,
    /// A header that was too early is acceptable.
    Early,
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

/// A peer, for people to look at.
#[derive(Clone, Debug, serde::Serialize)]
pub struct PeerView {
    /// Its number.
    pub id: PeerId,
    /// Its key, once it is proven.
    pub key: Option<crate::key::PublicKey>,
    /// What it does for others, once it said so.
    pub role: Option<Role>,
    /// Whether we dialled it, and where; else it dialled us.
    pub outbound: Option<Address>,
    /// Where it listens, if it said so.
    pub listen: Option<Address>,
    /// The measured round trip in milliseconds.
    pub latency_ms: Option<f64>,
    /// The height that it last said to have.
    pub height: Option<u64>,
    /// For how long it is connected, milliseconds.
    pub connected_ms: u64,
}

/// How a node stands, for people to look at.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Status {
    /// The tip's height.
    pub height: u64,
    /// The tip's hash.
    pub tip: crate::hash::Hash,
    /// The sum of work up to the tip, a decimal string.
    pub total_work: String,
    /// The expected number of hashes of the next block, were it mined now, a decimal string.
    pub difficulty: String,
    /// How many peers have completed the handshake.
    pub peers: usize,
    /// How many messages wait in the pool.
    pub pool: usize,
    /// Whether a peer claims more work than the tip's, and it is being fetched.
    pub syncing: bool,
    /// Whether a job is being searched.
    pub mining: bool,
}

/// The node.
#[derive(Debug)]
pub struct Node {}

impl Node {
    /// A node that starts from `chain`; `seed` is 32 bytes of chance.
    pub fn new(config: Config, chain: Chain, seed: [u8; 32]) -> Self {
        let _ = (config, chain, seed);
        Self {}
    }

    /// Takes a fact.
    pub fn handle(&mut self, now: Now, input: Input) {
        let _ = (now, input);
    }

    /// Takes a message of our own: pools it and tells the peers.
    ///
    /// # Errors
    /// Why it is not taken.
    pub fn submit(&mut self, now: Now, message: Message) -> Result<MessageId, SubmitError> {
        let _ = (now, &message);
        Err(SubmitError::Signature)
    }

    /// Starts or stops mining. Nothing is mined before the node is synchronized.
    pub fn set_mining(&mut self, now: Now, mining: bool) {
        let _ = (now, mining);
    }

    /// The next wish; drain to `None` after each mutation.
    pub fn poll(&mut self) -> Option<Output> {
        None
    }

    /// When to tick next, and why.
    pub fn deadline(&self) -> Option<(Moment, Wake)> {
        None
    }

    /// The chain.
    pub fn chain(&self) -> &Chain {
        todo!()
    }

    /// How the node stands.
    pub fn status(&self, now: Now) -> Status {
        let _ = now;
        todo!()
    }

    /// The peers, in the order in which they connected.
    pub fn peers(&self, now: Now) -> Vec<PeerView> {
        let _ = now;
        Vec::new()
    }

    /// A message that waits in the pool.
    pub fn pooled(&self, id: &MessageId) -> Option<&Arc<Message>> {
        let _ = id;
        None
    }

    /// The messages that wait in the pool, those next in line first.
    pub fn pool(&self) -> impl Iterator<Item = &Arc<Message>> {
        core::iter::empty()
    }
}

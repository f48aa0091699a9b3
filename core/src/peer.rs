//! A peer: one connection, from its handshake on, and what we know that it knows.

use std::collections::BTreeSet;

use crate::handshake::Handshake;
use crate::message::MessageId;
use crate::node::Link;
use crate::ping::Ping;
use crate::pow::Work;
use crate::recent::Recent;
use crate::time::Moment;
use crate::wire::{Hello, Role};

/// The connections of a node; further ones are refused.
pub const PEERS_MAX: usize = 1_024;
/// The newest messages that a peer is known to know.
pub const KNOWN_MESSAGES_MAX: usize = 8_192;
/// The messages that a peer was asked for and has not sent; while so many are out, no more are asked for.
pub const ASKED_MESSAGES_MAX: usize = 4_096;

/// A connection.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) link: Link,
    pub(crate) since: Moment,
    pub(crate) stage: Stage,
}

/// How far a connection has come.
#[derive(Debug)]
pub(crate) enum Stage {
    /// The ends are finding out who they are.
    Greeting(Box<Handshake>),
    /// The peer has proven its key.
    Greeted(Box<Greeted>),
}

/// A peer that has proven its key.
#[derive(Debug)]
pub(crate) struct Greeted {
    pub(crate) hello: Hello,
    pub(crate) ping: Ping,
    /// The most work of a branch that the peer said or showed to have.
    pub(crate) claim: Work,
    /// The height that goes with it.
    pub(crate) height: u64,
    pub(crate) messages: Recent<MessageId, KNOWN_MESSAGES_MAX>,
    pub(crate) asked_messages: BTreeSet<MessageId>,
    /// Messages that it announced while we were fetching blocks; at most as many as one packet announces.
    pub(crate) offered: Vec<MessageId>,
}

impl Greeted {
    pub(crate) fn new(hello: Hello, now: Moment) -> Self {
        Self {
            ping: Ping::new(now),
            claim: hello.total_work,
            height: hello.height,
            hello,
            messages: Recent::default(),
            asked_messages: BTreeSet::new(),
            offered: Vec::new(),
        }
    }

    /// The peer showed that it has a branch of this work.
    pub(crate) fn shows(&mut self, work: Work, height: u64) {
        if work > self.claim {
            (self.claim, self.height) = (work, height);
        }
    }

    pub(crate) fn is_full(&self) -> bool {
        self.hello.role == Role::Full
    }
}

impl Peer {
    pub(crate) fn greeted(&self) -> Option<&Greeted> {
        match &self.stage {
            Stage::Greeted(greeted) => Some(greeted),
            Stage::Greeting(_) => None,
        }
    }

    pub(crate) fn greeted_mut(&mut self) -> Option<&mut Greeted> {
        match &mut self.stage {
            Stage::Greeted(greeted) => Some(greeted),
            Stage::Greeting(_) => None,
        }
    }
}

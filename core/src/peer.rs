//! A peer: one connection, from its handshake on, and what we know that it knows.

use core::time::Duration;

use crate::agreement::Stance;
use crate::connection::Link;
use crate::handshake::Handshake;
use crate::link::{Epoch, Half};
use crate::message::MessageId;
use crate::ordered::OrderedSet;
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

/// How often a peer is answered that asks for addresses or links.
pub const ANSWER_INTERVAL: Duration = Duration::from_millis(500);
/// A certificate is renewed after so many epochs,
pub const RENEW_EPOCHS: u32 = 2;
/// or when the round trip is another by so much, in a thousandth.
const RENEW_PER_MILLE: u128 = 250;

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
    /// Where its chain ends, as far as it said.
    pub(crate) stance: Stance,
    pub(crate) messages: Recent<MessageId, KNOWN_MESSAGES_MAX>,
    pub(crate) asked_messages: OrderedSet<MessageId>,
    /// What it was asked, and when it was answered last.
    pub(crate) asked: Asked,
    /// Our newest half of this link's certificate.
    pub(crate) half: Option<Half>,
    /// Of which epoch its newest half is.
    pub(crate) certified: Option<Epoch>,
    /// The blocks that it told us of before all others, and that turned out to be valid,
    pub(crate) firsts: u64,
    /// and when the newest of them did.
    pub(crate) delivered: Option<Moment>,
    /// Messages that it announced while we were fetching blocks; at most as many as one packet announces.
    pub(crate) offered: Vec<MessageId>,
}

/// Exchanges with a peer about the network.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    /// Whether it owes us addresses.
    pub(crate) addresses: bool,
    /// Whether it owes us links.
    pub(crate) links: bool,
    answered: Option<Moment>,
}

impl Asked {
    /// Whether it is answered now: not more often than [`ANSWER_INTERVAL`].
    pub(crate) fn answers(&mut self, now: Moment) -> bool {
        let is_early = self.answered.is_some_and(|answered| now < answered + ANSWER_INTERVAL);
        if !is_early {
            self.answered = Some(now);
        }
        !is_early
    }
}

impl Greeted {
    /// Whether our half of the link's certificate is too old, or says something else than we measure now.
    pub(crate) fn is_certificate_due(&self, epoch: Epoch) -> bool {
        let Some(half) = &self.half else { return true };
        if half.epoch >= epoch {
            return false;
        }
        let (now, then) = (self.ping.latency().unwrap_or_default().as_micros(), u128::from(half.rtt_us));
        epoch.since(half.epoch) >= RENEW_EPOCHS || now.abs_diff(then) * 1_000 > then * RENEW_PER_MILLE
    }

    pub(crate) fn new(hello: Hello, now: Moment) -> Self {
        Self {
            ping: Ping::new(now),
            claim: hello.total_work,
            height: hello.height,
            stance: Stance::new(&hello),
            hello,
            messages: Recent::default(),
            asked_messages: OrderedSet::default(),
            offered: Vec::new(),
            asked: Asked::default(),
            half: None,
            certified: None,
            firsts: 0,
            delivered: None,
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

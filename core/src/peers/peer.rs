//! A peer: one connection, from its handshake on, and the state that we know it to have.

use core::time::Duration;

use crate::ledger::chain::Chain;
use crate::peers::allowance::Allowance;
use crate::peers::chain_status::{Agreement, PeerTip};
use crate::peers::outbound_slots::SLOTS_MAX;
use crate::peers::reconnect::TARGETS_MAX;
use crate::primitives::collections::fifo_set::FifoSet;
use crate::primitives::collections::ordered_map::OrderedSet;
use crate::primitives::message::MessageId;
use crate::primitives::pow::Work;
use crate::primitives::time::MonotonicTime;
use crate::protocol::connection::Direction;
use crate::protocol::handshake::Handshake;
use crate::protocol::link_certificate::{Epoch, LatencyAttestation};
use crate::protocol::packet::{Hello, MessageOffer, Role};
use crate::protocol::ping::Ping;

/// The most inbound connections of a full node, whatever is configured. When there are that many,
/// one of them is evicted for a newcomer.
pub const INBOUND_MAX: usize = 1_024;
/// The most outbound connections: configured ones, slots, and those that are being measured. Inbound
/// connections never take a place of this share. A further outbound connection is closed.
pub(crate) const OUTBOUND_MAX: usize = 128;
/// The most connections of a node: both shares together.
pub(crate) const PEERS_MAX: usize = INBOUND_MAX + OUTBOUND_MAX;
// A link may be measured while its successor is dialled, so each slot counts twice.
const _: () =
    assert!(TARGETS_MAX + 2 * SLOTS_MAX < OUTBOUND_MAX, "all links that a node opens fit in its share");
/// The number of newest messages that a peer is known to have.
pub(crate) const KNOWN_MESSAGES_MAX: usize = 8_192;
/// The most messages that are requested from a peer and not yet received. At this number, no more
/// are requested.
pub(crate) const REQUESTED_MESSAGES_MAX: usize = 4_096;

/// The shortest interval between answers to a peer's requests for addresses or links.
pub(crate) const ANSWER_INTERVAL: Duration = Duration::from_millis(500);
/// The number of epochs after which a certificate is renewed.
pub(crate) const RENEW_EPOCHS: u32 = 2;
/// The change of the round trip, in thousandths, at which a certificate is renewed.
const RENEW_PER_MILLE: u128 = 250;

/// A connection.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) link: Direction,
    pub(crate) since: MonotonicTime,
    pub(crate) stage: ConnectionStage,
}

/// The state of a connection.
#[derive(Debug)]
pub(crate) enum ConnectionStage {
    /// The handshake is in progress.
    Handshaking(Box<Handshake>),
    /// The handshake is complete: the peer has proven its key.
    Established(Box<EstablishedPeer>),
}

/// A peer that has proven its key.
#[derive(Debug)]
pub(crate) struct EstablishedPeer {
    pub(crate) hello: Hello,
    pub(crate) ping: Ping,
    /// The best known work of the peer's branches, reported or shown.
    pub(crate) claim: Work,
    /// The height that goes with it.
    pub(crate) height: u64,
    /// The end of its chain, as far as it is known.
    pub(crate) tip: PeerTip,
    /// The copies of messages that it has.
    pub(crate) messages: FifoSet<MessageOffer, KNOWN_MESSAGES_MAX>,
    pub(crate) requested_messages: OrderedSet<MessageId>,
    /// The requests that it may still make.
    pub(crate) allowance: Allowance,
    /// The open requests to it, and the time of its last answer from us.
    pub(crate) open_requests: OpenRequests,
    /// Our newest attestation for this link's certificate.
    pub(crate) attestation: Option<LatencyAttestation>,
    /// The epoch of its newest attestation.
    pub(crate) certified: Option<Epoch>,
    /// The number of valid blocks that it announced to us before all others.
    pub(crate) first_deliveries: u64,
    /// When the newest of these blocks arrived.
    pub(crate) last_delivery: Option<MonotonicTime>,
    /// Messages that it announced while we were fetching blocks, at most as many as in one packet.
    pub(crate) deferred_invs: Vec<MessageOffer>,
}

/// Exchanges with a peer about the network.
#[derive(Debug, Default)]
pub(crate) struct OpenRequests {
    /// True if we have requested addresses from it.
    pub(crate) addresses: bool,
    /// True if we have requested links from it.
    pub(crate) links: bool,
    answered: Option<MonotonicTime>,
}

impl OpenRequests {
    /// Returns true if it may be answered now, and notes the answer. Answers are at least
    /// [`ANSWER_INTERVAL`] apart.
    pub(crate) fn answers(&mut self, now: MonotonicTime) -> bool {
        let is_early = self.answered.is_some_and(|answered| now < answered + ANSWER_INTERVAL);
        if !is_early {
            self.answered = Some(now);
        }
        !is_early
    }
}

impl EstablishedPeer {
    /// Returns true if our attestation for the link is too old or differs too much from the current
    /// measurement.
    pub(crate) fn is_certificate_due(&self, epoch: Epoch) -> bool {
        let Some(ours) = &self.attestation else { return true };
        if ours.epoch >= epoch {
            return false;
        }
        let (now, then) = (self.ping.latency().unwrap_or_default().as_micros(), u128::from(ours.rtt_us));
        epoch.since(ours.epoch) >= RENEW_EPOCHS || now.abs_diff(then) * 1_000 > then * RENEW_PER_MILLE
    }

    pub(crate) fn new(hello: Hello, now: MonotonicTime) -> Self {
        Self {
            ping: Ping::new(now),
            claim: hello.total_work,
            height: hello.height,
            tip: PeerTip::new(&hello),
            hello,
            messages: FifoSet::default(),
            requested_messages: OrderedSet::default(),
            allowance: Allowance::default(),
            deferred_invs: Vec::new(),
            open_requests: OpenRequests::default(),
            attestation: None,
            certified: None,
            first_deliveries: 0,
            last_delivery: None,
        }
    }

    /// Notes that the peer has a branch of this work.
    pub(crate) fn note_work(&mut self, work: Work, height: u64) {
        if work > self.claim {
            (self.claim, self.height) = (work, height);
        }
    }

    pub(crate) fn is_full(&self) -> bool {
        self.hello.role == Role::Full
    }

    /// Returns how the peer's chain compares to ours. Returns `None` for a peer that keeps no
    /// blocks, because it only follows others.
    pub(crate) fn agreement(&self, chain: &Chain) -> Option<Agreement> {
        self.tip.compare(chain).filter(|_| self.is_full())
    }
}

impl Peer {
    pub(crate) fn established(&self) -> Option<&EstablishedPeer> {
        match &self.stage {
            ConnectionStage::Established(established) => Some(established),
            ConnectionStage::Handshaking(_) => None,
        }
    }

    pub(crate) fn established_mut(&mut self) -> Option<&mut EstablishedPeer> {
        match &mut self.stage {
            ConnectionStage::Established(established) => Some(established),
            ConnectionStage::Handshaking(_) => None,
        }
    }
}

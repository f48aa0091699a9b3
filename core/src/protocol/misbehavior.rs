//! Faults: the offences of peers, and the reasons for closing a connection.
//!
//! Specified in PROTOCOL.md, "On the wire".

use crate::ledger::validation::RuleError;
use crate::primitives::hash::Hash;
use crate::primitives::pow::Work;
use crate::proof::chain_proof::ProofError;
use crate::protocol::hello::Versions;

/// A peer's offence.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Misbehavior {
    /// A frame is empty, or its first byte is not a known packet.
    #[error("unknown packet {found}")]
    UnknownPacket {
        /// The first byte, or 256 for an empty frame.
        found: u16,
    },
    /// A frame is larger than its packet may be.
    #[error("{packet}: {found} bytes, at most {max} allowed")]
    PacketTooLarge {
        /// The packet.
        packet: &'static str,
        /// Its cap in bytes.
        max: usize,
        /// The frame's size in bytes.
        found: usize,
    },
    /// A frame is not a valid encoding of its packet.
    #[error("{packet}: malformed")]
    Malformed {
        /// The packet.
        packet: &'static str,
    },
    /// No version of the protocol in common.
    #[error("protocol version: expected {expected}, found {found}")]
    Version {
        /// Ours.
        expected: Versions,
        /// The peer's.
        found: Versions,
    },
    /// Another network.
    #[error("network: expected {expected}, found {found}")]
    Network {
        /// Ours.
        expected: Hash,
        /// The peer's.
        found: Hash,
    },
    /// The peer did not prove its key.
    #[error("the answer does not prove the node key")]
    KeyNotProven,
    /// A packet came before the handshake was complete.
    #[error("{packet} before the handshake was complete")]
    BeforeHandshake {
        /// The packet.
        packet: &'static str,
    },
    /// A handshake packet was repeated.
    #[error("{packet} again")]
    DuplicateHandshake {
        /// The packet.
        packet: &'static str,
    },
    /// The handshake took too long.
    #[error("no handshake in time")]
    HandshakeTimeout,
    /// A ping was not answered.
    #[error("no pong in time")]
    PingTimeout,
    /// An unsolicited pong.
    #[error("a pong to no ping")]
    UnsolicitedPong,
    /// A request was not answered in time.
    #[error("{request} not answered in time")]
    RequestTimeout {
        /// The request.
        request: &'static str,
    },
    /// An unsolicited response.
    #[error("{packet} that was not asked for")]
    Unsolicited {
        /// The packet.
        packet: &'static str,
    },
    /// A request for something that was sent already.
    #[error("{packet} for the same again")]
    RepeatedRequest {
        /// The request.
        packet: &'static str,
    },
    /// Headers that do not connect to one another or to the request.
    #[error("headers that do not connect at height {height}")]
    Disconnected {
        /// The height of the gap.
        height: u64,
    },
    /// A header breaks a rule.
    #[error("header {hash}: {error}")]
    InvalidHeader {
        /// The header.
        hash: Hash,
        /// The first rule that it breaks.
        error: Box<RuleError>,
    },
    /// A block breaks a rule, or its body does not match its header.
    #[error("block {hash}: {error}")]
    InvalidBlock {
        /// The block.
        hash: Hash,
        /// The first rule that it breaks.
        error: Box<RuleError>,
    },
    /// A proof that does not prove a chain.
    #[error("proof: {error}")]
    InvalidProof {
        /// The error in it.
        error: Box<ProofError>,
    },
    /// The signature of a message is not its sender's.
    #[error("message {id}: the signature is not its sender's")]
    InvalidMessage {
        /// The message.
        id: Hash,
    },
    /// The stamp of a message is under the least that anyone may relay.
    #[error("message {id}: a stamp of {found} hashes, at least {least} are due")]
    StampTooLow {
        /// The message.
        id: Hash,
        /// The least work.
        least: Work,
        /// The work of its stamp.
        found: Work,
    },
    /// The signatures of a certificate are not by the ends of the link.
    #[error("a link's certificate that its ends did not sign")]
    InvalidLink,
    /// The peer showed less work than it had claimed.
    #[error("less work than was claimed")]
    WorkNotShown,
}

/// The reason why a connection is closed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// The peer offended.
    #[error("{0}")]
    Fault(Misbehavior),
    /// The other end is this node itself.
    #[error("a connection to itself")]
    OwnKey,
    /// The same node is connected already.
    #[error("connected already")]
    Duplicate,
    /// There are as many connections as allowed.
    #[error("no room for another connection")]
    Full,
    /// There are as many inbound connections as allowed, and a newcomer needs this one's place.
    #[error("evicted: the node is full, and another peer takes this place")]
    Evicted,
    /// There are as many connections from one network as allowed.
    #[error("no room for another connection from this network")]
    Crowded,
    /// The peer offended recently.
    #[error("banned for a while")]
    Banned,
    /// The node's operator closed it.
    #[error("closed by the node's operator")]
    Dropped,
    /// The connection was made to measure it.
    #[error("measured")]
    Measured,
    /// Another link is worth more.
    #[error("replaced by another link")]
    Replaced,
}

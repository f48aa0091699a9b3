//! Packets: the messages between two peers, one binary frame each.
//!
//! Specified in PROTOCOL.md, "On the wire".
//!
//! A frame is [postcard](https://postcard.jamesmunns.com/wire-format): its first byte identifies
//! the packet. Each packet has a cap in bytes that is checked before anything is read. Each list
//! has a cap that is checked before it is allocated.

use bytes::Bytes;
use postcard::ser_flavors::Size;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::ledger::chain::LOCATOR_MAX;
use crate::primitives::block::{BLOCK_MESSAGES_MAX, Block, HEADER_BYTES, Header};
use crate::primitives::hash::Hash;
use crate::primitives::key::Signature;
use crate::primitives::message::{MESSAGE_BYTES_MAX, Message, MessageId};
use crate::protocol::address::{ADDRESS_BYTES_MAX, Address};
use crate::protocol::bounded::{BoundedBytes, BoundedString, BoundedVec};
use crate::protocol::compact_block::{BlockMessages, CompactBlock, GetMessagesAt};
use crate::protocol::hello::{HELLO_BYTES_MAX, Versions};
pub use crate::protocol::hello::{Hello, PROTOCOL_VERSION, Role};
use crate::protocol::limits::ADDRESSES_MAX;
use crate::protocol::limits::HEADERS_MAX;
use crate::protocol::limits::{
    BODIES_MAX, FAREWELL_BYTES_MAX, LINKS_MAX, MESSAGE_IDS_MAX, MESSAGES_MAX, PROOF_BYTES_MAX,
    block_packet_bytes_max,
};
use crate::protocol::link_certificate::{CERTIFICATE_BYTES, LatencyAttestation, LinkCertificate};
use crate::protocol::link_digest::{DIGEST_BYTES, LinkDigest};
use crate::protocol::misbehavior::Misbehavior;

/// The first byte of a hello.
const HELLO: u8 = 0;
/// A ping's size in bytes, and a pong's.
pub const PING_BYTES: usize = 17;

/// A message in the sender's mempool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct MessageOffer {
    /// The message.
    pub id: MessageId,
    /// The level of its stamp: [`crate::primitives::stamp::stamp_level`].
    pub level: u8,
}

/// The most bytes of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cap {
    /// This many bytes, in every network.
    Bytes(usize),
    /// As many as a block of the network takes: [`block_packet_bytes_max`].
    Block,
}

impl Cap {
    /// Returns the cap in bytes, in a network with this `block_bytes_max`.
    pub fn bytes(self, block_bytes_max: usize) -> usize {
        match self {
            Self::Bytes(bytes) => bytes,
            Self::Block => block_packet_bytes_max(block_bytes_max),
        }
    }
}

macro_rules! packets {
    ($($(#[$doc:meta])* $name:ident($body:ty) = $text:literal, at most $cap:expr;)*) => {
        /// One frame.
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
        pub enum Packet { $($(#[$doc])* $name($body),)* }

        impl Packet {
            /// Returns the packet's name, for logs, metrics and faults.
            pub fn name(&self) -> &'static str {
                match self { $(Self::$name(_) => $text,)* }
            }
        }

        /// Each packet's name and cap, in the order of their first bytes.
        pub const CAPS: &[(&str, Cap)] = &[$(($text, $cap),)*];
    };
}

packets! {
    /// Opens the handshake.
    Hello(Hello) = "hello", at most Cap::Bytes(HELLO_BYTES_MAX);
    /// Proves the node key: a signature over both hellos, as they were sent.
    Answer(Signature) = "answer", at most Cap::Bytes(80);
    /// Asks for the same bytes back at once.
    Ping([u8; 16]) = "ping", at most Cap::Bytes(PING_BYTES);
    /// Answers a ping.
    Pong([u8; 16]) = "pong", at most Cap::Bytes(PING_BYTES);
    /// Asks for the headers after the first of these hashes that the peer has on its best chain.
    GetHeaders(BoundedVec<Hash, LOCATOR_MAX>) = "get-headers", at most Cap::Bytes(4 + 32 * LOCATOR_MAX);
    /// Headers of the best chain, ascending. Fewer than [`HEADERS_MAX`] end it.
    Headers(BoundedVec<Header, HEADERS_MAX>) = "headers", at most Cap::Bytes(4 + (1 + HEADER_BYTES) * HEADERS_MAX);
    /// A new header, whose body the sender may not have yet.
    Announce(Header) = "announce", at most Cap::Bytes(2 + HEADER_BYTES);
    /// The sender has verified this block's body.
    Held(Hash) = "held", at most Cap::Bytes(33);
    /// Asks for blocks.
    GetBodies(BoundedVec<Hash, BODIES_MAX>) = "get-bodies", at most Cap::Bytes(4 + 32 * BODIES_MAX);
    /// A requested block.
    Body(Box<Block>) = "body", at most Cap::Block;
    /// A requested block that the sender does not have.
    Missing(Hash) = "missing", at most Cap::Bytes(33);
    /// Messages in the sender's mempool.
    Have(BoundedVec<MessageOffer, MESSAGE_IDS_MAX>) = "have", at most Cap::Bytes(4 + 33 * MESSAGE_IDS_MAX);
    /// Asks for messages.
    GetMessages(BoundedVec<MessageId, MESSAGE_IDS_MAX>) = "get-messages", at most Cap::Bytes(4 + 32 * MESSAGE_IDS_MAX);
    /// Requested messages.
    Messages(BoundedVec<Message, MESSAGES_MAX>) = "messages", at most Cap::Bytes(4 + (3 + MESSAGE_BYTES_MAX) * MESSAGES_MAX);
    /// The reason for closing the connection.
    Farewell(BoundedString<FAREWELL_BYTES_MAX>) = "farewell", at most Cap::Bytes(4 + FAREWELL_BYTES_MAX);
    /// A block's body, with short ids for its messages, sent without a request.
    Compact(Box<CompactBlock>) = "compact", at most Cap::Block;
    /// Asks for messages of a compact body.
    GetParts(GetMessagesAt) = "get-parts", at most Cap::Bytes(36 + 3 * BLOCK_MESSAGES_MAX);
    /// Messages of a compact body.
    Parts(BlockMessages) = "parts", at most Cap::Block;
    /// Asks for addresses of nodes.
    GetAddresses(()) = "get-addresses", at most Cap::Bytes(1);
    /// Addresses of nodes that the sender knows.
    Addresses(BoundedVec<Address, ADDRESSES_MAX>) = "addresses", at most Cap::Bytes(4 + (2 + ADDRESS_BYTES_MAX) * ADDRESSES_MAX);
    /// The sender's signed measurement of this link.
    Half(LatencyAttestation) = "half", at most Cap::Bytes(80);
    /// Asks for certificates of links that the sender lacks.
    GetLinks(Box<LinkDigest>) = "get-links", at most Cap::Bytes(3 + DIGEST_BYTES);
    /// Certificates of links.
    Links(BoundedVec<LinkCertificate, LINKS_MAX>) = "links", at most Cap::Bytes(4 + (2 + CERTIFICATE_BYTES) * LINKS_MAX);
    /// Asks for the proof of the best chain.
    GetProof(()) = "get-proof", at most Cap::Bytes(1);
    /// The proof of the sender's best chain, or no bytes if it has none.
    Proof(BoundedBytes<PROOF_BYTES_MAX>) = "proof", at most Cap::Bytes(4 + PROOF_BYTES_MAX);
}

impl Packet {
    /// Returns the packet as a frame.
    ///
    /// # Panics
    /// Never: every packet can be serialised, and memory is available.
    ///
    /// # Examples
    /// ```
    /// use plexus_core::Network;
    /// use plexus_core::protocol::packet::{PING_BYTES, Packet};
    ///
    /// let ping = Packet::Ping([7; 16]);
    /// let frame = ping.encode();
    /// assert_eq!((frame.len(), ping.name()), (PING_BYTES, "ping"));
    /// assert_eq!(Packet::decode(&frame, Network::plexus().block_bytes_max()), Ok(ping));
    /// ```
    pub fn encode(&self) -> Bytes {
        postcard::to_allocvec(self).expect("packets are made of what postcard can write").into()
    }

    /// Reads a frame, in a network whose blocks have at most `block_bytes_max` bytes.
    ///
    /// # Errors
    /// The fault of its sender.
    ///
    /// # Examples
    /// ```
    /// use plexus_core::Network;
    /// use plexus_core::protocol::misbehavior::Misbehavior;
    /// use plexus_core::protocol::packet::Packet;
    ///
    /// let max = Network::plexus().block_bytes_max();
    /// assert_eq!(Packet::decode(&[], max), Err(Misbehavior::UnknownPacket { found: 256 }));
    /// assert_eq!(Packet::decode(&[99], max), Err(Misbehavior::UnknownPacket { found: 99 }));
    /// let large = Packet::decode(&[2; 18], max);
    /// let fault = Misbehavior::PacketTooLarge { packet: "ping", max: 17, found: 18 };
    /// assert_eq!(large, Err(fault));
    /// assert_eq!(Packet::decode(&[2], max), Err(Misbehavior::Malformed { packet: "ping" }));
    /// ```
    pub fn decode(frame: &[u8], block_bytes_max: usize) -> Result<Self, Misbehavior> {
        let Some(&first) = frame.first() else { return Err(Misbehavior::UnknownPacket { found: 256 }) };
        let Some(&(packet, cap)) = CAPS.get(usize::from(first)) else {
            return Err(Misbehavior::UnknownPacket { found: first.into() });
        };
        let max = cap.bytes(block_bytes_max);
        if frame.len() > max {
            return Err(Misbehavior::PacketTooLarge { packet, max, found: frame.len() });
        }
        if first == HELLO {
            return read_hello(&frame[1..]).map(Self::Hello);
        }
        match postcard::take_from_bytes(frame) {
            Ok((decoded, [])) if shortest_len(&decoded, frame) == Some(frame.len()) => Ok(decoded),
            _ => Err(Misbehavior::Malformed { packet }),
        }
    }
}

/// Returns the size that a packet's frame has with all varints in the shortest form.
fn shortest_len(packet: &Packet, frame: &[u8]) -> Option<usize> {
    if let Packet::Addresses(_) = packet {
        // The text of an address has several forms. All else is written in one way only.
        let texts: (u8, BoundedVec<&str, ADDRESSES_MAX>) = postcard::from_bytes(frame).ok()?;
        return postcard::serialize_with_flavor(&texts, Size::default()).ok();
    }
    postcard::serialize_with_flavor(packet, Size::default()).ok()
}

/// Reads the bytes of a hello after its number. Bytes after the known fields are skipped.
///
/// # Errors
/// [`Misbehavior::Version`] if the sender has no version in common with us, because the rest of its
/// hello may then have another layout. [`Misbehavior::Malformed`] otherwise.
fn read_hello(bytes: &[u8]) -> Result<Hello, Misbehavior> {
    let malformed = |_| Misbehavior::Malformed { packet: "hello" };
    let (found, _) = postcard::take_from_bytes::<Versions>(bytes).map_err(malformed)?;
    if Versions::OURS.common(found).is_none() {
        return Err(Misbehavior::Version { expected: Versions::OURS, found });
    }
    postcard::take_from_bytes(bytes).map(|(hello, _skipped)| hello).map_err(malformed)
}

/// Returns the frame of a [`Packet::Body`] for a block that is already encoded. A driver sends it
/// from its store.
///
/// # Panics
/// Never: bytes can be serialised.
///
/// # Examples
/// ```
/// use plexus_core::Network;
/// use plexus_core::protocol::packet::{Packet, body_frame};
///
/// let block = Network::dev().genesis_block();
/// // The store keeps blocks encoded, so it need not decode them to send them.
/// let frame = body_frame(&block.encode());
/// let packet = Packet::decode(&frame, Network::dev().block_bytes_max());
/// assert_eq!(packet, Ok(Packet::Body(Box::new(block))));
/// ```
pub fn body_frame(block: &[u8]) -> Bytes {
    const BODY: u8 = 9;
    debug_assert_eq!(CAPS[usize::from(BODY)].0, "body");
    let mut frame = Vec::with_capacity(block.len() + 8);
    frame.push(BODY);
    postcard::to_extend(&Raw(block), frame).expect("bytes can be written").into()
}

struct Raw<'a>(&'a [u8]);

impl Serialize for Raw<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0)
    }
}

/// Serialises values with a layout of their own as their bytes.
macro_rules! travels_as_bytes {
    ($($name:ty),*) => {$(
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_bytes(&self.encode())
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Self::decode(<&[u8]>::deserialize(deserializer)?).map_err(D::Error::custom)
            }
        }
    )*};
}

travels_as_bytes!(Header, Message, Block, LinkCertificate, LinkDigest);

#[cfg(test)]
mod tests;

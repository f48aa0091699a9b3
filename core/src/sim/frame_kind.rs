//! The kinds of frames that the network between nodes distinguishes, by a frame's first byte.

use crate::protocol::packet::CAPS;

/// The kind of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FrameKind {
    /// Opens a connection.
    Greeting,
    /// Proves the identity of the node that opened it.
    Proof,
    /// A ping or a pong.
    Ping,
    /// One new header.
    Announce,
    /// Announces that the sender has a body.
    Held,
    /// A block, in any form.
    Body,
    /// The parts that a compact block lacks.
    Parts,
    /// Many headers.
    Headers,
    /// Messages on offer.
    Offer,
    /// Asks for something.
    Request,
    /// Answers a request with any other data.
    Answer,
    /// Gives the reason why a connection is closed.
    Farewell,
    /// Any other frame.
    Other,
}

impl FrameKind {
    fn named(name: &str) -> Self {
        match name {
            "hello" => Self::Greeting,
            "answer" => Self::Proof,
            "ping" | "pong" => Self::Ping,
            "announce" => Self::Announce,
            "held" => Self::Held,
            "body" | "compact" => Self::Body,
            "parts" => Self::Parts,
            "headers" => Self::Headers,
            "have" => Self::Offer,
            "missing" | "messages" | "addresses" | "links" | "proof" => Self::Answer,
            "farewell" => Self::Farewell,
            name if name.starts_with("get-") => Self::Request,
            _ => Self::Other,
        }
    }

    /// Returns true if it carries headers or blocks, which take a while to handle.
    pub(super) fn takes_a_hop(self) -> bool {
        matches!(self, Self::Announce | Self::Body | Self::Parts | Self::Headers)
    }
}

/// The kinds of all packets, by their first bytes.
#[derive(Debug)]
pub(super) struct FrameKinds([FrameKind; 256]);

impl FrameKinds {
    pub(super) fn new() -> Self {
        let mut kinds = [FrameKind::Other; 256];
        for (kind, (name, _)) in kinds.iter_mut().zip(CAPS) {
            *kind = FrameKind::named(name);
        }
        Self(kinds)
    }

    pub(super) fn of(&self, frame: &[u8]) -> FrameKind {
        frame.first().map_or(FrameKind::Other, |&first| self.0[usize::from(first)])
    }
}

/// Returns the height of the header that a frame announces. A packet's name and a length precede
/// the header's 96 bytes.
pub(super) fn announced_height(frame: &[u8]) -> Option<u64> {
    Some(u64::from_be_bytes(frame.get(70..78)?.try_into().ok()?))
}

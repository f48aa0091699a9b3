//! Kinds of packets, as far as the network between nodes tells them apart: by a frame's first byte.

use crate::wire::CAPS;

/// What a frame is, to the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Opens a connection.
    Greeting,
    /// Proves who opened it.
    Proof,
    /// A ping or a pong.
    Ping,
    /// One new header.
    Announce,
    /// Says that a body is held.
    Held,
    /// A block, in whatever form.
    Body,
    /// What a block lacks.
    Parts,
    /// Many headers.
    Headers,
    /// Messages on offer.
    Offer,
    /// Asks for something.
    Request,
    /// Answers a request, with something else than the above.
    Answer,
    /// Says why a connection is closed.
    Farewell,
    /// Anything else.
    Other,
}

impl Kind {
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

    /// Whether it carries headers or blocks, which take a while to handle.
    pub(super) fn takes_a_hop(self) -> bool {
        matches!(self, Self::Announce | Self::Body | Self::Parts | Self::Headers)
    }
}

/// The kinds of all packets, by their first bytes.
#[derive(Debug)]
pub(super) struct Kinds([Kind; 256]);

impl Kinds {
    pub(super) fn new() -> Self {
        let mut kinds = [Kind::Other; 256];
        for (kind, (name, _)) in kinds.iter_mut().zip(CAPS) {
            *kind = Kind::named(name);
        }
        Self(kinds)
    }

    pub(super) fn of(&self, frame: &[u8]) -> Kind {
        frame.first().map_or(Kind::Other, |&first| self.0[usize::from(first)])
    }
}

/// The height of the header that a frame announces: a packet's name and a length before the header's 96 bytes.
pub(super) fn announced_height(frame: &[u8]) -> Option<u64> {
    Some(u64::from_be_bytes(frame.get(70..78)?.try_into().ok()?))
}

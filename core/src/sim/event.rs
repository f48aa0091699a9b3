//! Events: all that can happen in a simulated network, to a host, to a link or by a user.

use bytes::Bytes;

use super::link::LinkEnd;
use crate::protocol::address::Address;

/// A pending event.
#[derive(Debug)]
pub(super) enum SimEvent {
    /// A frame arrives and is handled.
    Arrive { host: u32, end: LinkEnd, frame: Bytes },
    /// An end learns that the link is closed.
    Closed(LinkEnd),
    /// A host's tick is due.
    Tick(u32),
    /// A dial is answered. It counts only in the life of `from` in which it began.
    Open { from: u32, to: u32, life: u32 },
    /// A host learns that nothing listens at an address.
    DialFailed { host: u32, to: Box<Address>, life: u32 },
    /// A host that lacks links looks for some.
    Seek(u32),
    /// A block is found.
    Draw,
    /// A user writes a message.
    Write,
    /// A host replaces the links that serve it worst.
    Rotate(u32),
    /// A Byzantine host attacks.
    AdversaryActs(u32),
    /// A host leaves for a while.
    Leave { host: u32, life: u32 },
    /// A host restarts from its store.
    Return(u32),
    /// Some host crashes.
    Crash,
    /// The network is partitioned.
    Cut,
    /// The partition ends.
    Heal,
    /// The next step of winding down, after all nodes have gone quiet.
    Settle,
}

impl SimEvent {
    /// Returns the event's number, the host or link end that it concerns, and a detail that
    /// distinguishes it from others of its kind.
    pub(super) fn summary(&self) -> (u8, u32, u32) {
        match self {
            Self::Arrive { end, frame, .. } => {
                let first = frame.first().copied().unwrap_or(u8::MAX);
                let size = u32::try_from(frame.len()).unwrap_or(u32::MAX);
                (0, end.number(), (size << 8) | u32::from(first))
            }
            Self::Closed(end) => (1, end.number(), 0),
            Self::Tick(host) => (2, *host, 0),
            Self::Open { from, to, .. } => (3, *from, *to),
            Self::DialFailed { host, .. } => (4, *host, 0),
            Self::Seek(host) => (5, *host, 0),
            Self::Draw => (6, 0, 0),
            Self::Write => (7, 0, 0),
            Self::Rotate(host) => (8, *host, 0),
            Self::AdversaryActs(host) => (9, *host, 0),
            Self::Leave { host, .. } => (10, *host, 0),
            Self::Return(host) => (11, *host, 0),
            Self::Crash => (12, 0, 0),
            Self::Cut => (13, 0, 0),
            Self::Heal => (14, 0, 0),
            Self::Settle => (15, 0, 0),
        }
    }
}

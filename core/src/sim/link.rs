//! A link: two ends, the latency between them, and the time when each direction is next free.

use crate::node::ConnectionId;

/// The wait before a lost frame is sent again, beyond a round trip, microseconds.
pub(super) const RESEND_US: u64 = 200_000;
/// The number of losses of one frame in a row that ends a link.
pub(super) const LOSSES_MAX: u32 = 6;

/// One end of a link: the link's number, and whether this end dialled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct LinkEnd(u32);

impl LinkEnd {
    pub(super) fn dialling(link: u32) -> Self {
        Self(link * 2)
    }

    pub(super) fn link(self) -> usize {
        (self.0 / 2) as usize
    }

    /// Returns 0 for the end that dialled, and 1 for the other.
    pub(super) fn side(self) -> usize {
        (self.0 % 2) as usize
    }

    pub(super) fn far(self) -> Self {
        Self(self.0 ^ 1)
    }

    pub(super) fn number(self) -> u32 {
        self.0
    }

    /// Returns the connection's number at the node of this end. Numbers are never reused.
    pub(super) fn peer(self) -> ConnectionId {
        ConnectionId(u64::from(self.0) + 1)
    }

    pub(super) fn of(peer: ConnectionId) -> Self {
        Self(u32::try_from(peer.0.saturating_sub(1)).unwrap_or(u32::MAX))
    }
}

/// A link between two hosts, of which the first dialled.
#[derive(Debug)]
pub(super) struct SimLink {
    pub(super) hosts: [u32; 2],
    pub(super) one_way_us: u32,
    /// Whether each end considers it open.
    pub(super) open: [bool; 2],
    /// Whether pings on it are answered nearer than its ends are.
    pub(super) lies: bool,
    /// The time when the last frame of each direction, indexed by its sender, arrives at the other
    /// end.
    arrived: [u64; 2],
    /// The time when the last frame that is not a ping is handled there.
    handled: [u64; 2],
}

impl SimLink {
    pub(super) fn new(hosts: [u32; 2], rtt_us: u32) -> Self {
        Self { hosts, one_way_us: rtt_us / 2, open: [true; 2], lies: false, arrived: [0; 2], handled: [0; 2] }
    }

    pub(super) fn rtt_us(&self) -> u64 {
        u64::from(self.one_way_us) * 2
    }

    /// Returns the time at which a frame is handled that by itself arrives at `at` and takes
    /// `hop_us` to handle. Frames never overtake one another. Only pings pass frames that are being
    /// handled.
    pub(super) fn deliver(&mut self, sender: usize, at: u64, hop_us: u64, ping: bool) -> u64 {
        let arrived = self.arrived[sender].max(at);
        self.arrived[sender] = arrived;
        if ping {
            return arrived;
        }
        let handled = self.handled[sender].max(arrived + hop_us);
        self.handled[sender] = handled;
        handled
    }
}

//! The schedule: when the node takes its next steps, and the intervals of its periodic tasks.

use core::time::Duration;

use crate::primitives::time::MonotonicTime;

/// The interval between requests for links to a peer.
pub(crate) const LINKS_INTERVAL: Duration = Duration::from_secs(60);
/// The interval between checks for links that have to be certified.
pub(crate) const CERTIFY_INTERVAL: Duration = Duration::from_secs(30);

/// Why a node wants to be ticked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wake {
    /// To dial again.
    Dial,
    /// To ping, or to give up on a silent peer or an unfinished handshake.
    Ping,
    /// To give up on an unanswered request.
    Request,
    /// To advance the job's time.
    Job,
    /// A header from the future has become acceptable.
    Early,
    /// To maintain the links and the knowledge of the network.
    Neighbours,
    /// To push a body to a peer whose silence shows that it waits for it.
    Push,
}

/// The times of the node's steps.
#[derive(Debug)]
pub(crate) struct Schedule {
    /// When to take the next steps if nothing changes.
    pub(crate) wake: Option<(MonotonicTime, Wake)>,
    /// When the last steps were taken.
    pub(crate) last_advance: MonotonicTime,
    /// True if a change since then requires further steps.
    pub(crate) dirty: bool,
    /// The earliest time at which a peer has to be pinged or given up.
    pub(crate) peers_wake: MonotonicTime,
}

impl Schedule {
    /// Creates a schedule whose first steps are due.
    pub(crate) fn new() -> Self {
        Self {
            wake: None,
            last_advance: MonotonicTime::default(),
            dirty: true,
            peers_wake: MonotonicTime::default(),
        }
    }

    /// Returns true if further steps are due.
    pub(crate) fn is_due(&self, now: MonotonicTime) -> bool {
        self.dirty || self.wake.is_some_and(|(at, _)| at <= now)
    }

    /// Notes that a peer has to be pinged or given up at a time.
    pub(crate) fn ping_at(&mut self, at: MonotonicTime) {
        self.peers_wake = self.peers_wake.min(at);
        if self.wake.is_none_or(|(wake, _)| at < wake) {
            self.wake = Some((at, Wake::Ping));
        }
    }
}

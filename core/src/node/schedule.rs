//! The schedule: the times of the node's periodic tasks.

use core::time::Duration;

use crate::primitives::time::MonotonicTime;

/// The interval between requests for links to a peer.
pub(super) const LINKS_INTERVAL: Duration = Duration::from_secs(60);
/// The interval between checks for links that have to be certified.
pub(super) const CERTIFY_INTERVAL: Duration = Duration::from_secs(30);

/// The times of the next maintenance tasks.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct PlanningRounds {
    pub(super) slots: MonotonicTime,
    pub(super) addresses: MonotonicTime,
    pub(super) links: MonotonicTime,
    pub(super) certificates: MonotonicTime,
    pub(super) book: MonotonicTime,
}

impl PlanningRounds {
    pub(super) fn next(&self) -> MonotonicTime {
        self.slots.min(self.addresses).min(self.links).min(self.certificates).min(self.book)
    }

    /// Notes that the links changed: the next steps check them.
    pub(super) fn stir(&mut self) {
        self.slots = MonotonicTime::default();
    }
}

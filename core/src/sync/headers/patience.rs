//! The time for which bodies and mining wait for headers.

use core::time::Duration;

use crate::primitives::time::MonotonicTime;

/// The time for which bodies and mining wait for headers, counted from the first request that
/// brought none with more work. A peer that repeatedly claims more than it has delays other nodes
/// no longer than this.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The wait for headers with more work.
#[derive(Debug, Default)]
pub(super) struct Patience {
    /// The time until which headers are waited for, since the first request that has brought
    /// nothing yet.
    until: Option<MonotonicTime>,
    is_over: bool,
}

impl Patience {
    /// Starts the wait, unless it has started.
    pub(super) fn start(&mut self, now: MonotonicTime) {
        self.until.get_or_insert(now + PATIENCE);
    }

    /// Ends the wait, because the headers were useful.
    pub(super) fn reset(&mut self) {
        *self = Self::default();
    }

    pub(super) fn tick(&mut self, now: MonotonicTime) {
        self.is_over = self.until.is_some_and(|until| until <= now);
    }

    /// Returns true if headers are not waited for any longer.
    pub(super) fn is_over(&self) -> bool {
        self.is_over
    }

    /// Returns the time until which headers are waited for.
    pub(super) fn deadline(&self) -> Option<MonotonicTime> {
        self.until.filter(|_| !self.is_over)
    }
}

//! The clock: the only module that reads the time.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use plexus_core::primitives::time::{MonotonicTime, Now, Timestamp};

/// Both clocks. The monotonic one counts from its start.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    beginning: Instant,
}

impl Clock {
    /// Creates a clock whose moments count from now.
    pub fn start() -> Self {
        Self { beginning: Instant::now() }
    }

    /// Returns the current time of both clocks.
    pub fn now(&self) -> Now {
        Now { time: time(), moment: MonotonicTime::from_micros(micros(self.beginning.elapsed())) }
    }

    /// Returns the instant of a moment, for a timer.
    pub fn instant(&self, moment: MonotonicTime) -> Instant {
        self.beginning + Duration::from_micros(moment.as_micros())
    }
}

/// Returns the local clock's unix time. Returns 1970 if the clock is set to an earlier time.
pub fn time() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_unix_ms(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

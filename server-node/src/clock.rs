//! The clock: the only place that reads the time.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use plexus_core::time::{Moment, Now, Time};

/// Both clocks, the monotonic one from its own beginning.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    beginning: Instant,
}

impl Clock {
    /// A clock whose moments count from now on.
    pub fn start() -> Self {
        Self { beginning: Instant::now() }
    }

    /// What time it is.
    pub fn now(&self) -> Now {
        Now { time: time(), moment: Moment::from_micros(micros(self.beginning.elapsed())) }
    }

    /// When a moment comes, for a timer.
    pub fn instant(&self, moment: Moment) -> Instant {
        self.beginning + Duration::from_micros(moment.as_micros())
    }
}

/// The local clock's unix time; 1970 when it is set to before that.
pub fn time() -> Time {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Time::from_unix_ms(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

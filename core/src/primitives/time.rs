//! Time as an input: core has no clock, and its driver supplies the time.
//!
//! Specified in PROTOCOL.md, "Conventions".
//!
//! [`Timestamp`] is the unix time in blocks and messages, which consensus compares. [`MonotonicTime`] never
//! jumps and serves latencies and deadlines. A driver reads both at once into a [`Now`].

use core::fmt;
use core::ops::{Add, Sub};
use core::time::Duration;

/// Unix time in milliseconds.
///
/// ```
/// use plexus_core::primitives::time::Timestamp;
///
/// let time = Timestamp::from_unix_ms(1_767_225_600_000);
/// assert_eq!(time.to_string(), "2026-01-01T00:00:00.000Z");
/// assert_eq!(time.plus_ms(15_000).ms_since(time), 15_000);
/// assert_eq!(time.ms_since(time.plus_ms(15_000)), 0, "no time is negative");
/// ```
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(transparent)]
pub struct Timestamp(u64);

impl Timestamp {
    /// Creates a time from unix milliseconds.
    pub const fn from_unix_ms(ms: u64) -> Self {
        Self(ms)
    }

    /// Returns unix milliseconds.
    pub const fn unix_ms(self) -> u64 {
        self.0
    }

    /// Returns the time `ms` later, or the last possible time.
    #[must_use]
    pub const fn plus_ms(self, ms: u64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// Returns the time `ms` earlier, or the first possible time.
    #[must_use]
    pub const fn minus_ms(self, ms: u64) -> Self {
        Self(self.0.saturating_sub(ms))
    }

    /// Returns the milliseconds between an earlier time and this one, or 0 if `earlier` is later.
    pub const fn ms_since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl fmt::Display for Timestamp {
    /// Writes RFC 3339 in UTC with milliseconds, as `2026-01-01T00:00:00.000Z`.
    ///
    /// The calendar is Howard Hinnant's `civil_from_days`: exact for every u64 of milliseconds.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DAY_MS: u64 = 86_400_000;
        let (days, ms) = (self.0 / DAY_MS, self.0 % DAY_MS);
        let shifted = days + 719_468;
        let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
        let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
        let year = year_of_era + era * 400 + u64::from(month <= 2);
        let (hour, minute, second) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1_000 % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:03}Z", ms % 1_000)
    }
}

/// Microseconds on the driver's monotonic clock, whose start is arbitrary.
///
/// ```
/// use core::time::Duration;
/// use plexus_core::primitives::time::MonotonicTime;
///
/// let start = MonotonicTime::from_micros(5);
/// let later = start + Duration::from_secs(1);
/// assert_eq!(later - start, Duration::from_secs(1));
/// assert_eq!(start - later, Duration::ZERO);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MonotonicTime(u64);

impl MonotonicTime {
    /// Creates a moment from microseconds since the clock's start.
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// Returns the microseconds since the clock's start.
    pub const fn as_micros(self) -> u64 {
        self.0
    }
}

impl Add<Duration> for MonotonicTime {
    type Output = Self;

    fn add(self, later: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(later.as_micros()).unwrap_or(u64::MAX)))
    }
}

impl Sub for MonotonicTime {
    type Output = Duration;

    fn sub(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }
}

/// The current time, on both clocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// The local clock's unix time.
    pub time: Timestamp,
    /// The monotonic clock's time.
    pub moment: MonotonicTime,
}

impl Now {
    /// Returns the moment when the local clock will show `time`.
    ///
    /// ```
    /// use core::time::Duration;
    /// use plexus_core::primitives::time::{MonotonicTime, Now, Timestamp};
    ///
    /// let (time, moment) = (Timestamp::from_unix_ms(1_000), MonotonicTime::from_micros(7));
    /// let now = Now { time, moment };
    /// assert_eq!(now.moment_of(time.plus_ms(250)), moment + Duration::from_millis(250));
    /// assert_eq!(now.moment_of(time.minus_ms(250)), moment, "the past is due now");
    /// ```
    pub fn moment_of(self, time: Timestamp) -> MonotonicTime {
        self.moment + Duration::from_millis(time.ms_since(self.time))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_times_as_rfc_3339() {
        for (ms, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_399_999, "2000-02-28T23:59:59.999Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (1_767_225_600_000, "2026-01-01T00:00:00.000Z"),
            (4_107_542_399_000, "2100-02-28T23:59:59.000Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
        ] {
            assert_eq!(Timestamp::from_unix_ms(ms).to_string(), text);
        }
        assert!(Timestamp::from_unix_ms(u64::MAX).to_string().ends_with('Z'));
    }
}

//! The clock's offset: how far the local clock is ahead of other nodes' clocks.
//!
//! Peers do not tell their times. But a node answers the request for a socket with the `Date` of
//! its clock, to the second, and this node compares that with its own clock. Only nodes that this
//! node dialled count: nobody can add a clock by connecting.
//!
//! Bounds: the newest measurement of each of the last [`SAMPLES_MAX`] addresses. The offset is
//! their median. It is known from [`SAMPLES_MIN`] addresses on, or from one that the operator
//! named. A wrong clock among three does not move the median beyond the others.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use plexus_core::primitives::time::Timestamp;
use plexus_core::protocol::address::Address;

/// The most addresses whose clocks are remembered. The oldest is forgotten for another.
pub(crate) const SAMPLES_MAX: usize = 16;
/// The addresses that are enough, if the operator named none of them.
pub(crate) const SAMPLES_MIN: usize = 3;
/// A request that took longer than this tells too little of the other clock.
const ROUND_TRIP_MAX: Duration = Duration::from_secs(10);

/// The newest measurements.
#[derive(Debug, Default)]
pub(crate) struct ClockOffsets {
    /// The addresses that the operator named.
    configured: Vec<Address>,
    samples: Mutex<VecDeque<Sample>>,
}

#[derive(Clone, Debug)]
struct Sample {
    address: Address,
    /// How far the local clock is ahead, in milliseconds.
    ahead_ms: i64,
}

impl ClockOffsets {
    /// Creates an empty list. `configured` are the addresses that the operator named.
    pub(crate) fn new(configured: Vec<Address>) -> Self {
        Self { configured, samples: Mutex::default() }
    }

    /// Notes the `Date` header of an answer to a request that was sent at `asked` and answered at
    /// `answered`, by the local clock. A date that cannot be read is ignored.
    pub(crate) fn note(&self, address: &Address, date: &str, (asked, answered): (Timestamp, Timestamp)) {
        let Some(ahead_ms) = ahead(date, asked, answered) else { return };
        let mut samples = self.samples.lock().unwrap_or_else(PoisonError::into_inner);
        samples.retain(|sample| sample.address != *address);
        if samples.len() >= SAMPLES_MAX {
            samples.pop_front();
        }
        samples.push_back(Sample { address: address.clone(), ahead_ms });
    }

    /// Returns how far the local clock is ahead of the others, in seconds, if it is known.
    pub(crate) fn seconds(&self) -> Option<f64> {
        let samples = self.samples.lock().unwrap_or_else(PoisonError::into_inner);
        let is_configured = |sample: &Sample| self.configured.contains(&sample.address);
        if samples.len() < SAMPLES_MIN && !samples.iter().any(is_configured) {
            return None;
        }
        let mut ahead: Vec<_> = samples.iter().map(|sample| sample.ahead_ms).collect();
        ahead.sort_unstable();
        let middle = ahead.get(ahead.len() / 2)?;
        Some(*middle as f64 / 1e3)
    }
}

/// Returns the milliseconds that the local clock is ahead of a clock that showed `date` while the
/// request was under way. Returns `None` if the date cannot be read or the request took too long.
fn ahead(date: &str, asked: Timestamp, answered: Timestamp) -> Option<i64> {
    let took_ms = answered.ms_since(asked);
    if u128::from(took_ms) > ROUND_TRIP_MAX.as_millis() {
        return None;
    }
    let date = httpdate::parse_http_date(date).ok()?.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    // The date is cut to whole seconds. On average it is half a second older than the clock.
    let theirs = i64::try_from(date.as_millis()).ok()?.checked_add(500)?;
    let ours = i64::try_from(asked.plus_ms(took_ms / 2).unix_ms()).ok()?;
    ours.checked_sub(theirs)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DATE: &str = "Thu, 01 Jan 2026 00:00:00 GMT";
    const DATE_MS: u64 = 1_767_225_600_000;

    fn address(number: usize) -> Address {
        format!("ws://node{number}:1").parse().unwrap()
    }

    fn note(offsets: &ClockOffsets, number: usize, ahead_ms: u64) {
        let time = Timestamp::from_unix_ms(DATE_MS + 500 + ahead_ms);
        offsets.note(&address(number), DATE, (time, time));
    }

    #[test]
    fn the_middle_of_the_round_trip_is_compared() {
        let at = |ms| Timestamp::from_unix_ms(DATE_MS + ms);
        assert_eq!(ahead(DATE, at(0), at(1_000)), Some(0));
        assert_eq!(ahead(DATE, at(60_000), at(60_000)), Some(59_500));
        assert_eq!(ahead(DATE, at(0), at(10_001)), None, "it took too long");
        let early = Timestamp::from_unix_ms(DATE_MS - 60_000);
        assert_eq!(ahead(DATE, early, early), Some(-60_500));
        for bad in ["", "yesterday", "Thu, 01 Jan 2026 00:00:00", "Thu, 01 Jan 1901 00:00:00 GMT"] {
            assert_eq!(ahead(bad, at(0), at(0)), None, "{bad}");
        }
    }

    #[test]
    fn one_named_node_or_three_others_are_enough() {
        let offsets = ClockOffsets::default();
        note(&offsets, 1, 1_000);
        note(&offsets, 2, 2_000);
        note(&offsets, 2, 2_500);
        assert_eq!(offsets.seconds(), None, "an address counts once");
        note(&offsets, 3, 90_000);
        assert_eq!(offsets.seconds(), Some(2.5), "the median");
        let named = ClockOffsets::new(vec![address(7), address(1)]);
        note(&named, 1, 40_000);
        assert_eq!(named.seconds(), Some(40.0));
    }

    #[test]
    fn old_measurements_make_room() {
        let offsets = ClockOffsets::default();
        (0..SAMPLES_MAX).for_each(|number| note(&offsets, number, 50_000));
        (0..SAMPLES_MAX).for_each(|number| note(&offsets, 100 + number, 1_000));
        assert_eq!(offsets.seconds(), Some(1.0));
        assert_eq!(offsets.samples.lock().unwrap().len(), SAMPLES_MAX);
    }
}

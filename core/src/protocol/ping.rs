//! Pings: show that a peer is alive, and measure its latency.
//!
//! Specified in PROTOCOL.md, "On the wire".
//!
//! A ping is 16 unpredictable bytes, so a peer cannot answer early. Latency is the least of the
//! last 8 medians of three, which removes jitter. Pings are frequent until there is a median. Then
//! they slow down to [`PING_INTERVAL_MAX`]: the latency of a lasting link is well known, so pings
//! only have to show that it is alive.

use crate::primitives::time::MonotonicTime;
use crate::protocol::misbehavior::Misbehavior;
use core::time::Duration;

/// The time between a pong and the next ping once there is a median. It doubles with each further
/// median.
pub(crate) const PING_INTERVAL: Duration = Duration::from_secs(10);
/// The longest time between a pong and the next ping.
pub(crate) const PING_INTERVAL_MAX: Duration = Duration::from_secs(40);
/// A ping is sent early, with one that is due, if it is due within this fraction of its interval.
/// So a node wakes once for many links.
const COALESCE_FRACTION: u32 = 4;
/// The time to wait for a pong.
pub(crate) const PONG_TIMEOUT: Duration = Duration::from_secs(20);
/// The number of round trips in a median.
const TRIPS_MAX: usize = 3;
/// The number of medians that are kept.
const MEDIANS_MAX: usize = 8;

/// The pings of one link.
#[derive(Debug)]
pub(crate) struct Ping {
    sent: Option<([u8; 16], MonotonicTime)>,
    next: MonotonicTime,
    /// The round trips since the last median, microseconds.
    samples: [u32; TRIPS_MAX],
    trips_len: u8,
    /// The medians, microseconds. The newest replaces the oldest.
    medians: [u32; MEDIANS_MAX],
    medians_made: u32,
}

impl Ping {
    /// Creates the state of a new link. The first ping is due at once.
    pub(crate) fn new(now: MonotonicTime) -> Self {
        Self {
            sent: None,
            next: now,
            samples: [0; TRIPS_MAX],
            trips_len: 0,
            medians: [0; MEDIANS_MAX],
            medians_made: 0,
        }
    }

    /// Returns the round trip. Before the first median, it is the least measured one.
    pub(crate) fn latency(&self) -> Option<Duration> {
        let medians = self.medians.iter().take(self.medians_made as usize).min();
        let trips = self.samples.iter().take(usize::from(self.trips_len)).min();
        medians.or(trips).map(|&micros| Duration::from_micros(micros.into()))
    }

    /// Returns true if there is a median. A single round trip is not reliable.
    pub(crate) fn is_settled(&self) -> bool {
        self.medians_made > 0
    }

    /// Returns the time of the next tick.
    pub(crate) fn deadline(&self) -> MonotonicTime {
        self.sent.map_or(self.next, |(_, sent)| sent + PONG_TIMEOUT)
    }

    /// Returns the time from a pong to the next ping.
    fn interval(&self) -> Duration {
        match self.medians_made {
            // The first median is urgent, because it decides which peers to ask.
            0 => Duration::ZERO,
            made => PING_INTERVAL.saturating_mul(1 << (made - 1).min(16)).min(PING_INTERVAL_MAX),
        }
    }

    /// Returns a ping of `bytes` if one is due, or nearly due.
    ///
    /// # Errors
    /// [`Misbehavior::PingTimeout`] if the last ping was not answered in time.
    pub(crate) fn tick(
        &mut self,
        now: MonotonicTime,
        bytes: impl FnOnce() -> [u8; 16],
    ) -> Result<Option<[u8; 16]>, Misbehavior> {
        if let Some((_, sent)) = self.sent {
            return if now < sent + PONG_TIMEOUT { Ok(None) } else { Err(Misbehavior::PingTimeout) };
        }
        if now + self.interval() / COALESCE_FRACTION < self.next {
            return Ok(None);
        }
        let bytes = bytes();
        self.sent = Some((bytes, now));
        Ok(Some(bytes))
    }

    /// Handles a pong.
    ///
    /// # Errors
    /// [`Misbehavior::UnsolicitedPong`] if the pong is unsolicited.
    pub(crate) fn received_pong(&mut self, now: MonotonicTime, bytes: &[u8; 16]) -> Result<(), Misbehavior> {
        let Some((_, sent)) = self.sent.take_if(|(ping, _)| ping == bytes) else {
            return Err(Misbehavior::UnsolicitedPong);
        };
        let micros = u32::try_from((now - sent).as_micros()).unwrap_or(u32::MAX);
        self.samples[usize::from(self.trips_len)] = micros;
        self.trips_len += 1;
        if usize::from(self.trips_len) == TRIPS_MAX {
            let [a, b, c] = self.samples;
            self.medians[self.medians_made as usize % MEDIANS_MAX] = a.min(b).max(a.max(b).min(c));
            self.medians_made = self.medians_made.saturating_add(1);
            self.trips_len = 0;
        }
        self.next = now + self.interval();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> MonotonicTime {
        MonotonicTime::from_micros(ms * 1_000)
    }

    #[test]
    fn latency_is_the_least_median_of_three() {
        let (mut ping, mut now) = (Ping::new(at(0)), 0);
        for trips in [[9, 50, 11], [40, 42, 44], [8, 90, 91]] {
            for trip in trips {
                now = ping.deadline().as_micros() / 1_000;
                let bytes = ping.tick(at(now), || [7; 16]).unwrap().unwrap();
                now += trip;
                ping.received_pong(at(now), &bytes).unwrap();
            }
        }
        assert_eq!(ping.latency(), Some(Duration::from_millis(11)));
        assert_eq!(ping.deadline(), at(now) + PING_INTERVAL * 4);
    }

    #[test]
    fn a_ping_that_is_nearly_due_goes_along_with_another() {
        let (mut ping, mut now) = (Ping::new(at(0)), 0);
        for _ in 0..9 {
            now = ping.deadline().as_micros() / 1_000;
            let bytes = ping.tick(at(now), || [7; 16]).unwrap().unwrap();
            ping.received_pong(at(now), &bytes).unwrap();
        }
        let interval = u64::try_from(PING_INTERVAL_MAX.as_millis()).unwrap();
        assert_eq!(ping.deadline(), at(now + interval));
        let nearly = now + interval - interval / u64::from(COALESCE_FRACTION);
        assert_eq!(ping.tick(at(nearly - 1), || [8; 16]), Ok(None));
        assert_eq!(ping.tick(at(nearly), || [8; 16]), Ok(Some([8; 16])));
    }

    #[test]
    fn a_missing_or_stray_pong_is_a_fault() {
        let mut ping = Ping::new(at(0));
        assert_eq!(ping.received_pong(at(0), &[7; 16]), Err(Misbehavior::UnsolicitedPong));
        ping.tick(at(0), || [7; 16]).unwrap();
        assert_eq!(ping.received_pong(at(1), &[8; 16]), Err(Misbehavior::UnsolicitedPong));
        assert_eq!(ping.tick(at(19_999), || [7; 16]), Ok(None));
        assert_eq!(ping.tick(at(20_000), || [7; 16]), Err(Misbehavior::PingTimeout));
    }
}

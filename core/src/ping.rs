//! Pings: whether a peer is there, and how far away.
//!
//! A ping is 16 bytes that nobody can predict, so nobody can answer early. Latency is the least of the last 8 medians of
//! three: jitter falls out, and a link that became slower shows within minutes.

use core::time::Duration;
use std::collections::VecDeque;

use crate::fault::Fault;
use crate::time::Moment;

/// The time between a pong and the next ping, once the link is measured.
pub const PING_INTERVAL: Duration = Duration::from_secs(10);
/// How long a pong may take.
pub const PONG_TIMEOUT: Duration = Duration::from_secs(20);
/// How many round trips make a median.
const TRIPS_MAX: usize = 3;
/// How many medians are kept.
const MEDIANS_MAX: usize = 8;

/// One link's pings.
#[derive(Debug)]
pub(crate) struct Ping {
    sent: Option<([u8; 16], Moment)>,
    next: Moment,
    trips: Vec<Duration>,
    medians: VecDeque<Duration>,
}

impl Ping {
    /// Pings at once.
    pub(crate) fn new(now: Moment) -> Self {
        Self { sent: None, next: now, trips: Vec::new(), medians: VecDeque::new() }
    }

    /// The round trip; before the first median, the least seen.
    pub(crate) fn latency(&self) -> Option<Duration> {
        self.medians.iter().min().or_else(|| self.trips.iter().min()).copied()
    }

    /// When to tick.
    pub(crate) fn deadline(&self) -> Moment {
        self.sent.map_or(self.next, |(_, sent)| sent + PONG_TIMEOUT)
    }

    /// Whether it is time for another ping, with `bytes`.
    ///
    /// # Errors
    /// [`Fault::Silent`] when the last was not answered.
    pub(crate) fn tick(
        &mut self,
        now: Moment,
        bytes: impl FnOnce() -> [u8; 16],
    ) -> Result<Option<[u8; 16]>, Fault> {
        if now < self.deadline() {
            return Ok(None);
        }
        if self.sent.is_some() {
            return Err(Fault::Silent);
        }
        let bytes = bytes();
        self.sent = Some((bytes, now));
        Ok(Some(bytes))
    }

    /// Takes a pong.
    ///
    /// # Errors
    /// [`Fault::StrayPong`] when it answers no ping.
    pub(crate) fn received_pong(&mut self, now: Moment, bytes: &[u8; 16]) -> Result<(), Fault> {
        let Some((_, sent)) = self.sent.take_if(|(ping, _)| ping == bytes) else {
            return Err(Fault::StrayPong);
        };
        self.trips.push(now - sent);
        if self.trips.len() == TRIPS_MAX {
            self.trips.sort_unstable();
            if self.medians.len() == MEDIANS_MAX {
                self.medians.pop_front();
            }
            self.medians.push_back(self.trips[TRIPS_MAX / 2]);
            self.trips.clear();
        }
        // The first median is wanted soon: it decides whom to ask.
        self.next = if self.medians.is_empty() { now } else { now + PING_INTERVAL };
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Moment {
        Moment::from_micros(ms * 1_000)
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
        assert_eq!(ping.deadline(), at(now) + PING_INTERVAL);
    }

    #[test]
    fn a_missing_or_stray_pong_is_a_fault() {
        let mut ping = Ping::new(at(0));
        assert_eq!(ping.received_pong(at(0), &[7; 16]), Err(Fault::StrayPong));
        ping.tick(at(0), || [7; 16]).unwrap();
        assert_eq!(ping.received_pong(at(1), &[8; 16]), Err(Fault::StrayPong));
        assert_eq!(ping.tick(at(19_999), || [7; 16]), Ok(None));
        assert_eq!(ping.tick(at(20_000), || [7; 16]), Err(Fault::Silent));
    }
}

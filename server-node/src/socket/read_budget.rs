//! The read budget of a peer: the share of the node's time that its frames may take.
//!
//! A peer that sends more is read more slowly, so that it waits and nobody else does. Nothing is
//! lost, and an honest peer in a busy network commits no offence.

use std::time::{Duration, Instant};

use plexus_core::protocol::handling_cost::handling_cost;

/// The work that a peer may cause at once.
pub(super) const BURST: Duration = Duration::from_millis(250);
/// The part of a core that a peer may take for long, as a divisor: 2 %.
pub(super) const SHARE_DIVISOR: u32 = 50;

/// The budget of one peer.
#[derive(Debug)]
pub(super) struct ReadBudget {
    /// The time at which the work of all frames is paid for.
    paid: Instant,
}

impl ReadBudget {
    /// Creates a full budget.
    pub(super) const fn new(now: Instant) -> Self {
        Self { paid: now }
    }

    /// Spends the work of a frame. Returns how long to wait before the next one is read.
    pub(super) fn spend(&mut self, frame: &[u8], now: Instant) -> Duration {
        self.paid = self.paid.max(now) + handling_cost(frame) * SHARE_DIVISOR;
        (self.paid - now).saturating_sub(BURST * SHARE_DIVISOR)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_read_at_the_peers_share() {
        let (start, frame) = (Instant::now(), [11; 33_000]);
        let (mut budget, mut now) = (ReadBudget::new(start), start);
        let cost = handling_cost(&frame);
        let mut frames = 0;
        while now - start < Duration::from_secs(100) {
            now += budget.spend(&frame, now) + Duration::from_micros(100);
            frames += 1;
        }
        let work = cost * frames;
        let most = BURST + (now - start) / SHARE_DIVISOR;
        assert!(work <= most + cost && work >= most - most / 20, "{work:?} of {most:?}");
    }

    #[test]
    fn answers_are_read_at_once_and_a_pause_fills_the_budget() {
        let now = Instant::now();
        let mut budget = ReadBudget::new(now);
        for _ in 0..100_000 {
            assert!(budget.spend(&[5; 100], now).is_zero(), "headers were asked for");
        }
        while budget.spend(&[23], now).is_zero() {}
        assert!(budget.spend(&[2; 17], now + BURST * SHARE_DIVISOR * 2).is_zero());
    }
}

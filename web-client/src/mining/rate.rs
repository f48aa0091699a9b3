//! The hash rate of the miners over the last seconds.

use std::collections::VecDeque;

/// The time in which hashes count, in milliseconds.
const SPAN_MS: f64 = 5_000.0;
/// The most samples kept. When full, the two oldest are merged.
const SAMPLES_MAX: usize = 512;

/// A sliding count of hashes.
#[derive(Debug, Default)]
pub(crate) struct Rate {
    /// The time when counting began, in milliseconds.
    begun: Option<f64>,
    samples: VecDeque<(f64, f64)>,
}

impl Rate {
    /// Counts `hashes` more, done by `now`.
    pub(crate) fn note(&mut self, now: f64, hashes: f64) {
        self.begun.get_or_insert(now);
        if self.samples.len() == SAMPLES_MAX
            && let Some((_, oldest)) = self.samples.pop_front()
            && let Some(next) = self.samples.front_mut()
        {
            next.1 += oldest;
        }
        self.samples.push_back((now, hashes));
    }

    /// Removes all samples when mining stops.
    pub(crate) fn reset(&mut self) {
        *self = Self::default();
    }

    /// Returns the hashes per second, as of `now`.
    pub(crate) fn per_second(&mut self, now: f64) -> f64 {
        while self.samples.front().is_some_and(|(at, _)| now - at > SPAN_MS) {
            self.samples.pop_front();
        }
        let Some(begun) = self.begun else { return 0.0 };
        let span = (now - begun).min(SPAN_MS);
        // The first moments are too short for a rate.
        if span < 100.0 {
            return 0.0;
        }
        self.samples.iter().map(|(_, hashes)| hashes).sum::<f64>() * 1_000.0 / span
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_steady_miner_shows_its_rate() {
        let mut rate = Rate::default();
        assert_eq!(rate.per_second(0.0).to_bits(), 0.0_f64.to_bits());
        for slice in 0..=1_000 {
            rate.note(f64::from(slice) * 30.0, 30_000.0);
        }
        let shown = rate.per_second(30_000.0);
        assert!((990_000.0..1_010_000.0).contains(&shown), "{shown}");
        assert!(rate.per_second(36_000.0) < 1.0);
        rate.reset();
        assert!(rate.per_second(37_000.0) < 1.0);
    }

    #[test]
    fn a_miner_that_rests_shows_what_it_does_in_all() {
        let mut rate = Rate::default();
        // A million hashes per second during a tenth of the time.
        for slice in 0..=100 {
            rate.note(f64::from(slice) * 300.0, 30_000.0);
        }
        let shown = rate.per_second(30_100.0);
        assert!((90_000.0..110_000.0).contains(&shown), "{shown}");
    }

    #[test]
    fn many_miners_do_not_fill_the_memory() {
        let mut rate = Rate::default();
        for slice in 0..10_000 {
            rate.note(f64::from(slice) * 0.4, 400.0);
        }
        assert!(rate.samples.len() <= SAMPLES_MAX);
        let shown = rate.per_second(4_000.0);
        assert!((990_000.0..1_010_000.0).contains(&shown), "{shown}");
    }
}

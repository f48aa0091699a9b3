//! Random numbers for a simulation: SplitMix64 (Steele, Lea, Flood 2014), by `rand_xoshiro`. It takes
//! a few cycles a number and is the same on every platform.
//!
//! The seeds of the nodes' own random numbers come from here. The numbers do not have to be
//! unpredictable.

use rand_xoshiro::SplitMix64;
use rand_xoshiro::rand_core::{Rng as _, SeedableRng as _};

/// A stream of random numbers that follows from a seed.
#[derive(Clone, Debug)]
pub(super) struct SimRng(SplitMix64);

impl SimRng {
    pub(super) fn new(seed: u64) -> Self {
        Self(SplitMix64::seed_from_u64(seed))
    }

    /// Creates a stream. Streams of different `purpose` are independent of one another.
    pub(super) fn stream(seed: u64, purpose: u64) -> Self {
        let mut mixed = Self::new(seed ^ purpose.wrapping_mul(0xd605_bbb5_8c8a_bd4d));
        Self::new(mixed.draw())
    }

    pub(super) fn draw(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// Returns a number below `bound`, or 0 if `bound` is 0. The bias is below `bound` / 2^64.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        let wide = u128::from(self.draw()) * u128::from(bound);
        u64::try_from(wide >> 64).unwrap_or_default()
    }

    /// Returns a node or a row: a number below `bound`.
    pub(super) fn index(&mut self, bound: u32) -> u32 {
        u32::try_from(self.below(bound.into())).unwrap_or_default()
    }

    /// Returns true with a probability of `per_million` in a million.
    pub(super) fn ppm(&mut self, per_million: u32) -> bool {
        per_million > 0 && self.below(1_000_000) < per_million.into()
    }

    pub(super) fn bytes32(&mut self) -> [u8; 32] {
        let mut bytes = [0; 32];
        for chunk in bytes.chunks_exact_mut(8) {
            chunk.copy_from_slice(&self.draw().to_le_bytes());
        }
        bytes
    }

    /// Returns a time from an exponential distribution with this mean: the wait for an event that
    /// may happen at any moment.
    ///
    /// Von Neumann's method ("Various techniques used in connection with random digits", 1951)
    /// needs only comparisons and no logarithm, so all platforms agree. It takes the first number
    /// of a falling run of uniform numbers if the run has odd length.
    pub(super) fn exponential(&mut self, mean: u64) -> u64 {
        let mut whole = 0u64;
        loop {
            let first = self.draw() >> 32;
            let (mut last, mut odd) = (first, true);
            loop {
                let next = self.draw() >> 32;
                if next >= last {
                    break;
                }
                (last, odd) = (next, !odd);
            }
            if odd {
                let units = (u128::from(whole) << 32) + u128::from(first);
                return u64::try_from((u128::from(mean) * units) >> 32).unwrap_or(u64::MAX);
            }
            whole += 1;
        }
    }

    /// Returns one of `items`, which must not be empty.
    #[cfg(test)]
    pub(super) fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[usize::try_from(self.below(items.len() as u64)).unwrap()]
    }

    /// Shuffles items randomly.
    pub(super) fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let other = usize::try_from(self.below(last as u64 + 1)).unwrap_or_default();
            items.swap(last, other);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_numbers_of_the_reference_implementation() {
        // The first outputs of splitmix64.c by Vigna.
        let mut rng = SimRng::new(1_477_776_061_723_855_037);
        assert_eq!([(); 2].map(|()| rng.draw()), [1_985_237_415_132_408_290, 2_979_275_885_539_914_483]);
        // Recorded runs are repeated by their seeds, so the streams stay the same as well.
        let mut stream = SimRng::stream(7, 3);
        assert_eq!([(); 2].map(|()| stream.draw()), [16_285_630_341_720_866_360, 15_176_266_349_731_434_147]);
    }

    #[test]
    fn intervals_are_exponential() {
        let (mut rng, mean, draws) = (SimRng::new(7), 15_000_000u64, 100_000u64);
        let drawn: Vec<u64> = (0..draws).map(|_| rng.exponential(mean)).collect();
        let found = drawn.iter().sum::<u64>() / draws;
        assert!(found.abs_diff(mean) < mean / 50, "mean {found}");
        // In an exponential distribution, e^-1 = 36.8 % lie beyond the mean and e^-3 = 5.0 % beyond
        // three times the mean.
        for (times, per_mille) in [(1, 368), (3, 50)] {
            let beyond = drawn.iter().filter(|&&at| at > times * mean).count() as u64 * 1_000 / draws;
            assert!(beyond.abs_diff(per_mille) <= 6, "{beyond} per mille beyond {times} means");
        }
    }

    #[test]
    fn shuffling_keeps_all() {
        let mut items: Vec<u32> = (0..100).collect();
        SimRng::new(1).shuffle(&mut items);
        assert_ne!(items, (0..100).collect::<Vec<_>>());
        items.sort_unstable();
        assert_eq!(items, (0..100).collect::<Vec<_>>());
    }
}

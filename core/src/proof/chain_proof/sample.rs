//! Sampling: the points of a chain's work that a proof has to show. They follow from the tip's hash, in integers only.
//!
//! Specified in PROTOCOL.md, "Chain proof: Points".
//!
//! A point stands for the header whose work it falls into. A header near the tail holds a point more
//! often than one far below, so that a fork just below the tail is hit as likely as one at genesis.

use super::logarithm::{FRACTION_BITS, ONE, halved, log2};
use crate::primitives::hash::{Hash, Tag, tagged};

/// The most points that any claim can demand: 177 bits over at least 0.0113 bits a point, rounded up to a power of two.
pub const SAMPLES_MAX: usize = 16_384;

/// The security and the tail of proofs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scheme {
    /// λ: the bits that the number of points is made for.
    pub(super) security_bits: u32,
    /// L: the number of the newest headers that are shown.
    pub(super) tail: u64,
}

impl Scheme {
    /// Returns the number of headers that a chain up to `height` shows at its end: all but genesis where sampling would save little,
    /// otherwise L, or one more so that the first of them has an odd height. The part below the tail is then one header, never a
    /// node over several, so that the tail's first header has a parent whose hash, time and bits are known exactly.
    pub(super) fn tail_of(self, height: u64) -> u64 {
        if height <= self.tail.saturating_mul(2) {
            return height;
        }
        let first = (height - self.tail) | 1;
        height - first + 1
    }
}

/// The claimed work of the parts of a chain, in expected hashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stakes {
    /// All headers below the tail.
    pub(super) below: u128,
    /// The headers of the tail.
    pub(super) tail: u128,
    /// The tip alone.
    pub(super) tip: u128,
}

/// Returns the points that `seed` demands, rising. Returns `None` for stakes that are zero or whose sum is over a u128.
pub(super) fn points(scheme: Scheme, stakes: &Stakes, seed: &Hash) -> Option<Vec<u128>> {
    let total = stakes.below.checked_add(stakes.tail)?;
    if stakes.below == 0 || stakes.tail == 0 || stakes.tip == 0 {
        return None;
    }
    let count = count(scheme, total, stakes);
    let mut points: Vec<_> = (0..count).map(|number| point(total, stakes.tail, seed, number)).collect();
    points.sort_unstable();
    Some(points)
}

/// m = ⌈λ' / −log2(1 − 1/k)⌉, where k = log2(total / tail), at least 2, and λ' = λ + log2(total / tip / 2).
fn count(scheme: Scheme, total: u128, stakes: &Stakes) -> u32 {
    let k = (log2(total) - log2(stakes.tail)).max(2 * ONE);
    let bits_a_point = log2(k.into()) - log2((k - ONE).into());
    let tries = log2(total).saturating_sub(log2(stakes.tip)).saturating_sub(ONE);
    let bits = (u64::from(scheme.security_bits) << FRACTION_BITS) + tries;
    let most = u64::from(u32::try_from(SAMPLES_MAX).unwrap_or(u32::MAX));
    u32::try_from(bits.div_ceil(bits_a_point).min(most)).unwrap_or(u32::MAX)
}

/// total × (1 − δ^u), where δ is the tail's share and u, from 0 to below 1, follows from seed and number.
fn point(total: u128, tail: u128, seed: &Hash, number: u32) -> u128 {
    let hash = tagged(Tag::Sample, &[seed.as_bytes(), &number.to_be_bytes()]);
    let (first, _) = hash.as_bytes().split_first_chunk().unwrap_or((&[0; 8], &[]));
    let u = u128::from(u64::from_be_bytes(*first));
    let exponent = u64::try_from((u * u128::from(log2(total) - log2(tail))) >> 64).unwrap_or(u64::MAX);
    total - halved(total, exponent).clamp(tail.saturating_add(1).min(total), total)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::proof::chain_proof::CHAIN;

    fn equal(blocks: u128, work: u128) -> Stakes {
        Stakes { below: (blocks - 480) * work, tail: 480 * work, tip: work }
    }

    #[test]
    fn a_million_blocks_demand_503_points_whatever_a_block_is_worth() {
        for work in [1, 2, 255, 1 << 20, (1 << 90) - 7] {
            let points = points(CHAIN, &equal(1_000_000, work), &Hash::ZERO).unwrap();
            assert_eq!(points.len(), 503);
        }
        let count = |blocks| points(CHAIN, &equal(blocks, 9), &Hash::ZERO).unwrap().len();
        assert_eq!((count(1_000), count(10_000), count(100_000)), (59, 167, 328));
    }

    #[test]
    fn the_worst_stakes_keep_to_the_cap() {
        let stakes = Stakes { below: u128::MAX - 1, tail: 1, tip: 1 };
        let points = points(CHAIN, &stakes, &Hash::ZERO).unwrap();
        assert!((15_000..SAMPLES_MAX).contains(&points.len()), "{}", points.len());
    }

    #[test]
    fn stakes_that_no_chain_has_demand_nothing() {
        let sound = equal(1_000, 7);
        for stakes in [
            Stakes { below: 0, ..sound },
            Stakes { tail: 0, ..sound },
            Stakes { tip: 0, ..sound },
            Stakes { below: u128::MAX, ..sound },
        ] {
            assert_eq!(points(CHAIN, &stakes, &Hash::ZERO), None);
        }
    }

    #[test]
    fn points_spread_as_the_density_says() {
        // A share of log(1 / (1 - x)) / log(1 / δ) lies below x: as much in each halving of the distance to the end.
        let stakes = equal(1_000_000, 1 << 20);
        let (mut within, mut all) = ([0u32; 11], 0);
        for seed in 0..200u32 {
            for point in points(CHAIN, &stakes, &Hash::of(&seed.to_be_bytes())).unwrap() {
                assert!(point < stakes.below);
                let halvings = ((stakes.below + stakes.tail) / (stakes.below + stakes.tail - point)).ilog2();
                within[halvings.min(10) as usize] += 1;
                all += 1;
            }
        }
        let k = (1_000_000.0f64 / 480.0).log2();
        for (halvings, found) in within.into_iter().enumerate() {
            let share = if halvings < 10 { 1.0 / k } else { (k - 10.0) / k };
            let (expected, found) = (f64::from(all) * share, f64::from(found));
            assert!((found - expected).abs() < 5.0 * expected.sqrt(), "{halvings}: {found}, not {expected}");
        }
    }

    proptest! {
        #[test]
        fn every_point_lies_below_the_tail(below in 1u128.., tail in 1u128.., tip in 1u128.., seed: [u8; 32], low in 0u32..127) {
            for stakes in [Stakes { below, tail, tip }, Stakes { below: below >> low | 1, tail: tail >> low | 1, tip }] {
                if let Some(points) = points(CHAIN, &stakes, &Hash::from_bytes(seed)) {
                    prop_assert!(points.len() >= 50 && points.len() <= SAMPLES_MAX);
                    prop_assert!(points.is_sorted() && points.iter().all(|point| *point < stakes.below));
                }
            }
        }

        #[test]
        #[expect(clippy::cast_precision_loss, reason = "the model is compared to a tolerance")]
        fn a_point_is_where_floating_point_says(blocks in 1_000u32..4_000_000_000, seed: [u8; 32], number: u32) {
            let (total, tail) = (u128::from(blocks) << 40, 480 << 40);
            let seed = Hash::from_bytes(seed);
            let hash = tagged(Tag::Sample, &[seed.as_bytes(), &number.to_be_bytes()]);
            let u = u64::from_be_bytes(*hash.as_bytes().first_chunk().unwrap()) as f64 / 2f64.powi(64);
            let want = (tail as f64 / total as f64).powf(u) * total as f64;
            let got = (total - point(total, tail, &seed, number)) as f64;
            prop_assert!((got - want).abs() / want < 1e-9, "{got}, not {want}");
        }
    }
}

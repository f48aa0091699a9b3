//! Proof of work: compact bits, 256-bit targets, their work, and the next target.
//!
//! Specified in PROTOCOL.md, "Target, bits and work".
//!
//! Targets do not add and works do not compare with hashes, so they are types of their own. All
//! arithmetic is on integers, so that every platform computes identical results.

use core::fmt;

use crypto_bigint::{U256, U320};

use crate::primitives::hash::Hash;
use crate::primitives::time::Timestamp;

/// A target in Bitcoin's compact form: one byte of size, three of mantissa.
///
/// ```
/// use plexus_core::primitives::pow::Bits;
///
/// let target = Bits::from_u32(0x1d00_ffff).target().unwrap();
/// assert!(target.to_string().starts_with("00000000ffff0000"));
/// assert_eq!(target.bits().to_string(), "0x1d00ffff");
/// // Only the shortest form of a target is valid.
/// assert_eq!(Bits::from_u32(0x1e00_00ff).target(), None);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bits(u32);

impl Bits {
    /// Creates bits from any value of the header's field. [`Bits::target`] checks that it is a
    /// target.
    pub const fn from_u32(bits: u32) -> Self {
        Self(bits)
    }

    /// Returns the header's field.
    pub const fn to_u32(self) -> u32 {
        self.0
    }

    /// Returns the target, if these bits are the canonical form of one: not zero, not negative,
    /// within 256 bits.
    ///
    /// PROTOCOL.md, "Target, bits and work".
    pub fn target(self) -> Option<Target> {
        let (size, mantissa) = (self.0 >> 24, self.0 & 0x00ff_ffff);
        if mantissa == 0 || mantissa & 0x0080_0000 != 0 {
            return None;
        }
        let mantissa = U256::from_u32(mantissa);
        let target = if size <= 3 {
            mantissa.shr_vartime(8 * (3 - size))
        } else {
            let shift = 8 * (size - 3);
            if mantissa.bits_vartime() + shift > 256 {
                return None;
            }
            mantissa.shl_vartime(shift)
        };
        let target = Target(target);
        (target.bits() == self).then_some(target)
    }
}

impl fmt::Display for Bits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#010x}", self.0)
    }
}

impl fmt::Debug for Bits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The largest value that a hash, read as a big-endian number, may have. The lower, the harder.
///
/// ```
/// use plexus_core::Hash;
/// use plexus_core::primitives::pow::Target;
///
/// let mut bytes = [0xff; 32];
/// bytes[0] = 0x0f;
/// let target = Target::from_be_bytes(bytes);
/// assert!(target.is_met_by(&Hash::from_bytes(bytes)));
/// assert!(!target.is_met_by(&Hash::from_bytes([0x10; 32])));
/// assert_eq!(target.work().hashes(), 16, "one hash in 16 meets it");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Target(U256);

impl Target {
    /// The easiest target, which every hash meets.
    pub const MAX: Self = Self(U256::MAX);

    /// Creates a target from 32 big-endian bytes.
    pub fn from_be_bytes(bytes: [u8; 32]) -> Self {
        Self(U256::from_be_slice(&bytes))
    }

    /// Returns 32 big-endian bytes.
    pub fn to_be_bytes(self) -> [u8; 32] {
        self.0.to_be_bytes().into()
    }

    /// Returns the compact form, rounded down (to a harder target) if three bytes of mantissa do
    /// not suffice.
    pub fn bits(self) -> Bits {
        let mut size = self.0.bits_vartime().div_ceil(8);
        let low = |value: U256| u32::try_from(value.as_words()[0] & 0xffff_ffff).unwrap_or(0);
        let mut mantissa =
            if size <= 3 { low(self.0) << (8 * (3 - size)) } else { low(self.0.shr_vartime(8 * (size - 3))) };
        if mantissa & 0x0080_0000 != 0 {
            mantissa >>= 8;
            size += 1;
        }
        Bits((size << 24) | mantissa)
    }

    /// Returns true if `hash` is at most this target.
    pub fn is_met_by(self, hash: &Hash) -> bool {
        // Big-endian bytes of equal length compare like the numbers.
        *hash.as_bytes() <= self.to_be_bytes()
    }

    /// Returns the expected number of hashes until one meets the target: floor(2^256 / (target +
    /// 1)).
    pub fn work(self) -> Work {
        expected_hashes(self.0)
    }

    /// Returns the target of a block `elapsed_ms` after its parent, whose target this is. It is
    /// this × 2^((elapsed − spacing) / half life), and no easier than `limit`.
    ///
    /// 2^x is the cubic approximation of
    /// [aserti3-2d](https://upgradespecs.bitcoincashnode.org/2020-11-15-asert/) in 16-bit fixed
    /// point. The exponent and all divisions round down. With a `half_life_ms` of 0 it is the
    /// limit.
    ///
    /// `elapsed_ms` is between -u64::MAX and u64::MAX: a block that goes back in time breaks
    /// another rule.
    ///
    /// PROTOCOL.md, "Target, bits and work: Next target".
    #[must_use]
    pub fn next(self, elapsed_ms: i128, spacing_ms: u64, half_life_ms: u64, limit: Self) -> Self {
        if half_life_ms == 0 {
            return limit;
        }
        let late_ms = elapsed_ms - i128::from(spacing_ms);
        let exponent = (late_ms * 65_536).div_euclid(i128::from(half_life_ms));
        let (shift, fraction) = (exponent >> 16, u64::try_from(exponent & 0xffff).unwrap_or(0));
        // 320 bits hold a target times a factor below 2^17.
        let wide = U320::from(&self.0).wrapping_mul(&U320::from_u64(two_to_the(fraction)));
        let next = if shift < 16 {
            match u32::try_from(16 - shift) {
                Ok(right) if right < 320 => wide.shr_vartime(right),
                _ => U320::ZERO,
            }
        } else {
            // A number over 256 bits is over every limit.
            match u32::try_from(shift - 16) {
                Ok(left) if left <= 256 - wide.bits_vartime().min(256) => wide.shl_vartime(left),
                _ => return limit,
            }
        };
        if next > U320::from(&limit.0) {
            return limit;
        }
        let next: U256 = next.resize();
        Self(if next == U256::ZERO { U256::ONE } else { next })
    }
}

/// Returns 65,536 × 2^(fraction / 65,536), for a fraction below 65,536.
fn two_to_the(fraction: u64) -> u64 {
    let f = u128::from(fraction);
    let sum = 195_766_423_245_049 * f + 971_821_376 * f * f + 5_127 * f * f * f + (1 << 47);
    u64::try_from(sum >> 48).unwrap_or(u64::MAX) + 65_536
}

/// Returns floor(2^256 / (number + 1)), at most u128::MAX.
fn expected_hashes(number: U256) -> Work {
    let divisor = number.wrapping_add(&U256::ONE);
    let Some(divisor) = divisor.to_nz().into_option() else { return Work(1) };
    // 2^256 does not fit: (2^256 − 1 − number) / (number + 1) is one less than the quotient.
    let quotient = (!number).wrapping_div_vartime(&divisor).saturating_add(&U256::ONE);
    if quotient.bits_vartime() > 128 {
        return Work(u128::MAX);
    }
    let bytes: [u8; 32] = quotient.to_be_bytes().into();
    let mut low = [0; 16];
    low.copy_from_slice(&bytes[16..]);
    Work(u128::from_be_bytes(low))
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&hex::encode(self.to_be_bytes()))
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// An expected number of hashes. Sums saturate, so that no claim wraps around.
///
/// ```
/// use plexus_core::Hash;
/// use plexus_core::primitives::pow::Work;
///
/// let (few, most) = (Work::from_hashes(255), Work::from_hashes(u128::MAX));
/// assert_eq!(few.plus(few).hashes(), 510);
/// assert_eq!(few.plus(most), most, "a sum never wraps around");
/// assert_eq!(Work::shown_by(&Hash::from_bytes([0xff; 32])).hashes(), 1);
/// ```
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(transparent)]
pub struct Work(u128);

impl Work {
    /// Zero work.
    pub const ZERO: Self = Self(0);

    /// Creates work from a number of hashes.
    pub const fn from_hashes(hashes: u128) -> Self {
        Self(hashes)
    }

    /// Returns the number of hashes.
    pub const fn hashes(self) -> u128 {
        self.0
    }

    /// Returns the work that a hash shows: floor(2^256 / (hash + 1)).
    pub fn shown_by(hash: &Hash) -> Self {
        expected_hashes(U256::from_be_slice(hash.as_bytes()))
    }

    /// Returns the sum, at most u128::MAX.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl fmt::Display for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// The half life of a young chain is at least this many intervals between blocks.
const HALF_LIFE_BLOCKS_MIN: u64 = 8;
/// The half life of a young chain grows by one interval in this many blocks.
const HALF_LIFE_GROWTH_BLOCKS: u64 = 8;

/// The three parameters of the target rule.
///
/// ```
/// use plexus_core::Network;
/// use plexus_core::primitives::pow::Bits;
///
/// let (network, parent) = (Network::plexus(), Bits::from_u32(0x1c10_0000));
/// let (rule, time) = (network.retarget(), network.genesis().time);
/// let on_time = time.plus_ms(rule.spacing_ms);
/// assert_eq!(rule.next_bits(1_000, parent, time, on_time), parent);
/// // A block that is late by one half life may be twice as easy.
/// let late = on_time.plus_ms(rule.half_life_ms);
/// assert_eq!(rule.next_bits(1_000, parent, time, late), Bits::from_u32(0x1c20_0000));
/// // In a young chain the half life is shorter: two minutes in place of ten.
/// let late = on_time.plus_ms(rule.half_life_ms_at(1));
/// assert_eq!(rule.next_bits(1, parent, time, late), Bits::from_u32(0x1c20_0000));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retarget {
    /// The desired interval between blocks, milliseconds.
    pub spacing_ms: u64,
    /// The delay that makes the next target twice as easy, in milliseconds. It is shorter in a
    /// young chain. With 0, targets never change.
    pub half_life_ms: u64,
    /// The easiest target allowed.
    pub limit: Target,
}

impl Retarget {
    /// Returns the half life at `height`, in milliseconds. It grows with the height up to
    /// [`Retarget::half_life_ms`], so that a new chain finds its difficulty within minutes.
    ///
    /// PROTOCOL.md, "Target, bits and work: Next target".
    pub fn half_life_ms_at(&self, height: u64) -> u64 {
        let blocks = u128::from((height / HALF_LIFE_GROWTH_BLOCKS).max(HALF_LIFE_BLOCKS_MIN));
        let young_ms = u128::from(self.spacing_ms) * blocks;
        u64::try_from(young_ms).map_or(self.half_life_ms, |young_ms| young_ms.min(self.half_life_ms))
    }

    /// Returns the bits of a block at `height` and `time`, whose parent has `parent_bits` at
    /// `parent_time`.
    ///
    /// Parents' bits were checked before. Invalid bits count as the limit.
    ///
    /// PROTOCOL.md, "Rules: difficulty".
    pub fn next_bits(&self, height: u64, parent_bits: Bits, parent_time: Timestamp, time: Timestamp) -> Bits {
        let parent = parent_bits.target().unwrap_or(self.limit);
        let elapsed_ms = i128::from(time.unix_ms()) - i128::from(parent_time.unix_ms());
        parent.next(elapsed_ms, self.spacing_ms, self.half_life_ms_at(height), self.limit).bits()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn target(bits: u32) -> Target {
        Bits(bits).target().unwrap()
    }

    #[test]
    fn expands_and_compacts_known_bits() {
        for (bits, hex) in [
            (0x1d00_ffff, "00000000ffff0000000000000000000000000000000000000000000000000000"),
            (0x1e10_0000, "0000100000000000000000000000000000000000000000000000000000000000"),
            (0x2001_0000, "0100000000000000000000000000000000000000000000000000000000000000"),
            (0x0112_0000, "0000000000000000000000000000000000000000000000000000000000000012"),
        ] {
            assert_eq!(target(bits).to_string(), hex);
            assert_eq!(target(bits).bits(), Bits(bits));
        }
    }

    #[test]
    fn refuses_bits_that_are_no_target() {
        for bits in
            [0, 0x1d00_0000, 0x1d80_0000, 0x2101_0000, 0x2200_0100, 0x1e00_1000, 0x01ff_ffff, 0x0012_3456]
        {
            assert_eq!(Bits(bits).target(), None, "{bits:#x}");
        }
    }

    #[test]
    fn work_is_the_expected_number_of_hashes() {
        assert_eq!(target(0x1e10_0000).work(), Work(1 << 20).min(target(0x1e10_0000).work()));
        assert_eq!(target(0x1e10_0000).work(), Work((1 << 20) - 1));
        assert_eq!(target(0x2001_0000).work(), Work(255));
        assert_eq!(Target::MAX.work(), Work(1));
        assert_eq!(Target(U256::ONE).work(), Work(u128::MAX));
        assert_eq!(Work::shown_by(&Hash::from_bytes([0xff; 32])), Work(1));
    }

    #[test]
    fn a_half_life_late_is_twice_as_easy() {
        let (limit, parent) = (target(0x1e10_0000), target(0x1c10_0000));
        let next = |elapsed| parent.next(elapsed, 15_000, 600_000, limit).bits();
        assert_eq!(next(15_000), Bits(0x1c10_0000));
        assert_eq!(next(615_000), Bits(0x1c20_0000));
        assert_eq!(next(15_000 + 40 * 600_000), Bits(0x1e10_0000));
        assert_eq!(next(u64::MAX.into()), Bits(0x1e10_0000));
        // A block in the same instant is harder by a factor of 2^(1/40).
        assert_eq!(next(0), Bits(0x1c0f_b9c8));
        assert_eq!(next(-585_000), Bits(0x1c08_0000));
        assert_eq!(next(-i128::from(u64::MAX)), Bits(0x0101_0000));
    }

    #[test]
    fn the_hardest_target_takes_as_long_to_ease_as_its_distance() {
        let one = Target(U256::ONE);
        for doublings in [1u32, 46, 47, 63, 64, 200, 255] {
            let next = one.next(i128::from(doublings) * 7, 0, 7, Target::MAX);
            assert_eq!(next.0, U256::ONE.shl_vartime(doublings));
        }
        for doublings in [256, 257, 1 << 40] {
            assert_eq!(one.next(doublings * 7, 0, 7, Target::MAX), Target::MAX);
        }
    }

    #[test]
    fn without_a_half_life_the_target_is_the_limit() {
        let limit = target(0x2001_0000);
        assert_eq!(target(0x1c10_0000).next(1, 15_000, 0, limit), limit);
    }

    #[test]
    fn a_target_never_falls_to_zero() {
        let one = Target(U256::ONE);
        assert_eq!(one.next(0, u64::MAX, 1, Target::MAX), one);
        assert_eq!(Target::MAX.next(u64::MAX.into(), 0, 1, Target::MAX), Target::MAX);
    }

    #[test]
    fn the_half_life_grows_with_the_height() {
        let rule = |spacing_ms, half_life_ms| Retarget { spacing_ms, half_life_ms, limit: Target::MAX };
        let plexus = rule(15_000, 600_000);
        let at = |height| plexus.half_life_ms_at(height);
        assert_eq!([0, 1, 71, 72, 79, 80].map(at), [120_000, 120_000, 120_000, 135_000, 135_000, 150_000]);
        assert_eq!([319, 320, 321, 1 << 62, u64::MAX].map(at), [585_000, 600_000, 600_000, 600_000, 600_000]);
        // A half life under eight intervals stays as it is. Constant bits stay constant.
        for half_life_ms in [0, 1, 119_999] {
            assert_eq!(
                [0, 1 << 20].map(|h| rule(15_000, half_life_ms).half_life_ms_at(h)),
                [half_life_ms; 2]
            );
        }
        assert_eq!(rule(u64::MAX, 7).half_life_ms_at(u64::MAX), 7);
    }

    proptest! {
        #[test]
        fn the_cubic_is_near_to_two_to_the_x(fraction in 0u64..65_536) {
            #[expect(clippy::cast_precision_loss, reason = "small numbers, compared to a tolerance")]
            let (got, want) = (two_to_the(fraction) as f64, 65_536.0 * (fraction as f64 / 65_536.0).exp2());
            prop_assert!((got - want).abs() / want < 0.000_13);
        }

        #[test]
        fn compacting_rounds_down_and_is_stable(bytes: [u8; 32]) {
            let target = Target::from_be_bytes(bytes);
            prop_assume!(target.0 != U256::ZERO && target.0.bits_vartime() < 256);
            let again = target.bits().target().unwrap();
            prop_assert!(again <= target);
            prop_assert_eq!(again.bits(), target.bits());
        }

        #[test]
        fn work_is_the_quotient(bytes: [u8; 32]) {
            let target = Target::from_be_bytes(bytes);
            prop_assume!(bytes[0] | bytes[1] > 0);
            let divisor = U320::from(&target.0).wrapping_add(&U320::ONE).to_nz().into_option().unwrap();
            let quotient = U320::ONE.shl_vartime(256).wrapping_div_vartime(&divisor);
            prop_assert_eq!(U320::from_u128(target.work().0), quotient);
        }
    }
}

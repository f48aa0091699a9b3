//! Logarithms and powers of two in fixed point: additions, multiplications, shifts and square roots of integers only, so that
//! every platform finds the same bits.
//!
//! Specified in PROTOCOL.md, "Chain proof: Points".
//!
//! `log2` is the binary logarithm by repeated squaring, a bit of the result for each; `half_to_the` multiplies the
//! square roots of roots of one half that a fraction's bits call for. Both cut off rather than round, at every step. Their
//! errors are below 2^-46 and 2^-57 of the result's unit.

/// The number of bits after the point of a fixed-point number.
pub(super) const FRACTION_BITS: u32 = 48;
/// One in fixed point.
pub(super) const ONE: u64 = 1 << FRACTION_BITS;

/// 2^64 × (1/2)^(1/2), × (1/2)^(1/4) and so on: each is the square root of the one before, the first that of one half.
const ROOTS: [u128; FRACTION_BITS as usize] = {
    let (mut roots, mut root, mut i) = ([0; FRACTION_BITS as usize], 1u128 << 63, 0);
    while i < roots.len() {
        root = (root << 64).isqrt();
        roots[i] = root;
        i += 1;
    }
    roots
};

/// Returns 2^48 × log2(number), and 0 for 0.
pub(super) fn log2(number: u128) -> u64 {
    let Some(whole) = number.checked_ilog2() else { return 0 };
    // Between one and two, with 63 bits after the point.
    let mut mantissa = (number << (127 - whole)) >> 64;
    let mut log = u64::from(whole);
    for _ in 0..FRACTION_BITS {
        mantissa = (mantissa * mantissa) >> 63;
        let doubled = mantissa >> 64 == 1;
        mantissa >>= u32::from(doubled);
        log = log << 1 | u64::from(doubled);
    }
    log
}

/// Returns number × (1/2)^(exponent / 2^48), rounded down.
pub(super) fn halved(number: u128, exponent: u64) -> u128 {
    let (whole, fraction) = (u32::try_from(exponent >> FRACTION_BITS).unwrap_or(u32::MAX), exponent % ONE);
    let power = half_to_the(fraction);
    let (high, low) = (number >> 64, number & u128::from(u64::MAX));
    // floor(number × power / 2^64), which is at most number: 2^64 divides the high part's product.
    let product = high * power + ((low * power) >> 64);
    product.checked_shr(whole).unwrap_or(0)
}

/// Returns 2^64 × (1/2)^(fraction / 2^48), for a fraction below one.
fn half_to_the(fraction: u64) -> u128 {
    let mut power = 1 << 64;
    for (root, place) in ROOTS.iter().zip((0..FRACTION_BITS).rev()) {
        if fraction >> place & 1 == 1 {
            power = (power * root) >> 64;
        }
    }
    power
}

#[cfg(test)]
mod tests {
    use crypto_bigint::U1024;
    use proptest::prelude::*;

    use super::*;

    /// The number of bits after the point in the slow model.
    const WIDE: u32 = 256;

    fn wide(number: u128) -> U1024 {
        U1024::from_u128(number)
    }

    /// 2^256 × 2^(-fraction / 2^48), by the same series of roots but with 256 bits.
    fn slow_half_to_the(fraction: u64) -> U1024 {
        let one = U1024::ONE.shl_vartime(WIDE);
        let (mut power, mut root) = (one, one.shr_vartime(1));
        for place in (0..FRACTION_BITS).rev() {
            root = root.shl_vartime(WIDE).floor_sqrt_vartime();
            if fraction >> place & 1 == 1 {
                power = power.wrapping_mul(&root).shr_vartime(WIDE);
            }
        }
        power
    }

    /// Whether 2^(log / 2^48) is at most number, by 256 bits.
    fn is_at_most(log: u64, number: u128) -> bool {
        // 2^w × 2^f = 2^(w + 1) × (1/2)^(1 - f).
        let (whole, fraction) = (u32::try_from(log >> FRACTION_BITS).unwrap(), log % ONE);
        let power = if fraction == 0 {
            U1024::ONE.shl_vartime(WIDE + whole)
        } else {
            slow_half_to_the(ONE - fraction).shl_vartime(whole + 1)
        };
        power <= wide(number).shl_vartime(WIDE)
    }

    #[test]
    fn powers_of_two_are_exact() {
        for whole in 0..128u32 {
            assert_eq!(log2(1 << whole), u64::from(whole) << FRACTION_BITS);
            assert_eq!(halved(u128::MAX, u64::from(whole) << FRACTION_BITS), u128::MAX >> whole);
        }
        assert_eq!((log2(0), halved(u128::MAX, 128 << FRACTION_BITS)), (0, 0));
        assert_eq!(halved(u128::MAX, u64::MAX), 0);
    }

    #[test]
    fn known_values_to_the_bit() {
        // 2^48 × log2(3) is 446,127,282,977,750.5.
        assert!((446_127_282_977_747..=446_127_282_977_750).contains(&log2(3)), "{}", log2(3));
        // 2^100 / sqrt(2) is 896,364,335,596,578,238,699,711,011,639.3.
        let exact = 896_364_335_596_578_238_699_711_011_639u128;
        assert!(exact - halved(1 << 100, ONE / 2) <= exact >> 57);
    }

    proptest! {
        #[test]
        fn a_logarithm_is_the_true_one_to_four_units(number in 1u128.., small in 1u128..100_000) {
            for number in [number, small, number >> 64 | 1] {
                let log = log2(number);
                prop_assert!(is_at_most(log, number));
                prop_assert!(!is_at_most(log + 4, number), "{number}");
            }
        }

        #[test]
        fn a_power_is_the_true_one_to_a_relative_2_to_the_minus_57(number: u128, fraction in 0..ONE, whole in 0u32..130) {
            let exponent = (u64::from(whole) << FRACTION_BITS) + fraction;
            let exact = wide(number).wrapping_mul(&slow_half_to_the(fraction)).shr_vartime(WIDE + whole);
            let got = wide(halved(number, exponent));
            prop_assert!(got <= exact);
            let lost = exact.wrapping_sub(&got);
            prop_assert!(lost <= exact.shr_vartime(57).wrapping_add(&U1024::ONE));
        }

        #[test]
        fn both_rise_and_fall_as_they_should(number in 1u128..u128::MAX, exponent: u64) {
            prop_assert!(log2(number) <= log2(number + 1));
            prop_assert!(halved(number, exponent) <= halved(number + 1, exponent));
            prop_assert!(halved(number, exponent) >= halved(number, exponent.saturating_add(ONE)));
        }
    }
}

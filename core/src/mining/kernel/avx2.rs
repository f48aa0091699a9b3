//! The search with AVX2: 8 lanes, whose rotations are two shifts each.

use core::arch::x86_64::{
    __m256i, _mm256_add_epi32, _mm256_and_si256, _mm256_cmpeq_epi32, _mm256_min_epu32, _mm256_movemask_epi8,
    _mm256_or_si256, _mm256_set1_epi32, _mm256_setr_epi32, _mm256_slli_epi32, _mm256_srli_epi32,
    _mm256_xor_si256,
};

use super::headers::NONCE_LOW;
use super::lanes::scan_in_lanes;
use super::lead::{Lead, WORDS};
use super::sha256::K;

type Avx2Lanes = __m256i;

pub(super) const LANES: u32 = 8;

#[target_feature(enable = "avx2")]
#[inline]
fn splat(word: u32) -> Avx2Lanes {
    _mm256_set1_epi32(word.cast_signed())
}

#[target_feature(enable = "avx2")]
#[inline]
fn ramp(first: u32) -> Avx2Lanes {
    add(splat(first), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7))
}

#[target_feature(enable = "avx2")]
#[inline]
fn add(x: Avx2Lanes, y: Avx2Lanes) -> Avx2Lanes {
    _mm256_add_epi32(x, y)
}

/// Returns `x` rotated to the right by `RIGHT` bits. `LEFT` is 32 less `RIGHT`.
#[target_feature(enable = "avx2")]
#[inline]
fn rotate<const RIGHT: i32, const LEFT: i32>(x: Avx2Lanes) -> Avx2Lanes {
    const { assert!(RIGHT + LEFT == 32) };
    _mm256_or_si256(_mm256_srli_epi32::<RIGHT>(x), _mm256_slli_epi32::<LEFT>(x))
}

#[target_feature(enable = "avx2")]
#[inline]
fn xor(x: Avx2Lanes, y: Avx2Lanes, z: Avx2Lanes) -> Avx2Lanes {
    _mm256_xor_si256(_mm256_xor_si256(x, y), z)
}

#[target_feature(enable = "avx2")]
#[inline]
fn big_sigma0(x: Avx2Lanes) -> Avx2Lanes {
    xor(rotate::<2, 30>(x), rotate::<13, 19>(x), rotate::<22, 10>(x))
}

#[target_feature(enable = "avx2")]
#[inline]
fn big_sigma1(x: Avx2Lanes) -> Avx2Lanes {
    xor(rotate::<6, 26>(x), rotate::<11, 21>(x), rotate::<25, 7>(x))
}

#[target_feature(enable = "avx2")]
#[inline]
fn small_sigma0(x: Avx2Lanes) -> Avx2Lanes {
    xor(rotate::<7, 25>(x), rotate::<18, 14>(x), _mm256_srli_epi32::<3>(x))
}

#[target_feature(enable = "avx2")]
#[inline]
fn small_sigma1(x: Avx2Lanes) -> Avx2Lanes {
    xor(rotate::<17, 15>(x), rotate::<19, 13>(x), _mm256_srli_epi32::<10>(x))
}

#[target_feature(enable = "avx2")]
#[inline]
fn choose(x: Avx2Lanes, y: Avx2Lanes, z: Avx2Lanes) -> Avx2Lanes {
    _mm256_xor_si256(z, _mm256_and_si256(x, _mm256_xor_si256(y, z)))
}

/// Returns the majority of x, y and z. The exclusive or of x and y is the exclusive or of y and z
/// in the next round.
#[target_feature(enable = "avx2")]
#[inline]
fn majority(x: Avx2Lanes, y: Avx2Lanes, z: Avx2Lanes) -> Avx2Lanes {
    _mm256_xor_si256(y, _mm256_and_si256(_mm256_xor_si256(x, y), _mm256_xor_si256(y, z)))
}

#[target_feature(enable = "avx2")]
#[inline]
fn min(x: Avx2Lanes, y: Avx2Lanes) -> Avx2Lanes {
    _mm256_min_epu32(x, y)
}

#[target_feature(enable = "avx2")]
#[inline]
fn any_within(words: Avx2Lanes, limit: u32) -> bool {
    _mm256_movemask_epi8(_mm256_cmpeq_epi32(min(words, splat(limit)), words)) != 0
}

scan_in_lanes! { #[target_feature(enable = "avx2")] }

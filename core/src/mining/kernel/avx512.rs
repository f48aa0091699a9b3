//! The search with AVX-512: 16 lanes. One instruction rotates, and another computes any three-way
//! function.

use core::arch::x86_64::{
    __m512i, _mm512_add_epi32, _mm512_cmple_epu32_mask, _mm512_min_epu32, _mm512_ror_epi32,
    _mm512_set1_epi32, _mm512_setr_epi32, _mm512_srli_epi32, _mm512_ternarylogic_epi32,
};

use super::headers::NONCE_LOW;
use super::lanes::scan_in_lanes;
use super::lead::{Lead, WORDS};
use super::sha256::K;

type Avx512Lanes = __m512i;

pub(super) const LANES: u32 = 16;

/// Truth tables of three bits: x is 0xf0, y is 0xcc and z is 0xaa.
const XOR: i32 = 0xf0 ^ 0xcc ^ 0xaa;
const CHOOSE: i32 = (0xf0 & 0xcc) | (0x0f & 0xaa);
const MAJORITY: i32 = (0xf0 & 0xcc) | (0xf0 & 0xaa) | (0xcc & 0xaa);

#[target_feature(enable = "avx512f")]
#[inline]
fn splat(word: u32) -> Avx512Lanes {
    _mm512_set1_epi32(word.cast_signed())
}

#[target_feature(enable = "avx512f")]
#[inline]
fn ramp(first: u32) -> Avx512Lanes {
    add(splat(first), _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15))
}

#[target_feature(enable = "avx512f")]
#[inline]
fn add(x: Avx512Lanes, y: Avx512Lanes) -> Avx512Lanes {
    _mm512_add_epi32(x, y)
}

#[target_feature(enable = "avx512f")]
#[inline]
fn big_sigma0(x: Avx512Lanes) -> Avx512Lanes {
    let (r2, r13, r22) = (_mm512_ror_epi32::<2>(x), _mm512_ror_epi32::<13>(x), _mm512_ror_epi32::<22>(x));
    _mm512_ternarylogic_epi32::<XOR>(r2, r13, r22)
}

#[target_feature(enable = "avx512f")]
#[inline]
fn big_sigma1(x: Avx512Lanes) -> Avx512Lanes {
    let (r6, r11, r25) = (_mm512_ror_epi32::<6>(x), _mm512_ror_epi32::<11>(x), _mm512_ror_epi32::<25>(x));
    _mm512_ternarylogic_epi32::<XOR>(r6, r11, r25)
}

#[target_feature(enable = "avx512f")]
#[inline]
fn small_sigma0(x: Avx512Lanes) -> Avx512Lanes {
    let (r7, r18, s3) = (_mm512_ror_epi32::<7>(x), _mm512_ror_epi32::<18>(x), _mm512_srli_epi32::<3>(x));
    _mm512_ternarylogic_epi32::<XOR>(r7, r18, s3)
}

#[target_feature(enable = "avx512f")]
#[inline]
fn small_sigma1(x: Avx512Lanes) -> Avx512Lanes {
    let (r17, r19, s10) = (_mm512_ror_epi32::<17>(x), _mm512_ror_epi32::<19>(x), _mm512_srli_epi32::<10>(x));
    _mm512_ternarylogic_epi32::<XOR>(r17, r19, s10)
}

#[target_feature(enable = "avx512f")]
#[inline]
fn choose(x: Avx512Lanes, y: Avx512Lanes, z: Avx512Lanes) -> Avx512Lanes {
    _mm512_ternarylogic_epi32::<CHOOSE>(x, y, z)
}

#[target_feature(enable = "avx512f")]
#[inline]
fn majority(x: Avx512Lanes, y: Avx512Lanes, z: Avx512Lanes) -> Avx512Lanes {
    _mm512_ternarylogic_epi32::<MAJORITY>(x, y, z)
}

#[target_feature(enable = "avx512f")]
#[inline]
fn min(x: Avx512Lanes, y: Avx512Lanes) -> Avx512Lanes {
    _mm512_min_epu32(x, y)
}

#[target_feature(enable = "avx512f")]
#[inline]
fn any_within(words: Avx512Lanes, limit: u32) -> bool {
    _mm512_cmple_epu32_mask(words, splat(limit)) != 0
}

scan_in_lanes! { #[target_feature(enable = "avx512f")] }

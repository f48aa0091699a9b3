//! The search with WebAssembly's 128-bit vectors: 4 lanes. A rotation is two shifts.
//!
//! An engine without these instructions refuses a whole program that contains one. So nothing is
//! detected here. The builder of the program enables the feature `simd128`, and the loader knows
//! that the engine supports it.

use core::arch::wasm32::{
    i32x4_add, u32x4, u32x4_le, u32x4_min, u32x4_shl, u32x4_shr, u32x4_splat, v128, v128_any_true,
    v128_bitselect, v128_or, v128_xor,
};

use super::headers::NONCE_LOW;
use super::lanes::scan_in_lanes;
use super::lead::{Lead, WORDS};
use super::sha256::K;

type Simd128Lanes = v128;

pub(super) const LANES: u32 = 4;

#[target_feature(enable = "simd128")]
#[inline]
fn splat(word: u32) -> Simd128Lanes {
    u32x4_splat(word)
}

#[target_feature(enable = "simd128")]
#[inline]
fn ramp(first: u32) -> Simd128Lanes {
    add(splat(first), u32x4(0, 1, 2, 3))
}

#[target_feature(enable = "simd128")]
#[inline]
fn add(x: Simd128Lanes, y: Simd128Lanes) -> Simd128Lanes {
    i32x4_add(x, y)
}

#[target_feature(enable = "simd128")]
#[inline]
fn rotate(x: Simd128Lanes, right: u32) -> Simd128Lanes {
    v128_or(u32x4_shr(x, right), u32x4_shl(x, 32 - right))
}

#[target_feature(enable = "simd128")]
#[inline]
fn xor(x: Simd128Lanes, y: Simd128Lanes, z: Simd128Lanes) -> Simd128Lanes {
    v128_xor(v128_xor(x, y), z)
}

#[target_feature(enable = "simd128")]
#[inline]
fn big_sigma0(x: Simd128Lanes) -> Simd128Lanes {
    xor(rotate(x, 2), rotate(x, 13), rotate(x, 22))
}

#[target_feature(enable = "simd128")]
#[inline]
fn big_sigma1(x: Simd128Lanes) -> Simd128Lanes {
    xor(rotate(x, 6), rotate(x, 11), rotate(x, 25))
}

#[target_feature(enable = "simd128")]
#[inline]
fn small_sigma0(x: Simd128Lanes) -> Simd128Lanes {
    xor(rotate(x, 7), rotate(x, 18), u32x4_shr(x, 3))
}

#[target_feature(enable = "simd128")]
#[inline]
fn small_sigma1(x: Simd128Lanes) -> Simd128Lanes {
    xor(rotate(x, 17), rotate(x, 19), u32x4_shr(x, 10))
}

#[target_feature(enable = "simd128")]
#[inline]
fn choose(x: Simd128Lanes, y: Simd128Lanes, z: Simd128Lanes) -> Simd128Lanes {
    v128_bitselect(y, z, x)
}

/// Returns the majority of x, y and z. Where x and y differ, z decides.
#[target_feature(enable = "simd128")]
#[inline]
fn majority(x: Simd128Lanes, y: Simd128Lanes, z: Simd128Lanes) -> Simd128Lanes {
    v128_bitselect(z, y, v128_xor(x, y))
}

#[target_feature(enable = "simd128")]
#[inline]
fn min(x: Simd128Lanes, y: Simd128Lanes) -> Simd128Lanes {
    u32x4_min(x, y)
}

#[target_feature(enable = "simd128")]
#[inline]
fn any_within(words: Simd128Lanes, limit: u32) -> bool {
    v128_any_true(u32x4_le(words, splat(limit)))
}

scan_in_lanes! {
    #[target_feature(enable = "simd128")]
}

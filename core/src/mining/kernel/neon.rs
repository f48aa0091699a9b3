//! The search with NEON: 4 lanes. A rotation is a shift and a shift that inserts.

use core::arch::aarch64::{
    uint32x4_t, vaddq_u32, vbslq_u32, vdupq_n_u32, veorq_u32, vminq_u32, vminvq_u32, vsetq_lane_u32,
    vshlq_n_u32, vshrq_n_u32, vsriq_n_u32,
};

use super::headers::NONCE_LOW;
use super::lanes::scan_in_lanes;
use super::lead::{Lead, WORDS};
use super::sha256::K;

type NeonLanes = uint32x4_t;

pub(super) const LANES: u32 = 4;

#[target_feature(enable = "neon")]
#[inline]
fn splat(word: u32) -> NeonLanes {
    vdupq_n_u32(word)
}

#[target_feature(enable = "neon")]
#[inline]
fn ramp(first: u32) -> NeonLanes {
    let steps = vsetq_lane_u32::<1>(1, vsetq_lane_u32::<2>(2, vsetq_lane_u32::<3>(3, splat(0))));
    add(splat(first), steps)
}

#[target_feature(enable = "neon")]
#[inline]
fn add(x: NeonLanes, y: NeonLanes) -> NeonLanes {
    vaddq_u32(x, y)
}

/// Returns `x` rotated to the right by `RIGHT` bits. `LEFT` is 32 less `RIGHT`.
#[target_feature(enable = "neon")]
#[inline]
fn rotate<const RIGHT: i32, const LEFT: i32>(x: NeonLanes) -> NeonLanes {
    const { assert!(RIGHT + LEFT == 32) };
    vsriq_n_u32::<RIGHT>(vshlq_n_u32::<LEFT>(x), x)
}

#[target_feature(enable = "neon")]
#[inline]
fn xor(x: NeonLanes, y: NeonLanes, z: NeonLanes) -> NeonLanes {
    veorq_u32(veorq_u32(x, y), z)
}

#[target_feature(enable = "neon")]
#[inline]
fn big_sigma0(x: NeonLanes) -> NeonLanes {
    xor(rotate::<2, 30>(x), rotate::<13, 19>(x), rotate::<22, 10>(x))
}

#[target_feature(enable = "neon")]
#[inline]
fn big_sigma1(x: NeonLanes) -> NeonLanes {
    xor(rotate::<6, 26>(x), rotate::<11, 21>(x), rotate::<25, 7>(x))
}

#[target_feature(enable = "neon")]
#[inline]
fn small_sigma0(x: NeonLanes) -> NeonLanes {
    xor(rotate::<7, 25>(x), rotate::<18, 14>(x), vshrq_n_u32::<3>(x))
}

#[target_feature(enable = "neon")]
#[inline]
fn small_sigma1(x: NeonLanes) -> NeonLanes {
    xor(rotate::<17, 15>(x), rotate::<19, 13>(x), vshrq_n_u32::<10>(x))
}

#[target_feature(enable = "neon")]
#[inline]
fn choose(x: NeonLanes, y: NeonLanes, z: NeonLanes) -> NeonLanes {
    vbslq_u32(x, y, z)
}

/// Returns the majority of x, y and z. Where x and y differ, z decides.
#[target_feature(enable = "neon")]
#[inline]
fn majority(x: NeonLanes, y: NeonLanes, z: NeonLanes) -> NeonLanes {
    vbslq_u32(veorq_u32(x, y), z, y)
}

#[target_feature(enable = "neon")]
#[inline]
fn min(x: NeonLanes, y: NeonLanes) -> NeonLanes {
    vminq_u32(x, y)
}

#[target_feature(enable = "neon")]
#[inline]
fn any_within(words: NeonLanes, limit: u32) -> bool {
    vminvq_u32(words) <= limit
}

scan_in_lanes! { #[target_feature(enable = "neon")] }

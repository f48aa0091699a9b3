//! The search on plain words: the fastest on a machine that has none of the other instruction sets.

use super::headers::NONCE_LOW;
use super::lanes::scan_in_lanes;
use super::lead::{Lead, WORDS};
use super::sha256::K;

type ScalarLane = u32;

pub(super) const LANES: u32 = 1;

#[inline(always)]
fn splat(word: u32) -> ScalarLane {
    word
}

#[inline(always)]
fn ramp(first: u32) -> ScalarLane {
    first
}

#[inline(always)]
fn add(x: ScalarLane, y: ScalarLane) -> ScalarLane {
    x.wrapping_add(y)
}

#[inline(always)]
fn big_sigma0(x: ScalarLane) -> ScalarLane {
    x.rotate_right(2) ^ x.rotate_right(13) ^ x.rotate_right(22)
}

#[inline(always)]
fn big_sigma1(x: ScalarLane) -> ScalarLane {
    x.rotate_right(6) ^ x.rotate_right(11) ^ x.rotate_right(25)
}

#[inline(always)]
fn small_sigma0(x: ScalarLane) -> ScalarLane {
    x.rotate_right(7) ^ x.rotate_right(18) ^ (x >> 3)
}

#[inline(always)]
fn small_sigma1(x: ScalarLane) -> ScalarLane {
    x.rotate_right(17) ^ x.rotate_right(19) ^ (x >> 10)
}

#[inline(always)]
fn choose(x: ScalarLane, y: ScalarLane, z: ScalarLane) -> ScalarLane {
    z ^ (x & (y ^ z))
}

/// Returns the majority of x, y and z. The exclusive or of x and y is the exclusive or of y and z
/// in the next round.
#[inline(always)]
fn majority(x: ScalarLane, y: ScalarLane, z: ScalarLane) -> ScalarLane {
    y ^ ((x ^ y) & (y ^ z))
}

#[inline(always)]
fn min(x: ScalarLane, y: ScalarLane) -> ScalarLane {
    x.min(y)
}

#[inline(always)]
fn any_within(words: ScalarLane, limit: u32) -> bool {
    words <= limit
}

scan_in_lanes! {}

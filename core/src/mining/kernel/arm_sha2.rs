//! The search with Arm's SHA-2 instructions, which do four rounds each.
//!
//! The latency of one instruction exceeds the time that it keeps the unit busy. So the rounds of
//! four first halves are interleaved.

use core::arch::aarch64::{
    uint32x4_t, vaddq_u32, vdupq_n_u32, vgetq_lane_u32, vsetq_lane_u32, vsha256h2q_u32, vsha256hq_u32,
    vsha256su0q_u32, vsha256su1q_u32,
};

use super::headers::NONCE_LOW;
use super::lead::{Half, Lead};
use super::sha256::K;

pub(super) const LANES: u32 = 1;
/// The rounds before the four that take the nonce's low word.
pub(super) const ROUNDS: usize = NONCE_LOW - 3;
/// The number of first halves that are interleaved.
const STREAMS: usize = 4;

/// Returns four words, the first in the lowest lane.
#[target_feature(enable = "sha2")]
#[inline]
fn quad(words: &[u32]) -> uint32x4_t {
    let quad = vsetq_lane_u32::<1>(words[1], vdupq_n_u32(words[0]));
    vsetq_lane_u32::<3>(words[3], vsetq_lane_u32::<2>(words[2], quad))
}

/// Returns the first word of the hash of each half, given the sums of the rounds' words and
/// constants.
#[target_feature(enable = "sha2")]
#[inline]
fn first_words<const STREAMS: usize>(halves: &[Half; STREAMS], sums: &[uint32x4_t; 16]) -> [u32; STREAMS] {
    let mut abcd = [vdupq_n_u32(0); STREAMS];
    let mut efgh = [vdupq_n_u32(0); STREAMS];
    for (stream, half) in halves.iter().enumerate() {
        (abcd[stream], efgh[stream]) = (quad(&half.state[..4]), quad(&half.state[4..]));
    }
    for &sums in &sums[ROUNDS / 4..] {
        for (abcd, efgh) in abcd.iter_mut().zip(&mut efgh) {
            (*abcd, *efgh) = (vsha256hq_u32(*abcd, *efgh, sums), vsha256h2q_u32(*efgh, *abcd, sums));
        }
    }
    let mut firsts = [0; STREAMS];
    for ((first, half), abcd) in firsts.iter_mut().zip(halves).zip(abcd) {
        *first = vgetq_lane_u32::<0>(abcd).wrapping_add(half.first);
    }
    firsts
}

/// Returns the number of nonces, from the one with the low word `first` on, that pass before one
/// that may be a hit.
#[target_feature(enable = "sha2")]
pub(super) fn scan(lead: &Lead, first: u32, nonces: u64) -> u64 {
    let (fours, rest) = lead.halves().as_chunks::<STREAMS>();
    let mut block = [0; 16];
    block.copy_from_slice(&lead.words[..16]);
    let mut low = first;
    for passed in 0..nonces {
        block[NONCE_LOW] = low;
        let mut words = [vdupq_n_u32(0); 16];
        for index in 0..4 {
            words[index] = quad(&block[4 * index..]);
        }
        for index in 4..16 {
            let begun = vsha256su0q_u32(words[index - 4], words[index - 3]);
            words[index] = vsha256su1q_u32(begun, words[index - 2], words[index - 1]);
        }
        let mut sums = words;
        for (index, sum) in sums.iter_mut().enumerate() {
            *sum = vaddq_u32(*sum, quad(&K[4 * index..]));
        }
        let mut least = u32::MAX;
        for four in fours {
            least = first_words(four, &sums).into_iter().fold(least, u32::min);
        }
        for half in rest {
            least = first_words(&[*half], &sums).into_iter().fold(least, u32::min);
        }
        if least <= lead.limit {
            return passed;
        }
        low = low.wrapping_add(LANES);
    }
    nonces
}

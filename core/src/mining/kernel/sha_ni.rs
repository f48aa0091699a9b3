//! The search with Intel's SHA extensions, which do two rounds an instruction.
//!
//! The latency of one instruction exceeds the time that it keeps the unit busy. So the rounds of
//! four first halves are interleaved.

use core::arch::x86_64::{
    __m128i, _mm_add_epi32, _mm_alignr_epi8, _mm_extract_epi32, _mm_set_epi32, _mm_setzero_si128,
    _mm_sha256msg1_epu32, _mm_sha256msg2_epu32, _mm_sha256rnds2_epu32, _mm_shuffle_epi32,
};

use super::headers::NONCE_LOW;
use super::lead::{Half, Lead};
use super::sha256::K;

pub(super) const LANES: u32 = 1;
/// The rounds before the pair of rounds that takes the nonce's low word.
pub(super) const ROUNDS: usize = NONCE_LOW - 1;
/// The number of first halves that are interleaved.
const STREAMS: usize = 4;

/// Returns four words, the first in the lowest lane.
#[target_feature(enable = "sse2")]
#[inline]
fn quad(words: [u32; 4]) -> __m128i {
    let [w0, w1, w2, w3] = words.map(u32::cast_signed);
    _mm_set_epi32(w3, w2, w1, w0)
}

/// Returns the first word of the hash of each half, given the sums of the rounds' words and
/// constants.
#[target_feature(enable = "sha,sse2,ssse3,sse4.1")]
#[inline]
fn first_words<const STREAMS: usize>(halves: &[Half; STREAMS], sums: &[__m128i; 16]) -> [u32; STREAMS] {
    // The instructions require the state in this order: f e b a and h g d c.
    let mut feba = [_mm_setzero_si128(); STREAMS];
    let mut hgdc = [_mm_setzero_si128(); STREAMS];
    for (stream, half) in halves.iter().enumerate() {
        let [a, b, c, d, e, f, g, h] = half.state;
        (feba[stream], hgdc[stream]) = (quad([f, e, b, a]), quad([h, g, d, c]));
    }
    let mut two_rounds = |sums| {
        for (feba, hgdc) in feba.iter_mut().zip(&mut hgdc) {
            (*feba, *hgdc) = (_mm_sha256rnds2_epu32(*hgdc, *feba, sums), *feba);
        }
    };
    two_rounds(_mm_shuffle_epi32::<0x0e>(sums[1]));
    for &sums in &sums[2..] {
        two_rounds(sums);
        two_rounds(_mm_shuffle_epi32::<0x0e>(sums));
    }
    let mut firsts = [0; STREAMS];
    for ((first, half), feba) in firsts.iter_mut().zip(halves).zip(feba) {
        *first = _mm_extract_epi32::<3>(feba).cast_unsigned().wrapping_add(half.first);
    }
    firsts
}

/// Returns the number of nonces, from the one with the low word `first` on, that pass before one
/// that may be a hit.
#[target_feature(enable = "sha,sse2,ssse3,sse4.1")]
pub(super) fn scan(lead: &Lead, first: u32, nonces: u64) -> u64 {
    let constants = core::array::from_fn::<_, 16, _>(|index| {
        let index = 4 * index;
        quad([K[index], K[index + 1], K[index + 2], K[index + 3]])
    });
    let (fours, rest) = lead.halves().as_chunks::<STREAMS>();
    let mut low = first;
    for passed in 0..nonces {
        let mut block = [0; 16];
        block.copy_from_slice(&lead.words[..16]);
        block[NONCE_LOW] = low;
        let mut words = [_mm_setzero_si128(); 16];
        for (words, block) in words.iter_mut().zip(block.as_chunks::<4>().0) {
            *words = quad(*block);
        }
        for index in 4..16 {
            let seventh = _mm_alignr_epi8::<4>(words[index - 1], words[index - 2]);
            let begun = _mm_add_epi32(_mm_sha256msg1_epu32(words[index - 4], words[index - 3]), seventh);
            words[index] = _mm_sha256msg2_epu32(begun, words[index - 1]);
        }
        let mut sums = words;
        for (sum, constant) in sums.iter_mut().zip(constants) {
            *sum = _mm_add_epi32(*sum, constant);
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

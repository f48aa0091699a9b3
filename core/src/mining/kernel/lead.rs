//! The start of a scan: all that stays the same while only the low word of the nonce varies.

use super::headers::{Headers, NONCE_LOW, ROOTS_MAX};
use super::sha256::{HashState, K, next_word, round};

/// The number of words at the start of the message schedule that do not depend on the nonce's low
/// word, counting that word itself.
pub(super) const WORDS: usize = 22;

/// One first half, hashed up to the point where the nonce varies.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Half {
    /// The state after the rounds that are done.
    pub(super) state: HashState,
    /// The first word of the midstate. Its sum with the last round's a is the hash's first word.
    pub(super) first: u32,
}

/// The searched headers with one high word of the nonce and some rounds done. The low word counts
/// as 0.
#[derive(Debug)]
pub(super) struct Lead {
    halves: [Half; ROOTS_MAX],
    count: usize,
    /// The words of the second half's block and the next ones in the schedule, with 0 as the
    /// nonce's low word.
    pub(super) words: [u32; WORDS],
    /// The first word of the target. A hash whose first word is greater does not meet the target.
    pub(super) limit: u32,
}

impl Lead {
    /// Creates the lead: does the first `rounds` rounds, at most the 8 up to the low word of the
    /// nonce.
    pub(super) fn new(headers: &Headers, high: u32, rounds: usize) -> Self {
        let mut words = [0; WORDS];
        words[..16].copy_from_slice(&headers.words);
        words[NONCE_LOW - 1] = high;
        for index in 16..WORDS {
            words[index] = next_word(&words[index - 16..index]);
        }
        let mut halves = [Half::default(); ROOTS_MAX];
        for (half, midstate) in halves.iter_mut().zip(&headers.midstates) {
            let done = K.iter().zip(&words).take(rounds);
            let state = done.fold(*midstate, |state, (k, word)| round(state, k.wrapping_add(*word)));
            *half = Half { state, first: midstate[0] };
        }
        Self { halves, count: headers.midstates.len().min(ROOTS_MAX), words, limit: headers.target[0] }
    }

    /// Returns the first halves, in the order of their roots.
    pub(super) fn halves(&self) -> &[Half] {
        &self.halves[..self.count]
    }
}

//! The data of the search on a graphics processor: the shader, the input of a dispatch, and the
//! meaning of its answer.
//!
//! The shader does the same as the `scan` of the other kernels. It returns the number of nonces
//! that pass before the first that may be a hit, judged by the hash's first word. `portable` tries
//! that nonce again, so a faulty processor never yields a false hit. Since only the first counts,
//! no buffer can overflow, and the first of all tries that meets the target is found. The owner of
//! the device writes the [`Dispatch`], runs its workgroups and reads back [`ANSWER_BYTES`]. Nothing
//! here touches a device.

use super::headers::{Headers, Hit, NONCE_LOW, ROOTS_MAX};
use super::lead::{Lead, WORDS};
use super::sha256::K;
use super::{halves, portable};

/// The shader, in the WebGPU shading language. Its binding 0 is a uniform buffer, the dispatch. Its
/// binding 1 is a storage buffer, the answer.
pub const SHADER: &str = include_str!("search.wgsl");
/// The shader's entry point.
pub const ENTRY: &str = "search";
/// The number of invocations in a workgroup.
const GROUP: u32 = 64;
/// The most workgroups of a dispatch: as many as the largest processors run at once. With more
/// nonces than their invocations, each makes several tries.
pub const GROUPS_MAX: u32 = 4_096;
/// The intended duration of a dispatch, microseconds. A page visibly stutters if its processor is
/// busy for longer than 30 ms.
pub const DISPATCH_US: u64 = 20_000;
/// The fewest nonces of a dispatch: about 20 ms on an emulated processor.
pub const NONCES_MIN: u32 = 1 << 12;
/// The most nonces of a dispatch: 20 ms of a processor that makes 400 billion tries a second.
pub const NONCES_MAX: u32 = 1 << 30;

/// The number of words of a schedule, padded to whole vectors of four.
const PADDED: usize = WORDS.next_multiple_of(4);
/// The number of words of a first half: its state, the first word of its midstate, padding.
const HALF: usize = 12;
/// The number of words in a dispatch's input.
const DISPATCH_WORDS: usize = 2 * PADDED + HALF * ROOTS_MAX + 4;
/// The number of bytes in a dispatch's input.
pub const DISPATCH_BYTES: usize = 4 * DISPATCH_WORDS;
/// The number of bytes in an answer.
pub const ANSWER_BYTES: usize = 8;
/// The content of the answer's buffer before a dispatch: no possible hit, and no finished
/// workgroup.
pub const UNANSWERED: [u8; ANSWER_BYTES] = [0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0];

/// A range of nonces that is searched at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dispatch {
    first: u64,
    nonces: u32,
}

/// The result of a dispatch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settled {
    /// The number of nonces that were searched: all, or all up to the first that might have been a
    /// hit.
    pub nonces: u32,
    /// The hit, if the last searched nonce is one.
    pub hit: Option<Hit>,
}

/// An answer that no working device gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    /// It has another length.
    #[error("an answer has {ANSWER_BYTES} bytes, found {found}")]
    Length {
        /// The number of bytes that it has.
        found: usize,
    },
    /// Some workgroups did not run to their end.
    #[error("{groups} workgroups were to run, {ended} did")]
    Unfinished {
        /// The number of workgroups that were to run.
        groups: u32,
        /// The number of workgroups that finished.
        ended: u32,
    },
    /// It names a nonce that was not searched.
    #[error("of {nonces} nonces number {passed} may be a hit")]
    Beyond {
        /// The number of nonces that were searched.
        nonces: u32,
        /// The number of nonces that pass before the named one.
        passed: u32,
    },
}

impl Dispatch {
    /// Creates a dispatch of the `nonces` nonces from `first` on. It ends after [`NONCES_MAX`]
    /// nonces, and at the last nonce with the same high word.
    pub fn new(first: u64, nonces: u32) -> Self {
        let (_, low) = halves(first);
        // All but one of the 2^32 nonces of a high word fit into a word's count.
        let left = (u32::MAX - low).saturating_add(1);
        Self { first, nonces: nonces.min(NONCES_MAX).min(left) }
    }

    /// Returns the number of nonces.
    pub fn nonces(&self) -> u32 {
        self.nonces
    }

    /// Returns the number of workgroups to run.
    pub fn groups(&self) -> u32 {
        self.nonces.div_ceil(GROUP).min(GROUPS_MAX)
    }

    /// Returns the shader's input, [`DISPATCH_BYTES`] long: the shader's `Lead`, in little-endian
    /// words.
    pub fn encode(&self, headers: &Headers) -> Vec<u8> {
        let (high, low) = halves(self.first);
        let lead = Lead::new(headers, high, NONCE_LOW + 1);
        let mut words = [0; DISPATCH_WORDS];
        let (schedule, rest) = words.split_at_mut(PADDED);
        let (sums, rest) = rest.split_at_mut(PADDED);
        let (halves, numbers) = rest.split_at_mut(HALF * ROOTS_MAX);
        for (((place, sum), word), k) in schedule.iter_mut().zip(sums).zip(lead.words).zip(&K) {
            (*place, *sum) = (word, word.wrapping_add(*k));
        }
        let mut roots = 0;
        for (place, half) in halves.as_chunks_mut::<HALF>().0.iter_mut().zip(lead.halves()) {
            place[..8].copy_from_slice(&half.state);
            place[8] = half.first;
            roots += 1;
        }
        numbers.copy_from_slice(&[roots, lead.limit, low, self.nonces]);
        let mut bytes = vec![0; DISPATCH_BYTES];
        for (place, word) in bytes.as_chunks_mut().0.iter_mut().zip(words) {
            *place = word.to_le_bytes();
        }
        bytes
    }

    /// Returns the meaning of the shader's answer.
    ///
    /// # Errors
    /// An answer that no working device gives. The nonces of the dispatch then count as
    /// not searched.
    pub fn settle(&self, headers: &Headers, answer: &[u8]) -> Result<Settled, AnswerError> {
        let found = answer.len();
        let &[a, b, c, d, e, f, g, h] = answer else { return Err(AnswerError::Length { found }) };
        let (passed, ended) = (u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes([e, f, g, h]));
        let groups = self.groups();
        if ended != groups {
            return Err(AnswerError::Unfinished { groups, ended });
        }
        if passed == u32::MAX {
            return Ok(Settled { nonces: self.nonces, hit: None });
        }
        if passed >= self.nonces {
            return Err(AnswerError::Beyond { nonces: self.nonces, passed });
        }
        let hit = portable::search(headers, self.first.wrapping_add(passed.into()), 1);
        Ok(Settled { nonces: passed + 1, hit })
    }
}

/// Returns the number of nonces for the dispatch after one of `nonces` that took `took_us`
/// microseconds. It takes [`DISPATCH_US`], but is at most twice as large as the last.
pub fn paced(nonces: u32, took_us: u64) -> u32 {
    let fitting = u64::from(nonces) * DISPATCH_US / took_us.max(1);
    let bounded = fitting.min(2 * u64::from(nonces));
    u32::try_from(bounded).unwrap_or(NONCES_MAX).clamp(NONCES_MIN, NONCES_MAX)
}

#[cfg(test)]
mod tests;

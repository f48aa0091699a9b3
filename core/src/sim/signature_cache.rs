//! A signature cache: thousands of nodes verify the same block, and the answer is the same for all.
//!
//! Each question belongs in one of [`SETS`] sets. When the [`WAYS`] answers of a set are full, the
//! least recently used one is evicted. It is computed again if needed.

use core::hash::Hasher as _;

use siphasher::sip128::{Hasher128 as _, SipHasher13};

use crate::ledger::signature_batch::SignatureCheck;

/// The number of sets: 8 MiB in all.
const SETS: usize = 1 << 16;
/// The number of answers in a set.
const WAYS: usize = 4;

/// Answers to [`SignatureCheck`]s, the most recently used first in each set.
#[derive(Debug)]
pub(super) struct SignatureCache(Vec<[Option<(u128, bool)>; WAYS]>);

impl Default for SignatureCache {
    fn default() -> Self {
        Self(vec![[None; WAYS]; SETS])
    }
}

impl SignatureCache {
    /// Returns true if a signature holds.
    pub(super) fn holds(&mut self, check: &SignatureCheck) -> bool {
        let mut hasher = SipHasher13::new();
        hasher.write(check.digest.as_bytes());
        hasher.write(check.key.as_bytes());
        hasher.write(check.signature.as_bytes());
        let question = hasher.finish128().as_u128();
        let set = &mut self.0[usize::try_from(question % SETS as u128).unwrap_or_default()];
        let place = set.iter().position(|answer| answer.is_some_and(|(asked, _)| asked == question));
        set[..=place.unwrap_or(WAYS - 1)].rotate_right(1);
        if place.is_none() {
            set[0] = Some((question, check.holds()));
        }
        set[0].is_some_and(|(_, holds)| holds)
    }
}

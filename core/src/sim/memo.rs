//! A memo of signatures: thousands of nodes verify the same block, and the answer is the same for all.
//!
//! Bounded: when [`ANSWERS_MAX`] are known, the elder half is forgotten, and would be computed again.

use core::hash::Hasher as _;
use std::collections::BTreeMap;

use siphasher::sip128::{Hasher128 as _, SipHasher13};

use crate::check::Check;

/// The answers that are remembered.
const ANSWERS_MAX: usize = 1 << 18;

/// Answers to [`Check`]s, computed once each.
#[derive(Debug, Default)]
pub(super) struct Memo {
    young: BTreeMap<u128, bool>,
    old: BTreeMap<u128, bool>,
}

impl Memo {
    /// Whether a signature holds.
    pub(super) fn holds(&mut self, check: &Check) -> bool {
        let mut hasher = SipHasher13::new();
        hasher.write(check.digest.as_bytes());
        hasher.write(check.key.as_bytes());
        hasher.write(check.signature.as_bytes());
        let key = hasher.finish128().as_u128();
        if let Some(holds) = self.young.get(&key) {
            return *holds;
        }
        let holds = self.old.get(&key).copied().unwrap_or_else(|| check.holds());
        if self.young.len() == ANSWERS_MAX / 2 {
            self.old = core::mem::take(&mut self.young);
        }
        self.young.insert(key, holds);
        holds
    }
}

//! A trace: a hash over all events, so that two runs can be compared by 16 bytes.

use core::hash::Hasher as _;

use siphasher::sip128::{Hasher128 as _, SipHasher13};

/// The running hash.
#[derive(Clone, Debug)]
pub(super) struct Trace(SipHasher13);

impl Trace {
    pub(super) fn new(seed: u64) -> Self {
        Self(SipHasher13::new_with_keys(seed, 0))
    }

    /// Hashes an event: its time, kind, host and detail. Numbers are hashed in their own width, so
    /// that all platforms agree.
    pub(super) fn note(&mut self, at: u64, kind: u8, host: u32, detail: u32) {
        self.0.write_u64(at.to_le());
        self.0.write_u64(((u64::from(kind) << 56) ^ (u64::from(host) << 32) ^ u64::from(detail)).to_le());
    }

    /// Returns 32 hex digits.
    pub(super) fn hex(&self) -> String {
        let (high, low) = self.0.finish128().as_u64();
        format!("{high:016x}{low:016x}")
    }
}

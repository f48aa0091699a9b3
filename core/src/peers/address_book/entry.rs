//! An entry: the state of one address in the book.

use core::num::NonZeroU32;

use crate::primitives::key::PublicKey;
use crate::primitives::time::Timestamp;
use crate::protocol::address::Address;
use crate::protocol::netgroup::NetGroup;

/// The age, in milliseconds, from which on an address that was neither reported nor reached counts
/// as useless: 30 days.
pub const AGE_MAX_MS: u64 = 30 * 86_400_000;
/// The number of failed attempts after which an address that never answered counts as useless.
pub const NEW_FAILURES_MAX: u8 = 3;
/// The number of consecutive failed attempts after which an address that once answered counts as
/// useless.
pub const TRIED_FAILURES_MAX: u8 = 10;
/// The wait after a first failure, in milliseconds. It doubles with each further one. An attempt
/// may take this long, too.
pub const RETRY_MIN_MS: u64 = 60_000;
/// The longest wait before an address is tried again, in milliseconds.
pub const RETRY_MAX_MS: u64 = 86_400_000;
/// The time, in milliseconds, for which an address that was reached need not be tested again.
pub const FRESH_MS: u64 = 4 * 3_600_000;

/// The state of one address: at most 80 bytes, and 33 for the key of one that was reached.
#[derive(Debug)]
pub(super) struct AddressEntry {
    pub(super) address: Address,
    /// The netgroup of the peer that reported it first.
    pub(super) source: NetGroup,
    /// When it was last reached or, before that, last reported.
    pub(super) last_seen: Timestamp,
    /// When the last attempt that has not yet succeeded was made, or 0 if there is none.
    pub(super) last_dialled: Timestamp,
    pub(super) key: Option<Box<PublicKey>>,
    pub(super) rtt_us: Option<NonZeroU32>,
    /// The number of failed attempts since it was last reached.
    pub(super) failures: u8,
    pub(super) anchor: bool,
}

impl AddressEntry {
    pub(super) fn new(address: Address, source: NetGroup, now: Timestamp) -> Self {
        Self {
            address,
            source,
            last_seen: now,
            last_dialled: Timestamp::default(),
            key: None,
            rtt_us: None,
            failures: 0,
            anchor: false,
        }
    }

    pub(super) fn reached(&mut self, key: PublicKey, now: Timestamp) {
        self.key = Some(Box::new(key));
        (self.last_seen, self.last_dialled, self.failures) = (now, Timestamp::default(), 0);
    }

    pub(super) fn failed(&mut self, now: Timestamp) {
        self.failures = self.failures.saturating_add(1);
        self.last_dialled = now;
    }

    /// Returns true if the entry counts as useless: it is not reported to peers, and any other
    /// replaces it.
    pub(super) fn is_terrible(&self, now: Timestamp) -> bool {
        let max = if self.key.is_some() { TRIED_FAILURES_MAX } else { NEW_FAILURES_MAX };
        self.failures >= max || now.ms_since(self.last_seen) > AGE_MAX_MS
    }

    /// Returns true if the entry must be replaced: it is useless, or it was never reached and the
    /// other was.
    pub(super) fn yields_to(&self, other: &Self, now: Timestamp) -> bool {
        self.is_terrible(now) || self.key.is_none() && other.key.is_some()
    }

    /// Returns true if it may be dialled: the wait after the last attempt is over.
    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        let doublings = self.failures.saturating_sub(1).min(16);
        let wait = (RETRY_MIN_MS << doublings).min(RETRY_MAX_MS);
        // A clock that was set back delays no attempt.
        self.last_dialled > now
            || self.last_dialled == Timestamp::default()
            || now.ms_since(self.last_dialled) >= wait
    }

    /// Returns true if it was reached so recently that no test is needed.
    pub(super) fn is_fresh(&self, now: Timestamp) -> bool {
        self.failures == 0 && now.ms_since(self.last_seen) < FRESH_MS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> AddressEntry {
        let address: Address = "8.8.8.8".parse().unwrap();
        let source = address.group();
        AddressEntry::new(address, source, Timestamp::from_unix_ms(RETRY_MAX_MS))
    }

    #[test]
    fn waits_longer_after_each_failure() {
        let (mut entry, mut now) = (entry(), Timestamp::from_unix_ms(RETRY_MAX_MS));
        assert!(entry.is_due(now));
        for failure in 0..40 {
            entry.failed(now);
            let wait = (RETRY_MIN_MS << failure.min(20)).min(RETRY_MAX_MS);
            assert!(!entry.is_due(now.plus_ms(wait - 1)), "failure {failure}");
            now = now.plus_ms(wait);
            assert!(entry.is_due(now), "failure {failure}");
        }
        entry.reached(PublicKey::NOBODY, now);
        assert!(entry.is_due(now));
        entry.failed(now);
        assert!(entry.is_due(now.minus_ms(1)), "a clock that was set back");
    }

    #[test]
    fn is_terrible_when_it_fails_or_is_old() {
        let (mut entry, now) = (entry(), Timestamp::from_unix_ms(RETRY_MAX_MS));
        assert!(!entry.is_terrible(now.plus_ms(AGE_MAX_MS)));
        assert!(entry.is_terrible(now.plus_ms(AGE_MAX_MS + 1)));
        for _ in 0..NEW_FAILURES_MAX {
            assert!(!entry.is_terrible(now));
            entry.failed(now);
        }
        assert!(entry.is_terrible(now));
        entry.reached(PublicKey::NOBODY, now);
        for _ in 0..TRIED_FAILURES_MAX {
            assert!(!entry.is_terrible(now));
            entry.failed(now);
        }
        assert!(entry.is_terrible(now));
    }

    #[test]
    fn is_small() {
        assert!(size_of::<AddressEntry>() <= 80, "{}", size_of::<AddressEntry>());
    }
}

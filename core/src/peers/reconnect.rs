//! Keeps the configured nodes connected: redials them, with increasing delays, until they answer.

use core::time::Duration;

use crate::primitives::collections::vec_map::VecMap;
use crate::primitives::rng::SeededRng;
use crate::primitives::time::MonotonicTime;
use crate::protocol::address::Address;
use crate::protocol::connection::ConnectionId;

/// The most nodes to stay connected to. Further ones are left out.
pub const TARGETS_MAX: usize = 64;
/// The wait after the first failure. It doubles with each further one.
pub(crate) const BACKOFF_MIN: Duration = Duration::from_millis(500);
/// The longest wait between attempts.
pub(crate) const BACKOFF_MAX: Duration = Duration::from_secs(60);

#[derive(Debug)]
enum DialState {
    Waiting(MonotonicTime),
    Dialing,
    Connected(ConnectionId),
}

#[derive(Debug)]
struct ReconnectTarget {
    state: DialState,
    failures: u32,
}

/// The nodes to stay connected to.
#[derive(Debug)]
pub(crate) struct Reconnector {
    targets: VecMap<Address, ReconnectTarget>,
}

impl Reconnector {
    pub(crate) fn new(targets: impl IntoIterator<Item = Address>) -> Self {
        let target = || ReconnectTarget { state: DialState::Waiting(MonotonicTime::default()), failures: 0 };
        Self { targets: targets.into_iter().take(TARGETS_MAX).map(|address| (address, target())).collect() }
    }

    /// Returns the nodes to stay connected to.
    pub(crate) fn addresses(&self) -> impl Iterator<Item = &Address> {
        self.targets.keys()
    }

    pub(crate) fn deadline(&self) -> Option<MonotonicTime> {
        let waits = self.targets.values().filter_map(|target| match target.state {
            DialState::Waiting(at) => Some(at),
            DialState::Dialing | DialState::Connected(_) => None,
        });
        waits.min()
    }

    /// Returns the addresses whose wait is over.
    pub(crate) fn tick(&mut self, now: MonotonicTime) -> Vec<Address> {
        let mut due = Vec::new();
        for (address, target) in &mut self.targets {
            if matches!(target.state, DialState::Waiting(at) if at <= now) {
                target.state = DialState::Dialing;
                due.push(address.clone());
            }
        }
        due
    }

    pub(crate) fn connected(&mut self, address: &Address, peer: ConnectionId) {
        if let Some(target) = self.targets.get_mut(address) {
            target.state = DialState::Connected(peer);
        }
    }

    /// Notes that a handshake was completed, so that the next wait is short again.
    pub(crate) fn established(&mut self, peer: ConnectionId) {
        for target in self.targets.values_mut() {
            if matches!(target.state, DialState::Connected(id) if id == peer) {
                target.failures = 0;
            }
        }
    }

    pub(crate) fn dial_failed(&mut self, now: MonotonicTime, address: &Address, rng: &mut SeededRng) {
        if let Some(target) = self.targets.get_mut(address) {
            target.fail(now, rng);
        }
    }

    pub(crate) fn closed(&mut self, now: MonotonicTime, peer: ConnectionId, rng: &mut SeededRng) {
        for target in self.targets.values_mut() {
            if matches!(target.state, DialState::Connected(id) if id == peer) {
                target.fail(now, rng);
            }
        }
    }

    /// Adds a node to stay connected to. Returns false if there are [`TARGETS_MAX`] others.
    pub(crate) fn add(&mut self, address: Address) -> bool {
        let (is_known, has_room) = (self.targets.contains_key(&address), self.targets.len() < TARGETS_MAX);
        if !is_known && has_room {
            let state = DialState::Waiting(MonotonicTime::default());
            self.targets.insert(address, ReconnectTarget { state, failures: 0 });
        }
        is_known || has_room
    }

    /// Removes an address that turned out to be our own, or that the operator drops.
    pub(crate) fn forget(&mut self, address: &Address) {
        self.targets.remove(address);
    }
}

impl ReconnectTarget {
    /// Waits between half and all of the backoff, so that many nodes do not redial at the same
    /// time.
    fn fail(&mut self, now: MonotonicTime, rng: &mut SeededRng) {
        let backoff = BACKOFF_MIN.saturating_mul(1 << self.failures.min(16)).min(BACKOFF_MAX);
        let half = u64::try_from(backoff.as_micros() / 2).unwrap_or(u64::MAX);
        self.failures = self.failures.saturating_add(1);
        self.state = DialState::Waiting(now + Duration::from_micros(half + rng.below(half)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_longer_after_each_failure_and_briefly_after_success() {
        let address: Address = "host:1".parse().unwrap();
        let (mut reconnector, mut rng) = (Reconnector::new([address.clone()]), SeededRng::new([1; 32]));
        let mut now = MonotonicTime::default();
        for failure in 0..12 {
            assert_eq!(reconnector.tick(now), std::slice::from_ref(&address));
            assert_eq!(reconnector.tick(now), []);
            reconnector.dial_failed(now, &address, &mut rng);
            let wait = reconnector.deadline().unwrap() - now;
            let longest = BACKOFF_MIN.saturating_mul(1 << failure).min(BACKOFF_MAX);
            assert!(wait >= longest / 2 && wait <= longest, "{wait:?} after failure {failure}");
            now = reconnector.deadline().unwrap();
        }
        reconnector.tick(now);
        reconnector.connected(&address, ConnectionId(1));
        assert_eq!(reconnector.deadline(), None);
        reconnector.established(ConnectionId(1));
        reconnector.closed(now, ConnectionId(1), &mut rng);
        assert!(reconnector.deadline().unwrap() - now <= BACKOFF_MIN);
    }
}

//! Holds: while a client fetches the chain, new blocks wait, so that its chain and the blocks on
//! `/` stay in step.
//!
//! A client replaces its chain by the one that it fetched. A block that is in that chain and
//! arrives on `/` afterwards would be a duplicate. A block that arrives before and is not in that
//! chain would be lost. Only the address tells that the two connections of a client belong
//! together, so all connections of an address are held together:
//!
//! 1. A fetch begins: the sockets of its address stop sending.
//! 2. The fetch pins a position, the newest block. The sockets send the blocks up to it, then a
//!    WebSocket ping. The client's library answers that in the order of arrival, so its answer says
//!    that the client has the blocks.
//! 3. The fetch sends the end of its answer, which ends exactly with the pinned block, and waits
//!    until the client has closed.
//! 4. The sockets go on after the pinned block.
//!
//! A client that was sent the genesis block owes a fetch. Its socket is silent until then. All
//! fetches during a hold end with the same block, so the fetches of several clients at one address
//! need not be told apart.
//!
//! Bounds: a hold ends after [`HOLD_MAX`], also when a client does not do its part. An entry exists
//! only as long as one of its connections, and the server limits their number. A hold concerns no
//! other address.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Semaphore, watch};

use super::CHAINS_PER_IP_MAX;
use super::tail::TailPosition;

/// The most time that a hold lasts, from its begin, and again from the moment when a position is
/// pinned.
pub const HOLD_MAX: Duration = Duration::from_secs(10);
/// The time after a position is pinned during which further fetches share it. A later one waits
/// until the hold has ended, so that fetches that overlap again and again do not keep blocks back.
pub const SHARE_MAX: Duration = Duration::from_secs(1);

/// The limit of the blocks that a socket may send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Limit {
    /// Every block.
    None,
    /// Nothing: a position is about to be pinned.
    Frozen,
    /// The blocks up to this one, and then the ping with this number.
    UpTo(TailPosition, u64),
}

#[derive(Debug, Default)]
struct HoldState {
    /// The time when the hold ends at the latest. Unset when nothing is held.
    until: Option<Instant>,
    /// The hold's number: each has another.
    hold: u64,
    pin: Option<TailPosition>,
    /// The time when the first position of the hold was pinned.
    since: Option<Instant>,
    /// The pin's number: each has another.
    pinned: u64,
    /// The fetches of this hold that are not over.
    fetches: usize,
    /// The fetches that clients owe.
    owed: usize,
    /// The listed sockets, each with the number of the pin that it has settled.
    sockets: BTreeMap<u64, u64>,
    next_socket: u64,
}

impl HoldState {
    /// Forgets a hold that is over at `now`.
    fn expire(&mut self, now: Instant) {
        let is_over = self.fetches == 0 && self.owed == 0;
        if self.until.is_some_and(|until| is_over || until <= now) {
            (self.until, self.pin, self.since, self.fetches, self.owed) = (None, None, None, 0, 0);
        }
    }

    /// Begins a hold if there is none.
    fn begin(&mut self, now: Instant) {
        self.expire(now);
        if self.until.is_none() {
            self.hold += 1;
        }
        if self.pin.is_none() {
            self.until = Some(now + HOLD_MAX);
        }
    }

    fn is_settled(&self) -> bool {
        self.sockets.values().all(|settled| *settled == self.pinned)
    }
}

/// The connections from one address.
#[derive(Debug)]
pub(super) struct Hold {
    state: Mutex<HoldState>,
    changed: watch::Sender<()>,
    /// The answers that are under way.
    pub(super) chains: Arc<Semaphore>,
}

impl Default for Hold {
    fn default() -> Self {
        let chains = Arc::new(Semaphore::new(CHAINS_PER_IP_MAX));
        Self { state: Mutex::default(), changed: watch::Sender::new(()), chains }
    }
}

impl Hold {
    fn lock(&self) -> MutexGuard<'_, HoldState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change<T>(&self, work: impl FnOnce(&mut HoldState) -> T) -> T {
        let answer = work(&mut self.lock());
        self.changed.send_replace(());
        answer
    }

    /// Returns a receiver that changes with the hold.
    pub(super) fn watch(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// Returns the limit of a socket at `now`, and the time when a hold, if there is one, ends at
    /// the latest.
    pub(super) fn limit(&self, now: Instant) -> (Limit, Option<Instant>) {
        let mut state = self.lock();
        state.expire(now);
        let limit = match state.pin {
            Some(pin) => Limit::UpTo(pin, state.pinned),
            None if state.fetches > 0 => Limit::Frozen,
            None => Limit::None,
        };
        (limit, state.until)
    }

    /// Notes that a client is made to fetch the chain.
    pub(super) fn owe(&self, now: Instant) {
        self.change(|state| {
            state.begin(now);
            state.owed += 1;
        });
    }

    /// Lists a socket. Returns it.
    pub(super) fn list(self: &Arc<Self>) -> ListedSocket {
        let id = self.change(|state| {
            let id = state.next_socket;
            state.next_socket += 1;
            state.sockets.insert(id, 0);
            id
        });
        ListedSocket { hold: Arc::clone(self), id }
    }

    /// Begins a fetch, after the hold that is under way if it is too old to share. Returns the
    /// fetch.
    pub(super) async fn fetch(self: &Arc<Self>) -> Fetch {
        let mut changed = self.watch();
        loop {
            let now = Instant::now();
            let ends = {
                let mut state = self.lock();
                state.expire(now);
                let is_old = state.since.is_some_and(|since| now >= since + SHARE_MAX);
                // The end of the hold waits for a fetch that is owed.
                state.until.filter(|_| is_old && state.owed == 0)
            };
            let Some(ends) = ends else { return self.fetch_at(now) };
            tokio::select! {
                _ = changed.changed() => {}
                () = tokio::time::sleep_until(ends.into()) => {}
            }
        }
    }

    /// Begins a fetch, and returns it. From now on the sockets are silent.
    fn fetch_at(self: &Arc<Self>, now: Instant) -> Fetch {
        let number = self.change(|state| {
            state.begin(now);
            state.fetches += 1;
            state.owed = state.owed.saturating_sub(1);
            state.hold
        });
        Fetch { hold: Arc::clone(self), number }
    }
}

/// A socket on `/` that is listed.
#[derive(Debug)]
pub(super) struct ListedSocket {
    hold: Arc<Hold>,
    id: u64,
}

impl ListedSocket {
    /// Notes that the client has all blocks up to the pinned one.
    pub(super) fn settle(&self, pinned: u64) {
        self.hold.change(|state| state.sockets.insert(self.id, pinned));
    }
}

impl Drop for ListedSocket {
    fn drop(&mut self) {
        self.hold.change(|state| state.sockets.remove(&self.id));
    }
}

/// A fetch. It is over when this is dropped.
#[derive(Debug)]
pub(super) struct Fetch {
    hold: Arc<Hold>,
    number: u64,
}

impl Fetch {
    /// Returns the position that the hold's fetches end with. This is a pinned one that
    /// `is_current`. Without one it is `tip`, which is then pinned. After the hold has ended, it is
    /// `tip`.
    pub(super) fn pin(
        &self,
        now: Instant,
        tip: TailPosition,
        is_current: impl FnOnce(&TailPosition) -> bool,
    ) -> TailPosition {
        self.hold.change(|state| {
            state.expire(now);
            if state.hold != self.number || state.until.is_none() {
                return tip;
            }
            if let Some(pin) = state.pin.filter(is_current) {
                return pin;
            }
            if state.since.is_none() {
                (state.until, state.since) = (Some(now + HOLD_MAX), Some(now));
            }
            state.pin = Some(tip);
            state.pinned += 1;
            tip
        })
    }

    /// Resolves when each socket's client has the blocks up to the pinned one.
    pub(super) async fn settled(&self) {
        let mut changed = self.hold.watch();
        while !self.hold.lock().is_settled() {
            if changed.changed().await.is_err() {
                return;
            }
        }
    }
}

impl Drop for Fetch {
    fn drop(&mut self) {
        self.hold.change(|state| {
            if state.hold == self.number {
                state.fetches = state.fetches.saturating_sub(1);
            }
        });
    }
}

/// A hold by its address, with the number of its members.
type ByAddress = BTreeMap<Option<IpAddr>, (Arc<Hold>, usize)>;

/// The holds of all addresses that are connected.
#[derive(Clone, Debug, Default)]
pub(super) struct Holds(Arc<Mutex<ByAddress>>);

impl Holds {
    fn lock(&self) -> MutexGuard<'_, ByAddress> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a connection from an address. Returns it.
    pub(super) fn join(&self, ip: Option<IpAddr>) -> Member {
        let mut holds = self.lock();
        let (hold, members) = holds.entry(ip).or_default();
        *members += 1;
        Member { hold: Arc::clone(hold), holds: self.clone(), ip }
    }
}

/// A connection: its address's hold exists as long as one of them.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) hold: Arc<Hold>,
    holds: Holds,
    ip: Option<IpAddr>,
}

impl Drop for Member {
    fn drop(&mut self) {
        let mut holds = self.holds.lock();
        if let Some((_, members)) = holds.get_mut(&self.ip) {
            *members -= 1;
            if *members == 0 {
                holds.remove(&self.ip);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use plexus_core::primitives::hash::Hash;

    use super::*;

    fn at(height: u64) -> TailPosition {
        TailPosition { height, hash: Hash::of(&height.to_be_bytes()) }
    }

    #[test]
    fn sockets_are_silent_while_a_fetch_pins_and_go_on_after_it() {
        let (hold, now) = (Arc::new(Hold::default()), Instant::now());
        assert_eq!(hold.limit(now), (Limit::None, None));
        let fetch = hold.fetch_at(now);
        assert_eq!(hold.limit(now).0, Limit::Frozen);
        assert_eq!(fetch.pin(now, at(5), |_| true), at(5));
        assert_eq!(hold.limit(now).0, Limit::UpTo(at(5), 1));
        // A second fetch meanwhile ends with the same block.
        let second = hold.fetch_at(now);
        assert_eq!(second.pin(now, at(6), |_| true), at(5));
        drop(fetch);
        assert_eq!(hold.limit(now).0, Limit::UpTo(at(5), 1));
        drop(second);
        assert_eq!(hold.limit(now), (Limit::None, None));
    }

    #[test]
    fn a_position_that_left_the_chain_is_pinned_no_more() {
        let (hold, now) = (Arc::new(Hold::default()), Instant::now());
        let fetch = hold.fetch_at(now);
        fetch.pin(now, at(5), |_| true);
        assert_eq!(fetch.pin(now, at(4), |_| false), at(4));
        assert_eq!(hold.limit(now).0, Limit::UpTo(at(4), 2));
    }

    #[test]
    fn a_hold_lasts_until_each_client_that_owes_a_fetch_has_made_it() {
        let (hold, now) = (Arc::new(Hold::default()), Instant::now());
        hold.owe(now);
        hold.owe(now);
        assert_eq!(hold.limit(now), (Limit::None, Some(now + HOLD_MAX)));
        let first = hold.fetch_at(now);
        first.pin(now, at(5), |_| true);
        drop(first);
        assert_eq!(hold.limit(now).0, Limit::UpTo(at(5), 1));
        let second = hold.fetch_at(now);
        assert_eq!(second.pin(now, at(7), |_| true), at(5));
        drop(second);
        assert_eq!(hold.limit(now), (Limit::None, None));
    }

    #[test]
    fn a_hold_ends_in_time_whatever_its_clients_do() {
        let (hold, now) = (Arc::new(Hold::default()), Instant::now());
        let slow = hold.fetch_at(now);
        slow.pin(now, at(5), |_| true);
        hold.owe(now);
        let later = now + HOLD_MAX;
        assert_eq!(hold.limit(later), (Limit::None, None));
        // The slow fetch has no part in the next hold.
        let fetch = hold.fetch_at(later);
        assert_eq!(slow.pin(later, at(8), |_| true), at(8));
        assert_eq!(fetch.pin(later, at(7), |_| true), at(7));
        drop(slow);
        assert_eq!(hold.limit(later).0, Limit::UpTo(at(7), 2));
    }

    #[tokio::test(start_paused = true)]
    async fn a_fetch_waits_for_the_end_of_a_hold_that_is_too_old_to_share() {
        let hold = Arc::new(Hold::default());
        let first = hold.fetch().await;
        let old = Instant::now().checked_sub(SHARE_MAX).unwrap();
        first.pin(old, at(5), |_| true);
        let mut second = std::pin::pin!(hold.fetch());
        assert!(tokio::time::timeout(Duration::from_millis(1), &mut second).await.is_err());
        drop(first);
        let second = second.await;
        assert_eq!(second.pin(Instant::now(), at(9), |_| true), at(9));
    }

    #[test]
    fn an_address_is_forgotten_with_its_last_connection() {
        let holds = Holds::default();
        let ip = Some(IpAddr::from([127, 0, 0, 1]));
        let (one, other) = (holds.join(ip), holds.join(ip));
        assert!(Arc::ptr_eq(&one.hold, &other.hold));
        drop(one);
        assert_eq!(holds.lock().len(), 1);
        drop(other);
        assert!(holds.lock().is_empty());
    }
}

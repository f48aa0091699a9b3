//! The address book: the known addresses of nodes. Some of them were reached, and the others only
//! reported.
//!
//! Specified in PROTOCOL.md, "Neighbours".
//!
//! It follows the ideas of Bitcoin's address manager (Heilman et al., [Eclipse Attacks on Bitcoin's
//! Peer-to-Peer Network](https://eprint.iacr.org/2015/263), section 7). Addresses that were only
//! reported are in the *new* table. Addresses with which a handshake was completed are in the
//! *tried* table. An address has one slot, given by a secret and by netgroups
//! ([`crate::protocol::netgroup`]). For a new address these are its own netgroup and that of its
//! source. For a tried one it is its own netgroup. The book never claims that reported addresses
//! exist: it only keeps liars from filling it.
//!
//! # Bounds under a hostile peer
//!
//! - At most [`ENTRIES_MAX`] entries: [`NEW_BUCKETS`] + [`TRIED_BUCKETS`] buckets of [`BUCKET`]
//!   slots.
//! - A source in one netgroup reaches [`SOURCE_BUCKETS`] of the new buckets, an eighth, however
//!   many addresses it reports. An owner of addresses in one netgroup reaches [`GROUP_BUCKETS`] of
//!   the tried buckets, a sixteenth, however many addresses it owns.
//! - A reported address replaces only entries that failed or were not seen for a long time. A tried
//!   entry is replaced only after it was dialled once more and did not answer, or if it had failed
//!   long before. At most [`TESTS_MAX`] such tests wait.
//! - A selection first chooses a table. In the new table it then chooses a source netgroup, so that
//!   the reports of each netgroup weigh the same. In the tried table it chooses a bucket. Within
//!   that it chooses an address's netgroup, and then an address. So addresses weigh little and
//!   netgroups much.
//! - An attacker that owns a fifth of all addresses in a twentieth of the netgroups is selected
//!   once in eleven times. That is measured in the tests, over 100 secrets. One neighbour per
//!   netgroup leaves it few slots of eight.

mod entry;
mod known;
mod place;

use core::num::NonZeroU32;
use core::ops::Range;
use core::time::Duration;

pub use entry::{AGE_MAX_MS, FRESH_MS, NEW_FAILURES_MAX, RETRY_MAX_MS, RETRY_MIN_MS, TRIED_FAILURES_MAX};
pub use known::{BOOK_BYTES_MAX, BOOK_VERSION, Known};
pub use place::{BUCKET, GROUP_BUCKETS, NEW_BUCKETS, SOURCE_BUCKETS, TRIED_BUCKETS};

use crate::primitives::collections::ordered_map::OrderedMap;
use crate::primitives::collections::vec_map::VecMap;
use crate::primitives::encoding::DecodeError;
use crate::primitives::key::PublicKey;
use crate::primitives::rng::SeededRng;
use crate::primitives::time::Timestamp;
use crate::protocol::address::Address;
use crate::protocol::limits::ADDRESSES_MAX;
use crate::protocol::netgroup::NetGroup;
use entry::AddressEntry;
use place::{AddressDigest, BucketSlot, NEW, Placement, TRIED};

/// The most entries of a book.
pub const ENTRIES_MAX: usize = (NEW_BUCKETS + TRIED_BUCKETS) as usize * BUCKET as usize;
/// The most anchors: neighbours that are dialled first after a restart.
pub const ANCHORS_MAX: usize = 4;
/// The most tried entries that wait for a test. At this number, an address whose slot is taken
/// stays in the new table.
pub const TESTS_MAX: usize = 16;

/// A tried entry whose slot another address claims.
#[derive(Debug)]
struct Test {
    place: BucketSlot,
    challenger: AddressDigest,
}

/// The address book.
///
/// ```
/// # use plexus_core::peers::address_book::AddressBook;
/// # use plexus_core::primitives::rng::SeededRng;
/// # use plexus_core::{Network, SecretKey};
/// # let (now, mut rng) = (Network::dev().genesis().time, SeededRng::new([1; 32]));
/// let (mut book, address) = (AddressBook::new([7; 32]), "alice.example".parse().unwrap());
/// assert!(book.add(&address, address.group(), now));
/// assert_eq!(book.select(now, &mut rng, |_| false), Some(address.clone()));
/// // After a handshake the address is in the tried table, with its node's key.
/// let key = SecretKey::from_bytes(&[7; 32]).unwrap().public();
/// book.good(&address, key, now);
/// assert_eq!((book.len(), book.tried_len(), book.key(&address)), (1, 1, Some(&key)));
/// ```
#[derive(Debug)]
pub struct AddressBook {
    placement: Placement,
    entries: OrderedMap<BucketSlot, AddressEntry>,
    /// The slot of the address with a digest.
    index: OrderedMap<AddressDigest, BucketSlot>,
    tests: Vec<Test>,
}

impl AddressBook {
    /// Creates an empty book. `secret` is 32 bytes that others do not know, the same over restarts.
    pub fn new(secret: [u8; 32]) -> Self {
        let (entries, index) = (OrderedMap::default(), OrderedMap::default());
        Self { placement: Placement::new(secret), entries, index, tests: Vec::new() }
    }

    /// Returns the number of entries.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Returns true if there are no entries.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Returns the number of tried entries.
    pub fn tried_len(&self) -> usize {
        self.entries.range(TRIED).count()
    }

    /// Returns true if there is an entry for this address.
    pub fn contains(&self, address: &Address) -> bool {
        self.find(address).is_some()
    }

    /// Adds an address that a peer in the netgroup `source` reported. Returns true if it was new
    /// and got a slot.
    ///
    /// The caller leaves out its own addresses and any that it cannot dial, such as local ones
    /// reported by a remote peer.
    pub fn add(&mut self, address: &Address, source: NetGroup, now: Timestamp) -> bool {
        if let Some(&place) = self.index.get(&self.placement.digest(address)) {
            // An unverified report does not refresh an entry that we failed to reach.
            if let Some(entry) = self.entries.get_mut(&place)
                && entry.address == *address
                && entry.key.is_none()
                && entry.failures == 0
            {
                entry.last_seen = now;
            }
            return false;
        }
        self.put_new(AddressEntry::new(address.clone(), source, now), now)
    }

    /// Notes that an address is being dialled. It is not selected until [`AddressBook::good`] or
    /// [`AddressBook::failed`] reports the result, or for [`RETRY_MIN_MS`].
    pub fn attempt(&mut self, address: &Address, now: Timestamp) {
        if let Some(entry) = self.entry_mut(address) {
            entry.last_dialled = now;
        }
    }

    /// Notes that a handshake was completed with the node at an address that we dialled, or that
    /// the node is still connected.
    ///
    /// It moves to the tried table. If its slot is taken it stays in the new table. The other entry
    /// is then to be tested, unless it was reached within [`FRESH_MS`].
    pub fn good(&mut self, address: &Address, key: PublicKey, now: Timestamp) {
        let digest = self.placement.digest(address);
        let at = self.find(address);
        if at.is_none() && self.index.contains_key(&digest) {
            // Another address has the same digest (probability 2^-64): the first stays.
            return;
        }
        let known = at.and_then(|place| self.take(place));
        let mut entry = known.unwrap_or_else(|| AddressEntry::new(address.clone(), address.group(), now));
        entry.reached(key, now);
        let place = self.placement.tried_place(address);
        if at == Some(place) {
            self.tests.retain(|test| test.place != place);
            return self.put(place, entry);
        }
        match self.entries.get(&place) {
            Some(other) if !other.is_terrible(now) => {
                let is_tested = self.tests.iter().any(|test| test.place == place);
                let wanted = !other.is_fresh(now) && !is_tested && self.tests.len() < TESTS_MAX;
                if self.put_new(entry, now) && wanted {
                    self.tests.push(Test { place, challenger: digest });
                }
            }
            _ => self.promote(place, entry, now),
        }
    }

    /// Notes that an attempt to reach an address failed. It is not selected for [`RETRY_MIN_MS`],
    /// and longer after each further failure.
    ///
    /// The caller reports failures only while it has a working link. Otherwise a disconnected node
    /// would lose its whole book.
    pub fn failed(&mut self, address: &Address, now: Timestamp) {
        let Some(place) = self.find(address) else { return };
        if let Some(entry) = self.entries.get_mut(&place) {
            entry.failed(now);
        }
        let Some(index) = self.tests.iter().position(|test| test.place == place) else { return };
        let test = self.tests.swap_remove(index);
        // The challenger may have been displaced and reported again since. Then it is not known to
        // be reachable.
        let reached = |at: &BucketSlot| self.entries.get(at).is_some_and(|entry| entry.key.is_some());
        let challenger = self.index.get(&test.challenger).copied().filter(reached);
        if let Some(challenger) = challenger.and_then(|at| self.take(at)) {
            self.promote(place, challenger, now);
        }
    }

    /// Returns a tried address whose slot another claims, to be dialled now. [`AddressBook::good`] or
    /// [`AddressBook::failed`] ends the test.
    pub fn to_test(&self, now: Timestamp) -> Option<Address> {
        let mut tested = self.tests.iter().filter_map(|test| self.entries.get(&test.place));
        tested.find(|entry| entry.is_due(now)).map(|entry| entry.address.clone())
    }

    /// Removes an address that is our own or must not be dialled for another reason.
    pub fn forget(&mut self, address: &Address) {
        if let Some(place) = self.find(address) {
            self.take(place);
            self.tests.retain(|test| test.place != place);
        }
    }

    /// Records a measured round trip to the node at an address. The least is kept.
    pub fn measured(&mut self, address: &Address, rtt: Duration) {
        let us = u32::try_from(rtt.as_micros()).unwrap_or(u32::MAX).max(1);
        if let Some(entry) = self.entry_mut(address) {
            entry.rtt_us = NonZeroU32::new(entry.rtt_us.map_or(us, |known| known.get().min(us)));
        }
    }

    /// Returns the least measured round trip to an address.
    pub fn rtt(&self, address: &Address) -> Option<Duration> {
        rtt_of(self.entry(address)?)
    }

    /// Returns the keys of the nodes that were reached and measured, with their round trips.
    pub fn measured_keys(&self) -> impl Iterator<Item = (PublicKey, Duration)> {
        let tried = self.entries.range(TRIED).map(|(_, entry)| entry);
        tried.filter_map(|entry| Some((*entry.key.as_deref()?, rtt_of(entry)?)))
    }

    /// Returns when an address was last reached or reported.
    pub fn last_seen(&self, address: &Address) -> Option<Timestamp> {
        self.entry(address).map(|entry| entry.last_seen)
    }

    /// Returns the key of the node that was last reached at an address.
    pub fn key(&self, address: &Address) -> Option<&PublicKey> {
        self.entry(address)?.key.as_deref()
    }

    /// Returns the tried address where the node with this key was last reached. It scans the tried
    /// table: 20 µs in a full book.
    pub fn find_key(&self, key: &PublicKey) -> Option<&Address> {
        let tried = self.entries.range(TRIED).map(|(_, entry)| entry);
        let found = tried.filter(|entry| entry.key.as_deref() == Some(key));
        found.max_by_key(|entry| entry.last_seen).map(|entry| &entry.address)
    }

    /// Returns a random address to dial: a tried or a new one with equal probability, while there
    /// are both.
    pub fn select(
        &self,
        now: Timestamp,
        rng: &mut SeededRng,
        exclude: impl Fn(&Address) -> bool,
    ) -> Option<Address> {
        let (first, second) = if rng.below(2) == 0 { (NEW, TRIED) } else { (TRIED, NEW) };
        let drawn = self.select_from(first, now, rng, &exclude);
        drawn.or_else(|| self.select_from(second, now, rng, &exclude))
    }

    /// Returns a random new address, to find out if it can be reached.
    pub fn select_new(
        &self,
        now: Timestamp,
        rng: &mut SeededRng,
        exclude: impl Fn(&Address) -> bool,
    ) -> Option<Address> {
        self.select_from(NEW, now, rng, &exclude)
    }

    /// Returns random addresses for a peer that asks: at most [`ADDRESSES_MAX`], without useless
    /// ones.
    pub fn sample(
        &self,
        count: usize,
        now: Timestamp,
        rng: &mut SeededRng,
        exclude: impl Fn(&Address) -> bool,
    ) -> Vec<Address> {
        let fine = self.entries.values().filter(|entry| !entry.is_terrible(now));
        let mut fine: Vec<_> = fine.map(|entry| &entry.address).filter(|address| !exclude(address)).collect();
        let count = count.min(ADDRESSES_MAX).min(fine.len());
        (0..count).map(|_| fine.swap_remove(rng.index(fine.len())).clone()).collect()
    }

    /// Returns the nearest nodes by the least measured round trip, at most `count`, nearest first.
    /// Nodes that failed too recently to be dialled again are left out.
    pub fn measured_nearest(
        &self,
        count: usize,
        now: Timestamp,
    ) -> impl Iterator<Item = (&Address, Duration)> {
        let due = self.entries.values().filter(|entry| entry.is_due(now));
        let mut measured: Vec<_> = due.filter_map(|entry| Some((&entry.address, rtt_of(entry)?))).collect();
        measured.sort_unstable_by_key(|(_, rtt)| *rtt);
        measured.into_iter().take(count)
    }

    /// Makes these nodes, at most [`ANCHORS_MAX`], the only ones that are dialled first after a
    /// restart.
    pub fn set_anchors<'a>(&mut self, addresses: impl IntoIterator<Item = &'a Address>) {
        self.entries.values_mut().for_each(|entry| entry.anchor = false);
        for address in addresses.into_iter().take(ANCHORS_MAX) {
            if let Some(entry) = self.entry_mut(address) {
                entry.anchor = true;
            }
        }
    }

    /// Returns the nodes to dial first after a restart.
    pub fn anchors(&self) -> impl Iterator<Item = &Address> {
        self.entries.values().filter(|entry| entry.anchor).map(|entry| &entry.address)
    }

    /// Returns the anchors that may be dialled now.
    pub fn anchors_due(&self, now: Timestamp) -> impl Iterator<Item = &Address> {
        let due = self.entries.values().filter(move |entry| entry.anchor && entry.is_due(now));
        due.map(|entry| &entry.address)
    }

    /// Returns all entries in the form that is stored.
    pub fn known(&self) -> impl Iterator<Item = Known> {
        self.entries.iter().map(|(place, entry)| Known {
            address: entry.address.clone(),
            source: entry.source,
            last_seen: entry.last_seen,
            tried: TRIED.contains(place),
            key: entry.key.as_deref().copied(),
            rtt_us: entry.rtt_us.map(NonZeroU32::get),
            failures: entry.failures,
            anchor: entry.anchor,
        })
    }

    /// Returns the book with these stored entries. With another secret, slots may clash, and then
    /// the first entry stays.
    pub fn restore(secret: [u8; 32], known: impl IntoIterator<Item = Known>) -> Self {
        let (mut book, mut anchors) = (Self::new(secret), 0);
        for known in known {
            if book.index.contains_key(&book.placement.digest(&known.address)) {
                continue;
            }
            let is_anchor = known.anchor && anchors < ANCHORS_MAX;
            let tried = (known.tried && known.key.is_some())
                .then(|| book.placement.tried_place(&known.address))
                .filter(|place| !book.entries.contains_key(place));
            let entry = AddressEntry {
                key: known.key.map(Box::new),
                rtt_us: known.rtt_us.and_then(NonZeroU32::new),
                failures: known.failures,
                anchor: is_anchor,
                ..AddressEntry::new(known.address, known.source, known.last_seen)
            };
            let is_kept = match tried {
                Some(place) => {
                    book.put(place, entry);
                    true
                }
                None => book.put_new(entry, Timestamp::default()),
            };
            anchors += usize::from(is_kept && is_anchor);
        }
        book
    }

    /// Returns all stored state as bytes, at most [`BOOK_BYTES_MAX`].
    pub fn encode(&self) -> Vec<u8> {
        known::encode(&self.known().collect::<Vec<_>>())
    }

    /// Returns the book that was encoded.
    ///
    /// # Errors
    /// The bytes are not an encoded book.
    pub fn decode(secret: [u8; 32], bytes: &[u8]) -> Result<Self, DecodeError> {
        Ok(Self::restore(secret, known::decode(bytes)?))
    }

    fn find(&self, address: &Address) -> Option<BucketSlot> {
        let place = *self.index.get(&self.placement.digest(address))?;
        self.entries.get(&place).filter(|entry| entry.address == *address).map(|_| place)
    }

    fn entry(&self, address: &Address) -> Option<&AddressEntry> {
        self.entries.get(&self.find(address)?)
    }

    fn entry_mut(&mut self, address: &Address) -> Option<&mut AddressEntry> {
        let place = self.find(address)?;
        self.entries.get_mut(&place)
    }

    fn take(&mut self, place: BucketSlot) -> Option<AddressEntry> {
        let entry = self.entries.remove(&place)?;
        self.index.remove(&self.placement.digest(&entry.address));
        Some(entry)
    }

    /// Puts an entry into a slot, and drops the previous one.
    fn put(&mut self, place: BucketSlot, entry: AddressEntry) {
        self.take(place);
        self.index.insert(self.placement.digest(&entry.address), place);
        self.entries.insert(place, entry);
    }

    /// Puts an entry into the new table, unless a better one has its slot. Returns true if it did.
    fn put_new(&mut self, entry: AddressEntry, now: Timestamp) -> bool {
        let place = self.placement.new_place(&entry.address, entry.source);
        let is_free = self.entries.get(&place).is_none_or(|other| other.yields_to(&entry, now));
        if is_free {
            self.put(place, entry);
        }
        is_free
    }

    /// Puts an entry into the tried table. The previous one returns to the new table, if there is
    /// room.
    fn promote(&mut self, place: BucketSlot, entry: AddressEntry, now: Timestamp) {
        let old = self.take(place);
        self.tests.retain(|test| test.place != place);
        self.put(place, entry);
        if let Some(old) = old {
            self.put_new(old, now);
        }
    }

    fn select_from(
        &self,
        table: Range<BucketSlot>,
        now: Timestamp,
        rng: &mut SeededRng,
        exclude: &impl Fn(&Address) -> bool,
    ) -> Option<Address> {
        let mut shares = VecMap::<_, Vec<&Address>>::default();
        for (place, entry) in self.entries.range(table).filter(|(_, entry)| entry.is_due(now)) {
            shares.get_or_default(EntrySet::of(*place, entry)).push(&entry.address);
        }
        let mut shares = shares.into_vec();
        while !shares.is_empty() {
            let mut groups = VecMap::<_, Vec<&Address>>::default();
            let (_, share) = shares.swap_remove(rng.index(shares.len()));
            for address in share {
                if !exclude(address) {
                    groups.get_or_default(self.placement.group(address)).push(address);
                }
            }
            let group = rng.index(groups.len());
            if let Some(addresses) = groups.values().nth(group) {
                return addresses.get(rng.index(addresses.len())).map(|address| (*address).clone());
            }
        }
        None
    }
}

/// A set of entries that is selected as often as any other set.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum EntrySet {
    /// The new entries that one netgroup reported.
    Source(NetGroup),
    /// The tried entries of one bucket.
    Bucket(BucketSlot),
}

impl EntrySet {
    fn of(place: BucketSlot, entry: &AddressEntry) -> Self {
        if NEW.contains(&place) { Self::Source(entry.source) } else { Self::Bucket(place.bucket_start()) }
    }
}

fn rtt_of(entry: &AddressEntry) -> Option<Duration> {
    entry.rtt_us.map(|us| Duration::from_micros(us.get().into()))
}

#[cfg(test)]
mod tests;

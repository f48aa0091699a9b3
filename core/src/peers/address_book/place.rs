//! Slots: the position of an address in the book, which follows from the address, its source and a
//! secret.
//!
//! Without the secret, an attacker can neither aim at a slot nor tell which addresses share a
//! bucket.

use core::hash::Hasher as _;
use core::ops::Range;

use siphasher::sip::SipHasher24;

use crate::protocol::address::Address;
use crate::protocol::host::Host;
use crate::protocol::netgroup::NetGroup;

/// The number of slots of a bucket.
pub const BUCKET: u16 = 16;
/// The number of buckets for addresses that were only reported.
pub const NEW_BUCKETS: u16 = 128;
/// The number of buckets for addresses that were reached.
pub const TRIED_BUCKETS: u16 = 64;
/// The number of new buckets that addresses reported by one netgroup can reach.
pub const SOURCE_BUCKETS: u16 = 16;
/// The number of tried buckets that the addresses of one netgroup can reach.
pub const GROUP_BUCKETS: u16 = 4;

/// A slot: its bucket, times [`BUCKET`], plus its index in the bucket. The new buckets come first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct BucketSlot(u16);

/// The slots of addresses that were only reported.
pub(super) const NEW: Range<BucketSlot> = BucketSlot(0)..BucketSlot(NEW_BUCKETS * BUCKET);
/// The slots of addresses that were reached.
pub(super) const TRIED: Range<BucketSlot> =
    BucketSlot(NEW_BUCKETS * BUCKET)..BucketSlot((NEW_BUCKETS + TRIED_BUCKETS) * BUCKET);

impl BucketSlot {
    /// Returns the first slot of its bucket.
    pub(super) fn bucket_start(self) -> Self {
        Self(self.0 - self.0 % BUCKET)
    }
}

/// The digest of an address within one book: a keyed hash, unpredictable to others.
pub(super) type AddressDigest = u64;

/// The keyed hash that decides the slots.
#[derive(Debug)]
pub(super) struct Placement {
    keyed: SipHasher24,
}

/// The domain of a keyed hash.
#[derive(Clone, Copy)]
enum Domain {
    Address,
    NewShare,
    NewBucket,
    TriedShare,
    TriedBucket,
    Position,
}

impl Placement {
    pub(super) fn new(secret: [u8; 32]) -> Self {
        // SipHash takes a key of 16 bytes. The other 16 are hashed first, so that all bytes count.
        let (mut key, mut rest) = ([0; 16], [0; 16]);
        key.copy_from_slice(&secret[..16]);
        rest.copy_from_slice(&secret[16..]);
        let mut keyed = SipHasher24::new_with_key(&key);
        keyed.write(&rest);
        Self { keyed }
    }

    pub(super) fn digest(&self, address: &Address) -> AddressDigest {
        let mut hasher = self.keyed;
        hasher.write(&[Domain::Address as u8, address.is_tls().into()]);
        hasher.write(&address.port().to_be_bytes());
        match address.host() {
            Host::V4(ip) => hasher.write(&ip.octets()),
            Host::V6(ip) => hasher.write(&ip.octets()),
            Host::Name(name) => {
                hasher.write(b"-");
                hasher.write(name.as_bytes());
            }
        }
        hasher.finish()
    }

    /// Returns the netgroup of an address. A local address counts as a netgroup of its own.
    ///
    /// A home network would otherwise be one netgroup. An attacker there gains no further advantage
    /// from many addresses.
    pub(super) fn group(&self, address: &Address) -> [u8; 8] {
        if address.is_local() { self.digest(address).to_be_bytes() } else { address.group().to_bytes() }
    }

    /// Returns the slot of an address that `source` reported.
    pub(super) fn new_place(&self, address: &Address, source: NetGroup) -> BucketSlot {
        let source = source.to_bytes();
        let share = self.below(Domain::NewShare, &[&self.group(address), &source], SOURCE_BUCKETS);
        let bucket = self.below(Domain::NewBucket, &[&source, &share.to_be_bytes()], NEW_BUCKETS);
        self.place(bucket, address)
    }

    /// Returns the slot of an address that was reached.
    pub(super) fn tried_place(&self, address: &Address) -> BucketSlot {
        let share = self.below(Domain::TriedShare, &[&self.digest(address).to_be_bytes()], GROUP_BUCKETS);
        let parts: [&[u8]; 2] = [&self.group(address), &share.to_be_bytes()];
        let bucket = NEW_BUCKETS + self.below(Domain::TriedBucket, &parts, TRIED_BUCKETS);
        self.place(bucket, address)
    }

    fn place(&self, bucket: u16, address: &Address) -> BucketSlot {
        let parts: [&[u8]; 2] = [&bucket.to_be_bytes(), &self.digest(address).to_be_bytes()];
        BucketSlot(bucket * BUCKET + self.below(Domain::Position, &parts, BUCKET))
    }

    /// Returns a keyed hash of parts of fixed sizes, below a power of two.
    fn below(&self, domain: Domain, parts: &[&[u8]], bound: u16) -> u16 {
        let mut hasher = self.keyed;
        hasher.write(&[domain as u8]);
        for part in parts {
            hasher.write(part);
        }
        let [.., high, low] = hasher.finish().to_be_bytes();
        u16::from_be_bytes([high, low]) % bound
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn buckets(places: impl Iterator<Item = BucketSlot>) -> usize {
        places.map(BucketSlot::bucket_start).collect::<BTreeSet<_>>().len()
    }

    #[test]
    fn a_network_reaches_few_buckets_and_a_home_network_many() {
        let placement = Placement::new([7; 32]);
        let address = |text: String| text.parse::<Address>().unwrap();
        let many: Vec<_> = (0..=255).map(|low| address(format!("8.8.{low}.1"))).collect();
        assert!(buckets(many.iter().map(|one| placement.tried_place(one))) <= GROUP_BUCKETS.into());
        let source = many[0].group();
        assert_eq!(buckets(many.iter().map(|one| placement.new_place(one, source))), 1);
        let wide: Vec<_> = (0..=255).map(|low| address(format!("8.{low}.1.1"))).collect();
        let reached = buckets(wide.iter().map(|one| placement.new_place(one, source)));
        assert!((8..=SOURCE_BUCKETS.into()).contains(&reached), "{reached}");
        let home: Vec<_> = (1..=256).map(|port| address(format!("127.0.0.1:{port}"))).collect();
        assert!(buckets(home.iter().map(|one| placement.tried_place(one))) > 48);
        assert!(many.iter().all(|one| NEW.contains(&placement.new_place(one, source))));
        assert!(many.iter().all(|one| TRIED.contains(&placement.tried_place(one))));
    }

    #[test]
    fn another_secret_is_another_order() {
        let address: Address = "8.8.8.8:1".parse().unwrap();
        let places = (0..64).map(|secret| Placement::new([secret; 32]).tried_place(&address));
        assert!(places.collect::<Vec<_>>().windows(2).filter(|pair| pair[0] == pair[1]).count() < 3);
        let mut secret = [1; 32];
        let digest = Placement::new(secret).digest(&address);
        secret[31] = 2;
        assert_ne!(Placement::new(secret).digest(&address), digest, "all of the secret counts");
    }
}

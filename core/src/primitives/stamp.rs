//! Stamps: the work that a sender puts into a message in place of a fee.
//!
//! Specified in PROTOCOL.md, "Message: Stamps".
//!
//! Nobody signs a stamp, so anyone can replace it. Nodes prefer the copy with more work.

use crate::primitives::hash::{Hash, Tag, tagged};
use crate::primitives::pow::Work;

/// The bytes that a price refers to.
pub const PRICE_BYTES: u128 = 1_024;

/// A message's stamp work per [`PRICE_BYTES`] encoded bytes, in hashes. Nodes rank messages by it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Price(u128);

impl Price {
    /// The price that each message has at least.
    pub const ZERO: Self = Self(0);

    /// Returns the price of a message of `size` bytes whose stamp shows `work`.
    ///
    /// ```
    /// use plexus_core::primitives::pow::Work;
    /// use plexus_core::primitives::stamp::Price;
    ///
    /// let price = Price::new(Work::from_hashes(4_096), 4_000);
    /// assert_eq!(price.hashes(), 1_048);
    /// // A stamp of this work has at least the price, and one with less work has not.
    /// assert_eq!(price.work(4_000), Work::from_hashes(4_094));
    /// ```
    pub fn new(work: Work, size: usize) -> Self {
        Self(work.hashes().saturating_mul(PRICE_BYTES) / size.max(1) as u128)
    }

    /// Returns the hashes per [`PRICE_BYTES`] bytes.
    pub const fn hashes(self) -> u128 {
        self.0
    }

    /// Returns the next higher price.
    #[must_use]
    pub const fn above(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// Returns the least stamp work that gives a message of `size` bytes this price.
    pub fn work(self, size: usize) -> Work {
        Work::from_hashes(self.0.saturating_mul(size as u128).div_ceil(PRICE_BYTES))
    }
}

/// Returns the work that a stamp shows for a message.
pub fn stamp_work(id: &Hash, stamp: u64) -> Work {
    Work::shown_by(&tagged(Tag::Stamp, &[id.as_bytes(), &stamp.to_be_bytes()]))
}

/// Returns ⌊log₂⌋ of a stamp's work: the level at which the message is announced.
pub fn stamp_level(work: Work) -> u8 {
    u8::try_from(work.hashes().max(1).ilog2()).unwrap_or(u8::MAX)
}

/// Returns the best stamp among `tries` from `first` on, with its work. The caller searches in
/// slices of this kind.
///
/// ```
/// use plexus_core::Hash;
/// use plexus_core::primitives::stamp::{grind_stamp, stamp_work};
///
/// let id = Hash::of(b"the id of a message");
/// let (stamp, work) = grind_stamp(&id, 0, 1_000);
/// assert_eq!(stamp_work(&id, stamp), work);
/// // More tries show at least as much work.
/// assert!(grind_stamp(&id, 0, 2_000).1 >= work);
/// ```
pub fn grind_stamp(id: &Hash, first: u64, tries: u64) -> (u64, Work) {
    (0..tries)
        .map(|step| first.wrapping_add(step))
        .map(|stamp| (stamp, stamp_work(id, stamp)))
        .fold((first, Work::ZERO), |best, next| if next.1 > best.1 { next } else { best })
}

/// Returns the first stamp that shows at least `wanted` work. That takes as many hashes, on average.
pub fn find_stamp(id: &Hash, wanted: Work) -> u64 {
    let mut stamp = 0_u64;
    while stamp_work(id, stamp) < wanted {
        stamp = stamp.wrapping_add(1);
    }
    stamp
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grinding_finds_the_best_of_its_slice() {
        let id = Hash::of(b"id");
        let (stamp, work) = grind_stamp(&id, 10, 500);
        assert_eq!(stamp_work(&id, stamp), work);
        assert!((10..510).all(|other| stamp_work(&id, other) <= work));
        let first = find_stamp(&id, work);
        assert!(stamp_work(&id, first) >= work && first <= stamp);
    }

    #[test]
    fn a_price_and_its_work_agree() {
        for size in [118, 255, 256, 1_024, 4_341] {
            for hashes in [0, 1, 2, 117, 65_536, 1 << 40, u128::MAX / 1_024] {
                let price = Price::new(Work::from_hashes(hashes), size);
                let work = price.work(size);
                assert!(work.hashes() <= hashes);
                assert_eq!(Price::new(work, size), price, "{hashes} hashes for {size} bytes");
                if work > Work::ZERO {
                    assert!(Price::new(Work::from_hashes(work.hashes() - 1), size) < price);
                }
            }
        }
        assert_eq!(Price::new(Work::from_hashes(u128::MAX), 1).above().hashes(), u128::MAX);
    }

    #[test]
    fn a_level_is_the_logarithm_rounded_down() {
        let levels =
            [0, 1, 2, 3, 4, 65_535, 65_536, u128::MAX].map(|hashes| stamp_level(Work::from_hashes(hashes)));
        assert_eq!(levels, [0, 0, 1, 1, 2, 15, 16, 127]);
    }
}

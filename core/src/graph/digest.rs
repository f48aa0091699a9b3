//! A digest: by how little two nodes see that they hold different links, and roughly which.
//!
//! Links are dealt into buckets by their ends; a bucket's mark is the XOR of marks of its links and their epochs. A link
//! whose epoch advances changes one bucket. Whoever makes up links can make marks cancel out and so hide a difference in a
//! bucket, until that bucket's honest links next change their epochs: the graph only orders and hints, so that is cheaper
//! than digests with a key of their own. A digest is 1,024 bytes.

use crate::hash::{Tag, tagged};
use crate::key::PublicKey;
use crate::layout::{DecodeError, Reader};
use crate::link::Epoch;

/// How many buckets a digest has.
pub const DIGEST_BUCKETS: usize = 256;
/// A digest's size in bytes.
pub const DIGEST_BYTES: usize = 4 * DIGEST_BUCKETS;

/// The marks of all buckets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Digest([u32; DIGEST_BUCKETS]);

impl Default for Digest {
    /// Of no links.
    fn default() -> Self {
        Self([0; DIGEST_BUCKETS])
    }
}

impl Digest {
    /// Adds a link's mark, or takes it away again.
    pub(crate) fn toggle(&mut self, bucket: u8, mark: u32) {
        self.0[usize::from(bucket)] ^= mark;
    }

    /// Whether a bucket holds the same in both, as far as marks tell.
    pub(crate) fn agrees(&self, other: &Self, bucket: u8) -> bool {
        self.0[usize::from(bucket)] == other.0[usize::from(bucket)]
    }

    /// Its 1,024 bytes.
    pub fn encode(&self) -> [u8; DIGEST_BYTES] {
        let mut out = [0; DIGEST_BYTES];
        for (bytes, mark) in out.chunks_exact_mut(4).zip(self.0) {
            bytes.copy_from_slice(&mark.to_be_bytes());
        }
        out
    }

    /// Reads a digest and nothing after it.
    ///
    /// # Errors
    /// Bytes that are not exactly 1,024.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        let mut digest = Self::default();
        for mark in &mut digest.0 {
            *mark = reader.u32("digest mark")?;
        }
        reader.end()?;
        Ok(digest)
    }
}

/// The bucket of the link between two ends, the lower first: the first byte of a hash over both.
pub(crate) fn bucket(ends: &[PublicKey; 2]) -> u8 {
    let [a, b] = ends;
    tagged(Tag::Digest, &[a.as_bytes(), b.as_bytes()]).as_bytes()[0]
}

/// A link's mark in an epoch: the first four bytes of a hash over both ends and the epoch.
pub(crate) fn mark(ends: &[PublicKey; 2], epoch: Epoch) -> u32 {
    let [a, b] = ends;
    let hash = tagged(Tag::Digest, &[a.as_bytes(), b.as_bytes(), &epoch.to_u32().to_be_bytes()]);
    let [first, second, third, fourth, ..] = *hash.as_bytes();
    u32::from_be_bytes([first, second, third, fourth])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_outside_the_layout_are_refused() {
        let mut digest = Digest::default();
        for bucket in 0..=u8::MAX {
            digest.toggle(bucket, u32::from(bucket) << 24 | 7);
        }
        let bytes = digest.encode();
        assert_eq!(Digest::decode(&bytes), Ok(digest.clone()));
        for end in 0..bytes.len() {
            assert!(Digest::decode(&bytes[..end]).is_err(), "{end} bytes");
        }
        let long = [bytes.as_slice(), &[0]].concat();
        assert_eq!(Digest::decode(&long), Err(DecodeError::Trailing { count: 1 }));
        let packed = postcard::to_allocvec(&digest).unwrap();
        assert_eq!(packed.len(), DIGEST_BYTES + 2);
        assert_eq!(postcard::from_bytes::<Digest>(&packed), Ok(digest));
    }

    #[test]
    fn a_link_keeps_its_bucket_and_changes_its_mark() {
        let ends = [PublicKey::from_bytes([2; 33]), PublicKey::from_bytes([3; 33])];
        assert_eq!(bucket(&ends), bucket(&ends));
        assert_ne!(mark(&ends, Epoch::from_u32(1)), mark(&ends, Epoch::from_u32(2)));
        let mut digest = Digest::default();
        digest.toggle(9, 5);
        assert!(!digest.agrees(&Digest::default(), 9) && digest.agrees(&Digest::default(), 8));
        digest.toggle(9, 5);
        assert_eq!(digest, Digest::default());
    }
}

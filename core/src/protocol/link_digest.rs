//! A digest: a few bytes that show two nodes that they hold different links, and roughly which.
//!
//! Specified in PROTOCOL.md, "Link certificates".
//!
//! Links are assigned to buckets by their ends. A bucket's mark is the XOR of the marks of its
//! links and their epochs. A link whose epoch advances changes one bucket. An attacker that makes
//! up links can make marks cancel out, and so hide a difference in a bucket. That lasts until the
//! bucket's honest links next change their epochs. The graph is only a hint, so this is cheaper
//! than digests with a key of their own. A full graph has about two buckets a link, so most of the
//! links sent for a bucket that differs are new. A digest is 8,192 bytes.

use crate::primitives::encoding::{DecodeError, Reader};
use crate::primitives::hash::{Tag, tagged};
use crate::primitives::key::PublicKey;
use crate::protocol::link_certificate::Epoch;

/// The number of buckets in a digest.
pub const DIGEST_BUCKETS: usize = 4_096;
/// A digest's size in bytes.
pub const DIGEST_BYTES: usize = 2 * DIGEST_BUCKETS;

/// The marks of all buckets. If it is empty, all of them are 0.
///
/// ```
/// use plexus_core::protocol::link_digest::{DIGEST_BYTES, LinkDigest};
///
/// let empty = LinkDigest::default();
/// assert_eq!(empty.encode(), [0; DIGEST_BYTES]);
/// let mut bytes = empty.encode();
/// bytes[7] = 1;
/// let other = LinkDigest::decode(&bytes).unwrap();
/// assert_ne!(other, empty, "the links of one bucket differ");
/// ```
#[derive(Clone, Debug, Default)]
pub struct LinkDigest(Vec<u16>);

impl PartialEq for LinkDigest {
    fn eq(&self, other: &Self) -> bool {
        (0..).take(DIGEST_BUCKETS).all(|bucket| self.agrees(other, bucket))
    }
}

impl Eq for LinkDigest {}

impl LinkDigest {
    fn mark(&self, bucket: u16) -> u16 {
        self.0.get(usize::from(bucket)).copied().unwrap_or(0)
    }

    /// Adds a link's mark, or removes it again.
    pub(crate) fn toggle(&mut self, bucket: u16, mark: u16) {
        if self.0.is_empty() {
            self.0.resize(DIGEST_BUCKETS, 0);
        }
        self.0[usize::from(bucket)] ^= mark;
    }

    /// Returns true if a bucket holds the same in both, as far as marks tell.
    pub(crate) fn agrees(&self, other: &Self, bucket: u16) -> bool {
        self.mark(bucket) == other.mark(bucket)
    }

    /// Returns its 8,192 bytes.
    pub fn encode(&self) -> Vec<u8> {
        (0..).take(DIGEST_BUCKETS).flat_map(|bucket| self.mark(bucket).to_be_bytes()).collect()
    }

    /// Reads a digest and nothing after it.
    ///
    /// # Errors
    /// Bytes that are not exactly 8,192.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        let marks: &[u8; DIGEST_BYTES] = &reader.array("digest marks")?;
        let marks = marks.chunks_exact(2).map(|mark| u16::from_be_bytes([mark[0], mark[1]])).collect();
        reader.end()?;
        Ok(Self(marks))
    }
}

/// Returns the bucket of the link between two ends, the lower first: the first twelve bits of a
/// hash over both.
pub(crate) fn bucket(ends: &[PublicKey; 2]) -> u16 {
    let [a, b] = ends;
    let [first, second, ..] = *tagged(Tag::Digest, &[a.as_bytes(), b.as_bytes()]).as_bytes();
    u16::from_be_bytes([first, second]) >> 4
}

/// Returns a link's mark in an epoch: the first two bytes of a hash over both ends and the epoch. A
/// zero follows if it is revoked.
pub(crate) fn mark(ends: &[PublicKey; 2], epoch: Epoch, is_withdrawn: bool) -> u16 {
    let [a, b] = ends;
    let epoch = epoch.to_u32().to_be_bytes();
    let withdrawn: &[u8] = if is_withdrawn { &[0] } else { &[] };
    let hash = tagged(Tag::Digest, &[a.as_bytes(), b.as_bytes(), &epoch, withdrawn]);
    let [first, second, ..] = *hash.as_bytes();
    u16::from_be_bytes([first, second])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_outside_the_layout_are_refused() {
        let mut digest = LinkDigest::default();
        for bucket in 0..4_096 {
            digest.toggle(bucket, bucket << 4 | 7);
        }
        let bytes = digest.encode();
        assert_eq!(LinkDigest::decode(&bytes), Ok(digest.clone()));
        for end in (0..bytes.len()).step_by(7) {
            assert!(LinkDigest::decode(&bytes[..end]).is_err(), "{end} bytes");
        }
        let long = [bytes.as_slice(), &[0]].concat();
        assert_eq!(LinkDigest::decode(&long), Err(DecodeError::Trailing { count: 1 }));
        let packed = postcard::to_allocvec(&digest).unwrap();
        assert_eq!(packed.len(), DIGEST_BYTES + 2);
        assert_eq!(postcard::from_bytes::<LinkDigest>(&packed), Ok(digest));
    }

    #[test]
    fn a_link_keeps_its_bucket_and_changes_its_mark() {
        let ends = [PublicKey::from_bytes([2; 33]), PublicKey::from_bytes([3; 33])];
        assert_eq!(bucket(&ends), bucket(&ends));
        let marks = [(1, false), (2, false), (1, true)]
            .map(|(epoch, is_withdrawn)| mark(&ends, Epoch::from_u32(epoch), is_withdrawn));
        assert!(marks[0] != marks[1] && marks[0] != marks[2] && marks[1] != marks[2], "{marks:?}");
        let mut digest = LinkDigest::default();
        digest.toggle(9, 5);
        assert!(!digest.agrees(&LinkDigest::default(), 9) && digest.agrees(&LinkDigest::default(), 8));
        digest.toggle(9, 5);
        assert_eq!(digest, LinkDigest::default());
    }
}

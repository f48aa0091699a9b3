//! Interned frames: thousands of nodes send and keep the same headers and blocks, and memory holds
//! them once.
//!
//! The cache is bounded. The newest [`LATEST_MAX`] frames are searched first. Of blocks,
//! [`BLOCKS_MAX`] are known, and then the older half is forgotten. Holders of forgotten bytes keep
//! them.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;

/// The number of newest frames.
const LATEST_MAX: usize = 8;
/// The most known blocks.
const BLOCKS_MAX: usize = 1_024;

/// The end of a header and the bytes after it, which distinguish blocks.
type FrameKey = [u8; 32];

/// The cache of frames.
#[derive(Debug, Default)]
pub(super) struct FrameInterner {
    latest: VecDeque<Bytes>,
    young: BTreeMap<FrameKey, Bytes>,
    old: BTreeMap<FrameKey, Bytes>,
}

impl FrameInterner {
    /// Returns the shared copy of these bytes.
    pub(super) fn share(&mut self, frame: Bytes) -> Bytes {
        if let Some(known) = self.latest.iter().rev().find(|known| **known == frame) {
            return known.clone();
        }
        let frame = self.share_block(frame);
        if self.latest.len() == LATEST_MAX {
            self.latest.pop_front();
        }
        self.latest.push_back(frame.clone());
        frame
    }

    /// Returns the shared copy of a block, which may have been sent long ago.
    fn share_block(&mut self, frame: Bytes) -> Bytes {
        let Some(&key) = frame.get(76..).and_then(|rest| rest.first_chunk()) else { return frame };
        let known = self.young.get(&key).or_else(|| self.old.get(&key));
        if let Some(known) = known.filter(|known| **known == frame) {
            return known.clone();
        }
        if self.young.len() == BLOCKS_MAX / 2 {
            self.old = core::mem::take(&mut self.young);
        }
        self.young.insert(key, frame.clone());
        frame
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_the_same_is_kept_once() {
        let frame = |byte: u8, len: usize| Bytes::from(vec![byte; len]);
        let mut shared = FrameInterner::default();
        let (header, block) = (shared.share(frame(1, 97)), shared.share(frame(2, 500)));
        assert_eq!(shared.share(frame(1, 97)).as_ptr(), header.as_ptr());
        for byte in 3..100 {
            shared.share(frame(byte, 97));
        }
        assert_eq!(shared.share(frame(2, 500)).as_ptr(), block.as_ptr());
        let again = shared.share(frame(1, 97));
        assert!(again == header && again.as_ptr() != header.as_ptr());
        assert!(shared.latest.len() <= LATEST_MAX);
    }

    #[test]
    fn blocks_that_begin_alike_are_not_taken_for_one_another() {
        let mut shared = FrameInterner::default();
        let mut other = vec![7; 500];
        other[400] = 8;
        shared.share(Bytes::from(vec![7; 500]));
        assert_eq!(shared.share(Bytes::from(other.clone())), other);
    }
}

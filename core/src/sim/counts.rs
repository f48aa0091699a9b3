//! Counts: the numbers of frames and bytes, by the first byte of frames.

use super::frame_kind::{FrameKind, FrameKinds};
use crate::protocol::packet::CAPS;

/// The sent or received frames, by their first byte.
#[derive(Clone, Debug)]
pub(super) struct Counts {
    pub(super) frames: Vec<u64>,
    pub(super) bytes: Vec<u64>,
}

impl Default for Counts {
    fn default() -> Self {
        Self { frames: vec![0; CAPS.len()], bytes: vec![0; CAPS.len()] }
    }
}

impl Counts {
    /// Returns the counters of frames with the same first byte.
    pub(super) fn at(&mut self, frame: &[u8]) -> Option<(&mut u64, &mut u64)> {
        let index = usize::from(*frame.first()?);
        Some((self.frames.get_mut(index)?, self.bytes.get_mut(index)?))
    }

    /// Returns the number of frames of a kind.
    pub(super) fn frames_of(&self, kinds: &FrameKinds, kind: FrameKind) -> u64 {
        let of_kind =
            |(index, _): &(usize, &u64)| u8::try_from(*index).is_ok_and(|first| kinds.of(&[first]) == kind);
        self.frames.iter().enumerate().filter(of_kind).map(|(_, frames)| frames).sum()
    }
}

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
    /// Counts a frame, unless no packet begins with its first byte.
    pub(super) fn add(&mut self, frame: &[u8]) {
        let Some(index) = frame.first().map(|first| usize::from(*first)) else { return };
        if let (Some(frames), Some(bytes)) = (self.frames.get_mut(index), self.bytes.get_mut(index)) {
            (*frames, *bytes) = (*frames + 1, *bytes + frame.len() as u64);
        }
    }

    /// Returns the number of frames of a kind.
    pub(super) fn frames_of(&self, kinds: &FrameKinds, kind: FrameKind) -> u64 {
        let of_kind =
            |(index, _): &(usize, &u64)| u8::try_from(*index).is_ok_and(|first| kinds.of(&[first]) == kind);
        self.frames.iter().enumerate().filter(of_kind).map(|(_, frames)| frames).sum()
    }
}

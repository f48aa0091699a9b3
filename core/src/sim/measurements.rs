//! The measurements: how blocks propagate, and the bytes that nodes send and receive meanwhile.

use super::counts::Counts;
use super::measure::Measure;
use super::report::PacketCount;
use crate::protocol::packet::{CAPS, Cap};

/// The measured quantities.
#[derive(Debug)]
pub(super) struct Measurements {
    pub(super) blocks: Measure,
    /// The frames that honest nodes received while blocks were measured.
    pub(super) received: Counts,
    /// The frames that all nodes sent while blocks were measured.
    pub(super) sent: Counts,
    /// Whether blocks are measured now.
    pub(super) is_counting: bool,
}

impl Measurements {
    /// Creates empty measurements of a number of nodes.
    pub(super) fn new(nodes: u32) -> Self {
        Self {
            blocks: Measure::new(nodes),
            received: Counts::default(),
            sent: Counts::default(),
            is_counting: false,
        }
    }

    /// Counts a frame that a node sends.
    pub(super) fn count_sent(&mut self, frame: &[u8]) {
        if self.is_counting {
            self.sent.add(frame);
        }
    }

    /// Counts a frame that an honest node receives.
    pub(super) fn count_received(&mut self, frame: &[u8]) {
        if self.is_counting {
            self.received.add(frame);
        }
    }

    /// Returns the numbers of sent frames and bytes, by packet.
    pub(super) fn packets(&self) -> Vec<PacketCount> {
        let sent = self.sent.frames.iter().zip(&self.sent.bytes);
        let count = |((name, _), (frames, bytes)): (&(&str, Cap), (&u64, &u64))| PacketCount {
            name: (*name).to_owned(),
            frames: *frames,
            bytes: *bytes,
        };
        CAPS.iter().zip(sent).map(count).collect()
    }
}

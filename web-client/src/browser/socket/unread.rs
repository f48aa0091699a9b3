//! The number of incoming bytes of a connection that are still unread.
//!
//! gloo-net's queue of incoming frames has no bound, so a peer that sends faster than its frames are
//! read would fill the memory of the tab. This counts them as they come and as they are read.

/// The most bytes of a connection's frames that wait to be read, each with [`FRAME_OVERHEAD_BYTES`].
/// A frame that exceeds them ends the connection. Three of the longest frames fit.
pub(crate) const UNREAD_BYTES_MAX: usize = 4 << 20;
/// The memory that a frame takes in the queue beside its own bytes. Without it, a peer could fill
/// the memory with a million empty frames.
const FRAME_OVERHEAD_BYTES: usize = 64;

/// The bytes of one connection that came and were not read yet.
#[derive(Debug, Default)]
pub(crate) struct Unread {
    bytes: usize,
}

impl Unread {
    /// Counts a frame of this many bytes that came. Returns false if it does not fit: it is not
    /// counted then, and must not be queued.
    pub(crate) fn arrived(&mut self, frame_bytes: usize) -> bool {
        let bytes = self.bytes.saturating_add(frame_bytes).saturating_add(FRAME_OVERHEAD_BYTES);
        let fits = bytes <= UNREAD_BYTES_MAX;
        if fits {
            self.bytes = bytes;
        }
        fits
    }

    /// Counts a frame of this many bytes that came earlier as read.
    pub(crate) fn taken(&mut self, frame_bytes: usize) {
        self.bytes = self.bytes.saturating_sub(frame_bytes.saturating_add(FRAME_OVERHEAD_BYTES));
    }
}

#[cfg(test)]
mod tests {
    use plexus_core::protocol::limits::FRAME_BYTES_MAX;

    use super::*;

    #[test]
    fn frames_fit_up_to_the_bound_and_no_further() {
        let mut unread = Unread::default();
        assert!(unread.arrived(UNREAD_BYTES_MAX - FRAME_OVERHEAD_BYTES));
        assert!(!unread.arrived(0), "not even an empty frame fits any more");
        unread.taken(UNREAD_BYTES_MAX - FRAME_OVERHEAD_BYTES);
        assert!(!unread.arrived(UNREAD_BYTES_MAX));
        assert!(!unread.arrived(usize::MAX));
        assert!(unread.arrived(0), "what did not fit was not counted");
        assert_eq!(unread.bytes, FRAME_OVERHEAD_BYTES);
    }

    #[test]
    fn the_longest_frames_that_are_read_as_they_come_never_fill_it() {
        let mut unread = Unread::default();
        for _ in 0..100 {
            assert!((0..3).all(|_| unread.arrived(FRAME_BYTES_MAX)));
            (0..3).for_each(|_| unread.taken(FRAME_BYTES_MAX));
        }
        assert_eq!(unread.bytes, 0);
    }

    #[test]
    fn empty_frames_fill_it_too() {
        let mut unread = Unread::default();
        let frames = (0..).take_while(|_| unread.arrived(0)).count();
        assert_eq!(frames, UNREAD_BYTES_MAX / FRAME_OVERHEAD_BYTES);
    }
}

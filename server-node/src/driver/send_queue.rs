//! The send queue of one peer, from the driver to the peer's writer.
//!
//! It is bounded in items and in bytes. A peer that reads so slowly that its queue overflows is
//! disconnected, so that it cannot slow down the rest of the node.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use plexus_core::node::storage::PeerRequest;
use tokio::sync::mpsc::{self, error::TryRecvError};
use tokio_util::sync::CancellationToken;

/// The most items that wait in a queue. One more disconnects the peer.
pub const QUEUED_MAX: usize = 1_024;
/// The most bytes of frames that wait in a queue. One more disconnects the peer.
pub const QUEUE_BYTES_MAX: usize = 4 << 20;

/// An item of a send queue.
#[derive(Debug)]
pub(crate) enum Outgoing {
    /// A frame, whose bytes may be shared with other queues.
    Frame(Bytes),
    /// Data from the store.
    Serve(PeerRequest),
}

/// The sending end, at the driver. Dropping it closes the peer after the queued items are sent.
#[derive(Debug)]
pub(crate) struct SendQueue {
    queue: mpsc::Sender<Outgoing>,
    bytes: Arc<AtomicUsize>,
    cut: CancellationToken,
    closed: CancellationToken,
}

/// The receiving end, at the writer.
#[derive(Debug)]
pub(crate) struct SendQueueReader {
    queue: mpsc::Receiver<Outgoing>,
    bytes: Arc<AtomicUsize>,
    cut: CancellationToken,
    closed: CancellationToken,
}

/// The queue is full, and its peer is disconnected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Overflow;

/// Returns the two ends of a new queue.
pub(crate) fn channel() -> (SendQueue, SendQueueReader) {
    let (sender, receiver) = mpsc::channel(QUEUED_MAX);
    let bytes = Arc::new(AtomicUsize::new(0));
    let (cut, closed) = (CancellationToken::new(), CancellationToken::new());
    let queue = SendQueue { queue: sender, bytes: bytes.clone(), cut: cut.clone(), closed: closed.clone() };
    (queue, SendQueueReader { queue: receiver, bytes, cut, closed })
}

impl Outgoing {
    fn size(&self) -> usize {
        match self {
            Self::Frame(frame) => frame.len(),
            Self::Serve(_) => 0,
        }
    }
}

impl SendQueue {
    /// Queues an item. It is dropped if the peer is already gone.
    ///
    /// # Errors
    /// The queue is full, and the peer is disconnected.
    pub(crate) fn push(&self, outgoing: Outgoing) -> Result<(), Overflow> {
        let size = outgoing.size();
        let queued = self.bytes.fetch_add(size, Ordering::Relaxed) + size;
        let full = queued > QUEUE_BYTES_MAX && queued > size;
        if full || matches!(self.queue.try_send(outgoing), Err(mpsc::error::TrySendError::Full(_))) {
            self.cut.cancel();
            return Err(Overflow);
        }
        Ok(())
    }
}

impl Drop for SendQueue {
    fn drop(&mut self) {
        self.closed.cancel();
    }
}

impl SendQueueReader {
    /// Waits for the next item. Returns `None` if the driver closes the peer.
    pub(crate) async fn next(&mut self) -> Option<Outgoing> {
        let outgoing = self.queue.recv().await;
        self.release(outgoing.as_ref());
        outgoing
    }

    /// Returns the next item if one waits already.
    pub(crate) fn next_now(&mut self) -> Result<Outgoing, TryRecvError> {
        let outgoing = self.queue.try_recv()?;
        self.release(Some(&outgoing));
        Ok(outgoing)
    }

    fn release(&self, outgoing: Option<&Outgoing>) {
        self.bytes.fetch_sub(outgoing.map_or(0, Outgoing::size), Ordering::Relaxed);
    }

    /// Resolves when the peer is cut off.
    pub(crate) fn cut(&self) -> impl Future<Output = ()> + use<> {
        self.cut.clone().cancelled_owned()
    }

    /// Resolves when the driver closes the peer.
    pub(crate) fn closed(&self) -> impl Future<Output = ()> + use<> {
        self.closed.clone().cancelled_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_off_a_peer_that_does_not_read() {
        let (queue, end) = channel();
        let frame = Bytes::from(vec![0; QUEUE_BYTES_MAX / 4]);
        for _ in 0..4 {
            assert_eq!(queue.push(Outgoing::Frame(frame.clone())), Ok(()));
        }
        assert!(!end.cut.is_cancelled());
        assert_eq!(queue.push(Outgoing::Frame(frame)), Err(Overflow));
        assert!(end.cut.is_cancelled());
    }

    #[test]
    fn counts_items_as_well_as_bytes() {
        let (queue, mut end) = channel();
        let serve = || Outgoing::Serve(PeerRequest::Headers(Vec::new()));
        for _ in 0..QUEUED_MAX {
            assert_eq!(queue.push(serve()), Ok(()));
        }
        assert!(end.next_now().is_ok());
        assert_eq!(queue.push(serve()), Ok(()));
        assert_eq!(queue.push(serve()), Err(Overflow));
    }
}

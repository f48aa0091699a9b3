//! Messages on their way into the pool: those whose signature is being verified, or whose id is being looked up.
//!
//! Bounds: [`ARRIVING_MAX`] messages are on their way at once; further ones are turned away, and announced again by others.

use std::sync::Arc;

use crate::check::BatchId;
use crate::connection::PeerId;
use crate::message::{Message, MessageId};
use crate::sorted::Sorted;

/// The messages that are on their way into the pool at once.
pub const ARRIVING_MAX: usize = 8_192;

/// Messages that share a batch.
#[derive(Debug)]
pub(crate) struct Arriving {
    /// Who sent them; none: they are ours, or of blocks that were undone, and their signatures hold.
    pub(crate) peer: Option<PeerId>,
    pub(crate) messages: Vec<(Arc<Message>, MessageId)>,
}

/// The messages on their way.
#[derive(Debug, Default)]
pub(crate) struct Gossip {
    batches: Sorted<BatchId, Arriving>,
    count: usize,
}

impl Gossip {
    /// How many more may be on their way.
    pub(crate) fn room(&self) -> usize {
        ARRIVING_MAX.saturating_sub(self.count)
    }

    pub(crate) fn begin(&mut self, batch: BatchId, arriving: Arriving) {
        self.count += arriving.messages.len();
        self.batches.insert(batch, arriving);
    }

    pub(crate) fn end(&mut self, batch: BatchId) -> Option<Arriving> {
        let arriving = self.batches.remove(&batch)?;
        self.count -= arriving.messages.len();
        Some(arriving)
    }
}

#[cfg(test)]
mod tests;

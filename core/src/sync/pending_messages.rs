//! Pending messages: the messages on their way into the mempool. Their signatures are being
//! verified, or their ids looked up.
//!
//! Specified in PROTOCOL.md, "On the wire".
//!
//! Bounds: [`PENDING_MESSAGES_MAX`] messages are on their way at once. Further ones are rejected,
//! and other peers announce them again.

use std::sync::Arc;

use crate::ledger::signature_batch::BatchId;
use crate::primitives::collections::vec_map::VecMap;
use crate::primitives::message::{Message, MessageId};
use crate::protocol::connection::ConnectionId;

/// The most messages on their way into the mempool at once.
pub(crate) const PENDING_MESSAGES_MAX: usize = 8_192;

/// Messages that share a batch.
#[derive(Debug)]
pub(crate) struct MessageBatch {
    /// The sender. `None` for our own messages or ones from undone blocks, whose signatures are
    /// valid.
    pub(crate) peer: Option<ConnectionId>,
    pub(crate) messages: Vec<(Arc<Message>, MessageId)>,
}

/// The messages on their way.
#[derive(Debug, Default)]
pub(crate) struct PendingMessages {
    batches: VecMap<BatchId, MessageBatch>,
    count: usize,
}

impl PendingMessages {
    /// Returns the number of further messages that fit.
    pub(crate) fn room(&self) -> usize {
        PENDING_MESSAGES_MAX.saturating_sub(self.count)
    }

    pub(crate) fn begin(&mut self, id: BatchId, batch: MessageBatch) {
        self.count += batch.messages.len();
        self.batches.insert(id, batch);
    }

    pub(crate) fn end(&mut self, id: BatchId) -> Option<MessageBatch> {
        let batch = self.batches.remove(&id)?;
        self.count -= batch.messages.len();
        Some(batch)
    }
}

#[cfg(test)]
mod tests;

//! Messages: the mempool, and the messages on their way into it. Their signatures are being
//! verified, or their ids looked up.
//!
//! Specified in PROTOCOL.md, "On the wire".
//!
//! Bounds: [`PENDING_MESSAGES_MAX`] messages are on their way at once. Further ones are rejected, and other
//! peers announce them again.

use std::sync::Arc;

use crate::ledger::mempool::Mempool;
use crate::ledger::signature_batch::BatchId;
use crate::ledger::validation::MESSAGE_AHEAD_MS;
use crate::primitives::collections::vec_map::VecMap;
use crate::primitives::message::{Message, MessageId};
use crate::primitives::time::Timestamp;
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

    pub(crate) fn begin(&mut self, batch: BatchId, arriving: MessageBatch) {
        self.count += arriving.messages.len();
        self.batches.insert(batch, arriving);
    }

    pub(crate) fn end(&mut self, batch: BatchId) -> Option<MessageBatch> {
        let arriving = self.batches.remove(&batch)?;
        self.count -= arriving.messages.len();
        Some(arriving)
    }
}

/// The messages that wait for a block, and those that peers offer.
#[derive(Debug)]
pub(crate) struct MessageRelay {
    pub(crate) pool: Mempool,
    pub(crate) pending: PendingMessages,
    /// True if a peer offered messages while blocks were being fetched.
    pub(crate) offered: bool,
    pub(crate) assumed: AssumedRange,
}

impl MessageRelay {
    /// Creates the state of a node that was offered no message yet.
    pub(crate) fn new(pool: Mempool, assumed: AssumedRange) -> Self {
        Self { pool, pending: PendingMessages::default(), offered: false, assumed }
    }
}

/// The newest block whose body a light node assumed valid instead of downloading it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct AssumedRange {
    /// The time of the newest block whose messages the node does not know.
    pub(crate) block: Timestamp,
    /// When the node learned of that block, by its own clock. For the block that it starts from,
    /// the time of the first input.
    pub(crate) assumed_at: Option<Timestamp>,
}

impl AssumedRange {
    /// Returns true if a block that was assumed valid may contain a message. A message of our own
    /// that is newer than our knowledge of the block is not in it. Another node's clock may be
    /// ahead by as much as the rules allow.
    pub(crate) fn may_contain(self, message: &Message, own: bool) -> bool {
        let in_reach = message.time().minus_ms(MESSAGE_AHEAD_MS) <= self.block;
        self.block > Timestamp::default() && in_reach && !(own && Some(message.time()) > self.assumed_at)
    }
}

#[cfg(test)]
mod tests;

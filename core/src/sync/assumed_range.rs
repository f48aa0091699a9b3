//! The assumed range: the blocks whose messages a light node does not know, because it assumed
//! their bodies valid instead of downloading them.

use crate::ledger::validation::MESSAGE_AHEAD_MS;
use crate::primitives::message::Message;
use crate::primitives::time::Timestamp;

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

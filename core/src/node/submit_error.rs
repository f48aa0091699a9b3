//! The reasons why a message of our own is not accepted.

use crate::primitives::message::MessageId;
use crate::primitives::time::Timestamp;

/// The reason why a message of our own is not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SubmitError {
    /// The signature is not the sender's.
    #[error("the signature is not the sender's")]
    Signature,
    /// It is already in the mempool or in a block.
    #[error("message {id} is known already")]
    Known {
        /// Its id.
        id: MessageId,
    },
    /// Its time is too far from the local clock.
    #[error("timeStamp: {found} is over a day old or a minute ahead of the node's clock, {local}")]
    Time {
        /// The message's time.
        found: Timestamp,
        /// The time of the local clock.
        local: Timestamp,
    },
    /// The sender already has the most waiting messages that a sender may have.
    #[error("the sender has {max} messages waiting already")]
    SenderFull {
        /// The cap.
        max: usize,
    },
    /// The mempool is full of messages with more stamp work.
    #[error("the pool is full: a stamp of at least {floor} hashes per byte is needed")]
    PoolFull {
        /// The stamp work per byte that would be accepted.
        floor: u128,
    },
}

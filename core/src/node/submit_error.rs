//! The reasons why a message of our own is not accepted.

use crate::primitives::message::MessageId;
use crate::primitives::pow::Work;
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
    /// The stamp shows less work than nodes take from others.
    #[error("the stamp shows {found} hashes: at least {least} are needed")]
    StampTooLow {
        /// The least work for a message of this size.
        least: Work,
        /// The work of its stamp.
        found: Work,
    },
    /// The mempool is full of messages with more stamp work per byte.
    #[error("the pool is full: a stamp of at least {least} hashes is needed")]
    PoolFull {
        /// The work with which a message of this size would be accepted.
        least: Work,
    },
}

impl SubmitError {
    /// Returns the stamp work with which the message would be accepted, if that is the reason.
    pub const fn least_stamp_work(&self) -> Option<Work> {
        match self {
            Self::StampTooLow { least, .. } | Self::PoolFull { least } => Some(*least),
            Self::Signature | Self::Known { .. } | Self::Time { .. } | Self::SenderFull { .. } => None,
        }
    }
}

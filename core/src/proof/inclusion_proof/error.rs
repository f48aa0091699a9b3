//! The errors of receipts.

use super::{FormError, MAGIC, RECEIPT_BYTES_MAX, VERSION};
use crate::ledger::validation::RuleError;
use crate::primitives::block::BLOCK_MESSAGES_MAX;
use crate::primitives::encoding::DecodeError;
use crate::primitives::hash::Hash;
use crate::primitives::params::NetworkError;
use crate::primitives::time::Timestamp;
use crate::proof::chain_proof::ProofError;

/// The first error of a receipt's bytes or form.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptError {
    /// It is larger than any valid receipt.
    #[error("proof file: expected at most {RECEIPT_BYTES_MAX} bytes, found {found}")]
    Size {
        /// Its size in bytes.
        found: usize,
    },
    /// The bytes are not a receipt.
    #[error("proof file: expected \"{}\" at the beginning, found \"{}\"", MAGIC.escape_ascii(), found.escape_ascii())]
    Magic {
        /// The first bytes.
        found: [u8; 6],
    },
    /// Its version is unknown.
    #[error(
        "version of the proof file: expected {VERSION}, found {found}: nothing is converted, prove the message again"
    )]
    Version {
        /// Its version.
        found: u32,
    },
    /// The bytes are not laid out as a receipt.
    #[error(transparent)]
    Layout(#[from] DecodeError),
    /// The form's texts do not match their fields.
    #[error(transparent)]
    Form(#[from] FormError),
    /// The parameters are not valid for any network.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// No block has such an index for a message.
    #[error("place: no block has a message {index} of {count}: at most {BLOCK_MESSAGES_MAX}, counted from 0")]
    Place {
        /// The message's index.
        index: usize,
        /// The stated number of messages.
        count: usize,
    },
    /// The message has more or fewer siblings than its index requires.
    #[error("siblings of the message: expected {expected}, found {found}")]
    Siblings {
        /// The number that its index requires.
        expected: usize,
        /// The number found.
        found: usize,
    },
    /// The message or the block breaks a rule.
    #[error(transparent)]
    Rule(#[from] RuleError),
    /// The chain proof is invalid. The text names the cause, so the cause is no source of its own.
    #[error("chain proof: {0}")]
    Chain(ProofError),
    /// The block, or a sibling of its record, breaks a rule about nodes.
    #[error("path of the block: {0}")]
    Sibling(ProofError),
    /// The newest block is too far ahead of the local clock.
    #[error("time of the newest block: this clock shows {local}, found {found}: no node accepts it yet")]
    Ahead {
        /// The local clock.
        local: Timestamp,
        /// The block's time.
        found: Timestamp,
    },
    /// The block is above the proven tip.
    #[error("number_of_block: expected at most {tip}, which is proven, found {found}")]
    Height {
        /// The proven tip's height.
        tip: u64,
        /// The block's.
        found: u64,
    },
    /// The block's record has more or fewer siblings than its height requires.
    #[error("siblings of the block: expected {expected}, found {found}")]
    Path {
        /// The number that its height requires.
        expected: u32,
        /// The number found.
        found: usize,
    },
    /// The block is not at its stated position in the proven chain.
    #[error("place in the chain: expected a block below the peak {expected}, found one below {found}")]
    Peak {
        /// The hash of the proven peak.
        expected: Hash,
        /// The hash that follows from the block.
        found: Hash,
    },
}

impl From<ProofError> for ReceiptError {
    fn from(error: ProofError) -> Self {
        Self::Chain(error)
    }
}

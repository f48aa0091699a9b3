//! What can be wrong with a receipt.

use super::{FormError, MAGIC, RECEIPT_BYTES_MAX, VERSION};
use crate::block::BLOCK_MESSAGES_MAX;
use crate::hash::Hash;
use crate::layout::DecodeError;
use crate::network::NetworkError;
use crate::proof::ProofError;
use crate::rules::RuleError;

/// Why bytes, or a form, show nothing: the first thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptError {
    /// It is larger than any receipt needs to be.
    #[error("proof file: expected at most {RECEIPT_BYTES_MAX} bytes, found {found}")]
    Size {
        /// Its size in bytes.
        found: usize,
    },
    /// The bytes are something else.
    #[error("proof file: expected \"{}\" at the beginning, found \"{}\"", MAGIC.escape_ascii(), found.escape_ascii())]
    Magic {
        /// What they begin with.
        found: [u8; 6],
    },
    /// It is of a version that is not known.
    #[error("version of the proof file: expected {VERSION}, found {found}")]
    Version {
        /// Its version.
        found: u32,
    },
    /// The bytes are not laid out as a receipt.
    #[error(transparent)]
    Layout(#[from] DecodeError),
    /// The form's texts are not what their names say.
    #[error(transparent)]
    Form(#[from] FormError),
    /// No network has these parameters.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// No block has such a place for a message.
    #[error("place: no block has a message {index} of {count}: at most {BLOCK_MESSAGES_MAX}, counted from 0")]
    Place {
        /// The message's place.
        index: usize,
        /// How many messages there are said to be.
        count: usize,
    },
    /// The message has more or fewer siblings than its place demands.
    #[error("siblings of the message: expected {expected}, found {found}")]
    Siblings {
        /// How many its place demands.
        expected: usize,
        /// How many there are.
        found: usize,
    },
    /// The message or the block breaks a rule.
    #[error(transparent)]
    Rule(#[from] RuleError),
    /// The chain proof proves nothing.
    #[error("chain proof: {0}")]
    Chain(#[from] ProofError),
    /// The block is above the tip that is proven.
    #[error("number_of_block: expected at most {tip}, which is proven, found {found}")]
    Height {
        /// The proven tip's height.
        tip: u64,
        /// The block's.
        found: u64,
    },
    /// The block's record has more or fewer siblings than its height demands.
    #[error("siblings of the block: expected {expected}, found {found}")]
    Path {
        /// How many its height demands.
        expected: u32,
        /// How many there are.
        found: usize,
    },
    /// The block is not where it says to be in the chain that is proven.
    #[error("place in the chain: expected a block below the peak {expected}, found one below {found}")]
    Peak {
        /// The hash of the peak that is proven.
        expected: Hash,
        /// The hash that the block leads to.
        found: Hash,
    },
}

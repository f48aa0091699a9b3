//! The JSON forms that API, page and files share, under the older system's names.
//!
//! Specified in PROTOCOL.md, "JSON forms".
//!
//! Numbers that may exceed 2^53 are decimal strings, times are RFC 3339, and bytes are hex.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::ledger::validation::RuleError;
use crate::primitives::block::{Block as CoreBlock, Header};
use crate::primitives::hash::Hash;
use crate::primitives::key::{PublicKey, Signature};
use crate::primitives::message::{Draft, DraftError, Message as CoreMessage, MessageId};
use crate::primitives::pow::{Bits, Work};
use crate::primitives::time::Timestamp;

/// A message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Message))]
pub struct MessageView {
    /// The message's id.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub id: MessageId,
    /// The sender's key, 66 hex digits.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub sender: PublicKey,
    /// The recipient.
    pub recipient: String,
    /// The text.
    pub text: String,
    /// The time when it was written, RFC 3339.
    #[serde(rename = "timeStamp")]
    pub time_stamp: String,
    /// The same time in unix milliseconds. The id is computed from this one.
    pub time_unix_ms: u64,
    /// The stamp, as a decimal string.
    pub stamp: String,
    /// The sender's signature of the id, 128 hex digits.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub signature: Signature,
    /// The form for people: `From <sender> to <recipient>, <text>`.
    pub message: String,
}

impl MessageView {
    /// Creates the JSON form of a message.
    pub fn new(message: &CoreMessage, network: &Hash) -> Self {
        Self {
            id: message.id(network),
            sender: *message.sender(),
            recipient: message.recipient().to_owned(),
            text: message.text().to_owned(),
            time_stamp: message.time().to_string(),
            time_unix_ms: message.time().unix_ms(),
            stamp: message.stamp().to_string(),
            signature: *message.signature(),
            message: message.to_string(),
        }
    }
}

/// A signed message as a client submits it in JSON: the signed fields of a [`MessageView`]. Other
/// fields are ignored.
///
/// ```
/// use plexus_core::ledger::json::Submission;
/// use plexus_core::{Message, SecretKey, Signature};
///
/// let sender = SecretKey::from_bytes(&[7; 32]).unwrap().public();
/// let json = format!(
///     r#"{{"sender":"{sender}","text":"hello","time_unix_ms":1000,"signature":"{}"}}"#,
///     Signature::NONE
/// );
/// let submission: Submission = serde_json::from_str(&json).unwrap();
/// let message = Message::try_from(submission).unwrap();
/// // Recipient and stamp may be left out.
/// assert_eq!((message.recipient(), message.stamp()), ("", 0));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(
    feature = "openapi",
    derive(utoipa::ToSchema),
    schema(description = "A signed message to submit.")
)]
pub struct Submission {
    /// The sender's key, 66 hex digits.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub sender: PublicKey,
    /// The recipient, at most 128 bytes.
    #[serde(default)]
    pub recipient: String,
    /// The text, 1 to 4,096 bytes.
    pub text: String,
    /// The time when it was written, in unix milliseconds.
    pub time_unix_ms: u64,
    /// The stamp, as a decimal string.
    #[serde(default)]
    pub stamp: String,
    /// The sender's signature of the id, 128 hex digits.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub signature: Signature,
}

/// The reason why a submission is not a message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SubmissionError {
    /// A text is too short or too long.
    #[error(transparent)]
    Draft(#[from] DraftError),
    /// The stamp is not a decimal u64.
    #[error("stamp: a decimal number below 2^64 expected")]
    Stamp,
}

impl TryFrom<Submission> for CoreMessage {
    type Error = SubmissionError;

    fn try_from(from: Submission) -> Result<Self, SubmissionError> {
        let time = Timestamp::from_unix_ms(from.time_unix_ms);
        let draft = Draft::new(from.sender, from.recipient, from.text, time)?;
        let stamp = match from.stamp.as_str() {
            "" => 0,
            text => text.parse().map_err(|_| SubmissionError::Stamp)?,
        };
        Ok(Self::from_parts(draft, stamp, from.signature))
    }
}

/// A block with its messages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Block))]
pub struct BlockView {
    /// The block's hash.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub hash: Hash,
    /// The parent's hash.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub prev_hash: Hash,
    /// The height.
    pub number_of_block: u64,
    /// The time when it was mined, RFC 3339.
    #[serde(rename = "timeStamp")]
    pub time_stamp: String,
    /// The same time in unix milliseconds.
    pub time_unix_ms: u64,
    /// The header's version.
    pub version: u32,
    /// The nonce, as a decimal string.
    pub nonce: String,
    /// The miner's free number, as a decimal string.
    pub extra: String,
    /// The target in compact form, as `0x1e100000`.
    pub bits: String,
    /// The commitment to the history below the block and to its contents.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub content_root: Hash,
    /// The expected number of hashes for the target, as a decimal string.
    pub proof_of_work: String,
    /// The sum of work up to this block and including it, as a decimal string.
    pub total_work: String,
    /// The miner's key.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub author: PublicKey,
    /// The author's signature.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub signature: Signature,
    /// The messages as text, joined by line ends: the single field of the older system.
    pub message: String,
    /// The messages.
    pub messages: Vec<MessageView>,
}

impl BlockView {
    /// Creates the JSON form of a block. `total_work` is the work up to and including it.
    pub fn new(block: &CoreBlock, total_work: Work, network: &Hash) -> Self {
        let messages: Vec<_> =
            block.messages.iter().map(|message| MessageView::new(message, network)).collect();
        let texts: Vec<_> = messages.iter().map(|message| message.message.as_str()).collect();
        Self {
            hash: block.header.hash(),
            prev_hash: block.header.prev_hash,
            number_of_block: block.header.height,
            time_stamp: block.header.time.to_string(),
            time_unix_ms: block.header.time.unix_ms(),
            version: block.header.version,
            nonce: block.header.nonce.to_string(),
            extra: block.extra.to_string(),
            bits: block.header.bits.to_string(),
            content_root: block.header.content_root,
            proof_of_work: block.header.work().to_string(),
            total_work: total_work.to_string(),
            author: block.author,
            signature: block.signature,
            message: texts.join("\n"),
            messages,
        }
    }
}

/// The reason why a JSON form is not a block.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BlockFormError {
    /// A field's text does not match its name.
    #[error("{field}: a decimal number or bits expected")]
    Field {
        /// The field.
        field: &'static str,
    },
    /// A message's form is not a message.
    #[error("message {index}: {error}")]
    Message {
        /// Its index in the block.
        index: usize,
        /// The error in it.
        error: SubmissionError,
    },
}

impl TryFrom<BlockView> for CoreBlock {
    type Error = BlockFormError;

    /// Returns the block of a form. It is not verified, and `hash`, `total_work` and other derived
    /// fields are ignored.
    fn try_from(from: BlockView) -> Result<Self, BlockFormError> {
        fn number(field: &'static str, text: &str) -> Result<u64, BlockFormError> {
            text.parse().map_err(|_| BlockFormError::Field { field })
        }
        let bits = from.bits.strip_prefix("0x").and_then(|digits| u32::from_str_radix(digits, 16).ok());
        let header = Header {
            prev_hash: from.prev_hash,
            content_root: from.content_root,
            version: from.version,
            height: from.number_of_block,
            time: Timestamp::from_unix_ms(from.time_unix_ms),
            bits: bits.map(Bits::from_u32).ok_or(BlockFormError::Field { field: "bits" })?,
            nonce: number("nonce", &from.nonce)?,
        };
        let message = |(index, message): (usize, MessageView)| {
            let MessageView { sender, recipient, text, time_unix_ms, stamp, signature, .. } = message;
            let submission = Submission { sender, recipient, text, time_unix_ms, stamp, signature };
            let message = CoreMessage::try_from(submission);
            message.map(Arc::new).map_err(|error| BlockFormError::Message { index, error })
        };
        Ok(Self {
            header,
            extra: number("extra", &from.extra)?,
            author: from.author,
            signature: from.signature,
            messages: from.messages.into_iter().enumerate().map(message).collect::<Result<_, _>>()?,
        })
    }
}

/// One broken rule of a block.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The flag that it raises in the block's verify status.
    pub flag: String,
    /// The expected and the found value.
    pub reason: String,
}

/// The result of checking a block.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerifyStatus {
    /// The block's hash.
    pub hash: Hash,
    /// The block's height, as its header states it.
    pub number_of_block: u64,
    /// True if no rule is broken.
    pub valid: bool,
    /// Every broken rule.
    pub failures: Vec<Failure>,
}

impl VerifyStatus {
    /// Creates the JSON form of a check.
    pub fn new(hash: Hash, height: u64, failures: &[RuleError]) -> Self {
        let failures: Vec<_> = failures
            .iter()
            .map(|failure| Failure { flag: failure.flag().to_owned(), reason: failure.to_string() })
            .collect();
        Self { hash, number_of_block: height, valid: failures.is_empty(), failures }
    }
}

/// A message and its position in the ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MessageStatus {
    /// The message.
    #[cfg_attr(feature = "openapi", schema(inline))]
    #[serde(flatten)]
    pub message: MessageView,
    /// True if it waits in the mempool.
    pub pending: bool,
    /// The height of its block, once it is in one.
    pub number_of_block: Option<u64>,
    /// The hash of its block, once it is in one.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub block: Option<Hash>,
    /// The work of its block and of all blocks above, as a decimal string, once it is in a block.
    pub work_above: Option<String>,
}

/// A block shared by the drivers, which show it to many clients.
pub type SharedBlock = Arc<BlockView>;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::primitives::message::tests::message;

    #[test]
    fn a_blocks_form_is_the_block() {
        let network = crate::primitives::params::Network::dev();
        let mut block = network.genesis_block();
        block.messages = (0..3).map(|n| Arc::new(message(7, &format!("<b>{n}</b>"), n))).collect();
        block.header.nonce = u64::MAX;
        let form = BlockView::new(&block, Work::from_hashes(u128::MAX), network.id());
        let json = serde_json::to_string(&form).unwrap();
        let again: BlockView = serde_json::from_str(&json).unwrap();
        assert_eq!(again, form);
        assert_eq!(CoreBlock::try_from(again), Ok(block));
        assert!(json.contains(r#""nonce":"18446744073709551615""#));
    }

    #[test]
    fn a_form_that_is_no_block_is_named() {
        let network = crate::primitives::params::Network::dev();
        let form = BlockView::new(&network.genesis_block(), Work::ZERO, network.id());
        let bad = BlockView { nonce: "-1".to_owned(), ..form.clone() };
        assert_eq!(CoreBlock::try_from(bad), Err(BlockFormError::Field { field: "nonce" }));
        let bad = BlockView { bits: "1e100000".to_owned(), ..form };
        assert_eq!(CoreBlock::try_from(bad), Err(BlockFormError::Field { field: "bits" }));
    }
}

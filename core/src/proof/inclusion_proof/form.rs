//! The JSON form of a receipt, with the same contents as its bytes.
//!
//! Specified in PROTOCOL.md, "Proof file: JSON form".
//!
//! Each value is written in one way only: hex in lower case, numbers without leading zeros, and
//! numbers that may exceed 2^53 as text. Any other spelling is rejected, and so are unknown fields.
//! So every reader reads the same receipt, or rejects it.

use core::fmt::Display;
use core::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{Receipt, ReceiptError, VERSION, check_path, check_place};
use crate::primitives::block::Header;
use crate::primitives::hash::Hash;
use crate::primitives::message::{Draft, DraftError, Message};
use crate::primitives::mmr::MmrNode;
use crate::primitives::params::{Network, Parameters};
use crate::primitives::pow::{Bits, Work};
use crate::primitives::time::Timestamp;
use crate::proof::chain_proof::PROOF_BYTES_MAX;

/// The proof file of a message, which `plexus verify` reads. The protocol's specification describes
/// its verification.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Proof))]
pub struct Form {
    /// The version of this form: 2.
    pub version: u32,
    /// The network's parameters.
    pub network: Parameters,
    /// The message.
    pub message: MessageForm,
    /// Its index in the block, from 0.
    pub index: u16,
    /// The number of messages in the block.
    pub count: u16,
    /// The sibling hashes on the message's path to the messages root, from the bottom.
    pub siblings: Vec<String>,
    /// The block without its messages.
    pub block: BlockForm,
    /// The sibling nodes on the block's path to the MMR peak over it, from the bottom.
    pub path: Vec<RecordForm>,
    /// The chain proof, in hex.
    pub chain: String,
}

/// The fields of a message's encoding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = ProofMessage))]
pub struct MessageForm {
    /// The sender's key, 66 hex digits.
    pub sender: String,
    /// The recipient.
    pub recipient: String,
    /// The text.
    pub text: String,
    /// The time when it was written, in unix milliseconds.
    pub time_unix_ms: u64,
    /// The stamp, as a decimal string.
    pub stamp: String,
    /// The sender's signature of the id, 128 hex digits.
    pub signature: String,
}

/// A block's header, and the body's commitments apart from the messages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = ProofBlock))]
pub struct BlockForm {
    /// The parent's hash.
    pub prev_hash: String,
    /// The commitment to the history below the block and to its contents.
    pub content_root: String,
    /// The header's version.
    pub version: u32,
    /// The height.
    pub number_of_block: u64,
    /// The time when it was mined, in unix milliseconds.
    pub time_unix_ms: u64,
    /// The target in compact form, as `0x1e100000`.
    pub bits: String,
    /// The nonce, as a decimal string.
    pub nonce: String,
    /// The miner's free number, as a decimal string.
    pub extra: String,
    /// The miner's key.
    pub author: String,
    /// The author's signature.
    pub signature: String,
}

/// A node of the MMR.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = ProofRecord))]
pub struct RecordForm {
    /// A header's hash, or the hash of a parent's two children.
    pub hash: String,
    /// The sum of work, as a decimal string.
    pub work: String,
    /// The last header's time in unix milliseconds.
    pub time_unix_ms: u64,
    /// The last header's bits, as `0x1e100000`.
    pub bits: String,
}

/// The reason why a form is not a receipt's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FormError {
    /// A text does not match its field, or is not in canonical form.
    #[error("{field}: \"{found}\" is not written as a proof file writes it")]
    Field {
        /// The field.
        field: &'static str,
        /// The first part of the text.
        found: String,
    },
    /// The message's texts are too short or too long.
    #[error(transparent)]
    Draft(#[from] DraftError),
}

/// The most characters of a wrong text that are shown.
const FOUND_CHARS_MAX: usize = 40;

impl FormError {
    fn field(field: &'static str, text: &str) -> Self {
        Self::Field { field, found: text.chars().take(FOUND_CHARS_MAX).collect() }
    }
}

impl Form {
    /// Creates the form of a receipt.
    pub fn new(receipt: &Receipt) -> Self {
        let (message, header) = (&receipt.message, &receipt.header);
        Self {
            version: VERSION.into(),
            network: receipt.network.parameters().clone(),
            message: MessageForm {
                sender: message.sender().to_string(),
                recipient: message.recipient().to_owned(),
                text: message.text().to_owned(),
                time_unix_ms: message.time().unix_ms(),
                stamp: message.stamp().to_string(),
                signature: message.signature().to_string(),
            },
            index: receipt.index,
            count: receipt.count,
            siblings: receipt.siblings.iter().map(Hash::to_string).collect(),
            block: BlockForm {
                prev_hash: header.prev_hash.to_string(),
                content_root: header.content_root.to_string(),
                version: header.version,
                number_of_block: header.height,
                time_unix_ms: header.time.unix_ms(),
                bits: header.bits.to_string(),
                nonce: header.nonce.to_string(),
                extra: receipt.extra.to_string(),
                author: receipt.author.to_string(),
                signature: receipt.signature.to_string(),
            },
            path: receipt.path.iter().map(RecordForm::new).collect(),
            chain: hex::encode(&receipt.chain),
        }
    }
}

impl RecordForm {
    fn new(record: &MmrNode) -> Self {
        Self {
            hash: record.hash.to_string(),
            work: record.work.to_string(),
            time_unix_ms: record.time.unix_ms(),
            bits: record.bits.to_string(),
        }
    }

    fn record(&self) -> Result<MmrNode, FormError> {
        Ok(MmrNode {
            hash: read("path hash", &self.hash)?,
            work: Work::from_hashes(read("path work", &self.work)?),
            time: Timestamp::from_unix_ms(self.time_unix_ms),
            bits: bits("path bits", &self.bits)?,
        })
    }
}

impl MessageForm {
    fn message(&self) -> Result<Message, FormError> {
        let (sender, time) =
            (read("message sender", &self.sender)?, Timestamp::from_unix_ms(self.time_unix_ms));
        let draft = Draft::new(sender, self.recipient.as_str(), self.text.as_str(), time)?;
        let (stamp, signature) = (read("stamp", &self.stamp)?, read("message signature", &self.signature)?);
        Ok(Message::from_parts(draft, stamp, signature))
    }
}

impl BlockForm {
    fn header(&self) -> Result<Header, FormError> {
        Ok(Header {
            prev_hash: read("prev_hash", &self.prev_hash)?,
            content_root: read("content_root", &self.content_root)?,
            version: self.version,
            height: self.number_of_block,
            time: Timestamp::from_unix_ms(self.time_unix_ms),
            bits: bits("bits", &self.bits)?,
            nonce: read("nonce", &self.nonce)?,
        })
    }
}

impl TryFrom<&Form> for Receipt {
    type Error = ReceiptError;

    /// Returns the receipt of a form. It is not verified.
    fn try_from(form: &Form) -> Result<Self, ReceiptError> {
        if form.version != u32::from(VERSION) {
            return Err(ReceiptError::Version { found: form.version });
        }
        let found = form.chain.len() / 2;
        if found > PROOF_BYTES_MAX {
            return Err(ReceiptError::Size { found });
        }
        let expected = check_place(form.index, form.count)?;
        if form.siblings.len() != expected {
            return Err(ReceiptError::Siblings { expected, found: form.siblings.len() });
        }
        check_path(form.path.len())?;
        let siblings = form.siblings.iter().map(|text| read("sibling", text)).collect::<Result<_, _>>()?;
        Ok(Self {
            network: Network::new(form.network.clone())?,
            message: form.message.message()?,
            index: form.index,
            count: form.count,
            siblings,
            header: form.block.header()?,
            extra: read("extra", &form.block.extra)?,
            author: read("author", &form.block.author)?,
            signature: read("signature", &form.block.signature)?,
            path: form.path.iter().map(RecordForm::record).collect::<Result<_, _>>()?,
            chain: bytes("chain", &form.chain)?,
        })
    }
}

/// Returns the value of a text, which must be in the value's canonical form.
fn read<T: FromStr + Display>(field: &'static str, text: &str) -> Result<T, FormError> {
    let value = text.parse::<T>().ok().filter(|value| value.to_string() == text);
    value.ok_or_else(|| FormError::field(field, text))
}

fn bits(field: &'static str, text: &str) -> Result<Bits, FormError> {
    let digits = text.strip_prefix("0x").and_then(|digits| u32::from_str_radix(digits, 16).ok());
    let bits = digits.map(Bits::from_u32).filter(|bits| bits.to_string() == text);
    bits.ok_or_else(|| FormError::field(field, text))
}

fn bytes(field: &'static str, text: &str) -> Result<Vec<u8>, FormError> {
    let is_lower = !text.bytes().any(|byte| byte.is_ascii_uppercase());
    let bytes = hex::decode(text).ok().filter(|_| is_lower);
    bytes.ok_or_else(|| FormError::field(field, text))
}

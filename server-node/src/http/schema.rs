//! Schemas: the forms of blocks and messages as OpenAPI describes them.
//!
//! The forms belong to core, which knows nothing of HTTP. A test of [`super::openapi`] checks that
//! the two agree.

use utoipa::ToSchema;

/// The most bytes of a submitted message: the largest text with each byte escaped as JSON allows,
/// and the rest.
pub const SUBMISSION_BYTES_MAX: usize = 32 * 1024;

/// A network's parameters.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "it describes a form and is never made")]
#[schema(example = json!({ "name": "plexus", "limit_bits": "0x1e100000" }))]
#[schema(as = Parameters)]
pub(crate) struct ParametersSchema {
    /// 1 to 32 of a–z, 0–9 and `-`.
    pub name: String,
    /// The genesis block's time in unix milliseconds.
    pub genesis_time: u64,
    /// The target interval between blocks in milliseconds.
    pub spacing_ms: u64,
    /// The delay of a block that halves the difficulty, in milliseconds. 0 keeps it constant.
    pub half_life_ms: u64,
    /// The easiest target, in compact form and in hex.
    pub limit_bits: String,
    /// The most bytes of an encoded block.
    pub block_bytes_max: u32,
    /// The most messages of a block.
    pub block_messages_max: u32,
}

/// A message.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "it describes a form and is never made")]
#[schema(as = Message)]
pub(crate) struct MessageSchema {
    /// The message's id.
    pub id: String,
    /// The sender's key, 66 hex digits.
    pub sender: String,
    /// The recipient.
    pub recipient: String,
    /// The text.
    pub text: String,
    /// The time when it was written, RFC 3339.
    #[schema(rename = "timeStamp")]
    pub time_stamp: String,
    /// The same time in unix milliseconds. The id is computed from this one.
    pub time_unix_ms: u64,
    /// The stamp, as a decimal string.
    pub stamp: String,
    /// The sender's signature of the id, 128 hex digits.
    pub signature: String,
    /// The form for people: `From <sender> to <recipient>, <text>`.
    pub message: String,
}

/// A signed message to submit.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "it describes a form and is never made")]
#[schema(as = Submission)]
pub(crate) struct SubmissionSchema {
    /// The sender's key, 66 hex digits.
    pub sender: String,
    /// The recipient, at most 128 bytes.
    #[schema(required = false)]
    pub recipient: String,
    /// The text, 1 to 4,096 bytes.
    pub text: String,
    /// The time when it was written, in unix milliseconds.
    pub time_unix_ms: u64,
    /// The stamp, as a decimal string.
    #[schema(required = false)]
    pub stamp: String,
    /// The sender's signature of the id, 128 hex digits.
    pub signature: String,
}

/// A message and its position in the ledger.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "it describes a form and is never made")]
#[schema(as = MessageStatus)]
pub(crate) struct MessageStatusSchema {
    #[schema(inline)]
    #[serde(flatten)]
    pub base: MessageSchema,
    /// True if it waits in the mempool.
    pub pending: bool,
    /// The height of its block, once it is in one.
    pub number_of_block: Option<u64>,
    /// The hash of its block, once it is in one.
    pub block: Option<String>,
    /// The work of its block and of all blocks above, as a decimal string, once it is in a block.
    pub work_above: Option<String>,
}

/// The proof file of a message, which `plexus verify` reads. The protocol's specification describes
/// its verification.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "it describes a form and is never made")]
#[schema(as = Proof)]
pub(crate) struct ProofSchema {
    /// The version of this form: 2.
    pub version: u32,
    /// The network's parameters.
    pub network: ParametersSchema,
    /// The message.
    pub message: ProofMessage,
    /// Its index in the block, from 0.
    pub index: u16,
    /// The number of messages in the block.
    pub count: u16,
    /// The sibling hashes on the message's path to the messages root, from the bottom.
    pub siblings: Vec<String>,
    /// The block without its messages.
    pub block: ProofBlock,
    /// The sibling nodes on the block's path to the MMR peak over it, from the bottom.
    pub path: Vec<ProofRecord>,
    /// The chain proof, in hex.
    pub chain: String,
}

/// The fields of a message's encoding.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "it describes a form and is never made")]
pub(crate) struct ProofMessage {
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
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "it describes a form and is never made")]
pub(crate) struct ProofBlock {
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
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "it describes a form and is never made")]
pub(crate) struct ProofRecord {
    /// A header's hash, or the hash of a parent's two children.
    pub hash: String,
    /// The sum of work, as a decimal string.
    pub work: String,
    /// The last header's time in unix milliseconds.
    pub time_unix_ms: u64,
    /// The last header's bits, as `0x1e100000`.
    pub bits: String,
}

/// A block with its messages.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "it describes a form and is never made")]
#[schema(as = Block)]
pub(crate) struct BlockSchema {
    /// The block's hash.
    pub hash: String,
    /// The parent's hash.
    pub prev_hash: String,
    /// The height.
    pub number_of_block: u64,
    /// The time when it was mined, RFC 3339.
    #[schema(rename = "timeStamp")]
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
    pub content_root: String,
    /// The expected number of hashes for the target, as a decimal string.
    pub proof_of_work: String,
    /// The sum of work up to this block and including it, as a decimal string.
    pub total_work: String,
    /// The miner's key.
    pub author: String,
    /// The author's signature.
    pub signature: String,
    /// The messages as text, joined by line ends: the single field of the older system.
    pub message: String,
    /// The messages.
    pub messages: Vec<MessageSchema>,
}

//! The tables: their keys and records, and the layout of both. All integers are big-endian.
//!
//! Records of blocks are keyed by height ‖ hash, so that neighbours in the chain are neighbours on
//! the disk.

use std::ops::RangeInclusive;

use plexus_core::primitives::block::{HEADER_BYTES, Header};
use plexus_core::primitives::encoding::DecodeError;
use plexus_core::primitives::hash::Hash;
use plexus_core::primitives::message::MessageId;
use plexus_core::primitives::mmr::{Position, RECORD_BYTES};
use plexus_core::primitives::pow::Work;
use redb::TableDefinition;

/// The layout of these tables. A store with another layout is refused, unless it can be upgraded to
/// this one.
pub(super) const FORMAT: u64 = 3;
/// The layouts that only lack tables, which are added when the store is opened: one without the
/// table of nodes, and one without that of deleted bodies.
pub(super) const FORMATS_WITH_FEWER_TABLES: [u64; 2] = [1, 2];

/// height ‖ hash.
pub(super) type PlaceKey = [u8; 40];
/// header ‖ u128 total work.
pub(super) type HeaderRecord = [u8; HEADER_BYTES + 16];
/// body root ‖ u64 extra.
pub(super) type PrunedRecord = [u8; 40];
/// u8 level ‖ index.
pub(super) type NodeKey = [u8; 9];
/// A node of the MMR.
pub(super) type NodeRecord = [u8; RECORD_BYTES];
/// message id ‖ block hash.
pub(super) type MessageKey = [u8; 64];

pub(super) const FORMAT_KEY: &str = "format";
pub(super) const NETWORK_KEY: &str = "network";
pub(super) const BOOK_KEY: &str = "book";
pub(super) const KEPT_FROM_KEY: &str = "kept from";
pub(super) const BODY_BYTES_KEY: &str = "body bytes";
pub(super) const BODY_BYTES_PEAK_KEY: &str = "body bytes peak";

/// The format's number, the network's id, the address book, the height from which on bodies are
/// kept, the bytes of all bodies, and the most that these were since the file was compacted.
pub(super) const META: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("meta");
/// Every header, of all branches.
pub(super) const HEADERS: TableDefinition<'_, &PlaceKey, &HeaderRecord> = TableDefinition::new("headers");
/// Every verified block's encoding, except for those that were deleted.
pub(super) const BODIES: TableDefinition<'_, &PlaceKey, &[u8]> = TableDefinition::new("bodies");
/// Height to body root ‖ u64 extra, of the blocks of the best chain whose bodies were deleted. Chain
/// proofs show them.
pub(super) const PRUNED: TableDefinition<'_, u64, &PrunedRecord> = TableDefinition::new("pruned");
/// Height to hash, of the best chain. The last entry is the tip.
pub(super) const BEST: TableDefinition<'_, u64, &[u8; 32]> = TableDefinition::new("best");
/// Every header's hash to its height.
pub(super) const HEIGHTS: TableDefinition<'_, &[u8; 32], u64> = TableDefinition::new("heights");
/// The MMR peaks up to some headers and including them.
pub(super) const CHECKPOINTS: TableDefinition<'_, &PlaceKey, &[u8]> = TableDefinition::new("checkpoints");
/// The higher nodes of the MMR over the best chain.
pub(super) const NODES: TableDefinition<'_, &NodeKey, &NodeRecord> = TableDefinition::new("nodes");
/// Every message in every verified block, to the block's height, except for those in the log.
pub(super) const MESSAGES: TableDefinition<'_, &MessageKey, u64> = TableDefinition::new("messages");
/// The blocks of the newest messages, in the order in which they came. See the head.
pub(super) const LOG: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("message log");
/// Our own messages that wait for a block.
pub(super) const POOLED: TableDefinition<'_, &[u8; 32], &[u8]> = TableDefinition::new("pooled");

pub(super) fn place_key(height: u64, hash: &Hash) -> PlaceKey {
    let mut key = [0; 40];
    key[..8].copy_from_slice(&height.to_be_bytes());
    key[8..].copy_from_slice(hash.as_bytes());
    key
}

/// Returns the height and the hash in a [`PlaceKey`].
pub(super) fn place_of(key: &PlaceKey) -> (u64, Hash) {
    let (mut height, mut hash) = ([0; 8], [0; 32]);
    height.copy_from_slice(&key[..8]);
    hash.copy_from_slice(&key[8..]);
    (u64::from_be_bytes(height), Hash::from_bytes(hash))
}

pub(super) fn node_key(position: Position) -> NodeKey {
    let mut key = [0; 9];
    key[0] = u8::try_from(position.level).unwrap_or(u8::MAX);
    key[1..].copy_from_slice(&position.index.to_be_bytes());
    key
}

/// Returns the position of the node of a [`NodeKey`].
pub(super) fn node_place(key: &NodeKey) -> Position {
    let [level, index @ ..] = key;
    Position { level: u32::from(*level), index: u64::from_be_bytes(*index) }
}

pub(super) fn message_key(id: &MessageId, block: &Hash) -> MessageKey {
    let mut key = [0; 64];
    key[..32].copy_from_slice(id.as_bytes());
    key[32..].copy_from_slice(block.as_bytes());
    key
}

/// Returns all keys of a message.
pub(super) fn message_keys(id: &MessageId) -> RangeInclusive<MessageKey> {
    message_key(id, &Hash::from_bytes([0; 32]))..=message_key(id, &Hash::from_bytes([0xff; 32]))
}

/// Returns the block in a [`MessageKey`].
pub(super) fn block_of(key: &MessageKey) -> Hash {
    let mut hash = [0; 32];
    hash.copy_from_slice(&key[32..]);
    Hash::from_bytes(hash)
}

pub(super) fn header_record(header: &Header, total_work: Work) -> HeaderRecord {
    let mut record = [0; HEADER_BYTES + 16];
    record[..HEADER_BYTES].copy_from_slice(&header.encode());
    record[HEADER_BYTES..].copy_from_slice(&total_work.hashes().to_be_bytes());
    record
}

/// Returns what stays of a block whose body is deleted.
pub(super) fn pruned_record(body_root: &Hash, extra: u64) -> PrunedRecord {
    let mut record = [0; 40];
    record[..32].copy_from_slice(body_root.as_bytes());
    record[32..].copy_from_slice(&extra.to_be_bytes());
    record
}

/// Returns the body root and extra in a [`PrunedRecord`].
pub(super) fn pruned_of(record: &PrunedRecord) -> (Hash, u64) {
    let (mut root, mut extra) = ([0; 32], [0; 8]);
    root.copy_from_slice(&record[..32]);
    extra.copy_from_slice(&record[32..]);
    (Hash::from_bytes(root), u64::from_be_bytes(extra))
}

/// Returns the number stored under a key of [`META`]. Returns 0 without one.
pub(super) fn number_of(value: Option<&[u8]>) -> u64 {
    value.and_then(|bytes| <[u8; 8]>::try_from(bytes).ok()).map_or(0, u64::from_be_bytes)
}

pub(super) fn header_of(record: &HeaderRecord) -> Result<(Header, Work), DecodeError> {
    let mut work = [0; 16];
    work.copy_from_slice(&record[HEADER_BYTES..]);
    Ok((Header::decode(&record[..HEADER_BYTES])?, Work::from_hashes(u128::from_be_bytes(work))))
}

//! The index's head: the newest messages, before they are in the index's table.
//!
//! Message ids are random. Inserting each into the table would change a page of its own, so a
//! synchronization would write a page for every message. Instead, ids go to a log first, in the
//! order in which they come. This map mirrors the log. When it holds [`HEAD_MAX`] messages, all go
//! into the table at once, in its order. A start only has to read the log back.

use std::collections::BTreeMap;

use plexus_core::primitives::hash::Hash;
use plexus_core::primitives::message::MessageId;

use super::table::{self, MessageKey};

/// The number of messages in the head from which on the next transaction moves them to the table.
pub const HEAD_MAX: usize = 16_384;

/// The messages of the log, each with its block's height.
#[derive(Debug, Default)]
pub(super) struct Memtable(BTreeMap<MessageKey, u64>);

impl Memtable {
    pub(super) fn is_full(&self) -> bool {
        self.0.len() >= HEAD_MAX
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    pub(super) fn extend(&mut self, added: impl IntoIterator<Item = (MessageKey, u64)>) {
        self.0.extend(added);
    }

    /// Returns all messages, in the table's order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&MessageKey, u64)> {
        self.0.iter().map(|(key, height)| (key, *height))
    }

    /// Returns the blocks that a message is in, with their heights.
    pub(super) fn find(&self, id: &MessageId) -> impl Iterator<Item = (Hash, u64)> {
        self.0.range(table::message_keys(id)).map(|(key, height)| (table::block_of(key), *height))
    }
}

/// Returns a row of the log: the block's height and hash, and the ids of its messages.
pub(super) fn log_row(height: u64, block: &Hash, ids: &[MessageId]) -> Vec<u8> {
    let mut row = table::place_key(height, block).to_vec();
    for id in ids {
        row.extend_from_slice(id.as_bytes());
    }
    row
}

/// Returns the messages of a row of the log. Returns an empty list for a row that is too short.
pub(super) fn read_log_row(row: &[u8]) -> Vec<(MessageKey, u64)> {
    let Some((place, ids)) = row.split_first_chunk() else { return Vec::new() };
    let (height, block) = table::place_of(place);
    let (ids, _) = ids.as_chunks();
    ids.iter().map(|id| (table::message_key(&Hash::from_bytes(*id), &block), height)).collect()
}

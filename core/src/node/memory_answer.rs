//! Answers to peers whose data is in memory. Encoding them takes work, so a driver does that
//! elsewhere than it drives the node.
//!
//! Bounds: the messages of one request, or one block. Both are shared with the node, not copied.

use std::sync::Arc;

use bytes::Bytes;

use crate::primitives::block::Block;
use crate::primitives::hash::Hash;
use crate::primitives::message::Message;
use crate::protocol::bounded::BoundedVec;
use crate::protocol::compact_block::BlockMessages;
use crate::protocol::limits::{MESSAGES_MAX, block_packet_bytes_max};
use crate::protocol::packet::Packet;

/// An answer whose data is in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MemoryAnswer {
    /// Messages of the mempool, in as many packets as they take.
    Messages(Vec<Arc<Message>>),
    /// Messages of a block, in one packet.
    Parts {
        /// The block's hash.
        hash: Hash,
        /// The block's encoding.
        block: Bytes,
        /// The indexes of the messages.
        places: Vec<u16>,
    },
}

impl MemoryAnswer {
    /// Returns the frames, one after the other, in a network with this `block_bytes_max`.
    ///
    /// There is none for parts over their cap. After a while, the peer requests the whole block.
    pub fn frames(&self, block_bytes_max: usize) -> impl Iterator<Item = Bytes> + '_ {
        let (messages, parts) = match self {
            Self::Messages(messages) => (messages.as_slice(), None),
            Self::Parts { hash, block, places } => (&[][..], parts(*hash, block, places)),
        };
        let chunks = messages.chunks(MESSAGES_MAX).map(|chunk| {
            let messages = chunk.iter().map(|message| message.as_ref().clone()).collect();
            Packet::Messages(BoundedVec::new(messages)).encode()
        });
        chunks.chain(parts.filter(move |frame| frame.len() <= block_packet_bytes_max(block_bytes_max)))
    }
}

fn parts(hash: Hash, block: &[u8], places: &[u16]) -> Option<Bytes> {
    let block = Block::decode(block).ok()?;
    let part = |place: &u16| Some(block.messages.get(usize::from(*place))?.as_ref().clone());
    let messages = BoundedVec::new(places.iter().filter_map(part).collect());
    Some(Packet::Parts(BlockMessages { hash, messages }).encode())
}

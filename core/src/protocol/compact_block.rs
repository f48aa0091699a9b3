//! Compact bodies: a block's body as its messages' short ids, for peers that have most of the
//! messages.
//!
//! Specified in PROTOCOL.md, "On the wire".
//!
//! A short id is 6 bytes of [SipHash-2-4](https://www.aumasson.jp/siphash/siphash.pdf) over the
//! message's leaf in the Merkle tree, keyed by the block's hash. The leaf covers the stamp, so copies
//! with different stamps differ. An attacker that wants two messages of a mempool to
//! collide has to mine the block first. Messages that the sender itself lacked when the block came
//! are sent whole, because its peers will lack them too. The receiver requests any others that it
//! lacks by index.
//!
//! Bounds: a compact body is at most a frame, and names at most [`BLOCK_MESSAGES_MAX`] messages.

use core::hash::Hasher;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use siphasher::sip::SipHasher24;

use crate::primitives::block::{BLOCK_MESSAGES_MAX, Block, Header};
use crate::primitives::collections::ordered_map::OrderedMap;
use crate::primitives::hash::{Hash, Tag, tagged};
use crate::primitives::key::{PublicKey, Signature};
use crate::primitives::merkle::leaf;
use crate::primitives::message::Message;
use crate::protocol::bounded::BoundedVec;

/// A short id's size in bytes.
pub const SHORT_ID_BYTES: usize = 6;

/// The first bytes of a keyed hash of a message's leaf.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ShortId([u8; SHORT_ID_BYTES]);

/// A message of a compact body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CompactEntry {
    /// A message that the receiver probably has.
    Short(ShortId),
    /// A message that it may lack.
    Whole(Message),
}

/// A block's body for peers that know its header.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CompactBlock {
    /// The block's hash.
    pub hash: Hash,
    /// The number that the miner varied.
    pub extra: u64,
    /// The miner's key.
    pub author: PublicKey,
    /// The author's signature.
    pub signature: Signature,
    /// The messages, in their order.
    pub slots: BoundedVec<CompactEntry, BLOCK_MESSAGES_MAX>,
}

/// A request for messages of a compact body by their indexes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GetMessagesAt {
    /// The block's hash.
    pub hash: Hash,
    /// The indexes, ascending.
    pub places: BoundedVec<u16, BLOCK_MESSAGES_MAX>,
}

/// The requested messages, in the order of the request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockMessages {
    /// The block's hash.
    pub hash: Hash,
    /// The messages.
    pub messages: BoundedVec<Message, BLOCK_MESSAGES_MAX>,
}

/// Computes the short ids of one block.
#[derive(Clone, Copy, Debug)]
struct Shortener(SipHasher24);

impl Shortener {
    fn new(block: &Hash) -> Self {
        let mut key = [0; 16];
        key.copy_from_slice(&tagged(Tag::Short, &[block.as_bytes()]).as_bytes()[..16]);
        Self(SipHasher24::new_with_key(&key))
    }

    fn shorten(&self, leaf: &Hash) -> ShortId {
        let mut hasher = self.0;
        hasher.write(leaf.as_bytes());
        let mut short = [0; SHORT_ID_BYTES];
        short.copy_from_slice(&hasher.finish().to_be_bytes()[8 - SHORT_ID_BYTES..]);
        ShortId(short)
    }
}

impl CompactBlock {
    /// Returns the compact body of a block. The messages at the indexes in `whole`, which are ascending,
    /// are sent whole.
    pub fn new(hash: Hash, block: &Block, whole: &[u16]) -> Self {
        let shortener = Shortener::new(&hash);
        let slot = |(place, message): (usize, &Arc<Message>)| {
            let is_whole = u16::try_from(place).is_ok_and(|place| whole.binary_search(&place).is_ok());
            if is_whole {
                CompactEntry::Whole(message.as_ref().clone())
            } else {
                CompactEntry::Short(shortener.shorten(&leaf(&message.encode())))
            }
        };
        let slots = block.messages.iter().enumerate().map(slot).collect();
        let Block { extra, author, signature, .. } = *block;
        Self { hash, extra, author, signature, slots: BoundedVec::new(slots) }
    }
}

/// A body that is being reconstructed.
///
/// ```
/// # use plexus_core::primitives::message::Draft;
/// # use plexus_core::protocol::compact_block::{CompactBlock, PartialBlock};
/// # use plexus_core::{Network, SecretKey};
/// # let (network, alice) = (Network::dev(), SecretKey::from_bytes(&[7; 32]).unwrap());
/// # let draft = Draft::new(alice.public(), "bob", "hello", network.genesis().time).unwrap();
/// # let message = draft.sign(&alice, network.id(), 0);
/// let mut block = network.genesis_block();
/// block.messages.push(message.clone().into());
/// let compact = CompactBlock::new(block.header.hash(), &block, &[]);
/// // An empty mempool cannot fill the place of the message.
/// let mut partial = PartialBlock::new(block.header, compact, core::iter::empty());
/// assert_eq!(partial.missing(), [0]);
/// assert!(partial.fill(vec![message]));
/// assert_eq!(partial.complete(), Some(block));
/// ```
#[derive(Clone, Debug)]
pub struct PartialBlock {
    header: Header,
    extra: u64,
    author: PublicKey,
    signature: Signature,
    messages: Vec<Option<Arc<Message>>>,
    /// True if a message was taken from the mempool by its short id. Then the body may differ from
    /// the sender's.
    guessed: bool,
}

impl PartialBlock {
    /// Creates the body from the messages in the compact body, and from those of a mempool with their
    /// leaves.
    pub fn new<'a>(
        header: Header,
        compact: CompactBlock,
        pool: impl Iterator<Item = (&'a Hash, &'a Arc<Message>)>,
    ) -> Self {
        let CompactBlock { hash, extra, author, signature, slots } = compact;
        let slots = slots.into_inner();
        let mut wanted = OrderedMap::<ShortId, Vec<usize>>::default();
        let mut messages = vec![None; slots.len()];
        for (place, slot) in slots.into_iter().enumerate() {
            match slot {
                CompactEntry::Short(short) => wanted.get_or_default(short).push(place),
                CompactEntry::Whole(message) => messages[place] = Some(Arc::new(message)),
            }
        }
        let mut guessed = false;
        if !wanted.is_empty() {
            let shortener = Shortener::new(&hash);
            for (leaf, message) in pool {
                for &place in wanted.get(&shortener.shorten(leaf)).into_iter().flatten() {
                    // If two messages collide, the first is used, and the root shows if it was the
                    // right one.
                    guessed = true;
                    messages[place].get_or_insert_with(|| message.clone());
                }
            }
        }
        Self { header, extra, author, signature, messages, guessed }
    }

    /// Returns the indexes of the missing messages, ascending.
    pub fn missing(&self) -> Vec<u16> {
        let empty = self.messages.iter().enumerate().filter(|(_, message)| message.is_none());
        empty.filter_map(|(place, _)| u16::try_from(place).ok()).collect()
    }

    /// Fills the missing messages in order. Returns true if there were exactly as many as needed.
    pub fn fill(&mut self, parts: Vec<Message>) -> bool {
        let mut parts = parts.into_iter().map(Arc::new);
        for message in self.messages.iter_mut().filter(|message| message.is_none()) {
            *message = parts.next();
        }
        parts.next().is_none() && self.messages.iter().all(Option::is_some)
    }

    /// Returns true if a mismatch with the header may be no peer's fault.
    pub fn used_mempool(&self) -> bool {
        self.guessed
    }

    /// Returns the block, if no message is missing.
    pub fn complete(self) -> Option<Block> {
        let Self { header, extra, author, signature, messages, .. } = self;
        let messages = messages.into_iter().collect::<Option<_>>()?;
        Some(Block { header, extra, author, signature, messages })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::primitives::key::SecretKey;
    use crate::primitives::message::Draft;
    use crate::primitives::params::Network;
    use crate::primitives::time::Timestamp;

    fn block(texts: usize) -> (Block, Vec<Hash>) {
        let (network, secret) = (Network::dev(), SecretKey::from_bytes(&[3; 32]).unwrap());
        let message = |index: usize| {
            let time = Timestamp::from_unix_ms(1_000 + index as u64);
            let draft = Draft::new(secret.public(), "bob", format!("text {index}"), time).unwrap();
            Arc::new(draft.sign(&secret, network.id(), 0))
        };
        let messages: Vec<_> = (0..texts).map(message).collect();
        let leaves = messages.iter().map(|message| leaf(&message.encode())).collect();
        (Block { messages, ..network.genesis_block() }, leaves)
    }

    #[test]
    fn a_pool_that_has_all_needs_nothing_more() {
        let (block, leaves) = block(20);
        let compact = CompactBlock::new(block.header.hash(), &block, &[]);
        let partial = PartialBlock::new(block.header, compact, leaves.iter().zip(&block.messages));
        assert!(partial.missing().is_empty() && partial.used_mempool());
        assert_eq!(partial.complete().unwrap(), block);
    }

    #[test]
    fn what_the_pool_lacks_is_asked_for_by_place() {
        let (block, leaves) = block(20);
        let compact = CompactBlock::new(block.header.hash(), &block, &[4, 7]);
        let known = leaves.iter().zip(&block.messages).take(3);
        let mut partial = PartialBlock::new(block.header, compact, known);
        let missing = partial.missing();
        assert_eq!(missing, [3, 5, 6].into_iter().chain(8..20).collect::<Vec<u16>>());
        let parts =
            missing.iter().map(|&place| block.messages[usize::from(place)].as_ref().clone()).collect();
        assert!(partial.fill(parts));
        assert_eq!(partial.complete().unwrap(), block);
    }

    #[test]
    fn too_few_or_too_many_parts_do_not_fill() {
        let (block, _) = block(3);
        let compact = CompactBlock::new(block.header.hash(), &block, &[]);
        let partial = PartialBlock::new(block.header, compact, core::iter::empty());
        let parts: Vec<_> = block.messages.iter().map(|message| message.as_ref().clone()).collect();
        assert!(!partial.clone().fill(parts[..2].to_vec()));
        let more = parts.iter().chain(&parts).cloned().collect();
        assert!(!partial.clone().fill(more));
        assert!(partial.complete().is_none());
    }

    #[test]
    fn short_ids_are_another_blocks_no_more() {
        let (block, _) = block(1);
        let one = CompactBlock::new(block.header.hash(), &block, &[]);
        let other = CompactBlock::new(Hash::ZERO, &block, &[]);
        assert_ne!(one.slots, other.slots);
    }
}

//! The newest verified blocks, in memory: a light node can serve these blocks, and knows the
//! messages in them.

use std::collections::VecDeque;

use plexus_core::ledger::signature_batch::KnownIn;
use plexus_core::primitives::block::Block;
use plexus_core::primitives::collections::ordered_map::OrderedMap;
use plexus_core::primitives::hash::Hash;
use plexus_core::primitives::message::MessageId;

/// The most blocks kept. When full, the oldest is evicted.
const BLOCKS_MAX: usize = 64;
/// The most bytes of blocks kept. Beyond it, the oldest are evicted, but never the last.
const BLOCKS_BYTES_MAX: usize = 8 << 20;
/// The most message ids kept, of stored and evicted blocks. When full, the oldest is evicted. A
/// full node still checks for repetitions of its message.
const IDS_MAX: usize = 65_536;

/// Blocks and ids of messages, the newest last.
#[derive(Debug, Default)]
pub(crate) struct BlockCache {
    blocks: VecDeque<(Hash, Vec<u8>)>,
    bytes: usize,
    ids: OrderedMap<MessageId, Vec<(Hash, u64)>>,
    order: VecDeque<MessageId>,
}

impl BlockCache {
    /// Adds a verified block.
    pub(crate) fn hold(&mut self, network: &Hash, hash: Hash, block: &Block) {
        if self.body(&hash).is_some() {
            return;
        }
        let encoded = block.encode();
        self.bytes += encoded.len();
        self.blocks.push_back((hash, encoded));
        while self.blocks.len() > BLOCKS_MAX || self.bytes > BLOCKS_BYTES_MAX && self.blocks.len() > 1 {
            let Some((_, dropped)) = self.blocks.pop_front() else { break };
            self.bytes -= dropped.len();
        }
        for message in &block.messages {
            self.note(message.id(network), hash, block.header.height);
        }
    }

    fn note(&mut self, id: MessageId, block: Hash, height: u64) {
        let places = self.ids.get_or_default(id);
        if places.contains(&(block, height)) {
            return;
        }
        places.push((block, height));
        self.order.push_back(id);
        while self.order.len() > IDS_MAX
            && let Some(oldest) = self.order.pop_front()
            && let Some(places) = self.ids.get_mut(&oldest)
        {
            places.remove(0);
            if places.is_empty() {
                self.ids.remove(&oldest);
            }
        }
    }

    /// Returns a block's encoding.
    pub(crate) fn body(&self, hash: &Hash) -> Option<&[u8]> {
        self.blocks.iter().find(|(held, _)| held == hash).map(|(_, block)| block.as_slice())
    }

    /// Returns every block that contains a message.
    pub(crate) fn seen(
        &self,
        index: usize,
        id: &MessageId,
        is_best: impl Fn(&Hash, u64) -> bool,
    ) -> Vec<KnownIn> {
        let places = self.ids.get(id).into_iter().flatten();
        places
            .map(|&(block, height)| KnownIn { index, block, height, best: is_best(&block, height) })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use plexus_core::primitives::key::SecretKey;
    use plexus_core::primitives::message::Draft;
    use plexus_core::primitives::params::Network;

    use super::*;

    fn block(texts: &[&str]) -> Block {
        let (network, secret) = (Network::dev(), SecretKey::from_bytes(&[5; 32]).unwrap());
        let mut block = network.genesis_block();
        let sign = |text: &&str| {
            let draft = Draft::new(secret.public(), "", *text, network.genesis().time).unwrap();
            Arc::new(draft.sign(&secret, network.id(), 0))
        };
        block.messages = texts.iter().map(sign).collect();
        block
    }

    #[test]
    fn a_message_is_seen_in_each_of_its_blocks() {
        let (network, mut cache) = (Network::dev(), BlockCache::default());
        let block = block(&["one", "two"]);
        let id = block.messages[1].id(network.id());
        for (name, times) in [(b"a", 1), (b"b", 2)] {
            for _ in 0..times {
                cache.hold(network.id(), Hash::of(name), &block);
            }
        }
        let seen = cache.seen(4, &id, |hash, _| *hash == Hash::of(b"b"));
        assert_eq!(seen.len(), 2);
        assert_eq!(seen[1], KnownIn { index: 4, block: Hash::of(b"b"), height: 0, best: true });
        assert!(!seen[0].best);
        assert_eq!(cache.body(&Hash::of(b"a")), Some(block.encode().as_slice()));
        assert!(cache.seen(0, &Hash::ZERO, |_, _| true).is_empty());
    }

    #[test]
    fn old_blocks_and_ids_give_way() {
        let (network, mut cache) = (Network::dev(), BlockCache::default());
        let (empty, full) = (block(&[]), block(&[&*"x".repeat(4_096); 255]));
        for number in 0..200_u8 {
            cache.hold(network.id(), Hash::of(&[number]), &empty);
        }
        assert_eq!(cache.blocks.len(), BLOCKS_MAX);
        assert!(cache.body(&Hash::of(&[0])).is_none());
        for number in 0..20_u8 {
            cache.hold(network.id(), Hash::of(&[9, number]), &full);
        }
        assert!(cache.bytes <= BLOCKS_BYTES_MAX);
        assert_eq!(cache.bytes, cache.blocks.iter().map(|(_, block)| block.len()).sum::<usize>());
        for number in 0..u32::try_from(IDS_MAX).unwrap() + 10 {
            cache.note(Hash::of(&number.to_be_bytes()), Hash::ZERO, 1);
        }
        assert_eq!(cache.order.len(), IDS_MAX);
        assert_eq!(cache.ids.len(), IDS_MAX);
    }
}

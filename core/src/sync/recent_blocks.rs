//! The cache of recent blocks: the newest verified blocks, ready to be sent, and the message ids in
//! them, ready to be compared.
//!
//! Peers request a new block within moments of its announcement. Light nodes keep no others. The
//! ids cover the time between the store's answer about a block and the block's turn.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;

use crate::ledger::chain::Chain;
use crate::primitives::collections::ordered_map::OrderedSet;
use crate::primitives::collections::vec_map::VecMap;
use crate::primitives::hash::Hash;
use crate::primitives::message::MessageId;

/// The number of newest blocks whose bytes are kept.
pub(crate) const BLOCKS_MAX: usize = 32;
/// The most bytes of blocks that are kept. The oldest are evicted.
pub(crate) const BYTES_MAX: usize = 16 << 20;
/// The number of newest blocks whose ids are kept: more than can be verified between the store's
/// answer and a block's turn.
pub(crate) const ID_BLOCKS_MAX: usize = 2 * crate::sync::block_download::WINDOW_MAX;

/// The newest blocks.
#[derive(Debug, Default)]
pub(crate) struct RecentBlocks {
    blocks: VecMap<Hash, Bytes>,
    order: VecDeque<Hash>,
    bytes: usize,
    ids: OrderedSet<(MessageId, Hash)>,
    id_order: VecDeque<(Hash, Arc<[MessageId]>)>,
}

impl RecentBlocks {
    pub(crate) fn put(&mut self, hash: Hash, block: Bytes, ids: &Arc<[MessageId]>) {
        if self.blocks.contains_key(&hash) {
            return;
        }
        self.bytes += block.len();
        self.blocks.insert(hash, block);
        self.order.push_back(hash);
        while self.order.len() > BLOCKS_MAX || (self.bytes > BYTES_MAX && self.order.len() > 1) {
            let Some(oldest) = self.order.pop_front() else { break };
            if let Some(block) = self.blocks.remove(&oldest) {
                self.bytes -= block.len();
            }
        }
        for id in ids.iter() {
            self.ids.insert((*id, hash));
        }
        self.id_order.push_back((hash, ids.clone()));
        if self.id_order.len() > ID_BLOCKS_MAX
            && let Some((hash, ids)) = self.id_order.pop_front()
        {
            for id in ids.iter() {
                self.ids.remove(&(*id, hash));
            }
        }
    }

    /// Returns the bytes of a recent block.
    pub(crate) fn block(&self, hash: &Hash) -> Option<&Bytes> {
        self.blocks.get(hash)
    }

    /// Returns true if a message is in one of the recent blocks of a branch.
    pub(crate) fn is_below(&self, chain: &Chain, id: &MessageId, branch: &Hash) -> bool {
        self.blocks_with(id).any(|block| chain.is_ancestor(block, branch))
    }

    /// Returns true if a message is in one of the recent blocks of the best chain.
    pub(crate) fn is_on_best_chain(&self, chain: &Chain, id: &MessageId) -> bool {
        self.blocks_with(id).any(|hash| {
            chain.find(hash).is_some_and(|entry| chain.best_at(entry.header.height) == Some(hash))
        })
    }

    /// Returns the recent blocks that contain a message.
    fn blocks_with(&self, id: &MessageId) -> impl Iterator<Item = &Hash> {
        let all = (*id, Hash::ZERO)..=(*id, Hash::from_bytes([0xff; 32]));
        self.ids.range(all).map(|(_, hash)| hash)
    }
}

#[cfg(test)]
mod tests;

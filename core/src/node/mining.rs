//! Mining: selects the block to search, and handles the one that is found.

use std::sync::Arc;

use super::{Node, Role};
use crate::mining::job::Solution;
use crate::mining::template::template;
use crate::primitives::block::BLOCK_BYTES_MIN;
use crate::primitives::time::Now;
use crate::sync::block_download::DownloadedBody;

impl Node {
    /// Returns true if mining is useful now: no better block is on its way, and a light node has a
    /// peer to send its block to.
    fn may_mine(&self) -> bool {
        let heard = self.config.role == Role::Full || self.greeted().next().is_some();
        self.miner.is_enabled() && heard && !self.blocks.is_behind()
    }

    /// Keeps the job on the tip, with the current time and the messages of the mempool.
    pub(super) fn seek_block(&mut self, now: Now) {
        if !self.may_mine() {
            if self.miner.stop() {
                self.outbox.mine(None);
            }
            return;
        }
        let tip = self.chain.tip();
        if !self.miner.is_due(now.moment, &tip.hash) {
            return;
        }
        let expired = self.messages.pool.expire(now.time);
        self.unpool(&expired);
        let network = self.chain.network();
        let template = match self.miner.reusable(&tip.hash) {
            Some(mut template) => {
                template.move_on(network, &tip.header, now.time);
                template
            }
            None => {
                let bytes = network.block_bytes_max() - BLOCK_BYTES_MIN;
                let time = now.time.max(tip.header.time.plus_ms(1));
                let messages = self.messages.pool.select(time, bytes, network.block_messages_max());
                let Some(history) = self.chain.history(&tip.hash) else { return };
                template(network, &tip.header, history, now, &self.config.author, messages)
            }
        };
        let job = self.miner.start(now.moment, template);
        self.outbox.mine(job);
    }

    /// Handles a solved job. The block is ours, and all its contents were verified before.
    pub(super) fn solved(&mut self, now: Now, solution: Solution) {
        let Some(block) = self.miner.solve(solution) else { return };
        let (header, hash) = (block.header, block.header.hash());
        if header.prev_hash != self.chain.tip().hash || self.chain.insert(header, now.time).is_err() {
            return;
        }
        if self.chain.find(&hash).is_none() {
            return;
        }
        let network = *self.chain.network().id();
        let ids = block.messages.iter().map(|message| message.id(&network)).collect();
        let encoded = block.encode().into();
        self.announce_own(now, &header, &hash);
        let (lacked, reorg_count) = (Arc::new([]), self.blocks.reorg_count);
        let body =
            DownloadedBody { block: block.into(), hash, encoded, ids, lacked, peer: None, reorg_count };
        self.connect_own(now, body);
    }
}

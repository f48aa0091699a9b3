//! Chain status: the peers whose chain differs from ours.

use crate::node::context::Context;
use crate::node::event::Event;
use crate::node::peer_manager::PeerManager;
use crate::peers::chain_status::WATCH_INTERVAL;

impl PeerManager {
    /// Reports peers that have been on another chain for a long time. While syncing, the node cannot
    /// tell which side is right, and does not call this.
    pub(crate) fn watch_chains(&mut self, cx: &mut Context<'_>) {
        if cx.now.moment < self.chain_check {
            return;
        }
        self.chain_check = cx.now.moment + WATCH_INTERVAL;
        for (peer, established) in cx.connections.established_peers_mut().filter(|(_, peer)| peer.is_full()) {
            if let Some(agreement) = established.tip.watch(cx.now.moment, cx.chain) {
                let height = established.tip.height();
                cx.outbox.emit(Event::Disagrees { peer, agreement, height });
            }
        }
    }
}

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
        for (peer, greeted) in cx.connections.established_peers_mut().filter(|(_, peer)| peer.is_full()) {
            if let Some(agreement) = greeted.stance.watch(cx.now.moment, cx.chain) {
                let height = greeted.stance.height();
                cx.outbox.tell(Event::Disagrees { peer, agreement, height });
            }
        }
    }
}

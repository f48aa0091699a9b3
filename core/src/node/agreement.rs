//! Agreement: the chains that the peers report, and the peers whose chain differs from ours.

use super::{ConnectionId, Node};
use crate::ledger::chain::ChainEntry;
use crate::node::event::Event;
use crate::peers::chain_status::{Agreement, WATCH_INTERVAL};
use crate::peers::peer::{Greeted, Peer};
use crate::primitives::hash::Hash;
use crate::primitives::time::Now;

impl Node {
    /// Notes that a peer announced the last block of its branch.
    pub(super) fn peer_leads(&mut self, peer: ConnectionId, hash: &Hash, height: u64) {
        if let Some(greeted) = self.connections.get_mut(&peer).and_then(Peer::greeted_mut) {
            greeted.stance.announced(hash, height);
        }
    }

    /// Notes that a peer has a block. `place` is the block's chain entry, if we know it.
    pub(super) fn peer_holds(&mut self, peer: ConnectionId, hash: &Hash, place: Option<&ChainEntry>) {
        if let Some(greeted) = self.connections.get_mut(&peer).and_then(Peer::greeted_mut) {
            let height = place.map_or(greeted.height, |place| place.header.height);
            greeted.stance.has(&self.chain, hash, height);
        }
    }

    /// Returns how a peer's chain compares to ours. Returns `None` for a peer that keeps no blocks,
    /// because it only follows others.
    pub(super) fn agreement(&self, greeted: &Greeted) -> Option<Agreement> {
        greeted.stance.compare(&self.chain).filter(|_| greeted.is_full())
    }

    pub(super) fn agreeing(&self) -> usize {
        let agrees =
            |(_, greeted): &(ConnectionId, &Greeted)| self.agreement(greeted) == Some(Agreement::Agrees);
        self.greeted().filter(agrees).count()
    }

    /// Reports peers that have been on another chain for a long time. Skipped while syncing, when
    /// we cannot tell which side is right.
    pub(super) fn watch_agreement(&mut self, now: Now) {
        if now.moment < self.schedule.agreement_check || self.is_syncing() {
            return;
        }
        self.schedule.agreement_check = now.moment + WATCH_INTERVAL;
        let full = self.connections.iter_mut().filter_map(|(&id, peer)| Some((id, peer.greeted_mut()?)));
        for (peer, greeted) in full.filter(|(_, greeted)| greeted.is_full()) {
            if let Some(agreement) = greeted.stance.watch(now.moment, &self.chain) {
                let height = greeted.stance.height();
                self.outbox.tell(Event::Disagrees { peer, agreement, height });
            }
        }
    }
}

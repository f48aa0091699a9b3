//! Agreement: what the peers say of their chains, and who of them has another than ours.

use super::{Node, PeerId};
use crate::agreement::{Agreement, WATCH_INTERVAL};
use crate::chain::Place;
use crate::event::Event;
use crate::hash::Hash;
use crate::peer::{Greeted, Peer};
use crate::time::Now;

impl Node {
    /// A peer announces the last block of its branch.
    pub(super) fn peer_leads(&mut self, peer: PeerId, hash: &Hash, height: u64) {
        if let Some(greeted) = self.peers.get_mut(&peer).and_then(Peer::greeted_mut) {
            greeted.stance.leads(hash, height);
        }
    }

    /// A peer has a block, whose place is told if we know it.
    pub(super) fn peer_holds(&mut self, peer: PeerId, hash: &Hash, place: Option<&Place>) {
        if let Some(greeted) = self.peers.get_mut(&peer).and_then(Peer::greeted_mut) {
            let height = place.map_or(greeted.height, |place| place.header.height);
            greeted.stance.holds(&self.chain, hash, height);
        }
    }

    /// How a peer's chain stands to ours. Those that keep no blocks follow others, and are not asked.
    pub(super) fn agreement(&self, greeted: &Greeted) -> Option<Agreement> {
        greeted.stance.judge(&self.chain).filter(|_| greeted.is_full())
    }

    pub(super) fn agreeing(&self) -> usize {
        let agrees = |(_, greeted): &(PeerId, &Greeted)| self.agreement(greeted) == Some(Agreement::Agrees);
        self.greeted().filter(agrees).count()
    }

    /// Tells of peers that have disagreed for long. Who synchronizes himself cannot know yet who is right.
    pub(super) fn watch_agreement(&mut self, now: Now) {
        if now.moment < self.watch || self.is_syncing() {
            return;
        }
        self.watch = now.moment + WATCH_INTERVAL;
        let full = self.peers.iter_mut().filter_map(|(&id, peer)| Some((id, peer.greeted_mut()?)));
        for (peer, greeted) in full.filter(|(_, greeted)| greeted.is_full()) {
            if let Some(agreement) = greeted.stance.watch(now.moment, &self.chain) {
                let height = greeted.stance.height();
                self.outbox.tell(Event::Disagrees { peer, agreement, height });
            }
        }
    }
}

//! Approach: what a frame will need of a node's memory, fetched before the node is told of it ([`crate::kernel::prefetch`]).
//!
//! Each step reads only what the step before had fetched, so a driver that goes through the steps well ahead of the frame
//! waits for none of it. Only time depends on them.

use super::{Node, PeerId};
use crate::kernel::prefetch::prefetch;
use crate::peer::Peer;

/// The peers that are fetched ahead of a tick.
const PEERS_AHEAD_MAX: usize = 32;

/// How far the memory for a frame has come.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Approach {
    /// The node itself is fetched,
    Node,
    /// then the list of its peers and the newest block's spread,
    Lists,
    /// then the peer that sends,
    Peer,
    /// then what is known of it.
    Known,
}

impl Approach {
    /// The steps in their order.
    pub(crate) const ALL: [Self; 4] = [Self::Node, Self::Lists, Self::Peer, Self::Known];
}

impl Node {
    /// Takes a step towards a frame of a peer; without one towards a tick, which looks at all peers.
    pub(crate) fn approach(&self, peer: Option<PeerId>, step: Approach) {
        match (step, peer) {
            (Approach::Node, _) => {
                prefetch(&self.blind);
                prefetch(&self.stirred);
                prefetch(&self.peers);
                prefetch(&self.relay);
                prefetch(&self.fetch);
                prefetch(&self.wake);
                prefetch(&self.outbox);
                self.chain.prefetch();
            }
            (Approach::Lists, _) => {
                self.peers.prefetch();
                self.relay.prefetch();
            }
            (Approach::Peer, Some(peer)) => {
                if let Some(peer) = self.peers.get(&peer) {
                    prefetch(&peer.stage);
                }
                self.relay.prefetch_marks();
            }
            (Approach::Peer, None) => self.peers_ahead().for_each(|peer| prefetch(&peer.stage)),
            (Approach::Known, Some(peer)) => {
                if let Some(greeted) = self.peers.get(&peer).and_then(Peer::greeted) {
                    prefetch(&greeted.stance);
                    prefetch(&greeted.ping);
                    prefetch(&greeted.claim);
                }
            }
            (Approach::Known, None) => {
                self.peers_ahead().filter_map(Peer::greeted).for_each(|greeted| prefetch(&greeted.ping));
            }
        }
    }

    fn peers_ahead(&self) -> impl Iterator<Item = &Peer> {
        self.peers.values().take(PEERS_AHEAD_MAX)
    }
}

//! Approach: what a frame will need of a node's memory, fetched before the node is told of it ([`crate::kernel::prefetch`]).
//!
//! Each step reads only what the step before had fetched, so a driver that goes through the steps well ahead of the frame
//! waits for none of it. Only time depends on them.

use super::{Node, PeerId};
use crate::kernel::prefetch::{HAS_HINTS, prefetch};
use crate::peer::Peer;

/// The peers that are fetched ahead of a tick.
const PEERS_AHEAD_MAX: usize = 32;

/// What a node is about to be told, as far as its driver can tell at a glance.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Coming {
    /// A peer's ping or pong.
    Ping(PeerId),
    /// Another frame of a peer.
    Frame(PeerId),
    /// A tick, which looks at all peers.
    Tick,
}

/// How far the memory for it has come.
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
    /// Takes a step towards what comes.
    pub(crate) fn approach(&self, coming: Coming, step: Approach) {
        match (step, coming) {
            (Approach::Node, _) => {
                prefetch(&self.blind);
                prefetch(&self.stirred);
                prefetch(&self.peers);
                prefetch(&self.wake);
                prefetch(&self.outbox);
                if !matches!(coming, Coming::Ping(_)) {
                    prefetch(&self.relay);
                    prefetch(&self.fetch);
                    self.chain.prefetch();
                }
            }
            (Approach::Lists, Coming::Ping(_)) => self.peers.prefetch(),
            (Approach::Lists, Coming::Frame(_) | Coming::Tick) => {
                self.peers.prefetch();
                self.relay.prefetch();
            }
            (Approach::Peer, Coming::Ping(peer)) => self.prefetch_stage(peer),
            (Approach::Peer, Coming::Frame(peer)) => {
                self.prefetch_stage(peer);
                self.relay.prefetch_marks();
            }
            (Approach::Peer, Coming::Tick) => self.peers_ahead().for_each(|peer| prefetch(&peer.stage)),
            (Approach::Known, Coming::Ping(peer)) => {
                if let Some(greeted) = self.peers.get(&peer).and_then(Peer::greeted) {
                    prefetch(&greeted.ping);
                }
            }
            (Approach::Known, Coming::Frame(peer)) => {
                if let Some(greeted) = self.peers.get(&peer).and_then(Peer::greeted) {
                    prefetch(&greeted.stance);
                    prefetch(&greeted.claim);
                }
            }
            (Approach::Known, Coming::Tick) => {
                self.peers_ahead().filter_map(Peer::greeted).for_each(|greeted| prefetch(&greeted.ping));
            }
        }
    }

    /// Has fetched what is known of all peers' chains: each is going to be told of a block.
    pub(super) fn approach_all(&self) {
        if !HAS_HINTS {
            return;
        }
        self.peers_ahead().filter_map(Peer::greeted).for_each(|greeted| prefetch(&greeted.stance));
    }

    fn prefetch_stage(&self, peer: PeerId) {
        if let Some(peer) = self.peers.get(&peer) {
            prefetch(&peer.stage);
        }
    }

    fn peers_ahead(&self) -> impl Iterator<Item = &Peer> {
        self.peers.values().take(PEERS_AHEAD_MAX)
    }
}

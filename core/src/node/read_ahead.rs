//! Read-ahead: prefetches the memory that a frame will need, before the node handles it
//! ([`crate::primitives::prefetch`]).
//!
//! Each step reads only the memory that the step before had fetched. So a driver that takes the
//! steps well ahead of the frame never waits. The steps change only the time.

use super::{ConnectionId, Node};
use crate::peers::peer::Peer;
use crate::primitives::prefetch::{HAS_HINTS, prefetch};

/// The most peers that are prefetched ahead of a tick.
const PEERS_AHEAD_MAX: usize = 32;

/// The next input of a node, as far as its driver can tell at a glance.
#[derive(Clone, Copy, Debug)]
pub(crate) enum NextInput {
    /// A ping or pong of a peer.
    Ping(ConnectionId),
    /// Any other frame of a peer.
    Frame(ConnectionId),
    /// A tick, which looks at all peers.
    Tick,
}

/// The stages of the read-ahead.
#[derive(Clone, Copy, Debug)]
pub(crate) enum ReadAheadStage {
    /// The node itself is fetched.
    Node,
    /// Then the list of its peers and the propagation of the newest block.
    Lists,
    /// Then the peer that sends.
    Peer,
    /// Then the state of that peer's connection.
    Known,
}

impl ReadAheadStage {
    /// The stages in order.
    pub(crate) const ALL: [Self; 4] = [Self::Node, Self::Lists, Self::Peer, Self::Known];
}

impl Node {
    /// Takes one stage of the read-ahead for the next input.
    pub(crate) fn approach(&self, coming: NextInput, step: ReadAheadStage) {
        match (step, coming) {
            (ReadAheadStage::Node, _) => {
                prefetch(&self.messages.assumed);
                prefetch(&self.schedule.dirty);
                prefetch(&self.connections);
                prefetch(&self.schedule.wake);
                prefetch(&self.outbox);
                if !matches!(coming, NextInput::Ping(_)) {
                    prefetch(&self.blocks.relay);
                    prefetch(&self.blocks.download);
                    self.chain.prefetch();
                }
            }
            (ReadAheadStage::Lists, NextInput::Ping(_)) => self.connections.prefetch(),
            (ReadAheadStage::Lists, NextInput::Frame(_) | NextInput::Tick) => {
                self.connections.prefetch();
                self.blocks.relay.prefetch();
            }
            (ReadAheadStage::Peer, NextInput::Ping(peer)) => self.prefetch_stage(peer),
            (ReadAheadStage::Peer, NextInput::Frame(peer)) => {
                self.prefetch_stage(peer);
                self.blocks.relay.prefetch_marks();
            }
            (ReadAheadStage::Peer, NextInput::Tick) => {
                self.peers_ahead().for_each(|peer| prefetch(&peer.stage));
            }
            (ReadAheadStage::Known, NextInput::Ping(peer)) => {
                if let Some(greeted) = self.connections.get(&peer).and_then(Peer::greeted) {
                    prefetch(&greeted.ping);
                }
            }
            (ReadAheadStage::Known, NextInput::Frame(peer)) => {
                if let Some(greeted) = self.connections.get(&peer).and_then(Peer::greeted) {
                    prefetch(&greeted.stance);
                    prefetch(&greeted.claim);
                }
            }
            (ReadAheadStage::Known, NextInput::Tick) => {
                self.peers_ahead().filter_map(Peer::greeted).for_each(|greeted| prefetch(&greeted.ping));
            }
        }
    }

    /// Prefetches the chain state of all peers, because a block will be announced to each.
    pub(super) fn approach_all(&self) {
        if !HAS_HINTS {
            return;
        }
        self.peers_ahead().filter_map(Peer::greeted).for_each(|greeted| prefetch(&greeted.stance));
    }

    fn prefetch_stage(&self, peer: ConnectionId) {
        if let Some(peer) = self.connections.get(&peer) {
            prefetch(&peer.stage);
        }
    }

    fn peers_ahead(&self) -> impl Iterator<Item = &Peer> {
        self.connections.values().take(PEERS_AHEAD_MAX)
    }
}

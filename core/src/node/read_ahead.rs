//! Read-ahead: prefetches the memory that a frame will need, before the node handles it
//! ([`crate::primitives::prefetch`]).
//!
//! Each step reads only the memory that the step before had fetched. So a driver that takes the
//! steps well ahead of the frame never waits. The steps change only the time.

use super::Node;
use crate::peers::connections::PeerConnections;
use crate::peers::peer::Peer;
use crate::primitives::prefetch::{HAS_HINTS, prefetch};
use crate::protocol::connection::ConnectionId;

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
    pub(crate) fn read_ahead(&self, next: NextInput, stage: ReadAheadStage) {
        match (stage, next) {
            (ReadAheadStage::Node, _) => {
                prefetch(&self.machines.messages.assumed);
                prefetch(&self.schedule.dirty);
                prefetch(&self.connections);
                prefetch(&self.schedule.wake);
                prefetch(&self.outbox);
                if !matches!(next, NextInput::Ping(_)) {
                    prefetch(&self.machines.blocks.relay);
                    prefetch(&self.machines.blocks.download);
                    self.chain.prefetch();
                }
            }
            (ReadAheadStage::Lists, NextInput::Ping(_)) => self.connections.prefetch(),
            (ReadAheadStage::Lists, NextInput::Frame(_) | NextInput::Tick) => {
                self.connections.prefetch();
                self.machines.blocks.relay.prefetch();
            }
            (ReadAheadStage::Peer, NextInput::Ping(peer)) => self.prefetch_stage(peer),
            (ReadAheadStage::Peer, NextInput::Frame(peer)) => {
                self.prefetch_stage(peer);
                self.machines.blocks.relay.prefetch_flags();
            }
            (ReadAheadStage::Peer, NextInput::Tick) => {
                peers_ahead(&self.connections).for_each(|peer| prefetch(&peer.stage));
            }
            (ReadAheadStage::Known, NextInput::Ping(peer)) => {
                if let Some(established) = self.connections.established(peer) {
                    prefetch(&established.ping);
                }
            }
            (ReadAheadStage::Known, NextInput::Frame(peer)) => {
                if let Some(established) = self.connections.established(peer) {
                    prefetch(&established.tip);
                    prefetch(&established.claim);
                }
            }
            (ReadAheadStage::Known, NextInput::Tick) => {
                peers_ahead(&self.connections)
                    .filter_map(Peer::established)
                    .for_each(|established| prefetch(&established.ping));
            }
        }
    }

    fn prefetch_stage(&self, peer: ConnectionId) {
        if let Some(peer) = self.connections.get(peer) {
            prefetch(&peer.stage);
        }
    }
}

/// Prefetches the chain state of all peers, because a block will be announced to each.
pub(crate) fn prefetch_peer_tips(connections: &PeerConnections) {
    if !HAS_HINTS {
        return;
    }
    peers_ahead(connections).filter_map(Peer::established).for_each(|established| prefetch(&established.tip));
}

fn peers_ahead(connections: &PeerConnections) -> impl Iterator<Item = &Peer> {
    connections.iter().map(|(_, peer)| peer).take(PEERS_AHEAD_MAX)
}

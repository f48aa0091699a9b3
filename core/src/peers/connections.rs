//! Connections: the open connections of a node, by their ids.
//!
//! Bounds: [`crate::peers::peer::PEERS_MAX`] connections. The node closes further ones.

use crate::peers::peer::{EstablishedPeer, Peer};
use crate::primitives::collections::vec_map::VecMap;
use crate::protocol::connection::ConnectionId;

/// The open connections, established or not.
#[derive(Debug, Default)]
pub(crate) struct PeerConnections {
    peers: VecMap<ConnectionId, Peer>,
}

impl PeerConnections {
    pub(crate) fn len(&self) -> usize {
        self.peers.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.peers.is_empty()
    }

    pub(crate) fn contains(&self, id: ConnectionId) -> bool {
        self.peers.contains_key(&id)
    }

    pub(crate) fn get(&self, id: ConnectionId) -> Option<&Peer> {
        self.peers.get(&id)
    }

    pub(crate) fn get_mut(&mut self, id: ConnectionId) -> Option<&mut Peer> {
        self.peers.get_mut(&id)
    }

    pub(crate) fn insert(&mut self, id: ConnectionId, peer: Peer) {
        self.peers.insert(id, peer);
    }

    pub(crate) fn remove(&mut self, id: ConnectionId) -> Option<Peer> {
        self.peers.remove(&id)
    }

    /// Returns all connections, in the order in which they were opened.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (ConnectionId, &Peer)> {
        self.peers.iter().map(|(&id, peer)| (id, peer))
    }

    /// Returns all connections, in the order in which they were opened.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (ConnectionId, &mut Peer)> {
        self.peers.iter_mut().map(|(&id, peer)| (id, peer))
    }

    /// Returns the peer of an established connection.
    pub(crate) fn established(&self, id: ConnectionId) -> Option<&EstablishedPeer> {
        self.peers.get(&id)?.established()
    }

    /// Returns the peer of an established connection.
    pub(crate) fn established_mut(&mut self, id: ConnectionId) -> Option<&mut EstablishedPeer> {
        self.peers.get_mut(&id)?.established_mut()
    }

    /// Returns all peers that have completed the handshake.
    pub(crate) fn established_peers(&self) -> impl Iterator<Item = (ConnectionId, &EstablishedPeer)> {
        self.peers.iter().filter_map(|(&id, peer)| Some((id, peer.established()?)))
    }

    /// Returns all peers that have completed the handshake.
    pub(crate) fn established_peers_mut(
        &mut self,
    ) -> impl Iterator<Item = (ConnectionId, &mut EstablishedPeer)> {
        self.peers.iter_mut().filter_map(|(&id, peer)| Some((id, peer.established_mut()?)))
    }

    /// Prefetches the list of connections.
    pub(crate) fn prefetch(&self) {
        self.peers.prefetch();
    }
}

//! The connections: the sockets to other nodes, each with the number by which the node knows it.
//!
//! There are at most [`SOCKETS_MAX`] at once. An address that is to be dialled then counts as
//! unreached.

use core::task::Waker;
use std::rc::Weak;

use plexus_core::node::ConnectionId;
use plexus_core::protocol::address::Address;

use super::surroundings::Surroundings;
use crate::browser::socket::Socket;

/// The most connections at once. The user's node, the links of a light node's own choice and a
/// feeler are fewer.
const SOCKETS_MAX: usize = 8;

/// The reason why an address is not dialled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DialError {
    /// The browser does not allow it.
    Refused,
    /// There are [`SOCKETS_MAX`] connections.
    Full,
}

/// A connection, from the first attempt on.
#[derive(Debug)]
pub(super) struct NodeConnection {
    peer: ConnectionId,
    pub(super) address: Address,
    socket: Socket,
    /// Whether the peer completed the handshake.
    pub(super) held: bool,
}

/// All connections.
#[derive(Debug)]
pub(super) struct Connections {
    /// The address of the user's own node.
    pub(super) home: Address,
    /// At most [`SOCKETS_MAX`].
    open: Vec<NodeConnection>,
    /// The number of attempts.
    made: u64,
}

impl Connections {
    /// Creates a set without connections.
    pub(super) fn new(home: Address) -> Self {
        Self { home, open: Vec::new(), made: 0 }
    }

    /// Begins a connection, whose socket reports to the runtime.
    ///
    /// # Errors
    /// The browser does not allow it, or there are too many connections.
    pub(super) fn dial(
        &mut self,
        address: &Address,
        runtime: &Weak<dyn Surroundings>,
    ) -> Result<(), DialError> {
        self.made += 1;
        let peer = ConnectionId(self.made);
        if self.open.len() >= SOCKETS_MAX {
            return Err(DialError::Full);
        }
        let (runtime, reader, to) = (runtime.clone(), runtime.clone(), address.clone());
        let has_room = move |waker: &Waker| reader.upgrade().is_none_or(|runtime| runtime.has_room(waker));
        let report = move |report| {
            if let Some(runtime) = runtime.upgrade() {
                runtime.reported(peer, &to, report);
            }
        };
        let socket = Socket::open(address, has_room, report).map_err(|_| DialError::Refused)?;
        self.open.push(NodeConnection { peer, address: address.clone(), socket, held: false });
        Ok(())
    }

    /// Closes a connection. Returns it, or `None` if it is not open.
    pub(super) fn take(&mut self, peer: ConnectionId) -> Option<NodeConnection> {
        let place = self.open.iter().position(|connection| connection.peer == peer)?;
        Some(self.open.swap_remove(place))
    }

    /// Sends a frame, if the connection is open. Returns false if its socket failed.
    pub(super) fn send(&self, peer: ConnectionId, frame: &[u8]) -> bool {
        self.find(peer).is_none_or(|connection| connection.socket.send(frame))
    }

    /// Notes whether a peer has completed the handshake. Returns true if the connection is open.
    pub(super) fn set_held(&mut self, peer: ConnectionId, held: bool) -> bool {
        let connection = self.open.iter_mut().find(|connection| connection.peer == peer);
        connection.map(|connection| connection.held = held).is_some()
    }

    /// Returns true if any peer completed the handshake and is still connected.
    pub(super) fn is_any_held(&self) -> bool {
        self.open.iter().any(|connection| connection.held)
    }

    /// Returns true if no other connection is held, and this one is held or leads to the user's own
    /// node.
    pub(super) fn is_last(&self, peer: ConnectionId) -> bool {
        let mut others = self.open.iter().filter(|connection| connection.peer != peer);
        self.find(peer).is_some_and(|connection| connection.held || connection.address == self.home)
            && !others.any(|connection| connection.held)
    }

    /// Returns the address of an open connection.
    pub(super) fn address_of(&self, peer: ConnectionId) -> Option<&Address> {
        self.find(peer).map(|connection| &connection.address)
    }

    fn find(&self, peer: ConnectionId) -> Option<&NodeConnection> {
        self.open.iter().find(|connection| connection.peer == peer)
    }
}

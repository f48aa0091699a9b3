//! The configured nodes as an operator follows them: connected, lost, not reached.
//!
//! A failure is told once until its reason changes, and not at each retry. Bounds: the nodes of
//! `--connect` and one connection of each. Dials and sockets of other peers leave no trace here.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use plexus_core::node::ConnectionId;
use plexus_core::peers::TARGETS_MAX;
use plexus_core::protocol::address::Address;

/// The reason that is told if the other end closes the connection and gives none.
const CLOSED: &str = "the other end closed the connection before the handshake was complete";

/// A change that an operator has to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ConnectChange {
    /// The node is connected.
    Connected(Address),
    /// The connection is gone, for this reason if it is known.
    Lost(Address, Option<String>),
    /// The node cannot be connected to, for this reason.
    Failed(Address, String),
}

/// The configured nodes.
#[derive(Debug, Default)]
pub(crate) struct ConnectLog {
    nodes: Mutex<BTreeMap<Address, ConfiguredNode>>,
}

#[derive(Debug, Default)]
struct ConfiguredNode {
    /// The newest connection, from its opening on.
    peer: Option<ConnectionId>,
    is_established: bool,
    /// The reason that our node gave for closing the connection.
    closing: Option<String>,
    /// The failure that was told last, unless the node was connected since.
    told: Option<String>,
}

impl ConfiguredNode {
    fn fail(&mut self, address: &Address, reason: String) -> Option<ConnectChange> {
        self.peer = None;
        if self.told.as_ref() == Some(&reason) {
            return None;
        }
        self.told = Some(reason.clone());
        Some(ConnectChange::Failed(address.clone(), reason))
    }
}

impl ConnectLog {
    /// Creates the log of these nodes. Core keeps as many connected.
    pub(crate) fn new(connect: &[Address]) -> Self {
        let nodes = connect.iter().take(TARGETS_MAX);
        Self {
            nodes: Mutex::new(nodes.map(|address| (address.clone(), ConfiguredNode::default())).collect()),
        }
    }

    /// Returns the addresses of the nodes.
    pub(crate) fn addresses(&self) -> Vec<Address> {
        self.nodes().keys().cloned().collect()
    }

    fn nodes(&self) -> MutexGuard<'_, BTreeMap<Address, ConfiguredNode>> {
        // Each change is complete, even if a thread panicked elsewhere while it held the lock.
        self.nodes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that a dial failed.
    pub(crate) fn dial_failed(&self, address: &Address, reason: String) -> Option<ConnectChange> {
        self.nodes().get_mut(address)?.fail(address, reason)
    }

    /// Notes an open connection. If the one before it was never established, that was a failure.
    pub(crate) fn opened(&self, address: &Address, peer: ConnectionId) -> Option<ConnectChange> {
        let mut nodes = self.nodes();
        let node = nodes.get_mut(address)?;
        let failed = node.peer.is_some() && !node.is_established;
        let reason = node.closing.take().unwrap_or_else(|| CLOSED.to_owned());
        let change = failed.then(|| node.fail(address, reason)).flatten();
        node.peer = Some(peer);
        node.is_established = false;
        change
    }

    /// Notes that a peer completed the handshake.
    pub(crate) fn established(&self, peer: ConnectionId) -> Option<ConnectChange> {
        let mut nodes = self.nodes();
        let (address, node) = find(&mut nodes, peer)?;
        if std::mem::replace(&mut node.is_established, true) {
            return None;
        }
        node.told = None;
        node.closing = None;
        Some(ConnectChange::Connected(address.clone()))
    }

    /// Notes the reason for which our node closes a connection.
    pub(crate) fn closing(&self, peer: ConnectionId, reason: String) -> Option<ConnectChange> {
        let mut nodes = self.nodes();
        let (address, node) = find(&mut nodes, peer)?;
        if node.is_established {
            node.closing = Some(reason);
            return None;
        }
        node.fail(address, reason)
    }

    /// Notes that a connection is closed because the same node is connected by another link.
    pub(crate) fn duplicate(&self, peer: ConnectionId) {
        if let Some((_, node)) = find(&mut self.nodes(), peer).filter(|(_, node)| !node.is_established) {
            node.peer = None;
        }
    }

    /// Notes that an established peer is gone.
    pub(crate) fn gone(&self, peer: ConnectionId) -> Option<ConnectChange> {
        let mut nodes = self.nodes();
        let (address, node) = find(&mut nodes, peer)?;
        node.peer = None;
        let reason = node.closing.take();
        std::mem::take(&mut node.is_established).then(|| ConnectChange::Lost(address.clone(), reason))
    }

    /// Returns the changes that events would have told, given the peers that are established.
    pub(crate) fn catch_up(&self, established: impl Fn(ConnectionId) -> bool) -> Vec<ConnectChange> {
        let open: Vec<_> = self.nodes().values().filter_map(|node| node.peer).collect();
        let change = |peer| if established(peer) { self.established(peer) } else { self.gone_if_up(peer) };
        open.into_iter().filter_map(change).collect()
    }

    fn gone_if_up(&self, peer: ConnectionId) -> Option<ConnectChange> {
        let is_up = find(&mut self.nodes(), peer).is_some_and(|(_, node)| node.is_established);
        is_up.then(|| self.gone(peer)).flatten()
    }
}

fn find(
    nodes: &mut BTreeMap<Address, ConfiguredNode>,
    peer: ConnectionId,
) -> Option<(&Address, &mut ConfiguredNode)> {
    nodes.iter_mut().find(|(_, node)| node.peer == Some(peer))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Address {
        text.parse().unwrap()
    }

    const ONE: ConnectionId = ConnectionId(1);
    const TWO: ConnectionId = ConnectionId(2);

    #[test]
    fn a_failure_is_told_once_until_its_reason_changes() {
        let (a, log) = (address("a:1"), ConnectLog::new(&[address("a:1")]));
        let failed = |reason: &str| Some(ConnectChange::Failed(address("a:1"), reason.to_owned()));
        assert_eq!(log.dial_failed(&a, "refused".to_owned()), failed("refused"));
        assert_eq!(log.dial_failed(&a, "refused".to_owned()), None);
        assert_eq!(log.dial_failed(&a, "no route".to_owned()), failed("no route"));
        assert_eq!(log.opened(&a, ONE), None);
        assert_eq!(log.established(ONE), Some(ConnectChange::Connected(a.clone())));
        assert_eq!(log.established(ONE), None, "once");
        assert_eq!(log.gone(ONE), Some(ConnectChange::Lost(a.clone(), None)));
        assert_eq!(log.gone(ONE), None, "once");
        assert_eq!(
            log.dial_failed(&a, "no route".to_owned()),
            failed("no route"),
            "again after a connection"
        );
    }

    #[test]
    fn a_connection_without_a_handshake_is_a_failure() {
        let (a, log) = (address("a:1"), ConnectLog::new(&[address("a:1")]));
        assert_eq!(log.opened(&a, ONE), None);
        let failed = |reason: &str| Some(ConnectChange::Failed(address("a:1"), reason.to_owned()));
        assert_eq!(log.opened(&a, TWO), failed(CLOSED));
        assert_eq!(log.closing(TWO, "another network".to_owned()), failed("another network"));
        log.opened(&a, ONE);
        log.duplicate(ONE);
        assert_eq!(log.opened(&a, ONE), None, "a second link to one node is no failure");
        assert_eq!(log.closing(ONE, "another network".to_owned()), None);
        log.opened(&a, TWO);
        log.established(TWO);
        assert_eq!(log.closing(TWO, "no pong".to_owned()), None);
        assert_eq!(log.gone(TWO), Some(ConnectChange::Lost(a, Some("no pong".to_owned()))));
    }

    #[test]
    fn other_peers_leave_no_trace() {
        let log = ConnectLog::new(&[address("a:1")]);
        assert_eq!(log.dial_failed(&address("b:1"), "refused".to_owned()), None);
        assert_eq!(log.opened(&address("b:1"), ONE), None);
        assert_eq!(log.established(ONE), None);
        assert_eq!(log.closing(ONE, String::new()), None);
        assert_eq!(log.gone(ONE), None);
        assert_eq!(log.nodes().len(), 1);
    }

    #[test]
    fn missed_events_are_made_up_for() {
        let [a, b] = ["a:1", "b:1"].map(address);
        let log = ConnectLog::new(&[a.clone(), b.clone()]);
        log.opened(&a, ONE);
        log.opened(&b, TWO);
        log.established(TWO);
        let changes = log.catch_up(|peer| peer == ONE);
        assert_eq!(changes, [ConnectChange::Connected(a), ConnectChange::Lost(b, None)]);
        assert_eq!(log.catch_up(|peer| peer == ONE), []);
    }
}

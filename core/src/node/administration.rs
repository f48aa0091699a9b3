//! Administration: the requests of the node's operator while it runs.

use core::time::Duration;

use super::Node;
use crate::peers::ban_list::BanTarget;
use crate::primitives::time::Now;
use crate::protocol::address::Address;
use crate::protocol::connection::ConnectionId;

impl Node {
    /// Stays connected to another node from now on, as to those of [`super::Config::connect`].
    /// Returns false if there are [`crate::peers::TARGETS_MAX`] such nodes already.
    pub fn add_peer(&mut self, now: Now, address: Address) -> bool {
        let is_added = self.machines.peers.reconnector.add(address);
        self.advance(now);
        is_added
    }

    /// Closes a peer's connection. An address that the node was told to stay connected to is
    /// dialled no more. Returns false if there is no such peer.
    pub fn drop_peer(&mut self, now: Now, peer: ConnectionId) -> bool {
        let (machines, mut cx) = self.lend(now);
        let is_dropped = machines.peers.drop_peer(&mut cx, peer);
        machines.pass_on_closed(&mut cx);
        machines.advance(&mut cx);
        is_dropped
    }

    /// Refuses a host or key for this time, and closes its connections. Returns the number of
    /// connections that were closed.
    ///
    /// ```
    /// # use core::net::IpAddr;
    /// # use core::time::Duration;
    /// # use plexus_core::peers::ban_list::BanTarget;
    /// # use plexus_core::primitives::time::{MonotonicTime, Now};
    /// # use plexus_core::protocol::packet::Role;
    /// # use plexus_core::{Chain, Config, Network, Node, SecretKey};
    /// # let (network, key) = (Network::dev(), SecretKey::from_bytes(&[7; 32]).unwrap());
    /// # let now = Now { time: network.genesis().time, moment: MonotonicTime::default() };
    /// # let config = Config::new(Role::Full, key.clone(), key);
    /// # let mut node = Node::new(config, Chain::new(network), [1; 32]);
    /// let host = "192.0.2.1".parse::<IpAddr>().unwrap().into();
    /// let target = BanTarget::of(Some(&host), None).unwrap();
    /// assert_eq!(node.ban(now, target.clone(), Duration::from_secs(60)), 0, "it is not connected");
    /// assert_eq!(node.bans(now), [(target.clone(), Duration::from_secs(60))]);
    /// assert!(node.unban(now, &target));
    /// assert_eq!(node.bans(now), []);
    /// ```
    pub fn ban(&mut self, now: Now, target: BanTarget, length: Duration) -> usize {
        let (machines, mut cx) = self.lend(now);
        let closed = machines.peers.ban(&mut cx, target, length);
        machines.pass_on_closed(&mut cx);
        machines.advance(&mut cx);
        closed
    }

    /// Ends a ban. Returns false if there is none.
    pub fn unban(&mut self, now: Now, target: &BanTarget) -> bool {
        self.machines.peers.bans.unban(target, now.moment)
    }

    /// Returns the bans, each with the time that is left of it.
    pub fn bans(&self, now: Now) -> Vec<(BanTarget, Duration)> {
        let bans = self.machines.peers.bans.iter(now.moment);
        bans.map(|(target, left)| (target.clone(), left)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::chain::Chain;
    use crate::node::{Config, Direction, Input, Neighbours, Output};
    use crate::peers::TARGETS_MAX;
    use crate::primitives::key::SecretKey;
    use crate::primitives::params::Network;
    use crate::primitives::time::MonotonicTime;
    use crate::protocol::misbehavior::Reason;
    use crate::protocol::packet::Role;

    fn node() -> (Node, Now) {
        let key = SecretKey::from_bytes(&[1; 32]).unwrap();
        let config = Config::new(Role::Full, key.clone(), key);
        let config = Config { neighbours: Neighbours::Given, ..config };
        let network = Network::dev();
        let now = Now { time: network.genesis().time, moment: MonotonicTime::from_micros(1) };
        (Node::new(config, Chain::new(network), [1; 32]), now)
    }

    fn inbound(ip: &str) -> Direction {
        Direction::Inbound(Some(ip.parse().unwrap()))
    }

    /// Returns the connections that were closed, with the reasons, and the addresses to dial.
    fn outputs(node: &mut Node) -> (Vec<(ConnectionId, Reason)>, Vec<Address>) {
        let (mut closed, mut dialled) = (Vec::new(), Vec::new());
        while let Some(output) = node.poll() {
            match output {
                Output::Close(peer, reason) => closed.push((peer, reason)),
                Output::Dial(address) => dialled.push(address),
                Output::Send(..)
                | Output::Persist(_)
                | Output::Verify(_)
                | Output::Recall(_)
                | Output::Serve(..)
                | Output::Mine(_)
                | Output::Tell(_) => {}
            }
        }
        (closed, dialled)
    }

    #[test]
    fn an_added_peer_is_dialled_and_a_dropped_one_is_not_again() {
        let (mut node, mut now) = node();
        let address: Address = "192.0.2.1:8333".parse().unwrap();
        assert!(node.add_peer(now, address.clone()));
        assert!(node.add_peer(now, address.clone()), "it is known already");
        assert_eq!(outputs(&mut node).1, std::slice::from_ref(&address));
        node.handle(now, Input::Connected(ConnectionId(7), Direction::Outbound(address)));
        assert!(!node.drop_peer(now, ConnectionId(8)));
        assert!(node.drop_peer(now, ConnectionId(7)));
        assert_eq!(outputs(&mut node).0, [(ConnectionId(7), Reason::Dropped)]);
        assert_eq!(node.redial(), None);
        now.moment = now.moment + Duration::from_secs(3_600);
        node.handle(now, Input::Ticked);
        assert_eq!(outputs(&mut node).1, []);
        for port in 1..=u16::try_from(TARGETS_MAX).unwrap() {
            assert!(node.add_peer(now, format!("192.0.2.2:{port}").parse().unwrap()));
        }
        assert!(!node.add_peer(now, "192.0.2.3:1".parse().unwrap()), "there are enough");
    }

    #[test]
    fn a_ban_closes_the_connections_of_its_target_until_it_ends() {
        let (mut node, mut now) = node();
        for (peer, ip) in [(1, "192.0.2.1"), (2, "192.0.2.2"), (3, "192.0.2.1")] {
            node.handle(now, Input::Connected(ConnectionId(peer), inbound(ip)));
        }
        let host = "192.0.2.1".parse::<core::net::IpAddr>().unwrap().into();
        let target = BanTarget::of(Some(&host), None).unwrap();
        assert_eq!(node.ban(now, target.clone(), Duration::from_secs(60)), 2);
        let closed = outputs(&mut node).0;
        assert_eq!(closed, [(ConnectionId(1), Reason::Banned), (ConnectionId(3), Reason::Banned)]);
        now.moment = now.moment + Duration::from_secs(1);
        node.handle(now, Input::Connected(ConnectionId(4), inbound("192.0.2.1")));
        assert_eq!(outputs(&mut node).0, [(ConnectionId(4), Reason::Banned)]);
        assert_eq!(node.bans(now), [(target.clone(), Duration::from_secs(59))]);
        assert!(node.unban(now, &target));
        assert!(!node.unban(now, &target));
        node.handle(now, Input::Connected(ConnectionId(5), inbound("192.0.2.1")));
        assert_eq!(outputs(&mut node).0, []);
    }
}

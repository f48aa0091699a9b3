use std::net::{IpAddr, Ipv4Addr};

use super::*;
use crate::ledger::chain::Chain;
use crate::node::{Config, Input, Neighbours, Node, Output};
use crate::peers::eviction::INBOUND_GROUP_MAX;
use crate::primitives::key::SecretKey;
use crate::primitives::params::Network;
use crate::primitives::time::{MonotonicTime, Now};
use crate::protocol::packet::Role;

/// A node of which only connections and closings are looked at.
struct Door {
    node: Node,
    now: Now,
    next: u64,
}

impl Door {
    fn new(inbound_max: usize) -> Self {
        let network = Network::dev();
        let now =
            Now { time: network.genesis().time.plus_ms(1_000_000), moment: MonotonicTime::from_micros(1) };
        let key = SecretKey::from_bytes(&[1; 32]).unwrap();
        let config = Config {
            neighbours: Neighbours::Given,
            inbound_max,
            ..Config::new(Role::Full, key.clone(), key)
        };
        Self { node: Node::new(config, Chain::new(network), [1; 32]), now, next: 0 }
    }

    /// Opens a connection. Returns its number and the connections that are closed for it.
    fn open(&mut self, link: Direction) -> (ConnectionId, Vec<(ConnectionId, Reason)>) {
        let peer = ConnectionId(self.next);
        self.next += 1;
        self.now.moment = self.now.moment + core::time::Duration::from_micros(1);
        self.node.handle(self.now, Input::Connected(peer, link));
        let mut closed = Vec::new();
        while let Some(output) = self.node.poll() {
            if let Output::Close(peer, reason) = output {
                closed.push((peer, reason));
            }
        }
        (peer, closed)
    }

    fn dialled_by(&mut self, ip: Ipv4Addr) -> (ConnectionId, Vec<(ConnectionId, Reason)>) {
        self.open(Direction::Inbound(Some(IpAddr::V4(ip))))
    }

    fn dials(&mut self, number: usize) -> (ConnectionId, Vec<(ConnectionId, Reason)>) {
        self.open(Direction::Outbound(format!("10.9.0.1:{}", 1_000 + number).parse().unwrap()))
    }

    /// Opens as many inbound connections as a node may have, with as many from each network as one
    /// may have.
    fn crowd(&mut self, inbound_max: usize) {
        for number in 0..inbound_max {
            let (network, host) = (number / INBOUND_GROUP_MAX, number % INBOUND_GROUP_MAX);
            let (_, closed) = self.dialled_by(host_of(network, host));
            assert_eq!(closed, [], "number {number}");
        }
    }

    fn count(&self) -> (usize, usize) {
        let peers = self.node.peers(self.now);
        let outbound = peers.iter().filter(|peer| peer.outbound.is_some()).count();
        (peers.len() - outbound, outbound)
    }
}

fn host_of(network: usize, host: usize) -> Ipv4Addr {
    Ipv4Addr::new(40, u8::try_from(network).unwrap(), 0, u8::try_from(1 + host).unwrap())
}

#[test]
fn a_newcomer_takes_the_place_of_one_of_a_crowd() {
    for inbound_max in [INBOUND_GROUP_MAX, INBOUND_MAX] {
        let mut door = Door::new(inbound_max);
        door.crowd(inbound_max);
        for newcomer in 0..8 {
            let (peer, closed) = door.dialled_by(host_of(200 + newcomer, 0));
            let [(loser, Reason::Evicted)] = closed[..] else { panic!("{closed:?}") };
            assert!(loser.0 < inbound_max as u64 && loser != peer, "{loser:?} was of the crowd");
            assert_eq!(door.count(), (inbound_max, 0));
        }
        let (peer, closed) = door.dialled_by(host_of(0, 100));
        // The crowd's network has lost a link, or as many as it may have.
        let outcome = closed.first().map(|(closed, reason)| (*closed == peer, reason.clone()));
        assert!(
            matches!(outcome, Some((true, Reason::Crowded) | (false, Reason::Evicted))) && closed.len() == 1,
            "{closed:?}"
        );
    }
}

#[test]
fn inbound_connections_never_cost_an_outbound_one() {
    let mut door = Door::new(INBOUND_MAX);
    let outbound: Vec<_> = (0..OUTBOUND_MAX / 2).map(|number| door.dials(number).0).collect();
    door.crowd(INBOUND_MAX);
    for number in 0..2 * INBOUND_MAX {
        // Each from a network of its own.
        let [.., high, low] = number.to_be_bytes();
        let ip = Ipv4Addr::new(50 + high, low, 0, 1);
        let (_, closed) = door.dialled_by(ip);
        assert!(closed.iter().all(|(peer, _)| !outbound.contains(peer)), "{closed:?}");
    }
    assert_eq!(door.count(), (INBOUND_MAX, OUTBOUND_MAX / 2));
}

#[test]
fn a_full_node_still_opens_all_its_outbound_connections() {
    let mut door = Door::new(INBOUND_MAX);
    door.crowd(INBOUND_MAX);
    for number in 0..OUTBOUND_MAX {
        assert_eq!(door.dials(number).1, []);
    }
    assert_eq!(door.count(), (INBOUND_MAX, OUTBOUND_MAX));
    let (peer, closed) = door.dials(OUTBOUND_MAX);
    assert_eq!(closed, [(peer, Reason::Full)], "one more than the share");
    assert_eq!(door.node.peers(door.now).len(), PEERS_MAX);
}

#[test]
fn a_higher_inbound_maximum_than_the_table_has_is_capped() {
    let mut door = Door::new(10 * INBOUND_MAX);
    door.crowd(INBOUND_MAX);
    let (_, closed) = door.dialled_by(host_of(200, 0));
    assert!(matches!(closed[..], [(_, Reason::Evicted)]), "{closed:?}");
}

#[test]
fn local_connections_are_bounded_together_and_the_youngest_is_evicted() {
    let mut door = Door::new(40);
    for _ in 0..40 {
        assert_eq!(door.dialled_by(Ipv4Addr::LOCALHOST).1, []);
    }
    let (first, closed) = door.dialled_by(Ipv4Addr::LOCALHOST);
    assert_eq!(closed, [(ConnectionId(39), Reason::Evicted)]);
    // One of a network of its own comes in beside a crowd of local ones, too.
    assert_eq!(door.dialled_by(host_of(1, 0)).1, [(first, Reason::Evicted)]);
    assert_eq!(door.count(), (40, 0));
}

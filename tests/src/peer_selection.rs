//! Nodes that choose their neighbours, each at an IP address, and their choices.

use std::net::{IpAddr, Ipv4Addr};

use plexus_core::node::{Config, Input};
use plexus_core::peers::outbound_slots::OutboundKind;
use plexus_core::primitives::key::PublicKey;
use plexus_core::protocol::packet::Role;

use crate::actor::{Actor, address};
use crate::block_builder::key;
use crate::node_host::NodeHost;
use crate::scenario::Scenario;

/// Returns an IPv4 address in a /16 of its own, by a number.
pub fn ip(number: usize) -> Ipv4Addr {
    let [.., high, low] = u32::try_from(number).unwrap().to_be_bytes();
    Ipv4Addr::new(11 + high, low, 0, 1)
}

impl Scenario {
    /// Adds a full node that chooses its neighbours and listens, in a network of its own. Returns
    /// it.
    pub fn chosen(&mut self, name: &str) -> Actor {
        let number = self.hosts().len();
        self.chosen_at(name, ip(number))
    }

    /// Adds a full node that chooses its neighbours and listens at this address. Returns it.
    pub fn chosen_at(&mut self, name: &str, ip: Ipv4Addr) -> Actor {
        let config = Config { listen: Some(address(&ip.to_string())), ..chosen_config(name) };
        self.chosen_as(name, ip, config)
    }

    /// Adds a full node that chooses its neighbours and cannot be dialled. All its links are its
    /// own. Returns it.
    pub fn hidden(&mut self, name: &str) -> Actor {
        let number = self.hosts().len();
        self.chosen_as(name, ip(number), chosen_config(name))
    }

    /// Adds a full node that chooses its neighbours. Returns it.
    pub fn chosen_as(&mut self, name: &str, ip: Ipv4Addr, config: Config) -> Actor {
        let mut host = NodeHost::new(name, config, &self.network);
        host.ip = Some(IpAddr::V4(ip));
        let party = self.settle(host);
        self.restart(party);
        party
    }

    /// Adds a scripted peer at an IP address. Returns it.
    pub fn stranger_at(&mut self, name: &str, ip: Ipv4Addr) -> Actor {
        let party = self.stranger(name, Role::Full, Vec::new());
        self.guest(party).ip = Some(IpAddr::V4(ip));
        party
    }

    /// Gives a node the addresses of others, now and at each start.
    pub fn meet(&mut self, party: Actor, others: &[Actor]) {
        let (addresses, now): (Vec<_>, _) =
            (others.iter().map(|other| self.address(*other)).collect(), self.now(party));
        let host = self.host_mut(party);
        host.meets.extend(addresses);
        host.meet(now);
        self.tell(party, Input::Ticked);
    }

    /// Returns the parties that a node opened links to, except feelers, and the kind of each link.
    pub fn slots(&self, party: Actor) -> Vec<(OutboundKind, Actor)> {
        let peers = self.node(party).peers(self.now(party));
        let established = peers.iter().filter(|view| view.key.is_some());
        let slots = established.filter_map(|view| Some((view.slot?, self.far(party, view.id)?)));
        slots.filter(|(kind, _)| *kind != OutboundKind::Feeler).collect()
    }

    /// Returns the parties in a node's slots of a kind, in the order of their numbers.
    pub fn slots_of(&self, party: Actor, kind: OutboundKind) -> Vec<Actor> {
        let slots = self.slots(party).into_iter();
        let mut found: Vec<_> = slots.filter(|(slot, _)| *slot == kind).map(|(_, far)| far).collect();
        found.sort_unstable();
        found
    }

    /// Returns the links in a node's graph, in the order of their keys.
    pub fn certified(&self, party: Actor) -> Vec<(PublicKey, PublicKey, u32)> {
        let mut links: Vec<_> = self.node(party).graph().links().collect();
        links.sort_unstable();
        links
    }
}

fn chosen_config(name: &str) -> Config {
    Config::new(Role::Full, key(&format!("{name}'s node")), key(name))
}

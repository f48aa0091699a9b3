//! The cast of a scenario: its nodes and scripted peers, to be added and looked up.

use std::sync::Arc;

use plexus_core::node::{Config, Neighbours, Node};
use plexus_core::primitives::block::Block;
use plexus_core::primitives::hash::Hash;
use plexus_core::protocol::packet::Role;

use crate::actor::{Actor, address};
use crate::block_builder::{BlockBuilder, key};
use crate::node_host::NodeHost;
use crate::scenario::Scenario;
use crate::scripted_peer::ScriptedPeer;

impl Scenario {
    /// Adds a running full node. Returns it.
    pub fn full(&mut self, name: &str) -> Actor {
        self.add(name, Role::Full, &[])
    }

    /// Adds a running light node. Returns it.
    pub fn light(&mut self, name: &str) -> Actor {
        self.add(name, Role::Light, &[])
    }

    /// Adds a running node that stays connected to the named ones. Returns it.
    pub fn add(&mut self, name: &str, role: Role, connect: &[&str]) -> Actor {
        let config = Config {
            listen: (role == Role::Full).then(|| address(name)),
            connect: connect.iter().map(|name| address(name)).collect(),
            neighbours: Neighbours::Given,
            ..Config::new(role, key(&format!("{name}'s node")), key(name))
        };
        let party = self.settle(NodeHost::new(name, config, &self.network));
        self.restart(party);
        party
    }

    /// Adds a host without starting it. Returns it.
    pub(crate) fn settle(&mut self, host: NodeHost) -> Actor {
        self.hosts.push(host);
        Actor::Host(self.hosts.len() - 1)
    }

    /// Adds a node that has a branch of the forge from the start. Returns it.
    pub fn stocked(&mut self, name: &str, forge: &BlockBuilder, tip: &Hash) -> Actor {
        let party = self.full(name);
        self.crash(party);
        forge.branch(tip).iter().for_each(|block| forge.stock(block, &mut self.host_mut(party).journal));
        self.restart(party);
        party
    }

    /// Adds a scripted peer that claims and serves a branch without genesis. Returns it.
    pub fn stranger(&mut self, name: &str, role: Role, branch: Vec<Arc<Block>>) -> Actor {
        self.strangers.push(ScriptedPeer::new(name, &self.network, role, branch));
        Actor::Stranger(self.strangers.len() - 1)
    }

    /// Returns a host.
    pub fn host(&self, party: Actor) -> &NodeHost {
        let Actor::Host(index) = party else { panic!("{party:?} is not a host") };
        &self.hosts[index]
    }

    /// Returns a host, to be changed.
    pub fn host_mut(&mut self, party: Actor) -> &mut NodeHost {
        let Actor::Host(index) = party else { panic!("{party:?} is not a host") };
        &mut self.hosts[index]
    }

    /// Returns a host's node.
    pub fn node(&self, party: Actor) -> &Node {
        self.host(party).node.as_ref().expect("a node that runs")
    }

    /// Returns a scripted peer, to be changed.
    pub fn guest(&mut self, party: Actor) -> &mut ScriptedPeer {
        let Actor::Stranger(index) = party else { panic!("{party:?} is not a stranger") };
        &mut self.strangers[index]
    }

    /// Returns all hosts.
    pub fn hosts(&self) -> &[NodeHost] {
        &self.hosts
    }
}

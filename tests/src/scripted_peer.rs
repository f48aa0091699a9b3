//! A scripted peer: it performs an honest handshake with its key, and then sends the packets that a
//! scenario wants.
//!
//! A node of its own (the handshaker) performs its handshake, so that no scenario depends on the
//! proof of keys. The handshaker is dropped once the connection is established.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use plexus_core::ledger::chain::Chain;
use plexus_core::node::event::Event;
use plexus_core::node::{Config, ConnectionId, Direction, Input, Neighbours, Node, Output};
use plexus_core::primitives::block::{BLOCK_BYTES_MAX, Block, Header};
use plexus_core::primitives::hash::Hash;
use plexus_core::primitives::mmr::Mmr;
use plexus_core::primitives::params::Network;
use plexus_core::primitives::time::Now;
use plexus_core::protocol::bounded::{BoundedBytes, BoundedVec};
use plexus_core::protocol::limits::HEADERS_MAX;
use plexus_core::protocol::packet::{Packet, Role, body_frame};

use crate::block_builder::{self, key};

/// Returns the answer to a packet. Returns `None` to answer as an honest peer would.
pub type Responder = Box<dyn FnMut(&Packet) -> Option<Vec<Bytes>>>;
/// Changes a packet of the handshake.
pub type Tamper = Box<dyn FnMut(Packet) -> Vec<Bytes>>;

/// A scripted peer.
pub struct ScriptedPeer {
    /// Its name.
    pub name: String,
    /// Its IP address. Without one it cannot be dialled.
    pub ip: Option<IpAddr>,
    /// The name whose key it uses in handshakes, if not its own.
    pub alias: Option<String>,
    /// The packets that it received after the handshake, except pings.
    pub heard: Vec<(ConnectionId, Packet)>,
    /// True if it answers pings.
    pub pongs: bool,
    /// The chain that it claims and serves, without genesis.
    pub branch: Vec<Arc<Block>>,
    /// True if it answers requests from its chain.
    pub serves: bool,
    /// Its other answers.
    pub answer: Option<Responder>,
    /// The change to its handshake packets.
    pub tamper: Option<Tamper>,
    /// The links whose handshake is complete.
    pub established: BTreeSet<ConnectionId>,
    network: Network,
    role: Role,
    handshakers: BTreeMap<ConnectionId, Node>,
}

impl fmt::Debug for ScriptedPeer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stranger").field("name", &self.name).finish_non_exhaustive()
    }
}

impl ScriptedPeer {
    /// Creates a scripted peer that claims and serves `branch`.
    pub fn new(name: &str, network: &Network, role: Role, branch: Vec<Arc<Block>>) -> Self {
        Self {
            name: name.to_owned(),
            ip: None,
            alias: None,
            heard: Vec::new(),
            pongs: true,
            branch,
            serves: true,
            answer: None,
            tamper: None,
            established: BTreeSet::new(),
            network: network.clone(),
            role,
            handshakers: BTreeMap::new(),
        }
    }

    /// Opens a connection. Returns the frames that it sends.
    pub fn connected(&mut self, now: Now, peer: ConnectionId, link: Direction, seed: [u8; 32]) -> Vec<Bytes> {
        let secret = key(self.alias.as_ref().unwrap_or(&self.name));
        let config =
            Config { neighbours: Neighbours::Given, ..Config::new(self.role, secret.clone(), secret) };
        let mut handshaker = Node::new(config, self.claim(), seed);
        handshaker.handle(now, Input::Connected(peer, link));
        self.handshakers.insert(peer, handshaker);
        self.drain(peer)
    }

    fn claim(&self) -> Chain {
        let headers: Vec<Header> = [*self.network.genesis()]
            .into_iter()
            .chain(self.branch.iter().map(|block| block.header))
            .collect();
        // If the branch has a bad header, it claims the part below that.
        let restore = |headers: &[Header]| Chain::restore(self.network.clone(), Mmr::default(), headers);
        restore(&headers).unwrap_or_else(|error| {
            restore(&headers[..usize::try_from(error.height).unwrap()]).expect("headers that keep the rules")
        })
    }

    fn drain(&mut self, peer: ConnectionId) -> Vec<Bytes> {
        let mut frames = Vec::new();
        let Some(handshaker) = self.handshakers.get_mut(&peer) else { return frames };
        while let Some(output) = handshaker.poll() {
            if let Output::Send(_, frame) = &output {
                let packet = Packet::decode(frame, BLOCK_BYTES_MAX).expect("a handshaker speaks correctly");
                let greets = matches!(packet, Packet::Hello(_) | Packet::Answer(_));
                match &mut self.tamper {
                    Some(tamper) if greets => frames.extend(tamper(packet)),
                    None if greets => frames.push(frame.clone()),
                    _ => {}
                }
            }
            if matches!(output, Output::Tell(Event::PeerUp { .. })) {
                self.established.insert(peer);
            }
        }
        if self.established.contains(&peer) {
            self.handshakers.remove(&peer);
        }
        frames
    }

    /// Receives a frame. Returns its answers.
    pub fn received(&mut self, now: Now, peer: ConnectionId, frame: &Bytes) -> Vec<Bytes> {
        if let Some(handshaker) = self.handshakers.get_mut(&peer) {
            handshaker.handle(now, Input::Received(peer, frame.clone()));
            return self.drain(peer);
        }
        let packet = Packet::decode(frame, BLOCK_BYTES_MAX).expect("honest nodes speak correctly");
        if let Packet::Ping(bytes) = packet {
            return if self.pongs { vec![Packet::Pong(bytes).encode()] } else { Vec::new() };
        }
        let said = match self.answer.as_mut().and_then(|answer| answer(&packet)) {
            Some(said) => said,
            None if self.serves => self.serve(&packet),
            None => Vec::new(),
        };
        self.heard.push((peer, packet));
        said
    }

    /// Closes a connection.
    pub fn closed(&mut self, peer: ConnectionId) {
        self.handshakers.remove(&peer);
        self.established.remove(&peer);
    }

    /// Returns the answers of an honest peer with this chain.
    pub fn serve(&self, packet: &Packet) -> Vec<Bytes> {
        if let Packet::GetHeaders(locator) = packet {
            let known = locator.clone().into_inner();
            let at = |hash: &Hash| self.branch.iter().position(|block| block.header.hash() == *hash);
            let first = known.iter().find_map(at).map_or(0, |index| index + 1);
            let headers = self.branch[first..].iter().take(HEADERS_MAX).map(|block| block.header).collect();
            return vec![Packet::Headers(BoundedVec::new(headers)).encode()];
        }
        if let Packet::GetBodies(hashes) = packet {
            let body = |hash: &Hash| match self.branch.iter().find(|block| block.header.hash() == *hash) {
                Some(block) => body_frame(&block.encode()),
                None => Packet::Missing(*hash).encode(),
            };
            return hashes.clone().into_inner().iter().map(body).collect();
        }
        if let Packet::GetProof(()) = packet {
            let proof = block_builder::prove(&self.network, &self.branch).unwrap_or_default();
            return vec![Packet::Proof(BoundedBytes::new(proof)).encode()];
        }
        Vec::new()
    }

    /// Returns true if a received packet fits, since the record was last cleared.
    pub fn heard(&self, fits: impl Fn(&Packet) -> bool) -> bool {
        self.heard.iter().any(|(_, packet)| fits(packet))
    }
}

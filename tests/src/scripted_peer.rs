//! A scripted peer: it performs an honest handshake with its key, and then sends the packets that a
//! scenario wants.
//!
//! It signs the hellos as they travelled, so a scenario may change its hello and still prove its
//! key. It takes the other end's key on trust.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use plexus_core::ledger::chain::Chain;
use plexus_core::node::{Config, ConnectionId};
use plexus_core::primitives::block::{BLOCK_BYTES_MAX, Block, Header};
use plexus_core::primitives::hash::Hash;
use plexus_core::primitives::key::SecretKey;
use plexus_core::primitives::mmr::Mmr;
use plexus_core::primitives::params::Network;
use plexus_core::protocol::bounded::{BoundedBytes, BoundedVec};
use plexus_core::protocol::handshake::digest;
use plexus_core::protocol::hello::{Hello, Versions};
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
    /// The links whose handshake is not complete: the key that it proves, and the hash of its hello.
    greeted: BTreeMap<ConnectionId, (SecretKey, Hash)>,
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
            greeted: BTreeMap::new(),
        }
    }

    /// Opens a connection. Returns the frames that it sends.
    pub fn connected(&mut self, peer: ConnectionId, challenge: [u8; 32]) -> Vec<Bytes> {
        let (secret, tip) = (key(self.alias.as_ref().unwrap_or(&self.name)), self.claim().tip());
        let features = Config::new(self.role, secret.clone(), secret.clone()).features;
        let hello = Hello {
            versions: Versions::OURS,
            features,
            network: *self.network.id(),
            role: self.role,
            key: secret.public(),
            listen: None,
            total_work: tip.total_work,
            height: tip.header.height,
            challenge,
        };
        let frames = self.tampered(Packet::Hello(hello));
        let sent = frames.first().map_or(Hash::ZERO, |frame| Hash::of(frame));
        self.greeted.insert(peer, (secret, sent));
        frames
    }

    /// Returns the frames that it sends in place of a packet of the handshake.
    fn tampered(&mut self, packet: Packet) -> Vec<Bytes> {
        match &mut self.tamper {
            Some(tamper) => tamper(packet),
            None => vec![packet.encode()],
        }
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

    /// Receives a frame of the handshake. Returns its answers.
    fn received_in_handshake(&mut self, peer: ConnectionId, packet: &Packet, frame: &Bytes) -> Vec<Bytes> {
        match (packet, self.greeted.get(&peer)) {
            (Packet::Hello(_), Some((secret, sent))) => {
                let answer = secret.sign(&digest(self.network.id(), sent, &Hash::of(frame)));
                self.tampered(Packet::Answer(answer))
            }
            (Packet::Answer(_), _) => {
                self.greeted.remove(&peer);
                self.established.insert(peer);
                Vec::new()
            }
            _ => Vec::new(),
        }
    }

    /// Receives a frame. Returns its answers.
    pub fn received(&mut self, peer: ConnectionId, frame: &Bytes) -> Vec<Bytes> {
        let packet = Packet::decode(frame, BLOCK_BYTES_MAX).expect("honest nodes speak correctly");
        if self.greeted.contains_key(&peer) {
            return self.received_in_handshake(peer, &packet, frame);
        }
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
        self.greeted.remove(&peer);
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

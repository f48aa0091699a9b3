//! Status: the state of the node and its peers, for display.

use super::Node;
use crate::peers::chain_status::Agreement;
use crate::peers::outbound_slots::OutboundKind;
use crate::peers::peer::{EstablishedPeer, Peer};
use crate::primitives::hash::Hash;
use crate::primitives::key::PublicKey;
use crate::primitives::pow::{Target, Work};
use crate::primitives::time::Now;
use crate::protocol::address::Address;
use crate::protocol::connection::{ConnectionId, Direction};
use crate::protocol::hello::Features;
use crate::protocol::packet::Role;

/// A peer, for display.
#[derive(Clone, Debug, serde::Serialize)]
pub struct PeerView {
    /// The peer's number.
    pub id: ConnectionId,
    /// The peer's key, once it is proven.
    pub key: Option<PublicKey>,
    /// The peer's role, once it is known.
    pub role: Option<Role>,
    /// The peer's features, once they are known.
    pub features: Option<Features>,
    /// The address where we dialled it. `None` for an inbound peer.
    pub outbound: Option<Address>,
    /// The address where it listens, if it reported one.
    pub listen: Option<Address>,
    /// The measured round trip in milliseconds.
    pub latency_ms: Option<f64>,
    /// The height that it last reported.
    pub height: Option<u64>,
    /// The age of the connection, in milliseconds.
    pub connected_ms: u64,
    /// The reason why we dialled it, if we did so on our own.
    pub slot: Option<OutboundKind>,
    /// The number of valid blocks that it announced to us before all other peers.
    pub first_deliveries: u64,
    /// How its chain compares to ours, as far as it is known. Only for peers that keep all blocks.
    pub agreement: Option<Agreement>,
}

/// The state of a node, for display.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Status {
    /// The tip's height.
    pub height: u64,
    /// The tip's hash.
    pub tip: Hash,
    /// The sum of work up to the tip, as a decimal string.
    pub total_work: String,
    /// True if the chain is young, so that its work counts for less.
    pub young: bool,
    /// The expected number of hashes of the next block, if it were mined now, as a decimal string.
    pub difficulty: String,
    /// The number of peers that have completed the handshake.
    pub peers: usize,
    /// The number of peers that keep all blocks and have the same chain as we, except for the
    /// newest blocks.
    pub agreeing: usize,
    /// The number of peers that keep the bodies of all blocks.
    pub archives: usize,
    /// The number of messages in the mempool.
    pub pool: usize,
    /// True if a peer claims more work than the tip's, and it is being fetched.
    pub syncing: bool,
    /// The height that synchronization aims at. It is the tip's height if nothing is being fetched.
    pub target: u64,
    /// True if a job is being searched.
    pub mining: bool,
    /// True if a light node has peers, and none of them claims the work of the chain that this
    /// program knows. It then accepts no chain.
    #[serde(skip_serializing_if = "core::ops::Not::not")]
    pub unknown_chain: bool,
    /// The height of a block that the node lacks because all of its peers deleted the body. An
    /// archive node among the peers is needed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lacking: Option<u64>,
}

/// The numbers of peers that have completed the handshake.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PeerCounts {
    /// Full peers that connected to us.
    pub inbound_full: usize,
    /// Light peers that connected to us.
    pub inbound_light: usize,
    /// Full peers that we connected to.
    pub outbound_full: usize,
    /// Light peers that we connected to.
    pub outbound_light: usize,
}

impl PeerCounts {
    /// Returns the number of all of them.
    pub fn total(&self) -> usize {
        self.inbound_full + self.inbound_light + self.outbound_full + self.outbound_light
    }
}

impl Node {
    /// Returns the numbers of peers by direction and role.
    pub fn peer_counts(&self) -> PeerCounts {
        let mut counts = PeerCounts::default();
        for (_, peer) in self.connections.iter() {
            let Some(established) = peer.established() else { continue };
            let count = match (&peer.link, established.hello.role) {
                (Direction::Inbound(_), Role::Full) => &mut counts.inbound_full,
                (Direction::Inbound(_), Role::Light) => &mut counts.inbound_light,
                (Direction::Outbound(_), Role::Full) => &mut counts.outbound_full,
                (Direction::Outbound(_), Role::Light) => &mut counts.outbound_light,
            };
            *count += 1;
        }
        counts
    }

    /// Returns the bytes of all messages that wait in the mempool.
    pub fn pool_bytes(&self) -> usize {
        self.machines.messages.pool.bytes()
    }

    /// Returns the state of the node.
    pub fn status(&self, now: Now) -> Status {
        let super::Machines { blocks, messages, miner, .. } = &self.machines;
        let agrees = |peer: &EstablishedPeer| peer.agreement(&self.chain) == Some(Agreement::Agrees);
        let is_archive =
            |peer: &EstablishedPeer| peer.is_full() && peer.hello.features.has(Features::ARCHIVE);
        let (network, tip) = (self.chain.network(), self.chain.tip());
        let time = now.time.max(tip.header.time.plus_ms(1));
        let bits = network.next_bits(&tip.header, time);
        let difficulty = bits.target().map_or(Work::ZERO, Target::work);
        Status {
            height: tip.header.height,
            tip: tip.hash,
            total_work: tip.total_work.to_string(),
            young: network.is_young(tip.total_work),
            difficulty: difficulty.to_string(),
            peers: self.connections.established_peers().count(),
            archives: self.connections.established_peers().filter(|(_, peer)| is_archive(peer)).count(),
            agreeing: self.connections.established_peers().filter(|(_, peer)| agrees(peer)).count(),
            pool: messages.pool.len(),
            syncing: blocks.is_syncing(),
            target: self.chain.best_header().header.height.max(blocks.headers.target_height()),
            mining: miner.is_searching(),
            unknown_chain: blocks.headers.is_below_known(&self.chain) && {
                let mut claims = self.connections.established_peers().map(|(_, peer)| peer.claim).peekable();
                claims.peek().is_some() && !claims.any(|claim| blocks.headers.reaches_known(claim))
            },
            lacking: blocks.lacking_height(),
        }
    }

    /// Returns the peers, in the order in which they connected.
    pub fn peers(&self, now: Now) -> Vec<PeerView> {
        let view = |(id, peer): (ConnectionId, &Peer)| {
            let established = peer.established();
            PeerView {
                id,
                key: established.map(|established| established.hello.key),
                role: established.map(|established| established.hello.role),
                features: established.map(|established| established.hello.features),
                outbound: match &peer.link {
                    Direction::Outbound(address) => Some(address.clone()),
                    Direction::Inbound(_) => None,
                },
                listen: established.and_then(|established| established.hello.listen.clone()),
                latency_ms: established
                    .and_then(|established| established.ping.latency())
                    .map(|latency| latency.as_secs_f64() * 1_000.0),
                height: established.map(|established| established.height),
                connected_ms: u64::try_from((now.moment - peer.since).as_millis()).unwrap_or(u64::MAX),
                slot: self.machines.peers.slots.find(id),
                first_deliveries: established.map_or(0, |established| established.first_deliveries),
                agreement: established.and_then(|established| established.agreement(&self.chain)),
            }
        };
        self.connections.iter().map(view).collect()
    }
}

//! Status: how the node and its peers stand, for people to look at.

use super::{Link, Node, PeerId};
use crate::address::Address;
use crate::agreement::Agreement;
use crate::hash::Hash;
use crate::key::PublicKey;
use crate::peer::Peer;
use crate::pow::{Target, Work};
use crate::slot::Kind;
use crate::time::Now;
use crate::wire::Role;

/// A peer, for people to look at.
#[derive(Clone, Debug, serde::Serialize)]
pub struct PeerView {
    /// Its number.
    pub id: PeerId,
    /// Its key, once it is proven.
    pub key: Option<PublicKey>,
    /// What it does for others, once it said so.
    pub role: Option<Role>,
    /// Whether we dialled it, and where; else it dialled us.
    pub outbound: Option<Address>,
    /// Where it listens, if it said so.
    pub listen: Option<Address>,
    /// The measured round trip in milliseconds.
    pub latency_ms: Option<f64>,
    /// The height that it last said to have.
    pub height: Option<u64>,
    /// For how long it is connected, milliseconds.
    pub connected_ms: u64,
    /// Why we dialled it, if we did of our own accord.
    pub slot: Option<Kind>,
    /// The valid blocks that it told us of before all others.
    pub first_deliveries: u64,
    /// How its chain stands to ours, as far as it said: only of those that keep all blocks.
    pub agreement: Option<Agreement>,
}

/// How a node stands, for people to look at.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Status {
    /// The tip's height.
    pub height: u64,
    /// The tip's hash.
    pub tip: Hash,
    /// The sum of work up to the tip, a decimal string.
    pub total_work: String,
    /// The expected number of hashes of the next block, were it mined now, a decimal string.
    pub difficulty: String,
    /// How many peers have completed the handshake.
    pub peers: usize,
    /// How many of those that keep all blocks have the same chain as we, but for the newest blocks.
    pub agreeing: usize,
    /// How many messages wait in the pool.
    pub pool: usize,
    /// Whether a peer claims more work than the tip's, and it is being fetched.
    pub syncing: bool,
    /// The height that is aimed at; the tip's when there is nothing to fetch.
    pub target: u64,
    /// Whether a job is being searched.
    pub mining: bool,
}

impl Node {
    /// How the node stands.
    pub fn status(&self, now: Now) -> Status {
        let (network, tip) = (self.chain.network(), self.chain.tip());
        let time = now.time.max(tip.header.time.plus_ms(1));
        let bits = network.retarget().next_bits(tip.header.bits, tip.header.time, time);
        let difficulty = bits.target().map_or(Work::ZERO, Target::work);
        Status {
            height: tip.header.height,
            tip: tip.hash,
            total_work: tip.total_work.to_string(),
            difficulty: difficulty.to_string(),
            peers: self.greeted().count(),
            agreeing: self.agreeing(),
            pool: self.pool.len(),
            syncing: self.is_syncing(),
            target: self.chain.leader().header.height.max(self.sync.target_height()),
            mining: self.miner.is_searching(),
        }
    }

    /// The peers, in the order in which they connected.
    pub fn peers(&self, now: Now) -> Vec<PeerView> {
        let view = |(&id, peer): (&PeerId, &Peer)| {
            let greeted = peer.greeted();
            PeerView {
                id,
                key: greeted.map(|greeted| greeted.hello.key),
                role: greeted.map(|greeted| greeted.hello.role),
                outbound: match &peer.link {
                    Link::Outbound(address) => Some(address.clone()),
                    Link::Inbound(_) => None,
                },
                listen: greeted.and_then(|greeted| greeted.hello.listen.clone()),
                latency_ms: greeted
                    .and_then(|greeted| greeted.ping.latency())
                    .map(|latency| latency.as_secs_f64() * 1_000.0),
                height: greeted.map(|greeted| greeted.height),
                connected_ms: u64::try_from((now.moment - peer.since).as_millis()).unwrap_or(u64::MAX),
                slot: self.slots.find(id),
                first_deliveries: greeted.map_or(0, |greeted| greeted.firsts),
                agreement: greeted.and_then(|greeted| self.agreement(greeted)),
            }
        };
        self.peers.iter().map(view).collect()
    }
}

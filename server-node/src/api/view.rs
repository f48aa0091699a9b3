//! The JSON forms that only the API has; those of blocks and messages are [`plexus_core::view`]'s.

use plexus_core::hash::Hash;
use plexus_core::key::PublicKey;
use plexus_core::message::MessageId;
use plexus_core::network::Network;
use plexus_core::node::{self, PeerView};
use plexus_core::wire::Role;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How a node stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Status {
    /// The network's name.
    pub network: String,
    /// The network's id: the genesis header's hash.
    #[schema(value_type = String)]
    pub network_id: Hash,
    /// The node's version.
    pub version: String,
    /// The tip's height.
    pub height: u64,
    /// The height that is synchronized to; the tip's own when there is nothing to fetch.
    pub target: u64,
    /// The tip's hash.
    #[schema(value_type = String)]
    pub tip: Hash,
    /// The sum of work up to the tip, a decimal string.
    pub total_work: String,
    /// The expected number of hashes of the next block, were it mined now, a decimal string.
    pub difficulty: String,
    /// How many peers have completed the handshake.
    pub peers: usize,
    /// How many of those that keep all blocks have the same chain, but for the newest blocks.
    pub agreeing: usize,
    /// How many messages wait in the pool.
    pub pool: usize,
    /// Whether a heavier chain is being fetched.
    pub syncing: bool,
    /// Whether the node is mining.
    pub mining: bool,
}

impl Status {
    /// The JSON form of a node's status.
    pub fn new(network: &Network, status: node::Status) -> Self {
        Self {
            network: network.name().to_owned(),
            network_id: *network.id(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            height: status.height,
            target: status.target,
            tip: status.tip,
            total_work: status.total_work,
            difficulty: status.difficulty,
            peers: status.peers,
            agreeing: status.agreeing,
            pool: status.pool,
            syncing: status.syncing,
            mining: status.mining,
        }
    }
}

/// A peer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Peer {
    /// Its number, never used twice by a running node.
    pub id: u64,
    /// Its key, once it is proven.
    #[schema(value_type = Option<String>)]
    pub key: Option<PublicKey>,
    /// `full` or `light`, once it said so.
    pub role: Option<String>,
    /// Where we dialled it; else it dialled us.
    pub outbound: Option<String>,
    /// Where it listens, if it said so.
    pub listen: Option<String>,
    /// The measured round trip in milliseconds.
    pub latency_ms: Option<f64>,
    /// The height that it last said to have.
    pub height: Option<u64>,
    /// For how long it is connected, milliseconds.
    pub connected_ms: u64,
    /// Why we dialled it, if we did of our own accord: `nearest`, `graph`, `random` or `feeler`.
    pub slot: Option<String>,
    /// The valid blocks that it told us of before all others.
    pub first_deliveries: u64,
    /// How its chain stands to ours, once it said what it has, if it keeps all blocks: it `agrees` but for the newest blocks, `lags`,
    /// or `differs`.
    pub agreement: Option<String>,
}

impl From<PeerView> for Peer {
    fn from(peer: PeerView) -> Self {
        let role = |role| match role {
            Role::Full => "full".to_owned(),
            Role::Light => "light".to_owned(),
        };
        Self {
            id: peer.id.0,
            key: peer.key,
            role: peer.role.map(role),
            outbound: peer.outbound.map(|address| address.to_string()),
            listen: peer.listen.map(|address| address.to_string()),
            latency_ms: peer.latency_ms,
            height: peer.height,
            connected_ms: peer.connected_ms,
            slot: peer.slot.map(|kind| kind.name().to_owned()),
            first_deliveries: peer.first_deliveries,
            agreement: peer.agreement.map(|agreement| agreement.name().to_owned()),
        }
    }
}

/// The answer to a message that was taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Accepted {
    /// The message's id.
    #[schema(value_type = String)]
    pub id: MessageId,
}

/// What was found of a key in a stretch of the best chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Traces {
    /// The key.
    pub key: String,
    /// The lowest block that was looked through,
    pub from: u64,
    /// and the highest.
    pub to: u64,
    /// What it signed and what is written to it, the newest block's first.
    #[schema(value_type = Vec<crate::openapi::MessageStatus>)]
    pub messages: Vec<plexus_core::view::MessageStatus>,
    /// The blocks that are its, the newest first.
    pub blocks: Vec<Authored>,
}

/// A block of a key's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Authored {
    /// Its height.
    pub number_of_block: u64,
    /// Its hash.
    pub block: String,
    /// When it was mined, by its author's clock.
    pub time_unix_ms: u64,
}

/// The answer to a request that was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Refusal {
    /// Why.
    pub error: Detail,
}

/// Why a request was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Detail {
    /// For programs: never changes its meaning.
    pub code: String,
    /// For people: what was wrong.
    pub message: String,
}

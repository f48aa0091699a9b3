//! The JSON forms that only the API has. Those of blocks and messages are in
//! [`plexus_core::ledger::json`].

use plexus_core::node::{self, PeerView};
use plexus_core::primitives::hash::Hash;
use plexus_core::primitives::key::PublicKey;
use plexus_core::primitives::message::MessageId;
use plexus_core::primitives::params::Network;
use plexus_core::protocol::hello::Features;
use plexus_core::protocol::packet::Role;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The state of a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = Status)]
pub struct StatusView {
    /// The network's name.
    pub network: String,
    /// The network's id: the genesis header's hash.
    #[schema(value_type = String)]
    pub network_id: Hash,
    /// The node's version.
    pub version: String,
    /// The tip's height.
    pub height: u64,
    /// The height that the node synchronizes to. The tip's own if there is nothing to fetch.
    pub target: u64,
    /// The tip's hash.
    #[schema(value_type = String)]
    pub tip: Hash,
    /// The sum of work up to the tip, as a decimal string.
    pub total_work: String,
    /// True if the chain is young, so that its work counts for less.
    #[serde(default)]
    pub young: bool,
    /// The expected number of hashes for the next block if it were mined now, as a decimal string.
    pub difficulty: String,
    /// The number of peers that have completed the handshake.
    pub peers: usize,
    /// The number of full peers that have the same chain, apart from the newest blocks.
    pub agreeing: usize,
    /// The number of peers that have the bodies of all blocks.
    #[serde(default)]
    pub archives: usize,
    /// The number of messages in the mempool.
    pub pool: usize,
    /// True if a heavier chain is being fetched.
    pub syncing: bool,
    /// True if the node is mining.
    pub mining: bool,
    /// The lowest block above genesis whose body the node has, if it deleted the bodies below. An
    /// archive node has all bodies, and leaves this out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pruned: Option<u64>,
    /// The height of a block that the node cannot fetch, because all of its peers deleted the body.
    /// It needs a peer that is an archive node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lacking: Option<u64>,
}

impl StatusView {
    /// Creates the JSON form of a node's status.
    /// `pruned` is the lowest height above genesis whose body is kept, if bodies were deleted.
    pub fn new(network: &Network, status: node::Status, pruned: Option<u64>) -> Self {
        Self {
            network: network.name().to_owned(),
            network_id: *network.id(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            height: status.height,
            target: status.target,
            tip: status.tip,
            total_work: status.total_work,
            young: status.young,
            difficulty: status.difficulty,
            peers: status.peers,
            agreeing: status.agreeing,
            archives: status.archives,
            pool: status.pool,
            syncing: status.syncing,
            mining: status.mining,
            pruned,
            lacking: status.lacking,
        }
    }
}

/// A peer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = Peer)]
pub struct ConnectedPeer {
    /// Its number, which a running node never uses twice.
    pub id: u64,
    /// Its key, once it is proven.
    #[schema(value_type = Option<String>)]
    pub key: Option<PublicKey>,
    /// `full` or `light`, once it announced its role.
    pub role: Option<String>,
    /// `all` if it has the bodies of all blocks, `pruned` if it deletes old ones. Missing for a light
    /// peer, and until it announced its features.
    #[serde(default)]
    pub bodies: Option<String>,
    /// The address where we dialled it. Missing if it dialled us.
    pub outbound: Option<String>,
    /// The address where it listens, if it announced one.
    pub listen: Option<String>,
    /// The measured round trip in milliseconds.
    pub latency_ms: Option<f64>,
    /// The height that it last announced.
    pub height: Option<u64>,
    /// The time that it has been connected, in milliseconds.
    pub connected_ms: u64,
    /// Our purpose in dialling it, if we chose it ourselves: `nearest`, `graph`, `random` or
    /// `feeler`.
    pub slot: Option<String>,
    /// The number of valid blocks that it announced to us first.
    pub first_deliveries: u64,
    /// The relation of its chain to ours, once a full peer announced its chain. It `agrees` except
    /// for the newest blocks, `lags`, or `differs`.
    pub agreement: Option<String>,
}

impl From<PeerView> for ConnectedPeer {
    fn from(peer: PeerView) -> Self {
        let role = |role| match role {
            Role::Full => "full".to_owned(),
            Role::Light => "light".to_owned(),
        };
        let bodies = |features: Features| match features {
            features if features.has(Features::ARCHIVE) => Some("all".to_owned()),
            features if features.has(Features::PRUNED) => Some("pruned".to_owned()),
            _ => None,
        };
        Self {
            id: peer.id.0,
            key: peer.key,
            role: peer.role.map(role),
            bodies: peer.features.and_then(bodies),
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

/// The answer to an accepted message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Accepted {
    /// The message's id.
    #[schema(value_type = String)]
    pub id: MessageId,
}

/// The traces of a key in a range of the best chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Traces {
    /// The key.
    pub key: String,
    /// The lowest block that was searched.
    pub from: u64,
    /// The highest block that was searched.
    pub to: u64,
    /// The number of the mempool's messages that were searched. 0 if the request named a height.
    #[serde(default)]
    pub pool_searched: usize,
    /// The messages that wait in the mempool, those next in line first.
    #[serde(default)]
    pub pending: Vec<plexus_core::ledger::json::MessageView>,
    /// The messages that it signed and those to it, the newest block's first.
    pub messages: Vec<plexus_core::ledger::json::MessageStatus>,
    /// The blocks that it mined, the newest first.
    pub blocks: Vec<Authored>,
}

/// A block that a key mined.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Authored {
    /// Its height.
    pub number_of_block: u64,
    /// Its hash.
    pub block: String,
    /// The time when it was mined, by its author's clock.
    pub time_unix_ms: u64,
}

//! The configuration of a node.

use crate::ledger::known_work::KnownWork;
use crate::peers::peer::INBOUND_MAX;
use crate::peers::topology::graph;
use crate::primitives::key::SecretKey;
use crate::protocol::address::Address;
use crate::protocol::hello::Features;
use crate::protocol::packet::Role;

/// True if this is built for nodes that keep all blocks. Without it, the code that only full nodes
/// run is left out.
pub(crate) const FULL: bool = cfg!(feature = "full");

/// The most links of the latency graph that a light node holds.
pub const LIGHT_LINKS_MAX: usize = 1_024;

/// The configuration of a node.
///
/// ```
/// use plexus_core::node::{INBOUND_MAX, Neighbours};
/// use plexus_core::protocol::packet::Role;
/// use plexus_core::{Config, SecretKey};
///
/// let [key, author] = [1, 2].map(|seed| SecretKey::from_bytes(&[seed; 32]).unwrap());
/// let config = Config::new(Role::Full, key, author);
/// assert_eq!((config.inbound_max, config.mining), (INBOUND_MAX, false));
/// // A driver that opens all links itself says so.
/// let given = Config { neighbours: Neighbours::Given, ..config };
/// assert!(given.connect.is_empty());
/// ```
#[derive(Clone, Debug)]
pub struct Config {
    /// Keeps and serves all blocks, or only headers.
    pub role: Role,
    /// The features that it tells its peers of.
    pub features: Features,
    /// The node's key, by which peers identify it.
    pub node_key: SecretKey,
    /// The author of the blocks that it mines.
    pub author: SecretKey,
    /// The address where others can reach it, if they can.
    pub listen: Option<Address>,
    /// Nodes to stay connected to. At most [`crate::peers::TARGETS_MAX`] are used.
    pub connect: Vec<Address>,
    /// True if it mines once it is synchronized. [`crate::Node::set_mining`] changes that.
    pub mining: bool,
    /// The other nodes that it connects to.
    pub neighbours: Neighbours,
    /// The most inbound connections, at most [`INBOUND_MAX`]. When there are that many, one of them
    /// is evicted for a newcomer. The connections that the node opens itself do not count.
    pub inbound_max: usize,
    /// The most inbound connections of light nodes. They take places of `inbound_max`, and one of
    /// them is evicted for a newcomer.
    pub light_inbound_max: usize,
    /// The work of the chain that a light node accepts at least. `None` stands for the work that
    /// this program knows of the network.
    pub known_work: Option<KnownWork>,
    /// The most links of the network's latency graph that it holds. Each takes about 200 bytes.
    pub links_max: usize,
}

impl Config {
    /// Returns the configuration of a node that chooses its neighbours, with the usual caps. It
    /// neither listens nor mines. A full node is an archive: it keeps all bodies.
    pub fn new(role: Role, node_key: SecretKey, author: SecretKey) -> Self {
        let (links_max, features) = match role {
            Role::Full => (graph::LINKS_MAX, Features::ARCHIVE),
            Role::Light => (LIGHT_LINKS_MAX, Features::NONE),
        };
        Self {
            role,
            features,
            node_key,
            author,
            listen: None,
            connect: Vec::new(),
            mining: false,
            neighbours: Neighbours::Chosen,
            inbound_max: INBOUND_MAX,
            light_inbound_max: INBOUND_MAX,
            known_work: None,
            links_max,
        }
    }
}

/// The nodes that a node connects to besides the configured ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Neighbours {
    /// No others: the driver opens the links.
    Given,
    /// Nodes that it selects itself among all known addresses.
    Chosen,
}

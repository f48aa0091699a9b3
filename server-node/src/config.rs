//! The configuration that a node is started with.

use std::net::SocketAddr;
use std::path::PathBuf;

pub use plexus_core::node::INBOUND_MAX;
use plexus_core::primitives::key::SecretKey;
use plexus_core::primitives::params::Network;
use plexus_core::protocol::address::Address;

use crate::logging::LogControl;
pub use crate::store::KeepBodies;

/// The most connections of any kind that are served at once, unless configured. Further ones wait
/// to be accepted.
pub const CONNECTIONS_MAX: usize = 16_384;
/// The bytes of the disk that stay free, unless configured.
pub const DISK_RESERVE: u64 = 512 << 20;

/// The source of the certificate for TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tls {
    /// Files, which are read again when they change.
    Files {
        /// The file with the certificate chain, PEM.
        certificate: PathBuf,
        /// The file with the private key, PEM.
        key: PathBuf,
    },
    /// An ACME authority. A build without the feature `acme` refuses it.
    Acme(Acme),
}

/// An order at an ACME authority.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acme {
    /// The domains of the certificate, which lead to this node.
    pub domains: Vec<String>,
    /// Addresses for the authority's messages to the operator.
    pub contacts: Vec<String>,
    /// The URL of the authority's directory.
    pub directory: String,
}

/// The configuration that a node is started with.
#[derive(Clone, Debug)]
pub struct NodeConfig {
    /// The network it joins.
    pub network: Network,
    /// The directory of all its data.
    pub data: PathBuf,
    /// Nodes to stay connected to.
    pub connect: Vec<Address>,
    /// The address at which others can reach it, if they can. It is announced to peers.
    pub listen_address: Option<Address>,
    /// The number of threads on which it mines. With `None`, it does not mine until it is told to.
    pub mine_threads: Option<usize>,
    /// True if a graphics processor mines beside the threads.
    pub mine_gpu: bool,
    /// The key by which peers know it.
    pub node_key: SecretKey,
    /// The key of the author of the blocks that it mines.
    pub author: SecretKey,
    /// Serves TLS instead of plain text.
    pub tls: Option<Tls>,
    /// A file of authorities (PEM) to trust in addition to the system's, for connections to others.
    pub tls_ca: Option<PathBuf>,
    /// The most inbound peers, 1 to [`INBOUND_MAX`]. At this number, one of them is evicted for a
    /// newcomer.
    pub inbound_max: usize,
    /// The most inbound peers that are light nodes, as browsers are. They take places of
    /// `inbound_max`.
    pub browsers_max: usize,
    /// The most connections of any kind that are served at once.
    pub connections_max: usize,
    /// Changes the levels of the log. `None` if the program that embeds the node has its own.
    pub log: Option<LogControl>,
    /// The address of a listener for metrics alone. Without one, the node's own listener has them.
    pub metrics_listen: Option<SocketAddr>,
    /// With fewer bytes free on the disk, the node takes neither blocks nor messages, and is not ready.
    /// With 0, it never looks.
    pub disk_reserve: u64,
    /// The path of the admin socket, if there is to be one.
    pub admin_socket: Option<PathBuf>,
    /// The bodies of blocks that it keeps. With `None`, it deletes no body.
    pub keep_bodies: Option<KeepBodies>,
}

impl NodeConfig {
    /// Returns the configuration of a node that only listens: no TLS, no mining, no nodes to
    /// connect to, the usual caps.
    pub fn new(network: Network, data: PathBuf, node_key: SecretKey, author: SecretKey) -> Self {
        Self {
            network,
            data,
            connect: Vec::new(),
            listen_address: None,
            mine_threads: None,
            mine_gpu: false,
            node_key,
            author,
            tls: None,
            tls_ca: None,
            inbound_max: INBOUND_MAX,
            browsers_max: INBOUND_MAX,
            connections_max: CONNECTIONS_MAX,
            log: None,
            metrics_listen: None,
            disk_reserve: DISK_RESERVE,
            admin_socket: None,
            keep_bodies: None,
        }
    }
}

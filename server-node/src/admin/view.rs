//! The JSON forms of the admin socket.

use serde::{Deserialize, Serialize};

use crate::api::view::{ConnectedPeer, StatusView};

/// The state of a node, for its operator.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AdminStatus {
    /// What everybody may know.
    #[serde(flatten)]
    pub status: StatusView,
    /// The node's process.
    pub process: u32,
    /// The data folder.
    pub data: String,
    /// The free bytes of the disk, if the system tells.
    pub disk_free: Option<u64>,
    /// The bytes that stay free.
    pub disk_reserve: u64,
    /// True if the disk is nearly full, so that the node takes neither blocks nor messages.
    pub disk_full: bool,
    /// The threads that mine while mining is on.
    pub mining_threads: usize,
}

/// A node to stay connected to.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PeerUrl {
    /// Its address.
    pub url: String,
}

/// The peers and the bans.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Peers {
    /// The connected peers.
    pub peers: Vec<ConnectedPeer>,
    /// The active bans.
    pub bans: Vec<BanView>,
}

/// A ban.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BanView {
    /// A host or a key.
    pub target: String,
    /// The seconds that it lasts.
    pub seconds: u64,
}

/// The target of a ban.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BanTargetView {
    /// A host or a key.
    pub target: String,
}

/// The number of connections that a ban closed.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Closed {
    /// The connections.
    pub closed: usize,
}

/// Whether the node mines, and how.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mining {
    /// Mine, or not.
    pub on: bool,
    /// The number of threads. As before if left out.
    pub threads: Option<usize>,
}

/// The levels that are logged.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogLevels {
    /// As `--log` takes them.
    pub levels: String,
}

/// The parts of a backup.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BackupParts {
    /// With the keys of the data folder.
    #[serde(default)]
    pub keys: bool,
}

/// The answer to a request that is done.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Done {}

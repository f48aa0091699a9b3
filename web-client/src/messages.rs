//! The messages to the page: the JSON of updates, and the texts of errors.

use plexus_core::peers::chain_status::Agreement;
use plexus_core::primitives::hash::Hash;
use plexus_core::primitives::key::PublicKey;
use serde::Serialize;

/// The reason that a request is refused. The text is for people.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct UserError(pub(crate) String);

impl UserError {
    /// Creates a refusal from an error.
    pub(crate) fn because(error: impl core::fmt::Display) -> Self {
        Self(error.to_string())
    }
}

/// An update, which the page gets without a request.
#[derive(Debug, Serialize)]
#[serde(tag = "type", content = "value", rename_all = "kebab-case")]
pub(crate) enum Update<'a> {
    /// The state of the node.
    State(&'a NodeState),
    /// The state of the miners.
    Mining(&'a Mining),
    /// The user's keys.
    Keys(&'a [KeyView]),
    /// The progress of the search for a message's stamp, from 0. At 1 it may still take a while.
    Stamping(f64),
    /// A notice for the user.
    Notice {
        /// True if something is lost or wrong.
        bad: bool,
        /// The text.
        text: String,
    },
}

/// One of the user's keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct KeyView {
    pub(crate) name: String,
    /// Missing for a key that cannot be read.
    pub(crate) public: Option<PublicKey>,
    pub(crate) state: KeyState,
    /// True for the key that signs.
    pub(crate) chosen: bool,
}

/// The state of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum KeyState {
    /// Stored, and locked until its passphrase is given.
    Locked,
    /// Stored, and unlocked in this tab.
    Unlocked,
    /// Stored unencrypted by an earlier version.
    Clear,
    /// Kept in this tab only.
    Tab,
    /// Stored, but unreadable.
    Damaged,
}

/// The state of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Phase {
    /// Not connected yet.
    Connecting,
    /// Connected. The peer's chain is being checked.
    Syncing,
    /// Connected, and the tip is the best that is known.
    Live,
    /// Disconnected.
    Offline,
}

/// The network's name, and the parameters that the page needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct NetworkView {
    pub(crate) name: String,
    pub(crate) id: Hash,
    pub(crate) spacing_ms: u64,
}

/// A node that this one is connected to.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct ConnectedPeerView {
    pub(crate) address: String,
    /// The purpose of the connection: `home`, `nearest` or `random`.
    pub(crate) kind: &'static str,
    /// The round trip to a tenth of a millisecond, once it is measured.
    pub(crate) latency_ms: Option<f64>,
    /// The relation of its chain to ours, once known.
    pub(crate) agreement: Option<Agreement>,
}

/// The proof that the chain started from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct ChainProofView {
    /// The height up to which the chain was proven.
    pub(crate) height: u64,
    /// The number of points of its work that were shown.
    pub(crate) samples: usize,
    /// The size of the proof.
    pub(crate) bytes: usize,
}

/// The state of the node.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct NodeState {
    pub(crate) phase: Phase,
    /// The URL of the node to connect to.
    pub(crate) node: String,
    /// Missing until it is known.
    pub(crate) network: Option<NetworkView>,
    pub(crate) height: u64,
    pub(crate) tip: Option<Hash>,
    /// The time when the tip was mined, by its miner's clock. Missing for a chain without blocks.
    pub(crate) tip_unix_ms: Option<u64>,
    /// The mean time between the newest blocks.
    pub(crate) interval_ms: Option<u64>,
    /// The hash rate that found them, per second, as a decimal number.
    pub(crate) network_hash_rate: Option<String>,
    /// The proof that the chain started from, if it was used here.
    pub(crate) proof: Option<ChainProofView>,
    /// The target height while syncing.
    pub(crate) target: u64,
    pub(crate) total_work: String,
    /// True if the chain is young, so that its work counts for less.
    pub(crate) young: bool,
    pub(crate) difficulty: String,
    /// The connected nodes, except for nodes that are only being measured.
    pub(crate) peers: Vec<ConnectedPeerView>,
    pub(crate) pool: usize,
    /// The reason that the last connection was lost or refused, until the next one holds, or that
    /// no peer has the chain that this program knows.
    pub(crate) trouble: Option<String>,
    /// The time of the next attempt to connect.
    pub(crate) retry_unix_ms: Option<u64>,
    /// True if the chain is stored over a reload of this page.
    pub(crate) kept: bool,
    pub(crate) recipient_bytes_max: usize,
    pub(crate) text_bytes_max: usize,
}

impl NodeState {
    /// Returns true if the tip is the best known.
    pub(crate) fn is_live(&self) -> bool {
        self.phase == Phase::Live
    }
}

/// The state of the miners.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Mining {
    /// True if the user wants to mine.
    pub(crate) wanted: bool,
    /// True while a job is being searched.
    pub(crate) active: bool,
    /// The reason that wanted mining is not active.
    pub(crate) waiting: Option<String>,
    pub(crate) threads: u32,
    /// The share of the time that each thread works, in percent.
    pub(crate) percent: u32,
    pub(crate) pauses_hidden: bool,
    pub(crate) pauses_on_battery: bool,
    /// Hashes per second.
    pub(crate) hash_rate: f64,
    /// The average time for a block at this rate. Missing while the rate is unknown.
    pub(crate) expected_ms: Option<f64>,
    /// The number of blocks mined here since the page was opened.
    pub(crate) found: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn updates_name_their_type() {
        let notice = Update::Notice { bad: true, text: "no storage".to_owned() };
        let json = serde_json::to_string(&notice).unwrap();
        assert_eq!(json, r#"{"type":"notice","value":{"bad":true,"text":"no storage"}}"#);
    }
}

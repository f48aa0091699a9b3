//! What the page is told: the JSON of updates, and the words of refusals.

use plexus_core::agreement::Agreement;
use plexus_core::hash::Hash;
use plexus_core::key::PublicKey;
use serde::Serialize;

/// Why a request is not carried out; the text is for people.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Refusal(pub(crate) String);

impl Refusal {
    /// The refusal that an error explains.
    pub(crate) fn because(error: impl core::fmt::Display) -> Self {
        Self(error.to_string())
    }
}

/// What a page is told without asking.
#[derive(Debug, Serialize)]
#[serde(tag = "type", content = "value", rename_all = "kebab-case")]
pub(crate) enum Update<'a> {
    /// How the node stands.
    State(&'a State),
    /// How the miners stand.
    Mining(&'a Mining),
    /// The person's keys.
    Keys(&'a [KeyForm]),
    /// How far the search for a message's stamp is, from 0; at 1 it may still take a while.
    Stamping(f64),
    /// Something that a person should know.
    Notice {
        /// Whether something is lost or wrong.
        bad: bool,
        /// What.
        text: String,
    },
}

/// One of the person's keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct KeyForm {
    pub(crate) name: String,
    /// None of one that cannot be read.
    pub(crate) public: Option<PublicKey>,
    pub(crate) state: KeyState,
    /// Whether it is the one that signs.
    pub(crate) chosen: bool,
}

/// How a key stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum KeyState {
    /// Stored, and of no use before its passphrase is given.
    Locked,
    /// Stored, and opened in this tab.
    Unlocked,
    /// Stored by an earlier version as whoever looks can read it.
    Clear,
    /// In this tab alone.
    Tab,
    /// Stored, and not to be read.
    Damaged,
}

/// How the connection stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Phase {
    /// Not connected yet.
    Connecting,
    /// Connected; the peer's chain is being checked.
    Syncing,
    /// Connected, and the tip is the best that is known.
    Live,
    /// Not connected any more.
    Offline,
}

/// The network's name and what the page needs of its parameters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct NetworkForm {
    pub(crate) name: String,
    pub(crate) id: Hash,
    pub(crate) spacing_ms: u64,
}

/// A node that this one is connected to.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct PeerForm {
    pub(crate) address: String,
    /// Why: `home`, `nearest` or `random`.
    pub(crate) kind: &'static str,
    /// The round trip to a tenth of a millisecond, once it is measured.
    pub(crate) latency_ms: Option<f64>,
    /// How its chain stands to ours, once that is known.
    pub(crate) agreement: Option<Agreement>,
}

/// The proof that a chain was begun with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct ProofForm {
    /// Up to which height the chain was proven.
    pub(crate) height: u64,
    /// How many points of its work were shown.
    pub(crate) samples: usize,
    /// The proof's size.
    pub(crate) bytes: usize,
}

/// How the node stands.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct State {
    pub(crate) phase: Phase,
    /// The URL of the node to connect to.
    pub(crate) node: String,
    /// None until it is known.
    pub(crate) network: Option<NetworkForm>,
    pub(crate) height: u64,
    pub(crate) tip: Option<Hash>,
    /// When the tip was mined, by its miner's clock; none of a chain without blocks.
    pub(crate) tip_unix_ms: Option<u64>,
    /// The mean time between the newest blocks.
    pub(crate) interval_ms: Option<u64>,
    /// What it took to find them, hashes a second; a decimal number.
    pub(crate) network_hash_rate: Option<String>,
    /// The proof that the chain was begun with, if it was begun here.
    pub(crate) proof: Option<ProofForm>,
    /// The height that is aimed at while syncing.
    pub(crate) target: u64,
    pub(crate) total_work: String,
    pub(crate) difficulty: String,
    /// The nodes that it is connected to, without those that are only being measured.
    pub(crate) peers: Vec<PeerForm>,
    pub(crate) pool: usize,
    /// Why the last connection was lost or refused, until the next holds.
    pub(crate) trouble: Option<String>,
    /// When the next attempt to connect is made.
    pub(crate) retry_unix_ms: Option<u64>,
    /// Whether the chain outlives a reload of this page.
    pub(crate) kept: bool,
    pub(crate) recipient_bytes_max: usize,
    pub(crate) text_bytes_max: usize,
}

impl State {
    /// Whether the tip is the best that is known.
    pub(crate) fn is_live(&self) -> bool {
        self.phase == Phase::Live
    }
}

/// How the miners stand.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Mining {
    /// Whether the person wants to mine.
    pub(crate) wanted: bool,
    /// Whether a job is being searched.
    pub(crate) active: bool,
    /// Why not, while it is wanted.
    pub(crate) waiting: Option<String>,
    pub(crate) threads: u32,
    /// The part of the time that each thread works.
    pub(crate) percent: u32,
    pub(crate) pauses_hidden: bool,
    pub(crate) pauses_on_battery: bool,
    /// Hashes a second.
    pub(crate) hash_rate: f64,
    /// How long a block takes at this rate, on average; none while the rate is not known.
    pub(crate) expected_ms: Option<f64>,
    /// How many blocks were mined here since the page was opened.
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

//! Attacks: the one rule that a Byzantine node breaks. Otherwise it is a real node whose frames are
//! altered.

use serde::{Deserialize, Serialize};

/// The rule that a Byzantine node breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Attack {
    /// Completes handshakes, answers pings and requests data, but announces and serves nothing.
    Silent,
    /// Passes headers on, but answers no requests.
    Stalling,
    /// Announces headers, and serves blocks, that break a rule but carry their work.
    InvalidChain,
    /// Announces its own blocks, but withholds their bodies.
    WithheldBody,
    /// Has pings answered near the other end, so that it seems to be elsewhere, and certifies that
    /// latency.
    LatencyLiar,
    /// Certifies, with other Byzantine nodes, links among them of nearly zero latency. Paths
    /// through them seem short.
    CertificateLiar,
    /// Floods its peers with headers of branches that have little work.
    HeaderFlooder,
    /// Connects to far more nodes than it needs. It names only Byzantine nodes and unused
    /// addresses, so that honest nodes know no others.
    Eclipse,
    /// Withholds the blocks that it mines until another branch comes near.
    Selfish,
}

impl Attack {
    /// All attacks.
    pub const ALL: [Self; 9] = [
        Self::Silent,
        Self::Stalling,
        Self::InvalidChain,
        Self::WithheldBody,
        Self::LatencyLiar,
        Self::CertificateLiar,
        Self::HeaderFlooder,
        Self::Eclipse,
        Self::Selfish,
    ];
}

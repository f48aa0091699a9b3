//! Treason: the one rule that a Byzantine node breaks. In all else it is a real node, whose frames are altered.

use serde::{Deserialize, Serialize};

/// The rule that a Byzantine node breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Treason {
    /// Greets, answers pings and asks for what it wants; tells and gives nothing.
    Silent,
    /// Passes headers on, and answers no request.
    Stalling,
    /// Announces headers, and serves blocks, that break a rule but carry their work.
    InvalidChain,
    /// Announces blocks of its own whose bodies it gives to nobody.
    WithheldBody,
    /// Has pings answered near the other end, so that it seems to be where it is not, and certifies that.
    LatencyLiar,
    /// Vouches, with its own kind, for links among them that are next to nothing, so that ways seem short that lead through them.
    CertificateLiar,
    /// Floods its peers with headers of branches that have little work.
    HeaderFlooder,
    /// Connects to far more nodes than it needs, and names only its own kind and places where nobody is, so that honest nodes know
    /// no others.
    Eclipse,
    /// Keeps the blocks that it mines for itself, until others come near.
    Selfish,
}

impl Treason {
    /// All of them.
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

//! The hello: the first packet of either end, and the only one that may grow.
//!
//! Specified in PROTOCOL.md, "On the wire".
//!
//! Its first three fields, the versions and the features, are read by every version of the
//! protocol. So two nodes always find out whether they have a version in common. Bytes after the
//! known fields are skipped, because a later version may add fields.

use core::fmt;

use serde::{Deserialize, Serialize};

use crate::primitives::hash::Hash;
use crate::primitives::key::PublicKey;
use crate::primitives::pow::Work;
use crate::protocol::address::Address;

/// The version of the protocol that this program speaks.
pub const PROTOCOL_VERSION: u16 = 2;
/// The most bytes of a hello, skipped ones included.
pub const HELLO_BYTES_MAX: usize = 512;
/// The number of newest blocks whose bodies every full node has, even if it prunes.
pub const KEPT_BODIES_MIN: u64 = 512;
/// The number of blocks by which a peer's chain may have grown since it told of its height. A peer
/// that prunes is not asked for bodies so close to the lowest that it must have.
const GROWTH: u64 = 64;

/// The role of a node towards others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Follows all blocks, and serves them.
    Full,
    /// Keeps headers and serves nothing.
    Light,
}

/// The versions of the protocol that a node speaks: all from the lowest to the highest.
///
/// ```
/// use plexus_core::protocol::hello::Versions;
///
/// let (ours, newer) = (Versions { highest: 2, lowest: 2 }, Versions { highest: 9, lowest: 2 });
/// assert_eq!(ours.common(newer), Some(2));
/// assert_eq!(ours.common(Versions { highest: 9, lowest: 3 }), None);
/// assert_eq!((ours.to_string(), newer.to_string()), ("2".to_owned(), "2 to 9".to_owned()));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Versions {
    /// The highest.
    pub highest: u16,
    /// The lowest.
    pub lowest: u16,
}

impl Versions {
    /// The versions that this program speaks.
    pub const OURS: Self = Self { highest: PROTOCOL_VERSION, lowest: PROTOCOL_VERSION };

    /// Returns the version that two nodes speak with each other: the highest that both know.
    /// Returns `None` if they have no version in common.
    pub fn common(self, other: Self) -> Option<u16> {
        let highest = self.highest.min(other.highest);
        (highest >= self.lowest.max(other.lowest)).then_some(highest)
    }
}

impl fmt::Display for Versions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.lowest == self.highest {
            return write!(f, "{}", self.highest);
        }
        write!(f, "{} to {}", self.lowest, self.highest)
    }
}

/// The features of a node, one bit each. Unknown bits are ignored.
///
/// ```
/// use plexus_core::protocol::hello::Features;
///
/// let unknown = Features::from_bits(1 << 63);
/// assert!(Features::ARCHIVE.with(unknown).has(Features::ARCHIVE));
/// assert!(!unknown.has(Features::ARCHIVE));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Features(u64);

impl Features {
    /// No feature.
    pub const NONE: Self = Self(0);
    /// The node has the bodies of all blocks of its best chain, and keeps them.
    pub const ARCHIVE: Self = Self(1);
    /// The node deletes old bodies. It has those of its newest [`KEPT_BODIES_MIN`] blocks.
    pub const PRUNED: Self = Self(1 << 1);

    /// Returns the features of these bits.
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// Returns these features and those of `other`.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Returns true if these include all features of `other`.
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// The first packet of either end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// The versions that the sender speaks.
    pub versions: Versions,
    /// The sender's features.
    pub features: Features,
    /// The network's id.
    pub network: Hash,
    /// The node's role.
    pub role: Role,
    /// The node's key, which the answer proves.
    pub key: PublicKey,
    /// The address where it listens, if others can reach it.
    pub listen: Option<Address>,
    /// The total work of its best chain.
    pub total_work: Work,
    /// The height of its best chain.
    pub height: u64,
    /// 32 unpredictable bytes, which the other end signs with the rest.
    pub challenge: [u8; 32],
}

impl Hello {
    /// Returns the height from which on a full node certainly has all bodies, if its best chain
    /// ends at `height` by now.
    pub fn lowest_body(&self, height: u64) -> u64 {
        if self.features.has(Features::ARCHIVE) {
            return 0;
        }
        // A chain that short is kept whole.
        (height + GROWTH).checked_sub(KEPT_BODIES_MIN).map_or(0, |pruned| pruned + 1)
    }
}

#[cfg(test)]
mod tests;

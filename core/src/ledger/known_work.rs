//! The work of the chain that a program knows, which others cannot imitate with less.
//!
//! Specified in PROTOCOL.md, "Known work".
//!
//! A chain alone does not show that others mine it: everybody can start a branch at genesis and date
//! it as they like. So each release names a block that was 1,000 deep in the built-in network. A
//! chain with less work is not the one that this program's makers saw.

use crate::primitives::hash::Hash;
use crate::primitives::params::Network;
use crate::primitives::pow::Work;

/// A block that was 1,000 deep when the program was released.
///
/// ```
/// use plexus_core::Network;
/// use plexus_core::ledger::known_work::KnownWork;
///
/// // Of networks that are not public, nothing is known.
/// assert_eq!(KnownWork::of(&Network::dev()), KnownWork::NONE);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KnownWork {
    /// The block's height.
    pub height: u64,
    /// The block's hash.
    pub hash: Hash,
    /// The work of the chain up to and including the block.
    pub total_work: Work,
}

/// The known work of the network `plexus`. A release sets it. There is none until the network is
/// public.
const PLEXUS: KnownWork = KnownWork::NONE;

impl KnownWork {
    /// No work: no chain has less.
    pub const NONE: Self = Self { height: 0, hash: Hash::ZERO, total_work: Work::ZERO };

    /// Returns the known work of a network. It is [`Self::NONE`] for networks that are not built
    /// in.
    pub fn of(network: &Network) -> Self {
        if network.id() == Network::plexus().id() { PLEXUS } else { Self::NONE }
    }

    /// Returns true if there is a known block.
    pub fn is_some(&self) -> bool {
        self.total_work > Work::ZERO
    }
}

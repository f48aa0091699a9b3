//! The ways in which a chain proof can be wrong.

use super::{HEIGHT_MAX, PROOF_BYTES_MAX};
use crate::primitives::encoding::DecodeError;
use crate::primitives::hash::Hash;
use crate::primitives::pow::{Bits, Target, Work};
use crate::primitives::time::Timestamp;

/// Why bytes do not prove a chain.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// It is larger than any proof needs to be.
    #[error("proof: expected at most {PROOF_BYTES_MAX} bytes, found {found}")]
    Size {
        /// Its size in bytes.
        found: usize,
    },
    /// The bytes are not laid out as a proof.
    #[error(transparent)]
    Layout(#[from] DecodeError),
    /// It proves a chain of another network.
    #[error("network: expected {expected}, found {found}")]
    Network {
        /// The network's id.
        expected: Hash,
        /// The proof's.
        found: Hash,
    },
    /// It claims a height that no chain reaches.
    #[error("height: expected at most {HEIGHT_MAX}, found {found}")]
    Height {
        /// The claimed height.
        found: u64,
    },
    /// It claims work that no chain has: none at all, or more than can be counted.
    #[error("work: {below} below the tail, {tail} in it and {bits} at the tip are not those of a chain")]
    Stakes {
        /// The claimed work below the tail.
        below: Work,
        /// The claimed work of the tail.
        tail: Work,
        /// The claimed bits of the tip.
        bits: Bits,
    },
    /// The bits of a node, or of the last header below it, are not a target, or are easier than the limit, or differ from
    /// it where bits never change.
    #[error("bits at height {height}: {found} are not those of a header of this network")]
    NodeBits {
        /// The last header's height.
        height: u64,
        /// The node's bits.
        found: Bits,
    },
    /// The bits of a node over one header are not those of the next-target rule.
    #[error("bits at height {height}: expected {expected}, found {found}")]
    LeafBits {
        /// The header's height.
        height: u64,
        /// The bits that follow from the header before it.
        expected: Bits,
        /// The node's bits.
        found: Bits,
    },
    /// A header does not name the header before it.
    #[error("prev_hash at height {height}: expected {expected}, found {found}")]
    Parent {
        /// The header's height.
        height: u64,
        /// The hash of the header before it.
        expected: Hash,
        /// The hash that the header names.
        found: Hash,
    },
    /// The difficulty rises faster below a node than the next-target rule permits.
    #[error("bits: {headers} headers from height {from} on cannot lead from {before} to {found}")]
    Rise {
        /// The first header's height.
        from: u64,
        /// The number of headers below the node.
        headers: u64,
        /// The bits of the header before them.
        before: Bits,
        /// The node's bits.
        found: Bits,
    },
    /// A node has less work than any headers that end with its bits.
    #[error(
        "work: {headers} headers from height {from} on that end with {bits} have at least {least}, found {found}"
    )]
    NodeWork {
        /// The first header's height.
        from: u64,
        /// The number of headers below the node.
        headers: u64,
        /// The node's bits.
        bits: Bits,
        /// The least work of such headers.
        least: Work,
        /// The node's work.
        found: Work,
    },
    /// The work of a node over one header is not that of its bits.
    #[error("work at height {height}: expected {expected}, found {found}")]
    LeafWork {
        /// The header's height.
        height: u64,
        /// The work of the bits.
        expected: Work,
        /// The node's work.
        found: Work,
    },
    /// The work of a node is not that of its headers, all of which have the limit's bits.
    #[error("work: {headers} headers from height {from} on have {expected}, found {found}")]
    ConstantWork {
        /// The first header's height.
        from: u64,
        /// The number of headers below the node.
        headers: u64,
        /// Their work.
        expected: Work,
        /// The node's work.
        found: Work,
    },
    /// A header, or the last one below a node, is not late enough after the one before.
    #[error("timeStamp at height {height}: expected later than {parent}, found {found}")]
    Time {
        /// The header's height.
        height: u64,
        /// The time that it must be later than.
        parent: Timestamp,
        /// Its time.
        found: Timestamp,
    },
    /// The sums of work go beyond what can be counted.
    #[error("work at height {height}: the sum is over 128 bits")]
    Overflow {
        /// The height of the last header in the sum.
        height: u64,
    },
    /// A header's hash is over the target that follows from its parent, with the history that the proof has put together below it.
    #[error("proof of work at height {height}: expected a hash of at most {target}, found {hash}")]
    ProofOfWork {
        /// The header's height.
        height: u64,
        /// The target that follows from its parent.
        target: Target,
        /// Its hash.
        hash: Hash,
    },
    /// A point that the seed demands lies in headers that are not shown.
    #[error("samples: the point {point} lies in the headers from {from} to {to}, which are not shown")]
    Skipped {
        /// The point, in work from genesis.
        point: Work,
        /// The first of the headers.
        from: u64,
        /// The last of them.
        to: u64,
    },
    /// A header is shown that no point demands.
    #[error("samples: the header at height {height} is not the one at {point}")]
    Surplus {
        /// The header's height.
        height: u64,
        /// The next point, in work from genesis.
        point: Work,
    },
    /// The headers are worth something else than claimed, so that the points were drawn from a wrong range.
    #[error("work {part}: {claimed} claimed, found {found}")]
    Work {
        /// Which headers.
        part: &'static str,
        /// The claimed value.
        claimed: Work,
        /// The sum.
        found: Work,
    },
    /// The tip's bits are others than claimed, so that the wrong number of points was drawn.
    #[error("bits of the tip: {claimed} claimed, found {found}")]
    TipBits {
        /// The claimed value.
        claimed: Bits,
        /// The tip's.
        found: Bits,
    },
    /// The tip is another than claimed, so that the points were drawn from the wrong seed.
    #[error("tip: {claimed} claimed, found {found}")]
    Tip {
        /// The hash that the proof claims.
        claimed: Hash,
        /// The tip's.
        found: Hash,
    },
}

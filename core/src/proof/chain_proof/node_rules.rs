//! The rules that tie a node of the mountain range to the headers it stands for.
//!
//! Specified in PROTOCOL.md, "Chain proof: Checks".
//!
//! A verifier never sees these headers, but every valid chain keeps the next-target rule, and that bounds what a node can say. Time
//! rises by at least a millisecond a block, so difficulty rises by at most the factor 2^(T/τ) a block, where τ is the half life at
//! the node's first header: it is the shortest below the node, because half lives grow with the height. Hence the last header below a
//! node of n headers is at most 2^(nT/τ) times as hard as the header before them, and the n headers have at least the work of the
//! slowest rise that ends with the last one's bits. Both bounds leave 2^−11 of a doubling a block for rounding: compact bits
//! lose up to 2^−14.4, the exponent up to 2^−16, and the cubic is off by up to 2^−12.3 of a doubling.
//!
//! Without these rules a node could end with any difficulty for no work, and one lucky header above it would count as much work as
//! its maker likes: the difficulty raising attack of FlyClient ([eprint 2019/226](https://eprint.iacr.org/2019/226), section 6).

use super::error::ProofError;
use super::logarithm::{FRACTION_BITS, halved};
use super::part::Edge;
use crate::primitives::mmr::{MmrNode, Position};
use crate::primitives::params::Network;
use crate::primitives::pow::{Retarget, Target, Work};

/// The share of a doubling that a block may gain by rounding: 2^−11, in fixed point.
const SLACK: u128 = 1 << (FRACTION_BITS - 11);
/// The largest exponent that is compared: 2^15 doublings, beyond any target.
const EXPONENT_MAX: u128 = 1 << 63;

/// The bounds of one network.
#[derive(Clone, Copy, Debug)]
pub(super) struct NodeRules {
    retarget: Retarget,
    /// The work of a header at the limit.
    limit_work: u128,
}

/// The fastest rise of difficulty from a height on.
#[derive(Clone, Copy, Debug)]
struct Rise {
    /// q: the most doublings of difficulty a block, in fixed point.
    doublings: u128,
    /// m: the number of blocks that the fastest rise takes for each doubling, rounded down.
    blocks_per_doubling: u64,
}

impl NodeRules {
    pub(super) fn new(network: &Network) -> Self {
        Self { retarget: *network.retarget(), limit_work: network.limit().work().hashes() }
    }

    /// Returns the fastest rise from `height` on. Bits must not be constant.
    fn rise(&self, height: u64) -> Rise {
        let spacing = u128::from(self.retarget.spacing_ms);
        let half_life = u128::from(self.retarget.half_life_ms_at(height));
        let run = 2_048 * half_life / (2_048 * spacing + half_life);
        Rise {
            doublings: (spacing << FRACTION_BITS).div_ceil(half_life) + SLACK,
            blocks_per_doubling: u64::try_from(run).unwrap_or(u64::MAX),
        }
    }

    /// Checks a node at `position` to the right of `edge`.
    ///
    /// # Errors
    /// Names the rule that no valid chain breaks.
    pub(super) fn check(&self, edge: &Edge, position: Position, record: &MmrNode) -> Result<(), ProofError> {
        let headers = 1u64 << position.level;
        let from = position.index << position.level;
        let (bits, work) = (record.bits, record.work);
        if bits.target().is_none_or(|target| target > self.retarget.limit) {
            return Err(ProofError::NodeBits { height: from + (headers - 1), found: bits });
        }
        let parent = edge.time.plus_ms(headers - 1);
        if record.time <= parent {
            return Err(ProofError::Time { height: from + (headers - 1), parent, found: record.time });
        }
        if self.retarget.half_life_ms == 0 {
            let expected = Work::from_hashes(self.limit_work.saturating_mul(headers.into()));
            if bits != self.retarget.limit.bits() {
                return Err(ProofError::NodeBits { height: from + (headers - 1), found: bits });
            }
            return if work == expected {
                Ok(())
            } else {
                Err(ProofError::ConstantWork { from, headers, expected, found: work })
            };
        }
        if position.level == 0 {
            return self.check_leaf(edge, from, record);
        }
        let before = edge.bits.target().map_or(Work::ZERO, Target::work);
        let last = bits.target().map_or(Work::ZERO, Target::work);
        let rise = self.rise(from);
        let exponent = u128::from(headers).saturating_mul(rise.doublings).min(EXPONENT_MAX);
        if halved(last.hashes(), u64::try_from(exponent).unwrap_or(u64::MAX)) > before.hashes() {
            return Err(ProofError::Rise { from, headers, before: edge.bits, found: bits });
        }
        let least = Work::from_hashes(self.least(rise, headers, last.hashes()));
        if work < least {
            return Err(ProofError::NodeWork { from, headers, bits, least, found: work });
        }
        Ok(())
    }

    /// Checks a node over the single header at a height.
    fn check_leaf(&self, edge: &Edge, height: u64, record: &MmrNode) -> Result<(), ProofError> {
        let (bits, work) = (record.bits, record.work);
        let expected = self.retarget.next_bits(height, edge.bits, edge.time, record.time);
        if bits != expected {
            return Err(ProofError::LeafBits { height, expected, found: bits });
        }
        let expected = bits.target().map_or(Work::ZERO, Target::work);
        if work != expected {
            return Err(ProofError::LeafWork { height, expected, found: work });
        }
        Ok(())
    }

    /// Returns the least work of `headers` headers the last of which has the work `last`: halved each `blocks_per_doubling` headers
    /// from the last one down, and nowhere under the limit's. Saturates.
    fn least(&self, rise: Rise, headers: u64, last: u128) -> u128 {
        let (mut sum, mut left, mut work) = (last, headers - 1, last);
        // The work falls to the limit's within 128 steps.
        while left > 0 {
            work = (work / 2).max(self.limit_work);
            let count = if work == self.limit_work || rise.blocks_per_doubling == 0 {
                work = self.limit_work;
                left
            } else {
                left.min(rise.blocks_per_doubling)
            };
            sum = sum.saturating_add(work.saturating_mul(count.into()));
            left -= count;
        }
        sum
    }
}

//! The path of one block: the siblings up to its peak keep the rules of nodes.
//!
//! Specified in PROTOCOL.md, "Proof file: Checks".
//!
//! The hash of the peak says only that somebody made these siblings. Below a node of the proof, a
//! cheat can hide siblings that no headers have, and a block that is easier than its place allows.
//! So each sibling is checked after the part to its left, and the block as that part's child.

use super::error::ProofError;
use super::gap;
use super::node_rules::NodeRules;
use super::part::Edge;
use crate::primitives::block::Header;
use crate::primitives::hash::Hash;
use crate::primitives::mmr::{Mmr, MmrNode};
use crate::primitives::params::Network;

/// Checks a header and the siblings up to its peak. `below` is the history of the headers below it, made of proven peaks and of the
/// siblings on the left. `hash` is the header's.
///
/// The caller checks that the siblings lead to a proven peak.
///
/// # Errors
/// Names the rule that no valid chain breaks.
pub(in crate::proof) fn check_path(
    network: &Network,
    below: &Mmr,
    header: &Header,
    hash: Hash,
    siblings: &[MmrNode],
) -> Result<(), ProofError> {
    let (rules, height) = (NodeRules::new(network), below.leaves());
    let mut edge = None;
    for (position, record) in gap::nodes(0, height).zip(below.peaks()) {
        // The left end of the range is assembled from parts of the chain proof, so it is checked.
        if let Some(edge) = &edge {
            rules.check(edge, position, &record)?;
        }
        edge = Some(Edge::of(position.level, &record));
    }
    if let Some(parent) = &edge {
        check_child(network, parent, header)?;
    }
    let right = (0u32..).zip(siblings).filter(|(level, _)| height >> level & 1 == 0);
    let mut edge = Edge::of(0, &header.record(hash));
    for (position, (level, record)) in gap::nodes(height + 1, end_of(height, siblings.len())).zip(right) {
        debug_assert_eq!(position.level, level, "the siblings on the right stand over neighbouring headers");
        rules.check(&edge, position, record)?;
        edge = Edge::of(level, record);
    }
    Ok(())
}

/// Returns the height above the last header below the peak over `height`, whose level is `level`.
fn end_of(height: u64, level: usize) -> u64 {
    let level = u32::try_from(level).unwrap_or(u32::MAX);
    let peak = height.checked_shr(level).unwrap_or(0);
    (peak + 1).checked_shl(level).unwrap_or(u64::MAX)
}

/// Checks a header as the child of the part to its left.
fn check_child(network: &Network, parent: &Edge, header: &Header) -> Result<(), ProofError> {
    let height = header.height;
    if header.time <= parent.time {
        return Err(ProofError::Time { height, parent: parent.time, found: header.time });
    }
    let expected = network.retarget().next_bits(height, parent.bits, parent.time, header.time);
    if header.bits != expected {
        return Err(ProofError::LeafBits { height, expected, found: header.bits });
    }
    match parent.hash {
        Some(expected) if header.prev_hash != expected => {
            Err(ProofError::Parent { height, expected, found: header.prev_hash })
        }
        _ => Ok(()),
    }
}

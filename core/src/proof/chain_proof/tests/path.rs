//! Paths of blocks: those of honest chains are accepted, and each forged part is named.

use super::ledger::{Ledger, network};
use super::*;
use crate::primitives::mmr::{MmrNode, siblings};
use crate::primitives::time::Timestamp;
use crate::proof::chain_proof::path::check_path;

/// The number of headers above genesis.
const HEIGHT: u64 = 200;
/// The easiest limit: every other hash meets it.
const EASY: u32 = 0x207f_ffff;

/// A block's header and the siblings of its record.
#[derive(Clone)]
struct BlockPath {
    network: Network,
    history: Mmr,
    header: Header,
    siblings: Vec<MmrNode>,
}

impl BlockPath {
    fn of(ledger: &mut Ledger, height: u64) -> Self {
        let siblings = siblings(HEIGHT + 1, height).map(|position| ledger.node(position).unwrap()).collect();
        let history = ledger.history(HEIGHT + 1).clone();
        Self { network: ledger.network.clone(), history, header: ledger.at(height).header, siblings }
    }

    fn verdict(&self) -> Result<(), ProofError> {
        let below = self.history.below(self.header.height, &self.siblings).unwrap();
        check_path(&self.network, &below, &self.header, self.header.hash(), &self.siblings)
    }

    /// Returns the verdict after a change.
    fn refused(&self, change: impl FnOnce(&mut Self)) -> ProofError {
        let mut changed = self.clone();
        change(&mut changed);
        changed.verdict().unwrap_err()
    }
}

fn ledger(half_life_ms: u64) -> Ledger {
    Ledger::honest(network(EASY, half_life_ms), HEIGHT)
}

#[test]
fn every_path_of_an_honest_chain_is_accepted() {
    for half_life_ms in [0, 600_000, 3_600_000] {
        let mut ledger = ledger(half_life_ms);
        for height in 0..=HEIGHT {
            let path = BlockPath::of(&mut ledger, height);
            assert_eq!(path.verdict(), Ok(()), "height {height}, half-life {half_life_ms}");
        }
    }
}

#[test]
fn each_sibling_keeps_the_rules_of_nodes() {
    // Height 101 is 0b0110_0101: its siblings at levels 0, 2, 5 and 6 are on the left.
    let path = BlockPath::of(&mut ledger(600_000), 101);
    for level in 0..path.siblings.len() {
        // The left end of the range follows from the chain proof.
        if level == 6 {
            continue;
        }
        let hard = Bits::from_u32(0x1f00_ffff);
        let error = path.refused(|path| path.siblings[level].bits = hard);
        let is_named = matches!(
            error,
            ProofError::Rise { found, .. } | ProofError::LeafBits { found, .. } if found == hard
        );
        assert!(is_named, "level {level}: {error}");
        let error = path.refused(|path| path.siblings[level].work = Work::from_hashes(1));
        let is_named = matches!(error, ProofError::NodeWork { .. } | ProofError::LeafWork { .. });
        assert!(is_named, "level {level}: {error}");
        let error = path.refused(|path| path.siblings[level].time = Timestamp::from_unix_ms(1));
        assert!(matches!(error, ProofError::Time { .. }), "level {level}: {error}");
    }
}

#[test]
fn a_block_is_the_child_of_the_part_before_it() {
    let mut ledger = ledger(600_000);
    for height in [1, 100, 101, HEIGHT] {
        let path = BlockPath::of(&mut ledger, height);
        // At 100 blocks in fast succession, the limit is far too easy.
        let error = path.refused(|path| path.header.bits = Bits::from_u32(0x2070_0000));
        assert!(matches!(error, ProofError::LeafBits { height: at, .. } if at == height), "{error}");
        let error = path.refused(|path| path.header.time = Timestamp::from_unix_ms(1));
        assert!(matches!(error, ProofError::Time { height: at, .. } if at == height), "{error}");
    }
    let other = Hash::of(b"another");
    let error = BlockPath::of(&mut ledger, 101).refused(|path| path.header.prev_hash = other);
    assert!(matches!(error, ProofError::Parent { height: 101, found, .. } if found == other), "{error}");
}

#[test]
fn a_constant_sibling_has_the_work_of_its_headers() {
    let path = BlockPath::of(&mut ledger(0), 101);
    for level in [0, 1, 2, 3, 4, 5] {
        for work in [(2 << level) - 1, (2 << level) + 1] {
            let error = path.refused(|path| path.siblings[level].work = Work::from_hashes(work));
            assert!(matches!(error, ProofError::ConstantWork { .. }), "level {level}: {error}");
        }
    }
}

//! Forged proofs, one for each rule about nodes: each is accepted without that rule.
//!
//! A cheat leaves a forged part where no point falls. It mines the tip again, and so draws other points, until that is so.

use super::ledger::{Ledger, network};
use super::*;
use crate::primitives::mmr::MmrNode;

/// A tail of 24 headers, and few points, so that a forged part is often missed by all of them.
const SCHEME: Scheme = Scheme { security_bits: 4, tail: 24 };
/// Difficulty moves as on the built-in network.
const HALF_LIFE_MS: u64 = 600_000;
/// The easiest limit: every other hash meets it.
const EASY: u32 = 0x207f_ffff;

/// Returns the verdict on each of 200 proofs of the chain, that differ in the tip and so in the points.
fn verdicts(ledger: &mut Ledger) -> Vec<Result<(), ProofError>> {
    let network = ledger.network.clone();
    let verdict = |salt| {
        ledger.mine_tip_again(salt);
        let bytes = prove::prove(&network, ledger.height(), ledger, SCHEME).unwrap();
        verify::verify(&network, &bytes, SCHEME).map(|_| ())
    };
    (0..200).map(verdict).collect()
}

/// Asserts that all proofs of the chain are refused, and some by the rule that `is_rule` recognises.
fn assert_refused(mut ledger: Ledger, is_rule: impl Fn(&ProofError) -> bool) {
    let verdicts = verdicts(&mut ledger);
    assert!(verdicts.iter().all(Result::is_err), "believed: {verdicts:?}");
    let by_rule = verdicts.iter().filter(|verdict| verdict.as_ref().is_err_and(&is_rule)).count();
    assert!(by_rule > 0, "refused, but by other rules: {verdicts:?}");
}

/// Grows a chain to a height above which all is honest again.
fn to(mut ledger: Ledger, height: u64) -> Ledger {
    while ledger.height() < height {
        ledger.mine(15_000);
    }
    ledger
}

/// Forges the node over the newest 2^`level` of 64 headers of an honest chain, and mines upon it.
fn forged(half_life_ms: u64, level: u32, forge: impl FnOnce(&mut MmrNode)) -> Ledger {
    let mut ledger = Ledger::honest(network(EASY, half_life_ms), 63);
    ledger.forge_node(level, forge);
    to(ledger, 200)
}

#[test]
fn an_honest_chain_of_the_same_shape_is_accepted() {
    for half_life_ms in [0, HALF_LIFE_MS] {
        let mut ledger = forged(half_life_ms, 5, |_| {});
        assert!(verdicts(&mut ledger).iter().all(Result::is_ok));
    }
}

/// The whole attack: invented headers end with hard bits, so that one real header counts as much work as the cheat likes; easy
/// headers follow it.
fn raised(hard: Bits) -> Ledger {
    let mut ledger = Ledger::honest(network(EASY, HALF_LIFE_MS), 299);
    let limit = Bits::from_u32(EASY);
    ledger.invent(15_000, limit);
    ledger.invent(15_000, limit);
    ledger.forge_node(1, |node| {
        node.bits = hard;
        node.work = Work::from_hashes(4);
    });
    ledger.mine_as_if_after(hard, 15_000, 0);
    ledger.invent(15_000, limit);
    to(ledger, 328)
}

#[test]
fn difficulty_that_invented_headers_raise_is_refused() {
    let hard = Bits::from_u32(0x1f00_ffff);
    assert_refused(raised(hard), |error| matches!(error, ProofError::Rise { from: 300, headers: 2, .. }));
}

#[test]
fn a_node_may_not_rise_faster_than_the_rule() {
    // All headers before the node are at the limit. Up to height 71, 4 headers rise by less than 2^0.51. From height 320 on, 32
    // headers rise by less than 2^0.82.
    let four_times_as_hard = Bits::from_u32(0x201f_ffff);
    for (level, height) in [(2, 63), (5, 447)] {
        let headers = 1u64 << level;
        let mut ledger = to(Ledger::new(network(EASY, HALF_LIFE_MS)), height);
        ledger.forge_node(level, |node| {
            node.bits = four_times_as_hard;
            node.work = Work::from_hashes(8 + u128::from(headers - 1) * 4);
        });
        let first = height + 1 - headers;
        assert_refused(
            to(ledger, height + 200),
            |error| matches!(error, ProofError::Rise { from, headers: found, .. } if (*from, *found) == (first, headers)),
        );
    }
}

#[test]
fn a_node_has_the_work_of_the_slowest_rise_to_its_bits() {
    let mut honest = Ledger::honest(network(EASY, HALF_LIFE_MS), 63);
    honest.forge_node(5, |node| node.work = Work::from_hashes(32 * 2 - 1));
    assert_refused(to(honest, 200), |error| {
        matches!(error, ProofError::NodeWork { from: 32, headers: 32, .. })
    });
    // 64 headers become as hard as they may. The node claims the work of 63 at the limit, and of the last.
    let mut ledger = to(Ledger::new(network(EASY, HALF_LIFE_MS)), 383);
    while ledger.height() < 447 {
        ledger.mine(1);
    }
    let last = ledger.tip().header.work().hashes();
    assert!(last > 2, "harder than the limit");
    ledger.forge_node(6, |node| node.work = Work::from_hashes(63 * 2 + last));
    assert_refused(to(ledger, 600), |error| {
        matches!(error, ProofError::NodeWork { from: 384, headers: 64, .. })
    });
}

#[test]
fn a_leaf_has_the_bits_that_follow() {
    // Fast blocks raise the difficulty; one invented header lets it fall to the limit at once.
    let mut ledger = to(Ledger::new(network(EASY, HALF_LIFE_MS)), 320);
    while ledger.height() < 620 {
        ledger.mine(1_000);
    }
    ledger.invent(15_000, Bits::from_u32(EASY));
    assert_refused(to(ledger, 720), |error| matches!(error, ProofError::LeafBits { height: 621, .. }));
}

#[test]
fn constant_bits_and_their_work_are_exact() {
    for work in [32 * 2 - 1, 32 * 2 + 1] {
        let ledger = forged(0, 5, |node| node.work = Work::from_hashes(work));
        assert_refused(ledger, |error| {
            matches!(error, ProofError::ConstantWork { from: 32, headers: 32, .. })
        });
    }
    let ledger = forged(0, 5, |node| node.bits = Bits::from_u32(0x2001_0000));
    assert_refused(ledger, |error| matches!(error, ProofError::NodeBits { height: 63, .. }));
}

#[test]
fn bits_that_no_header_has_are_refused() {
    // Easier than the limit, and not a target.
    for bits in [0x2100_8000, 0x2080_0001, 0] {
        let ledger = forged(HALF_LIFE_MS, 5, |node| node.bits = Bits::from_u32(bits));
        assert_refused(ledger, |error| matches!(error, ProofError::NodeBits { height: 63, .. }));
    }
}

#[test]
fn times_rise_below_a_node() {
    let early = Ledger::honest(network(EASY, HALF_LIFE_MS), 31).tip().header.time.plus_ms(31);
    let ledger = forged(HALF_LIFE_MS, 5, |node| node.time = early);
    assert_refused(ledger, |error| matches!(error, ProofError::Time { height: 63, .. }));
}

#[test]
fn a_leaf_or_a_shown_header_lies_below_every_tail() {
    for height in 2 * TAIL_BLOCKS + 1..2 * TAIL_BLOCKS + 3_000 {
        let tail = CHAIN.tail_of(height);
        let first = height - tail + 1;
        assert!(first % 2 == 1 && (TAIL_BLOCKS..=TAIL_BLOCKS + 1).contains(&tail), "{height}");
        assert_eq!(gap::nodes(1, first).last().unwrap().level, 0);
    }
}

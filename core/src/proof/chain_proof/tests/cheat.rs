//! Chains that were not worked for, and how often they are caught.
//!
//! Each cheat does its best: every header that it mines commits to its claims, and its prover opens every header that is asked
//! for. Its tip is mined again and again, each time with another seed. The wrong parts of a chain are known here, so each verdict is
//! compared with the points: a proof fails if a point falls into a wrong part, and otherwise only by a rule about nodes.

use core::ops::Range;

use super::ledger::{Ledger, mined, network};
use crate::primitives::pow::{Bits, Work};
use crate::proof::chain_proof::sample::{Scheme, Stakes, points};
use crate::proof::chain_proof::{ProofError, prove, verify};

/// Of the size of the tail and the number of points that are worth measuring.
const SCHEME: Scheme = Scheme { security_bits: 0, tail: 24 };

/// A cheat's chain, and which points of its work are wrong.
struct Cheat {
    ledger: Ledger,
    wrong: Vec<Range<u128>>,
    /// Nodes over what is wrong may be refused although no point falls into them.
    breaks_node_rules: bool,
}

/// The outcomes of many tips.
#[derive(Debug, Default)]
struct Tally {
    tips: u32,
    passed: u32,
    points: u32,
    hits: u32,
    /// The largest probability that a point, and a tip, gets past, by the parameters.
    miss: f64,
    pass: f64,
}

impl Cheat {
    fn new(ledger: Ledger) -> Self {
        Self { ledger, wrong: Vec::new(), breaks_node_rules: false }
    }

    fn work(&self) -> u128 {
        self.ledger.history(self.ledger.height() + 1).work().hashes()
    }

    /// Notes what a change adds to the chain as wrong.
    fn wrongly(&mut self, change: impl FnOnce(&mut Ledger)) {
        let from = self.work();
        change(&mut self.ledger);
        self.wrong.push(from..self.work());
    }

    fn mine_to(&mut self, height: u64) {
        while self.ledger.height() < height {
            let elapsed_ms = self.ledger.pace();
            self.ledger.mine(elapsed_ms);
        }
    }

    fn stakes(&self) -> Stakes {
        let height = self.ledger.height();
        let below = self.ledger.history(height + 1 - SCHEME.tail_of(height)).work().hashes();
        let tip = self.ledger.tip().header.work().hashes();
        Stakes { below, tail: self.work() - below, tip }
    }

    /// Proves the chain with many tips.
    fn try_tips(&mut self, tips: u32) -> Tally {
        let network = self.ledger.network.clone();
        let mut tally = Tally { tips, ..Tally::default() };
        for salt in 0..tips {
            self.ledger.mine_tip_again(salt.into());
            let (stakes, seed) = (self.stakes(), self.ledger.tip().header.hash());
            let points = points(SCHEME, &stakes, &seed).unwrap();
            let is_wrong = |point: &&u128| self.wrong.iter().any(|wrong| wrong.contains(point));
            let hits = points.iter().filter(is_wrong).count();
            let bytes = prove::prove(&network, self.ledger.height(), &mut self.ledger, SCHEME).unwrap();
            let verdict = verify::verify(&network, &bytes, SCHEME);
            let got_past = verdict.is_ok();
            assert!(!got_past || hits == 0, "SEED={salt}: {verdict:?}");
            assert!(got_past || hits > 0 || self.breaks_node_rules, "SEED={salt}: {verdict:?}");
            tally.passed += u32::from(verdict.is_ok());
            tally.points += u32::try_from(points.len()).unwrap();
            tally.hits += u32::try_from(hits).unwrap();
        }
        tally.expect(&self.stakes());
        tally
    }
}

impl Tally {
    #[expect(clippy::cast_precision_loss, reason = "statistics")]
    fn expect(&mut self, stakes: &Stakes) {
        let total = (stakes.below + stakes.tail) as f64;
        let k = (total / stakes.tail as f64).log2().max(2.0);
        self.miss = 1.0 - 1.0 / k;
        self.pass = stakes.tip as f64 * 2.0 / total;
    }

    /// Asserts that a point hits what is wrong at no less than the stated rate, and a tip gets past no oftener.
    fn is_as_stated(&self) {
        let (points, hits) = (f64::from(self.points), f64::from(self.hits));
        let expected = points * (1.0 - self.miss);
        assert!(hits > expected - 5.0 * (expected * self.miss).sqrt(), "{expected} expected: {self:?}");
        let expected = f64::from(self.tips) * self.pass;
        assert!(
            f64::from(self.passed) < expected + 5.0 * expected.sqrt() + 1.0,
            "{expected} at most: {self:?}"
        );
    }
}

/// Leaves the honest chain at `fork`, claims headers without work for half of the rest, and mines the other half.
fn lazy(half_life_ms: u64, fork: u64, height: u64) -> Cheat {
    let mut cheat = Cheat::new(Ledger::honest(network(0x207f_ffff, half_life_ms), fork));
    for _ in 0..(height - fork).div_ceil(2) {
        cheat.wrongly(|ledger| ledger.fake(ledger.pace()));
    }
    cheat.mine_to(height);
    cheat
}

#[test]
fn half_of_the_work_since_any_fork_gets_past_no_oftener_than_stated() {
    for fork in [1, 200, 350, 420, 450] {
        lazy(0, fork, 500).try_tips(1_000).is_as_stated();
    }
}

#[test]
fn so_it_is_when_the_difficulty_moves() {
    for fork in [150, 350, 440] {
        lazy(600_000, fork, 500).try_tips(300).is_as_stated();
    }
}

#[test]
fn an_honest_chain_always_gets_past() {
    let mut honest = Cheat::new(Ledger::honest(network(0x207f_ffff, 600_000), 400));
    let tally = honest.try_tips(100);
    assert_eq!((tally.passed, tally.hits), (100, 0));
}

#[test]
fn headers_with_easier_targets_than_follow_are_caught_when_shown() {
    let mut cheat = Cheat::new(Ledger::honest(network(0x207f_ffff, 600_000), 150));
    cheat.breaks_node_rules = true;
    for _ in 0..150 {
        // Mined, but at the limit, whatever the parent's time demands.
        cheat.wrongly(|ledger| {
            let mut opened = ledger.draft(1, 0);
            opened.header.bits = Bits::from_u32(0x207f_ffff);
            ledger.put(mined(opened));
        });
    }
    // From the limit's target on, that the last of them has, the chain is right again.
    cheat.mine_to(420);
    let tally = cheat.try_tips(200);
    assert!(tally.hits > 0 && tally.passed < 200, "{tally:?}");
}

#[test]
fn a_difficulty_raised_at_once_is_caught() {
    let mut cheat = Cheat::new(Ledger::honest(network(0x207f_ffff, 600_000), 300));
    cheat.breaks_node_rules = true;
    // One header worth more than all others, and mined: 2^16 hashes.
    cheat.wrongly(|ledger| {
        let mut opened = ledger.draft(15_000, 0);
        opened.header.bits = Bits::from_u32(0x1f00_ffff);
        ledger.put(mined(opened));
    });
    // The next one's bits do not follow from it either.
    cheat.wrongly(|ledger| {
        let mut opened = ledger.draft(15_000, 0);
        opened.header.bits = Bits::from_u32(0x207f_ffff);
        ledger.put(mined(opened));
    });
    cheat.mine_to(400);
    let tally = cheat.try_tips(100);
    assert_eq!(tally.passed, 0, "{tally:?}");
}

#[test]
fn others_blocks_do_not_fit_above_a_history_of_ones_own() {
    let network = network(0x207f_ffff, 0);
    let honest = Ledger::honest(network.clone(), 400);
    let mut own = Ledger::honest(network, 100);
    own.mine(77);
    let mut cheat = Cheat::new(own);
    while cheat.ledger.height() < 400 {
        let stolen = *honest.at(cheat.ledger.height() + 1);
        cheat.wrongly(|ledger| ledger.put(stolen));
        let later = stolen.header.time.ms_since(cheat.ledger.tip().header.time);
        cheat.ledger.mine(later + 1);
    }
    cheat.mine_to(440);
    cheat.try_tips(300).is_as_stated();
}

#[test]
fn a_forged_sum_is_caught_when_it_is_opened() {
    for factor in [2, 50] {
        let ledger = Ledger::honest(network(0x207f_ffff, 600_000), 255);
        let mut cheat = Cheat::new(ledger);
        let end = cheat.work();
        let from = cheat.ledger.history(128).work().hashes();
        cheat.ledger.forge_node(7, |node| {
            node.work = Work::from_hashes(node.work.hashes() * factor);
        });
        assert_eq!(cheat.work(), end + (end - from) * (factor - 1));
        cheat.wrong.push(from..cheat.work());
        cheat.mine_to(400);
        cheat.try_tips(200).is_as_stated();
    }
}

#[test]
fn sums_that_go_round_are_refused() {
    let network = network(0x207f_ffff, 0);
    let mut ledger = Ledger::honest(network.clone(), 63);
    ledger.forge_node(5, |node| node.work = Work::from_hashes(u128::MAX));
    while ledger.height() < 100 {
        ledger.mine(15_000);
    }
    // No stakes hold such a sum, so that no points can be drawn.
    let proven = prove::prove(&network, 100, &mut ledger, SCHEME);
    assert!(matches!(proven, Err(prove::ProveError::Chain(ProofError::Stakes { .. }))), "{proven:?}");
}

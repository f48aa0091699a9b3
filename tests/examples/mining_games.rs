//! The long form of the games of `plexus_tests::mining_game`: tables for DESIGN.md.
//!
//! `cargo run --release -p plexus-tests --example mining_games` takes a few minutes.

#![allow(clippy::unwrap_used, reason = "a game that cannot go on has no result")]

use plexus_core::Network;
use plexus_core::primitives::pow::Retarget;
use plexus_tests::mining_game::ForkRule;
use plexus_tests::mining_game::partition::PartitionGame;
use plexus_tests::mining_game::selfish::{SelfishGame, Strategy};
use plexus_tests::mining_game::settling::{Settling, mean, settled_from};

const HEIGHTS: u64 = 100_000;
const PARTITIONS: u64 = 1_000;
const CHAINS: u64 = 1_000;

fn main() {
    settling();
    withholding();
    late_times();
    partitions();
}

fn settling() {
    let retarget = *Network::plexus().retarget();
    println!(
        "A young chain: hash rate, blocks in the first minute, blocks in the first quarter of an hour, settled from height"
    );
    for rate in [17e6, 100e6, 1e9, 10e9] {
        let chains: Vec<_> = (0..CHAINS).map(|seed| Settling::play(retarget, rate, 1_000, seed)).collect();
        let minute = mean(&chains, |chain| chain.first_minute as f64);
        let quarter = mean(&chains, |chain| chain.times_s.iter().filter(|at| **at < 900.0).count() as f64);
        let later = mean(&chains, |chain| chain.interval_s(500, 1_000));
        let settled = settled_from(&chains, 15.0, 0.9);
        println!(
            "{:>6} MH/s {minute:>7.1} {quarter:>7.1} {settled:>5}   then {later:.1} s a block",
            rate / 1e6
        );
    }
}

fn withholding() {
    println!(
        "Withholding: share of the hash rate, share reached first; share of the blocks by more work, by the margin"
    );
    for share in [0.10, 0.25, 1.0 / 3.0] {
        for reached_first in [0.0, 0.5, 1.0] {
            let play = |rule| game(rule, share, reached_first, Strategy::Withhold, f64::INFINITY).play();
            let [old, new] = [ForkRule::MoreWork, ForkRule::Margin].map(play);
            println!(
                "{:>5.1} % {reached_first:>4.1} {:>6.1} % {:>6.1} %",
                share * 100.0,
                old * 100.0,
                new * 100.0
            );
        }
    }
}

fn late_times() {
    println!(
        "Late times, a third of the hash rate: ahead by; share of the blocks if nodes take all, and if they keep back"
    );
    for ahead_s in [0.0, 5.0, 30.0, 60.0] {
        let play = |take: f64| {
            game(ForkRule::Margin, 1.0 / 3.0, 0.0, Strategy::Late(ahead_s * 1_000.0), take).play() * 100.0
        };
        println!("{ahead_s:>4} s {:>6.1} % {:>6.1} %", play(f64::INFINITY), play(5_000.0));
    }
}

fn game(
    rule: ForkRule,
    share: f64,
    reached_first: f64,
    strategy: Strategy,
    take_ahead_ms: f64,
) -> SelfishGame {
    let retarget = easy();
    SelfishGame { rule, retarget, share, reached_first, strategy, take_ahead_ms, heights: HEIGHTS, seed: 1 }
}

fn partitions() {
    println!(
        "Partitions that heal: hash rate during it and afterwards; blocks until 10 nodes agree: mean, 99 of 100, most"
    );
    for change in [1.0, 0.1, 0.001] {
        let play =
            |seed| PartitionGame { rule: ForkRule::Margin, retarget: easy(), nodes: 10, change, seed }.play();
        let mut blocks: Vec<_> = (0..PARTITIONS).map(play).collect();
        blocks.sort_unstable();
        let mean = blocks.iter().sum::<usize>() as f64 / blocks.len() as f64;
        let within = |most| blocks.iter().filter(|blocks| **blocks <= most).count();
        println!(
            "{:>6} {mean:>6.2} {:>3} {:>3}   within one {}, within four {}",
            change,
            blocks[blocks.len() * 99 / 100],
            blocks.last().unwrap(),
            within(1),
            within(4)
        );
    }
}

/// Returns the rule of difficulty of `plexus`, with a limit that no game reaches.
fn easy() -> Retarget {
    let limit = plexus_core::primitives::pow::Bits::from_u32(0x207f_ffff).target().unwrap();
    Retarget { limit, ..*Network::plexus().retarget() }
}

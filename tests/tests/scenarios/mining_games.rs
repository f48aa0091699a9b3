//! Games of miners in a short form: `examples/mining_games.rs` plays them longer, and prints tables.

use plexus_core::Network;
use plexus_core::primitives::pow::{Bits, Retarget};
use plexus_tests::mining_game::ForkRule;
use plexus_tests::mining_game::partition::PartitionGame;
use plexus_tests::mining_game::selfish::{SelfishGame, Strategy};
use plexus_tests::mining_game::settling::{Settling, mean, settled_from};

/// Returns the rule of difficulty of `plexus`, with a limit that no game reaches.
fn retarget() -> Retarget {
    let limit = Bits::from_u32(0x207f_ffff).target().unwrap();
    Retarget { limit, ..*Network::plexus().retarget() }
}

fn selfish(rule: ForkRule, share: f64, reached_first: f64, strategy: Strategy) -> f64 {
    let take_ahead_ms = 5_000.0;
    let game = SelfishGame {
        rule,
        retarget: retarget(),
        share,
        reached_first,
        strategy,
        take_ahead_ms,
        heights: 15_000,
        seed: 7,
    };
    game.play()
}

#[test]
fn a_new_chain_finds_the_hash_rate_of_one_tab_in_minutes() {
    let plexus = *Network::plexus().retarget();
    let chains: Vec<_> = (0..300).map(|seed| Settling::play(plexus, 17e6, 400, seed)).collect();
    let first = mean(&chains, |chain| chain.first_minute as f64);
    assert!((35.0..65.0).contains(&first), "{first} blocks in the first minute");
    let settled = settled_from(&chains, 15.0, 0.8);
    assert!((30..120).contains(&settled), "settled from block {settled} on");
    let later = mean(&chains, |chain| chain.interval_s(200, 400));
    assert!((13.5..16.0).contains(&later), "{later} s a block");
}

#[test]
fn withholding_blocks_pays_less_by_the_margin_than_by_more_work() {
    let play = |rule, share, first| selfish(rule, share, first, Strategy::Withhold);
    for (share, most) in [(0.10, 0.105), (0.25, 0.26), (1.0 / 3.0, 0.345)] {
        let (old, new) = (play(ForkRule::MoreWork, share, 0.0), play(ForkRule::Margin, share, 0.0));
        assert!(new < most, "a share of {share} gets {new}");
        assert!(old > new && old > share, "a share of {share} got {old} by more work, {new} by the margin");
    }
    let half = play(ForkRule::Margin, 1.0 / 3.0, 0.5);
    assert!((0.34..0.40).contains(&half), "reached half of the others first: {half}");
}

#[test]
fn stating_late_times_does_not_pay() {
    for ahead_ms in [5_000.0, 60_000.0] {
        let late = selfish(ForkRule::Margin, 1.0 / 3.0, 0.0, Strategy::Late(ahead_ms));
        assert!(late < 0.347, "{ahead_ms} ms ahead: {late}");
    }
}

#[test]
fn healed_partitions_agree_within_a_few_blocks() {
    for change in [1.0, 0.001] {
        let play = |seed| {
            PartitionGame { rule: ForkRule::Margin, retarget: retarget(), nodes: 10, change, seed }.play()
        };
        let blocks: Vec<_> = (0..300).map(play).collect();
        let within = |most| blocks.iter().filter(|blocks| **blocks <= most).count();
        assert!(within(1) >= 294, "at {change} of the hash rate {} of 300 within one block", within(1));
        assert_eq!(within(4), 300, "at {change} of the hash rate: {:?}", blocks.iter().max());
    }
}

//! The order in which blocks come, and blocks that let a rival win.

use super::*;
use crate::primitives::rng::SeededRng;

/// Returns a chain of 40 blocks in quick succession, so that a block's work is some thousand hashes and time moves it.
fn hard(network: &Network) -> (Chain, Header) {
    let mut chain = Chain::new(network.clone());
    let headers = branch(network, network.genesis(), 40, 1, 1);
    grow(&mut chain, &headers);
    (chain, headers[39])
}

#[test]
fn an_earlier_sibling_does_not_replace_the_tip_by_a_little_more_work() {
    let network = easy(4_000);
    let (mut chain, parent) = hard(&network);
    let (tip, withheld) = (child(&network, &parent, 1_000, 1), child(&network, &parent, 1, 2));
    grow(&mut chain, &[tip]);
    assert!(withheld.work() > tip.work(), "it is harder, because it states an earlier time");
    assert_eq!(chain.insert(withheld, LATE), Ok(Inserted::New { leads: false }));
    assert_eq!(chain.mark_validated(&withheld.hash()), TipUpdate::Side);
    assert_eq!(chain.most_work(), chain.find(&withheld.hash()).unwrap().total_work);
    // With a block on top it wins.
    let next = child(&network, &withheld, 1_000, 3);
    assert_eq!(chain.insert(next, LATE), Ok(Inserted::New { leads: true }));
    let (undone, done) = (vec![tip.hash()], hashes(&[withheld, next]));
    assert_eq!(chain.mark_validated(&next.hash()), TipUpdate::Reorged { fork: 40, undone, done });
}

#[test]
fn a_small_block_on_the_tip_lets_a_rival_win() {
    let network = easy(4_000);
    let (mut chain, parent) = hard(&network);
    let (tip, rival) = (child(&network, &parent, 1_000, 1), child(&network, &parent, 1, 2));
    grow(&mut chain, &[tip]);
    insert(&mut chain, &rival);
    assert_eq!(chain.mark_validated(&rival.hash()), TipUpdate::Side);
    let small = child(&network, &tip, 60_000, 3);
    assert_eq!(chain.insert(small, LATE), Ok(Inserted::New { leads: true }));
    assert_eq!(chain.best_header().hash, rival.hash(), "not the block that came");
    assert_eq!(chain.tip().hash, tip.hash());
    let (undone, done) = (vec![tip.hash()], vec![rival.hash()]);
    assert_eq!(chain.mark_validated(&small.hash()), TipUpdate::Reorged { fork: 40, undone, done });
    assert_eq!((chain.tip().hash, chain.best_header().hash), (rival.hash(), rival.hash()));
    assert_eq!(chain.unsettled(), None);
}

#[test]
fn many_rivals_are_forgotten_but_the_one_with_most_work() {
    let network = easy(4_000);
    let (mut chain, parent) = hard(&network);
    let tip = child(&network, &parent, 1_000, 1);
    grow(&mut chain, &[tip]);
    let rivals: Vec<_> =
        (0..CONTENDERS_MAX as u64 + 20).map(|salt| child(&network, &parent, 1 + salt, 100 + salt)).collect();
    for rival in &rivals {
        insert(&mut chain, rival);
        assert_eq!(chain.mark_validated(&rival.hash()), TipUpdate::Side);
    }
    let small = child(&network, &tip, 60_000, 3);
    insert(&mut chain, &small);
    chain.mark_validated(&small.hash());
    assert_eq!(chain.tip().hash, rivals[0].hash());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn nodes_agree_one_block_after_all_blocks_have_come_in_any_order(seed: [u8; 32]) {
        let (network, mut rng) = (easy(4_000), SeededRng::new(seed));
        let (start, parent) = hard(&network);
        let mut blocks = vec![parent];
        for salt in 0..24 {
            let newest = blocks.len().min(4);
            let parent = blocks[blocks.len() - 1 - rng.index(newest)];
            blocks.push(child(&network, &parent, 1 + rng.below(4_000), 10 + salt));
        }
        let tips: Vec<_> = (0..4)
            .map(|_| {
                let (mut chain, mut left) = (start.clone(), blocks[1..].to_vec());
                while !left.is_empty() {
                    let ready: Vec<_> = (0..left.len())
                        .filter(|index| chain.is_verified(&left[*index].prev_hash))
                        .collect();
                    let block = left.remove(ready[rng.index(ready.len())]);
                    insert(&mut chain, &block);
                    chain.mark_validated(&block.hash());
                }
                chain
            })
            .collect();
        for chain in &tips {
            let next = child(&network, &chain.tip().header, 1_000, 99);
            for mut other in tips.iter().cloned() {
                insert(&mut other, &next);
                other.mark_validated(&next.hash());
                prop_assert_eq!(other.tip().hash, next.hash());
            }
        }
    }
}

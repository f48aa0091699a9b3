use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::mining::search::grind;
use crate::primitives::params::Parameters;
use crate::primitives::pow::Bits;

mod model;
mod order;

/// Returns a network where every second hash is a block and the difficulty moves with
/// `half_life_ms`. Blocks are due each second.
pub(crate) fn easy(half_life_ms: u64) -> Network {
    let parameters = Parameters {
        name: "easy".to_owned(),
        genesis_time: Timestamp::from_unix_ms(1_767_225_600_000),
        spacing_ms: 1_000,
        half_life_ms,
        limit_bits: Bits::from_u32(0x207f_ffff),
        block_bytes_max: 1 << 20,
        block_messages_max: 4_096,
    };
    Network::new(parameters).unwrap()
}

/// Returns a mined header on `parent`, `elapsed_ms` after it. `salt` distinguishes it from its
/// siblings.
pub(crate) fn child(network: &Network, parent: &Header, elapsed_ms: u64, salt: u64) -> Header {
    let time = parent.time.plus_ms(elapsed_ms);
    let mut header = Header {
        prev_hash: parent.hash(),
        content_root: Hash::of(&salt.to_be_bytes()),
        version: crate::primitives::block::VERSION,
        height: parent.height + 1,
        time,
        bits: network.next_bits(parent, time),
        nonce: 0,
    };
    header.nonce = grind(&header, 1 << 24).unwrap();
    header
}

/// Returns `count` headers on `parent`, each `elapsed_ms` after the one before.
pub(crate) fn branch(
    network: &Network,
    parent: &Header,
    count: usize,
    elapsed_ms: u64,
    salt: u64,
) -> Vec<Header> {
    let next = |parent: &Header| Some(child(network, parent, elapsed_ms, salt));
    std::iter::successors(next(parent), next).take(count).collect()
}

/// A time later than any header here.
pub(crate) const LATE: Timestamp = Timestamp::from_unix_ms(2_000_000_000_000);

fn insert(chain: &mut Chain, header: &Header) {
    let inserted = chain.insert(*header, LATE).unwrap();
    assert!(matches!(inserted, Inserted::New { .. }), "{inserted:?}");
}

/// Inserts and verifies headers one by one.
pub(crate) fn grow(chain: &mut Chain, headers: &[Header]) {
    for header in headers {
        insert(chain, header);
        assert_eq!(chain.mark_validated(&header.hash()), TipUpdate::Extended);
    }
}

fn hashes(headers: &[Header]) -> Vec<Hash> {
    headers.iter().map(Header::hash).collect()
}

/// Checks the invariants of every chain at any time.
fn check_locator(chain: &Chain) {
    let locator = chain.locator();
    assert!(locator.len() <= LOCATOR_MAX);
    assert_eq!(locator.first(), Some(&chain.best_header().hash));
    assert_eq!(locator.last(), Some(chain.network().id()));
    let distinct: BTreeSet<_> = locator.iter().collect();
    assert_eq!(distinct.len(), locator.len(), "no hash twice");
}

#[test]
fn a_header_comes_once_in_time_and_after_its_parent() {
    let network = easy(0);
    let mut chain = Chain::new(network.clone());
    let headers = branch(&network, network.genesis(), 2, 100_000, 1);
    assert_eq!(chain.insert(headers[1], LATE), Ok(Inserted::Orphan));
    let at = headers[0].time.minus_ms(5_000);
    assert_eq!(chain.insert(headers[0], at.minus_ms(1)), Ok(Inserted::TimeTooNew { at }));
    assert_eq!(chain.insert(headers[0], at), Ok(Inserted::New { leads: true }));
    assert_eq!(chain.insert(headers[0], at), Ok(Inserted::Known));
    assert_eq!(chain.insert(*network.genesis(), at), Ok(Inserted::Known));
    assert_eq!(chain.insert(headers[1], LATE), Ok(Inserted::New { leads: true }));
    assert_eq!((chain.tip().header.height, chain.best_header().header.height), (0, 2));
    let bad = Header { version: 1, ..child(&network, &headers[1], 1, 1) };
    assert!(chain.insert(bad, LATE).unwrap_err().contains(&RuleError::Version { found: 1 }));
}

#[test]
fn of_equal_work_the_first_header_leads_until_the_other_is_the_tip() {
    let network = easy(0);
    let mut chain = Chain::new(network.clone());
    let (first, second) =
        (child(&network, network.genesis(), 1, 1), child(&network, network.genesis(), 1, 2));
    insert(&mut chain, &first);
    assert_eq!(chain.insert(second, LATE), Ok(Inserted::New { leads: false }));
    assert_eq!(chain.mark_validated(&second.hash()), TipUpdate::Extended, "a tip is better than none");
    assert_eq!(chain.best_header().hash, second.hash(), "the first does not replace it");
    assert_eq!(chain.mark_validated(&first.hash()), TipUpdate::Side);
    let third = child(&network, &first, 1, 3);
    assert_eq!(chain.insert(third, LATE), Ok(Inserted::New { leads: true }));
    let (undone, done) = (vec![second.hash()], hashes(&[first, third]));
    assert_eq!(chain.mark_validated(&third.hash()), TipUpdate::Reorged { fork: 0, undone, done });
}

#[test]
fn what_follows_an_invalid_block_is_invalid() {
    let network = easy(0);
    let mut chain = Chain::new(network.clone());
    let headers = branch(&network, network.genesis(), 4, 1, 1);
    headers.iter().for_each(|header| insert(&mut chain, header));
    chain.mark_validated(&headers[0].hash());
    chain.remove_invalid(&headers[1].hash());
    assert_eq!((chain.best_header().hash, chain.size()), (headers[0].hash(), 2));
    for header in &headers[1..3] {
        assert!(matches!(chain.insert(*header, LATE).unwrap_err()[..], [RuleError::Ancestor { .. }]));
        assert!(chain.is_invalid(&header.hash()));
    }
    chain.remove_invalid(&headers[0].hash());
    assert_eq!(chain.tip().hash, headers[0].hash(), "a verified block stays");
    let sibling = child(&network, &headers[0], 1, 9);
    grow(&mut chain, &[sibling]);
}

#[test]
fn no_more_headers_than_allowed_lie_ahead() {
    let network = easy(0);
    let mut chain = Chain::new(network.clone());
    let headers = branch(&network, network.genesis(), AHEAD_MAX + 2, 1, 1);
    headers[..AHEAD_MAX].iter().for_each(|header| insert(&mut chain, header));
    assert_eq!(chain.insert(headers[AHEAD_MAX], LATE), Ok(Inserted::TooFarAhead));
    check_locator(&chain);
    chain.mark_validated(&headers[0].hash());
    assert_eq!(chain.insert(headers[AHEAD_MAX], LATE), Ok(Inserted::New { leads: true }));
    assert_eq!(chain.insert(headers[AHEAD_MAX + 1], LATE), Ok(Inserted::TooFarAhead));
    assert_eq!(chain.missing_blocks().len(), AHEAD_MAX);
}

#[test]
fn memory_is_bounded_and_a_checkpoint_restores_the_chain() {
    let network = easy(0);
    let mut chain = Chain::new(network.clone());
    let headers = branch(&network, network.genesis(), 2 * WINDOW_MAX + 5_000, 1_000, 1);
    let mut below = Mmr::default();
    for (header, height) in headers.iter().zip(1..) {
        grow(&mut chain, core::slice::from_ref(header));
        // One sibling each, so that the side has to be left behind too.
        if height % 8 == 0 {
            let sibling = Header { nonce: header.nonce + 1, ..*header };
            let _ = chain.insert(sibling, LATE);
        }
        if height % 4_096 == 0 {
            assert!(chain.size() <= 2 * WINDOW_MAX, "{} headers at height {height}", chain.size());
            assert!(chain.skeleton.len() < 60);
            check_locator(&chain);
        }
        if height == headers.len() - WINDOW_MAX {
            below = chain.history(&header.hash()).unwrap().clone();
        }
    }
    assert!(chain.size() < 2 * WINDOW_MAX);
    assert!(chain.is_in_skeleton(network.id()));
    let base = headers.len() - WINDOW_MAX + 1;
    assert_eq!(chain.best_at(base as u64), Some(&headers[base - 1].hash()));
    assert_eq!(chain.best_at(base as u64 - 1), None);

    let mut restored = Chain::restore(network.clone(), below.clone(), &headers[base - 1..]).unwrap();
    assert_eq!((restored.tip(), restored.best_header()), (chain.tip(), chain.best_header()));
    assert_eq!(restored.history(&restored.tip().hash), chain.history(&chain.tip().hash));
    check_locator(&restored);
    let more = branch(&network, &chain.tip().header, 3, 1_000, 2);
    grow(&mut chain, &more);
    grow(&mut restored, &more);
    assert_eq!(restored.tip(), chain.tip());

    let damaged = Chain::restore(network.clone(), below.clone(), &headers[base..]).unwrap_err();
    assert_eq!(damaged.height, base as u64);
    let mut headers = headers[base - 1..base + 100].to_vec();
    headers[50].nonce ^= 1 << 40;
    let damaged = Chain::restore(network.clone(), below, &headers).unwrap_err();
    assert!((base as u64 + 50..=base as u64 + 51).contains(&damaged.height), "{damaged}");
    let other = Header { nonce: 1, ..*network.genesis() };
    assert_eq!(Chain::restore(network, Mmr::default(), &[other]).unwrap_err().height, 0);
}

/// Returns a best branch of 300 and a second branch that forks off at 100. The second is known up
/// to 320 and verified up to 250.
fn forked(network: &Network) -> (Chain, Vec<Header>, Vec<Header>) {
    let mut chain = Chain::new(network.clone());
    let best = branch(network, network.genesis(), 300, 1_000, 1);
    grow(&mut chain, &best);
    let other = branch(network, &best[99], 220, 1_000, 2);
    other.iter().for_each(|header| insert(&mut chain, header));
    assert_eq!(chain.best_header().header, other[219]);
    for header in &other[..150] {
        assert_eq!(chain.mark_validated(&header.hash()), TipUpdate::Side);
    }
    assert_eq!((chain.best_validated().header.height, chain.missing_blocks().len()), (250, 70));
    (chain, best, other)
}

#[test]
fn a_crowded_side_gives_way_and_the_branches_that_matter_stay() {
    let network = easy(0);
    let (mut chain, best, other) = forked(&network);
    for salt in 0..SIDE_MAX as u64 * 3 / 2 {
        insert(&mut chain, &child(&network, network.genesis(), 1, 1_000 + salt));
        assert!(
            chain.size()
                <= chain.window.hashes().len() + chain.missing_blocks().len() + WINDOW_MAX + SIDE_MAX
        );
    }
    assert!(chain.size() < 650 + SIDE_MAX, "something gave way");
    for header in best.iter().chain(&other) {
        assert!(chain.find(&header.hash()).is_some(), "height {}", header.height);
    }
    let validated = chain.best_validated().hash;
    assert!(other[..149].iter().all(|header| chain.is_ancestor(&header.hash(), &validated)));
    assert!(!chain.is_ancestor(&best[150].hash(), &validated));
    for header in &other[150..200] {
        assert_eq!(chain.mark_validated(&header.hash()), TipUpdate::Side);
    }
    let mut undone = hashes(&best[100..]);
    undone.reverse();
    let done = hashes(&other[..201]);
    assert_eq!(chain.mark_validated(&other[200].hash()), TipUpdate::Reorged { fork: 100, undone, done });
    for (height, header) in (101..=301).zip(&other) {
        assert_eq!(chain.best_at(height), Some(&header.hash()));
    }
}

#[test]
fn a_branch_that_leaves_below_the_window_is_let_in() {
    let network = easy(100_000);
    let mut chain = Chain::new(network.clone());
    let best = branch(&network, network.genesis(), WINDOW_MAX + 3_000, 1_000, 1);
    let root = best[1_023];
    let mut history = Mmr::default();
    for header in &best {
        grow(&mut chain, core::slice::from_ref(header));
        if header.height == root.height {
            history = chain.history(&root.hash()).unwrap().clone();
        }
    }
    assert!(chain.is_in_skeleton(&root.hash()) && chain.find(&root.hash()).is_none());
    // Blocks in quick succession are increasingly hard, so fewer blocks have more work.
    let other = branch(&network, &root, 900, 1, 2);
    assert_eq!(chain.insert(other[0], LATE), Ok(Inserted::Orphan));
    assert!(!chain.begin_redownload(&root.hash()));
    let tip = chain.tip();

    chain.insert_fork_point(root, history.clone());
    assert!(chain.begin_redownload(&root.hash()));
    other[..300].iter().for_each(|header| insert(&mut chain, header));
    assert_eq!((chain.best_header().header, chain.missing_blocks().len()), (other[299], 300));
    assert_eq!(chain.mark_validated(&other[0].hash()), TipUpdate::Side);
    assert_eq!(chain.fork_below(&other[0].hash()), root.height);
    check_locator(&chain);
    chain.abandon_redownload();
    assert_eq!((chain.best_header(), chain.missing_blocks().len()), (tip, 0));

    chain.insert_fork_point(root, history);
    assert!(chain.begin_redownload(&root.hash()));
    for header in &other {
        assert!(chain.insert(*header, LATE).is_ok());
    }
    assert!(chain.best_header().total_work > tip.total_work);
    let mut moved = None;
    for header in &other {
        match chain.mark_validated(&header.hash()) {
            TipUpdate::Side => assert_eq!((chain.tip(), moved.is_none()), (tip, true)),
            TipUpdate::Extended => assert!(moved.is_some()),
            TipUpdate::Reorged { fork, undone, done } => {
                assert_eq!(fork, root.height);
                let mut expected = hashes(&best[best.len() - WINDOW_MAX..]);
                expected.reverse();
                assert_eq!(undone, expected);
                let last = usize::try_from(header.height - root.height).unwrap();
                assert_eq!(done, hashes(&other[..last]));
                assert_eq!(moved.replace(header.height), None);
            }
        }
    }
    assert!(moved.is_some());
    assert_eq!(chain.tip().header, other[899]);
    for header in &other {
        assert_eq!(chain.best_at(header.height), Some(&header.hash()));
    }
    check_locator(&chain);
    assert!(chain.locator().contains(&root.hash()) || chain.find(&root.hash()).is_some());
    grow(&mut chain, &branch(&network, &other[899], 2_000, 1_000, 3));
    check_locator(&chain);
}

#[test]
fn a_branch_longer_than_memory_replaces_the_best() {
    let network = easy(0);
    let mut chain = Chain::new(network.clone());
    let best = branch(&network, network.genesis(), WINDOW_MAX + 6_000, 1_000, 1);
    grow(&mut chain, &best);
    let other = branch(&network, network.genesis(), best.len() + 500, 1_001, 2);
    chain.insert_fork_point(
        *network.genesis(),
        Mmr::default().append(network.genesis().record(*network.id())),
    );
    assert!(chain.begin_redownload(network.id()));
    let (mut ahead, mut moved) = (other.iter(), false);
    for header in &other {
        // Headers run a little ahead of bodies.
        while chain.missing_blocks().len() < 2_000
            && let Some(header) = ahead.next()
        {
            insert(&mut chain, header);
        }
        let hash = header.hash();
        let outcome = chain.mark_validated(&hash);
        assert_eq!(moved, matches!(outcome, TipUpdate::Extended));
        if let TipUpdate::Reorged { fork, undone, done } = outcome {
            assert_eq!((fork, undone.len()), (0, WINDOW_MAX));
            assert!(done.len() >= WINDOW_MAX);
            assert_eq!(done, hashes(&other[best.len() + 1 - done.len()..=best.len()]));
            moved = true;
        }
        if header.height % 512 == 0 {
            assert!(chain.size() <= 2 * WINDOW_MAX + 2_000 + SIDE_MAX + 8, "{}", chain.size());
            let depth = usize::try_from(header.height).unwrap().min(WINDOW_MAX) - 1;
            let below = &other[usize::try_from(header.height).unwrap() - 1 - depth];
            assert!(chain.is_ancestor(&below.hash(), &hash), "height {}", header.height);
            check_locator(&chain);
        }
    }
    assert!(moved);
    assert_eq!(chain.tip().header, other[other.len() - 1]);
    assert!((chain.lowest()..=chain.tip().header.height).all(|height| {
        chain.best_at(height) == Some(&other[usize::try_from(height).unwrap() - 1].hash())
    }));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn chooses_as_the_naive_model_does(steps in proptest::collection::vec(model::step(), 1..120)) {
        model::ChainPair::new(easy(4_000)).run(&steps);
    }
}

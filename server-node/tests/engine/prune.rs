//! A store whose old bodies are deleted: what it keeps, what it says, and what it still proves.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use plexus_core::node::storage::Change;
use plexus_core::primitives::message::{Draft, TEXT_BYTES_MAX};
use plexus_core::primitives::params::Network;
use plexus_core::primitives::time::Timestamp;
use plexus_core::proof::chain_proof;
use plexus_node::store::{KEPT_BODIES_MIN, KeepBodies, STEP_BLOCKS, Store, StoreError};
use plexus_tests::test_rng::TestRng;

use crate::crash::Disk;
use crate::forge::{Forge, Forged, secret};

/// A time at which no block is older than a few hours.
const NOW: Timestamp = Timestamp::from_unix_ms(1_767_225_600_000);
const FEWEST: KeepBodies = KeepBodies::Blocks(KEPT_BODIES_MIN);

fn open(data: &Path) -> Arc<Store> {
    Store::open(data, &Network::dev()).unwrap()
}

fn grow(blocks: &[Forged]) -> Vec<Change> {
    blocks.iter().flat_map(|block| block.changes(block.height() - 1)).collect()
}

/// Prunes until nothing is left to delete. Returns the number of deleted bodies.
fn prune(store: &Store, keep: KeepBodies, now: Timestamp) -> usize {
    let steps = std::iter::repeat_with(|| store.prune(keep, now).unwrap());
    steps.take_while(|step| !step.is_done).map(|step| step.bodies).sum()
}

fn assert_proves(store: &Store, last: &Forged) {
    let network = Network::dev();
    let proven = chain_proof::verify(&network, &store.prove(&network).unwrap()).unwrap();
    assert_eq!((proven.hash, proven.history), (last.hash, last.history.clone()));
}

/// Asserts that the bodies from `first` on are whole, and that those below are said to be deleted.
fn assert_kept(store: &Store, blocks: &[Forged], first: u64) {
    assert_eq!(store.kept_from(), Some(first).filter(|first| *first > 1));
    for block in blocks {
        let height = block.height();
        assert!(store.header(&block.hash).unwrap().is_some(), "header {height}");
        match store.block(&block.hash) {
            Ok(stored) => {
                assert!(height >= first, "{height}");
                assert_eq!(stored.unwrap().block, block.block.encode());
            }
            Err(StoreError::Pruned { block: hash, height: told, kept_from }) => {
                assert!(height < first, "{height}");
                assert_eq!((hash, told, kept_from), (block.hash, height, first));
            }
            Err(error) => panic!("{error}"),
        }
    }
}

/// Deletes all bodies that may be deleted from a store. Returns the height from which on it keeps
/// them.
pub(crate) fn to_fewest(data: &Path) -> u64 {
    let store = open(data);
    prune(&store, FEWEST, NOW);
    store.kept_from().unwrap()
}

#[test]
fn keeps_the_newest_bodies_and_proves_the_whole_chain() {
    let (mut forge, data) = (Forge::new(1), tempfile::tempdir().unwrap());
    let mut blocks = forge.blocks(1_600, 0);
    blocks.extend(forge.blocks(2, 3));
    let store = open(data.path());
    store.apply(&grow(&blocks)).unwrap();
    assert_proves(&store, blocks.last().unwrap());
    let first = 1_602 + 1 - KEPT_BODIES_MIN;
    let step = store.prune(FEWEST, NOW).unwrap();
    assert_eq!((step.bodies as u64, step.is_done), (STEP_BLOCKS, false), "in bounded steps");
    assert_eq!(prune(&store, FEWEST, NOW) as u64, first - 1 - STEP_BLOCKS);
    assert_kept(&store, &blocks, first);
    let last = forge.block(0);
    store.apply(&last.changes(1_602)).unwrap();
    assert_proves(&store, &last);
    assert_eq!(store.headers_after(&[]).unwrap().len(), 1_603, "every header is served");
    drop(store);
    // It stays pruned, and begins with the whole chain of headers.
    let store = open(data.path());
    assert_kept(&store, &blocks, first);
    assert_eq!(store.restore(&Network::dev()).unwrap().tip().hash, last.hash);
    assert_eq!(prune(&store, FEWEST, NOW), 1, "the next body is too old now");
    assert!(matches!(store.blocks(first, 10), Err(StoreError::Pruned { .. })));
    assert_eq!(store.blocks(first + 1, 10).unwrap().len(), 10);
    assert_eq!(store.block(Network::dev().id()).unwrap().unwrap().place.height, 0, "genesis stays");
}

#[test]
fn tells_in_which_block_a_message_was_whose_body_is_gone() {
    let (mut forge, data) = (Forge::new(1), tempfile::tempdir().unwrap());
    let old = forge.block(2);
    let blocks = forge.blocks(600, 0);
    let kept = forge.block(1);
    let store = open(data.path());
    store
        .apply(&grow(&[std::slice::from_ref(&old), &blocks[..], std::slice::from_ref(&kept)].concat()))
        .unwrap();
    prune(&store, FEWEST, NOW);
    let error = store.find_message(&old.ids[1]).unwrap_err();
    assert!(matches!(&error, StoreError::Pruned { block, height: 1, .. } if *block == old.hash), "{error}");
    assert!(matches!(store.receipt(&Network::dev(), &old.ids[1]), Err(StoreError::Pruned { .. })));
    assert_eq!(store.seen(&old.ids).unwrap().len(), 2, "it cannot be repeated");
    assert_eq!(store.find_message(&kept.ids[0]).unwrap().unwrap().block, kept.hash);
    let receipt = store.receipt(&Network::dev(), &kept.ids[0]).unwrap().unwrap();
    assert_eq!(receipt.verify().unwrap().block, kept.hash);
}

#[test]
fn keeps_bodies_by_age_and_by_size() {
    let (mut forge, data) = (Forge::new(1), tempfile::tempdir().unwrap());
    let blocks = forge.blocks(1_500, 0);
    let store = open(data.path());
    store.apply(&grow(&blocks)).unwrap();
    // Blocks are 15 s apart. Of the newest 1,000 the first is 999 intervals older than the tip.
    let now = blocks[1_499].block.header.time;
    let age = |blocks: u64| KeepBodies::Age(Duration::from_secs(15 * (blocks - 1)));
    assert_eq!(prune(&store, age(1_500), now), 0);
    assert_eq!(prune(&store, age(1_000), now), 500);
    assert_kept(&store, &blocks, 501);
    // A body takes 205 bytes, and genesis has one too.
    assert_eq!(prune(&store, KeepBodies::Bytes(205 * 901), now), 100);
    assert_kept(&store, &blocks, 601);
    assert_eq!(prune(&store, KeepBodies::Bytes(0), now) as u64, 900 - KEPT_BODIES_MIN);
    assert_eq!(prune(&store, age(1), now.plus_ms(1_000_000_000)), 0, "the newest stay in any case");
    assert_kept(&store, &blocks, 1_501 - KEPT_BODIES_MIN);
    assert_proves(&store, &blocks[1_499]);
}

#[test]
fn a_branch_from_below_the_kept_bodies_replaces_the_chain() {
    let (mut forge, data) = (Forge::new(1), tempfile::tempdir().unwrap());
    let common = forge.blocks(300, 1);
    let mut other = Forge { author: secret(2), ..forge.clone() };
    let (losing, winning) = (forge.blocks(700, 1), other.blocks(710, 1));
    let store = open(data.path());
    store.apply(&grow(&[&common[..], &losing[..]].concat())).unwrap();
    prune(&store, FEWEST, NOW);
    assert_eq!(store.kept_from(), Some(1_001 - KEPT_BODIES_MIN));
    let (last, below) = winning.split_last().unwrap();
    let reorg: Vec<_> = below.iter().flat_map(Forged::header_and_body).chain(last.changes(300)).collect();
    store.apply(&reorg).unwrap();
    assert_kept(&store, &[&common[..], &winning[..]].concat(), 301);
    assert_proves(&store, last);
    assert_eq!(store.find_message(&winning[0].ids[0]).unwrap().unwrap().block, winning[0].hash);
    assert_eq!(store.find_message(&losing[0].ids[0]).unwrap(), None);
    // The bodies of both branches are deleted in time.
    prune(&store, FEWEST, NOW);
    assert_kept(&store, &[&common[..], &winning[..]].concat(), 1_011 - KEPT_BODIES_MIN);
    assert_proves(&store, last);
    assert_eq!(store.restore(&Network::dev()).unwrap().tip().hash, last.hash);
}

#[test]
fn a_disk_that_stops_while_bodies_are_deleted_loses_none_that_are_kept() {
    let (mut forge, network) = (Forge::new(1), Network::dev());
    let blocks = forge.blocks(1_400, 0);
    let later = forge.blocks(20, 2);
    let disk = Disk::new(Vec::new(), usize::MAX);
    Store::open_on(disk.clone(), &network).unwrap().apply(&grow(&blocks)).unwrap();
    let fresh = disk.synced();
    // The node goes on while it prunes.
    let live = |disk: &Disk| -> Option<()> {
        let store = Store::open_on(disk.clone(), &network).ok()?;
        for block in &later {
            store.apply(&block.changes(block.height() - 1)).ok()?;
            store.prune(FEWEST, NOW).ok()?;
        }
        Some(())
    };
    let whole = Disk::new(fresh.clone(), usize::MAX);
    assert_eq!(live(&whole), Some(()));
    let all: Vec<_> = blocks.iter().chain(&later).cloned().collect();
    for stop in 0..whole.syncs_used(usize::MAX) {
        let mut rng = TestRng::new(stop as u64);
        let disk = Disk::new(fresh.clone(), stop);
        live(&disk);
        let store = Store::open_on(Disk::new(disk.image(&mut rng), usize::MAX), &network)
            .unwrap_or_else(|error| panic!("stopped at sync {stop}: {error}"));
        let tip = store.restore(&network).unwrap().tip().header.height;
        let reached = usize::try_from(tip).unwrap();
        assert_kept(&store, &all[..reached], store.kept_from().unwrap_or(1));
        // It goes on, and proves the chain with every deleted block.
        for block in &later[reached - 1_400..] {
            store.apply(&block.changes(block.height() - 1)).unwrap();
        }
        prune(&store, FEWEST, NOW);
        assert_kept(&store, &all, 1_421 - KEPT_BODIES_MIN);
        assert_proves(&store, all.last().unwrap());
    }
}

/// The blocks of the measured store. `PRUNED_BLOCKS` sets another number.
const MEASURED_BLOCKS: u64 = 30_000;

#[test]
fn a_long_chain_without_its_bodies_is_proven_and_takes_less_room() {
    let blocks = std::env::var("PRUNED_BLOCKS").map_or(MEASURED_BLOCKS, |text| text.parse().unwrap());
    let (data, network) = (tempfile::tempdir().unwrap(), crate::million::network());
    crate::million::fill(data.path(), &network, blocks);
    let file = data.path().join("chain.redb");
    let size = || std::fs::metadata(&file).unwrap().len();
    let whole = size();
    let store = Store::open(data.path(), &network).unwrap();
    let (tip, proof) = (store.tip().unwrap(), store.prove(&network).unwrap());
    let begun = std::time::Instant::now();
    let deleted = prune(&store, KeepBodies::Blocks(1_000), NOW);
    let took = begun.elapsed();
    assert_eq!(deleted as u64, blocks - 1_000);
    drop(store);
    let pruned = size();
    let begun = std::time::Instant::now();
    let store = Store::open(data.path(), &network).unwrap();
    let (opened, compact) = (begun.elapsed(), size());
    println!(
        "{blocks} blocks: {whole} bytes, {pruned} after {deleted} bodies were deleted in {took:.1?}, \
         {compact} after opening in {opened:.1?}"
    );
    assert_eq!(store.restore(&network).unwrap().tip().hash, tip.hash);
    // The very same proof follows from what is left.
    let begun = std::time::Instant::now();
    assert_eq!(store.prove(&network).unwrap(), proof);
    println!("a proof of {} bytes is made in {:.1?}", proof.len(), begun.elapsed());
    assert_eq!(chain_proof::verify(&network, &proof).unwrap().hash, tip.hash);
    assert_eq!(store.headers_after(&[]).unwrap().len(), 2_000);
    assert_eq!(store.blocks(blocks - 999, 2_000).unwrap().len(), 1_000);
}

/// The blocks of the store with large bodies. `LARGE_BLOCKS` sets another number.
const LARGE_BLOCKS: u64 = 2_000;
/// The messages of each of its blocks, of 4 kB each.
const LARGE_MESSAGES: usize = 15;

#[test]
fn a_file_of_large_bodies_shrinks_to_those_that_are_kept() {
    let blocks = std::env::var("LARGE_BLOCKS").map_or(LARGE_BLOCKS, |text| text.parse().unwrap());
    let (data, network) = (tempfile::tempdir().unwrap(), crate::million::network());
    let text = "x".repeat(TEXT_BYTES_MAX);
    let draft = Draft::new(secret(1).public(), "bob", &text, NOW).unwrap();
    let message = Arc::new(draft.sign(&secret(1), network.id(), 0));
    crate::million::fill_with(data.path(), &network, blocks, &vec![message; LARGE_MESSAGES]);
    let file = data.path().join("chain.redb");
    let size = || std::fs::metadata(&file).unwrap().len();
    let whole = size();
    let store = Store::open(data.path(), &network).unwrap();
    let tip = store.tip().unwrap();
    let body = store.block(&tip.hash).unwrap().unwrap().block.len() as u64;
    let begun = std::time::Instant::now();
    assert_eq!(prune(&store, FEWEST, NOW) as u64, blocks - KEPT_BODIES_MIN);
    let took = begun.elapsed();
    drop(store);
    let pruned = size();
    let begun = std::time::Instant::now();
    let store = Store::open(data.path(), &network).unwrap();
    let (opened, compact) = (begun.elapsed(), size());
    println!(
        "{blocks} blocks of {body} bytes: {whole} bytes, {pruned} after pruning in {took:.1?}, {compact} after opening \
         in {opened:.1?}"
    );
    assert!(whole > blocks * body, "{whole}");
    // The file shrinks with the number of bodies, but for a half: pages that are not full, and all else.
    assert!(compact < whole * KEPT_BODIES_MIN / blocks * 3 / 2, "{compact} of {whole}");
    assert_eq!(store.restore(&network).unwrap().tip().hash, tip.hash);
    assert_eq!(store.blocks(blocks - 9, 10).unwrap().len(), 10);
    // It is compacted once.
    drop(store);
    let begun = std::time::Instant::now();
    drop(Store::open(data.path(), &network).unwrap());
    assert!(begun.elapsed() < opened, "{:?}, {opened:?} the first time", begun.elapsed());
    assert!(size() <= compact);
}

//! `plexus repair` on damaged stores: it names what is damaged, mends what it can, and a node starts
//! on the result.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;

use plexus_core::node::storage::Change;
use plexus_core::primitives::mmr::RECORD_BYTES;
use plexus_core::primitives::params::Network;
use plexus_node::store::{FILE, KEPT_BODIES_MIN, Store};
use plexus_tests::process::binary;
use plexus_tests::test_rng::TestRng;
use redb::{Database, ReadableTable, TableDefinition, WriteTransaction};
use serde_json::Value;

use crate::forge::{Forge, Forged};

const HEADERS: TableDefinition<'_, &[u8; 40], &[u8; 112]> = TableDefinition::new("headers");
const BODIES: TableDefinition<'_, &[u8; 40], &[u8]> = TableDefinition::new("bodies");
const BEST: TableDefinition<'_, u64, &[u8; 32]> = TableDefinition::new("best");
const HEIGHTS: TableDefinition<'_, &[u8; 32], u64> = TableDefinition::new("heights");
const LOG: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("message log");
const CHECKPOINTS: TableDefinition<'_, &[u8; 40], &[u8]> = TableDefinition::new("checkpoints");
const PRUNED: TableDefinition<'_, u64, &[u8; 40]> = TableDefinition::new("pruned");
const NODES: TableDefinition<'_, &[u8; 9], &[u8; RECORD_BYTES]> = TableDefinition::new("nodes");

/// The number of places at which a byte is flipped.
const PLACES: u64 = 40;

fn repair(data: &Path, more: &[&str]) -> Output {
    let mut command = Command::new(binary());
    command.args(["repair", "--network", "dev", "--json", "--data"]).arg(data).args(more).output().unwrap()
}

fn report(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| {
        panic!("{}: {}", output.status, String::from_utf8_lossy(&output.stderr));
    })
}

/// Makes a store with a message that waits. Returns its blocks.
fn make(data: &Path, count: usize) -> Vec<Forged> {
    let mut forge = Forge::new(1);
    let blocks = forge.blocks(count, 1);
    let store = Store::open(data, &forge.network).unwrap();
    for part in blocks.chunks(100) {
        let changes: Vec<_> = part.iter().flat_map(|block| block.changes(block.height() - 1)).collect();
        store.apply(&changes).unwrap();
    }
    let waiting = forge.message("waiting");
    let id = waiting.id(forge.network.id());
    store.apply(&[Change::Pooled { id, message: waiting.encode().into() }]).unwrap();
    blocks
}

/// Asserts that the store is sound, holds the chain up to `height`, and takes the rest again.
fn assert_sound(data: &Path, blocks: &[Forged], height: u64) -> Arc<Store> {
    let checked = repair(data, &["--check"]);
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
    let network = Network::dev();
    let store = Store::open(data, &network).unwrap();
    assert_eq!(store.restore(&network).unwrap().tip().header.height, height);
    for block in blocks {
        if block.height() > height {
            store.apply(&block.changes(block.height() - 1)).unwrap();
        }
        assert_eq!(store.block(&block.hash).unwrap().unwrap().block, block.block.encode());
        assert_eq!(store.find_message(&block.ids[0]).unwrap().unwrap().height, block.height());
    }
    store.prove(&network).unwrap();
    store
}

fn harm(data: &Path, harm: impl FnOnce(&WriteTransaction)) {
    let database = Database::open(data.join(FILE)).unwrap();
    let transaction = database.begin_write().unwrap();
    harm(&transaction);
    transaction.commit().unwrap();
}

fn key(block: &Forged) -> [u8; 40] {
    [&block.height().to_be_bytes(), block.hash.as_bytes().as_slice()].concat().try_into().unwrap()
}

#[test]
fn a_sound_store_is_left_alone() {
    let data = tempfile::tempdir().unwrap();
    let blocks = make(data.path(), 150);
    let before = fs::read(data.path().join(FILE)).unwrap();
    for more in [&["--check"][..], &[]] {
        let output = repair(data.path(), more);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!((&report(&output)["sound"], &report(&output)["height"]), (&true.into(), &150.into()));
    }
    assert_eq!(fs::read(data.path().join(FILE)).unwrap(), before);
    assert_sound(data.path(), &blocks, 150);
}

/// Damages a table of a store of 1,100 blocks, and mends it. Asserts which parts are named and kept.
fn damaged(part: &str, height: Option<u64>, kept: u64, damage: impl FnOnce(&WriteTransaction, &[Forged])) {
    let data = tempfile::tempdir().unwrap();
    let blocks = make(data.path(), 1_100);
    harm(data.path(), |transaction| damage(transaction, &blocks));
    let before = fs::read(data.path().join(FILE)).unwrap();
    let checked = repair(data.path(), &["--check"]);
    assert_eq!(checked.status.code(), Some(1), "{part}");
    let named = &report(&checked)["damage"][0];
    assert_eq!((&named["part"], &named["height"]), (&part.into(), &height.into()), "{named}");
    assert_eq!(fs::read(data.path().join(FILE)).unwrap(), before, "a check changes nothing");
    let mended = repair(data.path(), &[]);
    assert!(mended.status.success(), "{part}: {}", String::from_utf8_lossy(&mended.stderr));
    assert_eq!(report(&mended)["height"], kept, "{part}: {}", report(&mended));
    assert_eq!(report(&mended)["messages_kept"], 1);
    assert_eq!(fs::read(data.path().join("chain.redb.damaged")).unwrap(), before, "the old file is kept");
    let store = assert_sound(data.path(), &blocks, kept);
    assert_eq!(store.pooled().unwrap().len(), 1);
    assert!(!data.path().join("repair.new").exists());
}

#[test]
fn a_missing_or_changed_row_of_any_table_is_named_and_mended() {
    damaged("bodies", Some(700), 699, |transaction, blocks| {
        transaction.open_table(BODIES).unwrap().remove(&key(&blocks[699])).unwrap();
    });
    damaged("bodies", Some(70), 69, |transaction, blocks| {
        let mut body = blocks[69].block.encode();
        *body.last_mut().unwrap() ^= 1;
        transaction.open_table(BODIES).unwrap().insert(&key(&blocks[69]), body.as_slice()).unwrap();
    });
    // Everything else follows from the blocks.
    damaged("best", Some(400), 1_100, |transaction, _| {
        transaction.open_table(BEST).unwrap().remove(400).unwrap();
    });
    damaged("headers", Some(300), 1_100, |transaction, blocks| {
        transaction.open_table(HEADERS).unwrap().remove(&key(&blocks[299])).unwrap();
    });
    damaged("headers", Some(301), 1_100, |transaction, blocks| {
        let mut headers = transaction.open_table(HEADERS).unwrap();
        let mut record = *headers.get(&key(&blocks[300])).unwrap().unwrap().value();
        record[111] ^= 1;
        headers.insert(&key(&blocks[300]), &record).unwrap();
    });
    damaged("heights", Some(5), 1_100, |transaction, blocks| {
        transaction.open_table(HEIGHTS).unwrap().remove(blocks[4].hash.as_bytes()).unwrap();
    });
    damaged("messages", Some(1), 1_100, |transaction, _| {
        transaction.open_table(LOG).unwrap().retain(|_, _| false).unwrap();
    });
    damaged("checkpoints", Some(1_024), 1_100, |transaction, blocks| {
        transaction.open_table(CHECKPOINTS).unwrap().remove(&key(&blocks[1_023])).unwrap();
    });
    damaged("nodes", Some(127), 1_100, |transaction, _| {
        let node = [6, 0, 0, 0, 0, 0, 0, 0, 1];
        transaction.open_table(NODES).unwrap().remove(&node).unwrap();
    });
}

#[test]
fn a_flipped_byte_anywhere_in_the_file_costs_at_most_the_blocks_above() {
    let original = tempfile::tempdir().unwrap();
    let blocks = make(original.path(), 400);
    let bytes = fs::read(original.path().join(FILE)).unwrap();
    let seed = std::env::var("SEED").ok().map_or(1, |text| text.parse().expect("SEED is a number"));
    let (mut rng, mut found) = (TestRng::new(seed), 0);
    for _ in 0..PLACES {
        // Most of a file is free or body pages. The first pages and the used ones matter more.
        let range = if rng.one_in(4) { 4_096 } else { bytes.len() as u64 };
        let at = usize::try_from(rng.below(range)).unwrap();
        let data = tempfile::tempdir().unwrap();
        let mut damaged = bytes.clone();
        damaged[at] ^= 1 << rng.below(8);
        fs::write(data.path().join(FILE), &damaged).unwrap();
        let mended = repair(data.path(), &[]);
        assert!(
            mended.status.success(),
            "SEED={seed} byte {at}: {}",
            String::from_utf8_lossy(&mended.stderr)
        );
        let report = report(&mended);
        let count = report["damage_count"].as_u64().unwrap_or(0);
        found += u64::from(count > 0);
        let height = report["height"].as_u64().unwrap();
        assert!(count > 0 || height == 400, "SEED={seed} byte {at}: {report}");
        assert_sound(data.path(), &blocks, height);
    }
    println!("{found} of {PLACES} flipped bytes were damage");
    assert!(found > 0, "SEED={seed}: no flipped byte mattered");
}

#[test]
fn a_cut_off_or_foreign_file_is_mended_as_far_as_it_goes() {
    let original = tempfile::tempdir().unwrap();
    let blocks = make(original.path(), 200);
    let bytes = fs::read(original.path().join(FILE)).unwrap();
    for length in [0, 100, 4_096, bytes.len() / 2, bytes.len() - 1] {
        let data = tempfile::tempdir().unwrap();
        fs::write(data.path().join(FILE), &bytes[..length]).unwrap();
        let checked = repair(data.path(), &["--check"]);
        assert_eq!(checked.status.code(), Some(1), "{length} bytes");
        let mended = repair(data.path(), &[]);
        assert!(mended.status.success(), "{length} bytes: {}", String::from_utf8_lossy(&mended.stderr));
        let height = report(&mended)["height"].as_u64().unwrap();
        assert_sound(data.path(), &blocks, height);
    }
    let data = tempfile::tempdir().unwrap();
    fs::write(data.path().join(FILE), "this is no database".repeat(1_000)).unwrap();
    assert!(repair(data.path(), &[]).status.success());
    assert_sound(data.path(), &blocks, 0);
}

#[test]
fn a_store_of_another_network_or_in_use_is_not_touched() {
    let data = tempfile::tempdir().unwrap();
    make(data.path(), 10);
    let before = fs::read(data.path().join(FILE)).unwrap();
    let mut command = Command::new(binary());
    let other = command.args(["repair", "--network", "plexus", "--data"]).arg(data.path()).output().unwrap();
    assert_eq!(other.status.code(), Some(1));
    let said = String::from_utf8_lossy(&other.stderr).into_owned();
    assert!(said.contains("another network"), "{said}");
    assert_eq!(fs::read(data.path().join(FILE)).unwrap(), before);
    let store = Store::open(data.path(), &Network::dev()).unwrap();
    let used = repair(data.path(), &[]);
    assert!(String::from_utf8_lossy(&used.stderr).contains("another node is using"));
    drop(store);
    let none = tempfile::tempdir().unwrap();
    let missing = repair(none.path(), &[]);
    assert!(String::from_utf8_lossy(&missing.stderr).contains("nothing to repair"));
}

#[test]
fn a_pruned_store_is_checked_and_its_damage_is_named_and_left() {
    let original = tempfile::tempdir().unwrap();
    let blocks = make(original.path(), 1_100);
    let kept_from = crate::prune::to_fewest(original.path());
    assert_eq!(kept_from, 1_101 - KEPT_BODIES_MIN);
    let bytes = fs::read(original.path().join(FILE)).unwrap();
    for more in [&["--check"][..], &[]] {
        let output = repair(original.path(), more);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!((&report(&output)["sound"], &report(&output)["height"]), (&true.into(), &1_100.into()));
    }
    assert_eq!(fs::read(original.path().join(FILE)).unwrap(), bytes, "a sound store is left alone");
    let damaged = |part: &str, height: u64, damage: &dyn Fn(&WriteTransaction)| {
        let data = tempfile::tempdir().unwrap();
        fs::write(data.path().join(FILE), &bytes).unwrap();
        harm(data.path(), damage);
        let before = fs::read(data.path().join(FILE)).unwrap();
        let named = &report(&repair(data.path(), &["--check"]))["damage"][0];
        assert_eq!((&named["part"], &named["height"]), (&part.into(), &height.into()), "{named}");
        let refused = repair(data.path(), &[]);
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert_eq!(refused.status.code(), Some(1), "{part}: {said}");
        assert!(said.contains("the store is pruned") && said.contains("--from"), "{part}: {said}");
        assert_eq!(fs::read(data.path().join(FILE)).unwrap(), before, "{part}: it is left as it is");
        assert!(!data.path().join("repair.new").exists(), "{part}");
    };
    damaged("pruned", 70, &|transaction| {
        transaction.open_table(PRUNED).unwrap().remove(70).unwrap();
    });
    damaged("pruned", 71, &|transaction| {
        let mut pruned = transaction.open_table(PRUNED).unwrap();
        let mut record = *pruned.get(71).unwrap().unwrap().value();
        record[39] ^= 1;
        pruned.insert(71, &record).unwrap();
    });
    damaged("pruned", 300, &|transaction| {
        transaction.open_table(HEADERS).unwrap().remove(&key(&blocks[299])).unwrap();
    });
    damaged("bodies", kept_from, &|transaction| {
        let first = &blocks[usize::try_from(kept_from).unwrap() - 1];
        transaction.open_table(BODIES).unwrap().remove(&key(first)).unwrap();
    });
}

#[test]
fn a_store_of_a_killed_node_is_sound() {
    let data = tempfile::tempdir().unwrap();
    let blocks = make(data.path(), 120);
    // A power cut leaves a copy of an open store.
    let store = Store::open(data.path(), &Network::dev()).unwrap();
    let copy = tempfile::tempdir().unwrap();
    fs::copy(data.path().join(FILE), copy.path().join(FILE)).unwrap();
    drop(store);
    let checked = repair(copy.path(), &["--check"]);
    assert!(checked.status.success(), "{}", report(&checked));
    assert_sound(copy.path(), &blocks, 120);
}

//! The store proves its best chain and its messages, whatever happened before. One wrong node in
//! the MMR makes a proof fail.

use std::path::Path;
use std::sync::Arc;

use plexus_core::node::storage::Change;
use plexus_core::primitives::params::Network;
use plexus_core::proof::chain_proof;
use plexus_core::proof::inclusion_proof::Receipt;
use plexus_node::store::{FILE, Store, StoreError};
use redb::{Database, ReadableDatabase, TableDefinition};

use crate::forge::{Forge, Forged, secret};

const NODES: TableDefinition<'_, &[u8; 9], &[u8; 60]> = TableDefinition::new("nodes");
const META: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("meta");
const HEADERS: TableDefinition<'_, &[u8; 40], &[u8; 112]> = TableDefinition::new("headers");

fn open(data: &Path) -> Arc<Store> {
    Store::open(data, &Network::dev()).unwrap()
}

/// Returns the changes that are persisted for blocks that extend the tip one after the other.
fn grow(blocks: &[Forged]) -> Vec<Change> {
    blocks.iter().flat_map(|block| block.changes(block.height() - 1)).collect()
}

/// Asserts that the store's proof covers this block and all blocks below it.
fn assert_proves(store: &Store, tip: &Forged) {
    let network = Network::dev();
    let bytes = store.prove(&network).unwrap();
    let proven = chain_proof::verify(&network, &bytes).unwrap();
    assert_eq!((proven.header, proven.hash), (tip.block.header, tip.hash));
    assert_eq!(proven.history, tip.history);
}

#[test]
fn a_chain_is_proven_at_every_stage_of_its_growth_and_up_to_every_height() {
    let (mut forge, data) = (Forge::new(1), tempfile::tempdir().unwrap());
    let store = open(data.path());
    let genesis = chain_proof::verify(&Network::dev(), &store.prove(&Network::dev()).unwrap()).unwrap();
    assert_eq!(genesis.hash, *Network::dev().id());
    let blocks = forge.blocks(1_300, 0);
    let mut from = 0;
    for to in [1, 62, 63, 64, 500, 960, 961, 1_023, 1_024, 1_088, 1_300] {
        store.apply(&grow(&blocks[from..to])).unwrap();
        assert_proves(&store, &blocks[to - 1]);
        from = to;
    }
    let (network, view) = (Network::dev(), store.view().unwrap());
    for height in [0, 1, 127, 961, 1_000, 1_151, 1_152, 1_299] {
        let proven = chain_proof::verify(&network, &view.prove(&network, height).unwrap()).unwrap();
        assert_eq!(Some(proven.hash), store.hash_at(height).unwrap());
    }
    let error = view.prove(&network, 1_301).unwrap_err();
    assert!(matches!(error, StoreError::Record { what: "block", .. }), "{error:?}");
}

/// Asserts that the store's proof of a message is of this message, in this block, below the store's
/// tip.
fn assert_receipt(store: &Store, block: &Forged, index: usize) {
    let network = Network::dev();
    let tip = store.tip().unwrap();
    let receipt = store.receipt(&network, &block.ids[index]).unwrap().unwrap();
    let verified = Receipt::decode(&receipt.encode()).unwrap().verify().unwrap();
    assert_eq!((verified.id, verified.block), (block.ids[index], block.hash));
    assert_eq!((verified.proven.hash, verified.blocks), (tip.hash, tip.height - block.height() + 1));
}

#[test]
fn every_message_has_a_receipt_while_its_block_is_on_the_best_chain() {
    let (mut forge, data) = (Forge::new(1), tempfile::tempdir().unwrap());
    let store = open(data.path());
    let mut common = forge.blocks(64, 1);
    common.extend(forge.blocks(1_000, 0));
    common.extend(forge.blocks(5, 40));
    store.apply(&grow(&common)).unwrap();
    for (height, index) in
        [(1, 0), (2, 0), (63, 0), (64, 0), (1_065, 0), (1_066, 39), (1_069, 17), (1_069, 32)]
    {
        assert_receipt(&store, &common[height - 1], index);
    }
    // A branch removes two blocks, and adds another.
    let fork = common[1_066].block.header;
    let history = common[1_066].history.clone();
    let mut other = Forge { author: secret(2), tip: fork, history, ..forge.clone() };
    let winning = other.blocks(3, 2);
    let (last, below) = winning.split_last().unwrap();
    let reorg: Vec<_> =
        below.iter().flat_map(Forged::header_and_body).chain(last.changes(fork.height)).collect();
    store.apply(&reorg).unwrap();
    assert_receipt(&store, &winning[0], 1);
    assert_receipt(&store, &common[1_065], 39);
    let gone = store.receipt(&Network::dev(), &common[1_068].ids[0]).unwrap();
    assert_eq!(gone, None);
    assert_eq!(store.receipt(&Network::dev(), &fork.hash()).unwrap(), None);
}

#[test]
fn a_reorganisation_takes_its_nodes_along() {
    let (mut forge, data) = (Forge::new(1), tempfile::tempdir().unwrap());
    let mut common = forge.blocks(1_000, 0);
    let mut other = Forge { author: secret(2), ..forge.clone() };
    let (losing, winning) = (forge.blocks(200, 0), other.blocks(210, 0));
    let store = open(data.path());
    common.extend_from_slice(&losing);
    store.apply(&grow(&common)).unwrap();
    assert_proves(&store, &losing[199]);
    let reorg = |to: &[Forged]| -> Vec<Change> {
        let (last, below) = to.split_last().unwrap();
        below.iter().flat_map(Forged::header_and_body).chain(last.changes(1_000)).collect()
    };
    store.apply(&reorg(&winning)).unwrap();
    assert_proves(&store, &winning[209]);
    // The chain shrinks, and grows again.
    store.apply(&reorg(&losing[..30])).unwrap();
    assert_proves(&store, &losing[29]);
    store.apply(&grow(&losing[30..])).unwrap();
    drop(store);
    let store = open(data.path());
    assert_proves(&store, &losing[199]);
    store.apply(&reorg(&winning)).unwrap();
    assert_proves(&store, &winning[209]);
}

#[test]
fn a_store_without_nodes_gets_them_when_it_is_opened() {
    let (mut forge, data) = (Forge::new(1), tempfile::tempdir().unwrap());
    let blocks = forge.blocks(1_100, 0);
    let store = open(data.path());
    store.apply(&grow(&blocks[..1_050])).unwrap();
    drop(store);
    // The state in which the previous version of the program left it.
    let database = Database::open(data.path().join(FILE)).unwrap();
    let transaction = database.begin_write().unwrap();
    assert!(transaction.delete_table(NODES).unwrap());
    transaction.open_table(META).unwrap().insert("format", 1u64.to_be_bytes().as_slice()).unwrap();
    transaction.commit().unwrap();
    drop(database);

    let store = open(data.path());
    assert_proves(&store, &blocks[1_049]);
    store.apply(&grow(&blocks[1_050..])).unwrap();
    assert_proves(&store, &blocks[1_099]);
    drop(store);
    let database = Database::open(data.path().join(FILE)).unwrap();
    let meta = database.begin_read().unwrap().open_table(META).unwrap();
    assert_eq!(meta.get("format").unwrap().unwrap().value(), 3u64.to_be_bytes());
    drop(meta);
    let transaction = database.begin_write().unwrap();
    transaction.open_table(META).unwrap().insert("format", 4u64.to_be_bytes().as_slice()).unwrap();
    transaction.commit().unwrap();
    drop(database);
    let error = Store::open(data.path(), &Network::dev()).unwrap_err();
    assert!(matches!(error, StoreError::OtherFormat { expected: 3, found: 4, .. }), "{error:?}");
}

#[test]
fn a_chain_that_was_cut_off_below_damage_is_proven_as_far_as_it_reaches() {
    let (mut forge, data) = (Forge::new(1), tempfile::tempdir().unwrap());
    let blocks = forge.blocks(1_100, 0);
    let store = open(data.path());
    store.apply(&grow(&blocks)).unwrap();
    drop(store);
    let database = Database::open(data.path().join(FILE)).unwrap();
    let transaction = database.begin_write().unwrap();
    let mut key = [0; 40];
    key[..8].copy_from_slice(&1_020u64.to_be_bytes());
    key[8..].copy_from_slice(blocks[1_019].hash.as_bytes());
    transaction.open_table(HEADERS).unwrap().remove(&key).unwrap().unwrap();
    transaction.commit().unwrap();
    drop(database);

    let store = open(data.path());
    assert_eq!(store.restore(&Network::dev()).unwrap().tip().hash, blocks[1_018].hash);
    assert_proves(&store, &blocks[1_018]);
    store.apply(&grow(&blocks[1_019..])).unwrap();
    assert_proves(&store, &blocks[1_099]);
}

//! A store that was damaged from outside: the node starts on its sound part, and never on damaged
//! data.

use std::path::Path;

use plexus_core::primitives::block::Block;
use plexus_core::primitives::hash::Hash;
use plexus_core::primitives::params::Network;
use plexus_node::store::{BODIES_CHECKED, FILE, Store};
use redb::{Database, ReadableTable, TableDefinition, TableHandle};

use crate::forge::{Forge, Forged};

const HEADERS: TableDefinition<'_, &[u8; 40], &[u8; 112]> = TableDefinition::new("headers");
const BODIES: TableDefinition<'_, &[u8; 40], &[u8]> = TableDefinition::new("bodies");
const CHECKPOINTS: TableDefinition<'_, &[u8; 40], &[u8]> = TableDefinition::new("checkpoints");

fn key(height: u64, hash: &Hash) -> [u8; 40] {
    [&height.to_be_bytes(), hash.as_bytes().as_slice()].concat().try_into().unwrap()
}

/// Makes a store with this number of blocks, and then does `harm` to it. Returns the blocks.
fn harmed(data: &Path, count: usize, harm: impl FnOnce(&redb::WriteTransaction, &[Forged])) -> Vec<Forged> {
    let mut forge = Forge::new(1);
    let blocks = forge.blocks(count, 1);
    let store = Store::open(data, &forge.network).unwrap();
    let changes: Vec<_> = blocks.iter().flat_map(|block| block.changes(block.height() - 1)).collect();
    store.apply(&changes).unwrap();
    drop(store);
    let database = Database::open(data.join(FILE)).unwrap();
    let transaction = database.begin_write().unwrap();
    harm(&transaction, &blocks);
    transaction.commit().unwrap();
    blocks
}

/// Asserts that the store continues at `height`, and takes the rest of the chain again.
fn assert_goes_on_at(data: &Path, blocks: &[Forged], height: u64) {
    let network = Network::dev();
    let store = Store::open(data, &network).unwrap();
    assert_eq!(store.restore(&network).unwrap().tip().header.height, height);
    assert_eq!(store.tip().unwrap().height, height);
    for block in blocks.iter().filter(|block| block.height() > height) {
        assert_eq!(store.hash_at(block.height()).unwrap(), None);
        assert!(store.seen(&block.ids[..1]).unwrap().iter().all(|seen| !seen.best));
        store.apply(&block.changes(block.height() - 1)).unwrap();
    }
    let tip = store.restore(&network).unwrap().tip();
    assert_eq!(tip.hash, blocks[blocks.len() - 1].hash);
    for block in blocks {
        assert_eq!(store.block(&block.hash).unwrap().unwrap().block, block.block.encode());
        assert_eq!(store.find_message(&block.ids[0]).unwrap().unwrap().height, block.height());
    }
}

#[test]
fn cuts_the_chain_off_below_a_missing_header() {
    let data = tempfile::tempdir().unwrap();
    let blocks = harmed(data.path(), 30, |transaction, blocks| {
        let mut headers = transaction.open_table(HEADERS).unwrap();
        headers.remove(&key(18, &blocks[17].hash)).unwrap();
    });
    assert_goes_on_at(data.path(), &blocks, 17);
}

#[test]
fn cuts_the_chain_off_below_a_changed_header() {
    let data = tempfile::tempdir().unwrap();
    let blocks = harmed(data.path(), 30, |transaction, blocks| {
        let mut headers = transaction.open_table(HEADERS).unwrap();
        let key = key(9, &blocks[8].hash);
        let mut record = *headers.get(&key).unwrap().unwrap().value();
        record[40] ^= 1;
        headers.insert(&key, &record).unwrap();
    });
    assert_goes_on_at(data.path(), &blocks, 8);
}

#[test]
fn cuts_the_chain_off_below_a_body_that_does_not_decode() {
    let data = tempfile::tempdir().unwrap();
    let blocks = harmed(data.path(), 30, |transaction, blocks| {
        let mut bodies = transaction.open_table(BODIES).unwrap();
        bodies.insert(&key(21, &blocks[20].hash), &b"nothing"[..]).unwrap();
    });
    assert_goes_on_at(data.path(), &blocks, 20);
}

#[test]
fn cuts_the_chain_off_below_a_body_that_is_not_its_header_s() {
    let data = tempfile::tempdir().unwrap();
    let blocks = harmed(data.path(), 30, |transaction, blocks| {
        let block = &blocks[25];
        let changed = Block { extra: block.block.extra + 1, ..(*block.block).clone() };
        let mut bodies = transaction.open_table(BODIES).unwrap();
        bodies.insert(&key(26, &block.hash), changed.encode().as_slice()).unwrap();
    });
    assert_goes_on_at(data.path(), &blocks, 25);
}

#[test]
fn looks_further_down_while_all_that_it_looks_at_is_damaged() {
    let data = tempfile::tempdir().unwrap();
    let count = usize::try_from(BODIES_CHECKED).unwrap() * 3;
    let blocks = harmed(data.path(), count, |transaction, blocks| {
        let mut bodies = transaction.open_table(BODIES).unwrap();
        for block in &blocks[9..] {
            bodies.remove(&key(block.height(), &block.hash)).unwrap();
        }
    });
    assert_goes_on_at(data.path(), &blocks, 9);
}

#[test]
fn begins_at_genesis_when_nothing_else_is_left() {
    let data = tempfile::tempdir().unwrap();
    let blocks = harmed(data.path(), 5, |transaction, _| {
        for table in [HEADERS.name(), BODIES.name(), CHECKPOINTS.name()] {
            let table: TableDefinition<'_, &[u8; 40], &[u8]> = TableDefinition::new(table);
            if table.name() == HEADERS.name() {
                transaction.open_table(HEADERS).unwrap().retain(|_, _| false).unwrap();
            } else {
                transaction.open_table(table).unwrap().retain(|_, _| false).unwrap();
            }
        }
    });
    assert_goes_on_at(data.path(), &blocks, 0);
}

//! Backups and imports: the same chain comes back, whatever interrupts it, and damage is named.

use std::path::Path;
use std::sync::Arc;

use plexus_core::primitives::params::{Network, Parameters};
use plexus_core::primitives::time::Timestamp;
use plexus_node::chain_file::ChainReader;
use plexus_node::chain_file::backup;
use plexus_node::chain_file::import::{Imported, import};
use plexus_node::chain_file::key_file::{read_keys, restore_key};
use plexus_node::store::Store;
use redb::backends::InMemoryBackend;

use crate::forge::{Forge, Forged, secret};

/// Far above the times of forged blocks.
const LOCAL: Timestamp = Timestamp::from_unix_ms(4_000_000_000_000);

fn empty(network: &Network) -> Arc<Store> {
    Store::open_on(InMemoryBackend::new(), network).unwrap()
}

fn holding(blocks: &[Forged]) -> Arc<Store> {
    let store = empty(&Network::dev());
    let changes: Vec<_> = blocks.iter().flat_map(|block| block.changes(block.height() - 1)).collect();
    store.apply(&changes).unwrap();
    store
}

fn backup_of(store: &Store) -> Vec<u8> {
    let mut file = Vec::new();
    let written =
        backup::write(&store.view().unwrap(), &Network::dev(), &[], &mut file, |_, _| true).unwrap();
    assert_eq!((written.tip, written.bytes), (store.tip().unwrap().hash, file.len() as u64));
    file
}

fn import_into(store: &Store, file: &[u8]) -> Result<Imported, String> {
    let imported = ChainReader::new(file).and_then(|mut reader| import(&mut reader, store, LOCAL, |_| true));
    imported.map_err(|error| format!("{error:#}"))
}

fn assert_same(one: &Store, other: &Store, blocks: &[Forged]) {
    assert_eq!(one.tip().unwrap(), other.tip().unwrap());
    for block in blocks {
        assert_eq!(one.block(&block.hash).unwrap(), other.block(&block.hash).unwrap());
        for id in block.ids.iter() {
            assert_eq!(one.find_message(id).unwrap(), other.find_message(id).unwrap());
        }
    }
    let network = Network::dev();
    assert_eq!(one.restore(&network).unwrap().tip(), other.restore(&network).unwrap().tip());
    assert_eq!(one.prove(&network).unwrap(), other.prove(&network).unwrap());
}

#[test]
fn an_imported_backup_is_the_same_store() {
    let blocks = Forge::new(1).blocks(2_100, 1);
    let store = holding(&blocks);
    let file = backup_of(&store);
    let copy = empty(&Network::dev());
    let tip = blocks.last().unwrap().hash;
    let expected = Imported { height: 2_100, tip, stored: 2_100, is_best: true };
    assert_eq!(import_into(&copy, &file), Ok(expected));
    assert_same(&store, &copy, &blocks);
    assert_eq!(import_into(&copy, &file), Ok(Imported { stored: 0, ..expected }), "nothing is stored twice");
    // A backup is of one moment, whatever is stored while it is written.
    let (view, mut later) = (store.view().unwrap(), Vec::new());
    let mut forge = Forge::new(1);
    forge.blocks(2_100, 1);
    store.apply(&forge.block(0).changes(2_100)).unwrap();
    backup::write(&view, &Network::dev(), &[], &mut later, |_, _| true).unwrap();
    assert_eq!(later, file);
}

#[test]
fn the_exported_text_is_imported_as_well() {
    let blocks = Forge::new(1).blocks(30, 2);
    let network = Network::dev();
    let mut text = serde_json::to_string(network.parameters()).unwrap() + "\n";
    text += &(hex::encode(network.genesis_block().encode()) + "\n");
    for block in &blocks {
        text += &(hex::encode(block.block.encode()) + "\n");
    }
    let copy = empty(&network);
    assert_eq!(import_into(&copy, text.as_bytes()).unwrap().stored, 30);
    assert_same(&holding(&blocks), &copy, &blocks);
    let cut = import_into(&empty(&network), &text.as_bytes()[..text.len() - 9]).unwrap_err();
    assert!(cut.contains("line 32"), "{cut}");
}

#[test]
fn an_import_that_was_cut_off_anywhere_goes_on() {
    let blocks = Forge::new(1).blocks(60, 1);
    let store = holding(&blocks);
    let file = backup_of(&store);
    let copy = empty(&Network::dev());
    let mut before = 0;
    for cut in (1..file.len()).step_by(997).chain([file.len() - 1]) {
        let error = import_into(&copy, &file[..cut]).unwrap_err();
        let height = copy.tip().unwrap().height;
        assert!(height >= before, "{height} after {before}");
        let named = error.contains(&format!("block {} of 60", height + 1))
            || error.contains("after its last block")
            || error.contains("beginning")
            || error.contains("block 0 of 60");
        assert!(named, "cut at {cut} of {}, height {height}: {error}", file.len());
        // What an interrupted import leaves is a sound store.
        assert_eq!(copy.restore(&Network::dev()).unwrap().tip().header.height, height);
        before = height;
    }
    assert_eq!(before, 60, "an incomplete end does not hide the blocks before it");
    assert_eq!(import_into(&copy, &file).unwrap().stored, 0);
    assert_same(&store, &copy, &blocks);
}

#[test]
fn every_flipped_byte_of_a_backup_is_noticed() {
    let blocks = Forge::new(1).blocks(4, 1);
    let file = backup_of(&holding(&blocks));
    for at in 0..file.len() {
        let mut damaged = file.clone();
        damaged[at] ^= 1;
        let copy = empty(&Network::dev());
        let error =
            import_into(&copy, &damaged).expect_err(&format!("byte {at} of {} is flipped", file.len()));
        assert!(!error.contains('\n'), "{error}");
        let height = copy.tip().unwrap().height;
        for block in blocks.iter().filter(|block| block.height() <= height) {
            // A block with another nonce or time may be as valid: its hash is then another one.
            let stored = copy.block(&block.hash).unwrap();
            assert!(stored.is_none_or(|stored| stored.block == block.block.encode()), "byte {at}");
        }
        assert_eq!(copy.restore(&Network::dev()).unwrap().tip().header.height, height, "byte {at}");
    }
}

#[test]
fn a_chain_of_another_network_is_refused_by_name() {
    let file = backup_of(&holding(&Forge::new(1).blocks(2, 0)));
    let other = Parameters { name: "other".to_owned(), ..Network::dev().parameters().clone() };
    let store = empty(&Network::new(other).unwrap());
    let error = import_into(&store, &file).unwrap_err();
    assert!(error.contains("network dev") && error.contains("--network"), "{error}");
    assert_eq!(store.tip().unwrap().height, 0);
    for other in [&b"\x7fELF, and so on"[..], b""] {
        let error = import_into(&store, other).unwrap_err();
        assert!(error.contains("neither a backup"), "{error}");
    }
    let mut version = file.clone();
    version[17] ^= 0x40;
    let error = import_into(&store, &version).unwrap_err();
    assert!(error.contains("protocol version"), "{error}");
}

#[test]
fn a_block_that_breaks_a_rule_is_named_and_those_before_stay() {
    let mut forge = Forge::new(1);
    let mut blocks = forge.blocks(9, 1);
    // The store does not check rules, so it can hold a block with another's signature.
    let mut block = (*forge.clone().block(1).block).clone();
    let messages = block.messages_root();
    block.seal(&secret(2), &plexus_core::primitives::hash::Hash::ZERO, &forge.history.root());
    let body_root = block.body_root(&messages);
    block.header.content_root =
        plexus_core::primitives::block::content_root(&forge.history.root(), &body_root, block.extra);
    block.header.nonce = plexus_core::mining::search::grind(&block.header, u64::MAX).unwrap();
    let history = forge.history.append(block.header.record(block.header.hash()));
    let ids = block.messages.iter().map(|message| message.id(forge.network.id())).collect();
    blocks.push(Forged { hash: block.header.hash(), block: Arc::new(block), ids, history });
    let file = backup_of(&holding(&blocks));
    let copy = empty(&Network::dev());
    let error = import_into(&copy, &file).unwrap_err();
    assert!(error.contains("block 10 is invalid: InvalidSignature"), "{error}");
    assert!(copy.block(&blocks[9].hash).unwrap().is_none());
}

#[test]
fn of_two_chains_the_one_with_more_work_is_best_after_an_import() {
    let mut forge = Forge::new(1);
    let common = forge.blocks(20, 1);
    let mut other = Forge { author: secret(2), ..forge.clone() };
    let (short, long) = (forge.blocks(5, 1), other.blocks(9, 1));
    let chain = |branch: &[Forged]| common.iter().chain(branch).cloned().collect::<Vec<_>>();
    let (short, long) = (holding(&chain(&short)), holding(&chain(&long)));
    let (tip, file) = (long.tip().unwrap(), backup_of(&long));
    assert!(!import_into(&long, &backup_of(&short)).unwrap().is_best);
    assert_eq!(long.tip().unwrap(), tip);
    let imported = import_into(&short, &file).unwrap();
    assert_eq!((imported.stored, imported.is_best), (9, true));
    assert_eq!(short.tip().unwrap(), tip);
    assert_eq!(short.restore(&Network::dev()).unwrap().tip().hash, tip.hash);
    assert_eq!(short.prove(&Network::dev()).unwrap(), long.prove(&Network::dev()).unwrap());
}

#[test]
fn keys_come_along_only_if_asked_for_and_replace_none() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    std::fs::write(from.path().join("node.key"), "node").unwrap();
    std::fs::write(from.path().join("author.key"), "author").unwrap();
    let store = holding(&Forge::new(1).blocks(3, 0));
    let keys = read_keys(from.path()).unwrap();
    let mut file = Vec::new();
    backup::write(&store.view().unwrap(), &Network::dev(), &keys, &mut file, |_, _| true).unwrap();
    let mut reader = ChainReader::new(file.as_slice()).unwrap();
    import(&mut reader, &empty(&Network::dev()), LOCAL, |_| true).unwrap();
    assert_eq!(reader.keys().len(), 2);
    std::fs::write(to.path().join("node.key"), "mine").unwrap();
    let restored: Vec<_> = reader.keys().iter().map(|key| restore_key(to.path(), key).unwrap()).collect();
    assert_eq!(restored, [false, true]);
    let read = |name: &str| std::fs::read_to_string(to.path().join(name)).unwrap();
    assert_eq!((read("node.key"), read("author.key")), ("mine".to_owned(), "author".to_owned()));
    assert_private(&to.path().join("author.key"));
    let without = backup_of(&store);
    assert!(!without.windows(6).any(|bytes| bytes == b"author"));
}

#[cfg(unix)]
fn assert_private(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    assert_eq!(std::fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
}

#[cfg(not(unix))]
fn assert_private(_path: &Path) {}

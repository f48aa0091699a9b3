//! The store behaves like the journal.

use std::path::Path;
use std::sync::Arc;

use plexus_core::node::storage::{Change, Journal, StoreQuery, StoreReply};
use plexus_core::primitives::block::{Header, VERSION};
use plexus_core::primitives::hash::Hash;
use plexus_core::primitives::mmr::Mmr;
use plexus_core::primitives::params::Network;
use plexus_core::primitives::pow::{Bits, Work};
use plexus_core::primitives::time::Timestamp;
use plexus_node::store::{HEAD_MAX, Store, StoreError};
use proptest::prelude::*;
use redb::TableDefinition;

use crate::forge::Forge;

/// A step of a random history. Numbers choose among the existing items.
#[derive(Clone, Debug)]
enum Step {
    Header {
        parent: prop::sample::Index,
    },
    Body {
        header: prop::sample::Index,
        ids: Vec<u8>,
    },
    Checkpoint {
        header: prop::sample::Index,
    },
    Tip {
        header: prop::sample::Index,
    },
    Pooled(u8),
    Unpooled(u8),
    /// Ends the list.
    Commit,
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    let index = any::<prop::sample::Index>;
    prop_oneof![
        6 => index().prop_map(|parent| Step::Header { parent }),
        4 => (index(), prop::collection::vec(0..12u8, 0..4)).prop_map(|(header, ids)| Step::Body { header, ids }),
        1 => index().prop_map(|header| Step::Checkpoint { header }),
        3 => index().prop_map(|header| Step::Tip { header }),
        1 => (0..4u8).prop_map(Step::Pooled),
        1 => (0..4u8).prop_map(Step::Unpooled),
        3 => Just(Step::Commit),
        1 => Just(Step::Reopen),
    ]
}

struct Known {
    hash: Hash,
    header: Header,
    history: Mmr,
}

/// All headers that exist, genesis first.
struct Tree {
    known: Vec<Known>,
    tip: usize,
}

impl Tree {
    fn new(network: &Network) -> Self {
        let (hash, header) = (*network.id(), *network.genesis());
        let history = Mmr::default().append(header.record(hash));
        Self { known: vec![Known { hash, header, history }], tip: 0 }
    }

    fn header(&mut self, parent: usize) -> Change {
        let parent = &self.known[parent];
        let header = Header {
            prev_hash: parent.hash,
            content_root: Hash::of(&(self.known.len() as u64).to_be_bytes()),
            version: VERSION,
            height: parent.header.height + 1,
            time: Timestamp::from_unix_ms(7),
            bits: Bits::from_u32(0x2001_0000),
            nonce: 0,
        };
        let hash = header.hash();
        let history = parent.history.append(header.record(hash));
        let total_work = history.work();
        self.known.push(Known { hash, header, history });
        Change::Header { hash, header, total_work }
    }

    fn branch(&self, index: usize) -> Vec<Hash> {
        let mut branch = vec![self.known[index].hash];
        let mut header = self.known[index].header;
        while header.height > 0 {
            branch.push(header.prev_hash);
            header = self.known.iter().find(|known| known.hash == header.prev_hash).unwrap().header;
        }
        branch.reverse();
        branch
    }

    fn tip(&mut self, index: usize) -> Change {
        let (old, new) = (self.branch(self.tip), self.branch(index));
        let fork = old.iter().zip(&new).take_while(|(old, new)| old == new).count() as u64 - 1;
        self.tip = index;
        Change::Tip { hash: self.known[index].hash, height: self.known[index].header.height, fork }
    }

    fn change(&mut self, step: &Step) -> Option<Change> {
        let change = match step {
            Step::Header { parent } => self.header(parent.index(self.known.len())),
            Step::Body { header, ids } => {
                let known = &self.known[header.index(self.known.len())];
                let mut ids: Vec<_> = ids.iter().map(|id| Hash::of(&[*id])).collect();
                ids.sort_unstable();
                ids.dedup();
                let block = known.hash.as_bytes().repeat(1 + ids.len()).into();
                Change::Body { hash: known.hash, height: known.header.height, block, ids: ids.into() }
            }
            Step::Checkpoint { header } => {
                let Known { hash, header, history } = &self.known[header.index(self.known.len())];
                Change::Checkpoint { height: header.height, hash: *hash, history: history.clone() }
            }
            Step::Tip { header } => self.tip(header.index(self.known.len())),
            Step::Pooled(id) => Change::Pooled { id: Hash::of(&[*id]), message: vec![*id; 9].into() },
            Step::Unpooled(id) => Change::Unpooled { id: Hash::of(&[*id]) },
            Step::Commit | Step::Reopen => return None,
        };
        Some(change)
    }
}

fn base(recalled: StoreReply) -> Option<(Mmr, Vec<Header>)> {
    match recalled {
        StoreReply::Base(_, base) => base,
        StoreReply::Bodies(bodies) => panic!("{bodies:?}"),
    }
}

fn bodies(recalled: StoreReply) -> Vec<bytes::Bytes> {
    match recalled {
        StoreReply::Bodies(bodies) => bodies,
        StoreReply::Base(hash, _) => panic!("{hash}"),
    }
}

fn assert_agree(tree: &Tree, store: &Store, journal: &Journal) {
    let view = store.view().unwrap();
    let best = journal.best();
    assert_eq!(view.tip().unwrap().hash, *best.last().unwrap());
    for (height, hash) in best.iter().enumerate() {
        assert_eq!(view.hash_at(height as u64).unwrap(), Some(*hash));
    }
    assert_eq!(view.hash_at(best.len() as u64).unwrap(), None);
    for known in &tree.known {
        let hash = &known.hash;
        assert_eq!(view.header(hash).unwrap().as_ref(), journal.header(hash));
        assert_eq!(view.block(hash).unwrap().map(|stored| stored.block).as_ref(), journal.body(hash));
        assert_eq!(view.is_best(hash).unwrap(), journal.is_best(hash));
        assert_eq!(view.headers_after(&[*hash]).unwrap(), journal.headers_after(&[*hash]));
        let recall = StoreQuery::LoadMmr(*hash);
        assert_eq!(base(view.recall(&recall).unwrap()), base(journal.recall(&recall)));
    }
    let unknown = Hash::of(b"unknown");
    let locator: Vec<_> =
        [unknown].into_iter().chain(tree.known.iter().rev().map(|known| known.hash)).collect();
    assert_eq!(view.headers_after(&locator).unwrap(), journal.headers_after(&locator));
    assert_eq!(view.headers_after(&[unknown]).unwrap(), journal.headers_after(&[unknown]));
    let recall = StoreQuery::Bodies(locator);
    assert_eq!(bodies(view.recall(&recall).unwrap()), bodies(journal.recall(&recall)));
    let ids: Vec<_> = (0..12u8).map(|id| Hash::of(&[id])).collect();
    let mut expected: Vec<_> =
        ids.iter().enumerate().flat_map(|(index, id)| journal.seen(index, id)).collect();
    expected.sort_unstable_by_key(|seen| (seen.index, seen.block));
    assert_eq!(store.seen(&ids).unwrap(), expected);
    let pooled: Vec<_> = view.pooled().unwrap().into_iter().map(|(_, message)| message).collect();
    assert_eq!(pooled, journal.pooled().cloned().collect::<Vec<_>>());
}

fn open(data: &Path) -> Arc<Store> {
    Store::open(data, &Network::dev()).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn a_store_answers_as_the_journal_does_whatever_the_changes(steps in prop::collection::vec(step(), 1..60)) {
        let (network, data) = (Network::dev(), tempfile::tempdir().unwrap());
        let (mut tree, mut journal) = (Tree::new(&network), Journal::new(&network));
        let (mut store, mut changes) = (open(data.path()), Vec::new());
        for step in steps.iter().chain([&Step::Commit, &Step::Reopen]) {
            changes.extend(tree.change(step));
            if !matches!(step, Step::Commit | Step::Reopen) {
                continue;
            }
            store.apply(&changes).unwrap();
            journal.apply(&changes);
            changes.clear();
            if matches!(step, Step::Reopen) {
                drop(store);
                store = open(data.path());
            }
            assert_agree(&tree, &store, &journal);
        }
    }
}

#[test]
fn a_chain_with_a_reorganisation_is_restored_as_it_was() {
    let (mut forge, data) = (Forge::new(1), tempfile::tempdir().unwrap());
    let (network, mut journal) = (forge.network.clone(), Journal::new(&forge.network));
    let common = forge.blocks(20, 1);
    let mut other = Forge { author: crate::forge::secret(2), ..forge.clone() };
    let (losing, winning) = (forge.blocks(5, 2), other.blocks(6, 2));
    let store = open(data.path());
    for changes in common.iter().chain(&losing).map(|block| block.changes(block.height() - 1)) {
        store.apply(&changes).unwrap();
        journal.apply(&changes);
    }
    let mut reorg: Vec<_> = winning[..5].iter().flat_map(|block| block.header_and_body()).collect();
    reorg.extend(winning[5].changes(20));
    store.apply(&reorg).unwrap();
    journal.apply(&reorg);
    drop(store);

    let store = open(data.path());
    let (chain, expected) = (store.restore(&network).unwrap(), journal.restore(network).unwrap());
    assert_eq!(chain.tip(), expected.tip());
    assert_eq!(chain.tip().hash, winning[5].hash);
    assert_eq!(chain.history(&winning[5].hash), Some(&winning[5].history));
    assert_eq!(chain.locator(), expected.locator());

    let found = store.find_message(&winning[2].ids[1]).unwrap().unwrap();
    assert_eq!((found.block, found.height, found.index), (winning[2].hash, 23, 1));
    assert_eq!(store.find_message(&losing[2].ids[1]).unwrap(), None);
    let blocks = store.blocks(19, 3).unwrap();
    let heights: Vec<_> = blocks.iter().map(|block| block.place.height).collect();
    assert_eq!(heights, [19, 20, 21]);
    assert_eq!(blocks[2].block, winning[0].block.encode());
    assert_eq!(blocks[2].place.total_work, winning[0].history.work());
    assert!(store.blocks(27, 3).unwrap().is_empty());
}

#[test]
fn refuses_a_directory_in_use_and_names_it() {
    let data = tempfile::tempdir().unwrap();
    let _first = open(data.path());
    let error = Store::open(data.path(), &Network::dev()).unwrap_err();
    assert!(matches!(&error, StoreError::InUse { .. }), "{error:?}");
    let text = error.to_string();
    assert!(text.contains(&data.path().display().to_string()) && text.contains("--data"), "{text}");
    assert!(!text.contains('\n'));
}

#[test]
fn refuses_the_store_of_another_network() {
    let data = tempfile::tempdir().unwrap();
    drop(open(data.path()));
    let error = Store::open(data.path(), &Network::plexus()).unwrap_err();
    let ids = (*Network::plexus().id(), *Network::dev().id());
    assert!(
        matches!(&error, StoreError::OtherNetwork { expected, found, .. } if (*expected, *found) == ids),
        "{error:?}"
    );
}

#[test]
fn refuses_the_store_of_another_protocol_version() {
    let (data, genesis) = (tempfile::tempdir().unwrap(), *Network::dev().genesis());
    let genesis = Header { version: 1, ..genesis };
    let id = genesis.hash();
    let database = redb::Database::create(data.path().join("chain.redb")).unwrap();
    let transaction = database.begin_write().unwrap();
    {
        let mut meta = transaction.open_table(TableDefinition::<&str, &[u8]>::new("meta")).unwrap();
        meta.insert("format", 2u64.to_be_bytes().as_slice()).unwrap();
        meta.insert("network", id.as_bytes().as_slice()).unwrap();
        let definition = TableDefinition::<&[u8; 40], &[u8; 112]>::new("headers");
        let mut headers = transaction.open_table(definition).unwrap();
        let (mut key, mut record) = ([0; 40], [0; 112]);
        key[8..].copy_from_slice(id.as_bytes());
        record[..96].copy_from_slice(&genesis.encode());
        headers.insert(&key, &record).unwrap();
    }
    transaction.commit().unwrap();
    drop(database);
    let error = Store::open(data.path(), &Network::dev()).unwrap_err();
    assert!(matches!(&error, StoreError::OtherProtocol { expected: 2, found: 1, .. }), "{error:?}");
    let text = error.to_string();
    assert!(
        text.contains("nothing is converted") && text.contains("--data") && !text.contains('\n'),
        "{text}"
    );
}

#[test]
fn refuses_a_file_that_is_no_store() {
    let data = tempfile::tempdir().unwrap();
    std::fs::write(data.path().join("chain.redb"), b"a letter, not a database".repeat(300)).unwrap();
    let error = Store::open(data.path(), &Network::dev()).unwrap_err();
    assert!(matches!(&error, StoreError::Unreadable { .. }), "{error:?}");
}

#[test]
fn a_new_store_holds_genesis_and_its_work_is_none() {
    let data = tempfile::tempdir().unwrap();
    let tip = open(data.path()).tip().unwrap();
    assert_eq!((tip.hash, tip.height, tip.total_work), (*Network::dev().id(), 0, Work::ZERO));
}

#[test]
fn a_first_start_that_was_cut_off_is_begun_again() {
    let data = tempfile::tempdir().unwrap();
    std::fs::write(data.path().join("chain.redb.new"), vec![0; 10_000]).unwrap();
    assert_eq!(open(data.path()).tip().unwrap().height, 0);
    assert!(!data.path().join("chain.redb.new").exists());
}

#[test]
fn messages_are_found_before_and_after_they_are_moved_into_the_index() {
    let (mut forge, data) = (Forge::new(1), tempfile::tempdir().unwrap());
    let (mut store, block) = (open(data.path()), forge.block(2));
    store.apply(&block.changes(0)).unwrap();
    let assert_found = |store: &Store| {
        let found = store.find_message(&block.ids[1]).unwrap().unwrap();
        assert_eq!((found.block, found.height, found.index), (block.hash, 1, 1));
        assert_eq!(store.seen(&block.ids).unwrap().len(), 2);
    };
    assert_found(&store);
    // The ids of a block on another branch fill the head, and the next transactions move them to
    // the table.
    for round in 0..3u64 {
        let ids =
            (0..HEAD_MAX as u64).map(|number| Hash::of(&(round << 32 | number).to_be_bytes())).collect();
        let hash = Hash::of(&round.to_be_bytes());
        store.apply(&[Change::Body { hash, height: 9, block: vec![1].into(), ids }]).unwrap();
        assert_found(&store);
        drop(store);
        store = open(data.path());
        assert_found(&store);
        let id = Hash::of(&(round << 32).to_be_bytes());
        assert_eq!(store.seen(&[id]).unwrap().iter().map(|seen| seen.block).collect::<Vec<_>>(), [hash]);
    }
}

use std::collections::BTreeMap;

use plexus_core::mining::search;
use plexus_core::node::storage::{CHECKPOINT_BLOCKS, Journal};
use plexus_core::primitives::block::VERSION;
use plexus_core::primitives::params::Parameters;
use plexus_core::primitives::pow::{Bits, Work};

use super::*;

/// Returns a network in which every second hash solves a block.
fn network() -> Network {
    let parameters = Parameters {
        name: "archive".to_owned(),
        limit_bits: Bits::from_u32(0x207f_ffff),
        ..Network::dev().parameters().clone()
    };
    Network::new(parameters).unwrap()
}

/// A miner of headers. It keeps their histories and makes the outputs of a node.
#[derive(Clone)]
struct HeaderMiner {
    network: Network,
    parent: Header,
    history: Mmr,
}

impl HeaderMiner {
    fn new(network: &Network) -> Self {
        let genesis = *network.genesis();
        let history = Mmr::default().append(genesis.record(*network.id()));
        Self { network: network.clone(), parent: genesis, history }
    }

    /// Mines a block. Returns its changes. Branches differ by `mark`.
    fn mine(&mut self, mark: u8) -> Vec<Change> {
        let fork = self.parent.height;
        let time = self.parent.time.plus_ms(15_000);
        let mut header = Header {
            prev_hash: self.parent.hash(),
            content_root: Hash::of(&[mark]),
            version: VERSION,
            height: fork + 1,
            time,
            bits: self.network.next_bits(&self.parent, time),
            nonce: 0,
        };
        header.nonce = search::grind(&header, u64::MAX).unwrap();
        let hash = header.hash();
        self.history = self.history.append(header.record(hash));
        self.parent = header;
        let height = header.height;
        let mut changes = vec![Change::Header { hash, header, total_work: Work::ZERO }];
        if height.is_multiple_of(CHECKPOINT_BLOCKS) {
            changes.push(Change::Checkpoint { height, hash, history: self.history.clone() });
        }
        changes.push(Change::Tip { hash, height, fork });
        changes
    }
}

/// A store that behaves like IndexedDB.
#[derive(Default)]
struct MemoryDatabase(BTreeMap<String, Vec<u8>>);

impl MemoryDatabase {
    fn commit(&mut self, writes: Vec<Write>) {
        for write in writes {
            match write {
                Write::Put(key, value) | Write::Add(key, value) => {
                    self.0.insert(key, value);
                }
                Write::DropRange { from, below } => self.0.retain(|key, _| *key < from || *key >= below),
            }
        }
    }

    fn entries(&self) -> Vec<DatabaseEntry> {
        let entries = self.0.iter();
        entries.map(|(key, value)| DatabaseEntry { key: key.clone(), value: value.clone() }).collect()
    }

    fn load(&self, network: &Network) -> Result<(ChainStore, Chain), ChainStoreError> {
        ChainStore::load(network.clone(), &self.entries())
    }
}

/// A chain store, its database, and the journal that both must match.
struct Trio {
    network: Network,
    chain_store: ChainStore,
    store: MemoryDatabase,
    journal: Journal,
}

impl Trio {
    fn new() -> Self {
        let network = network();
        let (chain_store, journal) = (ChainStore::new(&network), Journal::new(&network));
        Self { network, chain_store, store: MemoryDatabase::default(), journal }
    }

    fn apply(&mut self, changes: &[Change]) {
        self.journal.apply(changes);
        self.store.commit(self.chain_store.apply(changes).unwrap());
    }

    fn agree(&self) {
        let expected = self.journal.restore(self.network.clone()).unwrap();
        let (again, chain) = self.store.load(&self.network).unwrap();
        assert_eq!(chain.tip(), expected.tip());
        let tip = expected.tip();
        assert_eq!(chain.history(&tip.hash), expected.history(&tip.hash));
        assert_eq!(again.best, self.chain_store.best);
        assert_eq!(again.below, self.chain_store.below);
        assert_eq!(Some(&tip.hash), self.chain_store.best.back());
    }
}

#[test]
fn an_empty_store_is_genesis() {
    let network = network();
    let (chain_store, chain) = MemoryDatabase::default().load(&network).unwrap();
    assert_eq!(chain.tip().hash, *network.id());
    assert_eq!(chain_store.height(), 0);
}

#[test]
fn a_reload_restores_the_chain() {
    let mut trio = Trio::new();
    let mut miner = HeaderMiner::new(&trio.network);
    for height in 1..=200 {
        trio.apply(&miner.mine(0));
        if height % 50 == 0 || height == 63 || height == 64 {
            trio.agree();
        }
    }
}

#[test]
fn a_reload_restores_the_branch_after_a_reorganisation() {
    let mut trio = Trio::new();
    let mut miner = HeaderMiner::new(&trio.network);
    for _ in 0..60 {
        trio.apply(&miner.mine(0));
    }
    let mut rival = miner.clone();
    for _ in 0..80 {
        trio.apply(&miner.mine(0));
    }
    // The rival's headers come first, including one with a checkpoint. The tip moves to them later,
    // and down in height.
    let mut changes: Vec<_> = (0..70).flat_map(|_| rival.mine(1)).collect();
    changes.retain(|change| matches!(change, Change::Header { .. }));
    trio.apply(&changes);
    trio.agree();
    let parent = rival.parent;
    trio.apply(&[Change::Tip { hash: parent.hash(), height: parent.height, fork: 60 }]);
    trio.agree();
    assert_eq!(trio.chain_store.height(), 130);
}

#[test]
fn what_lies_below_the_window_is_forgotten() {
    let mut trio = Trio::new();
    let mut miner = HeaderMiner::new(&trio.network);
    let height = WINDOW_MAX as u64 + 3 * CHECKPOINT_BLOCKS + 10;
    for _ in 0..height {
        trio.apply(&miner.mine(0));
    }
    trio.agree();
    assert_eq!(trio.chain_store.base(), 3 * CHECKPOINT_BLOCKS + 1);
    assert_eq!(trio.chain_store.headers.len(), WINDOW_MAX + 10);
    assert!(trio.chain_store.loose.len() <= trio.chain_store.headers.len());
    let chunks = trio.store.0.keys().filter(|key| key.starts_with("headers/")).count();
    assert_eq!(chunks as u64, height / CHUNK_HEADERS - 3 * CHECKPOINT_BLOCKS / CHUNK_HEADERS + 1);
    trio.store.commit(ChainStore::erase());
    assert!(trio.store.0.is_empty());
}

#[test]
fn damage_is_named() {
    let mut trio = Trio::new();
    let mut miner = HeaderMiner::new(&trio.network);
    for _ in 0..150 {
        trio.apply(&miner.mine(0));
    }
    let damaged = |damage: fn(&mut MemoryDatabase)| {
        let mut store = MemoryDatabase(trio.store.0.clone());
        damage(&mut store);
        store.load(&trio.network).map(|_| ()).unwrap_err()
    };
    let gap = damaged(|store| drop(store.0.remove("headers/0000000000000001")));
    assert_eq!(gap, ChainStoreError::Gap { height: 64 });
    let short = damaged(|store| store.0.get_mut("headers/0000000000000001").unwrap().truncate(100));
    assert_eq!(short, ChainStoreError::Value { key: "headers/0000000000000001".to_owned() });
    let changed = damaged(|store| store.0.get_mut("headers/0000000000000001").unwrap()[0] ^= 1);
    assert!(matches!(changed, ChainStoreError::Chain(RestoreError { height: 64, .. })), "{changed}");
    let tip = damaged(|store| store.0.get_mut("tip").unwrap()[20] ^= 1);
    assert_eq!(tip, ChainStoreError::Value { key: "tip".to_owned() });
}

#[test]
fn a_tip_on_an_unknown_branch_is_refused() {
    let mut trio = Trio::new();
    let mut miner = HeaderMiner::new(&trio.network);
    trio.apply(&miner.mine(0));
    miner.mine(0);
    let changes = miner.mine(0);
    let tip = Change::Tip { hash: miner.parent.hash(), height: 3, fork: 1 };
    let error = trio.chain_store.apply(&[changes[0].clone(), tip]).unwrap_err();
    assert_eq!(error, ChainStoreError::Gap { height: 2 });
    let unknown = Change::Tip { hash: Hash::ZERO, height: 9, fork: 1 };
    assert!(trio.chain_store.apply(&[unknown]).is_err());
    trio.agree();
}

#[test]
fn a_chain_that_was_proven_begins_above_its_own_checkpoint() {
    let mut trio = Trio::new();
    let mut miner = HeaderMiner::new(&trio.network);
    for _ in 0..100 {
        trio.apply(&miner.mine(0));
    }
    // Five thousand blocks are mined unseen, on a branch of their own. Only the newest are shown.
    let mut unseen = HeaderMiner::new(&trio.network);
    for _ in 0..5_000 {
        unseen.mine(1);
    }
    let (below, root) = (unseen.history.clone(), unseen.parent);
    let mut changes = vec![Change::Checkpoint { height: root.height, hash: root.hash(), history: below }];
    for _ in 0..480 {
        changes.extend(unseen.mine(1).into_iter().filter(|change| !matches!(change, Change::Tip { .. })));
    }
    let tip = unseen.parent;
    changes.push(Change::Tip { hash: tip.hash(), height: tip.height, fork: root.height });
    trio.apply(&changes);
    trio.agree();
    assert_eq!((trio.chain_store.base(), trio.chain_store.height()), (5_001, 5_480));
    let lowest = trio.store.0.keys().find(|key| key.starts_with("headers/")).unwrap();
    assert_eq!(*lowest, chunk_key(5_001 / CHUNK_HEADERS), "nothing is left of what lies below");
    for _ in 0..1_000 {
        trio.apply(&unseen.mine(1));
    }
    trio.agree();
    assert_eq!(trio.chain_store.base(), 5_001);
    // Once the window is full, the chain begins above the next checkpoint.
    for _ in 0..WINDOW_MAX {
        trio.apply(&unseen.mine(1));
    }
    trio.agree();
    assert_eq!(trio.chain_store.base(), 6 * CHECKPOINT_BLOCKS + 1);
}

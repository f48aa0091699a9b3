//! A store keeps everything that it acknowledged, wherever its disk stops.

use std::sync::{Arc, Mutex};

use plexus_core::node::storage::Change;
use plexus_core::proof::chain_proof;
use plexus_node::store::Store;
use plexus_tests::test_rng::TestRng;
use redb::StorageBackend;

use crate::forge::{Forge, Forged};

/// An operation of the disk that a crash may undo.
#[derive(Clone, Debug)]
enum Pending {
    Length(u64),
    Write(u64, Vec<u8>),
}

impl Pending {
    fn carry_out(&self, image: &mut Vec<u8>) {
        match self {
            Self::Length(length) => image.resize(usize::try_from(*length).unwrap(), 0),
            Self::Write(offset, bytes) => {
                let offset = usize::try_from(*offset).unwrap();
                image.resize(image.len().max(offset + bytes.len()), 0);
                image[offset..offset + bytes.len()].copy_from_slice(bytes);
            }
        }
    }
}

/// A disk that stops after a number of syncs.
#[derive(Debug, Default)]
struct Platter {
    seen: Vec<u8>,
    synced: Vec<u8>,
    pending: Vec<Pending>,
    syncs_left: usize,
    stopped: bool,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Disk(Arc<Mutex<Platter>>);

impl Disk {
    pub(crate) fn new(image: Vec<u8>, syncs_left: usize) -> Self {
        let platter = Platter { seen: image.clone(), synced: image, syncs_left, ..Platter::default() };
        Self(Arc::new(Mutex::new(platter)))
    }

    /// Returns the contents after the crash: all synced operations, and a random part of the
    /// others.
    pub(crate) fn image(&self, rng: &mut TestRng) -> Vec<u8> {
        let platter = self.0.lock().unwrap();
        let mut image = platter.synced.clone();
        for pending in &platter.pending {
            if rng.one_in(2) {
                pending.carry_out(&mut image);
            }
        }
        image
    }

    /// Returns the contents that are durable.
    pub(crate) fn synced(&self) -> Vec<u8> {
        self.0.lock().unwrap().synced.clone()
    }

    pub(crate) fn syncs_used(&self, of: usize) -> usize {
        of - self.0.lock().unwrap().syncs_left
    }

    fn with<T>(&self, work: impl FnOnce(&mut Platter) -> T) -> Result<T, std::io::Error> {
        let mut platter = self.0.lock().unwrap();
        match platter.stopped {
            true => Err(std::io::Error::other("the disk has stopped")),
            false => Ok(work(&mut platter)),
        }
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> Result<u64, std::io::Error> {
        self.with(|platter| platter.seen.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), std::io::Error> {
        let offset = usize::try_from(offset).unwrap();
        self.with(|platter| match platter.seen.get(offset..offset + out.len()) {
            Some(bytes) => {
                out.copy_from_slice(bytes);
                Ok(())
            }
            None => Err(std::io::Error::other("read beyond the end")),
        })?
    }

    fn set_len(&self, len: u64) -> Result<(), std::io::Error> {
        self.pend(Pending::Length(len))
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<(), std::io::Error> {
        self.pend(Pending::Write(offset, data.to_vec()))
    }

    fn sync_data(&self) -> Result<(), std::io::Error> {
        self.with(|platter| {
            if platter.syncs_left == 0 {
                platter.stopped = true;
                return Err(std::io::Error::other("the disk stops"));
            }
            platter.syncs_left -= 1;
            for pending in std::mem::take(&mut platter.pending) {
                pending.carry_out(&mut platter.synced);
            }
            Ok(())
        })?
    }
}

impl Disk {
    fn pend(&self, pending: Pending) -> Result<(), std::io::Error> {
        self.with(|platter| {
            pending.carry_out(&mut platter.seen);
            platter.pending.push(pending);
        })
    }
}

/// The number of blocks before the tested life. With these, the life completes nodes of the MMR,
/// and its reorganisation removes them again.
const FOUNDING_BLOCKS: usize = 1_013;
/// The number of blocks after it, before its chain is proven by those nodes.
const LATER_BLOCKS: usize = 600;

/// Returns the changes that a life begins with, and the forge that continues from there.
fn founding() -> (Forge, Vec<Change>) {
    let mut forge = Forge::new(1);
    let blocks = forge.blocks(FOUNDING_BLOCKS, 0);
    (forge, blocks.iter().flat_map(|block| block.changes(block.height() - 1)).collect())
}

/// Returns a life of a store: blocks one by one, then a branch that overtakes them in one
/// transaction. Also returns the blocks of the life and the later ones.
fn life(mut forge: Forge) -> (Vec<Vec<Change>>, Vec<Forged>, Vec<Forged>) {
    let common = forge.blocks(8, 3);
    let fork = forge.tip.height;
    let mut other = Forge { author: crate::forge::secret(2), ..forge.clone() };
    let (losing, winning) = (forge.blocks(4, 3), other.blocks(6, 3));
    let mut life: Vec<_> =
        common.iter().chain(&losing).map(|block| block.changes(block.height() - 1)).collect();
    let mut reorg: Vec<_> = winning[..4].iter().flat_map(|block| block.header_and_body()).collect();
    reorg.extend(winning[4].changes(fork));
    life.push(reorg);
    life.push(winning[5].changes(fork + 5));
    let later = other.blocks(LATER_BLOCKS, 0);
    (life, common.into_iter().chain(losing).chain(winning).collect(), later)
}

/// Returns a disk with a store that holds the founding changes.
fn fresh(founding: &[Change]) -> Vec<u8> {
    let disk = Disk::new(Vec::new(), usize::MAX);
    Store::open_on(disk.clone(), &Forge::new(1).network).unwrap().apply(founding).unwrap();
    disk.synced()
}

/// Returns the number of lists that were acknowledged before the disk stopped.
fn live(disk: &Disk, life: &[Vec<Change>]) -> usize {
    let Ok(store) = Store::open_on(disk.clone(), &Forge::new(1).network) else { return 0 };
    life.iter().take_while(|changes| store.apply(changes).is_ok()).count()
}

#[test]
fn loses_nothing_acknowledged_wherever_the_disk_stops() {
    let (forge, founding) = founding();
    let (network, founded) = (forge.network.clone(), tip(&founding));
    let (life, blocks, later) = life(forge);
    let last = later.last().unwrap();
    let later: Vec<_> = later.iter().flat_map(|block| block.changes(block.height() - 1)).collect();
    let fresh = fresh(&founding);
    let whole = Disk::new(fresh.clone(), usize::MAX);
    assert_eq!(live(&whole, &life), life.len());
    let syncs = whole.syncs_used(usize::MAX);
    let mut crashes = 0;
    for seed in 0..12 {
        for stop in 0..syncs {
            let mut rng = TestRng::new(seed << 32 | stop as u64);
            let disk = Disk::new(fresh.clone(), stop);
            let acknowledged = live(&disk, &life);
            let store = Store::open_on(Disk::new(disk.image(&mut rng), usize::MAX), &network)
                .unwrap_or_else(|error| panic!("SEED={seed} stopped at sync {stop}: {error}"));
            // The transaction being written may be there as well, but whole or not at all.
            let tips = [acknowledged, (acknowledged + 1).min(life.len())];
            let expected = tips.map(|count| life[..count].last().and_then(|changes| tip(changes)));
            let found = store.restore(&network).unwrap().tip();
            let found = Some(found.hash).filter(|hash| Some(*hash) != founded);
            assert!(
                expected.contains(&found),
                "SEED={seed} stopped at sync {stop}: {found:?}, not {expected:?}"
            );
            let held = life[..acknowledged].iter().flatten();
            for hash in held.filter_map(|change| match change {
                Change::Body { hash, .. } => Some(hash),
                _ => None,
            }) {
                let block = blocks.iter().find(|block| block.hash == *hash).unwrap();
                let stored = store.block(hash).unwrap().unwrap();
                assert_eq!(stored.block, block.block.encode(), "SEED={seed} stopped at sync {stop}");
            }
            // The store continues from its state.
            let reached = life.iter().position(|changes| tip(changes) == found).map_or(0, |index| index + 1);
            for changes in &life[reached..] {
                store.apply(changes).unwrap();
            }
            assert_eq!(Some(store.tip().unwrap().hash), tip(&life[life.len() - 1]));
            if seed == 0 {
                store.apply(&later).unwrap();
                let proven = chain_proof::verify(&network, &store.prove(&network).unwrap());
                let proven =
                    proven.unwrap_or_else(|error| panic!("SEED={seed} stopped at sync {stop}: {error}"));
                assert_eq!((proven.hash, proven.history), (last.hash, last.history.clone()));
            }
            crashes += 1;
        }
    }
    assert!(crashes >= 300, "only {crashes} crash points");
}

fn tip(changes: &[Change]) -> Option<plexus_core::primitives::hash::Hash> {
    changes.iter().rev().find_map(|change| match change {
        Change::Tip { hash, .. } => Some(*hash),
        _ => None,
    })
}

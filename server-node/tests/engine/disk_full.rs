//! A disk that is full at a random moment: the store loses nothing that it acknowledged.

use std::io;
use std::sync::{Arc, Mutex};

use plexus_core::node::storage::Change;
use plexus_node::store::{Store, StoreError};
use plexus_tests::test_rng::TestRng;
use redb::StorageBackend;

use crate::forge::{Forge, Forged};

/// The number of moments.
const MOMENTS: u64 = 100;
/// The error number of a full disk.
const ENOSPC: i32 = 28;

#[derive(Debug, Default)]
struct Platter {
    bytes: Vec<u8>,
    /// The writes and growths until the disk is full.
    left: u64,
    /// True if one of them has failed.
    has_failed: bool,
}

/// A disk that is full after a number of writes, and stays full until it is given room. Reads go on.
#[derive(Clone, Debug, Default)]
struct Disk(Arc<Mutex<Platter>>);

impl Disk {
    fn new(bytes: Vec<u8>, left: u64) -> Self {
        Self(Arc::new(Mutex::new(Platter { bytes, left, has_failed: false })))
    }

    fn used(&self, of: u64) -> u64 {
        of - self.0.lock().unwrap().left
    }

    fn bytes(&self) -> Vec<u8> {
        self.0.lock().unwrap().bytes.clone()
    }

    fn change(&self, change: impl FnOnce(&mut Vec<u8>)) -> io::Result<()> {
        let mut platter = self.0.lock().unwrap();
        match platter.left.checked_sub(1) {
            Some(left) => {
                platter.left = left;
                change(&mut platter.bytes);
                Ok(())
            }
            None => {
                platter.has_failed = true;
                Err(io::Error::from_raw_os_error(ENOSPC))
            }
        }
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.lock().unwrap().bytes.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let (offset, platter) = (usize::try_from(offset).unwrap(), self.0.lock().unwrap());
        out.copy_from_slice(&platter.bytes[offset..offset + out.len()]);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.change(|bytes| bytes.resize(usize::try_from(len).unwrap(), 0))
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let offset = usize::try_from(offset).unwrap();
        self.change(|bytes| bytes[offset..offset + data.len()].copy_from_slice(data))
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }
}

/// Applies blocks one by one until the disk is full. Returns the number that was acknowledged.
fn live(disk: &Disk, blocks: &[Forged]) -> usize {
    let store = match Store::open_on(disk.clone(), &Forge::new(1).network) {
        Ok(store) => store,
        Err(error) => {
            assert!(matches!(error, StoreError::DiskFull), "{error}");
            return 0;
        }
    };
    for (acknowledged, block) in blocks.iter().enumerate() {
        if let Err(error) = store.apply(&changes(block)) {
            assert!(matches!(error, StoreError::DiskFull), "{error}");
            assert!(error.to_string().contains("nothing that it acknowledged is lost"));
            // The store takes nothing more, and still answers.
            assert!(store.apply(&changes(block)).is_err());
            assert!(store.tip().is_ok_and(|tip| tip.height <= block.height()));
            return acknowledged;
        }
    }
    blocks.len()
}

fn changes(block: &Forged) -> Vec<Change> {
    block.changes(block.height() - 1)
}

#[test]
fn loses_nothing_acknowledged_whenever_the_disk_is_full() {
    let blocks = Forge::new(1).blocks(40, 40);
    let network = Forge::new(1).network;
    let fresh = Disk::new(Vec::new(), u64::MAX);
    drop(Store::open_on(fresh.clone(), &network).unwrap());
    let fresh = fresh.bytes();
    let whole = Disk::new(fresh.clone(), u64::MAX);
    assert_eq!(live(&whole, &blocks), blocks.len());
    let writes = whole.used(u64::MAX);
    let (seed, mut full, mut partly) = (seed(), 0_u64, 0_u64);
    let mut rng = TestRng::new(seed);
    for _ in 0..MOMENTS {
        let moment = rng.below(writes);
        let disk = Disk::new(fresh.clone(), moment);
        let acknowledged = live(&disk, &blocks);
        full += u64::from(disk.0.lock().unwrap().has_failed);
        partly += u64::from(acknowledged > 0);
        // The disk has room again, and the node is restarted.
        let store = Store::open_on(Disk::new(disk.bytes(), u64::MAX), &network)
            .unwrap_or_else(|error| panic!("SEED={seed} full at write {moment}: {error}"));
        let tip = store.restore(&network).unwrap().tip().header.height;
        // The transaction that failed may be there as well, but whole or not at all.
        let expected = acknowledged as u64..=acknowledged as u64 + 1;
        assert!(expected.contains(&tip), "SEED={seed} full at write {moment}: {tip}, not {expected:?}");
        for block in blocks.iter().take(acknowledged) {
            let stored = store.block(&block.hash).unwrap().unwrap();
            assert_eq!(stored.block, block.block.encode(), "SEED={seed} full at write {moment}");
        }
        for block in blocks.iter().filter(|block| block.height() > tip) {
            store.apply(&changes(block)).unwrap();
        }
        assert_eq!(store.tip().unwrap().hash, blocks[39].hash);
        for block in &blocks {
            assert_eq!(store.find_message(&block.ids[0]).unwrap().unwrap().block, block.hash);
        }
    }
    assert_eq!(full, MOMENTS, "the disk was not full each time");
    assert!(partly > 60, "the disk was full before the first block {} times", MOMENTS - partly);
}

fn seed() -> u64 {
    std::env::var("SEED").ok().map_or(1, |text| text.parse().expect("SEED is a number"))
}

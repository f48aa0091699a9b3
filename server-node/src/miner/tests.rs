use std::time::{Duration, Instant};

use plexus_core::block::{Header, VERSION};
use plexus_core::hash::Hash;
use plexus_core::mine::{JobId, Solution};
use plexus_core::network::Network;
use plexus_core::pow::{Bits, Target};
use plexus_core::time::Time;
use tokio::sync::mpsc::Receiver;

use super::*;
use crate::store::Store;

const PATIENCE: Duration = Duration::from_secs(30);

fn job(id: u64, target: Target) -> Job {
    let header = Header {
        prev_hash: Hash::of(&id.to_be_bytes()),
        content_root: Hash::ZERO,
        version: VERSION,
        height: 1,
        time: Time::from_unix_ms(id),
        bits: target.bits(),
        nonce: 0,
    };
    Job { id: JobId(id), header, target, history_root: Hash::ZERO, body_root: Hash::ZERO, extra: 0 }
}

fn easy(id: u64) -> Job {
    job(id, Bits::from_u32(0x2001_0000).target().unwrap())
}

fn impossible(id: u64) -> Job {
    job(id, Target::from_be_bytes([0; 32]))
}

struct Bench {
    miner: Miner,
    facts: Receiver<Fact>,
    handle: Handle,
    _data: tempfile::TempDir,
}

fn bench(threads: usize) -> Bench {
    let data = tempfile::tempdir().unwrap();
    let store = Store::open(data.path(), &Network::dev()).unwrap();
    let (handle, facts) = Handle::new(store, Network::dev(), 1);
    Bench { miner: Miner::new(Some(threads), handle.clone()), facts, handle, _data: data }
}

impl Bench {
    fn solution(&mut self) -> Solution {
        match self.facts.blocking_recv() {
            Some(Fact::Input(Input::Solved(solution))) => solution,
            other => panic!("{other:?}"),
        }
    }

    fn tried(&self) -> u64 {
        self.handle.counters().hashes_tried.value()
    }

    fn wait_until_it_tries(&self) {
        let (begun, before) = (Instant::now(), self.tried());
        while self.tried() == before {
            assert!(begun.elapsed() < PATIENCE, "nothing is tried");
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

#[test]
fn solves_job_after_job() {
    let mut bench = bench(2);
    for id in 1..=20 {
        bench.miner.search(Some(easy(id))).unwrap();
        let solution = bench.solution();
        assert_eq!(solution.job, JobId(id));
        assert!(easy(id).target.is_met_by(&easy(id).complete(&solution).hash()));
    }
    assert_eq!(bench.handle.counters().solutions.value(), 20);
}

#[test]
fn leaves_a_job_for_the_next_at_once() {
    let mut bench = bench(2);
    bench.miner.search(Some(impossible(1))).unwrap();
    bench.wait_until_it_tries();
    let begun = Instant::now();
    bench.miner.search(Some(easy(2))).unwrap();
    assert_eq!(bench.solution().job, JobId(2));
    // A slice takes some ms; an unoptimised one on a busy machine, more. The search that is left would take forever.
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
}

#[test]
fn rests_without_a_job() {
    let mut bench = bench(2);
    bench.miner.search(Some(impossible(1))).unwrap();
    bench.wait_until_it_tries();
    bench.miner.search(None).unwrap();
    // Two slices at most are under way.
    let mut before = bench.tried();
    for _ in 0..100 {
        std::thread::sleep(Duration::from_millis(200));
        let now = bench.tried();
        if now == before {
            return;
        }
        before = now;
    }
    panic!("it goes on trying");
}

#[test]
fn ends_its_threads_when_it_is_dropped() {
    let mut bench = bench(3);
    bench.miner.search(Some(impossible(1))).unwrap();
    bench.wait_until_it_tries();
    let board = Arc::downgrade(&bench.miner.board);
    drop(bench.miner);
    assert_eq!(board.strong_count(), 0);
}

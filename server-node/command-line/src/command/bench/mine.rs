//! Hashes per second: each kernel beside the plain use of the sha2 crate, which hashes all 96 bytes
//! each try.
//!
//! One row measures the fastest kernel on several threads at once. If this program can mine on the
//! graphics processor, the last row measures that. Rounds of all rows are interleaved and the
//! median of each counts, so that other load on the machine affects all rows alike.

use std::num::NonZero;
use std::time::{Duration, Instant};

use plexus_core::mining::job::{Job, JobId};
use plexus_core::mining::kernel::Kernel;
use plexus_core::mining::search::Search;
use plexus_core::primitives::block::{HEADER_BYTES, Header};
use plexus_core::primitives::hash::Hash;
use plexus_core::primitives::params::Network;
use plexus_core::primitives::pow::Target;
use plexus_node::miner::{Gpu, GpuError, THREADS_MAX, fastest_kernel};
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::{OutputArgs, per_second, progress, table};

/// The number of times that each row is measured.
const ROUNDS: usize = 7;
/// The time that each measurement takes.
const ROUND: Duration = Duration::from_millis(300);
/// The number of hashes between two readings of the clock.
const SLICE_TRIES: u64 = 1 << 16;

#[derive(Clone, Debug, clap::Args)]
pub(super) struct MineBenchArgs {
    #[command(flatten)]
    output: OutputArgs,
    /// Number of threads of the multi-threaded row [default: one for each core]
    #[arg(long, value_name = "N")]
    threads: Option<NonZero<usize>>,
}

#[derive(Debug, Serialize)]
struct Row {
    kernel: String,
    hashes_per_s: f64,
    /// The rate, divided by that of the first row.
    ratio: f64,
}

/// Runs the command.
pub(super) fn run(arguments: &MineBenchArgs) -> anyhow::Result<()> {
    let threads = arguments.threads.or_else(|| std::thread::available_parallelism().ok());
    let rows = measure(threads.map_or(1, NonZero::get).min(THREADS_MAX));
    if arguments.output.json {
        return table::print_json(&rows);
    }
    let mut shown = table::headed(&["kernel", "rate", "ratio"]);
    for row in &rows {
        shown.add_row([row.kernel.clone(), per_second(row.hashes_per_s), format!("{:.2}", row.ratio)]);
    }
    table::print(&table::lines(shown))
}

fn measure(threads: usize) -> Vec<Row> {
    let header = *Network::plexus().genesis();
    let mut racers = vec![Racer { name: "sha2, all 96 bytes".to_owned(), loops: vec![naive(header)] }];
    for kernel in Kernel::available() {
        racers.push(Racer { name: kernel.name().to_owned(), loops: vec![search(header, kernel)] });
    }
    if threads > 1 {
        let fastest = fastest_kernel();
        let loops = (0..threads).map(|_| search(header, fastest)).collect();
        racers.push(Racer { name: format!("{} on {threads} threads", fastest.name()), loops });
    }
    match Gpu::open() {
        Ok(gpu) => {
            racers.push(Racer { name: format!("gpu: {}", gpu.name()), loops: vec![on_gpu(header, gpu)] });
        }
        Err(GpuError::NotBuilt) => {}
        Err(error) => eprintln!("{error}"),
    }
    let mut rates = vec![Vec::with_capacity(ROUNDS); racers.len()];
    let bar = progress::bar((ROUNDS * racers.len()) as u64, "hashing");
    for _ in 0..ROUNDS {
        for (racer, rates) in racers.iter_mut().zip(&mut rates) {
            rates.push(racer.rate());
            bar.inc(1);
        }
    }
    bar.finish_and_clear();
    let medians: Vec<_> = rates.into_iter().map(median).collect();
    let rows = racers.into_iter().zip(&medians);
    rows.map(|(racer, &hashes_per_s)| {
        let (kernel, ratio) = (racer.name, hashes_per_s / medians[0]);
        Row { kernel, hashes_per_s, ratio }
    })
    .collect()
}

/// A search that makes about the given number of tries. Returns the number that it made.
type Loop = Box<dyn FnMut(u64) -> u64 + Send>;

/// A row while it is measured: one loop for each thread.
struct Racer {
    name: String,
    loops: Vec<Loop>,
}

impl Racer {
    /// Returns the rate of all its loops together, in one round.
    fn rate(&mut self) -> f64 {
        match self.loops.as_mut_slice() {
            [alone] => rate(alone),
            loops => std::thread::scope(|scope| {
                let threads: Vec<_> = loops.iter_mut().map(|each| scope.spawn(|| rate(each))).collect();
                // A thread that panicked counts as no tries.
                threads.into_iter().map(|thread| thread.join().unwrap_or(0.0)).sum()
            }),
        }
    }
}

fn naive(header: Header) -> Loop {
    let mut bytes: [u8; HEADER_BYTES] = header.encode();
    let mut nonce: u64 = 0;
    Box::new(move |tries| {
        for _ in 0..tries {
            nonce += 1;
            bytes[HEADER_BYTES - 8..].copy_from_slice(&nonce.to_be_bytes());
            let hash = Hash::from_bytes(Sha256::digest(bytes).into());
            if std::hint::black_box(unreachable_target()).is_met_by(&hash) {
                // No hash in 2^256 meets this target. The comparison is here because a search pays
                // for it.
                std::hint::black_box(&hash);
            }
        }
        tries
    })
}

fn job(header: Header) -> Job {
    let (target, root) = (unreachable_target(), Hash::ZERO);
    Job { id: JobId(0), header, target, history_root: root, body_root: root, extra: 0 }
}

/// Returns a loop that makes one dispatch per call, whatever number of tries is asked for.
fn on_gpu(header: Header, mut gpu: Gpu) -> Loop {
    let mut search = Search::new(&job(header), 0);
    Box::new(move |_| {
        let before = search.tried();
        // A search that fails counts as no tries.
        let _failed = std::hint::black_box(gpu.search(&mut search));
        search.tried() - before
    })
}

fn search(header: Header, kernel: Kernel) -> Loop {
    let mut search = Search::new(&job(header), 0).with_kernel(kernel);
    Box::new(move |tries| {
        let before = search.tried();
        std::hint::black_box(search.run(tries));
        search.tried() - before
    })
}

fn unreachable_target() -> Target {
    Target::from_be_bytes([0; 32])
}

fn rate(search: &mut Loop) -> f64 {
    let (started, mut tries) = (Instant::now(), 0);
    while started.elapsed() < ROUND {
        tries += search(SLICE_TRIES);
    }
    tries as f64 / started.elapsed().as_secs_f64()
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}

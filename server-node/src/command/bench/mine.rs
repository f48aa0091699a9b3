//! Hashes a second: each kernel against the plain use of the sha2 crate, all 96 bytes each try.
//!
//! Rounds of all kernels are interleaved and the median of each counts: a machine that is busy now and then harms all alike.

use std::time::{Duration, Instant};

use plexus_core::block::{HEADER_BYTES, Header};
use plexus_core::hash::Hash;
use plexus_core::mine::{Job, JobId, Search};
use plexus_core::network::Network;
use plexus_core::pow::Target;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::{per_second, progress, table};

/// How many times each kernel is measured.
const ROUNDS: usize = 7;
/// For how long, each time.
const ROUND: Duration = Duration::from_millis(300);
/// How many hashes lie between two looks at the clock.
const SLICE_TRIES: u64 = 1 << 15;

#[derive(Debug, Serialize)]
struct Row {
    kernel: &'static str,
    hashes_per_s: f64,
    /// Against the first row.
    ratio: f64,
}

/// Runs the command.
pub(super) fn run(json: bool) -> anyhow::Result<()> {
    let rows = measure();
    if json {
        return table::print_json(&rows);
    }
    let mut shown = table::headed(&["kernel", "rate", "ratio"]);
    for row in &rows {
        shown.add_row([row.kernel.to_owned(), per_second(row.hashes_per_s), format!("{:.2}", row.ratio)]);
    }
    table::print(&table::lines(shown))
}

fn measure() -> Vec<Row> {
    let header = *Network::plexus().genesis();
    let mut kernels = [("sha2, all 96 bytes", naive(header)), ("portable", portable(header))];
    let mut rates = vec![Vec::with_capacity(ROUNDS); kernels.len()];
    let bar = progress::bar((ROUNDS * kernels.len()) as u64, "hashing");
    for _ in 0..ROUNDS {
        for ((_, kernel), rates) in kernels.iter_mut().zip(&mut rates) {
            rates.push(rate(kernel));
            bar.inc(1);
        }
    }
    bar.finish_and_clear();
    let medians: Vec<_> = rates.into_iter().map(median).collect();
    let rows = kernels.iter().zip(&medians);
    rows.map(|((kernel, _), &hashes_per_s)| Row { kernel, hashes_per_s, ratio: hashes_per_s / medians[0] })
        .collect()
}

/// A search that goes on by so many tries.
type Kernel = Box<dyn FnMut(u64)>;

fn naive(header: Header) -> Kernel {
    let mut bytes: [u8; HEADER_BYTES] = header.encode();
    let mut nonce: u64 = 0;
    Box::new(move |tries| {
        for _ in 0..tries {
            nonce += 1;
            bytes[HEADER_BYTES - 8..].copy_from_slice(&nonce.to_be_bytes());
            let hash = Hash::from_bytes(Sha256::digest(bytes).into());
            if std::hint::black_box(unreachable_target()).is_met_by(&hash) {
                // No hash in 2^256 does; the comparison is what a search costs.
                std::hint::black_box(&hash);
            }
        }
    })
}

fn portable(header: Header) -> Kernel {
    let mut search = Search::new(&Job { id: JobId(0), header, target: unreachable_target() }, 0);
    Box::new(move |tries| {
        std::hint::black_box(search.run(tries));
    })
}

fn unreachable_target() -> Target {
    Target::from_be_bytes([0; 32])
}

fn rate(kernel: &mut Kernel) -> f64 {
    let (started, mut tries) = (Instant::now(), 0);
    while started.elapsed() < ROUND {
        kernel(SLICE_TRIES);
        tries += SLICE_TRIES;
    }
    tries as f64 / started.elapsed().as_secs_f64()
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}

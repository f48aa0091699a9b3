//! Chain proofs: the size of one, and the time to make it from memory and to verify it, on one
//! core.
//!
//! Rounds of both are interleaved and the median of each counts.

use std::time::{Duration, Instant};

use anyhow::ensure;
use plexus_core::primitives::block::HEADER_BYTES;
use plexus_core::primitives::params::Network;
use plexus_core::proof::chain_proof;
use serde::Serialize;

use super::{OutputArgs, progress, range, table};

/// The number of times that both are measured.
const ROUNDS: usize = 9;

#[derive(Clone, Copy, Debug, clap::Args)]
pub(super) struct ProofBenchArgs {
    #[command(flatten)]
    output: OutputArgs,
    /// Number of blocks of the chain above genesis
    #[arg(long, value_name = "N", default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1..=range::BLOCKS_MAX))]
    blocks: u64,
}

#[derive(Debug, Serialize)]
struct ProofFigures {
    blocks: u64,
    /// The number of points of work that the proof had to show.
    samples: usize,
    /// The size of the proof.
    bytes: usize,
    prove_ms: f64,
    verify_ms: f64,
    /// The size of all headers, for comparison.
    headers_bytes: u64,
}

/// Runs the command.
pub(super) fn run(arguments: &ProofBenchArgs) -> anyhow::Result<()> {
    let figures = measure(arguments.blocks)?;
    if arguments.output.json {
        return table::print_json(&figures);
    }
    let ratio = figures.headers_bytes as f64 / figures.bytes as f64;
    let rows = [
        ("blocks", figures.blocks.to_string()),
        ("samples", figures.samples.to_string()),
        ("proof", format!("{:.1} kB", figures.bytes as f64 / 1e3)),
        ("made in", format!("{:.2} ms", figures.prove_ms)),
        ("verified in", format!("{:.2} ms", figures.verify_ms)),
        ("all headers", format!("{:.1} kB, {ratio:.1} times as much", figures.headers_bytes as f64 / 1e3)),
    ];
    table::print(&table::pairs(&rows))
}

fn measure(blocks: u64) -> anyhow::Result<ProofFigures> {
    let network = Network::dev();
    let mut range = range::SyntheticRange::new(&network);
    let bar = progress::bar(blocks, "making the chain");
    while range.height() < blocks {
        range.mine(&network)?;
        if range.height().is_multiple_of(1_024) {
            bar.set_position(range.height());
        }
    }
    bar.finish_and_clear();
    let (mut prove, mut verify, mut bytes, mut samples) = (Vec::new(), Vec::new(), 0, 0);
    for _ in 0..ROUNDS {
        let started = Instant::now();
        let encoded = chain_proof::prove(&network, blocks, &mut range)?;
        prove.push(started.elapsed());
        let started = Instant::now();
        let proven = chain_proof::verify(&network, &encoded)?;
        verify.push(started.elapsed());
        ensure!(proven.header == *range.tip(), "the proof is of another tip");
        (bytes, samples) = (encoded.len(), proven.samples);
    }
    Ok(ProofFigures {
        blocks,
        samples,
        bytes,
        prove_ms: median_ms(prove),
        verify_ms: median_ms(verify),
        headers_bytes: (blocks + 1) * HEADER_BYTES as u64,
    })
}

fn median_ms(mut times: Vec<Duration>) -> f64 {
    times.sort_unstable();
    times[times.len() / 2].as_secs_f64() * 1e3
}

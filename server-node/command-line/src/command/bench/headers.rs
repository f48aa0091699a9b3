//! Headers per second: a node's checks before it asks for bodies, over a chain of a million headers
//! on one core.

use std::time::{Duration, Instant};

use anyhow::ensure;
use plexus_core::ledger::chain::{Chain, Inserted};
use plexus_core::primitives::block::{Header, VERSION};
use plexus_core::primitives::hash::Hash;
use plexus_core::primitives::params::Network;
use plexus_core::primitives::pow::Bits;

use super::progress;

/// The number of headers that are checked.
const HEADERS: u64 = 1_000_000;
/// The number of headers that are made at a time. Making them is not measured.
const ROUND: u64 = 8_192;

/// Checks the headers. Returns the headers checked per second.
pub(super) fn measure() -> anyhow::Result<f64> {
    let mut parameters = Network::dev().parameters().clone();
    // Every other hash meets this target. The headers are made quickly, but checked like any
    // others.
    parameters.limit_bits = Bits::from_u32(0x207f_ffff);
    let network = Network::new(parameters)?;
    let mut parent = *network.genesis();
    let mut chain = Chain::new(network);
    let mut spent = Duration::ZERO;
    let bar = progress::bar(HEADERS, "checking headers");
    let mut left = HEADERS;
    while left > 0 {
        let round = make(&mut parent, left.min(ROUND));
        left -= round.len() as u64;
        let started = Instant::now();
        for header in &round {
            let inserted = chain.insert(*header, header.time);
            ensure!(
                matches!(inserted, Ok(Inserted::New { leads: true })),
                "a header was refused: {inserted:?}"
            );
            chain.assume_valid();
        }
        spent += started.elapsed();
        bar.inc(round.len() as u64);
    }
    bar.finish_and_clear();
    ensure!(chain.tip().header.height == HEADERS, "not all headers were taken in");
    Ok(HEADERS as f64 / spent.as_secs_f64())
}

fn make(parent: &mut Header, count: u64) -> Vec<Header> {
    let next = |_| {
        let mut header = Header {
            prev_hash: parent.hash(),
            content_root: Hash::ZERO,
            version: VERSION,
            height: parent.height + 1,
            time: parent.time.plus_ms(15_000),
            bits: parent.bits,
            nonce: 0,
        };
        while !header.bits.target().is_none_or(|target| target.is_met_by(&header.hash())) {
            header.nonce += 1;
        }
        *parent = header;
        header
    };
    (0..count).map(next).collect()
}

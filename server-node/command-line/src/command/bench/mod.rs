//! `plexus bench`: the speed of this machine. Each figure stands beside its reference, measured in
//! the same run.

use clap::{Args, Subcommand};

use super::{progress, table};

mod headers;
mod ledger;
mod mine;
mod proof;
mod range;
mod sync;

#[derive(Debug, Args)]
pub(super) struct BenchArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Measure hashes per second on one core, by each search kernel and by the sha2 crate, and on
    /// several cores at once
    Mine(mine::MineBenchArgs),
    /// Measure the size of a chain proof, and the time to make and to verify one
    Proof(proof::ProofBenchArgs),
    /// Measure how fast a new node synchronizes a chain, compared with signature verification by
    /// k256 alone on all cores
    Sync(OutputArgs),
}

#[derive(Clone, Copy, Debug, Args)]
struct OutputArgs {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub(super) fn run(arguments: &BenchArgs) -> anyhow::Result<()> {
    match &arguments.what {
        What::Mine(arguments) => mine::run(arguments),
        What::Proof(arguments) => proof::run(arguments),
        What::Sync(output) => sync::run(output.json),
    }
}

/// Returns a rate in the form that people read.
fn per_second(rate: f64) -> String {
    if rate >= 1e6 { format!("{:.2} M/s", rate / 1e6) } else { format!("{rate:.0} /s") }
}

//! `plexus bench`: what this machine can do, each figure beside the one that it is held against, from one run.

use clap::{Args, Subcommand};

use super::{progress, table};

mod headers;
mod ledger;
mod mine;
mod proof;
mod range;
mod sync;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Hashes a second on one core, by each search kernel and by the sha2 crate, and on several at once
    Mine(mine::Arguments),
    /// How large a chain proof is, and how long it takes to make and to verify one
    Proof(proof::Arguments),
    /// How fast a fresh node takes a chain from another, against what this machine's cores verify by k256 alone
    Sync(Output),
}

#[derive(Clone, Copy, Debug, Args)]
struct Output {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    match &arguments.what {
        What::Mine(arguments) => mine::run(arguments),
        What::Proof(arguments) => proof::run(arguments),
        What::Sync(output) => sync::run(output.json),
    }
}

/// A rate as people read it.
fn per_second(rate: f64) -> String {
    if rate >= 1e6 { format!("{:.2} M/s", rate / 1e6) } else { format!("{rate:.0} /s") }
}

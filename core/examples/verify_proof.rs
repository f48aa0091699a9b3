//! Verifies a proof file: that a message is in a block of a proven chain.
//!
//! `cargo run -p plexus-core --example verify_proof -- FILE`
//!
//! The network is the one that the file states. Compare its id with the one that you expect.

use std::fs::File;
use std::io::Read;
use std::process::ExitCode;

use plexus_core::ledger::known_work::KnownWork;
use plexus_core::proof::inclusion_proof::{RECEIPT_BYTES_MAX, Receipt};
use plexus_core::proof::verdict::{Evidence, Verdict};

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let (Some(path), None) = (arguments.next(), arguments.next()) else {
        eprintln!("usage: verify_proof FILE");
        return ExitCode::FAILURE;
    };
    let path = path.to_string_lossy();
    match read(&path).and_then(|bytes| report(&bytes)) {
        Ok(report) => {
            println!("{report}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{path}: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Returns the bytes of a file. A file that is too long for a proof is not read to its end.
fn read(path: &str) -> Result<Vec<u8>, String> {
    let most = RECEIPT_BYTES_MAX as u64 + 1;
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(most).read_to_end(&mut bytes));
    read.map(|_| bytes).map_err(|error| error.to_string())
}

/// Returns the contents that a proof file proves, as text.
fn report(bytes: &[u8]) -> Result<String, String> {
    let receipt = Receipt::decode(bytes).map_err(|error| error.to_string())?;
    let verified = receipt.verify().map_err(|error| error.to_string())?;
    let (network, message) = (&receipt.network, &receipt.message);
    let total_work = verified.proven.total_work();
    let verdict = Verdict::of(total_work, &KnownWork::of(network), Evidence::default());
    let lines = [
        format!("verdict    {verdict}"),
        format!("network    {} {}", network.name(), network.id()),
        format!("message    {}", verified.id),
        format!("written    {}", message.time()),
        format!("sender     {}", message.sender()),
        // Debug form: a text cannot end its line and imitate another.
        format!("recipient  {:?}", message.recipient()),
        format!("text       {:?}", message.text()),
        format!("block      {} {}", receipt.header.height, verified.block),
        format!("mined      after {}, its miner says {}", verified.parent_time, receipt.header.time),
        format!("protected  by {} hashes in {} blocks", verified.work, verified.blocks),
        format!("tip        {} {}", verified.proven.header.height, verified.proven.hash),
        format!("chain      {total_work} hashes"),
    ];
    Ok(lines.join("\n"))
}

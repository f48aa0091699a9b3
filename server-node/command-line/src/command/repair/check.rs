//! Runs the check in a process of its own, and gathers what it finds.

use std::io::{BufRead, Read};
use std::path::Path;

use anyhow::bail;
use plexus_core::primitives::params::Network;
use plexus_node::store::check::Checked;

use super::reader::{OTHER, Part, Reader};
use super::{Finding, Findings};
use crate::command::progress;

/// Checks the store of a data folder. Returns what was found, and the height of the best chain if
/// all was read.
pub(super) fn run(data: &Path, network: &Network) -> anyhow::Result<(Findings, Option<u64>)> {
    let spinner = progress::spinner("checking the file's pages");
    let mut reader = Reader::start(Part::Check, data, network, &[])?;
    let (mut findings, mut at, mut reached, mut tip) = (Findings::default(), String::new(), None, None);
    for line in reader.out.by_ref().lines() {
        let Ok(line) = line else { break };
        // The process may have ended within a line.
        let Ok(checked) = serde_json::from_str(&line) else { break };
        match checked {
            Checked::Begun { part } => {
                spinner.set_message(format!("checking {part}"));
                (at, reached) = (part.into_owned(), None);
            }
            Checked::Height(height) => {
                spinner.set_message(format!("checking block {height}"));
                reached = Some(height);
            }
            Checked::Damage { part, height, reason } => {
                findings.add(Finding { part: part.into_owned(), height, reason });
            }
            Checked::Ended { tip: height } => tip = Some(height),
        }
    }
    let (status, said) = reader.end()?;
    spinner.finish_and_clear();
    if status == Some(i32::from(OTHER)) {
        bail!("{said}");
    }
    if tip.is_none() && status != Some(0) {
        let reason = match reached {
            Some(height) => format!("the database fails on a damaged page above block {height}"),
            None => "the database fails on a damaged page".to_owned(),
        };
        findings.add(Finding { part: at, height: None, reason });
    }
    Ok((findings, tip))
}

//! The verifier: signatures on all cores.
//!
//! Batches run side by side, and a large one is spread over the threads, so that neither many small blocks nor one large one
//! leaves a core idle. How many batches wait is bounded by the node, which hands them out.

use std::sync::Arc;

use plexus_core::check::{Batch, Check, Verdict};
use plexus_core::node::Input;
use rayon::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuildError, ThreadPoolBuilder};

use crate::counters::Counters;
use crate::fact::Fact;
use crate::handle::Handle;
use crate::store::{Store, StoreError};

/// The signatures that a thread takes at once: about a millisecond's work.
const CHECKS_AT_ONCE: usize = 16;

/// A thread for each core.
#[derive(Debug)]
pub(crate) struct Verifier {
    threads: ThreadPool,
}

impl Verifier {
    /// # Errors
    /// When the system has no more threads to give.
    pub(crate) fn new() -> Result<Self, ThreadPoolBuildError> {
        let threads = ThreadPoolBuilder::new().thread_name(|index| format!("verifier-{index}")).build()?;
        Ok(Self { threads })
    }

    /// Answers a batch, and tells the driver.
    pub(crate) fn verify(&self, batch: Arc<Batch>, handle: Handle) {
        self.threads.spawn(move || {
            let fact = match answer(&batch, handle.store(), handle.counters()) {
                Ok(verdict) => Fact::Input(Input::Verified(verdict)),
                Err(error) => Fact::Failed(error),
            };
            // A node that is stopping needs no verdict.
            let _stopped = handle.tell_blocking(fact);
        });
    }
}

/// Answers a batch on the threads of the pool that this is called in.
pub(crate) fn answer(batch: &Batch, store: &Store, counters: &Counters) -> Result<Verdict, StoreError> {
    let (broken, seen) = rayon::join(|| broken(&batch.checks), || store.seen(&batch.ids));
    counters.signatures_verified.add(batch.checks.len() as u64);
    counters.signatures_broken.add(broken.len() as u64);
    Ok(Verdict { id: batch.id, broken, seen: seen? })
}

/// The places of the signatures that do not hold, rising.
fn broken(checks: &[Check]) -> Vec<usize> {
    let indexed = checks.par_iter().enumerate().with_min_len(CHECKS_AT_ONCE);
    indexed.filter(|(_, check)| !check.holds()).map(|(index, _)| index).collect()
}

#[cfg(test)]
mod tests;

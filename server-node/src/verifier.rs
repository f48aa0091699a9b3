//! The verifier: checks signatures on all cores.
//!
//! Batches run in parallel, and a large one is spread over the threads. So neither many small
//! blocks nor one large one leaves a core idle. The node, which hands out the batches, bounds their
//! number.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lru::LruCache;
use plexus_core::ledger::signature_batch::{BatchResult, SignatureBatch, SignatureCheck};
use plexus_core::node::Input;
use plexus_core::primitives::key::{PublicKey, ReadyKey};
use rayon::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuildError, ThreadPoolBuilder};

use crate::driver::event::DriverEvent;
use crate::handle::Handle;
use crate::metrics::Metrics;
use crate::store::{Store, StoreError};

/// The signatures that a thread takes at a time: about a millisecond's work.
const CHECKS_AT_ONCE: usize = 16;

/// The keys that are kept as points of the curve. When full, the least recently used one makes room.
const KEYS_MAX: NonZeroUsize = NonZeroUsize::new(4_096).expect("it is not zero");

/// The verifier, with one thread for each core.
#[derive(Debug)]
pub(crate) struct Verifier {
    threads: ThreadPool,
    keys: Arc<Keys>,
}

/// The keys of recent signatures. Authors and senders are often the same.
///
/// The lock is held for a look at the table, far shorter than a signature takes.
#[derive(Debug)]
pub(crate) struct Keys(Mutex<LruCache<PublicKey, ReadyKey>>);

impl Default for Keys {
    fn default() -> Self {
        Self(Mutex::new(LruCache::new(KEYS_MAX)))
    }
}

impl Keys {
    /// Returns true if a signature is valid for its key.
    fn hold(&self, check: &SignatureCheck) -> bool {
        let known = self.keys().get(&check.key).copied();
        let Some(key) = known.or_else(|| self.compute(&check.key)) else { return false };
        key.verifies(&check.digest, &check.signature)
    }

    fn compute(&self, key: &PublicKey) -> Option<ReadyKey> {
        let ready = key.ready()?;
        self.keys().put(*key, ready);
        Some(ready)
    }

    fn keys(&self) -> MutexGuard<'_, LruCache<PublicKey, ReadyKey>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Verifier {
    /// Creates the verifier and starts its threads.
    ///
    /// # Errors
    /// The system cannot start more threads.
    pub(crate) fn new() -> Result<Self, ThreadPoolBuildError> {
        let threads = ThreadPoolBuilder::new().thread_name(|index| format!("verifier-{index}")).build()?;
        Ok(Self { threads, keys: Arc::default() })
    }

    /// Verifies a batch, and tells the driver the result.
    pub(crate) fn verify(&self, batch: Arc<SignatureBatch>, handle: Handle) {
        let keys = self.keys.clone();
        self.threads.spawn(move || {
            let event = match answer(&batch, &keys, handle.store(), handle.metrics()) {
                Ok(verdict) => DriverEvent::Input(Input::Verified(verdict)),
                Err(error) => DriverEvent::Failed(error),
            };
            // A node that is stopping needs no result.
            let _stopped = handle.tell_blocking(event);
        });
    }
}

/// Verifies a batch on the threads of the pool that calls this.
pub(crate) fn answer(
    batch: &SignatureBatch,
    keys: &Keys,
    store: &Store,
    metrics: &Metrics,
) -> Result<BatchResult, StoreError> {
    let (broken, seen) = rayon::join(|| broken(&batch.checks, keys), || store.seen(&batch.ids));
    metrics.signatures_verified.inc_by(batch.checks.len() as u64);
    metrics.signatures_broken.inc_by(broken.len() as u64);
    Ok(BatchResult { id: batch.id, broken, seen: seen? })
}

/// Returns the indexes of the invalid signatures, in rising order.
fn broken(checks: &[SignatureCheck], keys: &Keys) -> Vec<usize> {
    let indexed = checks.par_iter().enumerate().with_min_len(CHECKS_AT_ONCE);
    indexed.filter(|(_, check)| !keys.hold(check)).map(|(index, _)| index).collect()
}

#[cfg(test)]
mod tests;

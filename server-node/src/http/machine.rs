//! The machine: the disk and this process, as the system tells of them.
//!
//! The system is asked on a thread that may block, at most once in [`PROBE_INTERVAL`], and never
//! twice at the same time. A disk that does not answer costs one thread, however many ask.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use metrics_process::collector;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::disk::disk_free;
use crate::store;

/// The least time between two questions to the system.
pub const PROBE_INTERVAL: Duration = Duration::from_millis(500);
/// The most time that a caller waits for the system.
pub const PROBE_TIMEOUT: Duration = Duration::from_secs(2);

/// The report of the system.
#[derive(Debug)]
pub(crate) struct MachineState {
    /// The bytes that the node may still write at its data folder.
    pub(crate) disk_free: Option<u64>,
    /// The bytes of the store's file.
    pub(crate) store_size: Option<u64>,
    /// The numbers of this process.
    pub(crate) process: collector::Metrics,
}

type Known = Arc<Mutex<Option<(Instant, Arc<MachineState>)>>>;

/// Asks the system.
#[derive(Clone, Debug)]
pub(crate) struct Machine {
    data: PathBuf,
    known: Known,
    asking: Arc<Semaphore>,
}

impl Machine {
    /// Creates the questioner of a node with this data folder.
    pub(crate) fn new(data: PathBuf) -> Self {
        Self { data, known: Known::default(), asking: Arc::new(Semaphore::new(1)) }
    }

    /// Returns the state of the machine, at most [`PROBE_INTERVAL`] old. Returns `None` if the
    /// system does not answer within [`PROBE_TIMEOUT`].
    pub(crate) async fn state(&self) -> Option<Arc<MachineState>> {
        let asked = async {
            let permit = self.asking.clone().acquire_owned().await.ok()?;
            if let Some(state) = self.fresh() {
                return Some(state);
            }
            let this = self.clone();
            let probe = tokio::task::spawn_blocking(move || {
                // The permit is held by the thread, also when the caller has given up.
                let _permit = permit;
                this.probe()
            });
            probe.await.ok()
        };
        timeout(PROBE_TIMEOUT, asked).await.ok().flatten()
    }

    fn fresh(&self) -> Option<Arc<MachineState>> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let (asked, state) = known.as_ref()?;
        (asked.elapsed() < PROBE_INTERVAL).then(|| state.clone())
    }

    fn probe(&self) -> Arc<MachineState> {
        let file = self.data.join(store::FILE);
        let state = Arc::new(MachineState {
            disk_free: disk_free(&self.data).ok(),
            store_size: std::fs::metadata(file).ok().map(|found| found.len()),
            process: collector::collect(),
        });
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        *known = Some((Instant::now(), state.clone()));
        state
    }
}

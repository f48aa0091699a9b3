//! The miner: threads that search jobs, one of them on the graphics processor if that is enabled.
//!
//! Each thread searches its share of the nonces in slices. Between slices it checks that the job is
//! still current, by one atomic read without a lock. Without a job the threads sleep. They run at a
//! low priority, so that a mining machine stays usable. A graphics processor that fails ends its
//! thread, and the others go on.

mod gpu;

use std::convert::Infallible;
use std::num::NonZero;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use plexus_core::mining::job::{Job, Solution};
use plexus_core::mining::kernel::{Headers, Kernel, ROOTS_MAX, Trial};
use plexus_core::mining::search::Search;
use plexus_core::node::Input;
use plexus_core::primitives::hash::Hash;
use plexus_core::primitives::params::Network;
use plexus_core::primitives::pow::Target;

use crate::driver::event::DriverEvent;
use crate::handle::Handle;
pub use gpu::{Gpu, GpuError};

/// The tries between two checks: under 7 ms on a core that makes 10 million a second.
const SLICE_TRIES: u64 = 1 << 16;
/// The most threads that are started.
pub const THREADS_MAX: usize = 1_024;
/// The amount by which the threads' priority is lowered.
#[cfg(target_os = "linux")]
const NICENESS: i32 = 10;

/// The time for which a kernel is tried in each turn.
const TURN: Duration = Duration::from_millis(1);
/// The nonces between two readings of the clock.
const TURN_NONCES: u64 = 1 << 10;

/// Returns the fastest kernel on this machine. Tries all in turn, which takes a few milliseconds.
pub fn fastest_kernel() -> Kernel {
    let header = *Network::plexus().genesis();
    let headers = Headers::new(&header, &[Hash::ZERO; ROOTS_MAX], Target::from_be_bytes([0; 32]));
    let mut trial = Trial::default();
    while let Some(kernel) = trial.turn() {
        let (begun, mut nonces) = (Instant::now(), 0);
        while begun.elapsed() < TURN {
            std::hint::black_box(kernel.search(&headers, 0, TURN_NONCES));
            nonces += TURN_NONCES;
        }
        trial.note(Some((nonces, begun.elapsed())));
    }
    trial.fastest()
}

/// Threads that search. They start with the first job, and end when this is dropped.
#[derive(Debug)]
pub(crate) struct MinerThreads {
    threads: usize,
    /// The graphics processor, until the threads start.
    gpu: Option<Gpu>,
    started: Vec<JoinHandle<()>>,
    threads_started: usize,
    has_gpu: bool,
    /// The kernel, once it is chosen.
    kernel: Option<Kernel>,
    board: Arc<Board>,
    handle: Handle,
}

/// The current job, shared by all threads.
#[derive(Debug, Default)]
struct Board {
    /// Rises with every change of the notice.
    generation: AtomicU64,
    notice: Mutex<Notice>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Notice {
    job: Option<Arc<Job>>,
    ended: bool,
    /// The number of threads that search. The others sleep.
    threads: u64,
    /// True if a graphics processor searches beside them.
    has_gpu: bool,
}

/// A searcher.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Searcher {
    /// A thread, with its number.
    Thread(u64),
    Gpu,
}

impl Notice {
    /// Returns the first nonce of a searcher's share. Returns `None` if it is to sleep.
    fn share(&self, searcher: Searcher) -> Option<u64> {
        let count = self.threads + u64::from(self.has_gpu);
        match searcher {
            Searcher::Thread(number) => (number < self.threads).then(|| Search::share(number, count)),
            Searcher::Gpu => Some(Search::share(self.threads, count)),
        }
    }
}

impl Board {
    fn notice(&self) -> MutexGuard<'_, Notice> {
        self.notice.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn post(&self, change: impl FnOnce(&mut Notice)) {
        let mut notice = self.notice();
        change(&mut notice);
        self.generation.fetch_add(1, Ordering::Release);
        drop(notice);
        self.changed.notify_all();
    }

    /// Waits for a job. Returns it with the first nonce of the searcher's share, or `None` when the
    /// miner ends.
    fn take(&self, searcher: Searcher) -> Option<(u64, Arc<Job>, u64)> {
        let mut notice = self.notice();
        loop {
            if notice.ended {
                return None;
            }
            if let (Some(job), Some(first)) = (&notice.job, notice.share(searcher)) {
                return Some((self.generation.load(Ordering::Acquire), job.clone(), first));
            }
            notice = self.changed.wait(notice).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Removes a solved job, unless another has replaced it. Returns true if this call is the first
    /// to solve it.
    fn solve(&self, generation: u64) -> bool {
        let mut notice = self.notice();
        let first = self.generation.load(Ordering::Acquire) == generation;
        if first {
            notice.job = None;
            self.generation.fetch_add(1, Ordering::Release);
        }
        first
    }
}

impl MinerThreads {
    /// Creates a miner with this number of threads, or one for each core if `None`. A graphics
    /// processor searches beside them.
    pub(crate) fn new(threads: Option<usize>, gpu: Option<Gpu>, handle: Handle) -> Self {
        let cores = || std::thread::available_parallelism().map_or(1, NonZero::get);
        let threads = threads.unwrap_or_else(cores).clamp(1, THREADS_MAX);
        let (started, threads_started, has_gpu, kernel) = Default::default();
        Self { threads, gpu, started, threads_started, has_gpu, kernel, board: Arc::default(), handle }
    }

    /// Searches only this job from now on.
    ///
    /// # Errors
    /// The system cannot start more threads.
    pub(crate) fn search(&mut self, job: Option<Job>) -> std::io::Result<()> {
        if job.is_some() {
            self.start_missing()?;
        }
        let (threads, has_gpu) = (self.threads as u64, self.has_gpu);
        self.board.post(|notice| {
            (notice.job, notice.threads, notice.has_gpu) = (job.map(Arc::new), threads, has_gpu);
        });
        Ok(())
    }

    /// Returns the number of threads that search while there is a job.
    pub(crate) fn threads(&self) -> usize {
        self.threads
    }

    /// Searches with this number of threads from now on. Each gets a new share of the job.
    ///
    /// # Errors
    /// The system cannot start more threads. Their number is then as before.
    pub(crate) fn set_threads(&mut self, threads: usize) -> std::io::Result<()> {
        let before = std::mem::replace(&mut self.threads, threads.clamp(1, THREADS_MAX));
        if self.kernel.is_some() {
            self.start_missing().inspect_err(|_| self.threads = before)?;
        }
        let threads = self.threads as u64;
        self.board.post(|notice| notice.threads = threads);
        Ok(())
    }

    /// Starts the searchers that are not running yet.
    fn start_missing(&mut self) -> std::io::Result<()> {
        let kernel = *self.kernel.get_or_insert_with(fastest_kernel);
        while self.threads_started < self.threads {
            let slice = move |search: &mut Search| Ok::<_, Infallible>(search.run(SLICE_TRIES));
            self.start(Searcher::Thread(self.threads_started as u64), kernel, slice)?;
            self.threads_started += 1;
        }
        if let Some(mut gpu) = self.gpu.take() {
            tracing::debug!(name = gpu.name(), "a graphics processor mines, too");
            self.has_gpu = true;
            self.start(Searcher::Gpu, kernel, move |search| gpu.search(search))?;
        }
        Ok(())
    }

    /// Starts a searcher. `slice` continues a search until the next check.
    fn start<E: std::fmt::Display>(
        &mut self,
        searcher: Searcher,
        kernel: Kernel,
        mut slice: impl FnMut(&mut Search) -> Result<Option<Solution>, E> + Send + 'static,
    ) -> std::io::Result<()> {
        let (board, handle) = (self.board.clone(), self.handle.clone());
        let name = match searcher {
            Searcher::Thread(number) => format!("miner-{number}"),
            Searcher::Gpu => "miner-gpu".to_owned(),
        };
        let thread = std::thread::Builder::new().name(name);
        self.started.push(thread.spawn(move || {
            lower_priority();
            while let Some((generation, job, first)) = board.take(searcher) {
                let share = Search::new(&job, first).with_kernel(kernel);
                if let Err(error) = search(&board, generation, share, &mut slice, &handle) {
                    tracing::error!(%error, "the graphics processor mines no more; the threads go on");
                    return;
                }
            }
        })?);
        Ok(())
    }
}

/// Searches until the job is solved or replaced.
fn search<E>(
    board: &Board,
    generation: u64,
    mut search: Search,
    mut slice: impl FnMut(&mut Search) -> Result<Option<Solution>, E>,
    handle: &Handle,
) -> Result<(), E> {
    let mut counted = 0;
    while board.generation.load(Ordering::Acquire) == generation {
        let solution = slice(&mut search)?;
        handle.metrics().hashes_tried.inc_by(search.tried() - counted);
        counted = search.tried();
        if let Some(solution) = solution {
            if board.solve(generation) {
                handle.metrics().solutions.inc();
                // A node that is stopping needs no solution.
                let _stopped = handle.tell_blocking(DriverEvent::Input(Input::Solved(solution)));
            }
            break;
        }
    }
    Ok(())
}

#[cfg(target_os = "linux")]
fn lower_priority() {
    // On Linux each thread has its own niceness. A thread whose priority cannot be lowered mines
    // all the same.
    let _niceness = rustix::process::nice(NICENESS);
}

#[cfg(not(target_os = "linux"))]
fn lower_priority() {}

impl Drop for MinerThreads {
    fn drop(&mut self) {
        self.board.post(|notice| notice.ended = true);
        for thread in self.started.drain(..) {
            // A thread that panicked has ended, too.
            let _ended = thread.join();
        }
    }
}

#[cfg(test)]
mod tests;

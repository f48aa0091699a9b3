//! Search: tries the nonces of a [`Job`] in slices, with a kernel or on a graphics processor.
//!
//! Drivers search on as many threads as the user allows, and stop at once when the node outputs
//! another job.

use crate::mining::job::{Job, JobId, Solution};
use crate::mining::kernel::gpu::{AnswerError, Dispatch};
use crate::mining::kernel::{Headers, Hit, Kernel, ROOTS_MAX};
use crate::primitives::block::{Header, content_root};
use crate::primitives::hash::Hash;

/// The search for a job's solution, resumable in slices.
///
/// The solution found does not depend on the machine. With any kernel, nonces are tried in order,
/// and with each nonce the extras in order.
///
/// ```
/// # use plexus_core::mining::job::{Job, JobId};
/// # use plexus_core::mining::kernel::Kernel;
/// # use plexus_core::mining::search::Search;
/// # use plexus_core::{Hash, Network};
/// # let (header, root) = (*Network::dev().genesis(), Hash::ZERO);
/// # let target = header.bits.target().unwrap();
/// # let job = Job { id: JobId(1), header, target, history_root: root, body_root: root, extra: 0 };
/// let mut search = Search::new(&job, 0);
/// let solution = loop {
///     // Between two slices a driver looks for a newer job.
///     if let Some(solution) = search.run(64) {
///         break solution;
///     }
/// };
/// let mut portable = Search::new(&job, 0).with_kernel(Kernel::PORTABLE);
/// assert_eq!(portable.run(1 << 20), Some(solution), "every kernel finds the same");
/// ```
#[derive(Clone, Debug)]
pub struct Search {
    job: JobId,
    extra: u64,
    headers: Headers,
    kernel: Kernel,
    next: u64,
    tried: u64,
}

impl Search {
    /// Creates a search that starts at a nonce, with the preferred kernel. Searchers of one job
    /// start far apart.
    pub fn new(job: &Job, first: u64) -> Self {
        let root = |step: usize| {
            content_root(&job.history_root, &job.body_root, job.extra.wrapping_add(step as u64))
        };
        let roots: [Hash; ROOTS_MAX] = core::array::from_fn(root);
        Self {
            job: job.id,
            extra: job.extra,
            headers: Headers::new(&job.header, &roots, job.target),
            kernel: Kernel::preferred(),
            next: first,
            tried: 0,
        }
    }

    /// Returns the same search with another kernel, to compare them.
    #[must_use]
    pub fn with_kernel(self, kernel: Kernel) -> Self {
        Self { kernel, ..self }
    }

    /// Continues with another kernel.
    pub fn change_kernel(&mut self, kernel: Kernel) {
        self.kernel = kernel;
    }

    /// Returns the first nonce for searcher `number` of `count`. Each gets an equal share of all
    /// nonces.
    ///
    /// ```
    /// use plexus_core::mining::search::Search;
    ///
    /// // Four searchers start a quarter of all nonces apart.
    /// let starts: Vec<_> = (0..4).map(|number| Search::share(number, 4)).collect();
    /// assert_eq!(starts[0], 0);
    /// assert!(starts.windows(2).all(|pair| pair[1] - pair[0] == u64::MAX / 4));
    /// ```
    pub fn share(number: u64, count: u64) -> u64 {
        (u64::MAX / count.max(1)).wrapping_mul(number)
    }

    /// Makes `tries` tries, rounded up to whole nonces, or fewer if one of them solves the job.
    /// Returns the solution, if there is one. After a solution, the search continues with the next
    /// nonce.
    pub fn run(&mut self, tries: u64) -> Option<Solution> {
        let roots = self.headers.roots() as u64;
        let nonces = tries.div_ceil(roots);
        let Some(hit) = self.kernel.search(&self.headers, self.next, nonces) else {
            self.next = self.next.wrapping_add(nonces);
            self.tried = self.tried.wrapping_add(nonces.wrapping_mul(roots));
            return None;
        };
        Some(self.take(hit))
    }

    /// Continues after a hit. Returns its solution.
    fn take(&mut self, hit: Hit) -> Solution {
        let (before, root) = (hit.nonce.wrapping_sub(self.next), hit.root as u64);
        self.next = hit.nonce.wrapping_add(1);
        let roots = self.headers.roots() as u64;
        self.tried = self.tried.wrapping_add(before.wrapping_mul(roots)).wrapping_add(root + 1);
        Solution { job: self.job, nonce: hit.nonce, extra: self.extra.wrapping_add(root) }
    }

    /// Returns the next `nonces` nonces for a GPU, and its input bytes. [`Search::settle`] takes
    /// its answer.
    pub fn dispatch(&self, nonces: u32) -> (Dispatch, Vec<u8>) {
        let dispatch = Dispatch::new(self.next, nonces);
        (dispatch, dispatch.encode(&self.headers))
    }

    /// Takes the answer to the last dispatch, and continues after the nonces that it searched: all,
    /// or the ones up to a possible hit. Returns the same solution that [`Search::run`] would find.
    ///
    /// # Errors
    /// An answer that no working device gives. The search is then unchanged.
    pub fn settle(&mut self, dispatch: &Dispatch, answer: &[u8]) -> Result<Option<Solution>, AnswerError> {
        let settled = dispatch.settle(&self.headers, answer)?;
        if let Some(hit) = settled.hit {
            return Ok(Some(self.take(hit)));
        }
        let nonces = u64::from(settled.nonces);
        self.next = self.next.wrapping_add(nonces);
        self.tried = self.tried.wrapping_add(nonces.wrapping_mul(self.headers.roots() as u64));
        Ok(None)
    }

    /// Returns the number of tries since it began.
    pub fn tried(&self) -> u64 {
        self.tried
    }
}

/// Returns the first of `tries` nonces from 0 on with which a header's hash meets its own bits. It
/// is for headers whose content root must not change.
///
/// ```
/// use plexus_core::mining::search::grind;
/// use plexus_core::{Header, Network};
///
/// let network = Network::dev();
/// let nonce = grind(network.genesis(), 1 << 20).unwrap();
/// let header = Header { nonce, ..*network.genesis() };
/// assert!(network.limit().is_met_by(&header.hash()));
/// assert_eq!(grind(&header, nonce), None, "no lower nonce meets the target");
/// ```
pub fn grind(header: &Header, tries: u64) -> Option<u64> {
    let headers = Headers::new(header, &[header.content_root], header.bits.target()?);
    Kernel::preferred().search(&headers, 0, tries).map(|hit| hit.nonce)
}

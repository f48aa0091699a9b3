//! A miner's share of a job, searched in slices: what a miner Worker runs.
//!
//! A slice is short, so that the Worker looks at its messages between two of them and a new job is honoured at once.

use plexus_core::kernel::gpu::{AnswerError, Dispatch};
use plexus_core::layout::DecodeError;
use plexus_core::mine::{Job, JobId, Search, Solution};

/// How long a slice is meant to take, milliseconds.
const SLICE_MS: f64 = 30.0;
/// The fewest tries of a slice: what a slow phone does in about a millisecond.
const TRIES_MIN: u64 = 1 << 10;
/// The most tries of a slice: under half a second on the slowest machine that does as many in 30 ms on its first slices.
const TRIES_MAX: u64 = 1 << 24;
/// A solution as bytes: the job's id, the nonce and the extra.
const SOLUTION_BYTES: usize = 24;

/// One searcher of a job.
#[derive(Debug)]
pub(crate) struct Share {
    search: Search,
    tries: u64,
}

/// What a slice came to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Slice {
    /// How many tries were made.
    pub(crate) tries: u64,
    /// What solves the job, if one of them does.
    pub(crate) solution: Option<Solution>,
}

impl Share {
    /// The part of searcher `number` of `count` in an encoded job.
    ///
    /// # Errors
    /// Bytes that are not a job.
    pub(crate) fn new(job: &[u8], number: u32, count: u32) -> Result<Self, DecodeError> {
        let job = Job::decode(job)?;
        let first = Search::share(number.into(), count.into());
        Ok(Self { search: Search::new(&job, first), tries: TRIES_MIN })
    }

    /// Searches for about [`SLICE_MS`], by the clock `now`.
    pub(crate) fn slice(&mut self, now: impl Fn() -> f64) -> Slice {
        let (start, planned, before) = (now(), self.tries, self.search.tried());
        let solution = self.search.run(planned);
        let tries = self.search.tried().wrapping_sub(before);
        if solution.is_none() {
            self.tries = paced(planned, now() - start);
        }
        Slice { tries, solution }
    }

    /// The next `nonces` nonces for a graphics processor, and the bytes that it is given.
    pub(crate) fn dispatch(&self, nonces: u32) -> (Dispatch, Vec<u8>) {
        self.search.dispatch(nonces)
    }

    /// Takes the answer to the last dispatch.
    ///
    /// # Errors
    /// An answer that no working device gives.
    pub(crate) fn settle(&mut self, dispatch: &Dispatch, answer: &[u8]) -> Result<Slice, AnswerError> {
        let before = self.search.tried();
        let solution = self.search.settle(dispatch, answer)?;
        Ok(Slice { tries: self.search.tried().wrapping_sub(before), solution })
    }
}

/// How many tries would have taken [`SLICE_MS`], at most four times as many as were made.
fn paced(tries: u64, elapsed_ms: f64) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        reason = "tries are far below 2^53, and a cast from f64 saturates"
    )]
    let fitting = (tries as f64 * SLICE_MS / elapsed_ms.max(0.01)) as u64;
    fitting.min(tries * 4).clamp(TRIES_MIN, TRIES_MAX)
}

/// A solution as bytes, to pass from one Worker to another.
pub(crate) fn encode(solution: Solution) -> Vec<u8> {
    [solution.job.0, solution.nonce, solution.extra].map(u64::to_be_bytes).concat()
}

/// Reads a solution back; nothing when the bytes are none.
pub(crate) fn decode(bytes: &[u8]) -> Option<Solution> {
    let bytes: &[u8; SOLUTION_BYTES] = bytes.try_into().ok()?;
    let (numbers, _) = bytes.as_chunks::<8>();
    let [job, nonce, extra] = numbers else { return None };
    let [job, nonce, extra] = [job, nonce, extra].map(|bytes| u64::from_be_bytes(*bytes));
    Some(Solution { job: JobId(job), nonce, extra })
}

#[cfg(test)]
mod tests {
    use core::cell::Cell;

    use plexus_core::hash::Hash;
    use plexus_core::network::Network;

    use super::*;

    fn job() -> Job {
        let header = *Network::dev().genesis();
        let (history_root, body_root) = (Hash::of(b"history"), Hash::of(b"body"));
        let target = header.bits.target().unwrap();
        Job { id: JobId(7), header, target, history_root, body_root, extra: 0 }
    }

    /// A clock that shows `step` milliseconds more each time.
    fn ticking(step: f64) -> impl Fn() -> f64 {
        let time = Cell::new(0.0);
        move || {
            time.set(time.get() + step);
            time.get()
        }
    }

    #[test]
    fn a_share_finds_what_a_whole_search_finds() {
        let job = job();
        let mut whole = Search::new(&job, Search::share(1, 3));
        let expected = whole.run(u64::MAX).unwrap();
        let mut share = Share::new(&job.encode(), 1, 3).unwrap();
        let clock = ticking(30.0);
        let mut tries = 0;
        let found = loop {
            let slice = share.slice(&clock);
            tries += slice.tries;
            if let Some(solution) = slice.solution {
                break solution;
            }
        };
        assert_eq!(found, expected);
        assert_eq!(tries, whole.tried());
    }

    #[test]
    fn a_share_goes_on_after_its_solution() {
        let mut share = Share::new(&job().encode(), 0, 1).unwrap();
        let clock = ticking(30.0);
        let mut next = || loop {
            if let Some(solution) = share.slice(&clock).solution {
                break solution.nonce;
            }
        };
        let first = next();
        assert!(next() > first);
    }

    #[test]
    fn slices_settle_at_their_length() {
        assert_eq!(paced(10_000, SLICE_MS), 10_000);
        assert_eq!(paced(10_000, 2.0 * SLICE_MS), 5_000);
        assert_eq!(paced(10_000, 0.0), 40_000);
        assert_eq!(paced(TRIES_MIN, 1e9), TRIES_MIN);
        assert_eq!(paced(TRIES_MAX, 1.0), TRIES_MAX);
    }

    #[test]
    fn bytes_that_are_no_job_or_solution_are_refused() {
        let solution = Solution { job: JobId(3), nonce: 1 << 60, extra: 5 };
        assert_eq!(decode(&encode(solution)), Some(solution));
        assert_eq!(decode(&encode(solution)[1..]), None);
        assert!(Share::new(&job().encode()[1..], 0, 1).is_err());
    }
}

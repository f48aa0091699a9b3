//! A miner's share of a job, searched in slices by a miner Worker.
//!
//! Slices are short, so that the Worker can read its messages between them and a new job takes
//! effect at once. The first slices are a trial of the kernels. They search the job itself, so no
//! try is wasted. Meanwhile the browser replaces quickly compiled code by optimised code, so a
//! second trial follows a little later.

use core::time::Duration;

use plexus_core::mining::job::{Job, Solution};
use plexus_core::mining::kernel::{Kernel, Trial};
use plexus_core::mining::search::Search;
use plexus_core::primitives::encoding::DecodeError;

use crate::mining::duty_cycle::DutyCycle;

/// The target time of a slice, in milliseconds.
const SLICE_MS: f64 = 30.0;
/// The target time of a kernel's turn, in milliseconds: several ticks of the coarsest browser
/// clock.
const TURN_MS: f64 = 6.0;
/// The tries between two readings of the clock during a turn: a few milliseconds of the slowest
/// kernel.
const TURN_TRIES: u64 = 1 << 12;
/// The fewest tries of a slice: about a millisecond on a slow phone.
const TRIES_MIN: u64 = 1 << 10;
/// The most tries of a slice: under half a second on the slowest machine that does this many in 30
/// ms in its first slices.
const TRIES_MAX: u64 = 1 << 24;
/// The time from the first slice to the second trial of the kernels, in milliseconds.
const SECOND_TRIAL_MS: f64 = 1_500.0;

/// One searcher of jobs.
#[derive(Debug)]
pub(crate) struct Searcher {
    search: Option<Search>,
    tries: u64,
    trial: Trial,
    /// The time of the second trial, from the first slice until it begins.
    second_trial: Option<f64>,
    begun: bool,
    duty: DutyCycle,
}

/// The result of a slice.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Slice {
    /// The number of tries.
    pub(crate) tries: u64,
    /// The solution of the job, if a try found one.
    pub(crate) solution: Option<Solution>,
}

impl Searcher {
    /// Creates a searcher without a job.
    pub(crate) fn new() -> Self {
        Self {
            search: None,
            tries: TRIES_MIN,
            trial: Trial::default(),
            second_trial: None,
            begun: false,
            duty: DutyCycle::default(),
        }
    }

    /// Searches only this encoded job from now on: the share of searcher `number` of `count`,
    /// during `percent` of the time.
    ///
    /// # Errors
    /// The bytes are not a job.
    pub(crate) fn search(
        &mut self,
        job: &[u8],
        number: u32,
        count: u32,
        percent: u32,
    ) -> Result<(), DecodeError> {
        let job = Job::decode(job)?;
        let first = Search::share(number.into(), count.into());
        self.search = Some(Search::new(&job, first).with_kernel(self.kernel()));
        self.duty.set(percent);
        Ok(())
    }

    /// Returns the kernel that searches, apart from trials.
    pub(crate) fn kernel(&self) -> Kernel {
        self.trial.fastest()
    }

    /// Searches for about [`SLICE_MS`], by the clock `now`. Returns the result. Without a job, it
    /// does nothing.
    pub(crate) fn slice(&mut self, now: impl Fn() -> f64) -> Slice {
        let start = now();
        if !core::mem::replace(&mut self.begun, true) {
            self.second_trial = Some(start + SECOND_TRIAL_MS);
        }
        if self.second_trial.is_some_and(|due| due <= start) {
            (self.trial, self.second_trial) = (Trial::default(), None);
        }
        let Some(search) = &mut self.search else { return Slice { tries: 0, solution: None } };
        let before = search.tried();
        let solution = match self.trial.turn() {
            Some(kernel) => {
                search.change_kernel(kernel);
                let mut solution = search.run(TURN_TRIES);
                while solution.is_none() && now() - start < TURN_MS {
                    solution = search.run(TURN_TRIES);
                }
                let took = Duration::from_secs_f64((now() - start).max(0.0) / 1_000.0);
                let whole = solution.is_none();
                self.trial.note(whole.then(|| (search.tried().wrapping_sub(before), took)));
                search.change_kernel(self.trial.fastest());
                solution
            }
            None => {
                let solution = search.run(self.tries);
                if solution.is_none() {
                    self.tries = paced(self.tries, now() - start);
                }
                solution
            }
        };
        self.duty.worked(start, now());
        Slice { tries: search.tried().wrapping_sub(before), solution }
    }

    /// Returns the time to rest before the next slice, in milliseconds.
    pub(crate) fn rest(&self) -> f64 {
        self.duty.rest()
    }
}

/// Returns the number of tries for [`SLICE_MS`], at most four times the number that were made.
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

#[cfg(test)]
mod tests {
    use core::cell::Cell;

    use plexus_core::mining::job::JobId;
    use plexus_core::primitives::hash::Hash;
    use plexus_core::primitives::params::Network;
    use plexus_core::primitives::pow::Target;

    use super::*;

    fn job() -> Job {
        let header = *Network::dev().genesis();
        let (history_root, body_root) = (Hash::of(b"history"), Hash::of(b"body"));
        let target = header.bits.target().unwrap();
        Job { id: JobId(7), header, target, history_root, body_root, extra: 0 }
    }

    /// Returns a clock that shows `step` milliseconds more at each reading.
    fn ticking(step: f64) -> impl Fn() -> f64 {
        let time = Cell::new(0.0);
        move || {
            time.set(time.get() + step);
            time.get()
        }
    }

    #[test]
    fn a_searcher_finds_what_a_whole_search_finds() {
        let job = job();
        let mut whole = Search::new(&job, Search::share(1, 3));
        let expected = whole.run(u64::MAX).unwrap();
        let mut searcher = Searcher::new();
        searcher.search(&job.encode(), 1, 3, 100).unwrap();
        let clock = ticking(30.0);
        let mut tries = 0;
        let found = loop {
            let slice = searcher.slice(&clock);
            tries += slice.tries;
            if let Some(solution) = slice.solution {
                break solution;
            }
        };
        assert_eq!(found, expected);
        assert_eq!(tries, whole.tried());
    }

    #[test]
    fn a_searcher_goes_on_after_a_solution_and_takes_other_jobs() {
        let mut searcher = Searcher::new();
        let clock = ticking(30.0);
        assert_eq!(searcher.slice(&clock), Slice { tries: 0, solution: None });
        searcher.search(&job().encode(), 0, 1, 100).unwrap();
        let next = |searcher: &mut Searcher| loop {
            if let Some(solution) = searcher.slice(&clock).solution {
                break solution;
            }
        };
        let first = next(&mut searcher);
        assert!(next(&mut searcher).nonce > first.nonce);
        searcher.search(&Job { id: JobId(8), ..job() }.encode(), 0, 1, 100).unwrap();
        assert_eq!(next(&mut searcher), Solution { job: JobId(8), ..first });
    }

    #[test]
    fn the_kernels_are_tried_twice_and_slices_are_whole_after_that() {
        let mut hard = job();
        hard.target = Target::from_be_bytes([0; 32]);
        let mut searcher = Searcher::new();
        searcher.search = Some(Search::new(&hard, 0));
        let time = Cell::new(0.0);
        let clock = || {
            time.set(time.get() + TURN_MS);
            time.get()
        };
        let turns = |searcher: &mut Searcher| {
            let mut turns = 0;
            while searcher.trial.turn().is_some() {
                assert!(searcher.slice(clock).tries >= TURN_TRIES);
                turns += 1;
            }
            turns
        };
        let first = turns(&mut searcher);
        assert!(first > 0);
        time.set(2.0 * SECOND_TRIAL_MS);
        searcher.slice(clock);
        assert_eq!(1 + turns(&mut searcher), first);
        time.set(100.0 * SECOND_TRIAL_MS);
        assert!(searcher.slice(clock).tries >= TRIES_MIN);
        assert!(searcher.trial.turn().is_none());
    }

    #[test]
    fn a_throttled_searcher_asks_for_rests() {
        let mut searcher = Searcher::new();
        searcher.search(&job().encode(), 0, 1, 50).unwrap();
        let clock = ticking(10.0);
        searcher.slice(&clock);
        assert!(searcher.rest() > 0.0);
        searcher.search(&job().encode(), 0, 1, 100).unwrap();
        assert!(searcher.rest() <= 0.0);
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
    fn bytes_that_are_no_job_are_refused() {
        assert!(Searcher::new().search(&job().encode()[1..], 0, 1, 100).is_err());
    }
}

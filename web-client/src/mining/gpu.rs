//! A share of a job for a graphics processor, searched dispatch by dispatch. JavaScript owns the
//! device, runs the shader and returns the answer.

use plexus_core::mining::job::{Job, Solution};
use plexus_core::mining::kernel::gpu::{AnswerError, Dispatch};
use plexus_core::mining::search::Search;
use plexus_core::primitives::encoding::DecodeError;

/// One searcher of a job, and its current dispatch.
#[derive(Debug)]
pub(crate) struct GpuShare {
    search: Search,
    dispatch: Dispatch,
}

impl GpuShare {
    /// Creates the share of searcher `number` of `count` in an encoded job.
    ///
    /// # Errors
    /// The bytes are not a job.
    pub(crate) fn new(job: &[u8], number: u32, count: u32) -> Result<Self, DecodeError> {
        let search = Search::new(&Job::decode(job)?, Search::share(number.into(), count.into()));
        Ok(Self { search, dispatch: Dispatch::default() })
    }

    /// Begins a dispatch of the next `nonces` nonces. Returns the shader's input.
    pub(crate) fn dispatch(&mut self, nonces: u32) -> Vec<u8> {
        let (dispatch, bytes) = self.search.dispatch(nonces);
        self.dispatch = dispatch;
        bytes
    }

    /// Takes the answer to the current dispatch. Returns the number of tries, and a solution if
    /// there is one.
    ///
    /// # Errors
    /// The answer is impossible for a working device.
    pub(crate) fn settle(&mut self, answer: &[u8]) -> Result<(u64, Option<Solution>), AnswerError> {
        let before = self.search.tried();
        let solution = self.search.settle(&self.dispatch, answer)?;
        Ok((self.search.tried().wrapping_sub(before), solution))
    }
}

#[cfg(test)]
mod tests {
    use plexus_core::mining::job::JobId;
    use plexus_core::primitives::hash::Hash;
    use plexus_core::primitives::params::Network;

    use super::*;

    #[test]
    fn only_a_job_is_shared_and_only_a_whole_answer_is_taken() {
        let header = *Network::dev().genesis();
        let (history_root, body_root) = (Hash::of(b"history"), Hash::of(b"body"));
        let target = header.bits.target().unwrap();
        let job = Job { id: JobId(7), header, target, history_root, body_root, extra: 0 }.encode();
        assert!(GpuShare::new(&job[1..], 0, 1).is_err());
        let mut share = GpuShare::new(&job, 0, 1).unwrap();
        assert!(!share.dispatch(1 << 12).is_empty());
        assert!(share.settle(&[]).is_err());
        assert!(share.settle(&[0xff; 8]).is_err(), "workgroups that never were");
        assert_eq!(share.search.tried(), 0);
    }
}

//! Jobs and solutions: a search for a miner and its result, as plain data.

use serde::{Deserialize, Serialize};

use crate::primitives::block::{Header, content_root};
use crate::primitives::encoding::DecodeError;
use crate::primitives::hash::Hash;
use crate::primitives::pow::{Target, Work};

/// Identifies a job until its solution. Later jobs have higher numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct JobId(pub u64);

/// A search: a header that needs a nonce, and the parts of its content root.
///
/// Each value of `extra` gives another content root, and so another first half of the header. A
/// search tries several of them with each nonce, because they share the work that the second half
/// costs.
///
/// ```
/// # use plexus_core::mining::job::{Job, JobId};
/// # use plexus_core::mining::search::Search;
/// # use plexus_core::{Hash, Network};
/// # let header = *Network::dev().genesis();
/// # let target = header.bits.target().unwrap();
/// let (history_root, body_root) = (Hash::of(b"headers below"), Hash::of(b"body"));
/// let job = Job { id: JobId(1), header, target, history_root, body_root, extra: 0 };
/// let solution = Search::new(&job, 0).run(1 << 20).unwrap();
/// assert!(job.target.is_met_by(&job.complete(&solution).hash()));
/// // A driver may pass jobs to its miners as bytes.
/// assert_eq!(Job::decode(&job.encode()), Ok(job));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// The job's id.
    pub id: JobId,
    /// The header with the first extra, its nonce 0.
    pub header: Header,
    /// The target that its hash must not exceed.
    pub target: Target,
    /// The root of the headers below.
    pub history_root: Hash,
    /// The body's root.
    pub body_root: Hash,
    /// The first extra to try.
    pub extra: u64,
}

/// The result of a search.
///
/// ```
/// use plexus_core::mining::job::{JobId, Solution};
///
/// let solution = Solution { job: JobId(3), nonce: 42, extra: 5 };
/// let bytes = solution.encode();
/// assert_eq!(bytes.len(), 24);
/// assert_eq!(Solution::decode(&bytes), Ok(solution));
/// assert!(Solution::decode(&bytes[1..]).is_err());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Solution {
    /// The id of the solved job.
    pub job: JobId,
    /// The nonce.
    pub nonce: u64,
    /// The block's extra.
    pub extra: u64,
}

impl Solution {
    /// Returns its encoding, for drivers that pass solutions on as bytes: u64 job ‖ u64 nonce ‖ u64
    /// extra.
    pub fn encode(&self) -> Vec<u8> {
        [self.job.0, self.nonce, self.extra].map(u64::to_be_bytes).concat()
    }

    /// Reads an encoded solution.
    ///
    /// # Errors
    /// The bytes are not a solution.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = crate::primitives::encoding::Reader::new(bytes);
        let job = JobId(reader.u64("solution job")?);
        let (nonce, extra) = (reader.u64("solution nonce")?, reader.u64("solution extra")?);
        reader.end()?;
        Ok(Self { job, nonce, extra })
    }
}

impl Job {
    /// Returns the expected number of tries.
    pub fn work(&self) -> Work {
        self.target.work()
    }

    /// Returns the header that a solution of this job completes.
    pub fn complete(&self, solution: &Solution) -> Header {
        let content_root = content_root(&self.history_root, &self.body_root, solution.extra);
        Header { content_root, nonce: solution.nonce, ..self.header }
    }

    /// Returns its encoding, for drivers that pass jobs on as bytes: u64 id ‖ 96 bytes of header ‖
    /// history root ‖ body root ‖ u64 extra.
    pub fn encode(&self) -> Vec<u8> {
        [
            self.id.0.to_be_bytes().as_slice(),
            &self.header.encode(),
            self.history_root.as_bytes(),
            self.body_root.as_bytes(),
            &self.extra.to_be_bytes(),
        ]
        .concat()
    }

    /// Reads an encoded job.
    ///
    /// # Errors
    /// The bytes are not a job, or the bits are not a target.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = crate::primitives::encoding::Reader::new(bytes);
        let id = JobId(reader.u64("job id")?);
        let header = Header::read(&mut reader)?;
        let history_root = Hash::from_bytes(reader.array("job history_root")?);
        let body_root = Hash::from_bytes(reader.array("job body_root")?);
        let extra = reader.u64("job extra")?;
        reader.end()?;
        let target = header.bits.target().ok_or(DecodeError::Value { field: "header bits" })?;
        Ok(Self { id, header, target, history_root, body_root, extra })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::primitives::params::Network;

    #[test]
    fn jobs_and_solutions_pass_as_bytes_and_nothing_else_does() {
        let solution = Solution { job: JobId(3), nonce: 1 << 60, extra: 5 };
        let header = *Network::dev().genesis();
        let target = header.bits.target().unwrap();
        let (history_root, body_root) = (Hash::of(b"history"), Hash::of(b"body"));
        let job = Job { id: JobId(7), header, target, history_root, body_root, extra: u64::MAX };
        let (solved, asked) = (solution.encode(), job.encode());
        assert_eq!(Solution::decode(&solved), Ok(solution));
        assert_eq!(Job::decode(&asked).as_ref(), Ok(&job));
        for end in 0..solved.len() {
            assert!(Solution::decode(&solved[..end]).is_err(), "{end}");
        }
        for end in 0..asked.len() {
            assert!(Job::decode(&asked[..end]).is_err(), "{end}");
        }
        assert!(Solution::decode(&[solved, vec![0]].concat()).is_err());
        assert!(Job::decode(&[asked, vec![0]].concat()).is_err());
    }
}

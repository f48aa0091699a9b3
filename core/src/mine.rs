//! Mining: a [`Job`] defines a search, a [`Search`] runs it in slices, and a [`Solution`] is its
//! result.
//!
//! The node makes the jobs. Drivers search them, on as many threads as the user allows, and stop at
//! once when the node outputs another job. A job is plain data, so that it can cross to another
//! thread or Worker.

use core::time::Duration;
use std::collections::VecDeque;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::block::{Block, Header, VERSION, content_root};
use crate::hash::Hash;
use crate::history::History;
use crate::kernel::gpu::{AnswerError, Dispatch};
use crate::kernel::{Headers, Hit, Kernel, ROOTS_MAX};
use crate::key::{PublicKey, SecretKey, Signature};
use crate::layout::DecodeError;
use crate::message::Message;
use crate::network::Network;
use crate::pow::{Target, Work};
use crate::time::{Moment, Now, Time};

/// The time for which a job is searched before its time advances.
pub const JOB_REFRESH: Duration = Duration::from_secs(2);
/// The delay until a job includes messages that came after it was made.
pub const POOL_REFRESH: Duration = Duration::from_millis(200);
/// The number of newest jobs on one tip whose solutions are still accepted.
pub const JOBS_MAX: usize = 16;

/// Identifies a job until its solution. Later jobs have higher numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct JobId(pub u64);

/// A search: a header that needs a nonce, and the parts of its content root.
///
/// Each value of `extra` gives another content root, and so another first half of the header. A
/// search tries several of them with each nonce, because they share the work that the second half
/// costs.
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
        let mut reader = crate::layout::Reader::new(bytes);
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
        let mut reader = crate::layout::Reader::new(bytes);
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

/// The search for a job's solution, resumable in slices.
///
/// The solution found does not depend on the machine. With any kernel, nonces are tried in order,
/// and with each nonce the extras in order.
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
pub fn grind(header: &Header, tries: u64) -> Option<u64> {
    let headers = Headers::new(header, &[header.content_root], header.bits.target()?);
    Kernel::preferred().search(&headers, 0, tries).map(|hit| hit.nonce)
}

/// The jobs that are being searched.
#[derive(Debug, Default)]
pub(crate) struct Miner {
    jobs: VecDeque<(JobId, Template)>,
    made: u64,
    refresh: Option<Moment>,
    stale: bool,
}

impl Miner {
    /// Returns true if a job is being searched.
    pub(crate) fn is_searching(&self) -> bool {
        !self.jobs.is_empty()
    }

    pub(crate) fn deadline(&self) -> Option<Moment> {
        self.refresh
    }

    /// Notes that the mempool changed: the next job comes sooner, and carries other messages.
    pub(crate) fn pool_changed(&mut self, now: Moment) {
        if self.is_searching() {
            self.stale = true;
            self.refresh = self.refresh.map(|refresh| refresh.min(now + POOL_REFRESH));
        }
    }

    /// Returns true if the newest job is on another tip, or its messages or time should be updated.
    pub(crate) fn is_due(&self, now: Moment, tip: &Hash) -> bool {
        self.jobs.back().is_none_or(|(_, template)| template.block.header.prev_hash != *tip)
            || self.refresh.is_some_and(|refresh| refresh <= now)
    }

    /// Returns the newest template on this tip, if only its time has to be updated.
    pub(crate) fn reusable(&self, tip: &Hash) -> Option<Template> {
        let (_, template) = self.jobs.back()?;
        (!self.stale && template.block.header.prev_hash == *tip).then(|| template.clone())
    }

    /// Adds a template to be searched. Returns its job.
    pub(crate) fn start(&mut self, now: Moment, template: Template) -> Option<Job> {
        let Template { block, history_root, body_root } = &template;
        let (header, extra, target) = (block.header, block.extra, block.header.bits.target()?);
        let (history_root, body_root) = (*history_root, *body_root);
        if self.jobs.front().is_some_and(|(_, first)| first.block.header.prev_hash != header.prev_hash) {
            self.jobs.clear();
        }
        if self.jobs.len() == JOBS_MAX {
            self.jobs.pop_front();
        }
        self.made += 1;
        let job = Job { id: JobId(self.made), header, target, history_root, body_root, extra };
        self.jobs.push_back((job.id, template));
        (self.refresh, self.stale) = (Some(now + JOB_REFRESH), false);
        Some(job)
    }

    /// Cancels all jobs. Returns true if there were any.
    pub(crate) fn stop(&mut self) -> bool {
        let searching = self.is_searching();
        self.jobs.clear();
        (self.refresh, self.stale) = (None, false);
        searching
    }

    /// Returns the block that a solution completes, if its job is still current and it is solved.
    pub(crate) fn solve(&self, solution: Solution) -> Option<Block> {
        let (_, template) = self.jobs.iter().find(|(id, _)| *id == solution.job)?;
        let mut block = template.block.clone();
        block.extra = solution.extra;
        block.header.content_root = content_root(&template.history_root, &template.body_root, solution.extra);
        block.header.nonce = solution.nonce;
        block.header.bits.target()?.is_met_by(&block.header.hash()).then_some(block)
    }
}

/// A block, complete except for its nonce and extra, and the roots that form its content root.
#[derive(Clone, Debug)]
pub(crate) struct Template {
    block: Block,
    history_root: Hash,
    body_root: Hash,
}

/// Creates a template on a parent.
pub(crate) fn template(
    network: &Network,
    parent: &Header,
    history: &History,
    now: Now,
    author: &SecretKey,
    messages: Vec<Arc<Message>>,
) -> Template {
    let header = Header {
        prev_hash: parent.hash(),
        content_root: Hash::ZERO,
        version: VERSION,
        height: parent.height + 1,
        time: now.time,
        bits: parent.bits,
        nonce: 0,
    };
    let mut block =
        Block { header, extra: 0, author: PublicKey::NOBODY, signature: Signature::NONE, messages };
    let history_root = history.root();
    let body_root = block.seal(author, network.id(), &history_root);
    let mut template = Template { block, history_root, body_root };
    template.move_on(network, parent, now.time);
    template
}

impl Template {
    /// Updates the block's time, which may change its target. The signed fields do not change.
    pub(crate) fn move_on(&mut self, network: &Network, parent: &Header, time: Time) {
        let header = &mut self.block.header;
        header.time = time.max(parent.time.plus_ms(1));
        header.bits = network.retarget().next_bits(parent.bits, parent.time, header.time);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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

//! Mining: a [`Job`] says what to search, a [`Search`] does so slice by slice, a [`Solution`] tells what was found.
//!
//! The node makes the jobs; drivers search them, on as many threads as the person allows, and stop at once when the node
//! wishes for another job. A job is plain data, so that it can cross to another thread or Worker.

use core::time::Duration;
use std::collections::VecDeque;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::block::{Block, HEADER_BYTES, Header, VERSION};
use crate::hash::Hash;
use crate::history::History;
use crate::kernel::portable::Midstate;
use crate::key::{PublicKey, SecretKey, Signature};
use crate::layout::DecodeError;
use crate::message::Message;
use crate::network::Network;
use crate::pow::{Target, Work};
use crate::time::{Moment, Now, Time};

/// How long a job is searched before its time moves on.
pub const JOB_REFRESH: Duration = Duration::from_secs(2);
/// How soon a job takes up messages that came after it was made.
pub const POOL_REFRESH: Duration = Duration::from_millis(200);
/// The newest jobs on one tip whose solutions are still taken.
pub const JOBS_MAX: usize = 16;

/// Names a job until its solution; later jobs have higher numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct JobId(pub u64);

/// What to search: a header that wants a nonce.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// Its name.
    pub id: JobId,
    /// The header, its nonce 0.
    pub header: Header,
    /// What its hash must not exceed.
    pub target: Target,
}

/// What a search found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Solution {
    /// Whose solution it is.
    pub job: JobId,
    /// The nonce.
    pub nonce: u64,
}

impl Job {
    /// The expected number of tries.
    pub fn work(&self) -> Work {
        self.target.work()
    }

    /// u64 id ‖ 96 bytes of header: for drivers that pass jobs on as bytes.
    pub fn encode(&self) -> Vec<u8> {
        [self.id.0.to_be_bytes().as_slice(), &self.header.encode()].concat()
    }

    /// Reads a job back.
    ///
    /// # Errors
    /// Bytes that are not a job, or bits that are not a target.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = crate::layout::Reader::new(bytes);
        let id = JobId(reader.u64("job id")?);
        let header = Header::read(&mut reader)?;
        reader.end()?;
        let target = header.bits.target().ok_or(DecodeError::Value { field: "header bits" })?;
        Ok(Self { id, header, target })
    }
}

/// A job's search, resumable in slices.
#[derive(Clone, Debug)]
pub struct Search {
    job: JobId,
    midstate: Midstate,
    next: u64,
}

impl Search {
    /// Starts at a nonce: searchers of one job start far apart.
    pub fn new(job: &Job, first: u64) -> Self {
        let header: [u8; HEADER_BYTES] = job.header.encode();
        Self { job: job.id, midstate: Midstate::new(&header, job.target), next: first }
    }

    /// Where the share of searcher `number` of `count` begins: even parts of all nonces.
    pub fn share(number: u64, count: u64) -> u64 {
        (u64::MAX / count.max(1)).wrapping_mul(number)
    }

    /// Tries the next `tries` nonces, or fewer when one of them solves the job.
    pub fn run(&mut self, tries: u64) -> Option<Solution> {
        let found = self.midstate.search(self.next, tries);
        self.next = found.map_or(self.next.wrapping_add(tries), |nonce| nonce.wrapping_add(1));
        found.map(|nonce| Solution { job: self.job, nonce })
    }
}

/// The jobs that are out.
#[derive(Debug, Default)]
pub(crate) struct Miner {
    jobs: VecDeque<(JobId, Block)>,
    made: u64,
    refresh: Option<Moment>,
    stale: bool,
}

impl Miner {
    /// Whether a job is being searched.
    pub(crate) fn is_searching(&self) -> bool {
        !self.jobs.is_empty()
    }

    pub(crate) fn deadline(&self) -> Option<Moment> {
        self.refresh
    }

    /// The pool changed: the next job comes sooner, and carries other messages.
    pub(crate) fn pool_changed(&mut self, now: Moment) {
        if self.is_searching() {
            self.stale = true;
            self.refresh = self.refresh.map(|refresh| refresh.min(now + POOL_REFRESH));
        }
    }

    /// Whether the newest job is on another tip, or its messages or time should move on.
    pub(crate) fn is_due(&self, now: Moment, tip: &Hash) -> bool {
        self.jobs.back().is_none_or(|(_, block)| block.header.prev_hash != *tip)
            || self.refresh.is_some_and(|refresh| refresh <= now)
    }

    /// The newest block on this tip, if only its time has to move on.
    pub(crate) fn reusable(&self, tip: &Hash) -> Option<Block> {
        let (_, block) = self.jobs.back()?;
        (!self.stale && block.header.prev_hash == *tip).then(|| block.clone())
    }

    /// Notes a block to be searched, and returns its job.
    pub(crate) fn start(&mut self, now: Moment, block: Block) -> Option<Job> {
        let target = block.header.bits.target()?;
        if self.jobs.front().is_some_and(|(_, first)| first.header.prev_hash != block.header.prev_hash) {
            self.jobs.clear();
        }
        if self.jobs.len() == JOBS_MAX {
            self.jobs.pop_front();
        }
        self.made += 1;
        let job = Job { id: JobId(self.made), header: block.header, target };
        self.jobs.push_back((job.id, block));
        (self.refresh, self.stale) = (Some(now + JOB_REFRESH), false);
        Some(job)
    }

    /// Calls all jobs off; whether there were any.
    pub(crate) fn stop(&mut self) -> bool {
        let searching = self.is_searching();
        self.jobs.clear();
        (self.refresh, self.stale) = (None, false);
        searching
    }

    /// The block that a solution completes, if its job is still wanted and it is solved.
    pub(crate) fn solve(&self, solution: Solution) -> Option<Block> {
        let (_, block) = self.jobs.iter().find(|(id, _)| *id == solution.job)?;
        let mut block = block.clone();
        block.header.nonce = solution.nonce;
        block.header.bits.target()?.is_met_by(&block.header.hash()).then_some(block)
    }
}

/// A block on a parent, complete but for its nonce.
pub(crate) fn template(
    network: &Network,
    parent: &Header,
    history: &History,
    now: Now,
    author: &SecretKey,
    messages: Vec<Arc<Message>>,
) -> Block {
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
    block.seal(author, network.id(), &history.root());
    move_on(&mut block, network, parent, now.time);
    block
}

/// Moves a block's time on, and with it perhaps its target: nothing that is signed changes.
pub(crate) fn move_on(block: &mut Block, network: &Network, parent: &Header, time: Time) {
    block.header.time = time.max(parent.time.plus_ms(1));
    block.header.bits = network.retarget().next_bits(parent.bits, parent.time, block.header.time);
}

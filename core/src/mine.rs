//! Mining: a [`Job`] says what to search, a [`Search`] does so slice by slice, a [`Solution`] tells what was found.
//!
//! The node makes the jobs; drivers search them, on as many threads as the person allows, and stop at once when the node
//! wishes for another job. A job is plain data, so that it can cross to another thread or Worker.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::block::{Block, HEADER_BYTES, Header, VERSION};
use crate::history::History;
use crate::kernel::portable::Midstate;
use crate::key::{PublicKey, SecretKey, Signature};
use crate::layout::DecodeError;
use crate::message::Message;
use crate::network::Network;
use crate::pow::{Target, Work};
use crate::time::Time;

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

/// A block on a tip, complete but for its nonce.
///
/// # Panics
/// Never: a valid parent's bits lead to a target.
pub fn template(
    network: &Network,
    parent: &Header,
    history: &History,
    time: Time,
    author: &SecretKey,
    messages: Vec<Arc<Message>>,
) -> Block {
    let time = time.max(parent.time.plus_ms(1));
    let header = Header {
        prev_hash: parent.hash(),
        content_root: crate::hash::Hash::ZERO,
        version: VERSION,
        height: parent.height + 1,
        time,
        bits: network.retarget().next_bits(parent.bits, parent.time, time),
        nonce: 0,
    };
    let mut block =
        Block { header, extra: 0, author: PublicKey::NOBODY, signature: Signature::NONE, messages };
    block.seal(author, network.id(), &history.root());
    block
}

/// The same block at a later time, and so perhaps at an easier target: what is signed does not change.
pub fn refresh(block: &mut Block, network: &Network, parent: &Header, time: Time) {
    block.header.time = time.max(parent.time.plus_ms(1));
    block.header.bits = network.retarget().next_bits(parent.bits, parent.time, block.header.time);
}

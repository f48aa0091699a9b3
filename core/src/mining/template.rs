//! Templates: blocks that lack a nonce, and the jobs that the node makes of them.

use core::time::Duration;
use std::collections::VecDeque;
use std::sync::Arc;

use crate::mining::job::{Job, JobId, Solution};
use crate::primitives::block::{Block, Header, VERSION, content_root};
use crate::primitives::hash::Hash;
use crate::primitives::key::{PublicKey, SecretKey, Signature};
use crate::primitives::message::Message;
use crate::primitives::mmr::Mmr;
use crate::primitives::params::Network;
use crate::primitives::time::{MonotonicTime, Now, Timestamp};

/// The time for which a job is searched before its time advances.
pub(crate) const JOB_REFRESH: Duration = Duration::from_secs(2);
/// The delay until a job includes messages that came after it was made.
pub(crate) const POOL_REFRESH: Duration = Duration::from_millis(200);
/// The number of newest jobs on one tip whose solutions are still accepted.
pub(crate) const JOBS_MAX: usize = 16;

/// The jobs that are being searched.
#[derive(Debug, Default)]
pub(crate) struct Miner {
    jobs: VecDeque<(JobId, Template)>,
    made: u64,
    refresh: Option<MonotonicTime>,
    stale: bool,
    /// True if the node mines once it is synchronized.
    is_enabled: bool,
}

impl Miner {
    /// Creates a miner without a job.
    pub(crate) fn new(is_enabled: bool) -> Self {
        Self { is_enabled, ..Self::default() }
    }

    pub(crate) fn is_enabled(&self) -> bool {
        self.is_enabled
    }

    pub(crate) fn set_enabled(&mut self, is_enabled: bool) {
        self.is_enabled = is_enabled;
    }

    /// Returns true if a job is being searched.
    pub(crate) fn is_searching(&self) -> bool {
        !self.jobs.is_empty()
    }

    pub(crate) fn deadline(&self) -> Option<MonotonicTime> {
        self.refresh
    }

    /// Notes that the mempool changed: the next job comes sooner, and carries other messages.
    pub(crate) fn pool_changed(&mut self, now: MonotonicTime) {
        if self.is_searching() {
            self.stale = true;
            self.refresh = self.refresh.map(|refresh| refresh.min(now + POOL_REFRESH));
        }
    }

    /// Returns true if the newest job is on another tip, or its messages or time should be updated.
    pub(crate) fn is_due(&self, now: MonotonicTime, tip: &Hash) -> bool {
        self.jobs.back().is_none_or(|(_, template)| template.block.header.prev_hash != *tip)
            || self.refresh.is_some_and(|refresh| refresh <= now)
    }

    /// Returns the newest template on this tip, if only its time has to be updated.
    pub(crate) fn reusable(&self, tip: &Hash) -> Option<Template> {
        let (_, template) = self.jobs.back()?;
        (!self.stale && template.block.header.prev_hash == *tip).then(|| template.clone())
    }

    /// Adds a template to be searched. Returns its job.
    pub(crate) fn start(&mut self, now: MonotonicTime, template: Template) -> Option<Job> {
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
    history: &Mmr,
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
    pub(crate) fn move_on(&mut self, network: &Network, parent: &Header, time: Timestamp) {
        let header = &mut self.block.header;
        header.time = time.max(parent.time.plus_ms(1));
        header.bits = network.retarget().next_bits(parent.bits, parent.time, header.time);
    }
}

//! Mining: chooses the block to search, and completes the block that is found.
//!
//! Bounds: [`JOBS_MAX`] jobs, all on one tip.

use core::time::Duration;
use std::collections::VecDeque;

use crate::ledger::mempool::Mempool;
use crate::ledger::validation;
use crate::mining::job::{Job, JobId, Solution};
use crate::mining::template::{Template, template};
use crate::node::context::Context;
use crate::primitives::block::{BLOCK_BYTES_MIN, Block, content_root};
use crate::primitives::hash::Hash;
use crate::primitives::time::MonotonicTime;
use crate::protocol::packet::Role;

/// The time for which a job is searched before its time advances.
pub(crate) const JOB_REFRESH: Duration = Duration::from_secs(2);
/// The delay until a job includes messages that came after it was made.
pub(crate) const POOL_REFRESH: Duration = Duration::from_millis(200);
/// The number of newest jobs on one tip whose solutions are still accepted.
pub(crate) const JOBS_MAX: usize = 16;

/// Chooses the block to search, and completes the block that is found.
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
    fn is_due(&self, now: MonotonicTime, tip: &Hash) -> bool {
        self.jobs.back().is_none_or(|(_, template)| template.block.header.prev_hash != *tip)
            || self.refresh.is_some_and(|refresh| refresh <= now)
    }

    /// Returns the newest template on this tip, if only its time has to be updated.
    fn reusable(&self, tip: &Hash) -> Option<Template> {
        let (_, template) = self.jobs.back()?;
        (!self.stale && template.block.header.prev_hash == *tip).then(|| template.clone())
    }

    /// Adds a template to be searched. Returns its job.
    fn start(&mut self, now: MonotonicTime, template: Template) -> Option<Job> {
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

    /// Returns true if the job should be updated: mining is useful, and the newest job is on another
    /// tip or outdated. Mining is useful if no better block is on its way, a light node has a peer
    /// to send its block to, and nodes would take a block on the tip up now. Otherwise the search is
    /// stopped.
    pub(crate) fn is_update_due(&mut self, cx: &mut Context<'_>, is_behind: bool) -> bool {
        let is_heard = cx.config.role == Role::Full || cx.connections.established_peers().next().is_some();
        let earliest = validation::time_to_take(&cx.chain.tip().header).plus_ms(1);
        let is_early = earliest > cx.now.time;
        if !self.is_enabled || !is_heard || is_behind || is_early {
            if self.stop() {
                cx.outbox.mine(None);
            }
            self.refresh = is_early.then(|| cx.now.moment_of(earliest));
            return false;
        }
        self.is_due(cx.now.moment, &cx.chain.tip().hash)
    }

    /// Makes a job on the tip, with the current time and the messages of the mempool.
    pub(crate) fn update_job(&mut self, cx: &mut Context<'_>, pool: &Mempool) {
        let (network, tip) = (cx.chain.network(), cx.chain.tip());
        let template = match self.reusable(&tip.hash) {
            Some(mut template) => {
                template.move_on(network, &tip.header, cx.now.time);
                template
            }
            None => {
                let bytes = network.block_bytes_max() - BLOCK_BYTES_MIN;
                let time = cx.now.time.max(tip.header.time.plus_ms(1));
                let messages = pool.select(time, bytes, network.block_messages_max());
                let Some(history) = cx.chain.history(&tip.hash) else { return };
                template(network, &tip.header, history, cx.now, &cx.config.author, messages)
            }
        };
        let job = self.start(cx.now.moment, template);
        cx.outbox.mine(job);
    }
}

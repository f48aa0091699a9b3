//! The workload: which node finds the next block, and which users write messages.
//!
//! Blocks come at exponential intervals around the spacing. Each is found by a random host,
//! weighted by hash power. That host's node is told to mine. Its job is really searched, at an easy
//! target, and its solution goes back to it, so every rule still applies.

use super::event::SimEvent;
use super::identity;
use super::measure::PropagationStage;
use super::setup::Topology;
use super::topology_builder::ROUND_BLOCKS;
use super::violation::Invariant;
use super::world::World;
use crate::mining::search::Search;
use crate::node::Input;
use crate::primitives::hash::Hash;
use crate::primitives::message::{Draft, TEXT_BYTES_MAX};

/// The most tries for a block: a thousand times the expected number.
const TRIES_MAX: u64 = 1 << 12;
/// The most random tries for a host that can mine.
const DRAWS_MAX: usize = 1_000;
/// The length of an everyday message's text, bytes.
const EVERYDAY_BYTES: usize = 120;
/// The bytes that a message adds to its text: sender, time, stamp, signature and lengths.
const MESSAGE_FRAME_BYTES: usize = 120;

impl World {
    /// Returns the host that finds the next block, if one can mine.
    pub(super) fn draw_miner(&mut self) -> Option<u32> {
        let miners = if self.setup.miners == 0 { self.setup.nodes } else { self.setup.miners };
        for _ in 0..DRAWS_MAX {
            // Places and adversaries are random, so the first hosts are as good as any.
            let host = self.workload.rng.index(miners);
            let this = &self.hosts[host as usize];
            if this.node.is_some() && this.adversary.as_ref().is_none_or(|adversary| adversary.mines()) {
                return Some(host);
            }
        }
        None
    }

    /// Returns true if a host spoils the block that it finds.
    pub(super) fn forges(&self, host: u32) -> bool {
        self.hosts[host as usize].adversary.as_ref().is_some_and(|adversary| adversary.forges())
    }

    /// Makes a host find a block. Returns true if its node was ready to mine and found one.
    pub(super) fn mine(&mut self, host: u32, measured: bool) -> bool {
        self.fill(host);
        self.turn.job = None;
        self.act(host, |node, now| node.set_mining(now, true));
        let Some(job) = self.turn.job.take() else {
            self.act(host, |node, now| node.set_mining(now, false));
            return false;
        };
        let Some(solution) = Search::new(&job, 0).run(TRIES_MAX) else {
            self.violate(Some(host), Invariant::Rule, || format!("no solution of {job:?}"));
            return false;
        };
        let header = job.complete(&solution);
        let (hash, honest) = (header.hash(), self.hosts[host as usize].is_honest());
        let present = (measured && honest).then(|| self.honest_up());
        self.measurements.blocks.mined(hash, &header.prev_hash, self.schedule.now_us, present);
        if let Some(adversary) = &mut self.hosts[host as usize].adversary {
            adversary.mined();
        }
        self.tell(host, Input::Solved(solution));
        self.act(host, |node, now| node.set_mining(now, false));
        if honest {
            // The block may not be on the best chain, but its own miner knows it anyway.
            for step in [PropagationStage::Header, PropagationStage::Body] {
                self.measurements.blocks.reached(step, &hash, host, self.schedule.now_us);
            }
        }
        if self.setup.topology == Topology::Perigee
            && (self.measurements.blocks.all().len() as u64).is_multiple_of(ROUND_BLOCKS)
        {
            self.rotate_later(self.setup.spacing_ms * 1_000 / 4);
        }
        true
    }

    /// Gives a miner messages that no other node knows.
    fn fill(&mut self, host: u32) {
        let mut left = self.setup.body_bytes as usize;
        self.workload.withholds = true;
        while left > 0 {
            let text = (left.saturating_sub(MESSAGE_FRAME_BYTES)).clamp(1, TEXT_BYTES_MAX);
            self.write(host, text);
            left = left.saturating_sub(text + MESSAGE_FRAME_BYTES);
        }
        self.workload.withholds = false;
    }

    /// Writes an everyday message on a random host, and schedules another.
    pub(super) fn somebody_writes(&mut self) {
        let host = self.workload.rng.index(self.setup.nodes);
        if self.hosts[host as usize].is_honest() {
            self.write(host, EVERYDAY_BYTES);
        }
        self.write_later();
    }

    pub(super) fn write_later(&mut self) {
        let per_minute = u64::from(self.setup.messages_per_minute);
        if let Some(mean) = 60_000_000u64.checked_div(per_minute) {
            let wait_us = self.workload.rng.exponential(mean);
            self.schedule.later(wait_us, SimEvent::Write);
        }
    }

    /// Writes a unique message on a host.
    fn write(&mut self, host: u32, bytes: usize) {
        let (now, secret) = (self.now(host), identity::key(self.setup.seed, host));
        let unlike = Hash::from_bytes(self.workload.rng.bytes32()).to_string();
        let mut text = unlike.repeat(bytes / unlike.len() + 1);
        text.truncate(bytes);
        let Ok(draft) = Draft::new(secret.public(), "all", &text, now.time) else { return };
        let message = draft.sign_stamped(&secret, &self.network);
        self.act(host, |node, now| {
            // A message for which the mempool has no room is dropped.
            let _ = node.submit(now, message);
        });
    }
}

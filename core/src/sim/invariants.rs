//! Checks of the invariants that must hold after each input, at whatever node.

use super::host::KNOWN_MAX;
use super::measure::PropagationStage;
use super::setup::Topology;
use super::violation::{Invariant, Violation};
use super::world::World;
use crate::ledger::chain::{AHEAD_MAX, SIDE_MAX, WINDOW_MAX};
use crate::peers::peer::PEERS_MAX;

/// After one input in this many, all bounds of its node are checked.
const SAMPLE: u64 = 1_024;

impl World {
    /// Checks the invariants after an input, and measures.
    pub(super) fn watch(&mut self, host: u32) {
        let this = &mut self.hosts[host as usize];
        let Some(node) = &this.node else { return };
        let chain = node.chain();
        let (best_header, tip) = (chain.best_header(), chain.tip());
        if best_header.hash != this.best_header {
            this.best_header = best_header.hash;
            if self.setup.topology == Topology::Perigee {
                if this.known.len() == KNOWN_MAX {
                    this.known.pop_front();
                }
                this.known.push_back((best_header.header.height, self.schedule.now_us));
            }
            if this.adversary.is_none() {
                self.measurements.blocks.reached(
                    PropagationStage::Header,
                    &best_header.hash,
                    host,
                    self.schedule.now_us,
                );
            }
        }
        if tip.hash != this.tip {
            let fell = tip.total_work < this.work;
            (this.tip, this.work) = (tip.hash, tip.total_work);
            if this.adversary.is_none() {
                self.measurements.blocks.reached(
                    PropagationStage::Body,
                    &tip.hash,
                    host,
                    self.schedule.now_us,
                );
            }
            if fell {
                return self.violate(Some(host), Invariant::WorkFell, || {
                    format!("the tip's work fell to {:?}", tip.total_work)
                });
            }
            let remembered = this.store.best(&self.shared.archive).next_back().copied();
            if remembered != Some(tip.hash) {
                let what = format!("has the tip {}, remembers {remembered:?}", tip.hash);
                return self.violate(Some(host), Invariant::Journal, || what);
            }
        }
        if self.schedule.events.is_multiple_of(SAMPLE) {
            self.check_bounds(host);
        }
    }

    fn check_bounds(&mut self, host: u32) {
        let Some(node) = &self.hosts[host as usize].node else { return };
        let now = self.now(host);
        let (headers, peers, status) = (node.chain().size(), node.peers(now).len(), node.status(now));
        let headers_max = 2 * WINDOW_MAX + AHEAD_MAX + SIDE_MAX + 64;
        let pool_max = crate::ledger::mempool::POOL_BYTES_MAX / crate::primitives::message::MESSAGE_BYTES_MIN;
        for (what, found, max) in [
            ("headers in memory", headers, headers_max),
            ("connections", peers, PEERS_MAX),
            ("messages in the pool", status.pool, pool_max),
        ] {
            if found > max {
                return self
                    .violate(Some(host), Invariant::Bound, || format!("{found} {what}, at most {max}"));
            }
        }
        if let Some(rival) = node.chain().unsettled() {
            let what = format!("the verified block {} replaces its tip", rival.hash);
            return self.violate(Some(host), Invariant::ForkChoice, || what);
        }
        if status.tip != node.chain().tip().hash {
            self.violate(Some(host), Invariant::Journal, || "its status shows another tip".into());
        }
    }

    /// Records the first violation.
    pub(super) fn violate(&mut self, host: Option<u32>, invariant: Invariant, what: impl FnOnce() -> String) {
        if self.checks.violation.is_none() {
            let (seed, time_us) = (self.setup.seed, self.schedule.now_us);
            self.checks.violation = Some(Violation { seed, time_us, host, invariant, what: what() });
        }
    }
}

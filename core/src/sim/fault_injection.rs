//! Fault injection: churn, crashes, partitions and attacks, until the last measured block.

use super::event::SimEvent;
use super::setup::Topology;
use super::world::World;

/// The downtime of a crashed host, microseconds.
const CRASH_US: u64 = 1_000_000;

impl World {
    /// Schedules all faults.
    pub(super) fn schedule_faults(&mut self) {
        let faults = self.setup.faults.clone();
        for host in 0..self.setup.nodes {
            self.leave_later(host);
            if self.hosts[host as usize].adversary.as_ref().is_some_and(|adversary| adversary.is_active()) {
                self.schedule_adversary(host);
            }
        }
        if faults.crash_every_ms > 0 {
            self.crash_later();
        }
        if faults.partition.is_some() {
            self.cut_later();
        }
    }

    fn schedule_adversary(&mut self, host: u32) {
        let wait_us = self.faults.rng.exponential(self.setup.spacing_ms * 1_000);
        self.schedule.later(wait_us, SimEvent::AdversaryActs(host));
    }

    fn leave_later(&mut self, host: u32) {
        if let Some(churn) = self.setup.faults.churn {
            let (wait_us, life) =
                (self.faults.rng.exponential(churn.up_ms * 1_000), self.hosts[host as usize].life);
            self.schedule.later(wait_us, SimEvent::Leave { host, life });
        }
    }

    fn crash_later(&mut self) {
        let wait_us = self.faults.rng.exponential(self.setup.faults.crash_every_ms * 1_000);
        self.schedule.later(wait_us, SimEvent::Crash);
    }

    fn cut_later(&mut self) {
        if let Some(partition) = self.setup.faults.partition {
            let wait_us = self.faults.rng.exponential(partition.every_ms * 1_000);
            self.schedule.later(wait_us, SimEvent::Cut);
        }
    }

    /// Applies a fault.
    pub(super) fn apply_fault(&mut self, event: &SimEvent) {
        if let SimEvent::Return(host) = *event {
            return self.come_back(host);
        }
        if !self.faults.are_active {
            return;
        }
        match *event {
            SimEvent::AdversaryActs(host) => {
                self.act_as_adversary(host);
                self.schedule_adversary(host);
            }
            SimEvent::Leave { host, life } if self.hosts[host as usize].life == life => {
                let down_ms = self.setup.faults.churn.map_or(0, |churn| churn.down_ms);
                self.stop(host);
                let wait_us = self.faults.rng.exponential(down_ms * 1_000);
                self.schedule.later(wait_us, SimEvent::Return(host));
            }
            SimEvent::Crash => {
                let host = self.faults.rng.index(self.setup.nodes);
                if self.hosts[host as usize].node.is_some() {
                    self.stop(host);
                    self.schedule.later(CRASH_US, SimEvent::Return(host));
                }
                self.crash_later();
            }
            SimEvent::Cut => self.cut_off(),
            SimEvent::Heal => {
                self.faults.cut = None;
                self.cut_later();
            }
            SimEvent::Leave { .. }
            | SimEvent::Arrive { .. }
            | SimEvent::Closed(_)
            | SimEvent::Tick(_)
            | SimEvent::Open { .. }
            | SimEvent::DialFailed { .. }
            | SimEvent::Seek(_)
            | SimEvent::Draw
            | SimEvent::Write
            | SimEvent::Rotate(_)
            | SimEvent::Return(_)
            | SimEvent::Settle => {}
        }
    }

    fn come_back(&mut self, host: u32) {
        if self.hosts[host as usize].node.is_some() {
            return;
        }
        let connect = self.seeds(host);
        self.start(host, connect);
        self.dial_later(host);
        self.leave_later(host);
    }

    /// Partitions the network: the links between a share of the hosts and the others break, and no
    /// new ones can be opened.
    fn cut_off(&mut self) {
        let Some(partition) = self.setup.faults.partition else { return };
        let share = partition.share_per_mille * 1_000;
        let cut: Vec<bool> = self.hosts.iter().map(|_| self.faults.rng.ppm(share)).collect();
        let across: Vec<_> = self
            .hosts
            .iter()
            .flat_map(|host| &host.ends)
            .filter(|end| {
                let [a, b] = self.transport.links[end.link()].hosts;
                cut[a as usize] != cut[b as usize]
            })
            .copied()
            .collect();
        self.faults.cut = Some(cut);
        for end in across {
            self.closed(end);
        }
        self.schedule.later(partition.lasts_ms * 1_000, SimEvent::Heal);
    }

    /// Ends all faults: all hosts return, the partition ends, and attacks stop.
    pub(super) fn clear_up(&mut self) {
        self.faults.are_active = false;
        self.faults.cut = None;
        for host in 0..self.setup.nodes {
            self.come_back(host);
            self.let_go(host);
            if self.setup.topology != Topology::Plexus {
                self.dial_later(host);
            }
        }
    }
}

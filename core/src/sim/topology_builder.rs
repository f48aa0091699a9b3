//! Topology: which nodes connect to which, if nodes do not choose for themselves.

use super::event::SimEvent;
use super::link::LinkEnd;
use super::setup::Topology;
use super::world::World;

/// The interval between ratings of links, in blocks.
pub(super) const ROUND_BLOCKS: u64 = 20;
/// The number of links that a node replaces each round.
const REPLACED: usize = 2;
/// The percentile of a link's delays in a round that rates it: nine tenths are shorter.
const PERCENTILE: usize = 90;
/// The longest delay between a host's learning of a block and its first delivery. Beyond it, the
/// block counts as the host's own.
const GRACE_US: u64 = 1_000_000;
/// The most random tries for a host that is not connected yet. After them the link stays unopened.
const DRAWS_MAX: usize = 64;

impl World {
    /// Returns true if two hosts are connected or one dials the other.
    pub(super) fn is_linked(&self, a: u32, b: u32) -> bool {
        let [one, other] = [a, b].map(|host| &self.hosts[host as usize]);
        one.dialling.contains(&b)
            || other.dialling.contains(&a)
            || one.ends.iter().any(|end| self.transport.host_beyond(*end) == b)
    }

    /// Opens the links that a host lacks.
    pub(super) fn seek(&mut self, host: u32) {
        let this = &mut self.hosts[host as usize];
        this.seeks = false;
        if this.node.is_none() {
            return;
        }
        let lacks = (self.setup.outbound as usize).saturating_sub(this.outbound());
        match self.setup.topology {
            Topology::Random | Topology::Perigee => {
                for _ in 0..lacks {
                    self.dial_any(host);
                }
            }
            Topology::Nearest => self.dial_nearest(host, lacks),
            Topology::Plexus | Topology::Complete => {}
        }
    }

    fn dial_any(&mut self, host: u32) {
        for _ in 0..DRAWS_MAX {
            let to = self.transport.rng.index(self.setup.nodes);
            if to != host && !self.is_linked(host, to) {
                return self.dial_host(host, to);
            }
        }
    }

    /// Dials the nearest hosts that are up and not connected yet.
    fn dial_nearest(&mut self, host: u32, lacks: usize) {
        if lacks == 0 {
            return;
        }
        let free =
            |to: &u32| *to != host && self.hosts[*to as usize].node.is_some() && !self.is_linked(host, *to);
        let mut near: Vec<(u32, u32)> = (0..self.setup.nodes)
            .filter(free)
            .map(|to| (self.transport.latency.rtt_us(host, to), to))
            .collect();
        if near.len() > lacks {
            near.select_nth_unstable(lacks - 1);
            near.truncate(lacks);
        }
        near.sort_unstable();
        for (_, to) in near {
            self.dial_host(host, to);
        }
    }

    /// Schedules each host's replacement of its worst links after a round of blocks, at random
    /// times.
    pub(super) fn rotate_later(&mut self, wait_us: u64) {
        for host in 0..self.setup.nodes {
            let wait_us = wait_us + self.transport.rng.below(1_000_000);
            self.schedule.later(wait_us, SimEvent::Rotate(host));
        }
    }

    /// Replaces the links over which a host receives blocks latest.
    ///
    /// A neighbour delivers a block one one-way delay after it learns of the block, even if this
    /// host told it of the block first.
    pub(super) fn rotate(&mut self, host: u32) {
        let this = &self.hosts[host as usize];
        if this.node.is_none() || this.outbound() < self.setup.outbound as usize {
            return;
        }
        let mut delays: Vec<(LinkEnd, Vec<u64>)> = this.ends.iter().map(|end| (*end, Vec::new())).collect();
        for &(height, known) in &this.known {
            let brought: Vec<u64> = this.ends.iter().map(|end| self.brings(*end, height)).collect();
            let first = brought.iter().copied().min().unwrap_or(u64::MAX);
            // The host's own blocks are not delivered by any neighbour.
            if first <= known + GRACE_US {
                for ((_, delays), at) in delays.iter_mut().zip(brought) {
                    delays.push(at - first);
                }
            }
        }
        let mut rated: Vec<(u64, LinkEnd)> = delays
            .into_iter()
            .filter(|(end, _)| end.side() == 0)
            .map(|(end, mut delays)| {
                delays.sort_unstable();
                let rank = (delays.len() * PERCENTILE).div_ceil(100).saturating_sub(1);
                (delays.get(rank).copied().unwrap_or_default(), end)
            })
            .collect();
        // Links that are equally bad are ordered randomly.
        self.transport.rng.shuffle(&mut rated);
        rated.sort_by_key(|(delay, _)| core::cmp::Reverse(*delay));
        for (_, end) in rated.into_iter().take(REPLACED) {
            self.drop_link(end);
        }
    }

    /// Returns the time at which the host at the other end of a link delivers, or would have
    /// delivered, a block of this height.
    fn brings(&self, end: LinkEnd, height: u64) -> u64 {
        let link = &self.transport.links[end.link()];
        let known = &self.hosts[link.hosts[1 - end.side()] as usize].known;
        let at = known.iter().find(|(known, _)| *known == height).map_or(u64::MAX, |(_, at)| *at);
        at.saturating_add(link.one_way_us.into()).saturating_add(self.setup.hop_us)
    }

    /// Closes a link in a host's driver, at both ends. The host soon looks for another.
    fn drop_link(&mut self, end: LinkEnd) {
        let host = self.transport.links[end.link()].hosts[end.side()];
        self.hang_up(end);
        self.tell(host, crate::node::Input::Closed(end.peer()));
    }
}

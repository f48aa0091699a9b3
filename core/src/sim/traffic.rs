//! Traffic: how links open and close, and how long a frame takes over them.

use core::net::IpAddr;

use bytes::Bytes;

use super::attack::Attack;
use super::event::SimEvent;
use super::frame_kind::FrameKind;
use super::identity;
use super::link::{LOSSES_MAX, LinkEnd, RESEND_US};
use super::setup::Topology;
use super::violation::Invariant;
use super::world::World;
use crate::node::{Direction as Way, Input};
use crate::protocol::address::Address;
use crate::protocol::limits::FRAME_BYTES_MAX;
use crate::protocol::misbehavior::{Misbehavior, Reason};

/// Larger frames queue for the uplink. Smaller ones fit between them.
const LARGE_FRAME_BYTES: usize = 1_200;
/// Between honest hosts, the proofs of keys are verified on one link in this many.
const PROOFS_PER_VERIFIED: usize = 16;
/// The factor by which a latency liar's pings are too short.
const LIE: u64 = 4;
/// The interval at which a node that lacks links looks for some, microseconds.
const DIAL_US: u64 = 2_000_000;
/// The time until dialling an address where nothing listens fails, microseconds.
const DIAL_FAILED_US: u64 = 1_000_000;

impl World {
    /// Sends a frame of a node, unless its host suppresses or alters it.
    pub(super) fn send(&mut self, host: u32, end: LinkEnd, mut frame: Bytes) {
        let kind = self.transport.kinds.of(&frame);
        if self.workload.withholds && kind == FrameKind::Offer {
            return;
        }
        if let Some(adversary) = &mut self.hosts[host as usize].adversary {
            if !adversary.lets_out(kind, end, &frame) {
                return;
            }
            frame = self.alter(host, frame);
        }
        self.transmit(host, end, frame);
    }

    /// Puts a frame on its way.
    pub(super) fn transmit(&mut self, host: u32, end: LinkEnd, mut frame: Bytes) {
        let side = end.side();
        let Some(link) = self.transport.links.get_mut(end.link()).filter(|link| link.open[side]) else {
            return;
        };
        let (kind, size) = (self.transport.kinds.of(&frame), frame.len());
        self.measurements.count_sent(&frame);
        let mut depart = self.schedule.now_us;
        if let Some(took) = (size as u64 * 1_000_000).checked_div(self.setup.bandwidth) {
            depart += took;
            if size > LARGE_FRAME_BYTES {
                let uplink = &mut self.hosts[host as usize].uplink_free;
                depart = uplink.saturating_add(took).max(depart);
                *uplink = depart;
            }
        }
        let to = link.hosts[1 - side];
        let mut way_us = u64::from(link.one_way_us);
        if kind == FrameKind::Ping && link.lies {
            way_us /= LIE;
        }
        if self.setup.jitter_us > 0 {
            way_us += self.transport.rng.below(self.setup.jitter_us + 1);
        }
        let mut losses = 0;
        while self.faults.loses(self.setup.faults.loss_ppm) {
            way_us += (link.rtt_us() + RESEND_US) << losses;
            losses += 1;
            if losses == LOSSES_MAX {
                // Both ends give up the link independently.
                self.schedule.at(self.schedule.now_us + way_us, SimEvent::Closed(end));
                self.schedule.at(self.schedule.now_us + way_us, SimEvent::Closed(end.far()));
                return;
            }
        }
        let hop_us = if kind.takes_a_hop() { self.setup.hop_us } else { 0 };
        let at = link.deliver(side, depart + way_us, hop_us, kind == FrameKind::Ping);
        if size > FRAME_BYTES_MAX {
            return self.violate(Some(host), Invariant::Frame, || format!("sends {size} bytes as one frame"));
        }
        if matches!(kind, FrameKind::Announce | FrameKind::Body) {
            frame = self.shared.frames.share(frame);
        }
        self.schedule.at(at, SimEvent::Arrive { host: to, end: end.far(), frame });
    }

    /// Delivers a frame. If its link is closed by now, the node knows that and ignores the frame.
    pub(super) fn arrive(&mut self, host: u32, end: LinkEnd, frame: Bytes) {
        let kind = self.transport.kinds.of(&frame);
        let this = &self.hosts[host as usize];
        if this.adversary.is_none() {
            self.measurements.count_received(&frame);
        }
        if kind == FrameKind::Announce && this.adversary.is_some() {
            self.observe(host, &frame);
        }
        if kind == FrameKind::Request
            && self.hosts[host as usize].adversary.is_some()
            && self.intercept_request(host, end, &frame)
        {
            return;
        }
        if kind == FrameKind::Proof && self.is_known_to_hold(end) {
            return self.act(host, |node, now| node.proven(now, end.peer()));
        }
        self.tell(host, Input::Received(end.peer(), frame));
    }

    /// Returns true if a received proof of a key can be accepted unverified. An honest host's proof
    /// always holds. Verifying all proofs at the start of a large network takes longer than many
    /// measurements. A sample is still verified, so that a failure would be seen.
    fn is_known_to_hold(&self, end: LinkEnd) -> bool {
        let sender = self.transport.host_beyond(end);
        self.hosts[sender as usize].is_honest() && !end.link().is_multiple_of(PROOFS_PER_VERIFIED)
    }

    /// Opens a link and tells both ends.
    pub(super) fn connect(&mut self, from: u32, to: u32) {
        let lies = [from, to].iter().any(|host| {
            self.hosts[*host as usize]
                .adversary
                .as_ref()
                .is_some_and(|adversary| adversary.attack == Attack::LatencyLiar)
        });
        let Some(end) = self.transport.open(from, to, lies) else { return };
        self.hosts[from as usize].ends.push(end);
        self.hosts[to as usize].ends.push(end.far());
        self.tell(from, Input::Connected(end.peer(), Way::Outbound(identity::address(to))));
        let ip = IpAddr::V4(identity::ip(from));
        self.tell(to, Input::Connected(end.far().peer(), Way::Inbound(Some(ip))));
    }

    pub(super) fn dial(&mut self, host: u32, address: Address) {
        let life = self.hosts[host as usize].life;
        match identity::resolve(&address).filter(|to| *to < self.setup.nodes) {
            Some(to) => self.dial_host(host, to),
            None => {
                self.schedule
                    .later(DIAL_FAILED_US, SimEvent::DialFailed { host, to: Box::new(address), life });
            }
        }
    }

    pub(super) fn dial_host(&mut self, from: u32, to: u32) {
        let this = &mut self.hosts[from as usize];
        this.dialling.push(to);
        let life = this.life;
        let rtt_us = self.transport.latency.rtt_us(from, to);
        self.schedule.later(rtt_us.into(), SimEvent::Open { from, to, life });
    }

    pub(super) fn opened(&mut self, from: u32, to: u32, life: u32) {
        let this = &mut self.hosts[from as usize];
        if this.life != life || this.node.is_none() {
            return;
        }
        if let Some(place) = this.dialling.iter().position(|dialled| *dialled == to) {
            this.dialling.swap_remove(place);
        }
        if self.hosts[to as usize].node.is_some() && !self.faults.is_cut(from, to) {
            return self.connect(from, to);
        }
        if self.setup.topology == Topology::Plexus {
            self.tell(from, Input::DialFailed(identity::address(to)));
        } else {
            self.dial_later(from);
        }
    }

    /// Makes a host look for links soon, unless its node does so itself.
    pub(super) fn dial_later(&mut self, host: u32) {
        let this = &mut self.hosts[host as usize];
        if self.setup.topology != Topology::Plexus && !this.seeks && this.node.is_some() {
            this.seeks = true;
            let wait_us = DIAL_US / 2 + self.transport.rng.below(DIAL_US);
            self.schedule.later(wait_us, SimEvent::Seek(host));
        }
    }

    /// Closes a link for a node. Frames that it sent before still arrive.
    pub(super) fn close(&mut self, host: u32, end: LinkEnd, reason: &Reason) {
        let Some(link) = self.transport.links.get(end.link()) else { return };
        let other = link.hosts[1 - end.side()];
        let accused = self.hosts[other as usize].is_honest();
        if let Reason::Fault(fault) = reason
            && self.hosts[host as usize].is_honest()
        {
            self.checks.faults += 1;
            let late = matches!(
                fault,
                Misbehavior::PingTimeout | Misbehavior::RequestTimeout { .. } | Misbehavior::HandshakeTimeout
            );
            if accused && !late {
                self.checks.blames += 1;
                let what = format!("finds fault with node {other}: {fault}");
                self.violate(Some(host), Invariant::Blame, || what);
            }
        }
        self.hang_up(end);
    }

    /// Closes one end of a link. The other end learns of it later.
    pub(super) fn hang_up(&mut self, end: LinkEnd) {
        let Some(link) = self.transport.links.get_mut(end.link()) else { return };
        if !core::mem::take(&mut link.open[end.side()]) {
            return;
        }
        let host = link.hosts[end.side()];
        let at = link.deliver(end.side(), self.schedule.now_us + u64::from(link.one_way_us), 0, false);
        self.schedule.at(at, SimEvent::Closed(end.far()));
        self.unplug(host, end);
    }

    fn unplug(&mut self, host: u32, end: LinkEnd) {
        let this = &mut self.hosts[host as usize];
        this.ends.retain(|other| *other != end);
        if end.side() == 0 {
            self.dial_later(host);
        }
    }

    pub(super) fn closed(&mut self, end: LinkEnd) {
        let link = &mut self.transport.links[end.link()];
        if !core::mem::take(&mut link.open[end.side()]) {
            return;
        }
        let host = link.hosts[end.side()];
        self.unplug(host, end);
        self.tell(host, Input::Closed(end.peer()));
    }
}

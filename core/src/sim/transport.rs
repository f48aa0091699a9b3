//! The transport: the links between hosts, and the time that a frame takes over them.

use super::frame_kind::FrameKinds;
use super::latency::LatencyModel;
use super::link::{LinkEnd, SimLink};
use super::report::LinkView;
use super::rng::SimRng;
use crate::primitives::prefetch::prefetch;

/// The most links that a picture shows.
const LINKS_SHOWN_MAX: usize = 4_000;

/// The links, open or closed, by number.
#[derive(Debug)]
pub(super) struct Transport {
    pub(super) links: Vec<SimLink>,
    pub(super) latency: LatencyModel,
    pub(super) kinds: FrameKinds,
    /// The random stream of the network. Draws from it do not change those of users and faults.
    pub(super) rng: SimRng,
}

impl Transport {
    /// Creates a transport without links.
    pub(super) fn new(latency: LatencyModel, rng: SimRng) -> Self {
        Self { links: Vec::new(), latency, kinds: FrameKinds::new(), rng }
    }

    /// Opens a link. Returns the end of the host that dialled, or `None` if all numbers are used.
    pub(super) fn open(&mut self, from: u32, to: u32, lies: bool) -> Option<LinkEnd> {
        let number = u32::try_from(self.links.len()).ok()?;
        let mut link = SimLink::new([from, to], self.latency.rtt_us(from, to));
        link.lies = lies;
        self.links.push(link);
        Some(LinkEnd::dialling(number))
    }

    /// Prefetches a link on which a node is about to send.
    pub(super) fn approach_link(&self, end: LinkEnd) {
        if let Some(link) = self.links.get(end.link()) {
            prefetch(link);
        }
    }

    /// Returns the host at the other end of a link.
    pub(super) fn host_beyond(&self, end: LinkEnd) -> u32 {
        self.links[end.link()].hosts[1 - end.side()]
    }

    /// Returns the open links among the first `hosts` hosts.
    pub(super) fn links_between(&self, hosts: u32) -> Vec<LinkView> {
        let links = self.links.iter().filter(|link| link.open == [true; 2]);
        let among = links.filter(|link| link.hosts.iter().all(|host| *host < hosts));
        let view = |link: &SimLink| {
            let [a, b] = link.hosts;
            LinkView { a, b, rtt_ms: link.rtt_us() as f64 / 1_000.0 }
        };
        among.take(LINKS_SHOWN_MAX).map(view).collect()
    }
}

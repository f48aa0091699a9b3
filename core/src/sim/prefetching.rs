//! Prefetching: fetches the memory that the next inputs need before they happen.

use super::link::End;
use super::world::{Happening, World};
use crate::node::{Approach, Coming};
use crate::primitives::prefetch::{HAS_HINTS, prefetch};
use crate::protocol::packet::PING_BYTES;

/// The number of events that are prefetched, in [`AHEAD_STEPS`] steps.
const AHEAD_MAX: usize = 24;
const AHEAD_STEPS: usize = 6;

/// A step of prefetching the memory that an input needs.
#[derive(Clone, Copy, Debug)]
enum Ahead {
    Happening,
    Host,
    Node(Approach),
}

impl World {
    /// Prefetches the memory that the next inputs need. Thousands of nodes do not fit into any
    /// cache, and waiting for their memory piece by piece would take most of the time.
    pub(super) fn look_ahead(&self) {
        if !HAS_HINTS {
            return;
        }
        let steps = [Ahead::Happening, Ahead::Host].into_iter().chain(Approach::ALL.map(Ahead::Node));
        for (step, far) in steps.zip((0..=AHEAD_MAX).rev().step_by(AHEAD_MAX / AHEAD_STEPS)) {
            // When a slot begins, its first events take all steps at once.
            let near = if self.wheel.has_turned() { 0 } else { far };
            (near..=far).for_each(|others| self.fetch_ahead(others, step));
        }
    }

    /// Prefetches a link on which a node is about to send.
    pub(super) fn approach_link(&self, end: End) {
        if let Some(link) = self.links.get(end.link()) {
            prefetch(link);
        }
    }

    /// Takes one step for the event that comes after `others` more.
    fn fetch_ahead(&self, others: usize, step: Ahead) {
        let Some(place) = self.wheel.ahead(others) else { return };
        let (host, coming) = match (step, place) {
            (Ahead::Happening, _) => return prefetch(place),
            (_, Some(Happening::Arrive { host, end, frame })) => {
                let is_ping = frame.len() == PING_BYTES;
                if let (true, Ahead::Host, Some(first)) = (is_ping, step, frame.first()) {
                    // Other frames are shared by many nodes and already in the cache.
                    prefetch(first);
                }
                (*host, if is_ping { Coming::Ping(end.peer()) } else { Coming::Frame(end.peer()) })
            }
            (_, Some(Happening::Tick(host))) => (*host, Coming::Tick),
            (_, _) => return,
        };
        let host = &self.hosts[host as usize];
        match step {
            Ahead::Happening => {}
            Ahead::Host => {
                prefetch(&host.node);
                prefetch(&host.skew_ms);
                prefetch(&host.leader);
            }
            Ahead::Node(step) => {
                if let Some(node) = &host.node {
                    node.approach(coming, step);
                }
            }
        }
    }
}

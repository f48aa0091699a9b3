//! Looking ahead: the memory that the next facts need is fetched before they happen.

use super::link::End;
use super::world::{Happening, World};
use crate::kernel::prefetch::{HAS_HINTS, prefetch};
use crate::node::{Approach, Coming};
use crate::wire::PING_BYTES;

/// How far ahead memory is fetched, in happenings, and in how many steps.
const AHEAD_MAX: usize = 24;
const AHEAD_STEPS: usize = 6;

/// A step towards having all memory at hand that a fact needs.
#[derive(Clone, Copy, Debug)]
enum Ahead {
    Happening,
    Host,
    Node(Approach),
}

impl World {
    /// Has the memory fetched that the next facts need: thousands of nodes are more than any cache holds, and to wait for their
    /// memory, piece by piece, would take most of the time.
    pub(super) fn look_ahead(&self) {
        if !HAS_HINTS {
            return;
        }
        let steps = [Ahead::Happening, Ahead::Host].into_iter().chain(Approach::ALL.map(Ahead::Node));
        for (step, far) in steps.zip((0..=AHEAD_MAX).rev().step_by(AHEAD_MAX / AHEAD_STEPS)) {
            // When a slot begins, all that come first take all steps at once.
            let near = if self.wheel.has_turned() { 0 } else { far };
            (near..=far).for_each(|others| self.fetch_ahead(others, step));
        }
    }

    /// Has a link fetched on which a node sends next.
    pub(super) fn approach_link(&self, end: End) {
        if let Some(link) = self.links.get(end.link()) {
            prefetch(link);
        }
    }

    /// Takes one step for what happens after so many others.
    fn fetch_ahead(&self, others: usize, step: Ahead) {
        let Some(place) = self.wheel.ahead(others) else { return };
        let (host, coming) = match (step, place) {
            (Ahead::Happening, _) => return prefetch(place),
            (_, Some(Happening::Arrive { host, end, frame })) => {
                let is_ping = frame.len() == PING_BYTES;
                if let (true, Ahead::Host, Some(first)) = (is_ping, step, frame.first()) {
                    // Other frames are many nodes' and at hand.
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

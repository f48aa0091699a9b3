//! Prefetching: fetches the memory that the next inputs need before they happen.

use super::event::SimEvent;
use super::world::World;
use crate::node::{NextInput, ReadAheadStage};
use crate::primitives::prefetch::{HAS_HINTS, prefetch};
use crate::protocol::packet::PING_BYTES;

/// The number of events that are prefetched, in [`AHEAD_STEPS`] steps.
const AHEAD_MAX: usize = 24;
const AHEAD_STEPS: usize = 6;

/// A step of prefetching the memory that an input needs.
#[derive(Clone, Copy, Debug)]
enum PrefetchStage {
    Event,
    Host,
    Node(ReadAheadStage),
}

impl World {
    /// Prefetches the memory that the next inputs need. Thousands of nodes do not fit into any
    /// cache, and waiting for their memory piece by piece would take most of the time.
    pub(super) fn look_ahead(&self) {
        if !HAS_HINTS {
            return;
        }
        let steps = [PrefetchStage::Event, PrefetchStage::Host]
            .into_iter()
            .chain(ReadAheadStage::ALL.map(PrefetchStage::Node));
        for (step, far) in steps.zip((0..=AHEAD_MAX).rev().step_by(AHEAD_MAX / AHEAD_STEPS)) {
            // When a slot begins, its first events take all steps at once.
            let near = if self.schedule.has_turned() { 0 } else { far };
            (near..=far).for_each(|others| self.fetch_ahead(others, step));
        }
    }

    /// Takes one step for the event that comes after `others` more.
    fn fetch_ahead(&self, others: usize, step: PrefetchStage) {
        let Some(place) = self.schedule.ahead(others) else { return };
        let (host, coming) = match (step, place) {
            (PrefetchStage::Event, _) => return prefetch(place),
            (_, Some(SimEvent::Arrive { host, end, frame })) => {
                let is_ping = frame.len() == PING_BYTES;
                if let (true, PrefetchStage::Host, Some(first)) = (is_ping, step, frame.first()) {
                    // Other frames are shared by many nodes and already in the cache.
                    prefetch(first);
                }
                (*host, if is_ping { NextInput::Ping(end.peer()) } else { NextInput::Frame(end.peer()) })
            }
            (_, Some(SimEvent::Tick(host))) => (*host, NextInput::Tick),
            (_, _) => return,
        };
        let host = &self.hosts[host as usize];
        match step {
            PrefetchStage::Event => {}
            PrefetchStage::Host => {
                prefetch(&host.node);
                prefetch(&host.skew_ms);
                prefetch(&host.best_header);
            }
            PrefetchStage::Node(step) => {
                if let Some(node) = &host.node {
                    node.read_ahead(coming, step);
                }
            }
        }
    }
}

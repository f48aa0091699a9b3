//! The schedule: the simulated time, the pending events, and a record of the events that were
//! carried out.

use super::event::SimEvent;
use super::timing_wheel::TimingWheel;
use super::trace::Trace;

/// The most pending events: this many, and this many more for each node.
const PENDING_MAX: usize = 1 << 14;

/// The pending events, in order of time.
#[derive(Debug)]
pub(super) struct EventQueue {
    pub(super) now_us: u64,
    /// The number of events that were carried out.
    pub(super) events: u64,
    /// The hash over them.
    pub(super) trace: Trace,
    wheel: TimingWheel<SimEvent>,
}

impl EventQueue {
    /// Creates an empty schedule at time 0.
    pub(super) fn new(seed: u64) -> Self {
        Self { now_us: 0, events: 0, trace: Trace::new(seed), wheel: TimingWheel::new() }
    }

    /// Schedules an event at a time, microseconds.
    pub(super) fn at(&mut self, at_us: u64, event: SimEvent) {
        self.wheel.push(at_us, event);
    }

    /// Schedules an event after a wait, microseconds.
    pub(super) fn later(&mut self, wait_us: u64, event: SimEvent) {
        self.at(self.now_us + wait_us, event);
    }

    /// Takes the next event, and advances the time to it. Returns `None` if nothing is pending.
    pub(super) fn pop(&mut self) -> Option<SimEvent> {
        let (at_us, event) = self.wheel.pop()?;
        self.now_us = self.now_us.max(at_us);
        Some(event)
    }

    /// Counts and hashes an event that is carried out now.
    pub(super) fn note(&mut self, event: &SimEvent) {
        self.events += 1;
        let (kind, whom, detail) = event.summary();
        self.trace.note(self.now_us, kind, whom, detail);
    }

    /// Returns true if more is pending than so many hosts can have under way.
    pub(super) fn is_overfull(&self, hosts: usize) -> bool {
        self.wheel.len() > PENDING_MAX * (1 + hosts)
    }

    /// Returns true if the last event began a slot of the timing wheel.
    pub(super) fn has_turned(&self) -> bool {
        self.wheel.has_turned()
    }

    /// Returns the event that comes after `others` more, if it is known yet.
    pub(super) fn ahead(&self, others: usize) -> Option<&Option<SimEvent>> {
        self.wheel.ahead(others)
    }
}

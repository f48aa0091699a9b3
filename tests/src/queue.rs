//! The queue of future events in a world, in order of time. Events at the same time keep their
//! order of arrival.

use std::collections::BTreeMap;

/// A queue of events with their times, in microseconds.
#[derive(Debug)]
pub struct Queue<T> {
    waiting: BTreeMap<(u64, u64), T>,
    arrived: u64,
}

/// The most events that may wait. More would be a flood that no scenario intends.
pub const WAITING_MAX: usize = 1 << 20;

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self { waiting: BTreeMap::new(), arrived: 0 }
    }
}

impl<T> Queue<T> {
    /// Adds an event at a time.
    pub fn push(&mut self, at: u64, item: T) {
        assert!(self.waiting.len() < WAITING_MAX, "over {WAITING_MAX} things are about to happen");
        self.arrived += 1;
        self.waiting.insert((at, self.arrived), item);
    }

    /// Returns the time of the next event.
    pub fn next_at(&self) -> Option<u64> {
        self.waiting.first_key_value().map(|((at, _), _)| *at)
    }

    /// Removes the next event. Returns it.
    pub fn pop(&mut self) -> Option<T> {
        self.waiting.pop_first().map(|(_, item)| item)
    }
}

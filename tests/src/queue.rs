//! The queue of what is about to happen in a world: in order of time, and of equal times in order of arrival.

use std::collections::BTreeMap;

/// A queue of things that happen at moments, in microseconds.
#[derive(Debug)]
pub struct Queue<T> {
    waiting: BTreeMap<(u64, u64), T>,
    arrived: u64,
}

/// The most things that may wait: more is a flood that no scenario wants.
pub const WAITING_MAX: usize = 1 << 20;

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self { waiting: BTreeMap::new(), arrived: 0 }
    }
}

impl<T> Queue<T> {
    /// Puts something in to happen at a moment.
    pub fn push(&mut self, at: u64, item: T) {
        assert!(self.waiting.len() < WAITING_MAX, "over {WAITING_MAX} things are about to happen");
        self.arrived += 1;
        self.waiting.insert((at, self.arrived), item);
    }

    /// When the next thing happens.
    pub fn next_at(&self) -> Option<u64> {
        self.waiting.first_key_value().map(|((at, _), _)| *at)
    }

    /// Takes the next thing.
    pub fn pop(&mut self) -> Option<T> {
        self.waiting.pop_first().map(|(_, item)| item)
    }
}

//! A set of the newest items: when it is full, a new item evicts the oldest.

use std::collections::VecDeque;

use crate::primitives::collections::ordered_map::OrderedSet;

/// The newest `MAX` distinct items.
#[derive(Debug)]
pub(crate) struct FifoSet<T, const MAX: usize> {
    set: OrderedSet<T>,
    order: VecDeque<T>,
}

impl<T, const MAX: usize> Default for FifoSet<T, MAX> {
    fn default() -> Self {
        Self { set: OrderedSet::default(), order: VecDeque::new() }
    }
}

impl<T: Ord + Copy, const MAX: usize> FifoSet<T, MAX> {
    /// Adds an item. Returns true if it is new.
    pub(crate) fn insert(&mut self, item: T) -> bool {
        if !self.set.insert(item) {
            return false;
        }
        if self.order.len() == MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.set.remove(&oldest);
        }
        self.order.push_back(item);
        true
    }

    pub(crate) fn contains(&self, item: &T) -> bool {
        self.set.contains(item)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_newest() {
        let mut recent = FifoSet::<u8, 3>::default();
        for item in [1, 2, 2, 3, 4] {
            recent.insert(item);
        }
        assert!(!recent.contains(&1));
        assert!([2, 3, 4].iter().all(|item| recent.contains(item)));
    }
}

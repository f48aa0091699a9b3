//! A map whose entries lie in sorted runs of bounded length. Finding, inserting or removing an
//! entry takes two binary searches and moves at most one run.
//!
//! That takes up to about three times as long as in a tree, but a full scan is faster. Of two
//! neighbouring runs at least one is a quarter full, whatever is removed. So no choice of keys
//! makes a map take much memory for few entries.

use core::mem;
use core::ops::{Bound, RangeBounds};

/// The most entries of a run. A full one is split if another entry is added to it.
const RUN_MAX: usize = 128;
/// A run with fewer entries is joined to a neighbour, as soon as one has the room.
const RUN_MIN: usize = RUN_MAX / 4;

/// A map from keys to values, in the order of the keys. Its owner bounds it.
///
/// ```
/// use plexus_core::primitives::collections::ordered_map::runs::OrderedMap;
///
/// let mut squares: OrderedMap<_, _> = (0..1_000).map(|key| (key, key * key)).collect();
/// assert_eq!(squares.remove(&31), Some(961));
/// squares.retain(|key, _| key % 2 == 0);
/// assert!(squares.keys().take(3).eq(&[0, 2, 4]));
/// assert_eq!(squares.len(), 500);
/// ```
#[derive(Clone, Debug)]
pub struct OrderedMap<K, V> {
    /// The runs, ascending. None is empty.
    runs: Vec<Vec<(K, V)>>,
    len: usize,
}

impl<K, V> Default for OrderedMap<K, V> {
    fn default() -> Self {
        Self { runs: Vec::new(), len: 0 }
    }
}

impl<K: Ord, V> OrderedMap<K, V> {
    /// Returns the number of entries.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Returns true if there are no entries.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Returns the run that a key belongs in, and the key's present or future position there.
    fn place(&self, key: &K) -> (usize, Result<usize, usize>) {
        let begins_below = |run: &Vec<(K, V)>| run.first().is_some_and(|(first, _)| first <= key);
        let run = self.runs.partition_point(begins_below).saturating_sub(1);
        let at = self.runs.get(run).map_or(Err(0), |run| run.binary_search_by(|(held, _)| held.cmp(key)));
        (run, at)
    }

    /// Inserts a new entry at its position. Returns its value.
    fn put(&mut self, mut run: usize, mut at: usize, entry: (K, V)) -> &mut V {
        self.len += 1;
        if self.runs.is_empty() {
            self.runs.push(Vec::new());
        }
        if self.runs[run].len() == RUN_MAX {
            // Entries that arrive in ascending order leave full runs behind.
            let is_end = at == RUN_MAX && run + 1 == self.runs.len();
            let cut = if is_end { RUN_MAX } else { RUN_MAX / 2 };
            let upper = self.runs[run].split_off(cut);
            self.runs.insert(run + 1, upper);
            if at > cut || is_end {
                (run, at) = (run + 1, at - cut);
            }
        }
        self.runs[run].insert(at, entry);
        &mut self.runs[run][at].1
    }

    /// Returns the value of a key.
    pub fn get(&self, key: &K) -> Option<&V> {
        let (run, at) = self.place(key);
        at.ok().map(|at| &self.runs[run][at].1)
    }

    /// Returns the value of a key, to be changed.
    pub fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        let (run, at) = self.place(key);
        at.ok().map(|at| &mut self.runs[run][at].1)
    }

    /// Returns true if a key has a value.
    pub fn contains_key(&self, key: &K) -> bool {
        self.place(key).1.is_ok()
    }

    /// Returns the value of a key. Inserts the default first, if it has none.
    pub fn get_or_default(&mut self, key: K) -> &mut V
    where
        V: Default,
    {
        match self.place(&key) {
            (run, Ok(at)) => &mut self.runs[run][at].1,
            (run, Err(at)) => self.put(run, at, (key, V::default())),
        }
    }

    /// Sets the value of a key. Returns the previous one.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        match self.place(&key) {
            (run, Ok(at)) => Some(mem::replace(&mut self.runs[run][at].1, value)),
            (run, Err(at)) => {
                self.put(run, at, (key, value));
                None
            }
        }
    }

    /// Removes and returns a key's value.
    pub fn remove(&mut self, key: &K) -> Option<V> {
        let (run, Ok(at)) = self.place(key) else { return None };
        let (_, value) = self.runs[run].remove(at);
        self.len -= 1;
        if self.len == 0 {
            self.runs.clear();
        } else if self.runs[run].len() < RUN_MIN && !self.join(run) && run > 0 {
            self.join(run - 1);
        }
        Some(value)
    }

    /// Joins a run and the next one, if together they are not too long. Returns true if it did.
    fn join(&mut self, run: usize) -> bool {
        let fits = self.runs.get(run..run + 2).is_some_and(|two| two[0].len() + two[1].len() <= RUN_MAX);
        if fits {
            let mut upper = self.runs.remove(run + 1);
            self.runs[run].append(&mut upper);
        }
        fits
    }

    /// Keeps only the entries for which `stays` returns true.
    pub fn retain(&mut self, mut stays: impl FnMut(&K, &mut V) -> bool) {
        for run in &mut self.runs {
            run.retain_mut(|(key, value)| stays(key, value));
        }
        self.runs.retain(|run| !run.is_empty());
        self.len = self.runs.iter().map(Vec::len).sum();
        let mut run = 0;
        while run < self.runs.len() {
            if !self.join(run) {
                run += 1;
            }
        }
    }

    /// Returns the entries, ascending.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&K, &V)> {
        self.runs.iter().flatten().map(|(key, value)| (key, value))
    }

    /// Returns the entries whose keys are in a range, ascending.
    pub fn range(&self, range: impl RangeBounds<K>) -> impl Iterator<Item = (&K, &V)> {
        let (run, at) = match range.start_bound() {
            Bound::Unbounded => (0, 0),
            Bound::Included(key) => match self.place(key) {
                (run, Ok(at) | Err(at)) => (run, at),
            },
            Bound::Excluded(key) => match self.place(key) {
                (run, Ok(at)) => (run, at + 1),
                (run, Err(at)) => (run, at),
            },
        };
        let (first, rest) = match self.runs.get(run..) {
            Some([first, rest @ ..]) => (first.get(at..).unwrap_or_default(), rest),
            _ => (&[][..], &[][..]),
        };
        let entries = first.iter().chain(rest.iter().flatten()).map(|(key, value)| (key, value));
        entries.take_while(move |(key, _)| range.contains(key))
    }

    /// Returns the keys, ascending.
    pub fn keys(&self) -> impl Iterator<Item = &K> {
        self.iter().map(|(key, _)| key)
    }

    /// Returns the values in the order of their keys.
    pub fn values(&self) -> impl Iterator<Item = &V> {
        self.iter().map(|(_, value)| value)
    }

    /// Returns the values in the order of their keys, to be changed.
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut V> {
        self.runs.iter_mut().flatten().map(|(_, value)| value)
    }

    /// Returns the entry with the highest key.
    pub fn last(&self) -> Option<(&K, &V)> {
        self.runs.last()?.last().map(|(key, value)| (key, value))
    }
}

impl<K: Ord, V> FromIterator<(K, V)> for OrderedMap<K, V> {
    /// Of entries with the same key the last is kept.
    fn from_iter<T: IntoIterator<Item = (K, V)>>(entries: T) -> Self {
        let mut ordered = Self::default();
        for (key, value) in entries {
            ordered.insert(key, value);
        }
        ordered
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn check(ordered: &OrderedMap<u16, u8>, model: &BTreeMap<u16, u8>) {
        assert!(ordered.iter().eq(model.iter()));
        assert!(ordered.keys().eq(model.keys()) && ordered.values().eq(model.values()));
        assert_eq!((ordered.len(), ordered.is_empty()), (model.len(), model.is_empty()));
        assert_eq!(ordered.last(), model.last_key_value());
        assert!(ordered.runs.iter().all(|run| (1..=RUN_MAX).contains(&run.len())));
        assert!(ordered.runs.windows(2).all(|two| two[0].len().max(two[1].len()) >= RUN_MIN));
    }

    proptest! {
        #[test]
        fn it_is_a_map(steps in prop::collection::vec((0..8_u8, any::<u16>(), any::<u8>()), 0..2_000)) {
            let (mut ordered, mut model) = (OrderedMap::default(), BTreeMap::new());
            for (what, key, value) in steps {
                let key = key % 1_024;
                match what {
                    0..=3 => prop_assert_eq!(ordered.insert(key, value), model.insert(key, value)),
                    4 => {
                        *ordered.get_or_default(key) = value;
                        *model.entry(key).or_default() = value;
                    }
                    5 if value == 0 => {
                        ordered.retain(|held, _| held % 3 != key % 3);
                        model.retain(|held, _| held % 3 != key % 3);
                    }
                    _ => prop_assert_eq!(ordered.remove(&key), model.remove(&key)),
                }
                prop_assert_eq!(ordered.get(&key), model.get(&key));
                prop_assert_eq!(ordered.contains_key(&key), model.contains_key(&key));
                let end = key.saturating_add(u16::from(value));
                prop_assert!(ordered.range(key..end).eq(model.range(key..end)));
                prop_assert!(ordered.range(key..=end).eq(model.range(key..=end)));
                let beyond = (Bound::Excluded(key), Bound::Unbounded);
                prop_assert!(ordered.range(beyond).eq(model.range(beyond)));
                prop_assert!(ordered.range(..key).eq(model.range(..key)));
                if let (Some(one), Some(other)) = (ordered.get_mut(&key), model.get_mut(&key)) {
                    (*one, *other) = (value, value);
                }
            }
            check(&ordered, &model);
            ordered.values_mut().chain(model.values_mut()).for_each(|value| *value ^= 1);
            check(&ordered, &model);
        }
    }

    #[test]
    fn what_comes_rising_fills_its_runs_and_what_comes_falling_half_of_them() {
        let rising: OrderedMap<_, _> = (0..10_000_u16).map(|key| (key, 0)).collect();
        check(&rising, &(0..10_000).map(|key| (key, 0)).collect());
        assert_eq!(rising.runs.len(), 10_000_usize.div_ceil(RUN_MAX));
        let falling: OrderedMap<_, _> = (0..10_000_u16).rev().map(|key| (key, 0)).collect();
        check(&falling, &(0..10_000).map(|key| (key, 0)).collect());
        assert!(falling.runs.len() <= 10_000_usize.div_ceil(RUN_MAX / 2));
    }

    #[test]
    fn one_entry_in_many_does_not_hold_a_run_each() {
        let mut ordered: OrderedMap<_, _> = (0..50_000_u16).map(|key| (key, 0)).collect();
        for key in (0..50_000).filter(|key| key % 100 != 0) {
            ordered.remove(&key);
        }
        check(&ordered, &(0..500).map(|key| (key * 100, 0)).collect());
        assert!(ordered.runs.len() <= 500 / RUN_MIN * 2);
    }

    #[test]
    fn an_emptied_map_holds_no_run() {
        let mut ordered: OrderedMap<_, _> = (0..1_000_u16).map(|key| (key * 37 % 1_000, 0)).collect();
        for key in 0..1_000 {
            assert_eq!(ordered.remove(&key), Some(0));
            assert_eq!(ordered.remove(&key), None);
        }
        assert!(ordered.is_empty() && ordered.runs.is_empty());
        assert_eq!(ordered.last(), None);
    }
}

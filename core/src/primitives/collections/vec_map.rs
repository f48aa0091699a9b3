//! A map as a sorted vector of keys beside one of values, for maps that stay small: peers, links,
//! requests in flight.
//!
//! It uses binary search. Inserting or removing moves all higher entries. Up to a few thousand
//! small entries that is as fast as a tree of nodes, takes less memory, and a fifth of the program
//! size. A page that carries a tree for each kind of key would be a quarter larger. A map that
//! grows with data from remote peers belongs in an
//! [`crate::primitives::collections::ordered_map::OrderedMap`].

use core::iter::Zip;
use core::{mem, slice};

use crate::primitives::prefetch::{CACHE_LINE_BYTES, prefetch};

/// Up to this many keys are scanned one after the other. Distant memory is then fetched all at
/// once, while each step of a binary search waits for the one before. A light node, whose program
/// should be small, always uses binary search.
const SCANNED_MAX: usize = 32;

/// A map from keys to values, in the order of the keys. Its owner bounds it.
///
/// ```
/// use plexus_core::primitives::collections::vec_map::VecMap;
///
/// let mut map: VecMap<_, _> = [(3, "c"), (1, "a")].into_iter().collect();
/// assert_eq!(map.insert(2, "b"), None);
/// assert_eq!(map.insert(2, "B"), Some("b"));
/// assert_eq!(map.pop_first_if(|key| *key < 2), Some((1, "a")));
/// assert_eq!(map.into_vec(), [(2, "B"), (3, "c")]);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VecMap<K, V> {
    keys: Vec<K>,
    values: Vec<V>,
}

impl<K, V> Default for VecMap<K, V> {
    fn default() -> Self {
        Self { keys: Vec::new(), values: Vec::new() }
    }
}

impl<K: Ord, V> VecMap<K, V> {
    /// Creates an empty map with room for `entries` entries.
    pub fn with_capacity(entries: usize) -> Self {
        Self { keys: Vec::with_capacity(entries), values: Vec::with_capacity(entries) }
    }

    /// Returns the number of entries.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Returns true if there are no entries.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    fn place(&self, key: &K) -> Result<usize, usize> {
        if !cfg!(feature = "full") || self.keys.len() > SCANNED_MAX {
            return self.keys.binary_search(key);
        }
        let place = self.keys.iter().position(|held| held >= key).unwrap_or(self.keys.len());
        self.keys.get(place).filter(|held| *held == key).map(|_| place).ok_or(place)
    }

    /// Returns the value of a key.
    pub fn get(&self, key: &K) -> Option<&V> {
        self.place(key).ok().map(|place| &self.values[place])
    }

    /// Returns the value of a key, to be changed.
    pub fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.place(key).ok().map(|place| &mut self.values[place])
    }

    /// Returns true if a key has a value.
    pub fn contains_key(&self, key: &K) -> bool {
        self.place(key).is_ok()
    }

    fn insert_at(&mut self, place: usize, key: K, value: V) {
        self.keys.insert(place, key);
        self.values.insert(place, value);
    }

    fn remove_at(&mut self, place: usize) -> (K, V) {
        (self.keys.remove(place), self.values.remove(place))
    }

    /// Returns the value of a key. Inserts the default first, if it has none.
    pub fn get_or_default(&mut self, key: K) -> &mut V
    where
        V: Default,
    {
        let place = match self.place(&key) {
            Ok(place) => place,
            Err(place) => {
                self.insert_at(place, key, V::default());
                place
            }
        };
        &mut self.values[place]
    }

    /// Sets the value of a key. Returns the previous one.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        match self.place(&key) {
            Ok(place) => Some(mem::replace(&mut self.values[place], value)),
            Err(place) => {
                self.insert_at(place, key, value);
                None
            }
        }
    }

    /// Removes and returns a key's value.
    pub fn remove(&mut self, key: &K) -> Option<V> {
        self.place(key).ok().map(|place| self.remove_at(place).1)
    }

    /// Removes and returns the first entry, if `is_wanted` returns true for it.
    pub fn pop_first_if(&mut self, is_wanted: impl FnOnce(&K) -> bool) -> Option<(K, V)> {
        self.keys.first().is_some_and(is_wanted).then(|| self.remove_at(0))
    }

    /// Keeps only the entries for which `stays` returns true.
    pub fn retain(&mut self, mut stays: impl FnMut(&K, &mut V) -> bool) {
        let mut kept = 0;
        for place in 0..self.keys.len() {
            if stays(&self.keys[place], &mut self.values[place]) {
                self.keys.swap(kept, place);
                self.values.swap(kept, place);
                kept += 1;
            }
        }
        self.keys.truncate(kept);
        self.values.truncate(kept);
    }

    /// Returns the entries, ascending.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&K, &V)> {
        self.into_iter()
    }

    /// Returns the entries, ascending. Their values may be changed.
    pub fn iter_mut(&mut self) -> impl DoubleEndedIterator<Item = (&K, &mut V)> {
        self.into_iter()
    }

    /// Returns the keys, ascending.
    pub fn keys(&self) -> impl DoubleEndedIterator<Item = &K> {
        self.keys.iter()
    }

    /// Returns the values in the order of their keys.
    pub fn values(&self) -> impl DoubleEndedIterator<Item = &V> {
        self.values.iter()
    }

    /// Returns the values in the order of their keys, to be changed.
    pub fn values_mut(&mut self) -> impl DoubleEndedIterator<Item = &mut V> {
        self.values.iter_mut()
    }

    /// Returns the entries, ascending.
    pub fn into_vec(self) -> Vec<(K, V)> {
        self.keys.into_iter().zip(self.values).collect()
    }

    /// Prefetches the memory that a search for a key reads.
    pub(crate) fn prefetch(&self) {
        let a_line = CACHE_LINE_BYTES.div_ceil(size_of::<K>().max(1));
        self.keys.iter().take(SCANNED_MAX).step_by(a_line).for_each(prefetch);
    }
}

impl<'a, K, V> IntoIterator for &'a VecMap<K, V> {
    type Item = (&'a K, &'a V);
    type IntoIter = Zip<slice::Iter<'a, K>, slice::Iter<'a, V>>;

    fn into_iter(self) -> Self::IntoIter {
        self.keys.iter().zip(&self.values)
    }
}

impl<'a, K, V> IntoIterator for &'a mut VecMap<K, V> {
    type Item = (&'a K, &'a mut V);
    type IntoIter = Zip<slice::Iter<'a, K>, slice::IterMut<'a, V>>;

    fn into_iter(self) -> Self::IntoIter {
        self.keys.iter().zip(&mut self.values)
    }
}

impl<K: Ord, V> FromIterator<(K, V)> for VecMap<K, V> {
    /// Of entries with the same key the last is kept.
    fn from_iter<T: IntoIterator<Item = (K, V)>>(entries: T) -> Self {
        let mut sorted = Self::default();
        for (key, value) in entries {
            sorted.insert(key, value);
        }
        sorted
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_a_map(steps in prop::collection::vec((0..4_u8, 0..16_u8, any::<u8>()), 0..200)) {
            let (mut sorted, mut model) = (VecMap::default(), BTreeMap::new());
            for (what, key, value) in steps {
                match what {
                    0 => prop_assert_eq!(sorted.insert(key, value), model.insert(key, value)),
                    1 => prop_assert_eq!(sorted.remove(&key), model.remove(&key)),
                    2 => {
                        *sorted.get_or_default(key) = value;
                        *model.entry(key).or_default() = value;
                    }
                    _ => {
                        sorted.retain(|held, _| held % 3 != key % 3);
                        model.retain(|held, _| held % 3 != key % 3);
                    }
                }
                prop_assert_eq!(sorted.get(&key), model.get(&key));
                prop_assert_eq!(sorted.contains_key(&key), model.contains_key(&key));
                prop_assert!(sorted.iter().eq(model.iter()));
                prop_assert_eq!(sorted.len(), model.len());
            }
            let first = model.first_key_value().map(|(key, value)| (*key, *value));
            prop_assert_eq!(sorted.pop_first_if(|_| true), first);
            prop_assert_eq!(sorted.into_vec(), model.into_iter().skip(1).collect::<Vec<_>>());
        }
    }
}

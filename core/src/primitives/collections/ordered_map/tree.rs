//! A map that is a [`BTreeMap`].

use core::ops::RangeBounds;
use std::collections::BTreeMap;

/// A map from keys to values, in the order of the keys. Its owner bounds it.
///
/// ```
/// use plexus_core::primitives::collections::ordered_map::tree::OrderedMap;
///
/// let mut heights: OrderedMap<_, _> = [(9, "i"), (1, "a"), (5, "e")].into_iter().collect();
/// *heights.get_or_default(7) = "g";
/// assert!(heights.range(5..9).eq([(&5, &"e"), (&7, &"g")]));
/// assert_eq!(heights.last(), Some((&9, &"i")));
/// ```
#[derive(Clone, Debug)]
pub struct OrderedMap<K, V>(BTreeMap<K, V>);

impl<K, V> Default for OrderedMap<K, V> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<K: Ord, V> OrderedMap<K, V> {
    /// Returns the number of entries.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns true if there are no entries.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the value of a key.
    pub fn get(&self, key: &K) -> Option<&V> {
        self.0.get(key)
    }

    /// Returns the value of a key, to be changed.
    pub fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.0.get_mut(key)
    }

    /// Returns true if a key has a value.
    pub fn contains_key(&self, key: &K) -> bool {
        self.0.contains_key(key)
    }

    /// Returns the value of a key. Inserts the default first, if it has none.
    pub fn get_or_default(&mut self, key: K) -> &mut V
    where
        V: Default,
    {
        self.0.entry(key).or_default()
    }

    /// Sets the value of a key. Returns the previous one.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        self.0.insert(key, value)
    }

    /// Removes and returns a key's value.
    pub fn remove(&mut self, key: &K) -> Option<V> {
        self.0.remove(key)
    }

    /// Keeps only the entries for which `stays` returns true.
    pub fn retain(&mut self, stays: impl FnMut(&K, &mut V) -> bool) {
        self.0.retain(stays);
    }

    /// Returns the entries, ascending.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&K, &V)> {
        self.0.iter()
    }

    /// Returns the entries whose keys are in a range, ascending.
    pub fn range(&self, range: impl RangeBounds<K>) -> impl Iterator<Item = (&K, &V)> {
        self.0.range(range)
    }

    /// Returns the keys, ascending.
    pub fn keys(&self) -> impl Iterator<Item = &K> {
        self.0.keys()
    }

    /// Returns the values in the order of their keys.
    pub fn values(&self) -> impl Iterator<Item = &V> {
        self.0.values()
    }

    /// Returns the values in the order of their keys, to be changed.
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut V> {
        self.0.values_mut()
    }

    /// Returns the entry with the highest key.
    pub fn last(&self) -> Option<(&K, &V)> {
        self.0.last_key_value()
    }
}

impl<K: Ord, V> FromIterator<(K, V)> for OrderedMap<K, V> {
    /// Of entries with the same key the last is kept.
    fn from_iter<T: IntoIterator<Item = (K, V)>>(entries: T) -> Self {
        Self(entries.into_iter().collect())
    }
}

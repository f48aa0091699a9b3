//! A map in one sorted vector, for maps that stay small: peers, links, what is on its way.
//!
//! It is searched by halving, and to insert or remove moves what is above. Up to a few thousand small entries that is as
//! fast as a tree of nodes, takes less memory, and a fifth of the program: a page that carries a tree for each kind of key
//! would be a quarter larger. What grows with what strangers send belongs into an [`crate::ordered::Ordered`].

use core::iter::Map;
use core::{mem, slice};

/// Up to so many entries are looked at one after the other: memory that is far away comes all at once then, while each step of
/// halving has to wait for the one before. A light node, whose program is to be small, halves always.
const SCANNED_MAX: usize = 32;

/// A map from keys to values, in the order of the keys. Its owner bounds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sorted<K, V>(Vec<(K, V)>);

impl<K, V> Default for Sorted<K, V> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<K: Ord, V> Sorted<K, V> {
    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn place(&self, key: &K) -> Result<usize, usize> {
        if !cfg!(feature = "full") || self.0.len() > SCANNED_MAX {
            return self.0.binary_search_by(|(held, _)| held.cmp(key));
        }
        let place = self.0.iter().position(|(held, _)| held >= key).unwrap_or(self.0.len());
        self.0.get(place).filter(|(held, _)| held == key).map(|_| place).ok_or(place)
    }

    /// The value of a key.
    pub fn get(&self, key: &K) -> Option<&V> {
        self.place(key).ok().map(|place| &self.0[place].1)
    }

    /// The value of a key, to be changed.
    pub fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.place(key).ok().map(|place| &mut self.0[place].1)
    }

    /// Whether a key has a value.
    pub fn contains_key(&self, key: &K) -> bool {
        self.place(key).is_ok()
    }

    /// The value of a key; the default, if it has none yet.
    pub fn get_or_default(&mut self, key: K) -> &mut V
    where
        V: Default,
    {
        let place = match self.place(&key) {
            Ok(place) => place,
            Err(place) => {
                self.0.insert(place, (key, V::default()));
                place
            }
        };
        &mut self.0[place].1
    }

    /// Gives a key a value; with the one that it had.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        match self.place(&key) {
            Ok(place) => Some(mem::replace(&mut self.0[place].1, value)),
            Err(place) => {
                self.0.insert(place, (key, value));
                None
            }
        }
    }

    /// Takes a key's value out.
    pub fn remove(&mut self, key: &K) -> Option<V> {
        self.place(key).ok().map(|place| self.0.remove(place).1)
    }

    /// Takes the first entry out, if it is wanted.
    pub fn pop_first_if(&mut self, is_wanted: impl FnOnce(&K) -> bool) -> Option<(K, V)> {
        self.0.first().is_some_and(|(key, _)| is_wanted(key)).then(|| self.0.remove(0))
    }

    /// Keeps only the entries that are to stay.
    pub fn retain(&mut self, mut stays: impl FnMut(&K, &mut V) -> bool) {
        self.0.retain_mut(|(key, value)| stays(key, value));
    }

    /// The entries, rising.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&K, &V)> {
        self.0.iter().map(|(key, value)| (key, value))
    }

    /// The entries, rising; their values may be changed.
    pub fn iter_mut(&mut self) -> impl DoubleEndedIterator<Item = (&K, &mut V)> {
        self.0.iter_mut().map(|(key, value)| (&*key, value))
    }

    /// The keys, rising.
    pub fn keys(&self) -> impl DoubleEndedIterator<Item = &K> {
        self.0.iter().map(|(key, _)| key)
    }

    /// The values in the order of their keys.
    pub fn values(&self) -> impl DoubleEndedIterator<Item = &V> {
        self.0.iter().map(|(_, value)| value)
    }

    /// The values in the order of their keys, to be changed.
    pub fn values_mut(&mut self) -> impl DoubleEndedIterator<Item = &mut V> {
        self.0.iter_mut().map(|(_, value)| value)
    }

    /// The entries, rising.
    pub fn into_vec(self) -> Vec<(K, V)> {
        self.0
    }
}

impl<'a, K, V> IntoIterator for &'a Sorted<K, V> {
    type Item = (&'a K, &'a V);
    type IntoIter = Map<slice::Iter<'a, (K, V)>, fn(&'a (K, V)) -> (&'a K, &'a V)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter().map(|(key, value)| (key, value))
    }
}

impl<'a, K, V> IntoIterator for &'a mut Sorted<K, V> {
    type Item = (&'a K, &'a mut V);
    type IntoIter = Map<slice::IterMut<'a, (K, V)>, fn(&'a mut (K, V)) -> (&'a K, &'a mut V)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter_mut().map(|(key, value)| (&*key, value))
    }
}

impl<K: Ord, V> FromIterator<(K, V)> for Sorted<K, V> {
    /// Of entries with the same key the last counts.
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
            let (mut sorted, mut model) = (Sorted::default(), BTreeMap::new());
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

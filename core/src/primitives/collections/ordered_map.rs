//! A map and a set in the order of their keys, for collections that grow with data from remote
//! peers.
//!
//! A full node uses trees, which are fastest. The page's program would carry the code of a tree
//! once for each kind of key. Its maps are sorted [`runs`] instead, which makes it 24 kB smaller,
//! gzipped. Small maps are better kept in a [`crate::primitives::collections::vec_map::VecMap`].

use core::ops::RangeBounds;

pub mod runs;
pub mod tree;

#[cfg(not(feature = "full"))]
pub use runs::OrderedMap;
#[cfg(feature = "full")]
pub use tree::OrderedMap;

/// A set in the order of its items. Its owner bounds it.
///
/// ```
/// use plexus_core::primitives::collections::ordered_map::OrderedSet;
///
/// let mut set: OrderedSet<_> = [5, 3, 9].into_iter().collect();
/// assert!(set.insert(4));
/// assert!(!set.insert(9), "it holds each item once");
/// assert!(set.range(4..).eq(&[4, 5, 9]));
/// ```
#[derive(Clone, Debug)]
pub struct OrderedSet<T>(OrderedMap<T, ()>);

impl<T> Default for OrderedSet<T> {
    fn default() -> Self {
        Self(OrderedMap::default())
    }
}

impl<T: Ord> OrderedSet<T> {
    /// Returns the number of items.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns true if there are no items.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns true if it contains an item.
    pub fn contains(&self, item: &T) -> bool {
        self.0.contains_key(item)
    }

    /// Adds an item. Returns true if it is new.
    pub fn insert(&mut self, item: T) -> bool {
        self.0.insert(item, ()).is_none()
    }

    /// Removes an item. Returns true if it was there.
    pub fn remove(&mut self, item: &T) -> bool {
        self.0.remove(item).is_some()
    }

    /// Returns the items, ascending.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.0.keys()
    }

    /// Returns the items in a range, ascending.
    pub fn range(&self, range: impl RangeBounds<T>) -> impl Iterator<Item = &T> {
        self.0.range(range).map(|(item, ())| item)
    }
}

impl<T: Ord> FromIterator<T> for OrderedSet<T> {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        Self(items.into_iter().map(|item| (item, ())).collect())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_set_holds_each_item_once() {
        let items = [5, 3, 5, 9, 1];
        let (mut set, mut model): (OrderedSet<_>, BTreeSet<_>) =
            (items.into_iter().collect(), items.into_iter().collect());
        assert!(set.insert(4) && model.insert(4));
        assert!(!set.insert(9));
        assert!(set.remove(&3) && model.remove(&3));
        assert!(!set.remove(&3));
        assert!(set.iter().eq(model.iter()) && set.range(2..=5).eq(model.range(2..=5)));
        assert_eq!((set.len(), set.is_empty()), (model.len(), false));
        assert!(set.contains(&5) && !set.contains(&3));
    }
}

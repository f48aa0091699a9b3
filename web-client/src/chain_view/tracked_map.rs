//! A map of items that the page shows by their hash. It is stored over a reload, and records
//! changes.
//!
//! Items are stored in postcard, which the peer protocol uses already, and shown as JSON. No code
//! here parses JSON.

use plexus_core::primitives::collections::ordered_map::OrderedSet;
use plexus_core::primitives::hash::Hash;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::browser::database::{DatabaseEntry, Write};

/// An item with one form for the store and another for the page.
pub(crate) trait Item: Serialize + DeserializeOwned {
    /// Returns its JSON for the page.
    fn json(&self, network: &Hash) -> String;
}

/// Items by hash. The owner must bound it to some thousand, because lookups are linear.
#[derive(Debug)]
pub(crate) struct TrackedMap<T> {
    items: Vec<(Hash, T)>,
    changed: OrderedSet<Hash>,
}

/// A change of one item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ItemChange {
    /// Its hash.
    pub(crate) hash: Hash,
    /// Its new JSON and stored bytes, or `None` if it was removed.
    pub(crate) now: Option<(String, Vec<u8>)>,
}

impl ItemChange {
    /// Returns the write that stores the change.
    pub(crate) fn write(self, prefix: &str) -> Write {
        let key = format!("{prefix}{}", self.hash);
        match self.now {
            Some((_, stored)) => Write::Put(key, stored),
            None => Write::drop(&key),
        }
    }
}

impl<T> Default for TrackedMap<T> {
    fn default() -> Self {
        Self { items: Vec::new(), changed: OrderedSet::default() }
    }
}

impl<T: Item> TrackedMap<T> {
    /// Loads the stored items that can be read. All count as changed, so that they are shown.
    pub(crate) fn load(entries: &[DatabaseEntry], prefix: &str) -> Self {
        let mut map = Self::default();
        for entry in entries {
            let hash = entry.key.strip_prefix(prefix).and_then(|hash| hash.parse().ok());
            if let (Some(hash), Ok(item)) = (hash, postcard::from_bytes(&entry.value)) {
                map.put(hash, item);
            }
        }
        map
    }

    /// Returns the number of items.
    pub(crate) fn len(&self) -> usize {
        self.items.len()
    }

    /// Returns all items.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Hash, &T)> {
        self.items.iter().map(|(hash, item)| (hash, item))
    }

    fn position(&self, hash: &Hash) -> Option<usize> {
        self.items.iter().position(|(held, _)| held == hash)
    }

    /// Returns one item.
    pub(crate) fn find(&self, hash: &Hash) -> Option<&T> {
        self.position(hash).map(|at| &self.items[at].1)
    }

    /// Adds or replaces an item.
    pub(crate) fn put(&mut self, hash: Hash, item: T) {
        match self.position(&hash) {
            Some(at) => self.items[at].1 = item,
            None => self.items.push((hash, item)),
        }
        self.changed.insert(hash);
    }

    /// Changes an item, if it exists.
    pub(crate) fn change(&mut self, hash: &Hash, change: impl FnOnce(&mut T)) {
        if let Some(at) = self.position(hash) {
            change(&mut self.items[at].1);
            self.changed.insert(*hash);
        }
    }

    /// Removes an item.
    pub(crate) fn remove(&mut self, hash: &Hash) {
        if let Some(at) = self.position(hash) {
            self.items.swap_remove(at);
            self.changed.insert(*hash);
        }
    }

    /// Returns the changes since the last call.
    pub(crate) fn take_changed(&mut self, network: &Hash) -> Vec<ItemChange> {
        let changed = core::mem::take(&mut self.changed);
        let now = |hash: &Hash| {
            let item = self.find(hash)?;
            Some((item.json(network), postcard::to_allocvec(item).ok()?))
        };
        changed.iter().map(|hash| ItemChange { hash: *hash, now: now(hash) }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Item for String {
        fn json(&self, _: &Hash) -> String {
            format!("\"{self}\"")
        }
    }

    #[test]
    fn a_board_tells_what_changed_once_and_comes_back_from_its_store() {
        let (one, two) = (Hash::of(b"1"), Hash::of(b"2"));
        let mut map = TrackedMap::default();
        map.put(one, "one".to_owned());
        map.put(two, "two".to_owned());
        assert_eq!(map.take_changed(&Hash::ZERO).len(), 2);
        assert!(map.take_changed(&Hash::ZERO).is_empty());
        map.change(&one, |text| text.push('!'));
        map.remove(&two);
        let changed = map.take_changed(&Hash::ZERO);
        let now = |hash| changed.iter().find(|changed| changed.hash == hash).unwrap().clone();
        assert_eq!(now(one).now.unwrap().0, "\"one!\"");
        assert_eq!(now(two).now, None);
        let Write::Put(key, value) = now(one).write("feed/") else { panic!("not kept") };
        let damaged = DatabaseEntry { key: format!("feed/{two}"), value: vec![200] };
        let again: TrackedMap<String> = TrackedMap::load(&[DatabaseEntry { key, value }, damaged], "feed/");
        assert_eq!(again.find(&one).map(String::as_str), Some("one!"));
        assert_eq!(again.len(), 1);
    }
}

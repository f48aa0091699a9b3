//! A board: things that the page shows by their hash, stored as JSON, with a note of what changed.

use std::collections::{BTreeMap, BTreeSet};

use plexus_core::hash::Hash;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::database::{Entry, Write};

/// Things by hash. Whoever fills it keeps it bounded.
#[derive(Debug)]
pub(crate) struct Board<T> {
    items: BTreeMap<Hash, T>,
    changed: BTreeSet<Hash>,
}

/// What became of one thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Changed {
    /// Its hash.
    pub(crate) hash: Hash,
    /// What it is now, as JSON; none: it is gone.
    pub(crate) json: Option<String>,
}

impl Changed {
    /// What keeps this over a reload.
    pub(crate) fn write(&self, prefix: &str) -> Write {
        let key = format!("{prefix}{}", self.hash);
        match &self.json {
            Some(json) => Write::Put(key, json.clone().into_bytes()),
            None => Write::drop(&key),
        }
    }
}

impl<T> Default for Board<T> {
    fn default() -> Self {
        Self { items: BTreeMap::new(), changed: BTreeSet::new() }
    }
}

impl<T: Serialize + DeserializeOwned> Board<T> {
    /// What was stored, as far as it can be read; all of it counts as changed, so that it is shown.
    pub(crate) fn load(entries: &[Entry], prefix: &str) -> Self {
        let read = |entry: &Entry| {
            let hash: Hash = entry.key.strip_prefix(prefix)?.parse().ok()?;
            Some((hash, serde_json::from_slice(&entry.value).ok()?))
        };
        let items: BTreeMap<_, _> = entries.iter().filter_map(read).collect();
        Self { changed: items.keys().copied().collect(), items }
    }

    /// How many things there are.
    pub(crate) fn len(&self) -> usize {
        self.items.len()
    }

    /// All of them, by hash.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Hash, &T)> {
        self.items.iter()
    }

    /// One of them.
    pub(crate) fn find(&self, hash: &Hash) -> Option<&T> {
        self.items.get(hash)
    }

    /// Adds or replaces one.
    pub(crate) fn put(&mut self, hash: Hash, item: T) {
        self.items.insert(hash, item);
        self.changed.insert(hash);
    }

    /// Changes one, if it is there.
    pub(crate) fn change(&mut self, hash: &Hash, change: impl FnOnce(&mut T)) {
        if let Some(item) = self.items.get_mut(hash) {
            change(item);
            self.changed.insert(*hash);
        }
    }

    /// Takes one off.
    pub(crate) fn remove(&mut self, hash: &Hash) {
        if self.items.remove(hash).is_some() {
            self.changed.insert(*hash);
        }
    }

    /// What changed since it was last asked.
    pub(crate) fn take_changed(&mut self) -> Vec<Changed> {
        let changed = core::mem::take(&mut self.changed);
        let json = |hash: &Hash| serde_json::to_string(self.items.get(hash)?).ok();
        changed.into_iter().map(|hash| Changed { hash, json: json(&hash) }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_board_tells_what_changed_once_and_comes_back_from_its_store() {
        let (one, two) = (Hash::of(b"1"), Hash::of(b"2"));
        let mut board = Board::default();
        board.put(one, "one".to_owned());
        board.put(two, "two".to_owned());
        let stored: Vec<_> = board.take_changed();
        assert_eq!(stored.len(), 2);
        assert!(board.take_changed().is_empty());
        board.change(&one, |text| text.push('!'));
        board.remove(&two);
        let changed = board.take_changed();
        let now = |hash| changed.iter().find(|changed| changed.hash == hash).unwrap();
        assert_eq!(now(one).json.as_deref(), Some("\"one!\""));
        assert_eq!(now(two).json, None);
        let Write::Put(key, value) = now(one).write("feed/") else { panic!("not kept") };
        let damaged = Entry { key: format!("feed/{two}"), value: b"{".to_vec() };
        let again: Board<String> = Board::load(&[Entry { key, value }, damaged], "feed/");
        assert_eq!(again.find(&one).map(String::as_str), Some("one!"));
        assert_eq!(again.len(), 1);
    }
}

//! A board: things that the page shows by their hash, kept over a reload, with a note of what changed.
//!
//! They are stored in postcard, which peers speak already, and shown as JSON: nothing here reads JSON.

use plexus_core::hash::Hash;
use plexus_core::ordered::OrderedSet;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::database::{Entry, Write};

/// A thing that is kept in one form and shown in another.
pub(crate) trait Item: Serialize + DeserializeOwned {
    /// Its JSON, as the page shows it.
    fn json(&self, network: &Hash) -> String;
}

/// Things by hash. Whoever fills it keeps it bounded, to some thousand: it is searched from end to end.
#[derive(Debug)]
pub(crate) struct Board<T> {
    items: Vec<(Hash, T)>,
    changed: OrderedSet<Hash>,
}

/// What became of one thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Changed {
    /// Its hash.
    pub(crate) hash: Hash,
    /// What it is now, as JSON and as it is stored; none: it is gone.
    pub(crate) now: Option<(String, Vec<u8>)>,
}

impl Changed {
    /// What keeps this over a reload.
    pub(crate) fn write(self, prefix: &str) -> Write {
        let key = format!("{prefix}{}", self.hash);
        match self.now {
            Some((_, stored)) => Write::Put(key, stored),
            None => Write::drop(&key),
        }
    }
}

impl<T> Default for Board<T> {
    fn default() -> Self {
        Self { items: Vec::new(), changed: OrderedSet::default() }
    }
}

impl<T: Item> Board<T> {
    /// What was stored, as far as it can be read; all of it counts as changed, so that it is shown.
    pub(crate) fn load(entries: &[Entry], prefix: &str) -> Self {
        let mut board = Self::default();
        for entry in entries {
            let hash = entry.key.strip_prefix(prefix).and_then(|hash| hash.parse().ok());
            if let (Some(hash), Ok(item)) = (hash, postcard::from_bytes(&entry.value)) {
                board.put(hash, item);
            }
        }
        board
    }

    /// How many things there are.
    pub(crate) fn len(&self) -> usize {
        self.items.len()
    }

    /// All of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Hash, &T)> {
        self.items.iter().map(|(hash, item)| (hash, item))
    }

    fn position(&self, hash: &Hash) -> Option<usize> {
        self.items.iter().position(|(held, _)| held == hash)
    }

    /// One of them.
    pub(crate) fn find(&self, hash: &Hash) -> Option<&T> {
        self.position(hash).map(|at| &self.items[at].1)
    }

    /// Adds or replaces one.
    pub(crate) fn put(&mut self, hash: Hash, item: T) {
        match self.position(&hash) {
            Some(at) => self.items[at].1 = item,
            None => self.items.push((hash, item)),
        }
        self.changed.insert(hash);
    }

    /// Changes one, if it is there.
    pub(crate) fn change(&mut self, hash: &Hash, change: impl FnOnce(&mut T)) {
        if let Some(at) = self.position(hash) {
            change(&mut self.items[at].1);
            self.changed.insert(*hash);
        }
    }

    /// Takes one off.
    pub(crate) fn remove(&mut self, hash: &Hash) {
        if let Some(at) = self.position(hash) {
            self.items.swap_remove(at);
            self.changed.insert(*hash);
        }
    }

    /// What changed since it was last asked.
    pub(crate) fn take_changed(&mut self, network: &Hash) -> Vec<Changed> {
        let changed = core::mem::take(&mut self.changed);
        let now = |hash: &Hash| {
            let item = self.find(hash)?;
            Some((item.json(network), postcard::to_allocvec(item).ok()?))
        };
        changed.iter().map(|hash| Changed { hash: *hash, now: now(hash) }).collect()
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
        let mut board = Board::default();
        board.put(one, "one".to_owned());
        board.put(two, "two".to_owned());
        assert_eq!(board.take_changed(&Hash::ZERO).len(), 2);
        assert!(board.take_changed(&Hash::ZERO).is_empty());
        board.change(&one, |text| text.push('!'));
        board.remove(&two);
        let changed = board.take_changed(&Hash::ZERO);
        let now = |hash| changed.iter().find(|changed| changed.hash == hash).unwrap().clone();
        assert_eq!(now(one).now.unwrap().0, "\"one!\"");
        assert_eq!(now(two).now, None);
        let Write::Put(key, value) = now(one).write("feed/") else { panic!("not kept") };
        let damaged = Entry { key: format!("feed/{two}"), value: vec![200] };
        let again: Board<String> = Board::load(&[Entry { key, value }, damaged], "feed/");
        assert_eq!(again.find(&one).map(String::as_str), Some("one!"));
        assert_eq!(again.len(), 1);
    }
}

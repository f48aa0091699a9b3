//! Shared bytes: thousands of nodes keep the same blocks, and memory keeps them once.
//!
//! Bounded: when [`ITEMS_MAX`] are known, the elder half is forgotten; whoever has them keeps them.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::hash::Hash;

/// The items that are known.
const ITEMS_MAX: usize = 1_024;

/// The newest items.
#[derive(Debug, Default)]
pub(super) struct Shared {
    young: BTreeMap<Hash, Bytes>,
    old: BTreeMap<Hash, Bytes>,
}

impl Shared {
    /// The same bytes as everybody else has under this key, if they are the same.
    pub(super) fn share(&mut self, key: Hash, bytes: Bytes) -> Bytes {
        let known = self.young.get(&key).or_else(|| self.old.get(&key));
        if let Some(known) = known.filter(|known| **known == bytes) {
            return known.clone();
        }
        if self.young.len() == ITEMS_MAX / 2 {
            self.old = core::mem::take(&mut self.young);
        }
        self.young.insert(key, bytes.clone());
        bytes
    }
}

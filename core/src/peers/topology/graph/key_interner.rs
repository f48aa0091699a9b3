//! Small numbers in place of keys.

use core::mem::size_of;

use crate::peers::topology::graph::grow;
use crate::primitives::key::PublicKey;

/// Our own number among a graph's nodes.
pub(super) const OWN: u32 = 0;

/// A key that has links in the graph.
#[derive(Clone, Debug)]
pub(super) struct GraphKey {
    pub(super) key: PublicKey,
    /// The number of its links, including the revoked ones.
    pub(super) links: u32,
}

/// The keys that have links, and ours, each with its number.
#[derive(Clone, Debug)]
pub(super) struct KeyInterner {
    /// By number. The number of a node that lost its last link is free for another key.
    pub(super) nodes: Vec<GraphKey>,
    pub(super) free: Vec<u32>,
    /// The nodes in use, in the order of their keys. Each comes with the first bytes of its key,
    /// which mostly decide the order.
    pub(super) by_key: Vec<(u32, u32)>,
}

impl KeyInterner {
    pub(super) fn new(own: PublicKey) -> Self {
        Self {
            nodes: vec![GraphKey { key: own, links: 0 }],
            free: Vec::new(),
            by_key: vec![(prefix(&own), OWN)],
        }
    }

    pub(super) fn key(&self, number: u32) -> PublicKey {
        self.nodes[number as usize].key
    }

    /// Returns the number of a key, if it has one.
    pub(super) fn number(&self, key: &PublicKey) -> Option<u32> {
        self.position(key).ok().map(|position| self.by_key[position].1)
    }

    fn position(&self, key: &PublicKey) -> Result<usize, usize> {
        let wanted = prefix(key);
        self.by_key.binary_search_by(|(prefix, node)| {
            prefix.cmp(&wanted).then_with(|| self.nodes[*node as usize].key.cmp(key))
        })
    }

    /// Returns the number of a key, and true if the key is new.
    pub(super) fn intern(&mut self, key: PublicKey) -> (u32, bool) {
        let position = match self.position(&key) {
            Ok(position) => return (self.by_key[position].1, false),
            Err(position) => position,
        };
        let node = GraphKey { key, links: 0 };
        let number = if let Some(number) = self.free.pop() {
            self.nodes[number as usize] = node;
            number
        } else {
            grow(&mut self.nodes);
            self.nodes.push(node);
            u32::try_from(self.nodes.len() - 1).expect("nodes are at most two a link")
        };
        grow(&mut self.by_key);
        self.by_key.insert(position, (prefix(&key), number));
        (number, true)
    }

    /// Counts a link's ends.
    pub(super) fn linked(&mut self, ends: [u32; 2]) {
        ends.iter().for_each(|node| self.nodes[*node as usize].links += 1);
    }

    /// Discounts a dropped link's ends. Drops each end that has no other link.
    pub(super) fn unlinked(&mut self, ends: [u32; 2]) {
        for node in ends {
            self.nodes[node as usize].links -= 1;
            if self.nodes[node as usize].links == 0 && node != OWN {
                if let Ok(position) = self.position(&self.key(node)) {
                    self.by_key.remove(position);
                }
                self.free.push(node);
            }
        }
    }

    /// Returns two numbers in the order of their keys, as links name them.
    pub(super) fn ordered(&self, a: u32, b: u32) -> [u32; 2] {
        if self.nodes[a as usize].key < self.nodes[b as usize].key { [a, b] } else { [b, a] }
    }

    /// Returns the approximate number of bytes of memory that it takes beside itself.
    pub(super) fn size_bytes(&self) -> usize {
        self.nodes.capacity() * size_of::<GraphKey>()
            + self.free.capacity() * size_of::<u32>()
            + self.by_key.capacity() * size_of::<(u32, u32)>()
    }
}

/// Returns the first bytes of a key as a number that orders keys like the keys themselves.
fn prefix(key: &PublicKey) -> u32 {
    let [a, b, c, d, ..] = *key.as_bytes();
    u32::from_be_bytes([a, b, c, d])
}

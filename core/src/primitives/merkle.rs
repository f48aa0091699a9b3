//! The Merkle tree of a block's messages: its root, and the path that proves one message.
//!
//! Specified in PROTOCOL.md, "Block: Messages root".
//!
//! An odd node is carried up and never doubled, so no two lists of messages share a root (the
//! weakness of CVE-2012-2459). Leaves and inner nodes are hashed under different tags.

use crate::primitives::hash::{Hash, Tag, tagged};

/// Returns the leaf of a message's full bytes.
pub fn leaf(bytes: &[u8]) -> Hash {
    tagged(Tag::Leaf, &[bytes])
}

fn node(left: &Hash, right: &Hash) -> Hash {
    tagged(Tag::Node, &[left.as_bytes(), right.as_bytes()])
}

fn level_above(level: &[Hash]) -> Vec<Hash> {
    level.chunks(2).map(|pair| pair.get(1).map_or(pair[0], |right| node(&pair[0], right))).collect()
}

/// Returns the root over `leaves`, in their order. It is 32 zero bytes for an empty list.
///
/// ```
/// use plexus_core::Hash;
/// use plexus_core::primitives::merkle::{leaf, root};
///
/// let [a, b, c] = [leaf(b"a"), leaf(b"b"), leaf(b"c")];
/// assert_eq!(root(&[]), Hash::ZERO);
/// assert_ne!(root(&[a, b]), root(&[b, a]), "the order counts");
/// assert_ne!(root(&[a, b, c]), root(&[a, b, c, c]), "an odd leaf is not doubled");
/// ```
pub fn root(leaves: &[Hash]) -> Hash {
    let mut level = leaves.to_vec();
    while level.len() > 1 {
        level = level_above(&level);
    }
    level.first().copied().unwrap_or(Hash::ZERO)
}

/// Returns the siblings of the leaf at `index` from the bottom up. The list is empty for an index
/// outside the tree.
///
/// ```
/// use plexus_core::primitives::merkle::{leaf, path, siblings};
///
/// let leaves = [leaf(b"a"), leaf(b"b"), leaf(b"c")];
/// assert_eq!(path(&leaves, 0), [leaves[1], leaves[2]]);
/// assert_eq!(path(&leaves, 2).len(), siblings(2, leaves.len()));
/// assert!(path(&leaves, 3).is_empty(), "there is no such leaf");
/// ```
pub fn path(leaves: &[Hash], index: usize) -> Vec<Hash> {
    let (mut level, mut index, mut siblings) = (leaves.to_vec(), index, Vec::new());
    if index >= leaves.len() {
        return siblings;
    }
    while level.len() > 1 {
        siblings.extend(level.get(index ^ 1));
        level = level_above(&level);
        index /= 2;
    }
    siblings
}

/// Returns the number of siblings of the leaf at `index` of `count`, or 0 outside the tree.
pub fn siblings(index: usize, count: usize) -> usize {
    if index >= count {
        return 0;
    }
    let (mut index, mut width, mut siblings) = (index, count, 0);
    while width > 1 {
        siblings += usize::from(index ^ 1 < width);
        index /= 2;
        width = width.div_ceil(2);
    }
    siblings
}

/// Returns the root that follows from `leaf` at `index` of `count` leaves and its `siblings`.
/// Returns `None` if their number does not fit.
///
/// ```
/// use plexus_core::primitives::merkle::{climb, leaf, path, root};
///
/// let leaves = [leaf(b"a"), leaf(b"b"), leaf(b"c")];
/// let path = path(&leaves, 1);
/// assert_eq!(climb(leaves[1], 1, 3, &path), Some(root(&leaves)));
/// assert_ne!(climb(leaf(b"x"), 1, 3, &path), Some(root(&leaves)));
/// assert_eq!(climb(leaves[1], 1, 3, &path[1..]), None, "a sibling is missing");
/// ```
pub fn climb(leaf: Hash, index: usize, count: usize, siblings: &[Hash]) -> Option<Hash> {
    if index >= count {
        return None;
    }
    let (mut hash, mut index, mut width, mut siblings) = (leaf, index, count, siblings.iter());
    while width > 1 {
        if index ^ 1 < width {
            let sibling = siblings.next()?;
            hash = if index % 2 == 0 { node(&hash, sibling) } else { node(sibling, &hash) };
        }
        index /= 2;
        width = width.div_ceil(2);
    }
    siblings.next().is_none().then_some(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaves(count: u32) -> Vec<Hash> {
        (0..count).map(|number| leaf(&number.to_be_bytes())).collect()
    }

    #[test]
    fn no_messages_have_the_zero_root() {
        assert_eq!(root(&[]), Hash::ZERO);
        assert_eq!(root(&leaves(1)), leaves(1)[0]);
    }

    #[test]
    fn an_odd_node_is_carried_up() {
        let l = leaves(3);
        assert_eq!(root(&l), node(&node(&l[0], &l[1]), &l[2]));
        assert_ne!(root(&l), root(&[l[0], l[1], l[2], l[2]]));
    }

    #[test]
    fn every_path_climbs_to_the_root_and_no_other() {
        for count in 1..40 {
            let leaves = leaves(count);
            let root = root(&leaves);
            for (index, &leaf) in leaves.iter().enumerate() {
                let mut path = path(&leaves, index);
                assert_eq!(siblings(index, leaves.len()), path.len());
                assert_eq!(climb(leaf, index, leaves.len(), &path), Some(root));
                assert_ne!(climb(Hash::ZERO, index, leaves.len(), &path), Some(root));
                path.push(Hash::ZERO);
                assert_eq!(climb(leaf, index, leaves.len(), &path), None);
                path.truncate(path.len().saturating_sub(2));
                if leaves.len() > 1 {
                    assert_eq!(climb(leaf, index, leaves.len(), &path), None);
                }
            }
        }
    }
}

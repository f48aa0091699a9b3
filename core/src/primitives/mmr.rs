//! The Merkle mountain range (MMR): one hash that commits to every earlier header and to the work
//! between any two of them.
//!
//! Specified in PROTOCOL.md, "Block: History root".
//!
//! Its nodes carry sums of work, as FlyClient ([eprint 2019/226](https://eprint.iacr.org/2019/226))
//! requires. A [`Mmr`] holds only the peaks, as a list that shares its tail with earlier
//! histories. So appending and cloning take constant time on average, and keeping the history after
//! each of many headers costs one peak each. A history of n headers has at most 64 peaks, for any
//! n.

use std::sync::Arc;

use crate::primitives::encoding::{DecodeError, Reader};
use crate::primitives::hash::{Hash, Tag, tagged};
use crate::primitives::pow::{Bits, Work};
use crate::primitives::time::Timestamp;

/// An encoded record's size in bytes.
pub const RECORD_BYTES: usize = 60;

/// An MMR node: a summary of the headers below it.
///
/// ```
/// use plexus_core::Network;
/// use plexus_core::primitives::encoding::Reader;
/// use plexus_core::primitives::mmr::MmrNode;
///
/// let (plexus, dev) = (Network::plexus(), Network::dev());
/// let [left, right] = [&plexus, &dev].map(|network| network.genesis().record(*network.id()));
/// let parent = MmrNode::parent(&left, &right);
/// assert_eq!(parent.work, left.work.plus(right.work));
/// assert_eq!(parent.bits, right.bits, "it ends with the last header");
/// assert_eq!(MmrNode::read(&mut Reader::new(&parent.encode())), Ok(parent));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MmrNode {
    /// A leaf's header hash, or the hash of a parent's two children.
    pub hash: Hash,
    /// The sum of the headers' work.
    pub work: Work,
    /// The last header's time.
    pub time: Timestamp,
    /// The last header's bits.
    pub bits: Bits,
}

impl MmrNode {
    /// Returns its encoding: hash ‖ work ‖ time ‖ bits.
    pub fn encode(&self) -> [u8; RECORD_BYTES] {
        let mut out = [0; RECORD_BYTES];
        out[..32].copy_from_slice(self.hash.as_bytes());
        out[32..48].copy_from_slice(&self.work.hashes().to_be_bytes());
        out[48..56].copy_from_slice(&self.time.unix_ms().to_be_bytes());
        out[56..].copy_from_slice(&self.bits.to_u32().to_be_bytes());
        out
    }

    /// Reads one record.
    ///
    /// # Errors
    /// Too few bytes.
    pub fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            hash: Hash::from_bytes(reader.array("record hash")?),
            work: Work::from_hashes(reader.u128("record work")?),
            time: Timestamp::from_unix_ms(reader.u64("record time")?),
            bits: Bits::from_u32(reader.u32("record bits")?),
        })
    }

    /// Returns the parent of two neighbours.
    pub fn parent(left: &Self, right: &Self) -> Self {
        Self {
            hash: tagged(Tag::History, &[&left.encode(), &right.encode()]),
            work: left.work.plus(right.work),
            time: right.time,
            bits: right.bits,
        }
    }
}

#[derive(Debug)]
struct Peak {
    /// 0 for a leaf. A peak of level k covers 2^k headers.
    level: u32,
    record: MmrNode,
    left: Option<Arc<Self>>,
}

/// The peaks over the first `leaves` headers of a branch.
///
/// ```
/// use plexus_core::primitives::mmr::Mmr;
/// use plexus_core::{Hash, Network};
///
/// let network = Network::dev();
/// let leaf = network.genesis().record(*network.id());
/// let history = (0..5).fold(Mmr::default(), |history, _| history.append(leaf));
/// // Five headers are covered by peaks over four and over one.
/// assert_eq!((history.leaves(), history.peaks().len()), (5, 2));
/// assert_eq!(Mmr::decode(&history.encode()), Ok(history));
/// assert_eq!(Mmr::default().root(), Hash::ZERO);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Mmr {
    leaves: u64,
    work: Work,
    rightmost: Option<Arc<Peak>>,
}

impl Mmr {
    /// Returns the number of headers that it covers.
    pub fn leaves(&self) -> u64 {
        self.leaves
    }

    /// Returns the sum of their work.
    pub fn work(&self) -> Work {
        self.work
    }

    /// Returns the history with one more header.
    #[must_use]
    pub fn append(&self, leaf: MmrNode) -> Self {
        self.join(0, 1, leaf)
    }

    /// Returns the history with the 2^`level` further headers that an MMR node covers. Returns
    /// `None` if the MMR has no such node, or would have more headers than a u64 counts.
    #[must_use]
    pub fn append_node(&self, level: u32, node: MmrNode) -> Option<Self> {
        let added = 1u64.checked_shl(level)?;
        let fits = self.leaves.is_multiple_of(added) && self.leaves.checked_add(added).is_some();
        fits.then(|| self.join(level, added, node))
    }

    fn join(&self, level: u32, added: u64, node: MmrNode) -> Self {
        let (mut level, mut record, mut left) = (level, node, self.rightmost.clone());
        while let Some(peak) = left.as_ref().filter(|peak| peak.level == level) {
            record = MmrNode::parent(&peak.record, &record);
            level += 1;
            left = peak.left.clone();
        }
        let rightmost = Some(Arc::new(Peak { level, record, left }));
        Self { leaves: self.leaves + added, work: self.work.plus(node.work), rightmost }
    }

    fn peaks_from_right(&self) -> impl Iterator<Item = &MmrNode> {
        core::iter::successors(self.rightmost.as_deref(), |peak| peak.left.as_deref())
            .map(|peak| &peak.record)
    }

    /// Returns the peaks from left to right, the highest first.
    pub fn peaks(&self) -> Vec<MmrNode> {
        let mut peaks: Vec<_> = self.peaks_from_right().copied().collect();
        peaks.reverse();
        peaks
    }

    /// Returns the peak over the header at `height`, with its level. Returns `None` above the last
    /// header.
    pub fn peak_over(&self, height: u64) -> Option<(u32, MmrNode)> {
        let position = peak_over(self.leaves, height)?;
        let mut at = self.rightmost.as_deref();
        while let Some(peak) = at.filter(|peak| peak.level < position.level) {
            at = peak.left.as_deref();
        }
        at.map(|peak| (peak.level, peak.record))
    }

    /// Returns the history of the headers below `height`. It follows from the peaks on the left and
    /// the siblings that are on the left. Returns `None` if the number of `siblings` does not match
    /// the header at `height`.
    #[must_use]
    pub fn below(&self, height: u64, siblings: &[MmrNode]) -> Option<Self> {
        let position = peak_over(self.leaves, height)?;
        if usize::try_from(position.level).ok()? != siblings.len() {
            return None;
        }
        let left = levels(self.leaves).zip(self.peaks()).take_while(|(level, _)| *level > position.level);
        let inside = (0..position.level).zip(siblings.iter().copied()).rev();
        let inside = inside.filter(|(level, _)| height >> level & 1 == 1);
        left.chain(inside)
            .try_fold(Self::default(), |history, (level, node)| history.append_node(level, node))
    }

    /// Returns the root that the next header commits to. It is 32 zero bytes if no header is
    /// covered.
    pub fn root(&self) -> Hash {
        let bagged = self.peaks_from_right().copied().reduce(|right, left| MmrNode::parent(&left, &right));
        bagged.map_or(Hash::ZERO, |bagged| root_of(self.leaves, &bagged))
    }

    /// Returns its encoding: u64 number of leaves ‖ the peaks' records from left to right. It has
    /// at most 8 + 64 × 60 bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = self.leaves.to_be_bytes().to_vec();
        for peak in self.peaks() {
            out.extend_from_slice(&peak.encode());
        }
        out
    }

    /// Reads an encoded history.
    ///
    /// # Errors
    /// The bytes are not the number of leaves and exactly its peaks.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        let leaves = reader.u64("history leaves")?;
        let (mut work, mut rightmost) = (Work::ZERO, None);
        for level in levels(leaves) {
            let record = MmrNode::read(&mut reader)?;
            work = work.plus(record.work);
            rightmost = Some(Arc::new(Peak { level, record, left: rightmost }));
        }
        reader.end()?;
        Ok(Self { leaves, work, rightmost })
    }
}

impl PartialEq for Mmr {
    fn eq(&self, other: &Self) -> bool {
        self.leaves == other.leaves && self.peaks_from_right().eq(other.peaks_from_right())
    }
}

impl Eq for Mmr {}

fn root_of(leaves: u64, bagged: &MmrNode) -> Hash {
    tagged(Tag::Root, &[&leaves.to_be_bytes(), &bagged.encode()])
}

/// Returns the levels of the peaks over `leaves` headers, from left to right.
fn levels(leaves: u64) -> impl Iterator<Item = u32> {
    (0..u64::BITS).rev().filter(move |level| leaves >> level & 1 == 1)
}

/// Returns the position of the peak over a leaf.
fn peak_over(leaves: u64, leaf: u64) -> Option<Position> {
    // Two leaves are below the same peak if their numbers agree down to the peak's bit, which is
    // set in the number of leaves.
    let differ = (leaf < leaves).then(|| (leaf ^ leaves).ilog2())?;
    Some(Position { level: differ, index: leaf >> differ })
}

/// Returns the positions of a leaf's siblings, from the bottom up to its peak. There are none above
/// the last leaf.
pub fn siblings(leaves: u64, leaf: u64) -> impl Iterator<Item = Position> {
    let level = peak_over(leaves, leaf).map_or(0, |peak| peak.level);
    (0..level).map(move |level| Position { level, index: (leaf >> level) ^ 1 })
}

/// Returns the node that follows from the leaf at a height and its siblings.
pub fn climb(leaf: &MmrNode, height: u64, siblings: &[MmrNode]) -> MmrNode {
    (0u32..).zip(siblings).fold(*leaf, |record, (below, sibling)| {
        let is_left = height.checked_shr(below).unwrap_or(0) & 1 == 0;
        if is_left { MmrNode::parent(&record, sibling) } else { MmrNode::parent(sibling, &record) }
    })
}

/// The position of an MMR node, which covers the leaves `index << level` to `(index + 1 << level) -
/// 1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// 0 for leaves.
    pub level: u32,
    /// Its number within its level, from the left.
    pub index: u64,
}

/// Proves that a record is the leaf at a position below a root.
///
/// ```
/// use plexus_core::Network;
/// use plexus_core::primitives::mmr::{InclusionProof, Mmr, MmrNode};
///
/// let network = Network::dev();
/// let leaf = |height: u128| {
///     let work = plexus_core::primitives::pow::Work::from_hashes(height);
///     MmrNode { work, ..network.genesis().record(*network.id()) }
/// };
/// let history = (0..3).fold(Mmr::default(), |history, height| history.append(leaf(height)));
/// // Below three leaves lie a pair and a single one.
/// let proof =
///     InclusionProof { leaves: 3, height: 1, siblings: vec![leaf(0)], peaks: vec![leaf(2)] };
/// assert_eq!(proof.root(&leaf(1)), Some(history.root()));
/// assert_ne!(proof.root(&leaf(9)), Some(history.root()));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InclusionProof {
    /// The number of headers that the root covers.
    pub leaves: u64,
    /// The height of the header.
    pub height: u64,
    /// The siblings from the leaf up to its peak.
    pub siblings: Vec<MmrNode>,
    /// The other peaks, from left to right.
    pub peaks: Vec<MmrNode>,
}

impl InclusionProof {
    /// Gathers the proof for the header at `height` among `leaves`. `node` looks up MMR nodes.
    ///
    /// Returns `None` if `height` is not covered or `node` lacks a node.
    pub fn gather(
        leaves: u64,
        height: u64,
        mut node: impl FnMut(Position) -> Option<MmrNode>,
    ) -> Option<Self> {
        if height >= leaves {
            return None;
        }
        let (mut siblings, mut peaks, mut start) = (Vec::new(), Vec::new(), 0);
        for level in levels(leaves) {
            let covered = start..start + (1 << level);
            if covered.contains(&height) {
                for position in self::siblings(leaves, height) {
                    siblings.push(node(position)?);
                }
            } else {
                peaks.push(node(Position { level, index: start >> level })?);
            }
            start = covered.end;
        }
        Some(Self { leaves, height, siblings, peaks })
    }

    /// Returns the root that follows if `leaf` is at the proof's position. Returns `None` if the
    /// proof has the wrong number of parts.
    pub fn root(&self, leaf: &MmrNode) -> Option<Hash> {
        let mut peaks = self.peaks.iter().copied();
        let (mut bagging, mut start, mut met) = (Vec::new(), 0, false);
        for level in levels(self.leaves) {
            let covered = start..start + (1 << level);
            start = covered.end;
            if !covered.contains(&self.height) {
                bagging.push(peaks.next()?);
                continue;
            }
            bagging.push(climb(leaf, self.height, &self.siblings));
            met = self.siblings.len() == usize::try_from(level).ok()?;
        }
        if !met || peaks.next().is_some() {
            return None;
        }
        let bagged = bagging.into_iter().rev().reduce(|right, left| MmrNode::parent(&left, &right))?;
        Some(root_of(self.leaves, &bagged))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn leaf(height: u64) -> MmrNode {
        MmrNode {
            hash: Hash::of(&height.to_be_bytes()),
            work: Work::from_hashes(u128::from(height)),
            time: Timestamp::from_unix_ms(1_000 + height),
            bits: Bits::from_u32(0x1e10_0000),
        }
    }

    fn history(leaves: u64) -> Mmr {
        (0..leaves).fold(Mmr::default(), |history, height| history.append(leaf(height)))
    }

    /// Returns the root by its slow definition: peaks by halving, bagged from the right.
    fn slow_root(leaves: &[MmrNode]) -> Hash {
        fn tree(leaves: &[MmrNode]) -> MmrNode {
            match leaves {
                [one] => *one,
                _ => {
                    let (left, right) = leaves.split_at(leaves.len() / 2);
                    MmrNode::parent(&tree(left), &tree(right))
                }
            }
        }
        fn bag(leaves: &[MmrNode]) -> MmrNode {
            let first = 1 << leaves.len().ilog2();
            let (mountain, rest) = leaves.split_at(first);
            if rest.is_empty() { tree(mountain) } else { MmrNode::parent(&tree(mountain), &bag(rest)) }
        }
        root_of(leaves.len() as u64, &bag(leaves))
    }

    #[test]
    fn the_root_is_the_definition() {
        assert_eq!(history(0).root(), Hash::ZERO);
        for count in 1..70 {
            let leaves: Vec<_> = (0..count).map(leaf).collect();
            assert_eq!(history(count).root(), slow_root(&leaves), "{count} leaves");
            assert_eq!(history(count).work(), Work::from_hashes((0..u128::from(count)).sum()));
        }
    }

    #[test]
    fn whole_subtrees_append_as_their_headers_do_and_only_where_they_fit() {
        for (start, level) in [(0, 0), (0, 5), (8, 3), (12, 2), (48, 4), (7, 0)] {
            let whole = history(start + (1 << level));
            let node = (start..start + (1 << level)).fold(Mmr::default(), |h, i| h.append(leaf(i)));
            let appended = history(start).append_node(level, node.peaks()[0]).unwrap();
            assert_eq!(appended, whole);
            assert_eq!((appended.work(), appended.root()), (whole.work(), whole.root()));
        }
        for (start, level) in [(1, 1), (12, 3), (2, 5), (0, 64)] {
            assert_eq!(history(start).append_node(level, leaf(0)), None);
        }
        let most = Mmr::default().append_node(63, leaf(0)).unwrap();
        assert_eq!(most.append_node(63, leaf(1)), None);
    }

    #[test]
    fn encoding_round_trips_and_no_prefix_decodes() {
        for count in [0, 1, 2, 3, 64, 65, 127] {
            let (history, bytes) = (history(count), history(count).encode());
            let again = Mmr::decode(&bytes).unwrap();
            assert_eq!(again, history);
            assert_eq!(again.work(), history.work());
            assert_eq!(again.append(leaf(count)).root(), history.append(leaf(count)).root());
            for end in 0..bytes.len() {
                assert!(Mmr::decode(&bytes[..end]).is_err());
            }
        }
    }

    #[test]
    fn every_leaf_is_proven_and_every_lie_is_not() {
        for count in 1..36 {
            let mut nodes: BTreeMap<Position, MmrNode> =
                (0..count).map(|index| (Position { level: 0, index }, leaf(index))).collect();
            for level in 0..6 {
                for index in 0..count >> (level + 1) {
                    let child = |side| nodes[&Position { level, index: 2 * index + side }];
                    let parent = MmrNode::parent(&child(0), &child(1));
                    nodes.insert(Position { level: level + 1, index }, parent);
                }
            }
            let root = history(count).root();
            for height in 0..count {
                let node = |position: Position| nodes.get(&position).copied();
                let proof = InclusionProof::gather(count, height, node).unwrap();
                assert_eq!(proof.root(&leaf(height)), Some(root));
                let forged = MmrNode { work: Work::from_hashes(99_999), ..leaf(height) };
                assert_ne!(proof.root(&forged), Some(root));
                let moved = InclusionProof { height: (height + 1) % count, ..proof.clone() };
                assert!(count == 1 || moved.root(&leaf(height)) != Some(root));
                let mut longer = proof.clone();
                longer.siblings.push(leaf(0));
                assert_eq!(longer.root(&leaf(height)), None);
                let whole = history(count);
                let (level, peak) = whole.peak_over(height).unwrap();
                assert_eq!(
                    (level as usize, peak),
                    (proof.siblings.len(), climb(&leaf(height), height, &proof.siblings))
                );
                assert_ne!(climb(&forged, height, &proof.siblings), peak);
                assert_eq!(whole.below(height, &proof.siblings), Some(history(height)));
                assert_eq!(whole.below(height, &longer.siblings), None);
            }
            assert_eq!(history(count).peak_over(count), None);
            assert_eq!((history(count).below(count, &[]), siblings(count, count).count()), (None, 0));
            assert_eq!(InclusionProof::gather(count, count, |_| None), None);
        }
    }
}

//! Reorganisations: the place where this page's chain was replaced by another, the number of undone
//! blocks, and both branches.
//!
//! A reorganisation is told once the node has caught up, so that both tips are known. All changes
//! until then, over several branches or in several answers, are one reorganisation.

use core::fmt::{self, Display, Formatter};

use plexus_core::primitives::encoding::{DecodeError, Reader};
use plexus_core::primitives::hash::Hash;
use plexus_core::primitives::pow::Work;
use plexus_core::primitives::time::Timestamp;

use crate::browser::database::{DatabaseEntry, Write};
use crate::chain_view::tracked_map::ItemChange;

/// The prefix of reorganisations in a network's part of the store.
pub(crate) const PREFIX: &str = "reorg/";
/// The name of the branch that was left by a node which has not caught up since.
const LEFT: &str = "left-branch";
/// The most reorganisations kept. Above that, the oldest is removed.
const REORGS_MAX: usize = 16;
/// The heights above the fork at which both branches are listed. Each tip's height is listed beside
/// them.
const HEIGHTS_MAX: u64 = 8;

/// The end of a branch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tip {
    pub(crate) height: u64,
    pub(crate) hash: Hash,
    pub(crate) total_work: Work,
}

impl Tip {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend(self.height.to_be_bytes());
        out.extend(self.hash.as_bytes());
        out.extend(self.total_work.hashes().to_be_bytes());
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let (height, hash) = (reader.u64("height")?, read_hash(reader)?);
        Ok(Self { height, hash, total_work: Work::from_hashes(reader.u128("work")?) })
    }
}

impl Display for Tip {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { height, hash, total_work } = self;
        write!(f, r#"{{"number_of_block":{height},"hash":"{hash}","total_work":"{total_work}"}}"#)
    }
}

/// The blocks of both branches at one height. The zero hash stands for a block that is missing or
/// not known.
#[derive(Clone, Debug, PartialEq, Eq)]
struct BranchPair {
    height: u64,
    undone: Hash,
    holds: Hash,
}

fn read_hash(reader: &mut Reader<'_>) -> Result<Hash, DecodeError> {
    reader.array("hash").map(Hash::from_bytes)
}

/// A hash in JSON.
struct Quoted(Hash);

impl Display for Quoted {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.0 == Hash::ZERO { f.write_str("null") } else { write!(f, "\"{}\"", self.0) }
    }
}

/// A reorganisation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reorg {
    /// The height of the last block that is known to be on both branches.
    fork: u64,
    /// Whether the branches are known to part right above `fork`.
    is_exact: bool,
    /// The number of blocks that are known to be undone.
    blocks: u64,
    undone: Tip,
    holds: Tip,
    seen_unix_ms: u64,
    pairs: Vec<BranchPair>,
}

impl Reorg {
    /// Returns its JSON for the page. It is identified by the tip that was undone.
    fn json(&self) -> String {
        let Self { fork, is_exact, blocks, undone, holds, seen_unix_ms, pairs } = self;
        let pair = |BranchPair { height, undone, holds }: &BranchPair| {
            let (undone, holds) = (Quoted(*undone), Quoted(*holds));
            format!(r#"{{"height":{height},"undone":{undone},"holds":{holds}}}"#)
        };
        let pairs = pairs.iter().map(pair).collect::<Vec<_>>().join(",");
        let hash = undone.hash;
        format!(
            r#"{{"hash":"{hash}","fork":{fork},"is_exact":{is_exact},"blocks":{blocks},"undone":{undone},"holds":{holds},"seen_unix_ms":{seen_unix_ms},"pairs":[{pairs}]}}"#
        )
    }

    fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for number in [self.fork, self.is_exact.into(), self.blocks, self.seen_unix_ms] {
            out.extend(number.to_be_bytes());
        }
        self.undone.encode(&mut out);
        self.holds.encode(&mut out);
        for BranchPair { height, undone, holds } in &self.pairs {
            out.extend(height.to_be_bytes());
            out.extend(undone.as_bytes());
            out.extend(holds.as_bytes());
        }
        out
    }

    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        let mut number = || reader.u64("number");
        let (fork, is_exact, blocks, seen_unix_ms) = (number()?, number()? == 1, number()?, number()?);
        let (undone, holds) = (Tip::read(&mut reader)?, Tip::read(&mut reader)?);
        let mut pairs = Vec::new();
        while reader.left() > 0 {
            let (height, undone) = (reader.u64("height")?, read_hash(&mut reader)?);
            pairs.push(BranchPair { height, undone, holds: read_hash(&mut reader)? });
        }
        Ok(Self { fork, is_exact, blocks, undone, holds, seen_unix_ms, pairs })
    }

    /// Returns true if the list of blocks tells it as well: one block is undone, and the list's
    /// newest are both branches.
    fn is_plain(&self) -> bool {
        self.is_exact && self.blocks == 1 && self.holds.height <= self.fork + 2
    }

    /// Returns the text for the user.
    fn words(&self) -> String {
        let Self { fork, is_exact, blocks, undone, holds, .. } = self;
        let (least, were) =
            (if *is_exact { "" } else { "At least " }, if *blocks == 1 { "was" } else { "were" });
        let noun = if *blocks == 1 { "block" } else { "blocks" };
        let place = match (is_exact, fork) {
            (true, _) => format!("above block {fork}"),
            (false, 0) => "from a block on that this page does not know".to_owned(),
            (false, _) => format!("from a block above {fork} on that this page does not know"),
        };
        format!(
            "{least}{blocks} {noun} {were} undone, {place}: another chain, up to block {}, has more work than this page’s, which \
             went up to block {}. “Now” shows both branches.",
            holds.height, undone.height
        )
    }
}

/// Blocks that left the best chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Undone {
    pub(crate) fork: u64,
    pub(crate) is_exact: bool,
    /// The tip first, then each one below.
    pub(crate) hashes: Vec<Hash>,
    pub(crate) height: u64,
    pub(crate) total_work: Work,
}

impl Undone {
    /// Returns the hash that the branch has at a height, if it is listed.
    fn at(&self, height: u64) -> Option<Hash> {
        let below = usize::try_from(self.height.checked_sub(height)?).ok()?;
        self.hashes.get(below).copied()
    }

    fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for number in [self.fork, self.is_exact.into(), self.height] {
            out.extend(number.to_be_bytes());
        }
        out.extend(self.total_work.hashes().to_be_bytes());
        self.hashes.iter().for_each(|hash| out.extend(hash.as_bytes()));
        out
    }

    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        let mut number = || reader.u64("number");
        let (fork, is_exact, height) = (number()?, number()? == 1, number()?);
        let (total_work, mut hashes) = (Work::from_hashes(reader.u128("work")?), Vec::new());
        while reader.left() > 0 {
            hashes.push(read_hash(&mut reader)?);
        }
        Ok(Self { fork, is_exact, hashes, height, total_work })
    }

    /// Records that the branch which took this one's place was left in turn.
    fn goes_on(&mut self, next: &Self) {
        if next.fork >= self.fork {
            return;
        }
        // Below the first fork the two have the same blocks.
        let mut height = self.height - self.hashes.len() as u64;
        while let Some(hash) = next.at(height).filter(|_| height > next.fork) {
            self.hashes.push(hash);
            height -= 1;
        }
        (self.fork, self.is_exact) = (next.fork, next.is_exact);
    }
}

/// The newest reorganisations.
#[derive(Debug, Default)]
pub(crate) struct Reorgs {
    /// At most [`REORGS_MAX`], the oldest first.
    all: Vec<Reorg>,
    /// The reorganisations that came or went since the last call.
    changed: Vec<Hash>,
    /// The branch that the node was on when it last had caught up, if it has left that since.
    left: Option<Undone>,
    /// Whether `left` differs from the stored one.
    is_changed: bool,
}

impl Reorgs {
    /// Returns the stored state. A page that closed before its node had caught up goes on from
    /// there.
    pub(crate) fn load(entries: &[DatabaseEntry]) -> Self {
        let (mut reorgs, mut stored) = (Self::default(), Vec::new());
        for DatabaseEntry { key, value } in entries {
            if key == LEFT {
                reorgs.left = Undone::decode(value).ok();
            } else if key.starts_with(PREFIX) {
                stored.extend(Reorg::decode(value));
            }
        }
        stored.sort_unstable_by_key(|reorg| reorg.seen_unix_ms);
        stored.into_iter().for_each(|reorg| reorgs.put(reorg));
        reorgs
    }

    fn put(&mut self, reorg: Reorg) {
        self.changed.push(reorg.undone.hash);
        self.all.retain(|held| held.undone.hash != reorg.undone.hash);
        self.all.push(reorg);
        if self.all.len() > REORGS_MAX {
            self.changed.push(self.all.remove(0).undone.hash);
        }
    }

    /// Blocks left the best chain.
    pub(crate) fn undone(&mut self, undone: Undone) {
        self.is_changed = true;
        match &mut self.left {
            Some(left) => left.goes_on(&undone),
            None => self.left = Some(undone),
        }
    }

    /// Records that the node has caught up. `holds` is its tip, and `best_at` returns the hashes of
    /// its chain. Returns the text for the user, if there is one.
    pub(crate) fn settle(
        &mut self,
        now: Timestamp,
        holds: Tip,
        best_at: impl Fn(u64) -> Option<Hash>,
    ) -> Option<String> {
        let mut left = self.left.take()?;
        self.is_changed = true;
        // The node may have come back to a part of the branch.
        while left.at(left.fork + 1).is_some_and(|hash| best_at(left.fork + 1) == Some(hash)) {
            left.fork += 1;
        }
        let hash = left.at(left.height).filter(|_| left.fork < left.height)?;
        let undone = Tip { height: left.height, hash, total_work: left.total_work };
        let top = undone.height.max(holds.height);
        let mut heights: Vec<_> = (left.fork + 1..=top.min(left.fork + HEIGHTS_MAX)).collect();
        heights.extend([undone.height, holds.height]);
        heights.sort_unstable();
        heights.dedup();
        let pair = |height| {
            let (undone, holds) =
                (left.at(height).unwrap_or(Hash::ZERO), best_at(height).unwrap_or(Hash::ZERO));
            BranchPair { height, undone, holds }
        };
        let listed = left.hashes.len() as u64;
        let blocks = if left.is_exact { left.height - left.fork } else { listed };
        let pairs = heights.into_iter().map(pair).filter(|pair| pair.undone != pair.holds);
        let reorg = Reorg {
            fork: left.fork,
            is_exact: left.is_exact,
            blocks,
            undone,
            holds,
            seen_unix_ms: now.unix_ms(),
            pairs: pairs.collect(),
        };
        if reorg.is_plain() {
            return None;
        }
        let words = reorg.words();
        self.put(reorg);
        Some(words)
    }

    /// Returns the write that keeps a reorganisation that is not told yet, if one is due.
    pub(crate) fn take_write(&mut self) -> Option<Write> {
        if !core::mem::take(&mut self.is_changed) {
            return None;
        }
        let put = |left: &Undone| Write::Put(LEFT.to_owned(), left.encode());
        Some(self.left.as_ref().map_or_else(|| Write::drop(LEFT), put))
    }

    /// Returns the changes since the last call.
    pub(crate) fn take_changed(&mut self) -> Vec<ItemChange> {
        let changed = core::mem::take(&mut self.changed);
        let now = |hash: &Hash| {
            let reorg = self.all.iter().find(|reorg| reorg.undone.hash == *hash)?;
            Some((reorg.json(), reorg.encode()))
        };
        changed.iter().map(|hash| ItemChange { hash: *hash, now: now(hash) }).collect()
    }
}

#[cfg(test)]
mod tests;

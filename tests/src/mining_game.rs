//! Mining without hashes: blocks as the rules of difficulty and of fork choice see them, found at random times.
//!
//! A game has a tree of blocks, whose bits and work follow from core's own rules, and miners with hash rates. It takes microseconds
//! a block, so that it can play many thousand blocks or partitions.

pub mod partition;
pub mod selfish;
pub mod settling;

use plexus_core::ledger::fork_choice::{self, BranchEnd};
use plexus_core::primitives::pow::{Bits, Retarget, Work};
use plexus_core::primitives::time::Timestamp;

use crate::test_rng::TestRng;

/// The hash rate of a settled network, hashes per millisecond: 2^30 hashes a block.
pub const RATE: f64 = (1u64 << 30) as f64 / 15_000.0;
/// Bits whose work is 2^30 hashes.
const SETTLED_BITS: u32 = 0x1d04_0000;
/// A height at which no chain is young.
pub const SETTLED_HEIGHT: u64 = 1_000;

/// How branches are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForkRule {
    /// More work wins. This was the rule of version 1.
    MoreWork,
    /// The rule of the protocol.
    Margin,
}

/// A block of a game.
#[derive(Clone, Copy, Debug)]
pub struct GameBlock {
    /// The index of its parent. Genesis is its own.
    pub parent: usize,
    /// Its height.
    pub height: u64,
    /// Its time, milliseconds after genesis.
    pub time_ms: f64,
    /// The number of its miner.
    pub miner: usize,
    bits: Bits,
    work: u128,
    total: u128,
}

/// All blocks of a game.
#[derive(Debug)]
pub struct BlockTree {
    rule: ForkRule,
    retarget: Retarget,
    blocks: Vec<GameBlock>,
}

impl BlockTree {
    /// Creates a chain of only genesis, which has the bits of the limit.
    pub fn young(rule: ForkRule, retarget: Retarget) -> Self {
        Self::new(rule, retarget, 0, retarget.limit.bits())
    }

    /// Creates a chain whose difficulty fits the hash rate [`RATE`]. Its first block stands for all
    /// blocks up to it.
    pub fn settled(rule: ForkRule, retarget: Retarget) -> Self {
        Self::new(rule, retarget, SETTLED_HEIGHT, Bits::from_u32(SETTLED_BITS))
    }

    fn new(rule: ForkRule, retarget: Retarget, height: u64, bits: Bits) -> Self {
        let genesis =
            GameBlock { parent: 0, height, time_ms: 0.0, miner: usize::MAX, bits, work: 0, total: 0 };
        Self { rule, retarget, blocks: vec![genesis] }
    }

    /// Returns a block.
    pub fn block(&self, index: usize) -> &GameBlock {
        &self.blocks[index]
    }

    /// Returns the work of a block, in hashes.
    pub fn work(&self, index: usize) -> f64 {
        self.blocks[index].work as f64
    }

    /// Returns the total work of a branch, in hashes.
    pub fn total(&self, index: usize) -> u128 {
        self.blocks[index].total
    }

    /// Adds a block. Returns its index.
    pub fn add(&mut self, parent: usize, time_ms: f64, miner: usize) -> usize {
        let below = self.blocks[parent];
        // As the rule asks for, times rise by at least a millisecond.
        let time_ms = time_ms.max(below.time_ms + 1.0).floor();
        #[expect(clippy::cast_possible_truncation, reason = "the games last years, not millions of them")]
        let at = |ms: f64| Timestamp::from_unix_ms(ms as u64);
        let height = below.height + 1;
        let bits = self.retarget.next_bits(height, below.bits, at(below.time_ms), at(time_ms));
        let work = bits.target().unwrap().work().hashes();
        let total = below.total + work;
        self.blocks.push(GameBlock { parent, height, time_ms, miner, bits, work, total });
        self.blocks.len() - 1
    }

    /// Returns true if a branch replaces another.
    pub fn replaces(&self, challenger: usize, incumbent: usize) -> bool {
        let [new, old] = [challenger, incumbent].map(|index| self.end(index));
        match self.rule {
            ForkRule::MoreWork => new.total_work > old.total_work,
            ForkRule::Margin => fork_choice::replaces(new, old),
        }
    }

    fn end(&self, index: usize) -> BranchEnd {
        let GameBlock { work, total, .. } = self.blocks[index];
        BranchEnd { total_work: Work::from_hashes(total), tip_work: Work::from_hashes(work) }
    }

    /// Returns true if `ancestor` is `index` or below it.
    pub fn is_ancestor(&self, ancestor: usize, index: usize) -> bool {
        self.path(index).find(|at| self.blocks[*at].height <= self.blocks[ancestor].height) == Some(ancestor)
    }

    /// Returns a block and all blocks below it, except for genesis.
    pub fn path(&self, index: usize) -> impl Iterator<Item = usize> {
        let mut at = index;
        core::iter::from_fn(move || {
            let parent = self.blocks[at].parent;
            (at > 0).then(|| core::mem::replace(&mut at, parent))
        })
    }

    /// Returns the time at which a miner finds a block on `parent`, if it searches from `from_ms` on with `rate` hashes per
    /// millisecond. It states times that are `ahead_ms` ahead of the clock.
    ///
    /// The search becomes easier all the time. The number of blocks expected from its start is an integral that has a closed form.
    pub fn found_at(
        &self,
        parent: usize,
        from_ms: f64,
        rate: f64,
        ahead_ms: f64,
        chance: &mut Chance,
    ) -> f64 {
        let below = &self.blocks[parent];
        let (spacing, limit) = (self.retarget.spacing_ms as f64, self.retarget.limit.work().hashes() as f64);
        let half_life = self.retarget.half_life_ms_at(below.height + 1) as f64;
        let parent_work = below.bits.target().unwrap().work().hashes() as f64;
        let (mut blocks, mut from_ms) = (chance.exponential(1.0), from_ms);
        // Up to the parent's time the stated time is a millisecond after it.
        let before = below.time_ms + 1.0 - (from_ms + ahead_ms);
        if before > 0.0 {
            let work = (parent_work * ((spacing - 1.0) / half_life).exp2()).max(limit);
            if blocks < before * rate / work {
                return from_ms + blocks * work / rate;
            }
            (blocks, from_ms) = (blocks - before * rate / work, from_ms + before);
        }
        // Elapsed time is counted by the time that the block states.
        let elapsed = from_ms + ahead_ms - below.time_ms;
        let easiest = spacing + half_life * (parent_work / limit).log2();
        let scale = rate * half_life / (parent_work * core::f64::consts::LN_2);
        let expected = |from: f64, to: f64| {
            let power = |elapsed: f64| ((elapsed - spacing) / half_life).exp2();
            scale * (power(to) - power(from))
        };
        let until_limit = if elapsed < easiest { expected(elapsed, easiest) } else { 0.0 };
        if blocks >= until_limit {
            return from_ms + (easiest - elapsed).max(0.0) + (blocks - until_limit) * limit / rate;
        }
        let power = ((elapsed - spacing) / half_life).exp2() + blocks / scale;
        from_ms + spacing + half_life * power.log2() - elapsed
    }
}

/// The randomness of a game.
#[derive(Debug)]
pub struct Chance(TestRng);

impl Chance {
    /// Creates the numbers that follow from a seed.
    pub fn new(seed: u64) -> Self {
        Self(TestRng::new(seed))
    }

    /// Returns a number from 0 up to 1, without 1.
    pub fn unit(&mut self) -> f64 {
        (self.0.draw() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Returns a number between two others.
    pub fn between(&mut self, least: f64, most: f64) -> f64 {
        least + (most - least) * self.unit()
    }

    /// Returns the wait for an event that may happen at any moment.
    pub fn exponential(&mut self, mean: f64) -> f64 {
        -mean * (1.0 - self.unit()).ln()
    }
}

//! How fast the difficulty of a new chain reaches the hash rate of its miners.

use plexus_core::primitives::pow::Retarget;

use super::{BlockTree, Chance, ForkRule};

/// The blocks of a young chain.
#[derive(Debug)]
pub struct Settling {
    /// The number of blocks in the first minute.
    pub first_minute: usize,
    /// The time of each block, in seconds after genesis.
    pub times_s: Vec<f64>,
}

impl Settling {
    /// Mines `blocks` blocks above genesis, with a constant hash rate per second.
    pub fn play(retarget: Retarget, hashes_per_s: f64, blocks: usize, seed: u64) -> Self {
        let mut tree = BlockTree::young(ForkRule::Margin, retarget);
        let (mut chance, mut tip, mut now) = (Chance::new(seed), 0, 0.0);
        let mut times_s = Vec::with_capacity(blocks);
        for _ in 0..blocks {
            now = tree.found_at(tip, now, hashes_per_s / 1_000.0, 0.0, &mut chance);
            tip = tree.add(tip, now, 0);
            times_s.push(now / 1_000.0);
        }
        let first_minute = times_s.iter().filter(|at| **at < 60.0).count();
        Self { first_minute, times_s }
    }

    /// Returns the mean interval of the blocks from one height up to another, in seconds.
    pub fn interval_s(&self, from: usize, to: usize) -> f64 {
        (self.times_s[to - 1] - self.times_s[from - 1]) / (to - from) as f64
    }
}

/// Returns the mean of a figure over many chains.
pub fn mean(chains: &[Settling], figure: impl Fn(&Settling) -> f64) -> f64 {
    chains.iter().map(figure).sum::<f64>() / chains.len() as f64
}

/// Returns the lowest height from which on the mean interval of 10 blocks stays above a share of the desired one.
pub fn settled_from(chains: &[Settling], spacing_s: f64, share: f64) -> usize {
    let last = chains[0].times_s.len() - 10;
    let is_fast =
        |from: &usize| mean(chains, |chain| chain.interval_s(*from, *from + 10)) < share * spacing_s;
    (1..last).rev().find(is_fast).map_or(1, |height| height + 1)
}

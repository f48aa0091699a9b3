//! Two halves of a network that were apart, and how many blocks they need to agree.

use plexus_core::primitives::pow::Retarget;

use super::{BlockTree, Chance, ForkRule, RATE};

/// A partition that heals.
#[derive(Clone, Copy, Debug)]
pub struct PartitionGame {
    /// How branches are compared.
    pub rule: ForkRule,
    /// The rule of difficulty.
    pub retarget: Retarget,
    /// The number of nodes that mine.
    pub nodes: usize,
    /// The factor by which the hash rate changes when the partition begins.
    pub change: f64,
    /// The seed.
    pub seed: u64,
}

/// The number of blocks before the partition.
const BEFORE: usize = 50;
/// The longest partition, milliseconds.
const LASTS_MS: f64 = 3_600_000.0;
/// The longest delay of a block between two nodes, milliseconds.
const DELAY_MS: f64 = 200.0;
/// More blocks than this are not played.
const BLOCKS_MAX: usize = 100;

struct Play {
    game: PartitionGame,
    tree: BlockTree,
    chance: Chance,
    tips: Vec<usize>,
    rates: Vec<f64>,
    /// The blocks that each node knows and that may replace its tip later.
    known: Vec<Vec<usize>>,
    /// Blocks on their way: when, to which node, and the block.
    on_the_way: Vec<(f64, usize, usize)>,
    now: f64,
}

impl PartitionGame {
    /// Plays. Returns the number of blocks that were found after the partition before all nodes agreed.
    pub fn play(self) -> usize {
        let mut play = Play::new(self);
        let end = play.now + play.chance.between(0.0, LASTS_MS);
        let side = |node: usize| node % 2;
        while play.mine(Some(end), |from, to| side(from) == side(to)) {}
        // The links are there again: each node tells all others its tip.
        for from in 0..self.nodes {
            for to in 0..self.nodes {
                play.send(play.tips[from], to);
            }
        }
        for blocks in 0..BLOCKS_MAX {
            play.deliver(f64::INFINITY);
            if play.tips.iter().all(|tip| *tip == play.tips[0]) {
                return blocks;
            }
            play.mine(None, |_, _| true);
        }
        BLOCKS_MAX
    }
}

impl Play {
    /// Starts with a chain that all nodes have, and hash rates that differ.
    fn new(game: PartitionGame) -> Self {
        let mut tree = BlockTree::settled(game.rule, game.retarget);
        let (mut chance, mut tip, mut now) = (Chance::new(game.seed), 0, 0.0);
        for _ in 0..BEFORE {
            now = tree.found_at(tip, now, RATE, 0.0, &mut chance);
            tip = tree.add(tip, now, 0);
        }
        let shares: Vec<_> = (0..game.nodes).map(|_| chance.exponential(1.0)).collect();
        let all: f64 = shares.iter().sum();
        let rates = shares.iter().map(|share| RATE * game.change * share / all).collect();
        let (tips, known) = (vec![tip; game.nodes], vec![Vec::new(); game.nodes]);
        Self { game, tree, chance, tips, rates, known, on_the_way: Vec::new(), now }
    }

    fn send(&mut self, block: usize, to: usize) {
        let at = self.now + self.chance.between(0.0, DELAY_MS);
        self.on_the_way.push((at, to, block));
    }

    /// Finds the next block, and sends it to the linked nodes. Returns false if none is found before `until`.
    fn mine(&mut self, until: Option<f64>, linked: impl Fn(usize, usize) -> bool) -> bool {
        let until = until.unwrap_or(f64::INFINITY);
        let (at, node) = loop {
            let find = |node| {
                let (tip, rate) = (self.tips[node], self.rates[node]);
                (self.tree.found_at(tip, self.now, rate, 0.0, &mut self.chance), node)
            };
            let first = (0..self.game.nodes).map(find).min_by(|a, b| a.0.total_cmp(&b.0)).unwrap();
            let next = self.on_the_way.iter().map(|(at, ..)| *at).fold(f64::INFINITY, f64::min);
            if first.0.min(next) > until {
                self.now = until;
                return false;
            }
            if first.0 < next {
                break first;
            }
            // A node may change its tip first. Searches have no memory, so they are drawn again.
            self.deliver(next);
        };
        self.now = at;
        let block = self.tree.add(self.tips[node], at, node);
        self.hear(node, block);
        for to in (0..self.game.nodes).filter(|to| *to != node && linked(node, *to)) {
            self.send(block, to);
        }
        true
    }

    /// Delivers all blocks that arrive up to a time, in order.
    fn deliver(&mut self, until: f64) {
        self.on_the_way.sort_by(|a, b| a.0.total_cmp(&b.0));
        let due = self.on_the_way.iter().take_while(|(at, ..)| *at <= until).count();
        for (at, to, block) in self.on_the_way.drain(..due).collect::<Vec<_>>() {
            self.now = self.now.max(at);
            self.hear(to, block);
        }
    }

    /// A node hears of a block, and compares all that it knows.
    fn hear(&mut self, node: usize, block: usize) {
        self.known[node].push(block);
        loop {
            let tip = self.tips[node];
            let best = self.known[node].iter().copied().filter(|known| self.tree.replaces(*known, tip));
            let Some(best) = best.max_by_key(|known| self.tree.total(*known)) else { break };
            self.tips[node] = best;
        }
        let least = self.tree.total(self.tips[node]);
        self.known[node].retain(|known| self.tree.total(*known) > least);
    }
}

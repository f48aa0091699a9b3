//! A miner that withholds its blocks, or states late times, against all others.
//!
//! Two parties: the attacker, and everybody else. A withheld block is published when the others find one (Eyal and Sirer, "Majority
//! is not Enough: Bitcoin Mining is Vulnerable", 2014). Some of the others hear the attacker first. Messages take no time otherwise.

use plexus_core::primitives::pow::Retarget;

use super::{BlockTree, Chance, ForkRule, RATE, SETTLED_HEIGHT};

/// How the attacker plays.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Strategy {
    /// It withholds blocks.
    Withhold,
    /// It publishes at once, and states times that are this far ahead of its clock, milliseconds.
    Late(f64),
}

/// A game.
#[derive(Clone, Copy, Debug)]
pub struct SelfishGame {
    /// How branches are compared.
    pub rule: ForkRule,
    /// The rule of difficulty.
    pub retarget: Retarget,
    /// The attacker's share of the hash rate.
    pub share: f64,
    /// The share of the others that hear the attacker first.
    pub reached_first: f64,
    /// How the attacker plays.
    pub strategy: Strategy,
    /// The furthest that a block's time may be ahead of a clock when a node takes the block up, milliseconds.
    pub take_ahead_ms: f64,
    /// The number of heights to play.
    pub heights: u64,
    /// The seed.
    pub seed: u64,
}

const ATTACKER: usize = 0;
const OTHERS: usize = 1;

/// A game while it is played.
struct Play {
    game: SelfishGame,
    tree: BlockTree,
    /// The tips of the others: of the group that hears the attacker first, and of the rest.
    tips: [usize; 2],
    /// The attacker's tip.
    own: usize,
    /// The attacker's highest block that the others know.
    published: usize,
    /// Blocks with late times, and when the others take them up.
    kept_back: Vec<(f64, usize)>,
    now: f64,
    chance: Chance,
}

impl SelfishGame {
    /// Plays. Returns the attacker's share of the blocks of the final chain.
    pub fn play(self) -> f64 {
        let tree = BlockTree::settled(self.rule, self.retarget);
        let chance = Chance::new(self.seed);
        let mut play = Play {
            game: self,
            tree,
            tips: [0; 2],
            own: 0,
            published: 0,
            kept_back: Vec::new(),
            now: 0.0,
            chance,
        };
        while play.tree.block(play.tips[1]).height < SETTLED_HEIGHT + self.heights {
            play.step();
        }
        let path: Vec<_> = play.tree.path(play.tips[1]).collect();
        let own = path.iter().filter(|block| play.tree.block(**block).miner == ATTACKER).count();
        own as f64 / path.len() as f64
    }
}

impl Play {
    /// Goes on to the next block that is found or taken up.
    fn step(&mut self) {
        let SelfishGame { share, reached_first, strategy, .. } = self.game;
        let ahead = match strategy {
            Strategy::Late(ahead) => ahead,
            Strategy::Withhold => 0.0,
        };
        let others = RATE * (1.0 - share);
        let mut find = |tip: usize, rate: f64, ahead: f64| {
            if rate > 0.0 {
                self.tree.found_at(tip, self.now, rate, ahead, &mut self.chance)
            } else {
                f64::INFINITY
            }
        };
        let own = find(self.own, RATE * share, ahead);
        let near = find(self.tips[0], others * reached_first, 0.0);
        let far = find(self.tips[1], others * (1.0 - reached_first), 0.0);
        let due = self.kept_back.first().map_or(f64::INFINITY, |(at, _)| *at);
        self.now = own.min(near).min(far).min(due);
        if due <= self.now {
            let (_, block) = self.kept_back.remove(0);
            self.published = block;
            self.hear(block);
        } else if own <= self.now {
            // A block upon an open race, of which all is published, ends it.
            let ends_race = self.own == self.published && self.is_racing();
            self.own = self.tree.add(self.own, self.now + ahead, ATTACKER);
            match strategy {
                Strategy::Late(_) => {
                    let at = (self.tree.block(self.own).time_ms - self.game.take_ahead_ms).max(self.now);
                    self.kept_back.push((at, self.own));
                }
                Strategy::Withhold if ends_race => {
                    self.published = self.own;
                    self.hear(self.own);
                }
                Strategy::Withhold => {}
            }
        } else {
            let finder = usize::from(near > self.now);
            let block = self.tree.add(self.tips[finder], self.now, OTHERS);
            self.found_by_others(block);
        }
    }

    /// Returns true if a published block of the attacker competes with a block of the others.
    fn is_racing(&self) -> bool {
        self.published > 0 && self.tips.iter().any(|tip| !self.tree.is_ancestor(self.published, *tip))
    }

    /// The others hear of a block.
    fn hear(&mut self, block: usize) {
        for tip in &mut self.tips {
            if self.tree.replaces(block, *tip) {
                *tip = block;
            }
        }
    }

    /// The others found a block. The attacker answers, and some hear its answer before the block.
    fn found_by_others(&mut self, block: usize) {
        let answer = self.answer(block);
        if let Some(answer) = answer {
            self.published = answer;
            if self.tree.replaces(answer, self.tips[0]) {
                self.tips[0] = answer;
            }
        }
        self.hear(block);
        if let Some(answer) = answer {
            self.hear(answer);
        }
        // The attacker goes on upon the better branch, as its own rule says.
        if self.tree.replaces(block, self.own) {
            self.own = block;
            self.published = 0;
        }
    }

    /// Returns the block that the attacker publishes when the others found one.
    fn answer(&self, block: usize) -> Option<usize> {
        if self.game.strategy != Strategy::Withhold {
            return None;
        }
        let (found, own) = (self.tree.block(block).height, self.tree.block(self.own).height);
        let is_own = |at: &usize| self.tree.block(*at).miner == ATTACKER;
        if !is_own(&self.own) || self.own == self.published {
            return None;
        }
        match own.checked_sub(found) {
            None => None,
            // It has one block more, and wins.
            Some(1) => Some(self.own),
            // It matches the height of the others.
            Some(_) => {
                let lead = self.tree.path(self.own).find(|at| self.tree.block(*at).height <= found)?;
                is_own(&lead).then_some(lead)
            }
        }
    }
}

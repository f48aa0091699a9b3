//! A naive model of fork choice: every header has the whole path below it, and the best is found by
//! a full scan.

use std::collections::{BTreeMap, BTreeSet};

use super::*;

/// A single event.
#[derive(Clone, Debug)]
pub(super) enum ModelStep {
    /// A header is mined on any earlier one. It arrives at once, or is kept back.
    Mined { parent: usize, elapsed_ms: u64, comes: bool },
    /// Any earlier header arrives, perhaps again, or before its parent.
    Came(usize),
    /// The next missing body is valid.
    Verified,
    /// The next missing body is invalid.
    Rejected,
    /// A missing block is unavailable.
    Forgot(usize),
    /// A block of our own on the tip.
    Own(u64),
}

pub(super) fn step() -> impl Strategy<Value = ModelStep> {
    let elapsed_ms = || prop_oneof![Just(1u64), Just(500), Just(1_000), Just(3_000), Just(20_000)];
    // The newest header is likelier than any other, so that branches grow long.
    let index = || prop_oneof![Just(0usize), 0usize..200];
    prop_oneof![
        8 => (index(), elapsed_ms(), prop::bool::weighted(0.8))
            .prop_map(|(parent, elapsed_ms, comes)| ModelStep::Mined { parent, elapsed_ms, comes }),
        3 => (0usize..200).prop_map(ModelStep::Came),
        8 => Just(ModelStep::Verified),
        1 => Just(ModelStep::Rejected),
        1 => (0usize..200).prop_map(ModelStep::Forgot),
        2 => elapsed_ms().prop_map(ModelStep::Own),
    ]
}

#[derive(Clone, Debug)]
struct ModelBlock {
    header: Header,
    /// The path from genesis up to and including it.
    path: Vec<Hash>,
    work: u128,
    /// The place of its body in the order of verification, if it is verified.
    verified: Option<usize>,
    order: usize,
}

impl ModelBlock {
    /// The rule as PROTOCOL.md writes it. The numbers here are small.
    fn replaces(&self, best: &Self) -> bool {
        let margin = self.header.work().min(best.header.work()).hashes();
        4 * self.work > 4 * best.work + margin
    }
}

struct ChainModel {
    nodes: BTreeMap<Hash, ModelBlock>,
    refused: BTreeSet<Hash>,
    tip: Hash,
    best_header: Hash,
    inserted: usize,
    verified: usize,
}

impl ChainModel {
    fn new(network: &Network) -> Self {
        let hash = *network.id();
        let genesis =
            ModelBlock { header: *network.genesis(), path: vec![hash], work: 0, verified: Some(0), order: 0 };
        let (nodes, refused) = (BTreeMap::from([(hash, genesis)]), BTreeSet::new());
        Self { nodes, refused, tip: hash, best_header: hash, inserted: 0, verified: 0 }
    }

    fn insert(&mut self, header: Header) -> Result<Inserted, ()> {
        let hash = header.hash();
        if self.nodes.contains_key(&hash) {
            return Ok(Inserted::Known);
        }
        if self.refused.contains(&hash) {
            return Err(());
        }
        if self.refused.contains(&header.prev_hash) {
            self.refused.insert(hash);
            return Err(());
        }
        let Some(parent) = self.nodes.get(&header.prev_hash) else { return Ok(Inserted::Orphan) };
        let work = parent.work + header.bits.target().unwrap().work().hashes();
        let path = [parent.path.as_slice(), &[hash]].concat();
        self.inserted += 1;
        self.nodes.insert(hash, ModelBlock { header, path, work, verified: None, order: self.inserted });
        let best = self.best_header;
        self.best_header = self.settle(best, |node| Some(node.order));
        Ok(Inserted::New { leads: self.best_header != best })
    }

    /// Moves from a block to the one with most work that replaces it, as long as there is one. Of equal ones the first in order
    /// counts, and blocks without an order do not.
    fn settle(&self, from: Hash, order: impl Fn(&ModelBlock) -> Option<usize> + Copy) -> Hash {
        let replacing = |node: &&ModelBlock| order(node).is_some() && node.replaces(&self.nodes[&from]);
        let best = self.nodes.values().filter(replacing);
        let best = best.max_by_key(|node| (node.work, core::cmp::Reverse(order(node))));
        best.map_or(from, |node| self.settle(node.header.hash(), order))
    }

    fn verified(&mut self, hash: &Hash) -> TipUpdate {
        self.verified += 1;
        self.nodes.get_mut(hash).unwrap().verified = Some(self.verified);
        let settled = self.settle(self.tip, |node| node.verified);
        if settled == self.tip {
            return TipUpdate::Side;
        }
        let (new, old) = (&self.nodes[&settled], &self.nodes[&self.tip]);
        let fork = new.path.iter().zip(&old.path).take_while(|(a, b)| a == b).count() - 1;
        let undone: Vec<_> = old.path[fork + 1..].iter().rev().copied().collect();
        let done = new.path[fork + 1..].to_vec();
        let is_below = self.nodes[&self.best_header].path.contains(&settled);
        if !is_below && !self.nodes[&self.best_header].replaces(new) {
            self.best_header = self.settle(settled, |node| Some(node.order));
        }
        self.tip = settled;
        match undone[..] {
            [] => TipUpdate::Extended,
            _ => TipUpdate::Reorged { fork: fork as u64, undone, done },
        }
    }

    fn drop_above(&mut self, hash: &Hash) {
        self.nodes.retain(|_, node| !node.path.contains(hash));
        self.best_header = self.settle(self.tip, |node| Some(node.order));
    }

    /// Returns the blocks to verify next, lowest first.
    fn wanted(&self) -> Vec<Hash> {
        let path = &self.nodes[&self.best_header].path;
        path.iter().filter(|hash| self.nodes[*hash].verified.is_none()).copied().collect()
    }
}

/// The chain beside the model.
pub(super) struct ChainPair {
    chain: Chain,
    model: ChainModel,
    all: Vec<Header>,
}

impl ChainPair {
    pub(super) fn new(network: Network) -> Self {
        let (model, all) = (ChainModel::new(&network), vec![*network.genesis()]);
        Self { chain: Chain::new(network), model, all }
    }

    pub(super) fn run(mut self, steps: &[ModelStep]) {
        for step in steps {
            self.step(step);
            self.compare();
        }
    }

    fn pick(&self, index: usize) -> Header {
        // 0 is the newest.
        self.all[self.all.len() - 1 - index % self.all.len()]
    }

    fn mine(&mut self, parent: &Header, elapsed_ms: u64) -> Header {
        let header = child(self.chain.network(), parent, elapsed_ms, self.all.len() as u64);
        self.all.push(header);
        header
    }

    fn insert(&mut self, header: Header) {
        let (found, expected) = (self.chain.insert(header, LATE), self.model.insert(header));
        assert_eq!(found.map_err(drop), expected);
    }

    fn verify(&mut self, hash: &Hash) {
        assert_eq!(self.chain.mark_validated(hash), self.model.verified(hash));
    }

    fn step(&mut self, step: &ModelStep) {
        let wanted = self.model.wanted();
        match *step {
            ModelStep::Mined { parent, elapsed_ms, comes } => {
                let header = self.mine(&self.pick(parent), elapsed_ms);
                if comes {
                    self.insert(header);
                }
            }
            ModelStep::Came(index) => self.insert(self.pick(index)),
            ModelStep::Verified => wanted.first().into_iter().for_each(|hash| self.verify(hash)),
            ModelStep::Rejected => {
                if let Some(hash) = wanted.first() {
                    self.chain.remove_invalid(hash);
                    self.model.refused.insert(*hash);
                    self.model.drop_above(hash);
                }
            }
            ModelStep::Forgot(index) => {
                if let Some(hash) = wanted.get(index % wanted.len().max(1)) {
                    self.chain.remove_unavailable(hash);
                    self.model.drop_above(hash);
                }
            }
            ModelStep::Own(elapsed_ms) => {
                let tip = self.chain.tip().header;
                let header = self.mine(&tip, elapsed_ms);
                self.insert(header);
                self.verify(&header.hash());
            }
        }
    }

    fn compare(&self) {
        let (chain, model) = (&self.chain, &self.model);
        let (tip, best) = (&model.nodes[&model.tip], &model.nodes[&model.best_header]);
        assert_eq!((chain.tip().hash, chain.best_header().hash), (model.tip, model.best_header));
        assert_eq!(chain.tip().total_work.hashes(), tip.work);
        assert_eq!(chain.best_header().total_work.hashes(), best.work);
        assert!(model.nodes.values().all(|node| !node.replaces(best)), "nothing replaces the best header");
        assert_eq!(chain.unsettled(), None);
        assert_eq!(chain.missing_blocks().copied().collect::<Vec<_>>(), model.wanted());
        let validated = best.path.iter().rev().find(|hash| model.nodes[*hash].verified.is_some()).unwrap();
        assert_eq!(chain.best_validated().hash, *validated);
        let shared = best.path.iter().zip(&tip.path).take_while(|(a, b)| a == b).count() - 1;
        assert_eq!(chain.fork_below(validated), shared as u64);
        assert_eq!(chain.size(), model.nodes.len());
        for (height, hash) in tip.path.iter().enumerate() {
            assert_eq!(chain.best_at(height as u64), Some(hash));
        }
        for (hash, node) in &model.nodes {
            assert_eq!(chain.is_verified(hash), node.verified.is_some());
            assert_eq!(chain.is_ancestor(hash, &model.best_header), best.path.contains(hash));
            assert_eq!(chain.is_ancestor(validated, hash), node.path.contains(validated));
        }
        let locator = chain.locator();
        assert!(locator.iter().all(|hash| best.path.contains(hash)));
        check_locator(chain);
    }
}

//! A scene: the state of a simulated network at a moment, for an animated picture.

use serde::Serialize;

use super::report::PLACES_MAX;
use super::world::World;
use crate::primitives::hash::Hash;

/// The most blocks that a scene shows: the newest.
pub const BLOCKS_SHOWN_MAX: usize = 40;

/// How a node's tip relates to the best chain that an honest node has verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum BlockStance {
    /// It has verified all of it.
    Newest,
    /// It has verified a part of it and is on no other branch.
    Behind,
    /// Its tip is on another branch.
    Elsewhere,
    /// It is down.
    Down,
}

/// The state of the network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ReportFrame {
    /// The simulated time, milliseconds.
    pub simulated_ms: u64,
    /// The time at which the newest block of the best chain was mined, if there is one.
    pub newest_ms: Option<u64>,
    /// The number of honest nodes of each stance: newest, behind, elsewhere, down.
    pub counts: [u32; 4],
    /// The stance of each node that has a place in the report, in the report's order.
    pub stances: Vec<BlockStance>,
    /// The newest blocks that were mined by the rules, the oldest first.
    pub blocks: Vec<SceneBlock>,
}

/// A block of a scene.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct SceneBlock {
    /// Its number among all mined blocks.
    pub number: u32,
    /// The number of its parent block. `None` for the first block, and for a child of a block that
    /// broke a rule.
    pub parent: Option<u32>,
    /// The time at which it was mined, milliseconds.
    pub at_ms: u64,
    /// The number of honest nodes that have it as their tip.
    pub holders: u32,
    /// Whether it is on the best chain.
    pub best: bool,
}

impl ReportFrame {
    pub(super) fn of(world: &World) -> Self {
        let mined = world.measurements.blocks.all();
        let first = mined.len().saturating_sub(BLOCKS_SHOWN_MAX);
        let up = || world.hosts.iter().filter(|host| host.is_honest() && host.node.is_some());
        // Among tips of equal work, the one that most nodes have is the best.
        let holders = |tip: &Hash| up().filter(|host| host.tip == *tip).count();
        let most = up().map(|host| host.work).max();
        let mut best: Vec<Hash> = up().filter(|host| Some(host.work) == most).map(|host| host.tip).collect();
        best.sort_unstable();
        best.dedup();
        let best = best.into_iter().max_by_key(holders);
        let number =
            |tip: &Hash| mined[first..].iter().position(|block| block.hash == *tip).map(|at| first + at);
        let newest = best.as_ref().and_then(number);
        let mut is_best = vec![false; mined.len() - first];
        let mut at = newest;
        while let Some(shown) = at.and_then(|at| at.checked_sub(first)) {
            is_best[shown] = true;
            at = mined[first + shown].parent();
        }
        let stance = |host: &super::host::SimHost| {
            if host.node.is_none() {
                return BlockStance::Down;
            }
            if Some(host.tip) == best {
                return BlockStance::Newest;
            }
            match number(&host.tip) {
                Some(number) if !is_best[number - first] => BlockStance::Elsewhere,
                // A tip older than all shown blocks counts as a part of the best chain.
                Some(_) | None => BlockStance::Behind,
            }
        };
        let mut counts = [0; 4];
        for host in world.hosts.iter().filter(|host| host.is_honest()) {
            counts[stance(host) as usize] += 1;
        }
        let block = |(shown, block): (usize, &super::measure::Mined)| SceneBlock {
            number: short(first + shown),
            parent: block.parent().map(short),
            at_ms: block.at_ms(),
            holders: short(holders(&block.hash)),
            best: is_best[shown],
        };
        Self {
            simulated_ms: world.schedule.now_us / 1_000,
            newest_ms: newest.map(|newest| mined[newest].at_ms()),
            counts,
            stances: world.hosts.iter().take(PLACES_MAX as usize).map(stance).collect(),
            blocks: mined[first..].iter().enumerate().map(block).collect(),
        }
    }
}

fn short(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

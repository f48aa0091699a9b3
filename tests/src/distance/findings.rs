//! The findings of a run at distances: plain numbers.

use serde::{Deserialize, Serialize};

/// The results of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DistanceFindings {
    /// The number of nodes.
    pub nodes: usize,
    /// The seconds from the last node's start until all had chosen.
    pub settled_s: f64,
    /// Their choices at that time.
    pub choice: Choice,
    /// Their choices after the blocks, as soon as only a few of them are about to change.
    pub later: Choice,
    /// The greatest excess of a measured round trip over the set one, as a share.
    pub excess: f64,
    /// The propagation of blocks.
    pub spread: Spread,
    /// The results of ending some nodes that were another's nearest, one after the other.
    pub successions: Vec<Succession>,
}

/// The nodes that the nodes have chosen.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Choice {
    /// The nodes that could have been chosen as nearest ones, at most three for each node.
    pub slots: usize,
    /// The number of slots whose node is right: no other candidate is nearer by enough.
    pub right: usize,
    /// The number of slots whose node is one of the nearest by the set distances.
    pub exact: usize,
    /// The number of links, for any reason, to the three nearest nodes of each node.
    pub linked: usize,
    /// The wrong choices, as text for people.
    pub wrong: Vec<String>,
}

impl Choice {
    pub(super) fn add(&mut self, other: Self) {
        self.slots += other.slots;
        self.right += other.right;
        self.exact += other.exact;
        self.linked += other.linked;
        self.wrong.extend(other.wrong);
    }
}

/// The propagation of blocks in milliseconds, medians over blocks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// The number of blocks that reached all nodes.
    pub blocks: usize,
    /// The times until half and nine tenths of the nodes announced a block, from the first
    /// announcement.
    pub measured_ms: [f64; 2],
    /// The same times as the simulator predicts them, for nodes at these distances that choose
    /// their peers themselves.
    pub simulated_ms: [f64; 2],
    /// The same times along the shortest paths over the existing links.
    pub paths_ms: [f64; 2],
    /// The time until the first node announced a block, from when it was sent to that node.
    pub own_ms: f64,
}

/// The result of ending a nearest node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Succession {
    /// The node whose nearest it was.
    pub node: usize,
    /// The node that ended.
    pub gone: usize,
    /// The node that is among the nearest now and was not before.
    pub successor: Option<usize>,
    /// True if all three of the nearest are right again.
    pub right: bool,
    /// The seconds that this took.
    pub seconds: f64,
}

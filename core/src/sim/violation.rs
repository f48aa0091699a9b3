//! A violation: an invariant that was broken. It is a value that the caller shows. Its seed
//! reproduces it.

use serde::Serialize;

/// The invariants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Invariant {
    /// The work of a node's tip never falls.
    WorkFell,
    /// No verified branch replaces a node's tip.
    ForkChoice,
    /// A node's store restores to the chain that the node has.
    Journal,
    /// Every container of a node stays within its bound.
    Bound,
    /// No input leads to endless outputs, and no moment to endless ticks.
    Livelock,
    /// Every frame that a node sends is within the size limit.
    Frame,
    /// After the last fault, connected honest nodes agree on the tip.
    Agreement,
    /// Every block on a node's chain follows the rules.
    Rule,
    /// No honest node accuses an honest one of a fault.
    Blame,
}

/// A broken invariant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("SEED={seed}: after {time_us} µs, node {host:?}: {invariant:?}: {what}")]
pub struct Violation {
    /// The setup's seed.
    pub seed: u64,
    /// The time in the simulation, microseconds.
    pub time_us: u64,
    /// The host, if it concerns one node.
    pub host: Option<u32>,
    /// The invariant.
    #[serde(rename = "law")]
    pub invariant: Invariant,
    /// A description.
    pub what: String,
}

//! A violation: a law that was seen broken. It is a value, for the caller to show: the seed brings it back.

use serde::Serialize;

/// What must always hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Law {
    /// The work of a node's tip never falls.
    WorkFell,
    /// What a node remembers restores to the chain that it has.
    Journal,
    /// No container of a node grows beyond its bound.
    Bound,
    /// No fact leads to wishes without end, and no moment to ticks without end.
    Livelock,
    /// Every frame that a node sends can be read.
    Frame,
    /// Once nothing goes wrong any more, connected honest nodes agree on the tip.
    Agreement,
    /// Nothing on a node's chain breaks a rule.
    Rule,
    /// No honest node finds fault with an honest one.
    Blame,
}

/// A law that was broken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("SEED={seed}: after {time_us} µs, node {host:?}: {law:?}: {what}")]
pub struct Violation {
    /// The setup's seed.
    pub seed: u64,
    /// When, in microseconds of the simulation.
    pub time_us: u64,
    /// Where, if it concerns one node.
    pub host: Option<u32>,
    /// Which law.
    pub law: Law,
    /// What was seen.
    pub what: String,
}

//! A report: what was measured, as plain numbers that any program can read.
//!
//! Delays are in milliseconds from the moment a block is mined. Nodes are the honest ones; a share that a block did not
//! reach has no delay. What depends on the machine, such as events per second, is the caller's to add.

use serde::Serialize;

use super::setup::{Setup, Topology};
use super::violation::Violation;

/// How far a simulation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// Nodes connect, and the first blocks are not measured.
    Warming,
    /// Blocks are measured.
    Measuring,
    /// Nothing goes wrong any more, and the nodes are to agree.
    Settling,
    /// All is measured.
    Done,
}

/// What a slice of a simulation brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Progress {
    /// How far it is.
    pub stage: Stage,
    /// The events so far.
    pub events: u64,
    /// The simulated time so far, milliseconds.
    pub simulated_ms: u64,
    /// The blocks mined so far, those of the warm-up with them.
    pub blocks_mined: u64,
    /// How many blocks will be mined before the nodes settle.
    pub blocks_wanted: u64,
}

impl Progress {
    /// Whether there is nothing left to run.
    pub fn is_done(&self) -> bool {
        self.stage == Stage::Done
    }
}

/// What was measured.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// Who connected to whom.
    pub topology: Topology,
    /// How many nodes there were.
    pub nodes: u32,
    /// How many of them were honest.
    pub honest: u32,
    /// How many blocks were measured.
    pub blocks: u32,
    /// The seed.
    pub seed: u64,
    /// When half of the nodes knew a block's header, the median over blocks.
    pub t50_ms: Option<f64>,
    /// When nine tenths knew it.
    pub t90_ms: Option<f64>,
    /// When 99 of 100 knew it.
    pub t99_ms: Option<f64>,
    /// The same as `t90_ms`, but the mean over blocks: those from remote places count for as late as they are.
    pub mean_t90_ms: Option<f64>,
    /// When half of the nodes had verified a block's body, the median over blocks.
    pub body_t50_ms: Option<f64>,
    /// When nine tenths had.
    pub body_t90_ms: Option<f64>,
    /// When 99 of 100 had.
    pub body_t99_ms: Option<f64>,
    /// The same as `body_t90_ms`, but the mean over blocks.
    pub mean_body_t90_ms: Option<f64>,
    /// The share of mined blocks that are not on the final chain.
    pub stale_rate: f64,
    /// How many blocks were mined, those of the warm-up with them.
    pub mined: u64,
    /// How many of those are not on the final chain.
    pub orphaned: u64,
    /// How often a node's turn to mine came while it was not ready to.
    pub idle_draws: u64,
    /// How many announcements of one header a node received, in the mean.
    pub header_copies: f64,
    /// How many copies of one body a node received, in the mean.
    pub body_copies: f64,
    /// How many bytes a node sent, in the mean.
    pub bytes_per_node: f64,
    /// The events: facts that were told to nodes, and what the network did.
    pub events: u64,
    /// The simulated time, milliseconds.
    pub simulated_ms: u64,
    /// A hash over all events, 32 hex digits: equal for equal setups, on every platform.
    pub trace_hash: String,
    /// The delays of every share of nodes.
    pub curves: Curves,
    /// `degrees[d]` nodes had `d` links at the end.
    pub degrees: Vec<u32>,
    /// The links that honest nodes chose, by why, at the end; none where nodes do not choose.
    pub chosen: Vec<ChosenCount>,
    /// What was sent, by packet, in the order of their first bytes.
    pub packets: Vec<PacketCount>,
    /// Some of the nodes, for a picture.
    pub places: Vec<PlaceView>,
    /// The links among them at the end.
    pub links: Vec<LinkView>,
    /// How many connections honest nodes closed for a fault.
    pub faults: u64,
    /// How many of those were with an honest node that was not merely late.
    pub blames: u64,
    /// Laws that were seen broken: none, if all is well.
    pub violations: Vec<Violation>,
}

impl Report {
    /// A report of nothing yet.
    pub(super) fn empty(setup: &Setup) -> Self {
        Self {
            topology: setup.topology,
            nodes: setup.nodes,
            honest: setup.nodes,
            blocks: 0,
            seed: setup.seed,
            t50_ms: None,
            t90_ms: None,
            t99_ms: None,
            mean_t90_ms: None,
            body_t50_ms: None,
            body_t90_ms: None,
            body_t99_ms: None,
            mean_body_t90_ms: None,
            stale_rate: 0.0,
            mined: 0,
            orphaned: 0,
            idle_draws: 0,
            header_copies: 0.0,
            body_copies: 0.0,
            bytes_per_node: 0.0,
            events: 0,
            simulated_ms: 0,
            trace_hash: String::new(),
            curves: Curves::default(),
            degrees: Vec::new(),
            chosen: Vec::new(),
            packets: Vec::new(),
            places: Vec::new(),
            links: Vec::new(),
            faults: 0,
            blames: 0,
            violations: Vec::new(),
        }
    }
}

/// The delays of every share of nodes, the median over blocks: entry `i` is of `i + 1` in a hundred.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Curves {
    /// Until the header was known.
    pub header_ms: Vec<Option<f64>>,
    /// Until the body was verified.
    pub body_ms: Vec<Option<f64>>,
}

/// The links that honest nodes chose for one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ChosenCount {
    /// Why: the slot's name.
    pub slot: String,
    /// How many links there are.
    pub links: u64,
    /// How many of them lead to Byzantine nodes.
    pub to_byzantine: u64,
}

/// What was sent of one packet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PacketCount {
    /// The packet's name.
    pub name: String,
    /// How many frames.
    pub frames: u64,
    /// How many bytes.
    pub bytes: u64,
}

/// A node in a picture.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct PlaceView {
    /// The node's number.
    pub node: u32,
    /// From 0 (left) to 1 (right).
    pub x: f64,
    /// From 0 (top) to 1 (bottom).
    pub y: f64,
    /// Whether it is honest.
    pub honest: bool,
    /// Until it knew a header, the mean over blocks.
    pub header_ms: Option<f64>,
}

/// A link in a picture.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct LinkView {
    /// The node that opened it.
    pub a: u32,
    /// The other.
    pub b: u32,
    /// Its round trip, milliseconds.
    pub rtt_ms: f64,
}

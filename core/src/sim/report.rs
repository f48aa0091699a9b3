//! A report: the measurements, as plain numbers that any program can read.
//!
//! Delays are in milliseconds from the moment a block is mined. They cover the honest nodes. A
//! share that a block did not reach has no delay. The caller adds measurements that depend on the
//! machine, such as events per second.

use serde::Serialize;

use super::setup::{SimConfig, Topology};
use super::violation::Violation;

/// The most nodes that a picture shows.
pub(super) const PLACES_MAX: u32 = 400;

/// The stage of a simulation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// Nodes connect, and the first blocks are not measured.
    Warming,
    /// Blocks are measured.
    Measuring,
    /// Faults have ended, and the nodes are to agree.
    Settling,
    /// All is measured.
    Done,
}

/// The progress of a simulation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Progress {
    /// The stage.
    pub stage: Stage,
    /// The number of events that ran.
    pub events: u64,
    /// The elapsed simulated time, milliseconds.
    pub simulated_ms: u64,
    /// The number of blocks mined, including the warm-up.
    pub blocks_mined: u64,
    /// The number of blocks that will be mined before the nodes settle.
    pub blocks_wanted: u64,
}

impl Progress {
    /// Returns true if there is nothing left to run.
    pub fn is_done(&self) -> bool {
        self.stage == Stage::Done
    }
}

/// The measurements of a simulation.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// The topology: which nodes connected to which.
    pub topology: Topology,
    /// The number of nodes.
    pub nodes: u32,
    /// The number of honest nodes.
    pub honest: u32,
    /// The number of measured blocks.
    pub blocks: u32,
    /// The seed.
    pub seed: u64,
    /// The time until half of the nodes knew a block's header, the median over blocks.
    pub t50_ms: Option<f64>,
    /// The time until nine tenths knew it.
    pub t90_ms: Option<f64>,
    /// The time until 99 of 100 knew it.
    pub t99_ms: Option<f64>,
    /// The same as `t90_ms`, but the mean over blocks. Blocks from remote places weigh as much as
    /// they are late.
    pub mean_t90_ms: Option<f64>,
    /// The time until half of the nodes had verified a block's body, the median over blocks.
    pub body_t50_ms: Option<f64>,
    /// The time until nine tenths had.
    pub body_t90_ms: Option<f64>,
    /// The time until 99 of 100 had.
    pub body_t99_ms: Option<f64>,
    /// The same as `body_t90_ms`, but the mean over blocks.
    pub mean_body_t90_ms: Option<f64>,
    /// The share of mined blocks that are not on the final chain.
    pub stale_rate: f64,
    /// The number of mined blocks, including the warm-up.
    pub mined: u64,
    /// The number of mined blocks that are not on the final chain.
    pub orphaned: u64,
    /// The number of times that a node's turn to mine came while it was not ready.
    pub idle_draws: u64,
    /// The mean number of announcements of one header that a node received.
    pub header_copies: f64,
    /// The mean number of copies of one body that a node received.
    pub body_copies: f64,
    /// The mean number of bytes that a node sent.
    pub bytes_per_node: f64,
    /// The number of events: inputs of nodes, and actions of the network.
    pub events: u64,
    /// The simulated time, milliseconds.
    pub simulated_ms: u64,
    /// A hash over all events, 32 hex digits. It is equal for equal setups, on every platform.
    pub trace_hash: String,
    /// The delays of every share of nodes.
    pub curves: Curves,
    /// `degrees[d]` nodes had `d` links at the end.
    pub degrees: Vec<u32>,
    /// The links that honest nodes chose, by reason, at the end. Empty if nodes do not choose.
    pub chosen: Vec<ChosenCount>,
    /// The frames that were sent, by packet, in the order of their first bytes.
    pub packets: Vec<PacketCount>,
    /// Some of the nodes, for a picture.
    pub places: Vec<PlaceView>,
    /// The links among them at the end.
    pub links: Vec<LinkView>,
    /// The number of connections that honest nodes closed for a fault.
    pub faults: u64,
    /// The number of these faults that accuse an honest node that was not merely late.
    pub blames: u64,
    /// The invariants that were broken. Empty if all is well.
    pub violations: Vec<Violation>,
}

impl Report {
    /// Creates an empty report.
    pub(super) fn empty(setup: &SimConfig) -> Self {
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

/// The delays of every share of nodes, the median over blocks. Entry `i` is the delay of `i + 1`
/// nodes in a hundred.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Curves {
    /// The delays until the header was known.
    pub header_ms: Vec<Option<f64>>,
    /// The delays until the body was verified.
    pub body_ms: Vec<Option<f64>>,
}

/// The links that honest nodes chose for one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ChosenCount {
    /// The reason: the slot's name.
    pub slot: String,
    /// The number of links.
    pub links: u64,
    /// The number of links that lead to Byzantine nodes.
    pub to_byzantine: u64,
}

/// The frames that were sent of one packet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PacketCount {
    /// The packet's name.
    pub name: String,
    /// The number of frames.
    pub frames: u64,
    /// The number of bytes.
    pub bytes: u64,
}

/// A node in a picture.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct PlaceView {
    /// The node's number.
    pub node: u32,
    /// The position from 0 (left) to 1 (right).
    pub x: f64,
    /// The position from 0 (top) to 1 (bottom).
    pub y: f64,
    /// Whether it is honest.
    pub honest: bool,
    /// The delay until it knew a header, the mean over blocks.
    pub header_ms: Option<f64>,
}

/// A link in a picture.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct LinkView {
    /// The node that opened it.
    pub a: u32,
    /// The other node.
    pub b: u32,
    /// Its round trip, milliseconds.
    pub rtt_ms: f64,
}

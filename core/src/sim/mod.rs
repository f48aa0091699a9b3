//! The simulator: thousands of production [`crate::node::Node`]s in one process, on a simulated
//! network, from one seed.
//!
//! A [`SimConfig`] configures a simulation, a [`Simulation`] runs it slice by slice, and a
//! [`Report`] holds the measurements. A simulation is a driver like any other: it speaks only the
//! public API, reports inputs to nodes and carries out their outputs by the law of a driver. It
//! never waits, reads no clock, and computes with integers wherever an event depends on the result.
//! So the same configuration gives the same events, and the same [`Report::trace_hash`], natively
//! and as WebAssembly.
//!
//! # Map
//!
//! | type | what it is |
//! | --- | --- |
//! | [`SimConfig`] | the configuration of a simulation, checked |
//! | [`Latency`] | the time that light and routers take between two places |
//! | [`Attack`] | the rule that a Byzantine node breaks |
//! | [`Report`] | the measurements |
//! | [`ReportFrame`] | the state of the network at one moment |
//! | [`Violation`] | a broken invariant, with everything that is needed to reproduce it |
//!
//! # Beside the scenarios
//!
//! `plexus-tests` has a second driver of several nodes, `Scenario`, because a test needs what a fast
//! simulation cannot give. A scenario's test acts between two events: it cuts single links, fails the
//! power at a chosen transaction, and sends any bytes from a scripted peer. It has light nodes, a
//! store for each node, late answers of the store and the verifier, and a check of every frame. The
//! simulator does without these to run up to 20,000 nodes, also in a browser: all nodes are full,
//! share stored blocks and verified signatures, and get their answers at once.
//!
//! **Architecture Invariant:** the simulator speaks only the public API of the other folders.

mod adversary;
mod adversary_actions;
mod attack;
mod audit;
mod bound;
mod checks;
mod counts;
mod event;
mod fault_injection;
mod fault_injector;
mod frame_interner;
mod frame_kind;
mod host;
mod identity;
mod invariants;
mod latency;
mod link;
mod measure;
mod measurements;
mod prefetching;
mod report;
mod report_frame;
mod rng;
mod schedule;
mod setup;
mod shared_storage;
mod signature_cache;
mod simulation;
mod store;
mod timing_wheel;
mod topology_builder;
mod trace;
mod traffic;
mod transport;
mod turn;
mod violation;
mod workload;
mod workload_actions;
mod world;

pub use attack::Attack;
pub use latency::{Latency, Matrix, MatrixError, ROWS_MAX, RTT_MS_MAX, RTT_US_MIN, SPHERE_RTT_US};
pub use report::{ChosenCount, Curves, LinkView, PacketCount, PlaceView, Progress, Report, Stage};
pub use report_frame::{BLOCKS_SHOWN_MAX, BlockStance, ReportFrame, SceneBlock};
pub use setup::{
    BLOCKS_MAX, BODY_BYTES_MAX, BYZANTINE_PER_MILLE_MAX, ByzantineShare, COMPLETE_NODES_MAX, Churn,
    DELAY_US_MAX, Faults, INTERVAL_MS_MAX, MESSAGES_PER_MINUTE_MAX, NODES_MAX, OUTBOUND_MAX, Partition,
    SKEW_MS_MAX, SimConfig, SimConfigError, Topology,
};
pub use simulation::Simulation;
pub use violation::{Invariant, Violation};

#[cfg(test)]
mod tests;

//! The laboratory: thousands of production [`crate::node::Node`]s in one process, on a simulated network, from one seed.
//!
//! A [`SimConfig`] says what is simulated, a [`Simulation`] runs it slice by slice, a [`Report`] says what was measured. It is a
//! driver like any other: it speaks only the public API, reports inputs to nodes and carries out their outputs by the law of a
//! driver. It waits for nothing, reads no clock and computes with integers wherever an event depends on it, so the same
//! setup gives the same events, and the same [`Report::trace_hash`], natively and as WebAssembly.
//!
//! # Map
//!
//! | noun | what it is |
//! | --- | --- |
//! | [`setup`] | the configuration of a simulation, checked |
//! | [`latency`] | how long light and routers take between two places |
//! | [`attack`] | the rule that a Byzantine node breaks |
//! | [`report`] | what was measured |
//! | [`report_frame`] | how the network stands at a moment |
//! | [`violation`] | a law that was seen broken, with all that is needed to see it again |
//!
//! **Architecture Invariant:** the simulator speaks only the public API of the other folders.

mod adversary;
mod adversary_actions;
pub mod attack;
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
pub mod latency;
mod link;
mod measure;
mod measurements;
mod prefetching;
pub mod report;
pub mod report_frame;
mod rng;
mod schedule;
pub mod setup;
mod shared_storage;
mod signature_cache;
pub mod simulation;
mod store;
mod timing_wheel;
mod topology_builder;
mod trace;
mod traffic;
mod transport;
mod turn;
pub mod violation;
mod workload;
mod workload_actions;
mod world;

pub use attack::Attack;
pub use latency::{Latency, Matrix, MatrixError};
pub use report::{ChosenCount, Curves, LinkView, PacketCount, PlaceView, Progress, Report, Stage};
pub use report_frame::{BlockStance, ReportFrame, SceneBlock};
pub use setup::{ByzantineShare, Churn, Faults, Partition, SimConfig, SimConfigError, Topology};
pub use simulation::Simulation;
pub use violation::{Invariant, Violation};

#[cfg(test)]
mod tests;

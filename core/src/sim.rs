//! The laboratory: thousands of production [`crate::node::Node`]s in one process, on a simulated network, from one seed.
//!
//! A [`Setup`] says what is simulated, a [`Simulation`] runs it slice by slice, a [`Report`] says what was measured. It is a
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
//! | [`treason`] | the rule that a Byzantine node breaks |
//! | [`report`] | what was measured |
//! | [`scene`] | how the network stands at a moment |
//! | [`violation`] | a law that was seen broken, with all that is needed to see it again |

mod ahead;
mod audit;
mod bound;
mod chance;
mod counts;
mod host;
mod kind;
pub mod latency;
mod link;
mod mask;
mod measure;
mod memo;
mod people;
pub mod report;
pub mod scene;
pub mod setup;
mod shared;
pub mod simulation;
mod store;
mod trace;
mod traffic;
pub mod treason;
pub mod violation;
mod watch;
mod weather;
mod wheel;
mod wiring;
mod world;

pub use latency::{Latency, Matrix, MatrixError};
pub use report::{ChosenCount, Curves, LinkView, PacketCount, PlaceView, Progress, Report, Stage};
pub use scene::{Scene, SceneBlock, Stance};
pub use setup::{Churn, Faults, Partition, Setup, SetupError, Topology, Traitors};
pub use simulation::Simulation;
pub use treason::Treason;
pub use violation::{Law, Violation};

#[cfg(test)]
mod tests;

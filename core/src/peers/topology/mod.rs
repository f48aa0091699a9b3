//! Topology: the certified links between nodes, and the plans, forecasts and drawings made of them.
//!
//! **Architecture Invariant:** a link counts only with a certificate that both its ends signed.

pub mod forecast;
pub mod graph;
pub(crate) mod link_planner;
pub(crate) mod pending_certificates;
pub mod render;

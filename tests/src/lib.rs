//! Plexus from the outside: scenarios that use only the public API of core, and real processes that
//! are started, watched, killed and queried.
//!
//! # Map
//!
//! | kind | files |
//! | --- | --- |
//! | several nodes inside one process | [`scenario`] [`cast`] [`actions`] [`peer_selection`] [`node_host`] [`scripted_peer`] [`actor`] [`wires`] [`frame_log`] [`queue`] [`test_rng`] |
//! | real processes | [`process`] [`api`] [`observer`] [`prometheus`] [`browser`] [`site`] [`npm`] `tmux` [`tools`] [`wait`] |
//! | real distances (Linux) | `enclosure` `netns` `tun` `distance` |
//! | a real crowd (Linux) | `enclosure` `crowd` |
//! | blocks made by hand, inputs from the vectors | [`block_builder`] [`vectors`] |
//! | miners and branches, without hashes | [`mining_game`] |
//!
//! A world is replayed by its seed. A failure prints `SEED=…`, and the environment variable `SEED`
//! sets it.

#![allow(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "this crate is all tests: a panic is how a test fails"
)]

pub mod actions;
pub mod actor;
pub mod api;
pub mod block_builder;
pub mod browser;
pub mod cast;
#[cfg(target_os = "linux")]
pub mod crowd;
#[cfg(target_os = "linux")]
pub mod distance;
#[cfg(target_os = "linux")]
pub mod enclosure;
pub mod frame_log;
pub mod mining_game;
#[cfg(target_os = "linux")]
pub mod netns;
pub mod node_host;
pub mod npm;
pub mod observer;
pub mod peer_selection;
pub mod process;
pub mod prometheus;
pub mod queue;
pub mod scenario;
pub mod scripted_peer;
pub mod site;
pub mod test_rng;
#[cfg(unix)]
pub mod tmux;
pub mod tools;
#[cfg(target_os = "linux")]
pub mod tun;
pub mod vectors;
pub mod wait;
pub mod wires;

//! Mining: the search of one miner, and the user's settings for all of them.
//!
//! **Architecture Invariant:** a miner's program has `miner` and `duty_cycle` only, so it stays
//! small.

#[cfg(feature = "miner")]
pub(crate) mod duty_cycle;
#[cfg(feature = "node")]
pub(crate) mod gpu;
#[cfg(feature = "miner")]
pub(crate) mod miner;
#[cfg(feature = "node")]
pub(crate) mod rate;
#[cfg(feature = "node")]
pub(crate) mod settings;

//! Peers: the addresses that a node knows, the peers that it connects to, and those that it evicts
//! or bans.
//!
//! **Architecture Invariant:** all of it is a hint for relay and for the choice of peers.
//! Consensus never depends on it.

pub mod address_book;
pub(crate) mod allowance;
pub mod ban_list;
pub mod chain_status;
pub(crate) mod connections;
pub mod eviction;
pub mod outbound_slots;
pub(crate) mod peer;
pub(crate) mod reconnect;
pub mod topology;

pub use reconnect::TARGETS_MAX;

//! The protocol: the packets between two peers, their limits, and the faults in them.
//!
//! **Architecture Invariant:** bytes become bounded types here and nowhere else.

pub mod address;
pub mod bounded;
pub mod compact_block;
pub(crate) mod connection;
pub mod handling_cost;
pub mod handshake;
pub mod hello;
pub mod host;
pub mod limits;
pub mod link_certificate;
pub mod link_digest;
pub mod misbehavior;
pub mod netgroup;
pub mod packet;
pub(crate) mod ping;

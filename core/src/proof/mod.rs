//! Proofs: a chain proof shows a chain's work without its headers, and an inclusion proof shows
//! that a message is in a block of that chain. A verdict tells how much that is worth.
//!
//! **Architecture Invariant:** a proof is verified with no network and no clock.

pub mod chain_proof;
pub mod inclusion_proof;
pub mod verdict;

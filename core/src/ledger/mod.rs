//! The ledger: the rules of consensus, the chain of headers, and the messages that wait for a
//! block.
//!
//! **Architecture Invariant:** each rule is written once, here. The ledger knows of no peers, and
//! it knows the time only as an argument.

pub mod chain;
pub mod fork_choice;
pub mod hash_rate;
pub mod json;
pub mod known_work;
pub(crate) mod mempool;
pub(crate) mod presync;
pub mod signature_batch;
pub mod validation;
pub mod validation_trace;

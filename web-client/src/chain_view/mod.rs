//! The view of the chain: its stored part, its newest blocks, and the part that the page shows.
//!
//! **Architecture Invariant:** nothing here asks the node or the network. The driver passes in what
//! happened.

pub(crate) mod block_cache;
pub(crate) mod chain_store;
pub(crate) mod feed;
pub(crate) mod proof_check;
pub(crate) mod reorg;
pub(crate) mod sent_messages;
pub(crate) mod tracked_map;

//! Synchronization: requests for headers, blocks and messages, and the relay of new ones.
//!
//! **Architecture Invariant:** nothing here decides whether a block is valid.

pub(crate) mod assumed_range;
pub(crate) mod block_download;
pub(crate) mod block_relay;
pub(crate) mod headers;
pub(crate) mod pending_messages;
pub(crate) mod recent_blocks;

pub use block_download::{BODY_TIMEOUT, STALLS_MAX};
pub use block_relay::{EAGER_BYTES_MAX, PUSH_PATIENCE};

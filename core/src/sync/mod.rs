//! Synchronization: requests for headers, blocks and messages, and the relay of new ones.
//!
//! **Architecture Invariant:** nothing here decides whether a block is valid.

pub mod block_download;
pub mod block_relay;
pub(crate) mod block_sync;
pub mod headers;
pub mod message_relay;
pub mod recent_blocks;

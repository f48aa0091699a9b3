//! Limits: the most items and bytes of each packet.

use crate::primitives::block::BLOCK_BYTES_MAX;
pub use crate::proof::chain_proof::PROOF_BYTES_MAX;

/// The most addresses of one sample.
pub const ADDRESSES_MAX: usize = 64;
/// The most headers of one answer.
pub const HEADERS_MAX: usize = 2_000;
/// The most bytes of a body, compact or parts packet beyond the network's `block_bytes_max`.
pub const BLOCK_PACKET_EXTRA_BYTES: usize = 16;
/// The most bytes of any frame, in any network. A driver cuts longer ones off unread.
pub const FRAME_BYTES_MAX: usize = block_packet_bytes_max(BLOCK_BYTES_MAX);
/// The most bodies requested at once.
pub const BODIES_MAX: usize = 128;
/// The most messages announced or requested at once.
pub const MESSAGE_IDS_MAX: usize = 1_024;
/// The most messages in one packet.
pub const MESSAGES_MAX: usize = 128;
/// The most certificates of links in one packet.
pub const LINKS_MAX: usize = 256;
/// The most bytes of the reason in a farewell.
pub const FAREWELL_BYTES_MAX: usize = 256;

/// Returns the most bytes of a body, compact or parts packet in a network with this
/// `block_bytes_max`.
pub const fn block_packet_bytes_max(block_bytes_max: usize) -> usize {
    block_bytes_max + BLOCK_PACKET_EXTRA_BYTES
}

//! The state of block synchronization: the requests for headers and bodies, the relay of new
//! blocks, and the progress so far.

use crate::primitives::block::Header;
use crate::primitives::collections::vec_map::VecMap;
use crate::primitives::hash::Hash;
use crate::primitives::pow::Work;
use crate::primitives::time::{MonotonicTime, Timestamp};
use crate::sync::block_download::BlockDownload;
use crate::sync::block_relay::BlockRelay;
use crate::sync::headers::HeadersSync;
use crate::sync::recent_blocks::RecentBlocks;

/// Follows the best branch of the peers.
#[derive(Debug, Default)]
pub(crate) struct BlockSync {
    pub(crate) headers: HeadersSync,
    pub(crate) download: BlockDownload,
    pub(crate) relay: BlockRelay,
    pub(crate) recent: RecentBlocks,
    /// Headers from the future, by the time at which they become acceptable.
    pub(crate) early: VecMap<(Timestamp, Hash), Header>,
    pub(crate) early_deadline: Option<MonotonicTime>,
    /// When a body was last connected or no body was missing.
    pub(crate) last_progress: MonotonicTime,
    /// True if bodies of a longer path are on their way.
    pub(crate) is_catching_up: bool,
    /// The most work that a peer claims to have.
    pub(crate) most_claimed: Work,
    /// Counts reorganisations. After one, an earlier answer of the store about the best chain is
    /// outdated and the query is repeated.
    pub(crate) reorg_count: u64,
}

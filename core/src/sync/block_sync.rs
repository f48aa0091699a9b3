//! The state of block synchronization: the requests for headers and bodies, the relay of new
//! blocks, and the progress so far.

use crate::ledger::chain::Chain;
use crate::ledger::validation::BLOCK_AHEAD_MS;
use crate::primitives::block::Header;
use crate::primitives::collections::vec_map::VecMap;
use crate::primitives::hash::Hash;
use crate::primitives::pow::Work;
use crate::primitives::time::{MonotonicTime, Now, Timestamp};
use crate::protocol::connection::ConnectionId;
use crate::sync::block_download::BlockDownload;
use crate::sync::block_relay::BlockRelay;
use crate::sync::headers::HeadersSync;
use crate::sync::recent_blocks::RecentBlocks;

/// The most headers from the future that are kept back. Further ones are dropped, and come again
/// with their children.
pub const EARLY_MAX: usize = 64;

/// Follows the best branch of the peers.
#[derive(Debug, Default)]
pub(crate) struct BlockSync {
    pub(crate) headers: HeadersSync,
    pub(crate) download: BlockDownload,
    pub(crate) relay: BlockRelay,
    pub(crate) recent: RecentBlocks,
    /// Headers from the future, by the time at which they become acceptable.
    early: VecMap<(Timestamp, Hash), Header>,
    early_deadline: Option<MonotonicTime>,
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

impl BlockSync {
    /// Returns true if the node waits for data that is on its way. It stops waiting for headers or
    /// bodies that do not come, however much work a peer claims.
    pub(crate) fn is_behind(&self) -> bool {
        self.headers.blocks_bodies() || self.headers.is_redownloading() || self.is_catching_up
    }

    /// Returns true if peers have more work than we have and it is being fetched.
    pub(crate) fn is_syncing(&self) -> bool {
        self.headers.is_requesting() || self.is_behind()
    }

    /// Keeps a header from the future back, if there is room.
    pub(crate) fn keep_early(&mut self, now: Now, header: Header) {
        if self.early.len() < EARLY_MAX {
            let at = header.time.minus_ms(BLOCK_AHEAD_MS);
            self.early.insert((at, header.hash()), header);
        }
        self.update_early_deadline(now);
    }

    /// Returns the next header from the future that has become acceptable.
    pub(crate) fn take_early(&mut self, now: Now) -> Option<Header> {
        self.early.pop_first_if(|(at, _)| *at <= now.time).map(|(_, header)| header)
    }

    /// Notes when the first of the headers from the future becomes acceptable.
    pub(crate) fn update_early_deadline(&mut self, now: Now) {
        self.early_deadline = self.early.keys().next().map(|(at, _)| now.moment_of(*at));
    }

    pub(crate) fn early_deadline(&self) -> Option<MonotonicTime> {
        self.early_deadline
    }

    /// Gives up the requests to a peer that is gone.
    pub(crate) fn closed(&mut self, peer: ConnectionId, chain: &mut Chain) {
        self.headers.closed(peer, chain);
        self.download.closed(peer);
        self.relay.closed(peer);
    }
}

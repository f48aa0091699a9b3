//! Block synchronization: follows the best branch of the peers, and relays its new blocks.
//!
//! The verbs are grouped by subject: `headers` finds and follows the best header, `proof` starts
//! from a proven chain, `bodies` downloads and verifies bodies, `connect` moves the tip, and
//! `relay` passes new blocks on. [`HeadersSync`], [`BlockDownload`], [`BlockRelay`] and
//! [`RecentBlocks`] are the parts that know nothing of the rest of the node.
//!
//! Bounds: [`EARLY_MAX`] headers from the future, and the bounds of its parts.

use crate::ledger::validation::time_to_take;
use crate::node::context::Context;
use crate::primitives::block::Header;
use crate::primitives::collections::vec_map::VecMap;
use crate::primitives::hash::Hash;
use crate::primitives::pow::Work;
use crate::primitives::time::{MonotonicTime, Now, Timestamp};
use crate::protocol::connection::ConnectionId;
use crate::protocol::misbehavior::Misbehavior;
use crate::protocol::packet::Packet;
use crate::sync::block_download::BlockDownload;
use crate::sync::block_relay::BlockRelay;
use crate::sync::headers::HeadersSync;
use crate::sync::recent_blocks::RecentBlocks;

mod bodies;
pub(crate) mod connect;
pub(crate) mod headers;
mod proof;
pub(crate) mod relay;

/// A node at most this many blocks behind its best header counts as synchronized: the bodies are on
/// their way.
pub const NEAR_TIP_BLOCKS: usize = 3;
/// The most headers from the future that are kept back. Further ones are dropped, and come again
/// with their children.
pub const EARLY_MAX: usize = 64;

/// A peer that misbehaved, and its misbehavior.
pub(crate) type PeerMisbehavior = (ConnectionId, Misbehavior);

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
    /// When a light node began to wait for the bodies of the path, if it waits.
    pub(crate) path_since: Option<MonotonicTime>,
    /// True if bodies of a longer path are on their way.
    pub(crate) is_catching_up: bool,
    /// The height and the hash of the next body, if all peers that have the block deleted it. It
    /// stays until that block is connected, a peer has its body, or no peer claims more work than
    /// ours.
    lacking: Option<(u64, Hash)>,
    /// The most work that a peer claims to have.
    most_claimed: Work,
    /// Counts reorganisations. After one, an earlier answer of the store about the best chain is
    /// outdated and the query is repeated.
    reorg_count: u64,
    /// True if no new block may be stored.
    is_disk_full: bool,
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

    /// Returns the height of the next body, if all peers that have the block deleted it.
    pub(crate) fn lacking_height(&self) -> Option<u64> {
        self.lacking.map(|(height, _)| height)
    }

    /// Stops or resumes to take new blocks. Requests that are in flight end first: the answers to
    /// them are bounded.
    pub(crate) fn set_disk_full(&mut self, now: MonotonicTime, is_full: bool) {
        self.is_disk_full = is_full;
        // The time-out for bodies starts again.
        self.last_progress = now;
    }

    /// Returns true if no new block may be stored.
    pub(crate) fn is_disk_full(&self) -> bool {
        self.is_disk_full
    }

    /// Keeps a header from the future back, if there is room.
    fn keep_early(&mut self, now: Now, header: Header) {
        if self.early.len() < EARLY_MAX {
            let at = time_to_take(&header);
            self.early.insert((at, header.hash()), header);
        }
        self.update_early_deadline(now);
    }

    /// Returns the next header from the future that has become acceptable.
    fn take_early(&mut self, now: Now) -> Option<Header> {
        self.early.pop_first_if(|(at, _)| *at <= now.time).map(|(_, header)| header)
    }

    /// Notes when the first of the headers from the future becomes acceptable.
    fn update_early_deadline(&mut self, now: Now) {
        self.early_deadline = self.early.keys().next().map(|(at, _)| now.moment_of(*at));
    }

    pub(crate) fn early_deadline(&self) -> Option<MonotonicTime> {
        self.early_deadline.filter(|_| !self.is_disk_full)
    }

    /// Handles a peer that has completed the handshake: notes the work that it claims, and announces
    /// our tip, which it may have missed.
    pub(crate) fn established(&mut self, cx: &mut Context<'_>, peer: ConnectionId) {
        if let Some(established) = cx.connections.established(peer) {
            self.most_claimed = self.most_claimed.max(established.claim);
        }
        let tip = cx.chain.tip();
        if tip.header.height > 0 {
            cx.outbox.send(peer, &Packet::Announce(tip.header));
            cx.outbox.send(peer, &Packet::Held(tip.hash));
        }
    }

    /// Gives up the requests to a peer that is gone.
    pub(crate) fn closed(&mut self, cx: &mut Context<'_>, peer: ConnectionId) {
        let claims = cx.connections.established_peers().map(|(_, established)| established.claim);
        self.most_claimed = claims.max().unwrap_or_default();
        self.headers.closed(peer, cx.chain);
        self.download.closed(peer);
        self.relay.closed(peer);
    }
}

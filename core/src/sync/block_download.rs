//! Bodies: downloads the bodies along the chain's path, in a moving window from several peers, and
//! verifies them.
//!
//! Specified in PROTOCOL.md, "On the wire".
//!
//! A body is requested from the nearest peer that has it and is not busy. Its contents are checked
//! at once, and its signatures go to the driver as a batch. Then it waits until all bodies below it
//! are verified. A peer that stalls is asked for less, and then closed. Its open requests go to the
//! next nearest peer, or to itself again if no other can serve them.
//!
//! Bounds: at most [`WINDOW_MAX`] blocks of the path are requested or held at once, and at most
//! [`PEER_BODIES_MAX`] requested from one peer. While [`HELD_BYTES_MAX`] are held, only the lowest
//! is requested.

use core::time::Duration;
use std::sync::Arc;

use bytes::Bytes;

use crate::ledger::chain::{Chain, ChainEntry};
use crate::ledger::signature_batch::{BatchId, KnownIn};
use crate::primitives::block::Block;
use crate::primitives::collections::fifo_set::FifoSet;
use crate::primitives::collections::ordered_map::OrderedSet;
use crate::primitives::collections::vec_map::VecMap;
use crate::primitives::hash::Hash;
use crate::primitives::message::MessageId;
use crate::primitives::pow::Work;
use crate::primitives::time::{MonotonicTime, Now};
use crate::protocol::connection::ConnectionId;
use crate::protocol::misbehavior::Misbehavior;
use crate::sync::block_relay::BlockRelay;

/// The most blocks of the path that are requested, being verified or waiting for the ones below.
pub(crate) const WINDOW_MAX: usize = 256;
/// The most bodies requested from one peer at once.
pub(crate) const PEER_BODIES_MAX: usize = 64;
/// The number of held bytes of bodies from which on only the body that they wait for is requested.
pub(crate) const HELD_BYTES_MAX: usize = 32 << 20;
/// The time for which a peer may send none of the requested bodies. It doubles with each stall.
pub const BODY_TIMEOUT: Duration = Duration::from_secs(5);
/// The number of stalls after which a peer is closed.
pub const STALLS_MAX: u32 = 3;
/// The most bodies that timed out at a peer and may still arrive.
const EXPIRED_MAX: usize = 256;

/// A peer that may be asked, as the node sees it. The node lists the nearest first, and those that
/// it gave up last.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DownloadPeer {
    pub(crate) peer: ConnectionId,
    /// The most work of a branch that it has.
    pub(crate) claim: Work,
    /// The height from which on it has the bodies of that branch. A peer that prunes deleted those
    /// below.
    pub(crate) lowest_body: u64,
}

/// The record of a peer's answers.
#[derive(Debug, Default)]
struct PeerDownloads {
    in_flight: usize,
    progress: MonotonicTime,
    stalls: u32,
    expired: FifoSet<Hash, EXPIRED_MAX>,
    /// True if it was slow to serve a branch that only it had.
    given_up: bool,
}

/// A body whose contents match its header.
#[derive(Clone, Debug)]
pub(crate) struct DownloadedBody {
    pub(crate) block: Arc<Block>,
    pub(crate) hash: Hash,
    pub(crate) encoded: Bytes,
    pub(crate) ids: Arc<[MessageId]>,
    /// The indexes of messages that we did not have when it came, ascending. Our peers may lack
    /// them too.
    pub(crate) missing: Arc<[u16]>,
    /// The sender. `None` for a block mined here.
    pub(crate) peer: Option<ConnectionId>,
    /// The number of reorganisations when the store was asked for its ids.
    pub(crate) reorg_count: u64,
}

/// A body whose signatures are valid.
#[derive(Debug)]
pub(crate) struct ValidatedBody {
    pub(crate) body: DownloadedBody,
    pub(crate) seen: Vec<KnownIn>,
}

/// The bodies in flight.
#[derive(Debug, Default)]
pub(crate) struct BlockDownload {
    in_flight: VecMap<Hash, ConnectionId>,
    checking: VecMap<BatchId, DownloadedBody>,
    ready: VecMap<Hash, ValidatedBody>,
    pending: OrderedSet<Hash>,
    held_bytes: usize,
    records: VecMap<ConnectionId, PeerDownloads>,
    /// The blocks that a peer reported as missing. Few peers have any, and each arriving body is
    /// looked up here.
    not_found: VecMap<ConnectionId, FifoSet<Hash, EXPIRED_MAX>>,
}

impl BlockDownload {
    /// Returns the bodies to request from each peer. `sources` are nearest first.
    pub(crate) fn next(
        &mut self,
        now: Now,
        chain: &Chain,
        relay: &BlockRelay,
        sources: &[DownloadPeer],
    ) -> Vec<(ConnectionId, Vec<Hash>)> {
        // All held bodies wait for the lowest one, so that one is always requested.
        let window = if self.held_bytes < HELD_BYTES_MAX { WINDOW_MAX } else { 1 };
        let mut orders: VecMap<ConnectionId, Vec<Hash>> = VecMap::default();
        // A peer is asked again when half of its open requests are answered, so that requests stay
        // few.
        let mut free: VecMap<ConnectionId, usize> = VecMap::default();
        for source in sources {
            let record = self.records.get_or_default(source.peer);
            let room = PEER_BODIES_MAX >> record.stalls.min(6);
            if record.in_flight <= room / 2 {
                free.insert(source.peer, room - record.in_flight);
            }
        }
        for hash in chain.missing_blocks().take(window) {
            if self.pending.contains(hash) {
                continue;
            }
            if free.values().all(|&room| room == 0) {
                break;
            }
            let Some(block) = chain.find(hash) else { continue };
            let able = |source: &&DownloadPeer| {
                let has_room = free.get(&source.peer).is_some_and(|&room| room > 0);
                has_room && self.can_serve(now, relay, source, &block)
            };
            let in_time = |source: &&DownloadPeer| {
                able(source)
                    && self.records.get(&source.peer).is_none_or(|record| !record.expired.contains(hash))
            };
            let source = sources.iter().find(in_time).or_else(|| sources.iter().find(able));
            let Some(peer) = source.map(|source| source.peer) else { continue };
            if let Some(room) = free.get_mut(&peer) {
                *room -= 1;
            }
            orders.get_or_default(peer).push(*hash);
        }
        for (peer, hashes) in &orders {
            let record = self.records.get_or_default(*peer);
            if record.in_flight == 0 {
                record.progress = now.moment;
            }
            record.in_flight += hashes.len();
            for hash in hashes {
                self.pending.insert(*hash);
                self.in_flight.insert(*hash, *peer);
            }
        }
        orders.into_vec()
    }

    fn can_serve(&self, now: Now, relay: &BlockRelay, source: &DownloadPeer, block: &ChainEntry) -> bool {
        let has_body = source.claim >= block.total_work && source.lowest_body <= block.header.height;
        (has_body || relay.can_serve(now.moment, source.peer, &block.hash))
            && !self.has_not_found(source.peer, &block.hash)
    }

    /// Returns the lowest block of the path if peers have it, and all of them deleted its body.
    pub(crate) fn pruned_everywhere(
        &self,
        now: Now,
        chain: &Chain,
        relay: &BlockRelay,
        sources: &[DownloadPeer],
    ) -> Option<ChainEntry> {
        let lowest = chain.missing_blocks().next().and_then(|hash| chain.find(hash))?;
        let pruned = |source: &DownloadPeer| {
            source.claim >= lowest.total_work && source.lowest_body > lowest.header.height
        };
        let is_lacking = sources.iter().any(pruned) && !self.is_available(now, chain, relay, sources);
        is_lacking.then_some(lowest)
    }

    /// Returns the only peer of `sources` that can serve the lowest block of the path, if another
    /// peer claims as much work as the best header has.
    pub(crate) fn sole_source(
        &self,
        now: Now,
        chain: &Chain,
        relay: &BlockRelay,
        sources: &[DownloadPeer],
    ) -> Option<DownloadPeer> {
        let lowest = chain.missing_blocks().next().and_then(|hash| chain.find(hash))?;
        let mut able = sources.iter().filter(|source| self.can_serve(now, relay, source, &lowest));
        let (sole, another) = (able.next()?, able.next());
        let most = chain.best_header().total_work;
        let has_rival = sources.iter().any(|source| source.peer != sole.peer && source.claim >= most);
        (another.is_none() && has_rival).then_some(*sole)
    }

    /// Notes that a peer was slow to serve the branch that only it has.
    pub(crate) fn give_up_source(&mut self, peer: ConnectionId) {
        self.records.get_or_default(peer).given_up = true;
    }

    /// Returns true if a peer was slow to serve a branch that only it had. It may claim the other
    /// branches too, so it is asked for bodies after the others, however near.
    pub(crate) fn was_given_up(&self, peer: ConnectionId) -> bool {
        self.records.get(&peer).is_some_and(|record| record.given_up)
    }

    /// Returns true if a peer reported a block as missing.
    fn has_not_found(&self, peer: ConnectionId, hash: &Hash) -> bool {
        self.not_found.get(&peer).is_some_and(|not_found| not_found.contains(hash))
    }

    /// Returns true if all of the path is requested, being verified or waiting for its turn.
    pub(crate) fn is_in_flight(&self, chain: &Chain) -> bool {
        chain.missing_blocks().all(|hash| self.pending.contains(hash))
    }

    /// Returns true if the lowest block of the path is in flight or a peer of `sources` can serve
    /// it.
    pub(crate) fn is_available(
        &self,
        now: Now,
        chain: &Chain,
        relay: &BlockRelay,
        sources: &[DownloadPeer],
    ) -> bool {
        let lowest = chain.missing_blocks().next().and_then(|hash| chain.find(hash));
        lowest.is_some_and(|lowest| {
            self.pending.contains(&lowest.hash)
                || sources.iter().any(|source| self.can_serve(now, relay, source, &lowest))
        })
    }

    /// Returns the lowest block of the path if every peer of `sources` was asked and none can serve
    /// it.
    pub(crate) fn is_unavailable(&self, chain: &Chain, sources: &[DownloadPeer]) -> Option<Hash> {
        let hash = chain.missing_blocks().next()?;
        let refuses = |source: &DownloadPeer| self.has_not_found(source.peer, hash);
        (!self.pending.contains(hash) && sources.iter().any(refuses) && sources.iter().all(refuses))
            .then_some(*hash)
    }

    /// Returns the ids in blocks below `branch` whose turn has not come yet.
    pub(crate) fn waiting_below(&self, chain: &Chain, branch: &Hash) -> OrderedSet<MessageId> {
        let waiting = self.checking.values().chain(self.ready.values().map(|ready| &ready.body));
        let below = waiting.filter(|body| chain.is_ancestor(&body.hash, branch));
        below.flat_map(|body| body.ids.iter().copied()).collect()
    }

    fn timeout(record: &PeerDownloads) -> Duration {
        BODY_TIMEOUT * (1 << record.stalls.min(6))
    }

    pub(crate) fn deadline(&self) -> Option<MonotonicTime> {
        if self.in_flight.is_empty() {
            return None;
        }
        let waits = self.records.values().filter(|record| record.in_flight > 0);
        waits.map(|record| record.progress + Self::timeout(record)).min()
    }

    /// Takes back the open requests of stalling peers. Returns the peers that stalled too often.
    pub(crate) fn tick(&mut self, now: MonotonicTime) -> Vec<ConnectionId> {
        let mut lost = Vec::new();
        if self.in_flight.is_empty() {
            return lost;
        }
        for (&peer, record) in &mut self.records {
            if record.in_flight == 0 || record.progress + Self::timeout(record) > now {
                continue;
            }
            record.stalls += 1;
            record.in_flight = 0;
            record.progress = now;
            if record.stalls >= STALLS_MAX {
                lost.push(peer);
            }
            let owed: Vec<_> =
                self.in_flight.iter().filter(|(_, asked)| **asked == peer).map(|(hash, _)| *hash).collect();
            for hash in owed {
                self.in_flight.remove(&hash);
                self.pending.remove(&hash);
                record.expired.insert(hash);
            }
        }
        lost
    }

    /// Takes the request for the lowest block of the path back from a slow peer, if another peer can
    /// serve it and was not slow itself.
    pub(crate) fn take_back_lowest(
        &mut self,
        now: Now,
        chain: &Chain,
        relay: &BlockRelay,
        sources: &[DownloadPeer],
    ) {
        let Some(lowest) = chain.missing_blocks().next().and_then(|hash| chain.find(hash)) else { return };
        let Some(slow) = self.in_flight.get(&lowest.hash).copied() else { return };
        let is_fresh = |source: &DownloadPeer| {
            let record = self.records.get(&source.peer);
            source.peer != slow && record.is_none_or(|record| !record.expired.contains(&lowest.hash))
        };
        let can_replace =
            |source: &DownloadPeer| is_fresh(source) && self.can_serve(now, relay, source, &lowest);
        if !sources.iter().any(can_replace) {
            return;
        }
        self.in_flight.remove(&lowest.hash);
        self.pending.remove(&lowest.hash);
        let record = self.records.get_or_default(slow);
        record.in_flight = record.in_flight.saturating_sub(1);
        record.expired.insert(lowest.hash);
    }

    /// Handles a closed connection: its open requests go to other peers.
    pub(crate) fn closed(&mut self, peer: ConnectionId) {
        self.records.remove(&peer);
        self.not_found.remove(&peer);
        let owed: Vec<_> =
            self.in_flight.iter().filter(|(_, asked)| **asked == peer).map(|(hash, _)| *hash).collect();
        for hash in owed {
            self.in_flight.remove(&hash);
            self.pending.remove(&hash);
        }
    }

    /// Handles an arrived body. Returns true if it is still needed.
    ///
    /// # Errors
    /// [`Misbehavior::Unsolicited`] if the peer was not asked for it.
    pub(crate) fn received(
        &mut self,
        now: Now,
        peer: ConnectionId,
        hash: &Hash,
    ) -> Result<bool, Misbehavior> {
        let record = self.records.get_or_default(peer);
        if self.in_flight.get(hash) == Some(&peer) {
            self.in_flight.remove(hash);
            self.pending.remove(hash);
            record.in_flight = record.in_flight.saturating_sub(1);
            record.progress = now.moment;
            return Ok(true);
        }
        if record.expired.contains(hash) {
            record.progress = now.moment;
            return Ok(!self.pending.contains(hash) || self.in_flight.contains_key(hash));
        }
        Err(Misbehavior::Unsolicited { packet: "body" })
    }

    /// Returns true if a body is needed: it is neither being verified nor waiting for its turn.
    pub(crate) fn is_wanted(&self, hash: &Hash) -> bool {
        !self.pending.contains(hash) || self.in_flight.contains_key(hash)
    }

    /// Requests a body from a peer out of turn. Returns false if it is already in flight.
    pub(crate) fn request(&mut self, now: Now, peer: ConnectionId, hash: Hash) -> bool {
        if !self.pending.insert(hash) {
            return false;
        }
        self.in_flight.insert(hash, peer);
        let record = self.records.get_or_default(peer);
        if record.in_flight == 0 {
            record.progress = now.moment;
        }
        record.in_flight += 1;
        true
    }

    /// Notes that the peer reported a block as missing.
    ///
    /// # Errors
    /// [`Misbehavior::Unsolicited`] if the peer was not asked for it.
    pub(crate) fn received_missing(
        &mut self,
        now: Now,
        peer: ConnectionId,
        hash: &Hash,
    ) -> Result<(), Misbehavior> {
        self.received(now, peer, hash)?;
        self.not_found.get_or_default(peer).insert(*hash);
        Ok(())
    }

    /// Notes that the peer has the block now, even if it reported it as missing before.
    pub(crate) fn mark_has_body(&mut self, peer: ConnectionId, hash: &Hash) {
        if self.has_not_found(peer, hash) {
            self.not_found.remove(&peer);
        }
    }

    /// Resets the stalls of a peer that delivered a valid body, so that it gets its full share
    /// again.
    fn forgive(&mut self, peer: Option<ConnectionId>) {
        if let Some(record) = peer.and_then(|peer| self.records.get_mut(&peer)) {
            record.stalls = 0;
        }
    }

    /// Notes that a body's signatures are being verified.
    pub(crate) fn check(&mut self, batch: BatchId, body: DownloadedBody) {
        self.pending.insert(body.hash);
        // It came late from another peer. The peer that was asked in its place may still deliver
        // it.
        if let Some(asked) = self.in_flight.remove(&body.hash)
            && let Some(record) = self.records.get_mut(&asked)
        {
            record.in_flight = record.in_flight.saturating_sub(1);
            record.expired.insert(body.hash);
        }
        self.held_bytes += body.encoded.len();
        self.checking.insert(batch, body);
    }

    /// Returns the body of a batch that was verified.
    pub(crate) fn checked(&mut self, batch: BatchId) -> Option<DownloadedBody> {
        let body = self.checking.remove(&batch)?;
        self.held_bytes -= body.encoded.len();
        self.pending.remove(&body.hash);
        Some(body)
    }

    /// Keeps a body with valid signatures until the bodies below it are verified.
    pub(crate) fn keep(&mut self, body: DownloadedBody, seen: Vec<KnownIn>) {
        self.forgive(body.peer);
        self.pending.insert(body.hash);
        self.held_bytes += body.encoded.len();
        self.ready.insert(body.hash, ValidatedBody { body, seen });
    }

    /// Returns true if a block's body waits only for the bodies below it.
    pub(crate) fn is_ready(&self, hash: &Hash) -> bool {
        self.ready.contains_key(hash)
    }

    /// Removes and returns the body of a child of this block, if it waits only for the bodies below
    /// it.
    pub(crate) fn take_ready_on(&mut self, parent: &Hash) -> Option<ValidatedBody> {
        let on = |ready: &&ValidatedBody| ready.body.block.header.prev_hash == *parent;
        let hash = self.ready.values().find(on)?.body.hash;
        self.take_ready(&hash)
    }

    /// Removes and returns the body of a block, if it waits only for the bodies below it.
    pub(crate) fn take_ready(&mut self, hash: &Hash) -> Option<ValidatedBody> {
        let ready = self.ready.remove(hash)?;
        self.held_bytes -= ready.body.encoded.len();
        self.pending.remove(hash);
        Some(ready)
    }

    /// Drops the bodies of blocks that are no longer on the path.
    pub(crate) fn prune(&mut self, chain: &Chain) {
        if self.ready.len() + self.in_flight.len() <= WINDOW_MAX && self.held_bytes < HELD_BYTES_MAX {
            return;
        }
        let wanted: OrderedSet<_> = chain.missing_blocks().take(2 * WINDOW_MAX).copied().collect();
        let stale: Vec<_> = self.ready.keys().filter(|hash| !wanted.contains(*hash)).copied().collect();
        for hash in stale {
            self.take_ready(&hash);
        }
    }
}

#[cfg(test)]
mod tests;

//! Relaying: passes headers on at once, pushes bodies to peers that lack them, and accepts pushed
//! bodies.

use std::sync::Arc;

use crate::ledger::mempool::Mempool;
use crate::ledger::validation::{self, RuleError};
use crate::node::block_sync::BlockSync;
use crate::node::config::FULL;
use crate::node::context::Context;
use crate::node::event::Event;
use crate::node::memory_answer::MemoryAnswer;
use crate::node::storage::PeerRequest;
use crate::peers::connections::PeerConnections;
use crate::peers::peer::Peer;
use crate::peers::topology::forecast::FirstHopForecast;
use crate::primitives::block::{Block, Header};
use crate::primitives::hash::Hash;
use crate::primitives::time::MonotonicTime;
use crate::protocol::bounded::BoundedVec;
use crate::protocol::compact_block::{BlockMessages, CompactBlock, GetMessagesAt, PartialBlock};
use crate::protocol::connection::ConnectionId;
use crate::protocol::limits::block_packet_bytes_max;
use crate::protocol::misbehavior::Misbehavior;
use crate::protocol::packet::Packet;
use crate::sync::block_download::DownloadedBody;
use crate::sync::block_relay::PushCandidate;

/// A message younger than this when it is mined here, in milliseconds, may be new to the peers.
const FRESH_MS: u64 = 2_000;

impl BlockSync {
    /// Passes a header on to all peers that are not known to have it.
    pub(crate) fn announce_header(
        &mut self,
        cx: &mut Context<'_>,
        header: &Header,
        hash: &Hash,
        from: Option<ConnectionId>,
    ) {
        self.relay.begin(cx.now.moment, *hash, from, cx.connections.len());
        let peers = self.mark_announced(cx, header, hash);
        cx.outbox.broadcast(peers, &Packet::Announce(*header));
    }

    /// Announces a block of our own. The header is sent only after the block is durable.
    pub(crate) fn announce_own(&mut self, cx: &mut Context<'_>, header: &Header, hash: &Hash) {
        self.relay.begin(cx.now.moment, *hash, None, cx.connections.len());
        let peers = self.mark_announced(cx, header, hash);
        cx.outbox.broadcast_after_commit(peers, &Packet::Announce(*header));
    }

    /// Returns the peers that do not know a header yet, and flags them as informed.
    fn mark_announced(&mut self, cx: &mut Context<'_>, header: &Header, hash: &Hash) -> Vec<ConnectionId> {
        let unaware =
            cx.connections.established_peers_mut().filter(|(id, _)| self.relay.mark_announced(*id, hash));
        let announced = unaware.map(|(id, established)| {
            established.tip.assume_followed(cx.chain, header, hash);
            id
        });
        announced.collect()
    }

    /// Handles a block that we mined: inserts its header, and announces it. Returns its body to
    /// connect.
    pub(crate) fn insert_own(&mut self, cx: &mut Context<'_>, block: Block) -> Option<DownloadedBody> {
        let (header, hash) = (block.header, block.header.hash());
        if header.prev_hash != cx.chain.tip().hash || cx.chain.insert(header, cx.now.time).is_err() {
            return None;
        }
        cx.chain.find(&hash)?;
        let network = *cx.chain.network().id();
        let ids = block.messages.iter().map(|message| message.id(&network)).collect();
        let encoded = block.encode().into();
        self.announce_own(cx, &header, &hash);
        let (missing, reorg_count) = (Arc::new([]), self.reorg_count);
        Some(DownloadedBody { block: block.into(), hash, encoded, ids, missing, peer: None, reorg_count })
    }

    /// Sends a verified block's body on: our own once it is durable, another's at once.
    pub(crate) fn push_body(
        &mut self,
        cx: &mut Context<'_>,
        body: &DownloadedBody,
        forecast: &FirstHopForecast,
    ) {
        let Some((first, _)) = self.relay.first(&body.hash) else {
            // The block was synchronized, not announced: no peer expects it, but some peer may lack
            // it.
            let others =
                cx.connections.established_peers().map(|(id, _)| id).filter(|id| Some(*id) != body.peer);
            let others: Vec<_> = others.collect();
            return cx.outbox.broadcast_after_commit(others, &Packet::Held(body.hash));
        };
        let whole = match body.peer {
            Some(_) => body.missing.clone(),
            None => {
                let (mined, messages) = (body.block.header.time, body.block.messages.iter());
                indexes_of(messages.map(|message| mined.ms_since(message.time()) < FRESH_MS))
            }
        };
        let compact = CompactBlock::new(body.hash, &body.block, &whole);
        let mut frame = Packet::Compact(Box::new(compact)).encode();
        if frame.len() > block_packet_bytes_max(cx.chain.network().block_bytes_max()) {
            // A full block of new messages is requested whole by the peers that need it.
            frame = Packet::Held(body.hash).encode();
        }
        let connections = &*cx.connections;
        let candidate = |(peer, known): (ConnectionId, &Peer)| {
            let rtt = known.established()?.ping.latency();
            let (forecast, downstream_nodes) = first_hop(forecast, connections, first, peer);
            Some(PushCandidate { peer, rtt, forecast, downstream_nodes })
        };
        let candidates: Vec<_> = connections.iter().filter_map(candidate).collect();
        for peer in self.relay.push(cx.now.moment, &body.hash, &frame, candidates.into_iter()) {
            match body.peer {
                Some(_) => cx.outbox.send_frame(peer, frame.clone()),
                None => cx.outbox.send_frame_after_commit(peer, frame.clone()),
            }
        }
    }

    /// Pushes bodies to peers whose silence shows that they wait for them.
    pub(crate) fn tick_relay(&mut self, cx: &mut Context<'_>) {
        for (peer, frame) in self.relay.tick(cx.now.moment) {
            cx.outbox.send_frame(peer, frame);
        }
    }

    /// Handles a body that is pushed to us.
    ///
    /// # Errors
    /// The peer's misbehavior.
    pub(crate) fn received_compact(
        &mut self,
        cx: &mut Context<'_>,
        peer: ConnectionId,
        compact: CompactBlock,
        pool: &Mempool,
    ) -> Result<(), Misbehavior> {
        let hash = compact.hash;
        self.received_held(cx, peer, hash);
        // Many peers send small bodies. All but the first require no further step.
        cx.schedule.dirty |= !cx.chain.is_verified(&hash);
        let Some(entry) = cx.chain.find(&hash).filter(|_| !self.is_disk_full) else { return Ok(()) };
        if cx.chain.is_verified(&hash) || !self.download.is_wanted(&hash) || self.relay.is_partial(&hash) {
            return Ok(());
        }
        let partial = PartialBlock::new(entry.header, compact, pool.by_leaf());
        let missing = partial.missing();
        if missing.is_empty() {
            return self.put_together(cx, peer, hash, partial, pool);
        }
        self.relay.keep(hash, peer, partial);
        cx.outbox.send(peer, &Packet::GetParts(GetMessagesAt { hash, places: BoundedVec::new(missing) }));
        Ok(())
    }

    /// Handles a request for the missing messages of a body that we pushed.
    ///
    /// # Errors
    /// The peer was sent parts of this block already.
    pub(crate) fn received_get_parts(
        &self,
        cx: &mut Context<'_>,
        peer: ConnectionId,
        wanted: GetMessagesAt,
    ) -> Result<(), Misbehavior> {
        let GetMessagesAt { hash, places } = wanted;
        // A peer that requests parts was sent the rest moments ago.
        let Some(block) = self.recent.block(&hash).cloned() else { return Ok(()) };
        let Some(established) = cx.connections.established_mut(peer) else { return Ok(()) };
        if !established.allowance.take_parts(&hash) {
            return Err(Misbehavior::RepeatedRequest { packet: "get-parts" });
        }
        let parts = MemoryAnswer::Parts { hash, block, places: places.into_inner() };
        cx.outbox.serve(peer, PeerRequest::Memory(parts));
        Ok(())
    }

    /// Handles the missing messages of a pushed body.
    ///
    /// # Errors
    /// The peer's misbehavior.
    pub(crate) fn received_parts(
        &mut self,
        cx: &mut Context<'_>,
        peer: ConnectionId,
        parts: BlockMessages,
        pool: &Mempool,
    ) -> Result<(), Misbehavior> {
        let BlockMessages { hash, messages } = parts;
        // It may have been given up meanwhile.
        let Some(mut partial) = self.relay.take_partial(&hash, peer) else { return Ok(()) };
        if !partial.fill(messages.into_inner()) {
            return Err(Misbehavior::Unsolicited { packet: "parts" });
        }
        if cx.chain.is_verified(&hash) || !self.download.is_wanted(&hash) {
            return Ok(());
        }
        self.put_together(cx, peer, hash, partial, pool)
    }

    fn put_together(
        &mut self,
        cx: &mut Context<'_>,
        peer: ConnectionId,
        hash: Hash,
        partial: PartialBlock,
        pool: &Mempool,
    ) -> Result<(), Misbehavior> {
        let used_mempool = partial.used_mempool();
        let Some(block) = partial.complete() else { return Ok(()) };
        if used_mempool && is_another(cx, &block) {
            // Two ids start alike, so request the whole block.
            if self.download.request(cx.now, peer, hash) {
                cx.outbox.send(peer, &Packet::GetBodies(BoundedVec::new(vec![hash])));
            }
            return Ok(());
        }
        let encoded = block.encode().into();
        self.check_body(cx, peer, block, encoded, pool)
    }
}

/// Credits a valid block to the peer that announced it first, at `since`.
pub(crate) fn credit(
    cx: &mut Context<'_>,
    body: &DownloadedBody,
    first: Option<ConnectionId>,
    since: MonotonicTime,
) {
    if FULL && first.is_some() {
        let waited = cx.now.moment - since;
        let waited_ms = u64::try_from(waited.as_millis()).unwrap_or(u64::MAX);
        let age_ms = cx.now.time.ms_since(body.block.header.time).saturating_sub(waited_ms);
        cx.outbox.emit_after_commit(Event::Arrived { hash: body.hash, age_ms, waited });
    }
    if let Some(established) = first.and_then(|peer| cx.connections.established_mut(peer)) {
        established.first_deliveries += 1;
        established.last_delivery = Some(cx.now.moment);
    }
}

/// Returns true if a body is not the one that its header commits to.
fn is_another(cx: &Context<'_>, block: &Block) -> bool {
    let Some(history) = cx.chain.history(&block.header.prev_hash) else { return false };
    let failures = validation::check_contents(cx.chain.network(), &history.root(), block);
    failures.iter().any(|error| matches!(error, RuleError::Content { .. }))
}

/// Returns the probability, in thousandths, that a peer hears of a block first from us, and the
/// number of nodes downstream of it. `first` is the peer that sent us the block, or `None` for our
/// own.
fn first_hop(
    forecast: &FirstHopForecast,
    connections: &PeerConnections,
    first: Option<ConnectionId>,
    peer: ConnectionId,
) -> (Option<u16>, u32) {
    if !FULL {
        return (None, 0);
    }
    let key = |peer: ConnectionId| Some(&connections.established(peer)?.hello.key);
    let Some(to) = key(peer) else { return (None, 0) };
    let share = match first {
        Some(first) => key(first).and_then(|from| forecast.share(from, to)),
        None => forecast.own_share(to),
    };
    (share, forecast.downstream_nodes(to))
}

/// Returns the indexes of the messages that fit, in ascending order.
pub(super) fn indexes_of(fit: impl Iterator<Item = bool>) -> Arc<[u16]> {
    let fitting = fit.enumerate().filter(|(_, fits)| *fits);
    fitting.filter_map(|(index, _)| u16::try_from(index).ok()).collect()
}

//! Relaying: passes headers on at once, pushes bodies to peers that lack them, and accepts pushed
//! bodies.

use std::sync::Arc;

use super::{ConnectionId, FULL, Node};
use crate::node::event::Event;
use crate::peers::peer::Peer;
use crate::primitives::block::{Block, Header};
use crate::primitives::hash::Hash;
use crate::primitives::time::Now;
use crate::protocol::bounded::BoundedVec;
use crate::protocol::compact_block::{BlockMessages, CompactBlock, GetMessagesAt, PartialBlock};
use crate::protocol::limits::FRAME_BYTES_MAX;
use crate::protocol::misbehavior::Misbehavior;
use crate::protocol::packet::Packet;
use crate::sync::block_download::DownloadedBody;
use crate::sync::block_relay::PushCandidate;

/// A message younger than this when it is mined here, in milliseconds, may be new to the peers.
const FRESH_MS: u64 = 2_000;

impl Node {
    /// Passes a header on to all peers that are not known to have it.
    pub(super) fn announce_header(
        &mut self,
        now: Now,
        header: &Header,
        hash: &Hash,
        from: Option<ConnectionId>,
    ) {
        self.blocks.relay.begin(now.moment, *hash, from, self.connections.len());
        let peers = self.unaware(header, hash);
        self.outbox.broadcast(peers, &Packet::Announce(*header));
    }

    /// Announces a block of our own. The header is sent only after the block is durable.
    pub(super) fn announce_own(&mut self, now: Now, header: &Header, hash: &Hash) {
        self.blocks.relay.begin(now.moment, *hash, None, self.connections.len());
        let peers = self.unaware(header, hash);
        self.outbox.broadcast_later(peers, &Packet::Announce(*header));
    }

    /// Returns the peers that do not know a header yet, and flags them as informed.
    fn unaware(&mut self, header: &Header, hash: &Hash) -> Vec<ConnectionId> {
        let greeted = self.connections.iter_mut().filter_map(|(&id, peer)| Some((id, peer.greeted_mut()?)));
        let unaware = greeted.filter(|(id, _)| self.blocks.relay.tell(*id, hash));
        let told = unaware.map(|(id, greeted)| {
            greeted.stance.assume_followed(&self.chain, header, hash);
            id
        });
        told.collect()
    }

    /// Sends a verified block's body on: our own once it is durable, another's at once.
    pub(super) fn push_body(&mut self, now: Now, body: &DownloadedBody) {
        let Some((first, _)) = self.blocks.relay.first(&body.hash) else {
            // The block was synchronized, not announced: no peer expects it, but some peer may lack
            // it.
            let others = self.greeted().map(|(id, _)| id).filter(|id| Some(*id) != body.peer);
            let others: Vec<_> = others.collect();
            return self.outbox.broadcast_later(others, &Packet::Held(body.hash));
        };
        let whole = match body.peer {
            Some(_) => body.lacked.clone(),
            None => {
                let (mined, messages) = (body.block.header.time, body.block.messages.iter());
                places(messages.map(|message| mined.ms_since(message.time()) < FRESH_MS))
            }
        };
        let compact = CompactBlock::new(body.hash, &body.block, &body.ids, &whole);
        let mut frame = Packet::Compact(Box::new(compact)).encode();
        if frame.len() > FRAME_BYTES_MAX {
            // A full block of new messages is requested whole by the peers that need it.
            frame = Packet::Held(body.hash).encode();
        }
        let prospect = |(&peer, known): (&ConnectionId, &Peer)| {
            let rtt = known.greeted()?.ping.latency();
            let (forecast, behind) = self.forecast(first, peer);
            Some(PushCandidate { peer, rtt, forecast, behind })
        };
        let prospects: Vec<_> = self.connections.iter().filter_map(prospect).collect();
        for peer in self.blocks.relay.push(now.moment, &body.hash, &frame, prospects.into_iter()) {
            match body.peer {
                Some(_) => self.outbox.send_frame(peer, frame.clone()),
                None => self.outbox.send_frame_later(peer, frame.clone()),
            }
        }
    }

    /// Returns the probability, in thousandths, that a peer hears of a block first from us, and the
    /// number of nodes downstream of it. `first` is the peer that sent us the block, or `None` for
    /// our own.
    fn forecast(&self, first: Option<ConnectionId>, peer: ConnectionId) -> (Option<u16>, u32) {
        if !FULL {
            return (None, 0);
        }
        let key = |peer: ConnectionId| Some(&self.connections.get(&peer)?.greeted()?.hello.key);
        let Some(to) = key(peer) else { return (None, 0) };
        let share = match first {
            Some(first) => key(first).and_then(|from| self.peers.forecast.share(from, to)),
            None => self.peers.forecast.own_share(to),
        };
        (share, self.peers.forecast.downstream_nodes(to))
    }

    /// Credits a valid block to the peer that announced it first.
    pub(super) fn credit(&mut self, now: Now, body: &DownloadedBody) {
        let hash = body.hash;
        let Some((first, since)) = self.blocks.relay.first(&hash) else { return };
        if FULL && first.is_some() {
            let waited = now.moment - since;
            let waited_ms = u64::try_from(waited.as_millis()).unwrap_or(u64::MAX);
            let age_ms = now.time.ms_since(body.block.header.time).saturating_sub(waited_ms);
            self.outbox.tell_later(Event::Arrived { hash, age_ms, waited });
        }
        self.peers.slots.delivered(first);
        let greeted = first.and_then(|peer| self.connections.get_mut(&peer)).and_then(Peer::greeted_mut);
        if let Some(greeted) = greeted {
            greeted.firsts += 1;
            greeted.delivered = Some(now.moment);
        }
    }

    /// Pushes bodies to peers whose silence shows that they wait for them.
    pub(super) fn tick_relay(&mut self, now: Now) {
        for (peer, frame) in self.blocks.relay.tick(now.moment) {
            self.outbox.send_frame(peer, frame);
        }
    }

    /// Handles a body that is pushed to us.
    pub(super) fn received_compact(
        &mut self,
        now: Now,
        peer: ConnectionId,
        compact: CompactBlock,
    ) -> Result<(), Misbehavior> {
        let hash = compact.hash;
        self.received_held(peer, hash);
        // Many peers send small bodies. All but the first require no further step.
        self.schedule.dirty |= !self.chain.is_verified(&hash);
        let Some(place) = self.chain.find(&hash) else { return Ok(()) };
        if self.chain.is_verified(&hash)
            || !self.blocks.download.wants(&hash)
            || self.blocks.relay.is_partial(&hash)
        {
            return Ok(());
        }
        let partial = PartialBlock::new(place.header, compact, self.messages.pool.by_id());
        let missing = partial.missing();
        if missing.is_empty() {
            return self.put_together(now, peer, hash, partial);
        }
        self.blocks.relay.keep(hash, peer, partial);
        self.outbox.send(peer, &Packet::GetParts(GetMessagesAt { hash, places: BoundedVec::new(missing) }));
        Ok(())
    }

    pub(super) fn received_get_parts(&mut self, peer: ConnectionId, wanted: GetMessagesAt) {
        let GetMessagesAt { hash, places } = wanted;
        // A peer that requests parts was sent the rest moments ago.
        let Some(block) = self.blocks.recent.block(&hash).and_then(|bytes| Block::decode(bytes).ok()) else {
            return;
        };
        let part = |place: u16| Some(block.messages.get(usize::from(place))?.as_ref().clone());
        let messages = BoundedVec::new(places.into_inner().into_iter().filter_map(part).collect());
        let frame = Packet::Parts(BlockMessages { hash, messages }).encode();
        // Parts larger than a frame are not sent: after a while the peer requests the whole block.
        if frame.len() <= FRAME_BYTES_MAX {
            self.outbox.send_frame(peer, frame);
        }
    }

    pub(super) fn received_parts(
        &mut self,
        now: Now,
        peer: ConnectionId,
        parts: BlockMessages,
    ) -> Result<(), Misbehavior> {
        let BlockMessages { hash, messages } = parts;
        // It may have been given up meanwhile.
        let Some(mut partial) = self.blocks.relay.take_partial(&hash, peer) else { return Ok(()) };
        if !partial.fill(messages.into_inner()) {
            return Err(Misbehavior::Unsolicited { packet: "parts" });
        }
        if self.chain.is_verified(&hash) || !self.blocks.download.wants(&hash) {
            return Ok(());
        }
        self.put_together(now, peer, hash, partial)
    }

    fn put_together(
        &mut self,
        now: Now,
        peer: ConnectionId,
        hash: Hash,
        partial: PartialBlock,
    ) -> Result<(), Misbehavior> {
        let guessed = partial.used_mempool();
        let Some(block) = partial.complete() else { return Ok(()) };
        if guessed && self.is_another(&block) {
            // Two ids start alike, so request the whole block.
            if self.blocks.download.ask(now, peer, hash) {
                self.outbox.send(peer, &Packet::GetBodies(BoundedVec::new(vec![hash])));
            }
            return Ok(());
        }
        let encoded = block.encode().into();
        self.take_block(peer, block, encoded)
    }
}

/// Returns the indexes of the messages that fit, in ascending order.
pub(super) fn places(fit: impl Iterator<Item = bool>) -> Arc<[u16]> {
    let fitting = fit.enumerate().filter(|(_, fits)| *fits);
    fitting.filter_map(|(place, _)| u16::try_from(place).ok()).collect()
}

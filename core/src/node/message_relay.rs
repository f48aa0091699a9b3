//! Message relay: moves our own and the peers' messages into the mempool, announces them, and
//! removes them once a block contains them.
//!
//! Specified in PROTOCOL.md, "On the wire".
//!
//! Bounds: the mempool's, and those of [`PendingMessages`].

use std::sync::Arc;

use bytes::Bytes;

use crate::ledger::mempool::{Entry, Mempool, MempoolError, Removed, SENDER_MESSAGES_MAX};
use crate::ledger::signature_batch::{BatchId, SignatureBatch, SignatureCheck};
use crate::ledger::validation::{MESSAGE_AGE_MS, MESSAGE_AHEAD_MS, check_message_time};
use crate::node::context::Context;
use crate::node::event::Event;
use crate::node::memory_answer::MemoryAnswer;
use crate::node::storage::{Change, PeerRequest, StoreQuery};
use crate::node::submit_error::SubmitError;
use crate::peers::peer::{EstablishedPeer, REQUESTED_MESSAGES_MAX};
use crate::primitives::block::Block;
use crate::primitives::hash::Hash;
use crate::primitives::least_stamp::least_stamp_work;
use crate::primitives::message::{Message, MessageId, VerifiedMessage};
use crate::primitives::params::Network;
use crate::primitives::stamp::{stamp_level, stamp_work};
use crate::primitives::time::Timestamp;
use crate::protocol::bounded::BoundedVec;
use crate::protocol::connection::ConnectionId;
use crate::protocol::limits::MESSAGE_IDS_MAX;
use crate::protocol::misbehavior::Misbehavior;
use crate::protocol::packet::{MessageOffer, Packet};
use crate::sync::assumed_range::AssumedRange;
use crate::sync::block_download::DownloadedBody;
use crate::sync::pending_messages::{MessageBatch, PendingMessages};
use crate::sync::recent_blocks::RecentBlocks;

/// The most bodies that one query asks of the driver.
const QUERY_BODIES_MAX: usize = 64;

/// The messages that wait for a block, and the messages that peers announce.
#[derive(Debug)]
pub(crate) struct MessageRelay {
    pub(crate) pool: Mempool,
    pending: PendingMessages,
    /// True if a peer announced messages while blocks were being fetched.
    has_deferred_invs: bool,
    pub(crate) assumed: AssumedRange,
}

/// The knowledge about a message on its way into the mempool.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MessageOrigin {
    /// True if it is our own, or from an undone block.
    pub(crate) is_own: bool,
    /// True if the store has a block of the best chain with it.
    pub(crate) is_in_block: bool,
}

impl MessageRelay {
    /// Creates the state of a node to which no message was announced yet.
    pub(crate) fn new(pool: Mempool, assumed: AssumedRange) -> Self {
        Self { pool, pending: PendingMessages::default(), has_deferred_invs: false, assumed }
    }

    /// Adds a message of our own to the mempool and persists it. It is announced once the store has
    /// answered that it is in no block. If `had_place`, it was accepted before, and no stamp is due.
    ///
    /// # Errors
    /// The reason why the message is not accepted.
    pub(crate) fn submit(
        &mut self,
        cx: &mut Context<'_>,
        message: Message,
        had_place: bool,
        recent: &RecentBlocks,
    ) -> Result<MessageId, SubmitError> {
        let found = message.time();
        if check_message_time(0, &message, cx.now.time).is_some() {
            return Err(SubmitError::Time { found, local: cx.now.time });
        }
        let network = cx.chain.network();
        let (size, least) = (message.size(), least_stamp_work(network, message.size()));
        let found = stamp_work(&message.id(network.id()), message.stamp());
        if found < least && !had_place {
            return Err(SubmitError::StampTooLow { least, found });
        }
        let encoded = message.encode();
        let message = message.verify(cx.chain.network().id()).ok_or(SubmitError::Signature)?;
        let id = *message.id();
        if recent.is_on_best_chain(cx.chain, &id) {
            return Err(SubmitError::Known { id });
        }
        // The store may have it in a block. Until the store answers, the message waits and is not
        // selected.
        let entry = Entry { is_cleared: false, is_stored: true, had_place };
        let accepted = self.pool.insert(message.clone(), entry).map_err(|error| match error {
            MempoolError::Known => SubmitError::Known { id },
            MempoolError::SenderFull => SubmitError::SenderFull { max: SENDER_MESSAGES_MAX },
            MempoolError::Full { floor } => SubmitError::PoolFull { least: floor.work(size) },
        })?;
        let mut changes = vec![Change::Pooled { id, message: encoded.into() }];
        drop_evicted(cx, &accepted.evicted, &mut changes);
        cx.outbox.persist(changes);
        self.query_store(cx, vec![(message.message().clone(), id)]);
        Ok(id)
    }

    /// Queries the store for messages whose signatures are valid.
    fn query_store(&mut self, cx: &mut Context<'_>, messages: Vec<(Arc<Message>, MessageId)>) {
        if let Some(batch) = self.begin_query(cx, messages) {
            cx.outbox.verify(batch);
        }
    }

    /// Queries the store like [`Self::query_store`], but after the changes that are being gathered.
    fn query_store_after_commit(&mut self, cx: &mut Context<'_>, messages: Vec<(Arc<Message>, MessageId)>) {
        if let Some(batch) = self.begin_query(cx, messages) {
            cx.outbox.verify_after_commit(batch);
        }
    }

    fn begin_query(
        &mut self,
        cx: &mut Context<'_>,
        messages: Vec<(Arc<Message>, MessageId)>,
    ) -> Option<SignatureBatch> {
        if messages.is_empty() {
            return None;
        }
        let id = cx.outbox.next_batch_id();
        let ids = messages.iter().map(|(_, id)| *id).collect();
        self.pending.begin(id, MessageBatch { peer: None, messages });
        Some(SignatureBatch { id, checks: Vec::new(), ids })
    }

    /// Handles the announcement of messages while blocks are being fetched. They may contain the
    /// messages, so the messages are requested after the blocks.
    pub(crate) fn defer_inv(&mut self, cx: &mut Context<'_>, peer: ConnectionId, offers: Vec<MessageOffer>) {
        if let Some(established) = cx.connections.established_mut(peer) {
            established.deferred_invs.extend(offers);
            established.deferred_invs.truncate(MESSAGE_IDS_MAX);
            self.has_deferred_invs = true;
        }
    }

    /// Requests the messages that peers announced while blocks were being fetched.
    pub(crate) fn process_deferred_invs(&mut self, cx: &mut Context<'_>, recent: &RecentBlocks) {
        if !core::mem::take(&mut self.has_deferred_invs) {
            return;
        }
        let take = |(id, established): (ConnectionId, &mut EstablishedPeer)| {
            let offers = core::mem::take(&mut established.deferred_invs);
            (!offers.is_empty()).then_some((id, offers))
        };
        let deferred: Vec<_> = cx.connections.established_peers_mut().filter_map(take).collect();
        for (peer, offers) in deferred {
            self.received_inv(cx, peer, &offers, recent);
        }
    }

    /// Requests the announced messages that we lack, or have with less stamp work.
    pub(crate) fn received_inv(
        &self,
        cx: &mut Context<'_>,
        peer: ConnectionId,
        offers: &[MessageOffer],
        recent: &RecentBlocks,
    ) {
        let room = self.pending.room();
        let is_new = |offer: &&MessageOffer| {
            self.pool.is_below(&offer.id, offer.level) && !recent.is_on_best_chain(cx.chain, &offer.id)
        };
        let new: Vec<_> = offers.iter().filter(is_new).map(|offer| offer.id).collect();
        let Some(established) = cx.connections.established_mut(peer) else { return };
        let mut wanted = Vec::new();
        for offer in offers {
            established.messages.insert(*offer);
        }
        for id in new {
            let out = established.requested_messages.len();
            if out < REQUESTED_MESSAGES_MAX.min(room) && established.requested_messages.insert(id) {
                wanted.push(id);
            }
        }
        if !wanted.is_empty() {
            cx.outbox.send(peer, &Packet::GetMessages(BoundedVec::new(wanted)));
        }
    }

    /// Handles a request for messages that we offered.
    ///
    /// # Errors
    /// The peer made too many requests for messages that it was not offered, or has already.
    pub(crate) fn received_get_messages(
        &self,
        cx: &mut Context<'_>,
        peer: ConnectionId,
        ids: &[MessageId],
    ) -> Result<(), Misbehavior> {
        let network = cx.chain.network();
        let Some(established) = cx.connections.established_mut(peer) else { return Ok(()) };
        let (mut found, mut idle) = (Vec::new(), 0);
        for id in ids {
            if established.allowance.take(id) {
                let pooled = self.pool.find(id).filter(|found| is_relayed(network, found));
                found.extend(pooled.map(|found| found.message().clone()));
            } else {
                idle += 1;
            }
        }
        if idle > 0 && !established.allowance.idle(cx.now.moment, idle) {
            return Err(Misbehavior::RepeatedRequest { packet: "get-messages" });
        }
        if !found.is_empty() {
            cx.outbox.serve(peer, PeerRequest::Memory(MemoryAnswer::Messages(found)));
        }
        Ok(())
    }

    /// Handles requested messages: starts the verification of their signatures.
    ///
    /// # Errors
    /// The peer's misbehavior.
    pub(crate) fn received_messages(
        &mut self,
        cx: &mut Context<'_>,
        peer: ConnectionId,
        messages: Vec<Message>,
    ) -> Result<(), Misbehavior> {
        let network = cx.chain.network();
        let Some(established) = cx.connections.established_mut(peer) else {
            return Ok(());
        };
        let mut arriving = Vec::with_capacity(messages.len());
        for message in messages {
            let id = message.id(network.id());
            if !established.requested_messages.remove(&id) {
                return Err(Misbehavior::Unsolicited { packet: "messages" });
            }
            let (least, found) =
                (least_stamp_work(network, message.size()), stamp_work(&id, message.stamp()));
            if found < least {
                return Err(Misbehavior::StampTooLow { id, least, found });
            }
            if self.pool.wants(&id, found) && arriving.len() < self.pending.room() {
                arriving.push((Arc::new(message), id));
            }
        }
        if arriving.is_empty() {
            return Ok(());
        }
        let id = cx.outbox.next_batch_id();
        let check = |(message, id): &(Arc<Message>, MessageId)| SignatureCheck {
            digest: *id,
            key: *message.sender(),
            signature: *message.signature(),
        };
        let batch = SignatureBatch {
            id,
            checks: arriving.iter().map(check).collect(),
            ids: arriving.iter().map(|(_, id)| *id).collect(),
        };
        self.pending.begin(id, MessageBatch { peer: Some(peer), messages: arriving });
        cx.outbox.verify(batch);
        Ok(())
    }

    /// Ends the batch of these signatures. Returns its messages, or `None` if it had none.
    pub(crate) fn end_batch(&mut self, batch: BatchId) -> Option<MessageBatch> {
        self.pending.end(batch)
    }

    /// Handles a message whose signature is valid: adds it to the mempool, unless a block contains
    /// it or may contain it. Returns true if it is to be announced.
    pub(crate) fn verified(
        &mut self,
        cx: &mut Context<'_>,
        message: Arc<Message>,
        id: MessageId,
        origin: MessageOrigin,
        recent: &RecentBlocks,
    ) -> bool {
        if origin.is_in_block || recent.is_on_best_chain(cx.chain, &id) {
            self.remove(cx, &[id]);
            return false;
        }
        let is_own = origin.is_own && self.pool.contains(&id);
        if self.assumed.may_contain(&message, is_own) {
            return false;
        }
        let message = VerifiedMessage::trust(message, id);
        if is_own || !self.pool.wants(&id, message.stamp_work()) {
            if !self.pool.mark_confirmed_absent(&id) {
                return false;
            }
        } else if !self.admit(cx, message, origin) {
            return false;
        }
        let Some(message) = self.pool.find(&id) else { return false };
        cx.outbox.emit(Event::Pooled(message.clone()));
        true
    }

    /// Adds a message that is in no block to the mempool. Returns false if it is not accepted.
    fn admit(&mut self, cx: &mut Context<'_>, message: VerifiedMessage, origin: MessageOrigin) -> bool {
        if check_message_time(0, message.message(), cx.now.time).is_some() {
            return false;
        }
        let (id, encoded) = (*message.id(), message.message().encode());
        // The messages of undone blocks are stored with them.
        let entry = Entry { is_cleared: true, is_stored: false, had_place: origin.is_own };
        let Ok(accepted) = self.pool.insert(message, entry) else { return false };
        let mut changes = Vec::new();
        if accepted.replaces_stored {
            changes.push(Change::Pooled { id, message: encoded.into() });
        }
        drop_evicted(cx, &accepted.evicted, &mut changes);
        cx.outbox.persist(changes);
        true
    }

    /// Announces messages to the peers that do not know them.
    pub(crate) fn announce(&self, cx: &mut Context<'_>, ids: &[MessageId]) {
        let offers = self.offers(cx, ids.iter());
        for (peer, established) in cx.connections.established_peers_mut() {
            let new = offers.iter().filter(|offer| established.messages.insert(**offer));
            let new: Vec<_> = new.copied().collect();
            new.iter().for_each(|offer| established.allowance.offer(offer.id));
            for offers in new.chunks(MESSAGE_IDS_MAX) {
                cx.outbox.send(peer, &Packet::Have(BoundedVec::new(offers.to_vec())));
            }
        }
    }

    /// Announces the waiting messages to a new peer.
    pub(crate) fn announce_to(&self, cx: &mut Context<'_>, peer: ConnectionId) {
        let offers = self.offers(cx, self.pool.minable().take(MESSAGE_IDS_MAX));
        let Some(established) = cx.connections.established_mut(peer) else { return };
        for offer in &offers {
            established.messages.insert(*offer);
            established.allowance.offer(offer.id);
        }
        if !offers.is_empty() {
            cx.outbox.send(peer, &Packet::Have(BoundedVec::new(offers)));
        }
    }

    /// Returns how waiting messages are announced. Those whose stamps are too low to be relayed are
    /// left out: they come from blocks that were undone.
    fn offers<'a>(&self, cx: &Context<'_>, ids: impl Iterator<Item = &'a MessageId>) -> Vec<MessageOffer> {
        let network = cx.chain.network();
        let found = ids.filter_map(|id| self.pool.find(id)).filter(|found| is_relayed(network, found));
        found.map(|found| MessageOffer { id: *found.id(), level: stamp_level(found.stamp_work()) }).collect()
    }

    /// Removes messages that are too old for a block.
    pub(crate) fn expire(&mut self, cx: &mut Context<'_>) {
        let expired = self.pool.expire(cx.now.time);
        cx.outbox.persist(unpooled(&expired).collect());
    }

    /// Removes messages from the mempool, and persists the removal.
    fn remove(&mut self, cx: &mut Context<'_>, ids: &[MessageId]) {
        let mut changes = Vec::new();
        self.remove_from_pool(ids, &mut changes);
        cx.outbox.persist(changes);
    }

    fn remove_from_pool(&mut self, ids: &[MessageId], changes: &mut Vec<Change>) {
        let removed: Vec<_> = ids.iter().filter_map(|id| self.pool.remove(id)).collect();
        changes.extend(unpooled(&removed));
    }

    /// Handles blocks that a light node assumed valid, up to one of this time. They may contain
    /// waiting messages.
    pub(crate) fn assume(&mut self, cx: &Context<'_>, block: Timestamp) {
        self.assumed = AssumedRange { block, assumed_at: Some(cx.now.time) };
        self.pool.reverify_before(block.plus_ms(MESSAGE_AHEAD_MS));
    }

    /// Handles a block that joined the best chain as its tip: removes its messages from the mempool.
    pub(crate) fn block_joined(
        &mut self,
        cx: &mut Context<'_>,
        body: &DownloadedBody,
        changes: &mut Vec<Change>,
    ) {
        self.remove_from_pool(&body.ids, changes);
        self.pool.forget_replaced();
        let total_work = cx.chain.find(&body.hash).map(|entry| entry.total_work).unwrap_or_default();
        let mined_here = body.peer.is_none();
        let (hash, block) = (body.hash, body.block.clone());
        cx.outbox.emit_after_commit(Event::Connected { hash, block, total_work, mined_here });
    }

    /// Updates the mempool after a reorganisation. Undone blocks return their messages if they are
    /// young enough to be mined again. Blocks that joined below the last one remove theirs. The
    /// newest blocks are in memory, and the others are requested from the store.
    pub(crate) fn reorganized(
        &mut self,
        cx: &mut Context<'_>,
        undone: &[Hash],
        joined: &[Hash],
        recent: &RecentBlocks,
        changes: &mut Vec<Change>,
    ) {
        let oldest = cx.now.time.minus_ms(2 * MESSAGE_AGE_MS);
        let is_young = |hash: &&Hash| cx.chain.find(hash).is_some_and(|entry| entry.header.time >= oldest);
        let hashes: Vec<_> = undone.iter().filter(is_young).chain(joined).copied().collect();
        let (near, far): (Vec<_>, Vec<_>) = hashes.into_iter().partition(|hash| recent.block(hash).is_some());
        for bytes in near.iter().filter_map(|hash| recent.block(hash)) {
            self.read_block(cx, bytes, changes);
        }
        for hashes in far.chunks(QUERY_BODIES_MAX) {
            cx.outbox.query_store_after_commit(StoreQuery::Bodies(hashes.to_vec()));
        }
    }

    /// Handles the store's answer with blocks that a reorganisation moved.
    pub(crate) fn loaded_bodies(&mut self, cx: &mut Context<'_>, bodies: &[Bytes]) {
        let mut changes = Vec::new();
        for bytes in bodies {
            self.read_block(cx, bytes, &mut changes);
        }
        cx.outbox.persist(changes);
    }

    /// Handles a block that a reorganisation moved: an undone block returns its messages to the
    /// mempool, and a joined one removes its own.
    fn read_block(&mut self, cx: &mut Context<'_>, bytes: &Bytes, changes: &mut Vec<Change>) {
        let Ok(block) = Block::decode(bytes) else { return };
        let network = *cx.chain.network().id();
        let hash = block.header.hash();
        let messages: Vec<_> =
            block.messages.iter().map(|message| (message.clone(), message.id(&network))).collect();
        if cx.chain.best_at(block.header.height) != Some(&hash) {
            let room = self.pending.room();
            return self.query_store_after_commit(cx, messages.into_iter().take(room).collect());
        }
        let ids: Vec<_> = messages.iter().map(|(_, id)| *id).collect();
        self.remove_from_pool(&ids, changes);
        let total_work = cx.chain.find(&hash).map(|entry| entry.total_work).unwrap_or_default();
        let block = Arc::new(block);
        cx.outbox.emit_after_commit(Event::Connected { hash, block, total_work, mined_here: false });
    }
}

/// Returns true if nodes take a message from others.
fn is_relayed(network: &Network, message: &VerifiedMessage) -> bool {
    message.stamp_work() >= least_stamp_work(network, message.message().size())
}

/// Returns the changes that remove messages from the store.
fn unpooled(removed: &[Removed]) -> impl Iterator<Item = Change> {
    removed.iter().filter(|removed| removed.is_stored).map(|removed| Change::Unpooled { id: removed.id })
}

/// Removes evicted messages from the store too, and then reports them.
fn drop_evicted(cx: &mut Context<'_>, evicted: &[Removed], changes: &mut Vec<Change>) {
    changes.extend(unpooled(evicted));
    for removed in evicted {
        cx.outbox.emit_after_commit(Event::Dropped { id: removed.id });
    }
}

//! Message relay: moves our own and the peers' messages into the mempool, announces them, and
//! removes them once a block contains them.
//!
//! Specified in PROTOCOL.md, "On the wire".
//!
//! Bounds: the mempool's, and those of [`PendingMessages`].

use std::sync::Arc;

use bytes::Bytes;

use crate::ledger::mempool::{Mempool, MempoolError, SENDER_MESSAGES_MAX};
use crate::ledger::signature_batch::{BatchId, SignatureBatch, SignatureCheck};
use crate::ledger::validation::{MESSAGE_AGE_MS, MESSAGE_AHEAD_MS, check_message_time};
use crate::node::context::Context;
use crate::node::event::Event;
use crate::node::storage::{Change, StoreQuery};
use crate::node::submit_error::SubmitError;
use crate::peers::peer::{EstablishedPeer, REQUESTED_MESSAGES_MAX};
use crate::primitives::block::Block;
use crate::primitives::hash::Hash;
use crate::primitives::message::{Message, MessageId, VerifiedMessage};
use crate::primitives::time::Timestamp;
use crate::protocol::bounded::BoundedVec;
use crate::protocol::connection::ConnectionId;
use crate::protocol::limits::{MESSAGE_IDS_MAX, MESSAGES_MAX};
use crate::protocol::misbehavior::Misbehavior;
use crate::protocol::packet::Packet;
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
    /// answered that it is in no block.
    ///
    /// # Errors
    /// The reason why the message is not accepted.
    pub(crate) fn submit(
        &mut self,
        cx: &mut Context<'_>,
        message: Message,
        recent: &RecentBlocks,
    ) -> Result<MessageId, SubmitError> {
        let found = message.time();
        if check_message_time(0, &message, cx.now.time).is_some() {
            return Err(SubmitError::Time { found, local: cx.now.time });
        }
        let encoded = message.encode();
        let message = message.verify(cx.chain.network().id()).ok_or(SubmitError::Signature)?;
        let id = *message.id();
        if recent.is_on_best_chain(cx.chain, &id) {
            return Err(SubmitError::Known { id });
        }
        // The store may have it in a block. Until the store answers, the message waits and is not
        // selected.
        self.pool.insert(message.clone(), false).map_err(|error| match error {
            MempoolError::Known => SubmitError::Known { id },
            MempoolError::SenderFull => SubmitError::SenderFull { max: SENDER_MESSAGES_MAX },
            MempoolError::Full { floor } => SubmitError::PoolFull { floor },
        })?;
        cx.outbox.persist(vec![Change::Pooled { id, message: encoded.into() }]);
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
    pub(crate) fn defer_inv(&mut self, cx: &mut Context<'_>, peer: ConnectionId, ids: Vec<MessageId>) {
        if let Some(established) = cx.connections.established_mut(peer) {
            established.deferred_invs.extend(ids);
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
            let ids = core::mem::take(&mut established.deferred_invs);
            (!ids.is_empty()).then_some((id, ids))
        };
        let deferred: Vec<_> = cx.connections.established_peers_mut().filter_map(take).collect();
        for (peer, ids) in deferred {
            self.received_inv(cx, peer, &ids, recent);
        }
    }

    /// Requests the announced messages that we lack.
    pub(crate) fn received_inv(
        &self,
        cx: &mut Context<'_>,
        peer: ConnectionId,
        ids: &[MessageId],
        recent: &RecentBlocks,
    ) {
        let room = self.pending.room();
        let is_new = |id: &&MessageId| !self.pool.contains(id) && !recent.is_on_best_chain(cx.chain, id);
        let new: Vec<_> = ids.iter().filter(is_new).copied().collect();
        let Some(established) = cx.connections.established_mut(peer) else { return };
        let mut wanted = Vec::new();
        for id in ids {
            established.messages.insert(*id);
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

    pub(crate) fn received_get_messages(&self, cx: &mut Context<'_>, peer: ConnectionId, ids: &[MessageId]) {
        let found: Vec<Message> = ids
            .iter()
            .filter_map(|id| self.pool.find(id))
            .map(|found| found.message().as_ref().clone())
            .collect();
        for messages in found.chunks(MESSAGES_MAX) {
            cx.outbox.send(peer, &Packet::Messages(BoundedVec::new(messages.to_vec())));
        }
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
        let network = *cx.chain.network().id();
        let Some(established) = cx.connections.established_mut(peer) else {
            return Ok(());
        };
        let mut arriving = Vec::with_capacity(messages.len());
        for message in messages {
            let id = message.id(&network);
            if !established.requested_messages.remove(&id) {
                return Err(Misbehavior::Unsolicited { packet: "messages" });
            }
            if !self.pool.contains(&id) && arriving.len() < self.pending.room() {
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
        if is_own || self.pool.contains(&id) {
            self.pool.mark_confirmed_absent(&id);
        } else {
            let message = VerifiedMessage::trust(message, id);
            let is_in_time = check_message_time(0, message.message(), cx.now.time).is_none();
            if !is_in_time || self.pool.insert(message, true).is_err() {
                return false;
            }
        }
        let Some(message) = self.pool.find(&id) else { return false };
        cx.outbox.emit(Event::Pooled(message.clone()));
        true
    }

    /// Announces messages to the peers that do not know them.
    pub(crate) fn announce(&self, cx: &mut Context<'_>, ids: &[MessageId]) {
        for (peer, established) in cx.connections.established_peers_mut() {
            let new: Vec<_> = ids.iter().filter(|id| established.messages.insert(**id)).copied().collect();
            for ids in new.chunks(MESSAGE_IDS_MAX) {
                cx.outbox.send(peer, &Packet::Have(BoundedVec::new(ids.to_vec())));
            }
        }
    }

    /// Announces the waiting messages to a new peer.
    pub(crate) fn announce_to(&self, cx: &mut Context<'_>, peer: ConnectionId) {
        let ids: Vec<_> = self.pool.minable().take(MESSAGE_IDS_MAX).copied().collect();
        let Some(established) = cx.connections.established_mut(peer) else { return };
        for id in &ids {
            established.messages.insert(*id);
        }
        if !ids.is_empty() {
            cx.outbox.send(peer, &Packet::Have(BoundedVec::new(ids)));
        }
    }

    /// Removes messages that are too old for a block.
    pub(crate) fn expire(&mut self, cx: &mut Context<'_>) {
        let expired = self.pool.expire(cx.now.time);
        self.remove(cx, &expired);
    }

    /// Removes messages from the mempool, and persists the removal.
    fn remove(&mut self, cx: &mut Context<'_>, ids: &[MessageId]) {
        let removed = ids.iter().filter(|id| self.pool.remove(id).is_some());
        let changes: Vec<_> = removed.map(|id| Change::Unpooled { id: *id }).collect();
        cx.outbox.persist(changes);
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
        let removed = body.ids.iter().filter(|id| self.pool.remove(id).is_some());
        changes.extend(removed.map(|id| Change::Unpooled { id: *id }));
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
    ) {
        let oldest = cx.now.time.minus_ms(2 * MESSAGE_AGE_MS);
        let is_young = |hash: &&Hash| cx.chain.find(hash).is_some_and(|entry| entry.header.time >= oldest);
        let hashes: Vec<_> = undone.iter().filter(is_young).chain(joined).copied().collect();
        let (near, far): (Vec<_>, Vec<_>) = hashes.into_iter().partition(|hash| recent.block(hash).is_some());
        for bytes in near.iter().filter_map(|hash| recent.block(hash)) {
            self.read_block(cx, bytes);
        }
        for hashes in far.chunks(QUERY_BODIES_MAX) {
            cx.outbox.query_store_after_commit(StoreQuery::Bodies(hashes.to_vec()));
        }
    }

    /// Handles the store's answer with blocks that a reorganisation moved.
    pub(crate) fn loaded_bodies(&mut self, cx: &mut Context<'_>, bodies: &[Bytes]) {
        for bytes in bodies {
            self.read_block(cx, bytes);
        }
        cx.outbox.persist(Vec::new());
    }

    /// Handles a block that a reorganisation moved: an undone block returns its messages to the
    /// mempool, and a joined one removes its own.
    fn read_block(&mut self, cx: &mut Context<'_>, bytes: &Bytes) {
        let Ok(block) = Block::decode(bytes) else { return };
        let network = *cx.chain.network().id();
        let hash = block.header.hash();
        let messages: Vec<_> =
            block.messages.iter().map(|message| (message.clone(), message.id(&network))).collect();
        if cx.chain.best_at(block.header.height) != Some(&hash) {
            let room = self.pending.room();
            return self.query_store_after_commit(cx, messages.into_iter().take(room).collect());
        }
        for (_, id) in &messages {
            self.pool.remove(id);
        }
        let total_work = cx.chain.find(&hash).map(|entry| entry.total_work).unwrap_or_default();
        let block = Arc::new(block);
        cx.outbox.emit_after_commit(Event::Connected { hash, block, total_work, mined_here: false });
    }
}

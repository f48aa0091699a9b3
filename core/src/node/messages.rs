//! Messages: moves our own and the peers' messages into the mempool and out of it.

use std::sync::Arc;

use super::{ConnectionId, Node, SubmitError};
use crate::ledger::mempool::{MempoolError, SENDER_MESSAGES_MAX};
use crate::ledger::signature_batch::{BatchResult, SignatureBatch, SignatureCheck};
use crate::ledger::validation::check_message_time;
use crate::node::event::Event;
use crate::node::storage::Change;
use crate::peers::peer::{ASKED_MESSAGES_MAX, Peer};
use crate::primitives::message::{Message, MessageId, VerifiedMessage};
use crate::primitives::time::Now;
use crate::protocol::bounded::BoundedVec;
use crate::protocol::limits::{MESSAGE_IDS_MAX, MESSAGES_MAX};
use crate::protocol::misbehavior::Misbehavior;
use crate::protocol::packet::Packet;
use crate::sync::message_relay::MessageBatch;

impl Node {
    pub(super) fn pool_own(&mut self, now: Now, message: Message) -> Result<MessageId, SubmitError> {
        let found = message.time();
        if check_message_time(0, &message, now.time).is_some() {
            return Err(SubmitError::Time { found, local: now.time });
        }
        let encoded = message.encode();
        let message = message.verify(self.chain.network().id()).ok_or(SubmitError::Signature)?;
        let id = *message.id();
        if self.is_shelved(&id) {
            return Err(SubmitError::Known { id });
        }
        // The store may have it in a block. Until the store answers, the message waits and is not
        // selected.
        self.messages.pool.insert(message.clone(), false).map_err(|error| match error {
            MempoolError::Known => SubmitError::Known { id },
            MempoolError::SenderFull => SubmitError::SenderFull { max: SENDER_MESSAGES_MAX },
            MempoolError::Full { floor } => SubmitError::PoolFull { floor },
        })?;
        self.outbox.persist(vec![Change::Pooled { id, message: encoded.into() }]);
        self.look_up(vec![(message.message().clone(), id)]);
        Ok(id)
    }

    /// Returns true if a message is in one of the newest blocks of the best chain.
    fn is_shelved(&self, id: &MessageId) -> bool {
        self.blocks.recent.blocks_with(id).any(|hash| {
            self.chain.find(hash).is_some_and(|place| self.chain.best_at(place.header.height) == Some(hash))
        })
    }

    /// Queries the store for messages whose signatures are valid.
    pub(super) fn look_up(&mut self, messages: Vec<(Arc<Message>, MessageId)>) {
        if messages.is_empty() {
            return;
        }
        let id = self.outbox.next_batch_id();
        let ids = messages.iter().map(|(_, id)| *id).collect();
        self.messages.pending.begin(id, MessageBatch { peer: None, messages });
        self.outbox.verify(SignatureBatch { id, checks: Vec::new(), ids });
    }

    /// Queries the store like [`Self::look_up`], but after the changes that are being gathered.
    pub(super) fn look_up_later(&mut self, messages: Vec<(Arc<Message>, MessageId)>) {
        if messages.is_empty() {
            return;
        }
        let id = self.outbox.next_batch_id();
        let ids = messages.iter().map(|(_, id)| *id).collect();
        self.messages.pending.begin(id, MessageBatch { peer: None, messages });
        self.outbox.verify_later(SignatureBatch { id, checks: Vec::new(), ids });
    }

    pub(super) fn received_have(&mut self, peer: ConnectionId, ids: Vec<MessageId>) {
        if self.is_syncing() {
            // The blocks that are being fetched may contain them, so they are requested after the
            // blocks.
            if let Some(greeted) = self.connections.get_mut(&peer).and_then(Peer::greeted_mut) {
                greeted.offered.extend(ids);
                greeted.offered.truncate(MESSAGE_IDS_MAX);
                self.messages.offered = true;
            }
            return;
        }
        let room = self.messages.pending.room();
        let new: Vec<_> = ids
            .iter()
            .filter(|id| !self.messages.pool.contains(id) && !self.is_shelved(id))
            .copied()
            .collect();
        let Some(greeted) = self.connections.get_mut(&peer).and_then(Peer::greeted_mut) else { return };
        let mut wanted = Vec::new();
        for id in &ids {
            greeted.messages.insert(*id);
        }
        for id in new {
            let out = greeted.asked_messages.len();
            if out < ASKED_MESSAGES_MAX.min(room) && greeted.asked_messages.insert(id) {
                wanted.push(id);
            }
        }
        if !wanted.is_empty() {
            self.outbox.send(peer, &Packet::GetMessages(BoundedVec::new(wanted)));
        }
    }

    /// Requests the messages that peers offered while blocks were being fetched.
    pub(super) fn take_offers(&mut self) {
        if !self.messages.offered || self.is_syncing() {
            return;
        }
        self.messages.offered = false;
        let offers = |(&id, peer): (&ConnectionId, &mut Peer)| {
            let offered = core::mem::take(&mut peer.greeted_mut()?.offered);
            (!offered.is_empty()).then_some((id, offered))
        };
        let offers: Vec<_> = self.connections.iter_mut().filter_map(offers).collect();
        for (peer, ids) in offers {
            self.received_have(peer, ids);
        }
    }

    pub(super) fn received_get_messages(&mut self, peer: ConnectionId, ids: &[MessageId]) {
        let found: Vec<Message> = ids
            .iter()
            .filter_map(|id| self.messages.pool.find(id))
            .map(|found| found.message().as_ref().clone())
            .collect();
        for messages in found.chunks(MESSAGES_MAX) {
            self.outbox.send(peer, &Packet::Messages(BoundedVec::new(messages.to_vec())));
        }
    }

    pub(super) fn received_messages(
        &mut self,
        peer: ConnectionId,
        messages: Vec<Message>,
    ) -> Result<(), Misbehavior> {
        let network = *self.chain.network().id();
        let Some(greeted) = self.connections.get_mut(&peer).and_then(Peer::greeted_mut) else {
            return Ok(());
        };
        let mut arriving = Vec::with_capacity(messages.len());
        for message in messages {
            let id = message.id(&network);
            if !greeted.asked_messages.remove(&id) {
                return Err(Misbehavior::Unsolicited { packet: "messages" });
            }
            if !self.messages.pool.contains(&id) && arriving.len() < self.messages.pending.room() {
                arriving.push((Arc::new(message), id));
            }
        }
        if arriving.is_empty() {
            return Ok(());
        }
        let id = self.outbox.next_batch_id();
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
        self.messages.pending.begin(id, MessageBatch { peer: Some(peer), messages: arriving });
        self.outbox.verify(batch);
        Ok(())
    }

    /// Handles the result of a batch of messages: valid ones that are in no block are added to the
    /// mempool and announced.
    pub(super) fn arrived(&mut self, now: Now, arriving: MessageBatch, verdict: &BatchResult) {
        let mut announced = Vec::new();
        for (index, (message, id)) in arriving.messages.into_iter().enumerate() {
            if verdict.broken.contains(&index) {
                if let Some(peer) = arriving.peer {
                    self.fault(now, peer, Misbehavior::InvalidMessage { id });
                }
                continue;
            }
            let in_block =
                verdict.seen.iter().any(|seen| seen.index == index && seen.best) || self.is_shelved(&id);
            if in_block {
                self.unpool(&[id]);
                continue;
            }
            let own = arriving.peer.is_none() && self.messages.pool.contains(&id);
            if self.messages.assumed.may_contain(&message, own) {
                continue;
            }
            if own || self.messages.pool.contains(&id) {
                self.messages.pool.mark_confirmed_absent(&id);
            } else {
                let message = VerifiedMessage::trust(message, id);
                let in_time = check_message_time(0, message.message(), now.time).is_none();
                if !in_time || self.messages.pool.insert(message, true).is_err() {
                    continue;
                }
            }
            if let Some(message) = self.messages.pool.find(&id) {
                self.outbox.tell(Event::Pooled(message.clone()));
                announced.push(id);
            }
        }
        if !announced.is_empty() {
            self.miner.pool_changed(now.moment);
            self.announce_messages(&announced);
        }
    }

    fn announce_messages(&mut self, ids: &[MessageId]) {
        for (&peer, known) in &mut self.connections {
            let Some(greeted) = known.greeted_mut() else { continue };
            let new: Vec<_> = ids.iter().filter(|id| greeted.messages.insert(**id)).copied().collect();
            for ids in new.chunks(MESSAGE_IDS_MAX) {
                self.outbox.send(peer, &Packet::Have(BoundedVec::new(ids.to_vec())));
            }
        }
    }

    /// Announces the waiting messages to a new peer.
    pub(super) fn greet_with_messages(&mut self, peer: ConnectionId) {
        let ids: Vec<_> = self.messages.pool.minable().take(MESSAGE_IDS_MAX).copied().collect();
        let Some(greeted) = self.connections.get_mut(&peer).and_then(Peer::greeted_mut) else { return };
        for id in &ids {
            greeted.messages.insert(*id);
        }
        if !ids.is_empty() {
            self.outbox.send(peer, &Packet::Have(BoundedVec::new(ids)));
        }
    }

    /// Removes messages from the mempool, and persists the removal.
    pub(super) fn unpool(&mut self, ids: &[MessageId]) {
        let removed = ids.iter().filter(|id| self.messages.pool.remove(id).is_some());
        let changes: Vec<_> = removed.map(|id| Change::Unpooled { id: *id }).collect();
        self.outbox.persist(changes);
    }
}

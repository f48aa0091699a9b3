//! The user's own messages: pending, in a block, or too old for one. They are stored over a reload
//! until they are settled.

use plexus_core::ledger::validation::MESSAGE_AGE_MS;
use plexus_core::primitives::block::Block;
use plexus_core::primitives::collections::vec_map::VecMap;
use plexus_core::primitives::hash::Hash;
use plexus_core::primitives::message::{Message, MessageId};
use plexus_core::primitives::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::browser::database::DatabaseEntry;
use crate::chain_view::tracked_map::{Item, ItemChange, TrackedMap};

/// Their prefix in a network's part of the store.
pub(crate) const PREFIX: &str = "sent/";
/// The most messages kept. When full, the oldest settled one is evicted. If all are pending, no
/// more are accepted.
pub(crate) const SENT_MAX: usize = 200;

/// The state of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum DeliveryState {
    /// It waits for a block.
    Pending,
    /// It is in a block of the best chain.
    InBlock,
    /// It is too old for any block.
    Expired,
    /// It was evicted from the full mempool.
    Dropped,
}

/// A message that was sent from here.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct SentMessage {
    id: MessageId,
    recipient: String,
    text: String,
    time_unix_ms: u64,
    state: DeliveryState,
    number_of_block: Option<u64>,
    block: Option<Hash>,
    /// Its encoding, to send it again after a reload.
    encoded: Vec<u8>,
}

/// A message, in the form for the page.
#[derive(Serialize)]
struct SentMessageView<'a> {
    id: &'a MessageId,
    recipient: &'a str,
    text: &'a str,
    time_unix_ms: u64,
    state: DeliveryState,
    number_of_block: Option<u64>,
    block: Option<Hash>,
}

impl Item for SentMessage {
    fn json(&self, _: &Hash) -> String {
        let Self { id, recipient, text, time_unix_ms, state, number_of_block, block, .. } = self;
        let (time_unix_ms, state) = (*time_unix_ms, *state);
        let (number_of_block, block) = (*number_of_block, *block);
        let view = SentMessageView { id, recipient, text, time_unix_ms, state, number_of_block, block };
        serde_json::to_string(&view).unwrap_or_default()
    }
}

impl SentMessage {
    fn place(&mut self, state: DeliveryState, place: Option<(u64, Hash)>) {
        self.state = state;
        self.number_of_block = place.map(|(height, _)| height);
        self.block = place.map(|(_, hash)| hash);
    }
}

/// The messages that were sent from here.
#[derive(Debug, Default)]
pub(crate) struct SentMessages(TrackedMap<SentMessage>);

/// Too many messages are pending.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{SENT_MAX} messages wait already: let some come into a block first")]
pub(crate) struct SentFull;

impl SentMessages {
    /// Loads the stored messages.
    pub(crate) fn load(entries: &[DatabaseEntry]) -> Self {
        Self(TrackedMap::load(entries, PREFIX))
    }

    /// Makes room for one more.
    ///
    /// # Errors
    /// All kept messages are pending.
    pub(crate) fn make_room(&mut self) -> Result<(), SentFull> {
        if self.0.len() < SENT_MAX {
            return Ok(());
        }
        let settled = self.0.iter().filter(|(_, message)| message.state != DeliveryState::Pending);
        let oldest = settled.min_by_key(|(_, message)| message.time_unix_ms).map(|(id, _)| *id);
        self.0.remove(&oldest.ok_or(SentFull)?);
        Ok(())
    }

    /// Adds a pending message.
    pub(crate) fn add(&mut self, id: MessageId, message: &Message) {
        let message = SentMessage {
            id,
            recipient: message.recipient().to_owned(),
            text: message.text().to_owned(),
            time_unix_ms: message.time().unix_ms(),
            state: DeliveryState::Pending,
            number_of_block: None,
            block: None,
            encoded: message.encode(),
        };
        self.0.put(id, message);
    }

    /// Records the messages that are in a block of the best chain.
    pub(crate) fn connected(&mut self, network: &Hash, hash: Hash, block: &Block) {
        if self.0.len() == 0 {
            return;
        }
        for message in &block.messages {
            self.located(&message.id(network), block.header.height, hash);
        }
    }

    /// Records that a message is in a block of the best chain.
    pub(crate) fn located(&mut self, id: &MessageId, height: u64, hash: Hash) {
        self.0.change(id, |message| message.place(DeliveryState::InBlock, Some((height, hash))));
    }

    /// Records that blocks left the best chain. Returns the messages that are pending again.
    pub(crate) fn undone(&mut self, hashes: &[Hash]) -> Vec<Message> {
        let within = |message: &SentMessage| message.block.is_some_and(|block| hashes.contains(&block));
        let ids: Vec<_> = self.0.iter().filter(|(_, message)| within(message)).map(|(id, _)| *id).collect();
        for id in &ids {
            self.0.change(id, |message| message.place(DeliveryState::Pending, None));
        }
        ids.iter().filter_map(|id| self.message(id)).collect()
    }

    /// Expires the messages that are too old for any block.
    pub(crate) fn expire(&mut self, now: Timestamp) {
        let late = now.minus_ms(MESSAGE_AGE_MS).unix_ms();
        let expired =
            |message: &SentMessage| message.state == DeliveryState::Pending && message.time_unix_ms < late;
        let ids: Vec<_> = self.0.iter().filter(|(_, message)| expired(message)).map(|(id, _)| *id).collect();
        for id in ids {
            self.0.change(&id, |message| message.place(DeliveryState::Expired, None));
        }
    }

    /// Records that the mempool evicted a message.
    pub(crate) fn dropped(&mut self, id: &MessageId) {
        self.0.change(id, |message| message.place(DeliveryState::Dropped, None));
    }

    /// Returns the pending messages, the oldest first.
    pub(crate) fn pending(&self) -> Vec<MessageId> {
        let waiting = self.0.iter().filter(|(_, message)| message.state == DeliveryState::Pending);
        let waiting: VecMap<_, ()> = waiting.map(|(id, message)| ((message.time_unix_ms, *id), ())).collect();
        waiting.keys().map(|(_, id)| *id).collect()
    }

    /// Returns a message, for sending it again.
    pub(crate) fn message(&self, id: &MessageId) -> Option<Message> {
        Message::decode(&self.0.find(id)?.encoded).ok()
    }

    /// Returns the changes since the last call.
    pub(crate) fn take_changed(&mut self, network: &Hash) -> Vec<ItemChange> {
        self.0.take_changed(network)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use plexus_core::primitives::key::SecretKey;
    use plexus_core::primitives::message::Draft;
    use plexus_core::primitives::params::Network;

    use super::*;

    const NOW: Timestamp = Timestamp::from_unix_ms(1_800_000_000_000);

    fn message(text: &str, time: Timestamp) -> (MessageId, Message) {
        let secret = SecretKey::from_bytes(&[5; 32]).unwrap();
        let draft = Draft::new(secret.public(), "bob", text, time).unwrap();
        let message = draft.sign(&secret, Network::dev().id(), 0);
        (message.id(Network::dev().id()), message)
    }

    fn state(sent: &SentMessages, id: &MessageId) -> (DeliveryState, Option<u64>) {
        let message = sent.0.find(id).unwrap();
        (message.state, message.number_of_block)
    }

    #[test]
    fn a_message_waits_is_in_a_block_and_waits_again_when_that_is_undone() {
        let (network, mut sent) = (Network::dev(), SentMessages::default());
        let (id, message) = message("hello", NOW);
        sent.add(id, &message);
        assert_eq!(sent.pending(), [id]);
        let mut block = network.genesis_block();
        block.header.height = 8;
        block.messages = vec![Arc::new(message.clone())];
        sent.connected(network.id(), Hash::of(b"block"), &block);
        assert_eq!(state(&sent, &id), (DeliveryState::InBlock, Some(8)));
        assert!(sent.undone(&[Hash::of(b"other")]).is_empty());
        assert_eq!(sent.undone(&[Hash::of(b"block")]), [message]);
        assert_eq!(state(&sent, &id), (DeliveryState::Pending, None));
    }

    #[test]
    fn a_message_that_no_block_takes_expires() {
        let mut sent = SentMessages::default();
        let (old, early) = message("old", NOW.minus_ms(MESSAGE_AGE_MS + 1));
        let (new, late) = message("new", NOW.minus_ms(MESSAGE_AGE_MS));
        sent.add(old, &early);
        sent.add(new, &late);
        sent.expire(NOW);
        assert_eq!(state(&sent, &old).0, DeliveryState::Expired);
        assert_eq!(sent.pending(), [new]);
    }

    #[test]
    fn a_message_that_the_pool_dropped_waits_no_more() {
        let mut sent = SentMessages::default();
        let (id, message) = message("cheap", NOW);
        sent.add(id, &message);
        sent.dropped(&id);
        assert_eq!(state(&sent, &id), (DeliveryState::Dropped, None));
        assert!(sent.pending().is_empty());
        // Other nodes may have kept it.
        sent.located(&id, 3, Hash::ZERO);
        assert_eq!(state(&sent, &id), (DeliveryState::InBlock, Some(3)));
    }

    #[test]
    fn only_settled_messages_give_way() {
        let mut sent = SentMessages::default();
        let mut ids = Vec::new();
        for number in 0..SENT_MAX as u64 {
            sent.make_room().unwrap();
            let (id, message) = message("x", NOW.plus_ms(number));
            sent.add(id, &message);
            ids.push(id);
        }
        assert_eq!(sent.make_room(), Err(SentFull));
        sent.located(&ids[7], 1, Hash::ZERO);
        sent.make_room().unwrap();
        assert!(sent.0.find(&ids[7]).is_none());
        assert_eq!(sent.0.len(), SENT_MAX - 1);
    }

    #[test]
    fn a_reload_brings_them_back() {
        let mut sent = SentMessages::default();
        let (id, message) = message("hello", NOW);
        sent.add(id, &message);
        let entries: Vec<_> = sent
            .take_changed(Network::dev().id())
            .into_iter()
            .map(|changed| DatabaseEntry {
                key: format!("{PREFIX}{}", changed.hash),
                value: changed.now.unwrap().1,
            })
            .collect();
        let again = SentMessages::load(&entries);
        assert_eq!(again.message(&id), Some(message));
        assert_eq!(again.pending(), [id]);
    }
}

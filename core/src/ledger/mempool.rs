//! The mempool: verified messages that wait for a block.
//!
//! It is ordered by stamp work per byte: work takes the place of fees. It is bounded in bytes and
//! per sender. When full, the message with the least work per byte is evicted for a better one.
//! Messages with no more than the last evicted one are rejected until the mempool has drained.

use std::sync::Arc;

use crate::ledger::validation::{MESSAGE_AGE_MS, check_message_time};
use crate::primitives::collections::ordered_map::OrderedMap;
use crate::primitives::key::PublicKey;
use crate::primitives::message::{Message, MessageId, VerifiedMessage};
use crate::primitives::time::Timestamp;

/// The most bytes of messages in a full node's mempool.
pub(crate) const POOL_BYTES_MAX: usize = 32 << 20;
/// The most bytes of messages in a light node's mempool.
pub(crate) const LIGHT_POOL_BYTES_MAX: usize = 2 << 20;
/// The most messages of one sender. Further ones are rejected.
pub(crate) const SENDER_MESSAGES_MAX: usize = 1_024;

/// The reason why a message is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MempoolError {
    /// It is already in the mempool.
    Known,
    /// Its sender already has the most messages that a sender may have.
    SenderFull,
    /// The mempool is full, and at least this much stamp work per byte is needed.
    Full {
        /// Hashes per byte.
        floor: u128,
    },
}

#[derive(Debug)]
struct Pooled {
    message: VerifiedMessage,
    rank: Rank,
    /// True if the store was asked and no block of the best chain contains it.
    cleared: bool,
}

/// The order of messages: most work per byte first, and of equals the first to arrive.
type Rank = (core::cmp::Reverse<u128>, u64);

/// The mempool: verified messages, bounded.
#[derive(Debug)]
pub(crate) struct Mempool {
    bytes_max: usize,
    /// The bytes of all waiting messages: at most `bytes_max`.
    bytes: usize,
    messages: OrderedMap<MessageId, Pooled>,
    order: OrderedMap<Rank, MessageId>,
    senders: OrderedMap<PublicKey, usize>,
    /// The least stamp work per byte that is accepted now.
    floor: u128,
    inserted: u64,
}

/// Returns the stamp work per byte.
fn price(message: &VerifiedMessage) -> u128 {
    message.stamp_work().hashes() / message.message().size().max(1) as u128
}

impl Mempool {
    /// Creates an empty mempool that holds at most `bytes_max` bytes of messages.
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self {
            bytes_max,
            bytes: 0,
            messages: OrderedMap::default(),
            order: OrderedMap::default(),
            senders: OrderedMap::default(),
            floor: 0,
            inserted: 0,
        }
    }

    /// Returns the number of waiting messages.
    pub(crate) fn len(&self) -> usize {
        self.messages.len()
    }

    /// Returns the bytes of all waiting messages.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Adds a message, and evicts ones with less work per byte if there is no room.
    ///
    /// A message that is not `cleared` waits, and is not selected, until [`Mempool::mark_confirmed_absent`].
    ///
    /// # Errors
    /// The reason why it is rejected.
    pub(crate) fn insert(&mut self, message: VerifiedMessage, cleared: bool) -> Result<(), MempoolError> {
        let (id, size, price) = (*message.id(), message.message().size(), price(&message));
        if self.messages.contains_key(&id) {
            return Err(MempoolError::Known);
        }
        let sender = *message.message().sender();
        if self.senders.get(&sender).is_some_and(|&count| count >= SENDER_MESSAGES_MAX) {
            return Err(MempoolError::SenderFull);
        }
        if price < self.floor {
            return Err(MempoolError::Full { floor: self.floor });
        }
        while self.bytes + size > self.bytes_max {
            let Some((&(core::cmp::Reverse(cheapest), _), &last)) = self.order.last() else {
                break;
            };
            if cheapest >= price {
                self.floor = cheapest + 1;
                return Err(MempoolError::Full { floor: self.floor });
            }
            self.floor = cheapest + 1;
            self.remove(&last);
        }
        self.inserted += 1;
        let rank = (core::cmp::Reverse(price), self.inserted);
        self.order.insert(rank, id);
        *self.senders.get_or_default(sender) += 1;
        self.bytes += size;
        self.messages.insert(id, Pooled { message, rank, cleared });
        Ok(())
    }

    /// Allows a waiting message to be selected. Returns the message.
    pub(crate) fn mark_confirmed_absent(&mut self, id: &MessageId) -> Option<&VerifiedMessage> {
        let pooled = self.messages.get_mut(id)?;
        pooled.cleared = true;
        Some(&pooled.message)
    }

    /// Blocks the selection of all messages that were written by `time`, until they are cleared
    /// again.
    pub(crate) fn reverify_before(&mut self, time: Timestamp) {
        for pooled in self.messages.values_mut() {
            pooled.cleared &= pooled.message.message().time() > time;
        }
    }

    /// Removes a message, because a block has it or it is unwanted. Returns the message.
    pub(crate) fn remove(&mut self, id: &MessageId) -> Option<VerifiedMessage> {
        let pooled = self.messages.remove(id)?;
        self.order.remove(&pooled.rank);
        let sender = pooled.message.message().sender();
        if let Some(count) = self.senders.get_mut(sender) {
            *count -= 1;
            if *count == 0 {
                self.senders.remove(sender);
            }
        }
        self.bytes -= pooled.message.message().size();
        if self.bytes < self.bytes_max / 2 {
            self.floor = 0;
        }
        Some(pooled.message)
    }

    /// Returns a waiting message.
    pub(crate) fn find(&self, id: &MessageId) -> Option<&VerifiedMessage> {
        self.messages.get(id).map(|pooled| &pooled.message)
    }

    /// Returns the waiting messages with their ids, in the order of their ids.
    pub(crate) fn by_id(&self) -> impl Iterator<Item = (&MessageId, &Arc<Message>)> {
        self.messages.iter().map(|(id, pooled)| (id, pooled.message.message()))
    }

    /// Returns true if a message waits.
    pub(crate) fn contains(&self, id: &MessageId) -> bool {
        self.messages.contains_key(id)
    }

    /// Returns the waiting messages, in the order in which they would be mined.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &VerifiedMessage> {
        self.order.values().filter_map(|id| self.find(id))
    }

    /// Returns the ids that may be announced to peers, in the order in which they would be mined.
    pub(crate) fn minable(&self) -> impl Iterator<Item = &MessageId> {
        self.order.values().filter(|id| self.messages.get(id).is_some_and(|pooled| pooled.cleared))
    }

    /// Returns the messages for a block at `time`: as many of the next in line as fit.
    pub(crate) fn select(&self, time: Timestamp, bytes_max: usize, count_max: usize) -> Vec<Arc<Message>> {
        let (mut selected, mut bytes) = (Vec::new(), 0);
        for id in self.minable() {
            let Some(message) = self.find(id).map(VerifiedMessage::message) else { continue };
            if selected.len() == count_max {
                break;
            }
            if bytes + message.size() > bytes_max || check_message_time(0, message, time).is_some() {
                continue;
            }
            bytes += message.size();
            selected.push(message.clone());
        }
        selected
    }

    /// Drops the messages that are too old for any block from `local` on. Returns their ids.
    pub(crate) fn expire(&mut self, local: Timestamp) -> Vec<MessageId> {
        let oldest = local.minus_ms(MESSAGE_AGE_MS);
        let old = |pooled: &Pooled| pooled.message.message().time() < oldest;
        let ids: Vec<_> = self.messages.iter().filter(|(_, pooled)| old(pooled)).map(|(id, _)| *id).collect();
        for id in &ids {
            self.remove(id);
        }
        ids
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::primitives::hash::Hash;
    use crate::primitives::message::tests::message;

    fn verified(seed: u8, text: &str) -> VerifiedMessage {
        message(seed, text, 1_000).verify(&Hash::ZERO).unwrap()
    }

    #[test]
    fn the_dearest_is_next_in_line() {
        let mut pool = Mempool::new(100_000);
        let mut messages: Vec<_> = (0..20).map(|n| verified(7, &format!("text {n}"))).collect();
        for message in &messages {
            pool.insert(message.clone(), true).unwrap();
        }
        messages.sort_by_key(|message| core::cmp::Reverse(price(message)));
        let prices = |list: Vec<u128>| list;
        assert_eq!(prices(pool.iter().map(price).collect()), prices(messages.iter().map(price).collect()));
        assert_eq!(pool.select(Timestamp::from_unix_ms(1_000), 100_000, 3).len(), 3);
        assert_eq!(pool.select(Timestamp::from_unix_ms(1_000), 130, 3).len(), 1);
        assert!(pool.select(Timestamp::from_unix_ms(90_000_000), 100_000, 3).is_empty());
    }

    #[test]
    fn stays_within_its_bytes_and_raises_its_floor() {
        let mut pool = Mempool::new(1_000);
        for n in 0..50 {
            let _ = pool.insert(verified(7, &format!("text {n}")), true);
            assert!(pool.bytes <= 1_000);
        }
        let cheapest = pool.iter().map(price).min().unwrap();
        assert!(pool.floor > 0 && pool.floor <= cheapest + 1);
        let ids: Vec<_> = pool.iter().map(|message| *message.id()).collect();
        ids.iter().for_each(|id| drop(pool.remove(id)));
        assert_eq!((pool.bytes, pool.floor, pool.len()), (0, 0, 0));
    }

    #[test]
    fn one_sender_cannot_fill_it() {
        let mut pool = Mempool::new(POOL_BYTES_MAX);
        for n in 0..SENDER_MESSAGES_MAX {
            let draft = message(7, &format!("text {n}"), 1_000);
            let id = draft.id(&Hash::ZERO);
            pool.insert(VerifiedMessage::trust(Arc::new(draft), id), true).unwrap();
        }
        assert_eq!(pool.insert(verified(7, "one more"), true), Err(MempoolError::SenderFull));
        assert_eq!(pool.insert(verified(8, "another"), true), Ok(()));
        assert_eq!(pool.insert(verified(8, "another"), true), Err(MempoolError::Known));
    }

    #[test]
    fn what_is_not_cleared_is_not_selected_and_the_old_expires() {
        let mut pool = Mempool::new(10_000);
        let message = verified(7, "hello");
        pool.insert(message.clone(), false).unwrap();
        assert!(pool.select(Timestamp::from_unix_ms(1_000), 10_000, 9).is_empty());
        assert!(pool.mark_confirmed_absent(message.id()).is_some());
        assert_eq!(pool.select(Timestamp::from_unix_ms(1_000), 10_000, 9).len(), 1);
        pool.reverify_before(Timestamp::from_unix_ms(999));
        assert_eq!(pool.select(Timestamp::from_unix_ms(1_000), 10_000, 9).len(), 1);
        pool.reverify_before(Timestamp::from_unix_ms(1_000));
        assert!(pool.select(Timestamp::from_unix_ms(1_000), 10_000, 9).is_empty());
        assert!(pool.expire(Timestamp::from_unix_ms(1_000 + MESSAGE_AGE_MS)).is_empty());
        assert_eq!(pool.expire(Timestamp::from_unix_ms(1_001 + MESSAGE_AGE_MS)), [*message.id()]);
        assert_eq!(pool.len(), 0);
    }
}

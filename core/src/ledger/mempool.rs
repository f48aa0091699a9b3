//! The mempool: verified messages that wait for a block.
//!
//! It is ordered by price, which is stamp work per byte: work takes the place of fees. It is bounded
//! in bytes and per sender. When full, the cheapest messages are evicted for a dearer one. Messages
//! that are no dearer than the last evicted one are rejected until the mempool has drained.
//!
//! Anyone can put another stamp on a message. A copy with at least twice the work replaces the one
//! that waits. Miners may still be searching a block with the old one, so it is kept until the next
//! block, and compact bodies that name it can be reconstructed.
//!
//! Bounds: `bytes_max` bytes of messages, an eighth of that of replaced copies, and the ids of the
//! newest [`DROPPED_MAX`] messages that were evicted.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::ledger::validation::{MESSAGE_AGE_MS, check_message_time};
use crate::primitives::collections::fifo_set::FifoSet;
use crate::primitives::collections::ordered_map::OrderedMap;
use crate::primitives::hash::Hash;
use crate::primitives::key::PublicKey;
use crate::primitives::merkle::leaf;
use crate::primitives::message::{Message, MessageId, VerifiedMessage};
use crate::primitives::pow::Work;
use crate::primitives::stamp::{Price, stamp_level};
use crate::primitives::time::Timestamp;

/// The most bytes of messages in a full node's mempool.
pub(crate) const POOL_BYTES_MAX: usize = 32 << 20;
/// The most bytes of messages in a light node's mempool.
pub(crate) const LIGHT_POOL_BYTES_MAX: usize = 2 << 20;
/// The most messages of one sender. Further ones are rejected.
pub(crate) const SENDER_MESSAGES_MAX: usize = 1_024;
/// The number of evicted messages whose ids are remembered. When full, the oldest is forgotten.
pub(crate) const DROPPED_MAX: usize = 16_384;
/// The share of the mempool's bytes that replaced copies may take in addition, as a divisor. When
/// full, the oldest copy is forgotten.
const REPLACED_DIVISOR: usize = 8;

/// The reason why a message is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MempoolError {
    /// It is already in the mempool, with over half of its stamp work.
    Known,
    /// Its sender already has the most messages that a sender may have.
    SenderFull,
    /// The mempool is full, and at least this price is needed.
    Full {
        /// The least price of a message of this size.
        floor: Price,
    },
}

/// How a message enters the mempool.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Entry {
    /// True if no block of the best chain contains it. Otherwise it waits, and is not selected, until
    /// [`Mempool::mark_confirmed_absent`].
    pub(crate) is_cleared: bool,
    /// True if the store keeps it over a restart.
    pub(crate) is_stored: bool,
    /// True if it had a place before: in a block that was undone, or before a restart. The floor
    /// does not apply.
    pub(crate) had_place: bool,
}

/// A message that was accepted, and the changes that followed from it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Accepted {
    /// True if the store keeps an older copy of it.
    pub(crate) replaces_stored: bool,
    /// The messages that were evicted for it.
    pub(crate) evicted: Vec<Removed>,
}

/// A message that was removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Removed {
    pub(crate) id: MessageId,
    /// True if the store keeps it.
    pub(crate) is_stored: bool,
}

#[derive(Debug)]
struct Pooled {
    message: VerifiedMessage,
    /// The leaf of this copy in a Merkle tree.
    leaf: Hash,
    rank: Rank,
    is_cleared: bool,
    is_stored: bool,
}

/// The order of messages: the dearest first, and of equals the first to arrive.
type Rank = (core::cmp::Reverse<Price>, u64);

/// The mempool: verified messages, bounded.
#[derive(Debug)]
pub(crate) struct Mempool {
    bytes_max: usize,
    /// The bytes of all waiting messages: at most `bytes_max`.
    bytes: usize,
    messages: OrderedMap<MessageId, Pooled>,
    order: OrderedMap<Rank, MessageId>,
    senders: OrderedMap<PublicKey, usize>,
    /// The least price that is accepted now.
    floor: Price,
    inserted: u64,
    /// The copies that were replaced since the last block, with their leaves.
    replaced: VecDeque<(Hash, Arc<Message>)>,
    replaced_bytes: usize,
    dropped: FifoSet<MessageId, DROPPED_MAX>,
}

/// Returns a message's price.
fn price(message: &VerifiedMessage) -> Price {
    Price::new(message.stamp_work(), message.message().size())
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
            floor: Price::ZERO,
            inserted: 0,
            replaced: VecDeque::new(),
            replaced_bytes: 0,
            dropped: FifoSet::default(),
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

    /// Returns true if a message would be accepted, as far as the waiting copy of it decides: it is
    /// new, or has at least twice the work of that copy.
    pub(crate) fn wants(&self, id: &MessageId, work: Work) -> bool {
        self.messages.get(id).is_none_or(|pooled| work.hashes() / 2 >= pooled.message.stamp_work().hashes())
    }

    /// Returns true if a copy of a message at this level has more work than the waiting one.
    pub(crate) fn is_below(&self, id: &MessageId, level: u8) -> bool {
        self.messages.get(id).is_none_or(|pooled| stamp_level(pooled.message.stamp_work()) < level)
    }

    /// Adds a message. It replaces a copy with at most half of its work. If there is no room, cheaper
    /// messages are evicted.
    ///
    /// # Errors
    /// The reason why it is rejected. Then nothing has changed.
    pub(crate) fn insert(
        &mut self,
        message: VerifiedMessage,
        entry: Entry,
    ) -> Result<Accepted, MempoolError> {
        let (id, size, price) = (*message.id(), message.message().size(), price(&message));
        if !self.wants(&id, message.stamp_work()) {
            return Err(MempoolError::Known);
        }
        if self.messages.contains_key(&id) {
            return Ok(self.replace(message, entry));
        }
        let sender = *message.message().sender();
        if self.senders.get(&sender).is_some_and(|&count| count >= SENDER_MESSAGES_MAX) {
            return Err(MempoolError::SenderFull);
        }
        if price < self.floor && !entry.had_place {
            return Err(MempoolError::Full { floor: self.floor });
        }
        let evicted = self.make_room(size, price)?;
        self.put(message, price, entry);
        Ok(Accepted { replaces_stored: false, evicted })
    }

    /// Replaces the waiting copy of a message, which has the same size, and keeps it for a while.
    fn replace(&mut self, message: VerifiedMessage, entry: Entry) -> Accepted {
        let Some(old) = self.take(message.id()) else { return Accepted::default() };
        let price = price(&message);
        let entry = Entry {
            // Whoever replaced it looks for it in the store again, and then announces the new copy.
            is_cleared: entry.is_cleared,
            is_stored: old.is_stored || entry.is_stored,
            had_place: true,
        };
        self.put(message, price, entry);
        self.replaced_bytes += old.message.message().size();
        self.replaced.push_back((old.leaf, old.message.message().clone()));
        while self.replaced_bytes > self.bytes_max / REPLACED_DIVISOR
            && let Some((_, oldest)) = self.replaced.pop_front()
        {
            self.replaced_bytes -= oldest.size();
        }
        Accepted { replaces_stored: old.is_stored, evicted: Vec::new() }
    }

    /// Evicts messages that are cheaper than `price`, the cheapest first, until `size` bytes fit.
    ///
    /// # Errors
    /// The price that would be accepted, if there are too few cheaper ones. Then none is evicted.
    fn make_room(&mut self, size: usize, price: Price) -> Result<Vec<Removed>, MempoolError> {
        let mut excess = (self.bytes + size).saturating_sub(self.bytes_max);
        let mut cheapest = Vec::new();
        for (&(core::cmp::Reverse(other), _), id) in self.order.iter().rev() {
            if excess == 0 {
                break;
            }
            if other >= price {
                return Err(MempoolError::Full { floor: other.above() });
            }
            excess = excess.saturating_sub(self.find(id).map_or(0, |message| message.message().size()));
            cheapest.push((*id, other));
        }
        let mut evicted = Vec::new();
        for (id, other) in cheapest {
            evicted.extend(self.remove(&id));
            self.dropped.insert(id);
            self.floor = self.floor.max(other.above());
        }
        Ok(evicted)
    }

    fn put(&mut self, message: VerifiedMessage, price: Price, entry: Entry) {
        let (id, Entry { is_cleared, is_stored, .. }) = (*message.id(), entry);
        self.inserted += 1;
        let rank = (core::cmp::Reverse(price), self.inserted);
        self.order.insert(rank, id);
        *self.senders.get_or_default(*message.message().sender()) += 1;
        self.bytes += message.message().size();
        let leaf = leaf(&message.message().encode());
        self.messages.insert(id, Pooled { message, leaf, rank, is_cleared, is_stored });
    }

    fn take(&mut self, id: &MessageId) -> Option<Pooled> {
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
        Some(pooled)
    }

    /// Forgets the replaced copies: a block came, and no miner searches a block with them any more.
    pub(crate) fn forget_replaced(&mut self) {
        self.replaced.clear();
        self.replaced_bytes = 0;
    }

    /// Returns true if a message was evicted lately.
    pub(crate) fn was_dropped(&self, id: &MessageId) -> bool {
        self.dropped.contains(id) && !self.contains(id)
    }

    /// Allows a waiting message to be selected. Returns true if it was not allowed before.
    pub(crate) fn mark_confirmed_absent(&mut self, id: &MessageId) -> bool {
        self.messages.get_mut(id).is_some_and(|pooled| !core::mem::replace(&mut pooled.is_cleared, true))
    }

    /// Blocks the selection of all messages that were written by `time`, until they are cleared
    /// again.
    pub(crate) fn reverify_before(&mut self, time: Timestamp) {
        for pooled in self.messages.values_mut() {
            pooled.is_cleared &= pooled.message.message().time() > time;
        }
    }

    /// Removes a message, because a block has it or it is unwanted.
    pub(crate) fn remove(&mut self, id: &MessageId) -> Option<Removed> {
        let pooled = self.take(id)?;
        if self.bytes < self.bytes_max / 2 {
            self.floor = Price::ZERO;
        }
        Some(Removed { id: *id, is_stored: pooled.is_stored })
    }

    /// Returns a waiting message.
    pub(crate) fn find(&self, id: &MessageId) -> Option<&VerifiedMessage> {
        self.messages.get(id).map(|pooled| &pooled.message)
    }

    /// Returns the waiting messages with their leaves, and then the replaced copies since the last
    /// block.
    pub(crate) fn by_leaf(&self) -> impl Iterator<Item = (&Hash, &Arc<Message>)> {
        let waiting = self.messages.values().map(|pooled| (&pooled.leaf, pooled.message.message()));
        waiting.chain(self.replaced.iter().map(|(leaf, message)| (leaf, message)))
    }

    /// Returns true if this copy of a message waits, or was replaced since the last block.
    pub(crate) fn has_copy(&self, id: &MessageId, copy: &Message) -> bool {
        self.find(id).is_some_and(|found| found.message().as_ref() == copy)
            || self.replaced.iter().any(|(_, replaced)| replaced.as_ref() == copy)
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
        self.order.values().filter(|id| self.messages.get(id).is_some_and(|pooled| pooled.is_cleared))
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

    /// Removes the messages that are too old for any block from `local` on.
    pub(crate) fn expire(&mut self, local: Timestamp) -> Vec<Removed> {
        let oldest = local.minus_ms(MESSAGE_AGE_MS);
        let old = |pooled: &Pooled| pooled.message.message().time() < oldest;
        let ids: Vec<_> = self.messages.iter().filter(|(_, pooled)| old(pooled)).map(|(id, _)| *id).collect();
        ids.iter().filter_map(|id| self.remove(id)).collect()
    }
}

#[cfg(test)]
mod tests;

//! Allowances: the requests that we answer a peer, as far as they follow from what we offered.
//!
//! An honest peer asks for a message once each time that we offer it, and for the parts of a block
//! once. So each offer allows one answer. Other requests cost a look-up. A peer that goes on making
//! them commits an offence.
//!
//! Bounds: the newest [`OFFERS_MAX`] offers, and the newest [`PARTS_MAX`] blocks of which parts were
//! sent.

use std::collections::VecDeque;

use crate::primitives::collections::fifo_set::FifoSet;
use crate::primitives::collections::ordered_map::OrderedSet;
use crate::primitives::hash::Hash;
use crate::primitives::message::MessageId;
use crate::primitives::time::MonotonicTime;

/// The number of newest offers that a peer may take up. Older ones expire.
pub(crate) const OFFERS_MAX: usize = 8_192;
/// The number of blocks of which parts are sent once. More than are kept in memory, so that no block
/// is answered twice.
pub(crate) const PARTS_MAX: usize = 64;
/// The most idle requests at once: for messages that were not offered, or were sent already. An
/// honest peer makes some, because its offer may have expired.
pub(crate) const IDLE_MAX: u64 = 4_096;
/// The time after which one idle request is forgiven.
const IDLE_MICROS: u64 = 20_000;

/// The requests that a peer may still make.
#[derive(Debug, Default)]
pub(crate) struct Allowance {
    offered: OrderedSet<MessageId>,
    order: VecDeque<MessageId>,
    parts: FifoSet<Hash, PARTS_MAX>,
    /// The moment at which all idle requests are forgiven.
    idle_until: MonotonicTime,
}

impl Allowance {
    /// Notes that a message is offered to the peer.
    pub(crate) fn offer(&mut self, id: MessageId) {
        if !self.offered.insert(id) {
            return;
        }
        if self.order.len() == OFFERS_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.offered.remove(&oldest);
        }
        self.order.push_back(id);
    }

    /// Returns true if the peer may have a message, and takes up its offer.
    pub(crate) fn take(&mut self, id: &MessageId) -> bool {
        self.offered.remove(id)
    }

    /// Notes idle requests. Returns false if they are too many.
    pub(crate) fn idle(&mut self, now: MonotonicTime, count: usize) -> bool {
        let added = IDLE_MICROS.saturating_mul(count as u64);
        let until = self.idle_until.max(now).as_micros().saturating_add(added);
        self.idle_until = MonotonicTime::from_micros(until);
        until - now.as_micros() <= IDLE_MAX * IDLE_MICROS
    }

    /// Returns true if the peer was sent no parts of a block yet, and notes that it is.
    pub(crate) fn take_parts(&mut self, block: &Hash) -> bool {
        self.parts.insert(*block)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: usize) -> MessageId {
        Hash::of(&number.to_be_bytes())
    }

    #[test]
    fn each_offer_allows_one_answer() {
        let mut allowance = Allowance::default();
        assert!(!allowance.take(&id(1)), "nothing was offered");
        allowance.offer(id(1));
        allowance.offer(id(1));
        assert!(allowance.take(&id(1)));
        assert!(!allowance.take(&id(1)), "it was sent");
        allowance.offer(id(1));
        assert!(allowance.take(&id(1)), "it was offered again");
    }

    #[test]
    fn the_oldest_offers_expire() {
        let mut allowance = Allowance::default();
        for number in 0..OFFERS_MAX + 3 {
            allowance.offer(id(number));
        }
        assert!((0..3).all(|number| !allowance.take(&id(number))));
        assert!((3..OFFERS_MAX + 3).all(|number| allowance.take(&id(number))));
        assert_eq!(allowance.order.len(), OFFERS_MAX);
    }

    #[test]
    fn idle_requests_are_forgiven_with_time() {
        let (mut allowance, second) = (Allowance::default(), core::time::Duration::from_secs(1));
        let mut now = MonotonicTime::from_micros(5);
        assert!(allowance.idle(now, 4_096));
        assert!(!allowance.idle(now, 1));
        now = now + second;
        assert!(allowance.idle(now, 49));
        assert!(!allowance.idle(now, 1));
        now = now + 1_000 * second;
        assert!(allowance.idle(now, 4_096));
        assert!(!allowance.idle(now, usize::MAX));
    }

    #[test]
    fn parts_of_a_block_are_sent_once() {
        let mut allowance = Allowance::default();
        assert!(allowance.take_parts(&id(1)) && allowance.take_parts(&id(2)));
        assert!(!allowance.take_parts(&id(1)) && !allowance.take_parts(&id(2)));
    }
}

//! Tests of the mempool.

use super::*;
use crate::primitives::hash::Hash;
use crate::primitives::key::SecretKey;
use crate::primitives::message::Draft;
use crate::primitives::message::tests::message;
use crate::primitives::stamp::stamp_work;

const CLEARED: Entry = Entry { is_cleared: true, is_stored: false, had_place: false };
const STORED: Entry = Entry { is_cleared: true, is_stored: true, had_place: false };

fn verified(seed: u8, text: &str) -> VerifiedMessage {
    message(seed, text, 1_000).verify(&Hash::ZERO).unwrap()
}

/// Returns a message of 200 bytes with this text number, whose stamp shows from 2^level to twice as many
/// hashes.
fn stamped(number: u8, level: u8) -> VerifiedMessage {
    let secret = SecretKey::from_bytes(&[7; 32]).unwrap();
    let text = format!("{number:03}{}", "x".repeat(200 - 118 + 1 - 3));
    let draft = Draft::new(secret.public(), "", text, Timestamp::from_unix_ms(1_000)).unwrap();
    let id = draft.id(&Hash::ZERO);
    let stamp = (0..).find(|stamp| stamp_level(stamp_work(&id, *stamp)) == level).unwrap();
    let message = draft.sign(&secret, &Hash::ZERO, stamp);
    assert_eq!(message.size(), 200);
    message.verify(&Hash::ZERO).unwrap()
}

fn removed(message: &VerifiedMessage, is_stored: bool) -> Removed {
    Removed { id: *message.id(), is_stored }
}

#[test]
fn the_dearest_is_next_in_line() {
    let mut pool = Mempool::new(100_000);
    let mut messages: Vec<_> = (0..20).map(|n| verified(7, &format!("text {n}"))).collect();
    for message in &messages {
        pool.insert(message.clone(), CLEARED).unwrap();
    }
    messages.sort_by_key(|message| core::cmp::Reverse(price(message)));
    let expected: Vec<_> = messages.iter().map(price).collect();
    assert_eq!(pool.iter().map(price).collect::<Vec<_>>(), expected);
    assert_eq!(pool.select(Timestamp::from_unix_ms(1_000), 100_000, 3).len(), 3);
    assert_eq!(pool.select(Timestamp::from_unix_ms(1_000), 130, 3).len(), 1);
    assert!(pool.select(Timestamp::from_unix_ms(90_000_000), 100_000, 3).is_empty());
}

#[test]
fn stays_within_its_bytes_and_raises_its_floor() {
    let mut pool = Mempool::new(1_000);
    for n in 0..50 {
        let _ = pool.insert(verified(7, &format!("text {n}")), CLEARED);
        assert!(pool.bytes <= 1_000);
    }
    let cheapest = pool.iter().map(price).min().unwrap();
    assert!(pool.floor > Price::ZERO && pool.floor <= cheapest.above());
    let ids: Vec<_> = pool.iter().map(|message| *message.id()).collect();
    for id in &ids {
        pool.remove(id).unwrap();
    }
    assert_eq!((pool.bytes, pool.floor, pool.len()), (0, Price::ZERO, 0));
}

#[test]
fn the_cheapest_are_evicted_for_a_dearer_one() {
    let mut pool = Mempool::new(500);
    let [cheap, middle, dear] = [stamped(1, 4), stamped(2, 6), stamped(3, 8)];
    pool.insert(middle.clone(), CLEARED).unwrap();
    pool.insert(cheap.clone(), STORED).unwrap();
    let accepted = pool.insert(dear.clone(), CLEARED).unwrap();
    assert_eq!(accepted, Accepted { replaces_stored: false, evicted: vec![removed(&cheap, true)] });
    assert!(pool.was_dropped(cheap.id()) && !pool.was_dropped(middle.id()));
    // It stays below the floor, even though a part of the room is free.
    let floor = price(&cheap).above();
    assert_eq!(pool.insert(cheap.clone(), CLEARED), Err(MempoolError::Full { floor }));
    // A message that had a place before may have it again, if there is room.
    pool.remove(middle.id()).unwrap();
    pool.floor = floor;
    let again = Entry { had_place: true, ..CLEARED };
    assert_eq!(pool.insert(cheap.clone(), again), Ok(Accepted::default()));
    assert!(!pool.was_dropped(cheap.id()));
}

#[test]
fn a_message_that_cannot_have_enough_room_evicts_none() {
    let mut pool = Mempool::new(350);
    let [cheap, dear] = [stamped(1, 4), stamped(2, 9)];
    let small = verified(7, "s");
    pool.insert(dear.clone(), CLEARED).unwrap();
    pool.insert(small.clone(), CLEARED).unwrap();
    let error = pool.insert(cheap, CLEARED).unwrap_err();
    assert!(matches!(error, MempoolError::Full { floor } if floor <= price(&dear).above()));
    assert_eq!((pool.len(), pool.bytes), (2, 200 + small.message().size()));
}

#[test]
fn one_sender_cannot_fill_it() {
    let mut pool = Mempool::new(POOL_BYTES_MAX);
    for n in 0..SENDER_MESSAGES_MAX {
        let draft = message(7, &format!("text {n}"), 1_000);
        let id = draft.id(&Hash::ZERO);
        pool.insert(VerifiedMessage::trust(Arc::new(draft), id), CLEARED).unwrap();
    }
    assert_eq!(pool.insert(verified(7, "one more"), CLEARED), Err(MempoolError::SenderFull));
    assert_eq!(pool.insert(verified(8, "another"), CLEARED), Ok(Accepted::default()));
    assert_eq!(pool.insert(verified(8, "another"), CLEARED), Err(MempoolError::Known));
}

#[test]
fn a_copy_with_twice_the_work_replaces_the_other() {
    let mut pool = Mempool::new(10_000);
    let [copy, more] = [5, 7].map(|level| stamped(1, level));
    assert_eq!(copy.id(), more.id());
    pool.insert(copy.clone(), STORED).unwrap();
    assert!(pool.is_below(copy.id(), 7) && !pool.is_below(copy.id(), 5));
    let accepted = pool.insert(more.clone(), CLEARED).unwrap();
    assert_eq!(accepted, Accepted { replaces_stored: true, evicted: Vec::new() });
    assert_eq!((pool.len(), pool.bytes), (1, 200));
    assert_eq!(pool.find(more.id()), Some(&more));
    // The other way round, the copy with less work is no news.
    assert_eq!(pool.insert(copy.clone(), CLEARED), Err(MempoolError::Known));
    assert!(!pool.wants(copy.id(), copy.stamp_work()) && pool.wants(&Hash::ZERO, Work::ZERO));
    // Both can be named by a compact body, until a block comes.
    let leaves = |pool: &Mempool| pool.by_leaf().map(|(leaf, _)| *leaf).collect::<Vec<_>>();
    let leaf_of = |message: &VerifiedMessage| leaf(&message.message().encode());
    assert_eq!(leaves(&pool), [leaf_of(&more), leaf_of(&copy)]);
    assert!([&copy, &more].iter().all(|known| pool.has_copy(known.id(), known.message())));
    pool.forget_replaced();
    assert_eq!(leaves(&pool), [leaf_of(&more)]);
    assert!(!pool.has_copy(copy.id(), copy.message()));
    // The store still has it, and learns when it goes.
    assert_eq!(pool.remove(more.id()), Some(removed(&more, true)));
}

#[test]
fn a_little_more_work_replaces_nothing() {
    let mut pool = Mempool::new(10_000);
    let id = *stamped(1, 5).id();
    pool.insert(stamped(1, 5), CLEARED).unwrap();
    let work = pool.find(&id).unwrap().stamp_work().hashes();
    assert!(pool.wants(&id, Work::from_hashes(2 * work)));
    assert!(!pool.wants(&id, Work::from_hashes(2 * work - 1)));
}

#[test]
fn replaced_copies_take_an_eighth_of_the_room_at_most() {
    let mut pool = Mempool::new(8 * 450);
    for number in 0..4 {
        for level in [2, 4, 6, 8] {
            pool.insert(stamped(number, level), CLEARED).unwrap();
            let bytes: usize = pool.replaced.iter().map(|(_, copy)| copy.size()).sum();
            assert_eq!(bytes, pool.replaced_bytes);
            assert!(bytes <= 450);
        }
    }
    assert_eq!((pool.len(), pool.replaced.len()), (4, 2));
}

#[test]
fn what_is_not_cleared_is_not_selected_and_the_old_expires() {
    let mut pool = Mempool::new(10_000);
    let message = verified(7, "hello");
    pool.insert(message.clone(), Entry::default()).unwrap();
    assert!(pool.select(Timestamp::from_unix_ms(1_000), 10_000, 9).is_empty());
    assert!(pool.mark_confirmed_absent(message.id()));
    assert!(!pool.mark_confirmed_absent(message.id()), "once is enough");
    assert_eq!(pool.select(Timestamp::from_unix_ms(1_000), 10_000, 9).len(), 1);
    pool.reverify_before(Timestamp::from_unix_ms(999));
    assert_eq!(pool.select(Timestamp::from_unix_ms(1_000), 10_000, 9).len(), 1);
    pool.reverify_before(Timestamp::from_unix_ms(1_000));
    assert!(pool.select(Timestamp::from_unix_ms(1_000), 10_000, 9).is_empty());
    assert!(pool.expire(Timestamp::from_unix_ms(1_000 + MESSAGE_AGE_MS)).is_empty());
    assert_eq!(pool.expire(Timestamp::from_unix_ms(1_001 + MESSAGE_AGE_MS)), [removed(&message, false)]);
    assert_eq!(pool.len(), 0);
}

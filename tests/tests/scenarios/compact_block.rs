//! Compact blocks: their short ids, the messages that are missing, and the faults of their senders.

use std::sync::Arc;

use bytes::Bytes;
use plexus_core::ledger::validation::RuleError;
use plexus_core::node::ConnectionId;
use plexus_core::primitives::block::Block;
use plexus_core::primitives::hash::Hash;
use plexus_core::primitives::message::{Message, MessageId};
use plexus_core::protocol::bounded::BoundedVec;
use plexus_core::protocol::compact_block::{BlockMessages, CompactBlock, CompactEntry, GetMessagesAt};
use plexus_core::protocol::misbehavior::Misbehavior;
use plexus_core::protocol::packet::{Packet, body_frame};
use plexus_core::sync::{BODY_TIMEOUT, PUSH_PATIENCE, STALLS_MAX};
use plexus_tests::actor::Actor;
use plexus_tests::block_builder::{BlockBuilder, key, message};
use plexus_tests::scenario::Scenario;

use super::{A_WHILE, forge, mallory};

/// A block of new messages on top of alice's chain. Mallory has to push it to her.
pub(super) struct Push {
    pub(super) world: Scenario,
    pub(super) alice: Actor,
    pub(super) mallory: Actor,
    pub(super) peer: ConnectionId,
    pub(super) forge: BlockBuilder,
    pub(super) block: Arc<Block>,
    pub(super) hash: Hash,
    pub(super) ids: Vec<MessageId>,
}

impl Push {
    pub(super) fn new(seed: u64, count: usize) -> Self {
        let mut world = Scenario::new(seed);
        let (mut forge, hashes) = forge(&world, 3);
        let alice = world.stocked("alice", &forge, &hashes[2]);
        let (mallory, peer) = mallory(&mut world, alice, forge.branch(&hashes[2]));
        world.elapse(1_000);
        let (hash, ids) = fill(&world, &mut forge, &hashes[2], count);
        let block = Arc::clone(forge.block(&hash));
        world.traffic.clear();
        Self { world, alice, mallory, peer, forge, block, hash, ids }
    }

    /// Returns mallory's compact body, with full messages at these indexes.
    pub(super) fn compact(&self, whole: &[u16]) -> CompactBlock {
        CompactBlock::new(self.hash, &self.block, whole)
    }

    pub(super) fn all(&self) -> Vec<u16> {
        (0..u16::try_from(self.ids.len()).unwrap()).collect()
    }

    pub(super) fn announce(&mut self) {
        self.world.say(self.mallory, &Packet::Announce(self.block.header));
    }

    pub(super) fn push(&mut self, compact: CompactBlock) {
        self.world.say(self.mallory, &Packet::Compact(Box::new(compact)));
    }

    /// Sets mallory's answers: `pick` returns the answer to a packet.
    pub(super) fn answer(&mut self, mut pick: impl FnMut(&Packet) -> Option<Vec<Bytes>> + 'static) {
        self.world.guest(self.mallory).answer = Some(Box::new(move |packet| {
            let asks = matches!(packet, Packet::GetParts(_) | Packet::GetBodies(_));
            pick(packet).or(asks.then(Vec::new))
        }));
    }

    /// Adds bob, an honest node that has the block, at this distance from alice. Returns bob.
    pub(super) fn bob(&mut self, latency_ms: u64) -> Actor {
        let bob = self.world.stocked("bob", &self.forge, &self.hash);
        self.world.latency_ms = latency_ms;
        self.world.connect(self.alice, bob);
        bob
    }

    /// Returns the indexes of the messages that alice requested from mallory.
    pub(super) fn asked(&mut self) -> Vec<Vec<u16>> {
        let heard = self.world.guest(self.mallory).heard.iter();
        heard
            .filter_map(|(_, packet)| match packet {
                Packet::GetParts(GetMessagesAt { hash, places }) if *hash == self.hash => {
                    Some(places.clone().into_inner())
                }
                _ => None,
            })
            .collect()
    }

    pub(super) fn assert_another_body(&self) {
        let fault = self.world.fault(self.alice, self.peer);
        let Misbehavior::InvalidBlock { hash, error } = &fault else { panic!("found {fault}") };
        assert_eq!(*hash, self.hash);
        assert!(matches!(**error, RuleError::Content { .. }), "found {error}");
        assert_ne!(self.world.tip(self.alice), self.hash);
    }
}

/// Makes a block of `count` new messages of 900 bytes. Returns its hash and their ids.
pub(super) fn fill(
    world: &Scenario,
    forge: &mut BlockBuilder,
    parent: &Hash,
    count: usize,
) -> (Hash, Vec<MessageId>) {
    let text = |place| format!("{place} {parent} {}", "x".repeat(830));
    let messages: Vec<_> =
        (0..count).map(|place| message(&world.network, "writer", &text(place), world.time())).collect();
    let ids = messages.iter().map(|message| message.id(world.network.id())).collect();
    (forge.mine(parent, world.time(), messages), ids)
}

fn parts(block: &Block, hash: Hash, places: impl IntoIterator<Item = usize>) -> Bytes {
    let part = |place: usize| block.messages[place].as_ref().clone();
    Packet::Parts(BlockMessages { hash, messages: BoundedVec::new(places.into_iter().map(part).collect()) })
        .encode()
}

#[test]
fn missing_messages_are_asked_for_by_place_and_nothing_else_is() {
    let mut push = Push::new(133, 6);
    let pooled = push.block.messages[1].as_ref().clone();
    push.world.submit(push.alice, pooled).unwrap();
    push.world.elapse(100);
    let (block, hash) = (Arc::clone(&push.block), push.hash);
    push.answer(move |packet| match packet {
        Packet::GetParts(wanted) => {
            let places = wanted.places.clone().into_inner();
            Some(vec![parts(&block, hash, places.into_iter().map(usize::from))])
        }
        _ => None,
    });
    push.announce();
    let compact = push.compact(&[0, 3]);
    push.push(compact);
    push.world.elapse(500);
    assert_eq!(push.world.tip(push.alice), push.hash);
    assert_eq!(push.asked(), [[2, 4, 5]], "neither what came whole nor what is pooled");
    assert_eq!(push.world.traffic.count("get-bodies"), 0, "parts are enough");
    push.world.assert_open(push.alice, push.peer);
}

#[test]
fn a_wrong_compact_body_is_its_senders_fault_and_not_the_blocks() {
    type Spoil = fn(&Push, &mut CompactBlock);
    let spoils: [(&str, Spoil); 4] = [
        ("message", |push, compact| {
            let other = message(&push.world.network, "smith", "another", push.world.time());
            let mut slots = compact.slots.clone().into_inner();
            slots[1] = CompactEntry::Whole(other);
            compact.slots = BoundedVec::new(slots);
        }),
        ("order", |_, compact| {
            let mut slots = compact.slots.clone().into_inner();
            slots.swap(0, 2);
            compact.slots = BoundedVec::new(slots);
        }),
        ("author", |_, compact| compact.author = key("nobody").public()),
        ("extra", |_, compact| compact.extra += 1),
    ];
    for (name, spoil) in spoils {
        let mut push = Push::new(134, 3);
        let mut compact = push.compact(&push.all());
        spoil(&push, &mut compact);
        push.announce();
        push.push(compact);
        push.world.elapse(200);
        push.assert_another_body();
        let bob = push.bob(10);
        push.world.elapse(A_WHILE);
        push.world.assert_agree(&[push.alice, bob]);
        assert_eq!(push.world.host(push.alice).faults().len(), 1, "{name}: the honest one is not blamed");
    }
}

#[test]
fn wrong_parts_are_their_senders_fault_and_not_the_blocks() {
    let mut push = Push::new(135, 3);
    let (hash, wrong) = (push.hash, message(&push.world.network, "smith", "another", push.world.time()));
    push.answer(move |packet| match packet {
        Packet::GetParts(_) => Some(vec![
            Packet::Parts(BlockMessages { hash, messages: BoundedVec::new(vec![wrong.clone()]) }).encode(),
        ]),
        _ => None,
    });
    push.announce();
    let compact = push.compact(&[0, 2]);
    push.push(compact);
    push.world.elapse(200);
    push.assert_another_body();
    let bob = push.bob(10);
    push.world.elapse(A_WHILE);
    push.world.assert_agree(&[push.alice, bob]);
}

#[test]
fn parts_that_are_too_many_or_too_few_are_a_fault() {
    for places in [vec![], vec![1], vec![1, 2, 0]] {
        let mut push = Push::new(136, 3);
        let (block, hash) = (Arc::clone(&push.block), push.hash);
        push.answer(move |packet| match packet {
            Packet::GetParts(_) => Some(vec![parts(&block, hash, places.clone())]),
            _ => None,
        });
        push.announce();
        let compact = push.compact(&[0]);
        push.push(compact);
        push.world.elapse(200);
        assert_eq!(push.world.fault(push.alice, push.peer), Misbehavior::Unsolicited { packet: "parts" });
        let bob = push.bob(10);
        push.world.elapse(A_WHILE);
        push.world.assert_agree(&[push.alice, bob]);
    }
}

/// Returns a compact body whose short ids are those of other messages that alice has, as if they
/// collided.
fn colliding(push: &mut Push) -> CompactBlock {
    let others: Vec<Message> = (0..push.ids.len())
        .map(|n| message(&push.world.network, &format!("other {n}"), "another", push.world.time()))
        .collect();
    for other in &others {
        push.world.submit(push.alice, other.clone()).unwrap();
    }
    push.world.elapse(100);
    let others = others.into_iter().map(Arc::new).collect();
    CompactBlock::new(push.hash, &Block { messages: others, ..push.block.as_ref().clone() }, &[])
}

#[test]
fn short_ids_that_collide_are_no_fault_and_the_body_is_requested() {
    let mut push = Push::new(137, 4);
    let compact = colliding(&mut push);
    let body = body_frame(&push.block.encode());
    push.answer(move |packet| matches!(packet, Packet::GetBodies(_)).then(|| vec![body.clone()]));
    push.announce();
    push.push(compact);
    push.world.elapse(200);
    assert_eq!(push.world.tip(push.alice), push.hash);
    assert_eq!(push.world.traffic.receivers(push.alice, "get-bodies"), [push.mallory], "asked once");
    push.world.assert_open(push.alice, push.peer);
}

#[test]
fn a_whole_body_that_is_wrong_after_a_guess_is_a_fault() {
    let mut push = Push::new(138, 4);
    let compact = colliding(&mut push);
    let mut wrong = push.block.as_ref().clone();
    wrong.extra += 1;
    let body = body_frame(&wrong.encode());
    push.answer(move |packet| matches!(packet, Packet::GetBodies(_)).then(|| vec![body.clone()]));
    push.announce();
    push.push(compact);
    push.world.elapse(200);
    push.assert_another_body();
}

#[test]
fn parts_that_are_never_sent_hold_nobody_up() {
    let mut push = Push::new(142, 5);
    push.answer(|_| None);
    push.announce();
    let compact = push.compact(&[0]);
    push.push(compact);
    push.world.elapse(50);
    assert_eq!(push.asked(), [[1, 2, 3, 4]]);
    let bob = push.bob(30);
    push.world.elapse(2 * u64::try_from((PUSH_PATIENCE + BODY_TIMEOUT).as_millis()).unwrap());
    push.world.assert_agree(&[push.alice, bob]);
    push.world.elapse(A_WHILE);
    push.world.assert_open(push.alice, push.peer);
}

#[test]
fn one_that_has_a_body_alone_and_never_sends_it_is_given_up() {
    let mut push = Push::new(143, 5);
    push.answer(|_| None);
    push.announce();
    let compact = push.compact(&[0]);
    push.push(compact);
    push.world.elapse(120_000);
    assert_eq!(
        push.world.fault(push.alice, push.peer),
        Misbehavior::RequestTimeout { request: "get-bodies" }
    );
    let asked = push.world.guest(push.mallory).heard.len();
    assert!(asked < 20 + usize::try_from(STALLS_MAX).unwrap(), "asked {asked} times");
    push.world.mine(push.alice);
}

#[test]
fn a_body_of_an_unknown_header_does_no_harm() {
    let mut push = Push::new(144, 3);
    let compact = push.compact(&push.all());
    push.push(compact);
    push.world.elapse(1_000);
    assert_ne!(push.world.tip(push.alice), push.hash, "its header has not been seen");
    push.announce();
    let compact = push.compact(&push.all());
    push.push(compact);
    push.world.elapse(1_000);
    assert_eq!(push.world.tip(push.alice), push.hash);
    push.world.assert_open(push.alice, push.peer);
}

#[test]
fn a_flood_of_compact_bodies_is_bounded() {
    let mut push = Push::new(145, 1_000);
    push.answer(|_| None);
    push.announce();
    // Compact bodies of one block with other short ids each, of unknown blocks, and of a branch,
    // one after the other.
    for n in 0_u32..300 {
        let other = CompactBlock::new(Hash::of(&n.to_be_bytes()), &push.block, &[]);
        let compact = CompactBlock { hash: push.hash, ..other };
        push.push(compact.clone());
        push.push(CompactBlock { hash: Hash::of(&n.to_be_bytes()), ..compact });
    }
    push.world.elapse(1_000);
    assert_eq!(push.asked().len(), 1, "a body is asked for from one peer at a time");
    let parent = push.hash;
    let branch = push.forge.extend(&parent, 50);
    for hash in &branch {
        let block = Arc::clone(push.forge.block(hash));
        push.world.say(push.mallory, &Packet::Announce(block.header));
        let compact = CompactBlock { hash: *hash, ..push.compact(&[]) };
        push.push(compact);
    }
    push.world.elapse(1_000);
    let heard = push.world.guest(push.mallory).heard.len();
    assert!(heard < 300, "600 bodies and 50 headers are answered by {heard} packets");
    let tip = *branch.last().unwrap();
    let bob = push.world.stocked("bob", &push.forge, &tip);
    push.world.connect(push.alice, bob);
    push.world.elapse(2 * A_WHILE);
    push.world.assert_agree(&[push.alice, bob]);
    assert_eq!(push.world.host(bob).faults().len(), 0);
}

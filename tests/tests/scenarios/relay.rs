//! Relay: headers flood, and bodies follow along the flood's tree without requests.

use std::sync::Arc;

use bytes::Bytes;
use plexus_core::ledger::validation::RuleError;
use plexus_core::node::ConnectionId;
use plexus_core::node::event::Event;
use plexus_core::primitives::block::Block;
use plexus_core::primitives::hash::Hash;
use plexus_core::primitives::message::{Message, MessageId};
use plexus_core::protocol::bounded::BoundedVec;
use plexus_core::protocol::compact_block::{BlockMessages, CompactBlock, CompactEntry, GetMessagesAt};
use plexus_core::protocol::misbehavior::Misbehavior;
use plexus_core::protocol::packet::{Packet, Role, body_frame};
use plexus_core::sync::{BODY_TIMEOUT, EAGER_BYTES_MAX, PUSH_PATIENCE, STALLS_MAX};
use plexus_tests::actor::Actor;
use plexus_tests::block_builder::{BlockBuilder, key, message};
use plexus_tests::scenario::Scenario;

use super::{A_WHILE, forge, greet, mallory};

/// A block of new messages on top of alice's chain. Mallory has to push it to her.
struct Push {
    world: Scenario,
    alice: Actor,
    mallory: Actor,
    peer: ConnectionId,
    forge: BlockBuilder,
    block: Arc<Block>,
    hash: Hash,
    ids: Vec<MessageId>,
}

impl Push {
    fn new(seed: u64, count: usize) -> Self {
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
    fn compact(&self, whole: &[u16]) -> CompactBlock {
        CompactBlock::new(self.hash, &self.block, &self.ids, whole)
    }

    fn all(&self) -> Vec<u16> {
        (0..u16::try_from(self.ids.len()).unwrap()).collect()
    }

    fn announce(&mut self) {
        self.world.say(self.mallory, &Packet::Announce(self.block.header));
    }

    fn push(&mut self, compact: CompactBlock) {
        self.world.say(self.mallory, &Packet::Compact(Box::new(compact)));
    }

    /// Sets mallory's answers: `pick` returns the answer to a packet.
    fn answer(&mut self, mut pick: impl FnMut(&Packet) -> Option<Vec<Bytes>> + 'static) {
        self.world.guest(self.mallory).answer = Some(Box::new(move |packet| {
            let asks = matches!(packet, Packet::GetParts(_) | Packet::GetBodies(_));
            pick(packet).or(asks.then(Vec::new))
        }));
    }

    /// Adds bob, an honest node that has the block, at this distance from alice. Returns bob.
    fn bob(&mut self, latency_ms: u64) -> Actor {
        let bob = self.world.stocked("bob", &self.forge, &self.hash);
        self.world.latency_ms = latency_ms;
        self.world.connect(self.alice, bob);
        bob
    }

    /// Returns the indexes of the messages that alice requested from mallory.
    fn asked(&mut self) -> Vec<Vec<u16>> {
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

    fn assert_another_body(&self) {
        let fault = self.world.fault(self.alice, self.peer);
        let Misbehavior::InvalidBlock { hash, error } = &fault else { panic!("found {fault}") };
        assert_eq!(*hash, self.hash);
        assert!(matches!(**error, RuleError::Content { .. }), "found {error}");
        assert_ne!(self.world.tip(self.alice), self.hash);
    }
}

/// Makes a block of `count` new messages of 900 bytes. Returns its hash and their ids.
fn fill(world: &Scenario, forge: &mut BlockBuilder, parent: &Hash, count: usize) -> (Hash, Vec<MessageId>) {
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
fn a_block_crosses_a_line_without_anyone_asking_for_its_body() {
    let mut world = Scenario::new(130);
    let line: Vec<_> =
        ["alice", "bob", "carol", "dave", "erin"].iter().map(|name| world.full(name)).collect();
    for pair in line.windows(2) {
        world.connect(pair[0], pair[1]);
    }
    world.elapse(1_000);
    world.traffic.clear();
    world.mine(line[0]);
    // A hop is one crossing, and the time to verify.
    world.elapse(4 * (10 + 3) + 10);
    world.assert_agree(&line);
    world.mine(line[2]);
    world.elapse(A_WHILE);
    world.assert_agree(&line);
    assert_eq!(world.traffic.count("compact"), 2 * 4, "each node is sent each body once");
    for asked in ["get-bodies", "get-parts", "get-headers", "body"] {
        assert_eq!(world.traffic.count(asked), 0, "{asked}");
    }
    world.assert_no_faults();
}

#[test]
fn a_pool_that_has_the_messages_gets_short_ids_only() {
    let mut world = Scenario::new(131);
    let line: Vec<_> = ["alice", "bob", "carol"].iter().map(|name| world.full(name)).collect();
    world.connect(line[0], line[1]);
    world.connect(line[1], line[2]);
    world.elapse(1_000);
    let ids: Vec<_> = (0..20).map(|n| world.write(line[0], &format!("{n} {}", "x".repeat(1_000)))).collect();
    world.elapse(A_WHILE);
    world.traffic.clear();
    world.mine(line[0]);
    world.elapse(1_000);
    world.assert_agree(&line);
    assert!(ids.iter().all(|id| world.mined(line[2], id) == 1));
    let bytes: Vec<_> = world.traffic.of("compact").map(|sent| sent.bytes).collect();
    assert!(bytes.len() == 2 && bytes.iter().all(|bytes| *bytes < 350), "{bytes:?} bytes for 20 kB");
    for asked in ["get-bodies", "get-parts", "body", "parts", "messages"] {
        assert_eq!(world.traffic.count(asked), 0, "{asked}");
    }
    world.assert_no_faults();
}

#[test]
fn messages_written_just_before_they_are_mined_travel_along() {
    let mut world = Scenario::new(132);
    let line: Vec<_> = ["alice", "bob", "carol"].iter().map(|name| world.full(name)).collect();
    // The block arrives before the message could be requested.
    world.latency_ms = 3_000;
    world.connect(line[0], line[1]);
    world.connect(line[1], line[2]);
    world.elapse(60_000);
    world.set_mining(line[0], true);
    let id = world.write(line[0], "hot off the press");
    world.elapse(1_500);
    world.traffic.clear();
    world.mine(line[0]);
    world.elapse(A_WHILE);
    world.assert_agree(&line);
    assert_eq!(world.mined(line[2], &id), 1);
    assert_eq!((world.traffic.count("get-parts"), world.traffic.count("get-bodies")), (0, 0));
    world.assert_no_faults();
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
    let ids: Vec<_> = others.iter().map(|other| other.id(push.world.network.id())).collect();
    CompactBlock::new(push.hash, &push.block, &ids, &[])
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
fn a_large_body_is_pushed_about_once_to_each_node() {
    const NODES: usize = 20;
    const BLOCKS: usize = 8;
    let mut world = Scenario::new(139);
    let (mut forge, hashes) = forge(&world, 3);
    let all: Vec<_> =
        (0..NODES).map(|place| world.stocked(&format!("node-{place}"), &forge, &hashes[2])).collect();
    for (place, here) in all.iter().enumerate() {
        for _ in 0..3 {
            let there = *world.chance.clone().pick(&all);
            world.chance.next();
            if there != *here {
                world.latency_ms = 5 + world.chance.below(80);
                world.connect(*here, there);
            }
        }
        // Every random choice must give one connected network.
        world.latency_ms = 5 + world.chance.below(80);
        world.connect(*here, all[(place + 1) % NODES]);
    }
    world.latency_ms = 10;
    let smith = world.stranger("smith", Role::Full, forge.branch(&hashes[2]));
    world.elapse(A_WHILE);
    world.traffic.clear();
    let mut tip = hashes[2];
    for block in 0..BLOCKS {
        let entry = all[block * 7 % NODES];
        greet(&mut world, smith, entry);
        let ids;
        (tip, ids) = fill(&world, &mut forge, &tip, 20);
        let block = forge.block(&tip);
        let whole: Vec<_> = (0..20).collect();
        let compact = CompactBlock::new(tip, block, &ids, &whole);
        assert!(Packet::Compact(Box::new(compact.clone())).encode().len() > 17 * EAGER_BYTES_MAX);
        world.say(smith, &Packet::Announce(block.header));
        world.say(smith, &Packet::Compact(Box::new(compact)));
        world.elapse(5_000);
        assert!(all.iter().all(|node| world.tip(*node) == tip), "all have the block");
        world.cut(smith, entry);
        world.mend(smith, entry);
    }
    let large = |packet| world.traffic.of(packet).filter(|sent| sent.bytes > 17 * EAGER_BYTES_MAX).count();
    let copies = large("compact") + large("body") + large("parts");
    assert!(copies >= NODES * BLOCKS);
    assert!(copies * 10 < NODES * BLOCKS * 13, "{copies} copies of {BLOCKS} bodies for {NODES} nodes");
    world.assert_no_faults();
}

/// Returns the milliseconds that alice waits for a block's body. Mallory announces the block to her
/// first, and does not push it. Bob, at `latency_ms` from alice, has it from another node.
fn withheld(seed: u64, latency_ms: u64) -> u64 {
    let mut push = Push::new(seed, 20);
    push.answer(|_| None);
    let below = push.block.header.prev_hash;
    let bob = push.world.stocked("bob", &push.forge, &below);
    push.world.latency_ms = latency_ms;
    push.world.connect(push.alice, bob);
    push.world.latency_ms = 1;
    let smith = push.world.stranger("smith", Role::Full, push.forge.branch(&below));
    greet(&mut push.world, smith, bob);
    push.world.elapse(A_WHILE);
    push.announce();
    push.world.elapse(10);
    let (header, compact) = (push.block.header, push.compact(&push.all()));
    push.world.say(smith, &Packet::Announce(header));
    push.world.say(smith, &Packet::Compact(Box::new(compact)));
    for waited in 0..60_000 {
        if push.world.tip(push.alice) == push.hash {
            assert_eq!(push.world.tip(bob), push.hash);
            push.world.assert_open(push.alice, push.peer);
            return waited;
        }
        push.world.elapse(1);
    }
    panic!("alice never has the block");
}

#[test]
fn a_body_that_is_withheld_is_asked_for_elsewhere() {
    let patience = u64::try_from(PUSH_PATIENCE.as_millis()).unwrap();
    let timeout = u64::try_from(BODY_TIMEOUT.as_millis()).unwrap();
    // Mallory is 10 ms away. Bob is nearer, or farther. If he is farther, mallory is asked first,
    // and stalls.
    let near = withheld(140, 5);
    assert!((patience - 10..patience + 50).contains(&near), "{near} ms");
    let far = withheld(141, 40);
    assert!(far <= patience + timeout + 200, "{far} ms");
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
        let ids: Vec<_> =
            push.ids.iter().map(|id| Hash::of(&[id.as_bytes(), &n.to_be_bytes()[..]].concat())).collect();
        let compact = CompactBlock::new(push.hash, &push.block, &ids, &[]);
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

#[test]
fn how_long_a_block_took_and_which_do_not_lead_is_told() {
    let mut push = Push::new(146, 3);
    push.world.elapse(2_000);
    push.announce();
    push.world.elapse(70);
    let compact = push.compact(&push.all());
    push.push(compact);
    push.world.elapse(500);
    let arrived: Vec<_> = push
        .world
        .events(push.alice)
        .filter_map(|event| match event {
            Event::Arrived { hash, age_ms, waited } => Some((*hash, *age_ms, waited.as_millis())),
            _ => None,
        })
        .collect();
    assert_eq!(arrived.len(), 1, "blocks that were synchronized were not announced: {arrived:?}");
    let (hash, age_ms, waited_ms) = arrived[0];
    assert_eq!(hash, push.hash);
    assert!((2_000..2_050).contains(&age_ms) && (70..80).contains(&waited_ms), "{age_ms} {waited_ms}");

    let (parent, now) = (push.block.header.prev_hash, push.world.time());
    let sibling = push.forge.mine(&parent, now, Vec::new());
    let child = push.forge.mine(&sibling, now, Vec::new());
    push.world.say(push.mallory, &Packet::Announce(push.forge.block(&child).header));
    push.world.elapse(500);
    let is_orphan = |event: &Event| matches!(event, Event::Orphan { hash, .. } if *hash == child);
    assert_eq!(push.world.events(push.alice).filter(|event| is_orphan(event)).count(), 1);
}

#[test]
fn of_two_blocks_that_race_the_later_is_told_to_be_stale() {
    let mut world = Scenario::new(147);
    let names = ["alice", "bob", "carol", "dave", "erin", "frank"];
    let ring: Vec<_> = names.iter().map(|name| world.full(name)).collect();
    for (place, party) in ring.iter().enumerate() {
        world.connect(*party, ring[(place + 1) % ring.len()]);
    }
    world.elapse(1_000);
    let (here, there) = (world.mine(ring[0]), world.mine(ring[3]));
    world.elapse(A_WHILE);
    let stale: Vec<Hash> = ring
        .iter()
        .flat_map(|party| world.events(*party))
        .filter_map(|event| match event {
            Event::Stale { hash, height: 1 } => Some(*hash),
            _ => None,
        })
        .collect();
    assert!(!stale.is_empty() && stale.iter().all(|hash| [here, there].contains(hash)), "{stale:?}");
    world.mine(ring[0]);
    world.elapse(A_WHILE);
    world.assert_agree(&ring);
}

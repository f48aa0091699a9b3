//! Relay: headers flood, and bodies follow along the flood's tree without requests.

use plexus_core::node::event::Event;
use plexus_core::primitives::hash::Hash;
use plexus_core::protocol::compact_block::CompactBlock;
use plexus_core::protocol::packet::{Packet, Role};
use plexus_core::sync::{BODY_TIMEOUT, EAGER_BYTES_MAX, PUSH_PATIENCE};
use plexus_tests::scenario::Scenario;

use super::compact_block::{Push, fill};
use super::{A_WHILE, forge, greet};

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
fn a_large_body_is_pushed_about_once_to_each_node() {
    const NODES: usize = 20;
    const BLOCKS: usize = 8;
    let mut world = Scenario::new(139);
    let (mut forge, hashes) = forge(&world, 3);
    let all: Vec<_> =
        (0..NODES).map(|place| world.stocked(&format!("node-{place}"), &forge, &hashes[2])).collect();
    for (place, here) in all.iter().enumerate() {
        for _ in 0..3 {
            let there = *world.rng.clone().pick(&all);
            world.rng.draw();
            if there != *here {
                world.latency_ms = 5 + world.rng.below(80);
                world.connect(*here, there);
            }
        }
        // Every random choice must give one connected network.
        world.latency_ms = 5 + world.rng.below(80);
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
        (tip, _) = fill(&world, &mut forge, &tip, 20);
        let block = forge.block(&tip);
        let whole: Vec<_> = (0..20).collect();
        let compact = CompactBlock::new(tip, block, &whole);
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

//! Blocks whose bodies break a rule: each is reported with all its errors, and the honest chain
//! continues.

use std::sync::Arc;

use plexus_core::ledger::validation::{MESSAGE_AGE_MS, MESSAGE_AHEAD_MS, RuleError};
use plexus_core::node::event::Event;
use plexus_core::primitives::block::Block;
use plexus_core::primitives::hash::Hash;
use plexus_core::primitives::message::Message;
use plexus_core::primitives::params::{Network, Parameters};
use plexus_core::primitives::time::Timestamp;
use plexus_core::protocol::misbehavior::Misbehavior;
use plexus_core::protocol::packet::body_frame;
use plexus_tests::actor::Actor;
use plexus_tests::block_builder::{BlockBuilder, key, message};
use plexus_tests::scenario::Scenario;

use super::{A_WHILE, forge, mallory};

/// Breaks a rule. It gets the forge, the block to break, its time, and a message of the parent.
type Break = fn(&BlockBuilder, &mut Block, &Network, &Message);
type Expect = fn(&RuleError) -> bool;

const BREAKS: &[(&str, Break, Expect)] = &[
    (
        "another content root",
        |_, block, _, _| {
            block.header.content_root = Hash::of(b"something else");
            plexus_tests::block_builder::grind(&mut block.header);
        },
        |error| matches!(error, RuleError::Content { .. }),
    ),
    (
        "an author who did not sign",
        |forge, block, _, _| {
            block.author = key("somebody else").public();
            forge.commit(block);
        },
        |error| matches!(error, RuleError::AuthorSignature { .. }),
    ),
    (
        "an author that is no key",
        |forge, block, _, _| {
            block.author = plexus_core::primitives::key::PublicKey::from_bytes([9; 33]);
            forge.commit(block);
        },
        |error| matches!(error, RuleError::AuthorSignature { .. }),
    ),
    (
        "a message that its sender did not sign",
        |forge, block, network, _| {
            let honest = message(network, "anna", "signed", block.header.time);
            let draft = plexus_core::primitives::message::Draft::new(
                key("anna").public(),
                "all",
                "not signed",
                block.header.time,
            );
            block.messages.push(Arc::new(Message::from_parts(draft.unwrap(), 0, *honest.signature())));
            forge.finish(block);
        },
        |error| matches!(error, RuleError::MessageSignature { index: 1, .. }),
    ),
    (
        "a message that is over a day old",
        |forge, block, network, _| {
            let time = block.header.time.minus_ms(MESSAGE_AGE_MS + 1);
            block.messages.push(Arc::new(message(network, "anna", "old", time)));
            forge.finish(block);
        },
        |error| matches!(error, RuleError::MessageTime { index: 1, .. }),
    ),
    (
        "a message of the future",
        |forge, block, network, _| {
            let time = block.header.time.plus_ms(MESSAGE_AHEAD_MS + 1);
            block.messages.push(Arc::new(message(network, "anna", "new", time)));
            forge.finish(block);
        },
        |error| matches!(error, RuleError::MessageTime { index: 1, .. }),
    ),
    (
        "a message twice in the block",
        |forge, block, _, _| {
            block.messages.push(Arc::clone(&block.messages[0]));
            forge.finish(block);
        },
        |error| matches!(error, RuleError::MessageRepeated { index: 1, .. }),
    ),
    (
        "a message twice in the block under another stamp",
        |forge, block, network, _| {
            let first = Arc::clone(&block.messages[0]);
            let draft = plexus_core::primitives::message::Draft::new(
                *first.sender(),
                "all",
                first.text(),
                first.time(),
            );
            block.messages.push(Arc::new(draft.unwrap().sign(&key("anna"), network.id(), 77)));
            forge.finish(block);
        },
        |error| matches!(error, RuleError::MessageRepeated { index: 1, .. }),
    ),
    (
        "a message of the block below",
        |forge, block, _, earlier| {
            block.messages.push(Arc::new(earlier.clone()));
            forge.finish(block);
        },
        |error| matches!(error, RuleError::MessageRepeated { index: 1, .. }),
    ),
    (
        "too many messages",
        |forge, block, network, _| {
            let time = block.header.time;
            let more = (0..8).map(|number| Arc::new(message(network, "anna", &format!("{number}"), time)));
            block.messages.extend(more);
            forge.finish(block);
        },
        |error| matches!(error, RuleError::MessageCount { max: 8, found: 9 }),
    ),
    (
        "too many bytes",
        |forge, block, network, _| {
            // A few bytes too many, because a larger body would not fit into a packet.
            let text = "a".repeat(3_650);
            block.messages.push(Arc::new(message(network, "anna", &text, block.header.time)));
            forge.finish(block);
        },
        |error| matches!(error, RuleError::Size { max: 4_096, .. }),
    ),
];

/// Returns the development network with small caps.
fn small() -> Network {
    let parameters = Network::dev().parameters().clone();
    Network::new(Parameters {
        block_bytes_max: 4_096,
        block_messages_max: 8,
        name: "small".to_owned(),
        ..parameters
    })
    .unwrap()
}

struct Broken {
    forge: BlockBuilder,
    honest: Vec<Hash>,
    bad: Hash,
    tip: Hash,
}

/// Makes three valid blocks, the last of which carries a message. An invalid block and two more
/// follow them.
fn broken(world: &Scenario, change: Break) -> Broken {
    let (mut forge, mut honest) = forge(world, 2);
    let later = |forge: &BlockBuilder, hash: &Hash| forge.block(hash).header.time.plus_ms(1_000);
    let time = later(&forge, &honest[1]);
    let earlier = message(&world.network, "anna", "earlier", time);
    honest.push(forge.mine(&honest[1], time, vec![earlier.clone()]));
    let time = later(&forge, &honest[2]);
    let mut bad = forge.draft(&honest[2], time, vec![message(&world.network, "anna", "first", time)]);
    change(&forge, &mut bad, &world.network, &earlier);
    let bad = forge.keep(bad);
    let tip = *forge.extend(&bad, 2).last().unwrap();
    Broken { forge, honest, bad, tip }
}

fn assert_refused(world: &Scenario, alice: Actor, bad: &Hash, expected: Expect, name: &str) {
    let refused = world.events(alice).find_map(|event| match event {
        Event::Refused { hash, failures, .. } if hash == bad => Some(failures),
        _ => None,
    });
    let failures = refused.unwrap_or_else(|| panic!("{name}: not told to be refused"));
    assert!(failures.iter().any(expected), "{name}: found {failures:?}");
    // A body that belongs to another header says nothing about this header.
    let another = failures.iter().any(|failure| matches!(failure, RuleError::Content { .. }));
    assert_eq!(world.node(alice).chain().find(bad).is_some(), another, "{name}");
}

#[test]
fn a_chain_with_a_bad_block_is_named_and_the_honest_one_goes_on() {
    for (name, change, expected) in BREAKS {
        let mut world = Scenario::of(small(), 40);
        let alice = world.full("alice");
        let Broken { forge, honest, bad, tip } = broken(&world, *change);
        let (_, peer) = mallory(&mut world, alice, forge.branch(&tip));
        world.elapse(2_000);
        let fault = world.fault(alice, peer);
        let Misbehavior::InvalidBlock { hash, error } = &fault else { panic!("{name}: found {fault}") };
        assert_eq!(*hash, bad, "{name}");
        assert!(expected(error), "{name}: found {error}");
        assert_refused(&world, alice, &bad, *expected, name);
        assert_eq!(world.tip(alice), honest[2], "{name}: what lies below it stands");
        let bob = world.stocked("bob", &forge, &honest[2]);
        world.connect(alice, bob);
        world.elapse(1_000);
        world.mine(bob);
        world.elapse(A_WHILE);
        world.assert_agree(&[alice, bob]);
        assert_eq!(world.height(alice), 4, "{name}: the honest chain goes on");
        assert!(world.node(alice).chain().size() < 16, "{name}");
    }
}

#[test]
fn a_bad_branch_with_more_work_does_not_keep_a_node_from_the_honest_one() {
    for (name, change, _) in BREAKS {
        let mut world = Scenario::of(small(), 41);
        let Broken { forge, honest, tip, .. } = broken(&world, *change);
        let alice = world.full("alice");
        let bob = world.stocked("bob", &forge, &honest[2]);
        world.connect(alice, bob);
        mallory(&mut world, alice, forge.branch(&tip));
        world.elapse(2 * A_WHILE);
        world.assert_agree(&[alice, bob]);
        world.mine(alice);
        world.elapse(1_000);
        world.assert_agree(&[alice, bob]);
        assert_eq!(world.height(bob), 4, "{name}");
        assert!(world.host(bob).faults().is_empty(), "{name}: alice passes nothing bad on");
    }
}

#[test]
fn another_body_than_its_headers_is_the_senders_fault_and_not_the_blocks() {
    let mut world = Scenario::new(42);
    let alice = world.full("alice");
    let (mut forge, hashes) = forge(&world, 3);
    let time = forge.block(&hashes[2]).header.time.plus_ms(1_000);
    let tip = forge.mine(&hashes[2], time, vec![message(&world.network, "anna", "hello", time)]);
    let mut other = forge.block(&tip).as_ref().clone();
    other.messages.clear();
    let mallory = world.stranger("mallory", plexus_core::protocol::packet::Role::Full, forge.branch(&tip));
    let frames: Vec<_> = forge.branch(&tip).iter().map(|block| block.encode()).collect();
    world.guest(mallory).answer = Some(Box::new(move |packet| {
        let plexus_core::protocol::packet::Packet::GetBodies(_) = packet else { return None };
        let mut said: Vec<_> = frames.iter().map(|block| body_frame(block)).collect();
        said.pop();
        said.push(body_frame(&other.encode()));
        Some(said)
    }));
    let peer = super::greet(&mut world, mallory, alice);
    world.elapse(2_000);
    let fault = world.fault(alice, peer);
    let Misbehavior::InvalidBlock { hash, error } = fault else { panic!("found {fault}") };
    assert_eq!(hash, tip);
    assert!(matches!(*error, RuleError::Content { .. }), "found {error}");
    let bob = world.stocked("bob", &forge, &tip);
    world.connect(alice, bob);
    world.elapse(A_WHILE);
    assert_eq!(world.tip(alice), tip, "the block itself is valid");
}

#[test]
fn the_bounds_of_a_messages_time_are_inclusive() {
    let mut world = Scenario::new(43);
    let (mut forge, hashes) = forge(&world, 2);
    let time: Timestamp = forge.block(&hashes[1]).header.time.plus_ms(1_000);
    let oldest = message(&world.network, "anna", "oldest", time.minus_ms(MESSAGE_AGE_MS));
    let newest = message(&world.network, "anna", "newest", time.plus_ms(MESSAGE_AHEAD_MS));
    let tip = forge.mine(&hashes[1], time, vec![oldest, newest]);
    let alice = world.full("alice");
    let (_, peer) = mallory(&mut world, alice, forge.branch(&tip));
    world.elapse(2_000);
    assert_eq!(world.tip(alice), tip);
    world.assert_open(alice, peer);
}

#[test]
fn a_block_as_full_as_allowed_is_taken() {
    let mut world = Scenario::of(small(), 44);
    let (mut forge, hashes) = forge(&world, 1);
    let time = forge.block(&hashes[0]).header.time.plus_ms(1_000);
    let eight = (0..8).map(|number| message(&world.network, "anna", &format!("{number}"), time)).collect();
    let many = forge.mine(&hashes[0], time, eight);
    let empty = message(&world.network, "anna", "a", time).size() - 1;
    let text = "b".repeat(4_096 - plexus_core::primitives::block::BLOCK_BYTES_MIN - empty);
    let time = time.plus_ms(1_000);
    let large = forge.mine(&many, time, vec![message(&world.network, "anna", &text, time)]);
    assert_eq!(forge.block(&large).size(), 4_096);
    let alice = world.full("alice");
    let (_, peer) = mallory(&mut world, alice, forge.branch(&large));
    world.elapse(2_000);
    assert_eq!(world.tip(alice), large);
    world.assert_open(alice, peer);
}

#[test]
fn several_failures_of_a_block_are_told_together() {
    let mut world = Scenario::new(45);
    let Broken { forge, bad, tip, .. } = broken(&world, |forge, block, network, earlier| {
        let old = block.header.time.minus_ms(MESSAGE_AGE_MS + 1);
        block.messages.push(Arc::new(earlier.clone()));
        block.messages.push(Arc::new(message(network, "anna", "old", old)));
        forge.finish(block);
        block.author = key("somebody else").public();
        forge.commit(block);
    });
    let alice = world.full("alice");
    mallory(&mut world, alice, forge.branch(&tip));
    world.elapse(2_000);
    let told = world.events(alice).find_map(|event| match event {
        Event::Refused { hash, failures, .. } if *hash == bad => Some(failures.clone()),
        _ => None,
    });
    let flags: Vec<_> = told.expect("it is refused").iter().map(RuleError::flag).collect();
    for flag in ["InvalidSignature", "MessageTimeOutOfRange", "DuplicateMessage"] {
        assert!(flags.contains(&flag), "{flag} is missing in {flags:?}");
    }
}

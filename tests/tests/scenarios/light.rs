//! Light nodes: they keep headers, verify new blocks wholly, write and mine.

use plexus_core::event::Event;
use plexus_core::fault::Fault;
use plexus_core::rules::RuleError;
use plexus_core::wire::{Packet, Role};
use plexus_tests::forge::key;
use plexus_tests::world::World;

use super::{A_WHILE, forge};

#[test]
fn a_light_node_takes_headers_and_only_the_newest_bodies() {
    let mut world = World::new(70);
    let (forge, hashes) = forge(&world, 2_500);
    let alice = world.stocked("alice", &forge, &hashes[2_499]);
    let lisa = world.light("lisa");
    world.connect(lisa, alice);
    world.elapse(60_000);
    world.assert_agree(&[alice, lisa]);
    assert!(world.host(alice).bodies_served < 200, "{} bodies served", world.host(alice).bodies_served);
    assert!(world.events(lisa).any(|event| matches!(event, Event::Assumed { .. })));
    world.assert_no_faults();
}

#[test]
fn a_light_node_verifies_each_new_block_wholly_and_tells_of_it() {
    let mut world = World::new(71);
    let (alice, lisa) = (world.full("alice"), world.light("lisa"));
    world.connect(lisa, alice);
    world.elapse(1_000);
    let id = world.write(alice, "hello lisa");
    let hash = world.mine(alice);
    world.elapse(1_000);
    let block = world.events(lisa).find_map(|event| match event {
        Event::Connected { hash: connected, block, .. } if *connected == hash => Some(block),
        _ => None,
    });
    let block = block.expect("lisa tells of the block");
    assert_eq!(block.messages[0].id(world.network.id()), id);
    world.assert_agree(&[alice, lisa]);
}

#[test]
fn a_light_node_refuses_a_bad_block_that_follows_its_tip() {
    let mut world = World::new(72);
    let (mut forge, hashes) = forge(&world, 3);
    let lisa = world.light("lisa");
    let mallory = world.stranger("mallory", Role::Full, forge.branch(&hashes[2]));
    let peer = super::greet(&mut world, mallory, lisa);
    world.elapse(2_000);
    assert_eq!(world.tip(lisa), hashes[2]);
    let mut bad = forge.draft(&hashes[2], world.time(), Vec::new());
    bad.author = key("somebody else").public();
    forge.commit(&mut bad);
    let header = bad.header;
    let bad = forge.keep(bad);
    world.guest(mallory).branch = forge.branch(&bad);
    world.say(mallory, &Packet::Announce(header));
    world.say(mallory, &Packet::Held(bad));
    world.elapse(2_000);
    assert_eq!(world.tip(lisa), hashes[2], "it is not built on");
    let fault = world.fault(lisa, peer);
    let Fault::InvalidBlock { error, .. } = fault else { panic!("found {fault}") };
    assert!(matches!(*error, RuleError::AuthorSignature { .. }), "found {error}");
    assert!(world.events(lisa).any(|event| matches!(event, Event::Refused { hash, .. } if *hash == bad)));
}

#[test]
fn a_light_node_mines_its_own_message_and_everyone_takes_the_block() {
    let mut world = World::new(73);
    let (alice, bob) = (world.full("alice"), world.full("bob"));
    let (lisa, lars) = (world.light("lisa"), world.light("lars"));
    for (from, to) in [(alice, bob), (lisa, alice), (lars, bob)] {
        world.connect(from, to);
    }
    world.elapse(1_000);
    world.mine_blocks(alice, 5);
    world.elapse(1_000);
    let id = world.write(lisa, "mined in a tab");
    let hash = world.mine(lisa);
    world.elapse(1_000);
    world.assert_agree(&[alice, bob, lisa, lars]);
    assert_eq!(world.tip(bob), hash);
    assert_eq!(world.mined(bob, &id), 1);
    assert_eq!(world.blocks(bob)[5].author, key("lisa").public());
    world.assert_no_faults();
}

#[test]
fn a_light_node_resumes_from_what_it_remembers() {
    let mut world = World::new(74);
    let (forge, hashes) = forge(&world, 400);
    let alice = world.stocked("alice", &forge, &hashes[399]);
    let lisa = world.add("lisa", Role::Light, &["alice"]);
    world.elapse(A_WHILE);
    world.crash(lisa);
    world.mine_blocks(alice, 3);
    world.restart(lisa);
    assert_eq!(world.height(lisa), 400);
    world.elapse(A_WHILE);
    world.assert_agree(&[alice, lisa]);
    world.assert_no_faults();
}

#[test]
fn a_light_node_follows_a_reorganisation() {
    let mut world = World::new(75);
    let (mut forge, hashes) = forge(&world, 60);
    let other = forge.extend(&hashes[10], 70);
    let alice = world.stocked("alice", &forge, &hashes[59]);
    let bob = world.stocked("bob", &forge, &other[69]);
    let lisa = world.light("lisa");
    world.connect(lisa, alice);
    world.elapse(A_WHILE);
    assert_eq!(world.tip(lisa), hashes[59]);
    world.connect(lisa, bob);
    world.elapse(A_WHILE);
    assert_eq!(world.tip(lisa), other[69]);
    world.assert_no_faults();
}

#[test]
fn a_light_node_is_asked_for_nothing_and_serves_nothing() {
    let mut world = World::new(76);
    let (forge, hashes) = forge(&world, 30);
    let alice = world.stocked("alice", &forge, &hashes[29]);
    let (lisa, bob) = (world.light("lisa"), world.full("bob"));
    world.connect(lisa, alice);
    world.elapse(A_WHILE);
    world.cut(lisa, alice);
    world.connect(bob, lisa);
    world.elapse(A_WHILE);
    assert_eq!(world.host(lisa).bodies_served, 0);
    assert_eq!(world.height(bob), 0, "a light node has no bodies to give");
    world.connect(bob, alice);
    world.elapse(A_WHILE);
    world.assert_agree(&[alice, bob, lisa]);
    world.assert_no_faults();
}

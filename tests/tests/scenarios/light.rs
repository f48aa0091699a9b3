//! Light nodes: they keep headers, fully verify new blocks, write and mine.

use plexus_core::ledger::known_work::KnownWork;
use plexus_core::ledger::validation::RuleError;
use plexus_core::node::event::Event;
use plexus_core::primitives::hash::Hash;
use plexus_core::primitives::pow::Work;
use plexus_core::proof::chain_proof::TAIL_BLOCKS;
use plexus_core::protocol::bounded::BoundedBytes;
use plexus_core::protocol::misbehavior::Misbehavior;
use plexus_core::protocol::packet::{Packet, Role, body_frame};
use plexus_tests::actor::Actor;
use plexus_tests::block_builder::key;
use plexus_tests::scenario::Scenario;

use super::{A_WHILE, forge};

#[test]
fn a_light_node_takes_headers_and_only_the_newest_bodies() {
    let mut world = Scenario::new(70);
    let (forge, hashes) = forge(&world, 1_900);
    let alice = world.stocked("alice", &forge, &hashes[1_899]);
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
    let mut world = Scenario::new(71);
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
    let mut world = Scenario::new(72);
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
    let Misbehavior::InvalidBlock { error, .. } = fault else { panic!("found {fault}") };
    assert!(matches!(*error, RuleError::AuthorSignature { .. }), "found {error}");
    assert!(world.events(lisa).any(|event| matches!(event, Event::Refused { hash, .. } if *hash == bad)));
}

#[test]
fn a_light_node_mines_its_own_message_and_everyone_takes_the_block() {
    let mut world = Scenario::new(73);
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
    let mut world = Scenario::new(74);
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
    let mut world = Scenario::new(75);
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
    let mut world = Scenario::new(76);
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

/// More headers than a light node downloads one by one.
const LONG: usize = 2_600;

#[test]
fn a_light_node_begins_at_the_end_of_a_proof() {
    let mut world = Scenario::new(77);
    let (forge, hashes) = forge(&world, LONG);
    let alice = world.stocked("alice", &forge, &hashes[LONG - 1]);
    let lisa = world.add("lisa", Role::Light, &["alice"]);
    world.elapse(A_WHILE);
    world.assert_agree(&[alice, lisa]);
    assert_eq!(world.host(alice).proofs_served, 1);
    assert!(world.host(alice).bodies_served < 20, "{} bodies served", world.host(alice).bodies_served);
    assert_eq!(world.host(lisa).journal.base(), LONG as u64 + 1 - TAIL_BLOCKS);
    let proven = world.events(lisa).find_map(|event| match event {
        Event::Proven { height, samples, .. } => Some((*height, *samples)),
        _ => None,
    });
    let (height, samples) = proven.expect("lisa tells of the proof");
    assert!(height < LONG as u64 && samples > 50, "{height}, {samples}");
    // From then on it behaves like any other node, and also after a restart.
    let id = world.write(lisa, "from above a proof");
    world.elapse(1_000);
    world.mine(alice);
    world.elapse(1_000);
    assert_eq!(world.mined(alice, &id), 1);
    world.crash(lisa);
    world.mine_blocks(alice, 2);
    world.restart(lisa);
    world.elapse(A_WHILE);
    world.assert_agree(&[alice, lisa]);
    assert_eq!(world.host(alice).proofs_served, 1, "what is remembered goes on by headers");
    world.assert_no_faults();
}

#[test]
fn a_light_node_that_was_away_for_long_goes_on_from_another_proof() {
    let mut world = Scenario::new(78);
    let (forge, hashes) = forge(&world, LONG + 300);
    let alice = world.stocked("alice", &forge, &hashes[299]);
    let lisa = world.light("lisa");
    world.connect(lisa, alice);
    world.elapse(A_WHILE);
    assert_eq!(world.tip(lisa), hashes[299]);
    world.cut(lisa, alice);
    let bob = world.stocked("bob", &forge, &hashes[LONG + 299]);
    world.connect(lisa, bob);
    world.elapse(A_WHILE);
    world.assert_agree(&[bob, lisa]);
    assert_eq!((world.host(alice).proofs_served, world.host(bob).proofs_served), (0, 1));
    world.assert_no_faults();
}

#[test]
fn of_two_proven_chains_the_one_with_more_work_is_believed() {
    let mut world = Scenario::new(79);
    let (mut forge, hashes) = forge(&world, LONG);
    let other = forge.extend(&hashes[50], LONG - 45);
    let alice = world.stocked("alice", &forge, &hashes[LONG - 1]);
    let bob = world.stocked("bob", &forge, &other[LONG - 46]);
    let lisa = world.light("lisa");
    world.connect(lisa, alice);
    world.elapse(A_WHILE);
    assert_eq!(world.tip(lisa), hashes[LONG - 1]);
    // The branches fork far below the headers that lisa has of hers.
    world.connect(lisa, bob);
    world.elapse(A_WHILE);
    world.assert_agree(&[bob, lisa]);
    assert_eq!(world.host(bob).proofs_served, 1);
    world.assert_no_faults();
}

#[test]
fn a_proof_that_proves_nothing_is_a_fault_and_another_peer_is_asked() {
    let mut world = Scenario::new(80);
    let (forge, hashes) = forge(&world, LONG);
    let mut lie =
        plexus_tests::block_builder::prove(&world.network, &forge.branch(&hashes[LONG - 1])).unwrap();
    let middle = lie.len() / 2;
    lie[middle] ^= 1;
    let mallory = world.stranger("mallory", Role::Full, forge.branch(&hashes[LONG - 1]));
    world.guest(mallory).answer = Some(Box::new(move |packet| match packet {
        Packet::GetProof(()) => Some(vec![Packet::Proof(BoundedBytes::new(lie.clone())).encode()]),
        _ => None,
    }));
    let lisa = world.light("lisa");
    let peer = super::greet(&mut world, mallory, lisa);
    world.elapse(2_000);
    let fault = world.fault(lisa, peer);
    assert!(matches!(fault, Misbehavior::InvalidProof { .. }), "found {fault}");
    assert_eq!(world.height(lisa), 0);
    let alice = world.stocked("alice", &forge, &hashes[LONG - 1]);
    world.connect(lisa, alice);
    world.elapse(A_WHILE);
    world.assert_agree(&[alice, lisa]);
}

#[test]
fn who_has_no_proof_shows_all_headers() {
    let mut world = Scenario::new(81);
    let (forge, hashes) = forge(&world, LONG);
    let oliver = world.stranger("oliver", Role::Full, forge.branch(&hashes[LONG - 1]));
    world.guest(oliver).answer = Some(Box::new(|packet| match packet {
        Packet::GetProof(()) => Some(vec![Packet::Proof(BoundedBytes::new(Vec::new())).encode()]),
        _ => None,
    }));
    let lisa = world.light("lisa");
    super::greet(&mut world, oliver, lisa);
    world.elapse(A_WHILE);
    assert_eq!(world.tip(lisa), hashes[LONG - 1]);
    assert_eq!(world.host(lisa).journal.base(), 0);
    world.assert_no_faults();
}

/// Returns the reports of a node about undone blocks: the fork, whether that is exact, the blocks,
/// and the tip's height.
fn undone(world: &Scenario, light: Actor) -> Vec<(u64, bool, Vec<Hash>, u64)> {
    let undone = world.events(light).filter_map(|event| match event {
        Event::Undone { fork, is_exact, hashes, height, .. } => {
            Some((*fork, *is_exact, hashes.clone(), *height))
        }
        _ => None,
    });
    undone.collect()
}

#[test]
fn a_light_node_tells_what_a_chain_that_is_replaced_by_headers_undid() {
    let mut world = Scenario::new(82);
    let (mut forge, hashes) = forge(&world, 74);
    let other = forge.extend(world.network.id(), 164);
    let alice = world.stocked("alice", &forge, &hashes[73]);
    let lisa = world.light("lisa");
    world.connect(lisa, alice);
    world.elapse(A_WHILE);
    let id = world.write(lisa, "on the chain that goes");
    world.elapse(1_000);
    let tip = world.mine(alice);
    world.elapse(1_000);
    assert_eq!((world.tip(lisa), world.height(lisa)), (tip, 75));
    assert!(world.node(lisa).pooled(&id).is_none());
    world.cut(lisa, alice);
    let bob = world.stocked("bob", &forge, &other[163]);
    world.connect(lisa, bob);
    world.elapse(A_WHILE);
    assert_eq!(world.tip(lisa), other[163]);
    let lost: Vec<_> = std::iter::once(tip).chain(hashes.into_iter().rev()).collect();
    assert_eq!(undone(&world, lisa), [(0, true, lost, 75)]);
    assert!(world.node(lisa).pooled(&id).is_some(), "its own message waits again");
    world.assert_no_faults();
}

#[test]
fn a_light_node_tells_what_a_chain_that_is_replaced_by_a_proof_undid() {
    // First, headers lead to the fork. Then the other chain is too far ahead for that. Then its
    // tail is too far ahead as well.
    for (seed, length, longer) in [(83, 700, LONG), (84, 700, LONG + 200), (85, LONG, LONG + 40)] {
        let mut world = Scenario::new(seed);
        let (mut forge, other) = forge(&world, longer);
        let mut hashes = other[..100].to_vec();
        hashes.extend(forge.extend(&other[99], length - 100));
        let (ours, theirs) = (hashes[length - 1], other[longer - 1]);
        let alice = world.stocked("alice", &forge, &ours);
        let bob = world.stocked("bob", &forge, &theirs);
        let lisa = world.light("lisa");
        world.connect(lisa, alice);
        world.elapse(A_WHILE);
        assert_eq!(world.tip(lisa), ours);
        world.cut(lisa, alice);
        world.connect(lisa, bob);
        world.elapse(A_WHILE);
        assert_eq!(world.tip(lisa), theirs);
        assert!(world.events(lisa).any(|event| matches!(event, Event::Proven { .. })));
        let told = undone(&world, lisa);
        let [(fork, is_exact, lost, height)] = &told[..] else { panic!("seed {seed}: told {}", told.len()) };
        assert_eq!((*height, lost.first()), (length as u64, Some(&ours)), "seed {seed}");
        let lowest = length - lost.len();
        assert!(lost.iter().rev().eq(&hashes[lowest..]) && lowest >= 100, "seed {seed}: {lowest}");
        assert!(
            *fork <= 100 && *is_exact == (*fork == 100 && lowest == 100),
            "seed {seed}: {fork}, {lowest}"
        );
        if seed == 83 {
            assert!(is_exact, "the headers show where they part");
        }
        world.assert_no_faults();
    }
}

#[test]
fn a_light_node_that_goes_on_from_a_proof_tells_of_nothing_undone() {
    let mut world = Scenario::new(86);
    let (forge, hashes) = forge(&world, LONG + 700);
    let alice = world.stocked("alice", &forge, &hashes[699]);
    let bob = world.stocked("bob", &forge, &hashes[LONG + 699]);
    let lisa = world.light("lisa");
    world.connect(lisa, alice);
    world.elapse(A_WHILE);
    world.cut(lisa, alice);
    world.connect(lisa, bob);
    world.elapse(A_WHILE);
    world.assert_agree(&[bob, lisa]);
    assert!(world.events(lisa).any(|event| matches!(event, Event::Proven { .. })));
    assert_eq!(undone(&world, lisa), []);
}

#[test]
fn a_light_node_takes_up_no_chain_below_the_known_work() {
    let mut world = Scenario::new(88);
    let (forge, hashes) = forge(&world, 60);
    let total_work =
        forge.branch(&hashes[59]).iter().map(|block| block.header.work()).fold(Work::ZERO, Work::plus);
    let known = KnownWork { height: 60, hash: hashes[59], total_work };
    let lisa = world.light("lisa");
    world.crash(lisa);
    world.host_mut(lisa).config.known_work = Some(known);
    world.restart(lisa);
    let is_lost = |world: &Scenario| world.node(lisa).status(world.now(lisa)).unknown_chain;
    assert!(!is_lost(&world), "it has no peer yet");
    let mallory = world.stocked("mallory", &forge, &hashes[49]);
    world.connect(lisa, mallory);
    world.elapse(A_WHILE);
    world.mine(mallory);
    world.elapse(A_WHILE);
    assert_eq!((world.height(lisa), world.host(mallory).proofs_served), (0, 0));
    assert!(is_lost(&world), "and says so");
    let alice = world.stocked("alice", &forge, &hashes[59]);
    world.connect(lisa, alice);
    world.elapse(A_WHILE);
    world.assert_agree(&[alice, lisa]);
    assert!(!is_lost(&world));
    assert_eq!(world.host(alice).proofs_served, 1, "a short chain is proven, too");
    world.assert_no_faults();
}

#[test]
fn a_light_node_leaves_a_slow_peer_that_alone_has_its_branch() {
    let mut world = Scenario::new(89);
    let (mut forge, hashes) = forge(&world, 60);
    let other = forge.extend(&hashes[10], 49);
    let tip = other[48];
    let slow = forge.branch(&hashes[59]);
    let mallory = world.stranger("mallory", Role::Full, slow.clone());
    world.guest(mallory).answer = Some(Box::new(|packet| match packet {
        Packet::GetBodies(_) => Some(Vec::new()),
        _ => None,
    }));
    let lisa = world.light("lisa");
    super::greet(&mut world, mallory, lisa);
    world.elapse(1_000);
    // Both branches have the same work.
    let alice = world.stocked("alice", &forge, &tip);
    world.connect(lisa, alice);
    // One body in 4.8 s is not a stall, and 16 of them take longer than lisa is patient.
    for block in &slow[slow.len() - 16..] {
        if world.tip(lisa) == tip {
            break;
        }
        world.say_bytes(mallory, body_frame(&block.encode()));
        world.elapse(4_800);
    }
    assert_eq!(world.tip(lisa), tip);
}

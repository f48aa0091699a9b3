//! Headers that break a rule: each error is named, and the honest chain continues.

use plexus_core::ledger::validation::{RuleError, TAKE_AHEAD_MS};
use plexus_core::node::event::Event;
use plexus_core::primitives::block::{Block, VERSION};
use plexus_core::primitives::hash::Hash;
use plexus_core::primitives::pow::Bits;
use plexus_core::protocol::bounded::BoundedVec;
use plexus_core::protocol::misbehavior::Misbehavior;
use plexus_core::protocol::packet::{Packet, Role};
use plexus_tests::block_builder::{BlockBuilder, grind, spoil};
use plexus_tests::scenario::Scenario;

use super::{forge, mallory};

type Break = fn(&BlockBuilder, &mut Block);
type Expect = fn(&RuleError) -> bool;

/// A way to break each rule that a header alone can show, and the error that names it.
const BREAKS: &[(&str, Break, Expect)] = &[
    (
        "height",
        |_, block| {
            block.header.height += 1;
            grind(&mut block.header);
        },
        |error| matches!(error, RuleError::Height { expected: 4, found: 5 }),
    ),
    (
        "version",
        |_, block| {
            block.header.version = VERSION + 1;
            grind(&mut block.header);
        },
        |error| matches!(error, RuleError::Version { found: 3 }),
    ),
    (
        "time",
        |forge, block| {
            block.header.time = forge.block(&block.header.prev_hash).header.time;
            grind(&mut block.header);
        },
        |error| matches!(error, RuleError::Time { parent, found } if parent == found),
    ),
    (
        "an easier target than follows",
        |_, block| {
            block.header.bits = Bits::from_u32(0x207f_ffff);
            grind(&mut block.header);
        },
        |error| matches!(error, RuleError::Bits { found, .. } if *found == Bits::from_u32(0x207f_ffff)),
    ),
    (
        "a harder target than follows",
        |_, block| {
            block.header.bits = Bits::from_u32(0x2000_ffff);
            grind(&mut block.header);
        },
        |error| matches!(error, RuleError::Bits { .. }),
    ),
    (
        "bits that are no target",
        |_, block| block.header.bits = Bits::from_u32(0),
        |error| matches!(error, RuleError::Bits { .. }),
    ),
    (
        "no proof of work",
        |_, block| spoil(&mut block.header),
        |error| matches!(error, RuleError::ProofOfWork { .. }),
    ),
];

/// Returns three valid blocks, an invalid one, and its forge.
fn broken(world: &Scenario, change: Break) -> (BlockBuilder, Vec<Hash>, Block) {
    let (forge, hashes) = forge(world, 3);
    let time = forge.block(&hashes[2]).header.time.plus_ms(1_000);
    let mut bad = forge.draft(&hashes[2], time, Vec::new());
    grind(&mut bad.header);
    change(&forge, &mut bad);
    (forge, hashes, bad)
}

#[test]
fn a_chain_with_a_bad_header_is_named_and_the_honest_one_goes_on() {
    for (name, change, expected) in BREAKS {
        let mut world = Scenario::new(30);
        let alice = world.full("alice");
        let (forge, hashes, bad) = broken(&world, *change);
        let bad_hash = bad.header.hash();
        let mut branch = forge.branch(&hashes[2]);
        branch.push(bad.into());
        let (_, peer) = mallory(&mut world, alice, branch);
        world.elapse(1_000);
        let fault = world.fault(alice, peer);
        let Misbehavior::InvalidHeader { hash, error } = &fault else { panic!("{name}: found {fault}") };
        assert_eq!(*hash, bad_hash, "{name}");
        assert!(expected(error), "{name}: found {error}");
        // The header was at most 4 high, and nothing of it is kept.
        assert!(world.node(alice).chain().find(&bad_hash).is_none(), "{name}: kept");
        assert!(world.node(alice).chain().size() <= 4, "{name}");
        let bob = world.stocked("bob", &forge, &hashes[2]);
        world.connect(alice, bob);
        world.elapse(1_000);
        world.assert_agree(&[alice, bob]);
        assert_eq!(world.height(alice), 3, "{name}");
        world.mine(bob);
        world.elapse(1_000);
        world.assert_agree(&[alice, bob]);
    }
}

#[test]
fn a_bad_header_that_is_announced_is_named_and_not_passed_on() {
    for (name, change, expected) in BREAKS {
        let mut world = Scenario::new(31);
        let (forge, hashes, bad) = broken(&world, *change);
        let alice = world.stocked("alice", &forge, &hashes[2]);
        let (mallory, peer) = mallory(&mut world, alice, Vec::new());
        let watcher = world.stranger("watcher", Role::Full, Vec::new());
        super::greet(&mut world, watcher, alice);
        world.guest(watcher).heard.clear();
        world.say(mallory, &Packet::Announce(bad.header));
        world.elapse(1_000);
        let fault = world.fault(alice, peer);
        let Misbehavior::InvalidHeader { error, .. } = &fault else { panic!("{name}: found {fault}") };
        assert!(expected(error), "{name}: found {error}");
        assert!(
            !world.guest(watcher).heard(|packet| matches!(packet, Packet::Announce(_))),
            "{name}: passed on"
        );
        assert_eq!(world.tip(alice), hashes[2], "{name}");
    }
}

#[test]
fn headers_that_do_not_follow_one_another_are_a_fault() {
    let mut world = Scenario::new(32);
    let alice = world.full("alice");
    let (forge, hashes) = forge(&world, 8);
    let mut headers: Vec<_> = hashes.iter().map(|hash| forge.block(hash).header).collect();
    headers.remove(4);
    let (mallory, peer) = {
        let mallory = world.stranger("mallory", Role::Full, forge.branch(&hashes[7]));
        world.guest(mallory).answer = Some(Box::new(move |packet| {
            let headers = Packet::Headers(BoundedVec::new(headers.clone()));
            matches!(packet, Packet::GetHeaders(_)).then(|| vec![headers.encode()])
        }));
        (mallory, super::greet(&mut world, mallory, alice))
    };
    world.elapse(1_000);
    let fault = world.fault(alice, peer);
    assert!(matches!(fault, Misbehavior::Disconnected { .. }), "found {fault}");
    assert!(world.guest(mallory).heard(|packet| matches!(packet, Packet::GetHeaders(_))));
    assert!(
        !world.guest(mallory).heard(|packet| matches!(packet, Packet::GetBodies(_))),
        "headers come first"
    );
}

#[test]
fn a_header_that_is_too_early_is_kept_back_and_accepted_later() {
    let mut world = Scenario::new(33);
    let (mut forge, hashes) = forge(&world, 2);
    let alice = world.stocked("alice", &forge, &hashes[1]);
    let ahead = world.time().plus_ms(TAKE_AHEAD_MS + 20_000);
    let early = forge.mine(&hashes[1], ahead, Vec::new());
    let (mallory, peer) = mallory(&mut world, alice, forge.branch(&hashes[1]));
    world.guest(mallory).branch = forge.branch(&early);
    world.say(mallory, &Packet::Announce(forge.block(&early).header));
    world.say(mallory, &Packet::Held(early));
    world.elapse(10_000);
    world.assert_open(alice, peer);
    assert_eq!(world.tip(alice), hashes[1], "too early");
    world.elapse(12_000);
    assert_eq!(world.tip(alice), early, "its time has come");
    world.assert_open(alice, peer);
}

#[test]
fn an_early_block_of_a_miner_with_a_fast_clock_is_taken_by_all_in_the_end() {
    let mut world = Scenario::new(34);
    let (alice, bob) = (world.full("alice"), world.full("bob"));
    world.host_mut(alice).skew_ms = 35_000;
    world.connect(alice, bob);
    world.elapse(1_000);
    world.mine(alice);
    world.elapse(5_000);
    assert_eq!(world.height(bob), 0, "too early for bob");
    world.elapse(60_000);
    world.assert_agree(&[alice, bob]);
    assert_eq!(world.height(bob), 1);
    world.assert_no_faults();
}

#[test]
fn a_refused_header_is_told_or_named_with_what_was_expected_and_found() {
    let mut world = Scenario::new(35);
    let alice = world.full("alice");
    let (forge, hashes, bad) = broken(&world, |_, block| spoil(&mut block.header));
    let mut branch = forge.branch(&hashes[2]);
    branch.push(bad.into());
    let (_, peer) = mallory(&mut world, alice, branch);
    world.elapse(1_000);
    let text = world.fault(alice, peer).to_string();
    assert!(text.contains("proof of work: expected a hash of at most"), "{text}");
    assert!(world.events(alice).any(|event| matches!(event, Event::Faulted { .. })));
}

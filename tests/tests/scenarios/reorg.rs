//! Reorganisations, shallow and deep.

use plexus_core::ledger::chain::WINDOW_MAX;
use plexus_core::node::event::Event;
use plexus_tests::block_builder;
use plexus_tests::scenario::Scenario;

use super::{A_WHILE, forge};

#[test]
fn a_reorganisation_hundreds_of_blocks_deep_undoes_and_does() {
    let mut world = Scenario::new(110);
    let (mut forge, hashes) = forge(&world, 500);
    let other = forge.extend(&hashes[99], 450);
    let alice = world.stocked("alice", &forge, &hashes[499]);
    let bob = world.stocked("bob", &forge, &other[449]);
    world.connect(alice, bob);
    world.elapse(120_000);
    assert_eq!(world.tip(alice), other[449]);
    assert_eq!(world.tip(bob), other[449]);
    let (fork, undone) = world
        .events(alice)
        .find_map(|event| match event {
            Event::Undone { fork, hashes, .. } => Some((*fork, hashes.clone())),
            _ => None,
        })
        .expect("what is undone is told");
    assert_eq!((fork, undone.len()), (100, 400));
    assert_eq!(undone.first(), Some(&hashes[499]), "the highest first");
    world.assert_no_faults();
}

#[test]
fn messages_survive_a_deep_reorganisation() {
    let mut world = Scenario::new(111);
    let (mut forge, hashes) = forge(&world, 10);
    let mut tip = hashes[9];
    let mut ids = Vec::new();
    for number in 0..300 {
        let time = forge.block(&tip).header.time.plus_ms(100);
        let message = block_builder::message(
            &world.network,
            &format!("sender {}", number % 7),
            &format!("text {number}"),
            time,
        );
        ids.push(message.id(world.network.id()));
        tip = forge.mine(&tip, time, vec![message]);
    }
    let other = *forge.extend(&hashes[9], 320).last().unwrap();
    let alice = world.stocked("alice", &forge, &tip);
    let bob = world.stocked("bob", &forge, &other);
    world.elapse(300_000);
    world.connect(alice, bob);
    world.elapse(120_000);
    assert_eq!((world.tip(alice), world.tip(bob)), (other, other));
    for _ in 0..5 {
        world.elapse(A_WHILE);
        world.mine(bob);
    }
    world.elapse(A_WHILE);
    world.assert_agree(&[alice, bob]);
    let lost = ids.iter().filter(|id| world.mined(alice, id) != 1).count();
    assert_eq!(lost, 0, "messages that are not in the chain again");
    world.assert_no_faults();
}

#[test]
fn a_node_crashes_amid_a_reorganisation_and_goes_on() {
    let mut world = Scenario::new(112);
    let (mut forge, hashes) = forge(&world, 300);
    let other = forge.extend(&hashes[49], 400);
    let alice = world.stocked("alice", &forge, &hashes[299]);
    let bob = world.stocked("bob", &forge, &other[399]);
    for persists in 0..60 {
        world.connect(alice, bob);
        world.host_mut(alice).persists_left = Some(persists % 5);
        world.elapse(3_000);
        if world.host(alice).node.is_some() {
            world.crash(alice);
        }
        world.restart(alice);
    }
    world.connect(alice, bob);
    world.elapse(120_000);
    assert_eq!(world.tip(alice), other[399]);
    world.assert_no_faults();
}

#[test]
fn a_reorganisation_may_leave_the_chain_below_the_window() {
    const DEEP: usize = WINDOW_MAX + 600;
    let mut world = Scenario::new(113);
    let (mut forge, hashes) = forge(&world, DEEP);
    let other = forge.extend(&hashes[299], DEEP);
    let alice = world.stocked("alice", &forge, &hashes[DEEP - 1]);
    let bob = world.stocked("bob", &forge, &other[DEEP - 1]);
    world.connect(alice, bob);
    world.elapse(3_600_000);
    assert_eq!(world.tip(alice), other[DEEP - 1]);
    assert_eq!(world.tip(bob), other[DEEP - 1]);
    world.assert_no_faults();
}

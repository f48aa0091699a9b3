//! A node whose disk is nearly full: it takes no block and keeps its peers, and catches up later.

use plexus_core::node::Input;
use plexus_tests::scenario::Scenario;

use super::{A_WHILE, forge};

#[test]
fn a_node_with_a_full_disk_takes_no_block_and_keeps_its_peers() {
    let mut world = Scenario::new(90);
    let (alice, bob) = (world.full("alice"), world.full("bob"));
    world.connect(alice, bob);
    world.elapse(1_000);
    let first = world.mine(alice);
    world.elapse(1_000);
    assert_eq!(world.tip(bob), first);
    world.tell(bob, Input::DiskFull(true));
    world.set_mining(bob, true);
    for _ in 0..5 {
        world.mine(alice);
        world.elapse(A_WHILE);
        assert_eq!(world.tip(bob), first);
        assert!(world.host(bob).job.is_none(), "it mines nothing that it cannot store");
        assert_eq!(world.host(bob).node.as_ref().unwrap().status(world.now(bob)).peers, 1);
    }
    assert_eq!(world.height(alice), 6);
    world.assert_no_faults();
    world.tell(bob, Input::DiskFull(false));
    world.elapse(A_WHILE);
    world.assert_agree(&[alice, bob]);
    assert!(world.host(bob).job.is_some(), "it mines again");
    world.assert_no_faults();
}

#[test]
fn a_synchronizing_node_waits_while_its_disk_is_full() {
    let mut world = Scenario::new(91);
    let (forge, hashes) = forge(&world, 600);
    let alice = world.stocked("alice", &forge, &hashes[599]);
    let bob = world.full("bob");
    world.connect(bob, alice);
    // The first answers are on their way.
    world.elapse(5 * world.latency_ms);
    world.tell(bob, Input::DiskFull(true));
    world.elapse(A_WHILE);
    let height = world.height(bob);
    assert!(height < 600);
    world.elapse(10 * A_WHILE);
    assert_eq!(world.height(bob), height, "the answers that were on their way have ended");
    assert_eq!(world.host(bob).node.as_ref().unwrap().status(world.now(bob)).peers, 1);
    world.assert_no_faults();
    world.tell(bob, Input::DiskFull(false));
    world.elapse(A_WHILE);
    world.assert_agree(&[alice, bob]);
    world.assert_no_faults();
}

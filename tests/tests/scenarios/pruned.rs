//! Nodes that delete the bodies of old blocks, and nodes that synchronize from them.

use plexus_core::node::event::Event;
use plexus_core::primitives::hash::Hash;
use plexus_core::protocol::hello::{Features, KEPT_BODIES_MIN};
use plexus_tests::actor::Actor;
use plexus_tests::block_builder::BlockBuilder;
use plexus_tests::scenario::Scenario;

use super::{A_WHILE, forge};

/// The length of the chain: more than a pruned node keeps.
const BLOCKS: usize = 800;

/// Adds a node with the chain, and without the bodies that a pruned node may delete.
fn pruned(world: &mut Scenario, name: &str, forge: &BlockBuilder, tip: &Hash) -> Actor {
    let node = world.stocked(name, forge, tip);
    world.crash(node);
    let host = world.host_mut(node);
    host.config.features = Features::PRUNED;
    host.journal.prune_below(BLOCKS as u64 + 1 - KEPT_BODIES_MIN);
    world.restart(node);
    node
}

fn lacking(world: &Scenario, node: Actor) -> Vec<u64> {
    let lacking = world.events(node).filter_map(|event| match event {
        Event::Lacking { height } => Some(*height),
        _ => None,
    });
    lacking.collect()
}

#[test]
fn a_newcomer_fetches_old_bodies_from_archives_and_new_ones_nearby() {
    let mut world = Scenario::new(130);
    let (forge, hashes) = forge(&world, BLOCKS);
    let tip = hashes[BLOCKS - 1];
    let paul = pruned(&mut world, "paul", &forge, &tip);
    let (alice, carol) = (world.stocked("alice", &forge, &tip), world.stocked("carol", &forge, &tip));
    let nina = world.full("nina");
    world.set_distance(nina, paul, 1);
    world.connect(nina, paul);
    world.elapse(A_WHILE);
    assert_eq!((world.height(nina), lacking(&world, nina)), (0, vec![1]));
    for archive in [alice, carol] {
        world.connect(nina, archive);
    }
    world.elapse(4 * A_WHILE);
    world.assert_agree(&[alice, carol, paul, nina]);
    assert_eq!(lacking(&world, nina), [1], "it is told once");
    assert_eq!(world.node(nina).status(world.now(nina)).lacking, None);
    let served = [paul, alice, carol].map(|node| world.host(node).bodies_served);
    assert!(served[0] > 0, "the nearest one serves what it has: {served:?}");
    assert!(served[0] <= usize::try_from(KEPT_BODIES_MIN).unwrap(), "and no more is asked of it: {served:?}");
    // The newcomer is an archive itself.
    assert!(hashes.iter().all(|hash| world.host(nina).journal.body(hash).is_some()));
    world.mine(paul);
    world.elapse(A_WHILE);
    world.assert_agree(&[alice, carol, paul, nina]);
    world.assert_no_faults();
}

#[test]
fn a_newcomer_among_pruned_nodes_says_what_it_lacks_and_blames_nobody() {
    let mut world = Scenario::new(131);
    let (forge, hashes) = forge(&world, BLOCKS);
    let tip = hashes[BLOCKS - 1];
    let paul = pruned(&mut world, "paul", &forge, &tip);
    let pia = pruned(&mut world, "pia", &forge, &tip);
    let nina = world.full("nina");
    for node in [paul, pia] {
        world.connect(nina, node);
    }
    world.elapse(5 * A_WHILE);
    // The branch is given up by now, and its headers are not requested again while it grows.
    world.traffic.clear();
    for _ in 0..5 {
        world.elapse(A_WHILE);
        world.mine(paul);
    }
    world.elapse(10 * A_WHILE);
    assert_eq!(world.traffic.receivers(nina, "get-headers"), []);
    let status = world.node(nina).status(world.now(nina));
    assert_eq!((status.height, status.lacking, status.peers), (0, Some(1), 2));
    assert_eq!(lacking(&world, nina), [1], "it is told once");
    assert!(world.host(nina).closes.is_empty() && world.host(paul).closes.is_empty());
    assert_eq!(world.host(paul).bodies_served, 0, "nothing is asked that was deleted");
    world.assert_no_faults();
    // An archive ends that. The next block tells all of the blocks that were mined meanwhile.
    let alice = world.stocked("alice", &forge, &tip);
    world.connect(nina, alice);
    world.elapse(4 * A_WHILE);
    world.mine(paul);
    world.elapse(A_WHILE);
    world.assert_agree(&[alice, paul, pia, nina]);
    assert_eq!(world.node(nina).status(world.now(nina)).lacking, None);
    world.assert_no_faults();
}

#[test]
fn a_node_that_was_away_shortly_catches_up_from_a_pruned_one() {
    let mut world = Scenario::new(132);
    let (forge, hashes) = forge(&world, BLOCKS);
    let paul = pruned(&mut world, "paul", &forge, &hashes[BLOCKS - 1]);
    let bob = world.stocked("bob", &forge, &hashes[BLOCKS - 400]);
    world.connect(bob, paul);
    world.elapse(4 * A_WHILE);
    world.assert_agree(&[paul, bob]);
    assert_eq!(lacking(&world, bob), Vec::<u64>::new());
    world.assert_no_faults();
}

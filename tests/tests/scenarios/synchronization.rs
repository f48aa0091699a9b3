//! The five cases of synchronization: a new node joins, a node was offline, a node's store is
//! damaged, a block arrives or is mined, or the chain differs from others'.

use plexus_core::node::Input;
use plexus_core::node::storage::{Change, Journal};
use plexus_core::protocol::packet::Role;
use plexus_tests::scenario::Scenario;

use super::{A_WHILE, forge};

#[test]
fn a_new_node_joins_and_has_every_block_and_message() {
    let mut world = Scenario::new(10);
    let alice = world.full("alice");
    let ids: Vec<_> = (0..20)
        .map(|number| {
            let id = world.write(alice, &format!("message {number}"));
            world.elapse(1_000);
            world.mine(alice);
            id
        })
        .collect();
    let bob = world.full("bob");
    world.connect(bob, alice);
    world.elapse(A_WHILE);
    world.assert_agree(&[alice, bob]);
    assert_eq!(world.height(bob), 20);
    assert!(ids.iter().all(|id| world.mined(bob, id) == 1));
    assert!(!world.node(bob).status(world.now(bob)).syncing);
    world.assert_no_faults();
}

#[test]
fn a_node_that_was_offline_catches_up() {
    let mut world = Scenario::new(11);
    let alice = world.full("alice");
    let bob = world.add("bob", Role::Full, &["alice"]);
    world.elapse(1_000);
    world.mine_blocks(alice, 3);
    world.elapse(1_000);
    world.assert_agree(&[alice, bob]);
    world.crash(bob);
    world.mine_blocks(alice, 30);
    assert_eq!(world.host(bob).journal.best().len(), 4);
    world.restart(bob);
    assert_eq!(world.height(bob), 3, "it starts from what it remembers");
    world.elapse(A_WHILE);
    world.assert_agree(&[alice, bob]);
    world.assert_no_faults();
}

#[test]
fn a_node_redials_one_that_was_away() {
    let mut world = Scenario::new(12);
    let alice = world.full("alice");
    let bob = world.add("bob", Role::Full, &["alice"]);
    world.crash(alice);
    world.elapse(600_000);
    world.restart(alice);
    world.elapse(120_000);
    assert_eq!(world.node(bob).status(world.now(bob)).peers, 1);
    world.mine(alice);
    world.elapse(1_000);
    world.assert_agree(&[alice, bob]);
    world.assert_no_faults();
}

#[test]
fn a_node_whose_memory_is_damaged_says_so_and_fetches_the_chain_anew() {
    let mut world = Scenario::new(13);
    let alice = world.full("alice");
    let bob = world.add("bob", Role::Full, &["alice"]);
    world.elapse(1_000);
    world.mine_blocks(alice, 12);
    world.elapse(1_000);
    world.crash(bob);
    let (network, journal) = (world.network.clone(), &mut world.host_mut(bob).journal);
    let damaged = journal.best()[7];
    let &(mut header, total_work) = journal.header(&damaged).unwrap();
    header.nonce ^= 1;
    journal.apply(&[Change::Header { hash: damaged, header, total_work }]);
    let error = journal.restore(network.clone()).expect_err("a damaged chain is not a chain");
    assert_eq!(error.height, 7, "{error}");
    *journal = Journal::new(&network);
    world.restart(bob);
    world.elapse(A_WHILE);
    world.assert_agree(&[alice, bob]);
    assert_eq!(world.height(bob), 12);
    world.assert_no_faults();
}

#[test]
fn a_node_whose_memory_is_cut_short_goes_on_from_there() {
    let mut world = Scenario::new(14);
    let (forge, hashes) = forge(&world, 40);
    let alice = world.stocked("alice", &forge, &hashes[39]);
    let bob = world.stocked("bob", &forge, &hashes[16]);
    world.connect(alice, bob);
    world.elapse(A_WHILE);
    world.assert_agree(&[alice, bob]);
    world.assert_no_faults();
}

#[test]
fn a_mined_block_reaches_everyone_along_a_line() {
    let mut world = Scenario::new(15);
    let line: Vec<_> =
        ["alice", "bob", "carol", "dave", "erin"].iter().map(|name| world.full(name)).collect();
    for pair in line.windows(2) {
        world.connect(pair[0], pair[1]);
    }
    world.elapse(1_000);
    for miner in [0, 4, 2] {
        world.mine(line[miner]);
        // Header, request and body: at most three crossings per hop, and the time to verify.
        world.elapse(4 * (3 * 10 + 3 * 3) + 10);
        world.assert_agree(&line);
    }
    assert_eq!(world.height(line[0]), 3);
    world.assert_no_faults();
}

#[test]
fn a_partition_heals_onto_the_branch_with_most_work() {
    let mut world = Scenario::new(16);
    let names = ["alice", "bob", "carol", "dave"];
    let all: Vec<_> = names.iter().map(|name| world.full(name)).collect();
    for (here, there) in [(0, 1), (2, 3), (1, 2)] {
        world.connect(all[here], all[there]);
    }
    world.elapse(1_000);
    world.mine_blocks(all[0], 5);
    world.elapse(1_000);
    world.cut(all[1], all[2]);
    world.mine_blocks(all[0], 4);
    world.mine_blocks(all[3], 7);
    world.elapse(1_000);
    world.assert_agree(&all[..2]);
    world.assert_agree(&all[2..]);
    assert_eq!((world.height(all[0]), world.height(all[3])), (9, 12));
    world.heal(all[1], all[2]);
    world.elapse(A_WHILE);
    world.assert_agree(&all);
    assert_eq!(world.height(all[0]), 12);
    world.assert_no_faults();
}

#[test]
fn thousands_of_blocks_come_from_several_peers() {
    const COUNT: usize = 4_500;
    let mut world = Scenario::new(17);
    let (forge, hashes) = forge(&world, COUNT);
    let tip = hashes[COUNT - 1];
    let servers: Vec<_> = ["alice", "bob", "carol"].map(|name| world.stocked(name, &forge, &tip)).to_vec();
    let dave = world.full("dave");
    for (place, server) in servers.iter().enumerate() {
        world.latency_ms = 10 + 40 * place as u64;
        world.connect(dave, *server);
    }
    world.elapse(300_000);
    assert_eq!(world.tip(dave), tip);
    let served: Vec<_> = servers.iter().map(|server| world.host(*server).bodies_served).collect();
    assert_eq!(served.iter().sum::<usize>(), COUNT, "each body is sent once: {served:?}");
    assert!(served.iter().filter(|served| **served > 0).count() > 1, "several peers serve: {served:?}");
    world.assert_no_faults();
}

#[test]
fn a_slow_link_is_enough() {
    for latency_ms in [1_000, 3_000, 4_500] {
        let mut world = Scenario::new(20);
        let (forge, hashes) = forge(&world, 300);
        let alice = world.stocked("alice", &forge, &hashes[299]);
        world.latency_ms = latency_ms;
        let bob = world.add("bob", Role::Full, &["alice"]);
        world.elapse(900_000);
        assert_eq!((latency_ms, world.tip(bob)), (latency_ms, world.tip(alice)));
    }
}

#[test]
fn a_synchronization_that_is_interrupted_loses_nothing() {
    let mut world = Scenario::new(18);
    let (forge, hashes) = forge(&world, 1_500);
    let _alice = world.stocked("alice", &forge, &hashes[1_499]);
    let bob = world.add("bob", Role::Full, &["alice"]);
    let mut heights = vec![0];
    for _ in 0..60 {
        world.elapse(150);
        if world.host(bob).node.is_some() {
            world.crash(bob);
        }
        world.restart(bob);
        heights.push(world.height(bob));
    }
    assert!(heights.is_sorted(), "{heights:?}");
    world.elapse(120_000);
    assert_eq!(world.tip(bob), hashes[1_499]);
    world.assert_no_faults();
}

#[test]
fn power_that_fails_between_any_two_transactions_loses_nothing_announced() {
    let mut world = Scenario::new(19);
    let (forge, hashes) = forge(&world, 60);
    let alice = world.stocked("alice", &forge, &hashes[59]);
    let bob = world.add("bob", Role::Full, &["alice"]);
    let mut failures = 0;
    for persists in 0.. {
        world.host_mut(bob).persists_left = Some(persists % 7);
        world.elapse(2_000);
        if world.host(bob).node.is_none() {
            failures += 1;
            world.restart(bob);
        }
        if world.tip(bob) == world.tip(alice) {
            if failures > 20 {
                break;
            }
            world.mine(alice);
        }
        assert!(persists < 500, "bob does not get on: height {}", world.height(bob));
    }
    world.tell(bob, Input::Ticked);
    world.assert_no_faults();
}

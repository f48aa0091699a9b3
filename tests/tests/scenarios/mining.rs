//! Jobs: when they come, the events that refresh them, and the solutions that count.

use plexus_core::mining::job::{JobId, Solution};
use plexus_core::node::Input;
use plexus_core::protocol::packet::Role;
use plexus_tests::block_builder::key;
use plexus_tests::scenario::Scenario;

use super::{A_WHILE, forge};

#[test]
fn nothing_is_mined_before_the_node_is_synchronized() {
    let mut world = Scenario::new(80);
    let (forge, hashes) = forge(&world, 600);
    let alice = world.stocked("alice", &forge, &hashes[599]);
    let bob = world.full("bob");
    world.connect(bob, alice);
    // The handshake is complete, and a peer announced more work than its own.
    world.elapse(4 * world.latency_ms + 1);
    world.set_mining(bob, true);
    let job = world.host(bob).job.clone();
    assert!(job.is_none() || world.height(bob) == 600, "mines at height {}", world.height(bob));
    world.elapse(A_WHILE);
    world.assert_agree(&[alice, bob]);
    let job = world.host(bob).job.as_ref().expect("synchronized, it mines");
    assert_eq!(job.header.prev_hash, hashes[599]);
}

#[test]
fn a_new_tip_replaces_the_job_at_once() {
    let mut world = Scenario::new(81);
    let (alice, bob) = (world.full("alice"), world.full("bob"));
    world.connect(alice, bob);
    world.elapse(1_000);
    world.set_mining(bob, true);
    world.elapse(100);
    let before = world.host(bob).job.clone().expect("a job");
    let tip = world.mine(alice);
    world.elapse(100);
    let after = world.host(bob).job.clone().expect("a job");
    assert!(after.id > before.id);
    assert_eq!(after.header.prev_hash, tip);
    assert_eq!(after.header.height, 2);
}

#[test]
fn a_solution_for_an_old_job_is_ignored() {
    let mut world = Scenario::new(82);
    let (alice, bob) = (world.full("alice"), world.full("bob"));
    world.connect(alice, bob);
    world.elapse(1_000);
    world.set_mining(bob, true);
    world.elapse(100);
    let late = world.solve(bob).expect("a solution");
    let tip = world.mine(alice);
    world.elapse(1_000);
    world.tell(bob, Input::Solved(late));
    world.elapse(1_000);
    assert_eq!((world.tip(bob), world.tip(alice)), (tip, tip));
    world.assert_no_faults();
}

#[test]
fn a_solution_that_solves_nothing_is_ignored() {
    let mut world = Scenario::new(83);
    let alice = world.full("alice");
    world.set_mining(alice, true);
    world.elapse(100);
    let job = world.host(alice).job.clone().expect("a node alone mines");
    let solution = world.solve(alice).unwrap();
    let mut header = job.complete(&solution);
    header.nonce += 1;
    plexus_tests::block_builder::spoil(&mut header);
    for solution in [
        Solution { nonce: header.nonce, ..solution },
        Solution { job: JobId(job.id.0 + 1), ..solution },
        Solution { job: JobId(u64::MAX), nonce: u64::MAX, extra: u64::MAX },
    ] {
        world.tell(alice, Input::Solved(solution));
        assert_eq!(world.height(alice), 0);
    }
    // The same solution twice makes one block.
    let solution = world.solve(alice).expect("the job still stands");
    world.tell(alice, Input::Solved(solution));
    world.tell(alice, Input::Solved(solution));
    world.elapse(100);
    assert_eq!(world.height(alice), 1);
}

#[test]
fn the_job_takes_in_new_messages_and_the_time() {
    let mut world = Scenario::new(84);
    let alice = world.full("alice");
    world.set_mining(alice, true);
    world.elapse(100);
    let first = world.host(alice).job.clone().expect("a job");
    world.elapse(60_000);
    let later = world.host(alice).job.clone().expect("a job");
    assert!(later.header.time > first.header.time, "the job's time moves on");
    let id = world.write(alice, "please");
    world.elapse(A_WHILE);
    let with = world.host(alice).job.clone().expect("a job");
    assert_ne!(with.header.content_root, later.header.content_root, "the job takes the message in");
    let solution = world.solve(alice).unwrap();
    world.tell(alice, Input::Solved(solution));
    world.elapse(100);
    assert_eq!(world.mined(alice, &id), 1);
    assert_eq!(world.blocks(alice)[0].author, key("alice").public());
}

#[test]
fn jobs_are_not_made_without_end() {
    let mut world = Scenario::new(85);
    let alice = world.full("alice");
    world.set_mining(alice, true);
    world.elapse(100);
    let first = world.host(alice).job.clone().expect("a job").id;
    for number in 0..200 {
        world.write(alice, &format!("message {number}"));
        world.elapse(50);
    }
    let last = world.host(alice).job.clone().expect("a job").id;
    let made = last.0 - first.0;
    assert!(made <= 100, "{made} jobs in ten seconds: each makes miners begin anew");
}

#[test]
fn stopping_takes_the_job_away() {
    let mut world = Scenario::new(86);
    let alice = world.full("alice");
    world.set_mining(alice, true);
    world.elapse(100);
    assert!(world.node(alice).status(world.now(alice)).mining);
    let solution = world.solve(alice).unwrap();
    world.set_mining(alice, false);
    assert!(world.host(alice).job.is_none());
    assert!(!world.node(alice).status(world.now(alice)).mining);
    world.tell(alice, Input::Solved(solution));
    world.elapse(A_WHILE);
    assert!(world.height(alice) <= 1);
}

#[test]
fn of_two_blocks_with_equal_work_the_first_seen_stays_until_one_grows() {
    let mut world = Scenario::new(87);
    let all: Vec<_> = ["alice", "bob", "carol"].iter().map(|name| world.full(name)).collect();
    world.connect(all[0], all[1]);
    world.connect(all[1], all[2]);
    world.elapse(1_000);
    let here = world.mine(all[0]);
    let there = world.mine(all[2]);
    assert_ne!(here, there);
    world.elapse(A_WHILE);
    assert_eq!((world.tip(all[0]), world.tip(all[2])), (here, there), "each keeps what it saw first");
    let middle = world.tip(all[1]);
    assert!(middle == here || middle == there);
    world.mine(all[2]);
    world.elapse(A_WHILE);
    world.assert_agree(&all);
    assert_eq!(world.blocks(all[0])[0].header.hash(), there);
    world.assert_no_faults();
}

#[test]
fn a_difficulty_that_moves_is_agreed_upon() {
    let parameters = plexus_core::primitives::params::Network::dev().parameters().clone();
    let network =
        plexus_core::primitives::params::Network::new(plexus_core::primitives::params::Parameters {
            half_life_ms: 60_000,
            name: "moving".to_owned(),
            ..parameters
        })
        .unwrap();
    let mut world = Scenario::of(network, 88);
    let alice = world.full("alice");
    let bob = world.add("bob", Role::Full, &["alice"]);
    world.elapse(1_000);
    let mut works = Vec::new();
    for wait in [1_000, 1_000, 1_000, 40_000, 1_000, 200_000, 500, 500] {
        world.elapse(wait);
        world.mine(alice);
        works.push(world.node(alice).chain().tip().header.work());
    }
    assert!(works[2] > works[0], "blocks that come fast are harder");
    assert!(works[5] < works[4], "silence makes them easier");
    world.elapse(A_WHILE);
    world.assert_agree(&[alice, bob]);
    world.assert_no_faults();
}

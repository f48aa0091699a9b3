//! The five cases of synchronization among nodes that choose their neighbours. A node asks the
//! nearest peer online first, and the next nearest after that one stops.

use plexus_core::node::storage::{Change, Journal};
use plexus_core::primitives::hash::Hash;
use plexus_core::protocol::packet::{Packet, Role};
use plexus_tests::actor::Actor;
use plexus_tests::block_builder::BlockBuilder;
use plexus_tests::scenario::Scenario;

use super::{A_WHILE, forge};

const MINUTE: u64 = 60_000;
const COUNT: usize = 6;

/// The asking node and its possible peers: the first is 10 ms from it, each further one 10 ms more.
struct Rings {
    world: Scenario,
    alice: Actor,
    others: Vec<Actor>,
    forge: BlockBuilder,
    hashes: Vec<Hash>,
}

impl Rings {
    /// Creates the world. All nodes have 30 blocks. Only alice has just the first few, and is down.
    fn new(seed: u64, blocks: usize) -> Self {
        let mut world = Scenario::new(seed);
        world.latency_ms = 50;
        let (forge, hashes) = forge(&world, 30);
        let others: Vec<_> = (0..COUNT).map(|place| world.chosen(&format!("ring-{place}"))).collect();
        let alice = world.hidden("alice");
        let mut rings = Self { world, alice, others, forge, hashes };
        rings.world.crash(alice);
        for (place, other) in rings.others.clone().into_iter().enumerate() {
            rings.world.set_distance(alice, other, 10 * (1 + place as u64));
            let others = rings.others.clone();
            rings.world.meet(other, &others);
            rings.stock(other, 30);
        }
        rings.stock(alice, blocks);
        rings.world.crash(alice);
        rings
    }

    /// Gives a node the first blocks of the forge's branch.
    fn stock(&mut self, party: Actor, blocks: usize) {
        self.world.crash(party);
        let journal = &mut self.world.host_mut(party).journal;
        for hash in &self.hashes[..blocks] {
            self.forge.stock(self.forge.block(hash), journal);
        }
        self.world.restart(party);
    }

    /// Starts alice with the addresses of all others.
    fn start(&mut self) {
        self.world.elapse(MINUTE);
        self.world.traffic.clear();
        self.world.restart(self.alice);
        let others = self.others.clone();
        self.world.meet(self.alice, &others);
    }

    /// Lets time pass until alice has requested this. Returns the peer that she asked.
    fn asked(&mut self, packet: &str) -> Actor {
        for _ in 0..A_WHILE {
            if let [first, ..] = self.world.traffic.receivers(self.alice, packet)[..] {
                return first;
            }
            self.world.elapse(1);
        }
        panic!("nobody is asked for {packet}");
    }

    /// Asserts that the nearest peer is asked. It stops before it answers, and the next nearest
    /// must be asked.
    fn assert_order(&mut self, packet: &str) {
        for place in 0..3 {
            assert_eq!(
                self.asked(packet),
                self.others[place],
                "{packet}: number {place} is the nearest online"
            );
            self.world.crash(self.others[place]);
            self.world.traffic.clear();
        }
        self.world.elapse(A_WHILE);
        let rest = self.others[3..].to_vec();
        self.world.assert_agree(&[&rest[..], &[self.alice]].concat());
        self.world.assert_no_faults();
    }
}

#[test]
fn a_new_node_asks_the_nearest_online_first() {
    let mut rings = Rings::new(180, 0);
    rings.start();
    rings.assert_order("get-headers");
    assert_eq!(rings.world.height(rings.alice), 30);
}

#[test]
fn bodies_are_asked_of_the_nearest_online_first() {
    let mut rings = Rings::new(181, 0);
    rings.start();
    rings.assert_order("get-bodies");
    assert_eq!(rings.world.height(rings.alice), 30);
}

#[test]
fn a_node_that_was_offline_asks_the_nearest_online_first() {
    let mut rings = Rings::new(182, 20);
    rings.start();
    assert_eq!(rings.world.height(rings.alice), 20, "it starts from what it remembers");
    rings.assert_order("get-headers");
}

#[test]
fn a_node_whose_memory_is_damaged_asks_the_nearest_online_first() {
    let mut rings = Rings::new(183, 20);
    let network = rings.world.network.clone();
    let journal = &mut rings.world.host_mut(rings.alice).journal;
    let damaged = journal.best()[7];
    let &(mut header, total_work) = journal.header(&damaged).unwrap();
    header.nonce ^= 1;
    journal.apply(&[Change::Header { hash: damaged, header, total_work }]);
    assert_eq!(journal.restore(network.clone()).expect_err("a damaged chain is no chain").height, 7);
    *journal = Journal::new(&network);
    rings.start();
    rings.assert_order("get-headers");
}

#[test]
fn a_node_whose_chain_differs_asks_the_nearest_online_first() {
    let mut rings = Rings::new(184, 10);
    // Alice has a branch of her own above the tenth block, with less work.
    let fork = rings.hashes[9];
    for hash in rings.forge.extend(&fork, 5) {
        let block = rings.forge.block(&hash).clone();
        rings.forge.stock(&block, &mut rings.world.host_mut(rings.alice).journal);
    }
    rings.start();
    assert_eq!(rings.world.height(rings.alice), 15);
    rings.assert_order("get-headers");
    assert_eq!(rings.world.height(rings.alice), 30);
}

/// Runs `check` with each of the three nearest nodes, after the nearer ones have ended.
fn each_nearest(seed: u64, check: impl Fn(&mut Rings, usize)) {
    let mut rings = Rings::new(seed, 30);
    rings.start();
    rings.world.elapse(5 * MINUTE);
    for place in 0..3 {
        rings.world.traffic.clear();
        check(&mut rings, place);
        rings.world.crash(rings.others[place]);
        rings.world.elapse(5 * MINUTE);
    }
}

#[test]
fn a_block_comes_from_the_nearest_node_online() {
    each_nearest(185, |rings, place| {
        // All others have the block when alice hears of it. The one nearest to her pushes it to
        // her.
        rings.world.mine(rings.others[place]);
        rings.world.elapse(5_000);
        let told: Vec<_> = rings.world.traffic.of("compact").filter(|sent| sent.to == rings.alice).collect();
        assert_eq!(told[0].from, rings.others[place], "others come later, if at all");
        rings.world.assert_agree(&[rings.alice, rings.others[COUNT - 1]]);
    });
}

#[test]
fn a_withheld_body_is_asked_of_the_nearest_node_online() {
    each_nearest(186, |rings, place| {
        let last = rings.others[COUNT - 1];
        rings.world.mine(last);
        rings.world.elapse(5_000);
        // A peer announces the next block to all nodes at once, and withholds its body.
        let tip = rings.world.tip(rings.alice);
        let block = rings.world.blocks(last).pop().unwrap();
        assert_eq!(rings.forge.keep(block), tip);
        let time = rings.world.time();
        let next = rings.forge.mine(&tip, time, Vec::new());
        let header = rings.forge.block(&next).header;
        let mallory = rings.world.stranger(&format!("mallory {place}"), Role::Full, Vec::new());
        rings.world.guest(mallory).serves = false;
        rings.world.latency_ms = 500;
        for party in [&rings.others[place..], &[rings.alice]].concat() {
            super::greet(&mut rings.world, mallory, party);
        }
        rings.world.elapse(A_WHILE);
        rings.world.traffic.clear();
        rings.world.say(mallory, &Packet::Announce(header));
        assert_eq!(rings.asked("get-bodies"), rings.others[place], "number {place} is the nearest online");
        let branch = rings.forge.branch(&next);
        (rings.world.guest(mallory).serves, rings.world.guest(mallory).branch) = (true, branch);
        rings.world.elapse(A_WHILE);
        assert_eq!(rings.world.tip(rings.alice), next);
    });
}

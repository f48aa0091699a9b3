//! Admission: the peers that a node accepts, the ones that it refuses, and for how long.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use plexus_core::node::{Config, ConnectionId};
use plexus_core::peers::ban_list::{BAN_MIN, DISCOURAGE};
use plexus_core::peers::eviction::{
    GROUPS_PROTECTED, INBOUND_GROUP_MAX, NEAREST_PROTECTED, PROVIDERS_PROTECTED,
};
use plexus_core::protocol::misbehavior::{Misbehavior, Reason};
use plexus_core::protocol::packet::{Packet, Role};
use plexus_tests::actor::{Actor, address};
use plexus_tests::block_builder::{key, spoil};
use plexus_tests::peer_selection::ip;
use plexus_tests::scenario::Scenario;

use super::neighbours::{MINUTE, ms};
use super::{forge, greet};

/// Returns true if the node completes the handshake with a scripted peer of this name, which dials
/// from this address.
fn is_welcome(world: &mut Scenario, alice: Actor, name: &str, ip: Ipv4Addr) -> bool {
    let stranger = world.stranger_at(name, ip);
    let peer = greet(world, stranger, alice);
    let closes: Vec<_> = world.closes(alice, peer).into_iter().cloned().collect();
    world.cut(stranger, alice);
    assert!(closes.is_empty() || closes == [Reason::Banned], "{closes:?}");
    closes.is_empty()
}

#[test]
fn who_breaks_a_rule_is_shut_out_for_an_hour_and_longer_the_second_time() {
    let mut world = Scenario::new(164);
    let (forge, hashes) = forge(&world, 3);
    let alice = world.stocked("alice", &forge, &hashes[2]);
    let home = Ipv4Addr::new(40, 1, 0, 1);
    for hours in [1, 2] {
        let mallory = world.stranger_at("mallory", home);
        let peer = greet(&mut world, mallory, alice);
        let mut bad = forge.draft(&hashes[2], world.time(), Vec::new()).header;
        spoil(&mut bad);
        world.say(mallory, &Packet::Announce(bad));
        world.elapse(100);
        assert!(matches!(world.fault(alice, peer), Misbehavior::InvalidHeader { .. }));
        world.cut(mallory, alice);
        assert!(!is_welcome(&mut world, alice, "mallory", home));
        assert!(!is_welcome(&mut world, alice, "morgan", home), "under another name it is the same");
        assert!(is_welcome(&mut world, alice, "neighbour", Ipv4Addr::new(40, 1, 0, 2)), "others are not");
        world.elapse(hours * ms(BAN_MIN) - MINUTE);
        assert!(!is_welcome(&mut world, alice, "mallory", home), "before {hours} h are over");
        world.elapse(MINUTE);
        assert!(is_welcome(&mut world, alice, "mallory", home), "after {hours} h");
    }
}

#[test]
fn whose_address_says_nothing_is_shut_out_by_its_key() {
    let mut world = Scenario::new(165);
    let (forge, hashes) = forge(&world, 3);
    let alice = world.stocked("alice", &forge, &hashes[2]);
    let home = Ipv4Addr::LOCALHOST;
    let mallory = world.stranger_at("mallory", home);
    greet(&mut world, mallory, alice);
    let mut bad = forge.draft(&hashes[2], world.time(), Vec::new()).header;
    spoil(&mut bad);
    world.say(mallory, &Packet::Announce(bad));
    world.elapse(100);
    world.cut(mallory, alice);
    assert!(!is_welcome(&mut world, alice, "mallory", home));
    assert!(is_welcome(&mut world, alice, "bob", home), "behind a local address there may be anybody");
    world.elapse(ms(BAN_MIN));
    assert!(is_welcome(&mut world, alice, "mallory", home));
}

#[test]
fn a_banned_node_is_not_dialled() {
    let mut world = Scenario::new(166);
    let (forge, hashes) = forge(&world, 3);
    let alice = world.chosen("alice");
    let mallory = world.stranger_at("mallory", Ipv4Addr::new(40, 1, 0, 1));
    let mut bad = forge.draft(&hashes[2], world.time(), Vec::new()).header;
    spoil(&mut bad);
    world.guest(mallory).answer = Some(Box::new(move |packet| {
        matches!(packet, Packet::GetAddresses(())).then(|| vec![Packet::Announce(bad).encode()])
    }));
    world.meet(alice, &[mallory]);
    world.elapse(MINUTE);
    assert!(matches!(world.host(alice).faults()[..], [Misbehavior::InvalidHeader { .. }]));
    assert_eq!(world.host(alice).dials.len(), 1);
    world.elapse(ms(BAN_MIN) - 2 * MINUTE);
    assert_eq!(world.host(alice).dials.len(), 1, "not for an hour");
}

#[test]
fn who_only_stalls_rests_for_a_while_and_is_never_shut_out_for_long() {
    let mut world = Scenario::new(167);
    let alice = world.full("alice");
    let home = Ipv4Addr::new(40, 1, 0, 1);
    for rest in 0..3 {
        let mut stalls = 0;
        while is_welcome(&mut world, alice, "bob", home) {
            stalls += 1;
            assert!(stalls < 20, "it is never asked to rest");
            let bob = world.stranger_at("bob", home);
            world.guest(bob).pongs = false;
            let peer = greet(&mut world, bob, alice);
            world.elapse(30_000);
            assert_eq!(world.fault(alice, peer), Misbehavior::PingTimeout);
        }
        assert!(stalls > 3, "who stalled {stalls} times has to rest");
        world.elapse(ms(DISCOURAGE));
        assert!(is_welcome(&mut world, alice, "bob", home), "after rest number {rest}");
    }
}

/// Returns a full node with the most peers that may dial it, each from a network of its own, the
/// first one nearest.
fn crowd(seed: u64, inbound_max: usize) -> (Scenario, Actor, Vec<(Actor, ConnectionId)>) {
    let mut world = Scenario::new(seed);
    let config = Config {
        inbound_max,
        neighbours: plexus_core::node::Neighbours::Given,
        ..Config::new(Role::Full, key("alice's node"), key("alice"))
    };
    let alice = world.chosen_as("alice", ip(0), config);
    let guests = (0..inbound_max)
        .map(|number| {
            world.latency_ms = 10 + number as u64;
            let guest = world.stranger_at(&format!("guest {number}"), ip(1 + number));
            let peer = greet(&mut world, guest, alice);
            (guest, peer)
        })
        .collect();
    world.elapse(MINUTE);
    (world, alice, guests)
}

#[test]
fn a_full_node_makes_room_and_keeps_whom_it_protects() {
    const FULL: usize = 40;
    let (mut world, alice, guests) = crowd(168, FULL);
    // The farthest and youngest peer provides a block first.
    let (provider, provider_peer) = *guests.last().unwrap();
    let (mut smithy, _) = forge(&world, 1);
    let hash = smithy.mine(world.network.id(), world.time(), Vec::new());
    let block = smithy.block(&hash).clone();
    world.say(provider, &Packet::Announce(block.header));
    let compact = plexus_core::protocol::compact_block::CompactBlock::new(hash, &block, &[]);
    world.say(provider, &Packet::Compact(Box::new(compact)));
    world.elapse(1_000);
    assert_eq!(world.tip(alice), hash);
    world.latency_ms = 200;
    let mut newcomers = 0;
    for number in 0..100 {
        let guest = world.stranger_at(&format!("newcomer {number}"), ip(100 + number));
        let peer = greet(&mut world, guest, alice);
        newcomers += usize::from(world.closes(alice, peer).is_empty());
        assert_eq!(world.node(alice).peers(world.now(alice)).len(), FULL, "as many as before");
    }
    assert_eq!(newcomers, 100, "each of them is let in");
    let stayed = |peer: &ConnectionId| world.closes(alice, *peer).is_empty();
    assert!(guests[..NEAREST_PROTECTED].iter().all(|(_, peer)| stayed(peer)), "the nearest stay");
    assert!(stayed(&provider_peer), "who brought a block first stays");
    let left = guests.iter().filter(|(_, peer)| stayed(peer)).count();
    let rest = FULL - GROUPS_PROTECTED - NEAREST_PROTECTED - PROVIDERS_PROTECTED;
    assert!(left >= FULL - rest / 2 - PROVIDERS_PROTECTED && left < FULL, "{left} of {FULL} stay");
    let reasons: BTreeSet<_> =
        world.host(alice).closes.iter().map(|(_, reason)| reason.to_string()).collect();
    assert_eq!(reasons, BTreeSet::from([Reason::Evicted.to_string()]));
}

#[test]
fn one_network_cannot_fill_a_node() {
    let mut world = Scenario::new(169);
    let alice = world.full("alice");
    let home = |number: usize| Ipv4Addr::new(40, 1, 0, u8::try_from(number).unwrap());
    for number in 0..INBOUND_GROUP_MAX + 8 {
        let guest = world.stranger_at(&format!("guest {number}"), home(number));
        let peer = greet(&mut world, guest, alice);
        let turned_away = world.closes(alice, peer) == [&Reason::Crowded];
        assert_eq!(turned_away, number >= INBOUND_GROUP_MAX, "number {number}");
    }
    let other = world.stranger_at("other", Ipv4Addr::new(40, 2, 0, 1));
    let peer = greet(&mut world, other, alice);
    world.assert_open(alice, peer);
}

#[test]
fn who_is_turned_away_by_a_full_node_does_not_come_again_at_once() {
    const ROOM: usize = GROUPS_PROTECTED + NEAREST_PROTECTED + PROVIDERS_PROTECTED + 2;
    let mut world = Scenario::new(172);
    let config = Config {
        inbound_max: ROOM,
        listen: Some(address("40.1.0.1")),
        ..Config::new(Role::Full, key("bob's node"), key("bob"))
    };
    let bob = world.chosen_as("bob", Ipv4Addr::new(40, 1, 0, 1), config);
    let others: Vec<_> = (0..ROOM + 4).map(|place| world.hidden(&format!("node-{place}"))).collect();
    for other in &others {
        world.meet(*other, &[bob]);
    }
    world.elapse(10 * MINUTE);
    assert_eq!(world.node(bob).peers(world.now(bob)).len(), ROOM);
    for other in &others {
        let dials = world.host(*other).dials.len();
        assert!(dials <= 1 + 10, "dials {dials} times in ten minutes");
    }
}

#[test]
fn light_nodes_take_no_more_places_than_they_may() {
    for (light_inbound_max, reason) in [(0, Reason::Full), (2, Reason::Full), (24, Reason::Evicted)] {
        let mut world = Scenario::new(176);
        let config = Config {
            light_inbound_max,
            neighbours: plexus_core::node::Neighbours::Given,
            ..Config::new(Role::Full, key("alice's node"), key("alice"))
        };
        let alice = world.chosen_as("alice", ip(0), config);
        for number in 0..light_inbound_max + 4 {
            let browser = world.stranger(&format!("browser {number}"), Role::Light, Vec::new());
            greet(&mut world, browser, alice);
            let peers = world.node(alice).peers(world.now(alice));
            let light = peers.iter().filter(|peer| peer.role == Some(Role::Light)).count();
            assert_eq!(light, (number + 1).min(light_inbound_max), "after {} browsers", number + 1);
        }
        let reasons: Vec<_> = world.host(alice).closes.iter().map(|(_, reason)| reason.clone()).collect();
        assert_eq!(reasons, vec![reason; 4], "{light_inbound_max} may stay");
        let bob = world.stranger_at("bob", ip(200));
        let peer = greet(&mut world, bob, alice);
        world.assert_open(alice, peer);
    }
}

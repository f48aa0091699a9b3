//! Neighbours: the peers that nodes find, choose, keep and remember.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::time::Duration;

use plexus_core::node::ConnectionId;
use plexus_core::peers::address_book::{ANCHORS_MAX, AddressBook};
use plexus_core::peers::outbound_slots::{OutboundKind, Quota, ROUND_INTERVAL_MIN};
use plexus_core::protocol::address::Address;
use plexus_core::protocol::bounded::BoundedVec;
use plexus_core::protocol::misbehavior::{Misbehavior, Reason};
use plexus_core::protocol::netgroup::NetGroup;
use plexus_core::protocol::packet::{Packet, Role};
use plexus_tests::actor::{Actor, address};
use plexus_tests::peer_selection::ip;
use plexus_tests::scenario::Scenario;

use super::greet;

pub(super) const MINUTE: u64 = 60_000;

pub(super) fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap()
}

/// Adds nodes that choose their neighbours, each of which knows the address of the previous one.
/// Returns them.
pub(super) fn chain_of(world: &mut Scenario, count: usize) -> Vec<Actor> {
    let all: Vec<_> = (0..count).map(|place| world.chosen(&format!("node-{place}"))).collect();
    for pair in all.windows(2) {
        world.meet(pair[1], &pair[..1]);
    }
    all
}

#[test]
fn ten_nodes_that_know_one_address_each_become_one_network() {
    let mut world = Scenario::new(150);
    world.honest = true;
    let all = chain_of(&mut world, 10);
    world.elapse(5 * MINUTE);
    let quota = Quota::of(Role::Full).total();
    for node in &all {
        let peers = world.node(*node).peers(world.now(*node));
        let out = peers.iter().filter(|view| view.slot.is_some()).count();
        // A node need not dial a peer that has dialled it.
        assert!(out >= quota || peers.len() == all.len() - 1, "{out} of {} links of its own", peers.len());
        assert!(out <= quota + 1, "{out} links of its own");
        assert_eq!(world.node(*node).book().len(), all.len() - 1, "knows all others");
    }
    world.mine(all[9]);
    world.elapse(5_000);
    world.assert_agree(&all);
    world.assert_no_faults();
}

#[test]
fn thirty_nodes_fill_each_kind_of_slot() {
    let mut world = Scenario::new(151);
    let all = chain_of(&mut world, 30);
    world.elapse(15 * MINUTE);
    let quota = Quota::of(Role::Full);
    for node in &all {
        let counts = [OutboundKind::Nearest, OutboundKind::Graph, OutboundKind::Random]
            .map(|kind| world.slots_of(*node, kind).len());
        assert_eq!(counts, [quota.nearest, quota.graph, quota.random], "{node:?}");
    }
    world.assert_no_faults();
}

/// Returns a world, alice, and others. Alice cannot be dialled. The first of the others is 10 ms
/// from her, each further one 10 ms more. All know all. The others' paths to each other lead past
/// her, so that no peer can be nearer than it seems.
fn rings(seed: u64, count: usize) -> (Scenario, Actor, Vec<Actor>) {
    let mut world = Scenario::new(seed);
    world.latency_ms = 80;
    let others: Vec<_> = (0..count).map(|place| world.chosen(&format!("ring-{place}"))).collect();
    let alice = world.hidden("alice");
    for (place, other) in others.iter().enumerate() {
        world.set_distance(alice, *other, 10 * (1 + place as u64));
        for (before, one) in others[..place].iter().enumerate() {
            world.set_distance(*one, *other, 10 * (2 + before as u64 + place as u64));
        }
        world.meet(*other, &others);
    }
    world.meet(alice, &others);
    (world, alice, others)
}

/// Returns the first `count` of `others` that are not in a node's random slots.
fn nearest(world: &Scenario, alice: Actor, others: &[Actor], count: usize) -> Vec<Actor> {
    let random = world.slots_of(alice, OutboundKind::Random);
    let mut nearest: Vec<_> =
        others.iter().filter(|other| !random.contains(other)).take(count).copied().collect();
    nearest.sort_unstable();
    nearest
}

#[test]
fn the_nearest_are_chosen_and_replaced_by_the_next_nearest() {
    let (mut world, alice, others) = rings(152, 16);
    world.elapse(10 * MINUTE);
    let found = world.slots_of(alice, OutboundKind::Nearest);
    assert_eq!(found, nearest(&world, alice, &others, 3), "of those that chance did not draw");
    for place in 0..4 {
        world.crash(others[place]);
        world.elapse(2 * MINUTE);
        let found = world.slots_of(alice, OutboundKind::Nearest);
        assert_eq!(
            found,
            nearest(&world, alice, &others[place + 1..], 3),
            "without the {} nearest",
            place + 1
        );
        assert_eq!(world.slots(alice).len(), Quota::of(Role::Full).total(), "every slot is filled again");
    }
    world.restart(others[0]);
    world.elapse(60 * MINUTE);
    let again = [&others[..1], &others[4..]].concat();
    assert_eq!(
        world.slots_of(alice, OutboundKind::Nearest),
        nearest(&world, alice, &again, 3),
        "and comes back"
    );
}

#[test]
fn a_node_that_was_measured_in_a_bad_moment_is_measured_again() {
    let (mut world, alice, others) = rings(171, 16);
    world.set_distance(alice, others[0], 400);
    world.elapse(10 * MINUTE);
    let linked = world.slots(alice);
    assert!(
        linked.iter().all(|(_, party)| *party != others[0]),
        "the farthest of all has no slot: {linked:?}"
    );
    world.set_distance(alice, others[0], 5);
    world.elapse(5 * MINUTE);
    let found = world.slots_of(alice, OutboundKind::Nearest);
    assert!(found.contains(&others[0]), "the nearest of all: {found:?}");
}

#[test]
fn two_nodes_in_one_network_are_never_both_dialled() {
    let mut world = Scenario::new(153);
    let town = |number: u8| Ipv4Addr::new(20, 1, number, 1);
    let towns: Vec<_> = (0..6).map(|n| world.chosen_at(&format!("town-{n}"), town(n))).collect();
    let others: Vec<_> = (0..6).map(|n| world.chosen(&format!("other-{n}"))).collect();
    let all = [towns.clone(), others].concat();
    for node in &all {
        world.meet(*node, &all);
    }
    let own = NetGroup::of_ip(town(0).into());
    let mut seen = BTreeSet::new();
    for _ in 0..300 {
        world.elapse(1_000);
        for node in &all {
            let peers = world.node(*node).peers(world.now(*node));
            let groups: Vec<_> =
                peers.iter().filter_map(|view| Some(view.outbound.as_ref()?.group())).collect();
            let distinct: BTreeSet<_> = groups.iter().copied().collect();
            assert_eq!(distinct.len(), groups.len(), "{node:?} dialled two in one network");
            assert!(!towns.contains(node) || !distinct.contains(&own), "{node:?} dialled its own network");
            seen.extend(distinct);
        }
    }
    assert!(seen.contains(&own) && seen.len() > 6, "they were dialled at all");
}

#[test]
fn a_restart_dials_the_neighbours_of_before_first() {
    let (mut world, alice, _) = rings(154, 16);
    world.elapse(10 * MINUTE);
    let anchors: BTreeSet<Address> = world.node(alice).book().anchors().cloned().collect();
    assert_eq!(anchors.len(), ANCHORS_MAX);
    world.crash(alice);
    world.host_mut(alice).dials.clear();
    world.restart(alice);
    world.elapse(1_000);
    let dials = &world.host(alice).dials;
    let first: BTreeSet<_> = dials.iter().take(ANCHORS_MAX).cloned().collect();
    assert_eq!(first, anchors, "of {dials:?}");
}

#[test]
fn neighbours_of_before_are_remembered_until_there_are_others() {
    let (mut world, alice, others) = rings(174, 8);
    world.elapse(5 * MINUTE);
    let anchors = |world: &Scenario| world.node(alice).book().anchors().count();
    assert_eq!(anchors(&world), ANCHORS_MAX);
    others.iter().for_each(|other| world.crash(*other));
    for _ in 0..3 {
        world.elapse(1_000);
        world.crash(alice);
        world.restart(alice);
    }
    world.elapse(3 * MINUTE);
    assert_eq!(anchors(&world), ANCHORS_MAX, "while there is nobody else");
}

#[test]
fn the_address_book_survives_whatever_ends_a_node() {
    let (mut world, alice, others) = rings(155, 8);
    world.elapse(2 * MINUTE);
    world.host_mut(alice).meets.clear();
    let mut failures = 0;
    for life in 0..12 {
        // Another node is away each time. In every second life, nothing is stored from some time
        // on.
        let away = others[usize::try_from(life).unwrap() / 2];
        world.crash(away);
        world.host_mut(alice).persists_left = (life % 2 == 0).then_some(life / 6);
        world.elapse(4 * MINUTE);
        failures += usize::from(world.host(alice).node.is_none());
        world.crash(alice);
        let remembered = world.host(alice).journal.book().clone();
        world.restart(alice);
        let book = AddressBook::decode([0; 32], &remembered).expect("a book").known().count();
        assert_eq!(world.node(alice).book().len(), book, "as many as were remembered");
        world.restart(away);
    }
    assert!(failures > 1, "power failed {failures} times");
    world.elapse(5 * MINUTE);
    assert_eq!(world.node(alice).book().len(), others.len(), "nobody is forgotten");
    assert!(world.node(alice).book().tried_len() >= 8, "nor who was reached");
    assert!(
        world.node(alice).book().measured_nearest(99, world.now(alice).time).count() >= 8,
        "nor how far away it was"
    );
    assert_eq!(world.slots(alice).len(), Quota::of(Role::Full).total());
}

/// Adds a peer that answers the first request for addresses with these. Returns the world, the node
/// that received them, its link, and the peer.
fn told(
    seed: u64,
    from: Option<Ipv4Addr>,
    addresses: Vec<Address>,
) -> (Scenario, Actor, ConnectionId, Actor) {
    let mut world = Scenario::new(seed);
    let alice = world.chosen_at("alice", Ipv4Addr::new(20, 1, 0, 1));
    let mallory = world.stranger("mallory", Role::Full, Vec::new());
    world.guest(mallory).ip = from.map(Into::into);
    let answer = Packet::Addresses(BoundedVec::new(addresses)).encode();
    world.guest(mallory).answer = Some(Box::new(move |packet| {
        matches!(packet, Packet::GetAddresses(())).then(|| vec![answer.clone()])
    }));
    let peer = greet(&mut world, mallory, alice);
    world.elapse(500);
    (world, alice, peer, mallory)
}

fn addresses(texts: &[&str]) -> Vec<Address> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

#[test]
fn local_addresses_count_from_local_peers_only_and_own_ones_never() {
    let local =
        addresses(&["10.0.0.1", "127.0.0.1:9000", "localhost", "[fd00::1]", "192.168.1.1", "100.64.0.1"]);
    let public = addresses(&["30.1.0.1", "example.org", "[2a00::1]"]);
    let own = addresses(&["20.1.0.1"]);
    let all = [local.clone(), public.clone(), own.clone()].concat();
    for (from, believed) in [
        (Some(Ipv4Addr::new(40, 1, 0, 1)), public.clone()),
        (Some(Ipv4Addr::new(10, 9, 9, 9)), [local, public].concat()),
    ] {
        let (mut world, alice, peer, mallory) = told(156, from, all.clone());
        world.assert_open(alice, peer);
        let book = world.node(alice).book();
        for address in &all {
            assert_eq!(book.contains(address), believed.contains(address), "{address} from {from:?}");
        }
        // Addresses that a node does not believe are not announced either.
        world.elapse(1_000);
        world.say(mallory, &Packet::GetAddresses(()));
        world.elapse(100);
        let said = world.guest(mallory).heard.iter().rev().find_map(|(_, packet)| match packet {
            Packet::Addresses(list) => Some(list.clone().into_inner()),
            _ => None,
        });
        let said: BTreeSet<_> = said.expect("an answer").into_iter().collect();
        assert_eq!(said, [believed, own.clone()].concat().into_iter().collect(), "told to {from:?}");
    }
}

#[test]
fn addresses_that_come_twice_are_a_fault_and_change_nothing() {
    let (mut world, alice, peer, mallory) = told(157, Some(ip(9)), addresses(&["30.1.0.1"]));
    world.say(mallory, &Packet::Addresses(BoundedVec::new(addresses(&["30.2.0.1"]))));
    world.elapse(100);
    assert_eq!(world.fault(alice, peer), Misbehavior::Unsolicited { packet: "addresses" });
    assert!(!world.node(alice).book().contains(&addresses(&["30.2.0.1"])[0]));
}

#[test]
fn questions_about_the_network_are_answered_now_and_then_only() {
    let (mut world, alice, peer, mallory) = told(158, Some(ip(9)), Vec::new());
    world.elapse(1_000);
    world.traffic.clear();
    for _ in 0..500 {
        world.say(mallory, &Packet::GetAddresses(()));
        world.say(mallory, &Packet::GetLinks(Box::default()));
    }
    world.elapse(1_000);
    let answers = world.traffic.count("addresses") + world.traffic.count("links");
    assert_eq!(answers, 1, "of 1,000 questions at once one is answered");
    world.assert_open(alice, peer);
}

#[test]
fn planning_replaces_at_most_one_link_a_round_and_fills_its_slot() {
    const NODES: usize = 22;
    const STEP: u64 = 10;
    let mut world = Scenario::new(170);
    world.honest = true;
    let all = chain_of(&mut world, NODES);
    // The positions, on a square of 60 ms.
    let places: Vec<_> = all.iter().map(|_| [(); 2].map(|()| world.rng.below(60))).collect();
    for (place, here) in all.iter().enumerate() {
        for (other, there) in all[..place].iter().enumerate() {
            let [dx, dy] = [0, 1].map(|axis| places[place][axis].abs_diff(places[other][axis]));
            world.set_distance(*here, *there, 2 + (dx * dx + dy * dy).isqrt());
        }
    }
    let replaced = |world: &Scenario, node: Actor| {
        world.host(node).closes.iter().filter(|(_, reason)| *reason == Reason::Replaced).count()
    };
    // Wait until all are measured, and a slot only changes by planning.
    world.elapse(25 * MINUTE);
    let mut last: Vec<_> = all.iter().map(|node| (replaced(&world, *node), None::<u64>)).collect();
    let mut total = 0;
    for step in 0..4 * 60 {
        world.elapse(1_000 * STEP);
        for (node, (before, when)) in all.iter().zip(&mut last) {
            let count = replaced(&world, *node);
            assert!(count <= *before + 1, "{node:?} replaces two links at once");
            if count > *before {
                let since = when.map(|when| STEP * (step - when));
                assert!(
                    since.is_none_or(|since| since + STEP >= ROUND_INTERVAL_MIN.as_secs()),
                    "again after {since:?} s"
                );
                (*before, *when) = (count, Some(step));
                total += 1;
            }
            assert!(world.slots(*node).len() >= Quota::of(Role::Full).total(), "{node:?} has an empty slot");
        }
    }
    assert!(total > 0, "nothing was replaced");
    world.assert_no_faults();
}

#[test]
fn a_neighbour_that_is_gone_is_not_dialled_without_end() {
    let (mut world, alice, others) = rings(173, 6);
    world.elapse(5 * MINUTE);
    others.iter().for_each(|other| world.crash(*other));
    for restart in [false, true] {
        if restart {
            world.crash(alice);
            world.restart(alice);
        }
        world.host_mut(alice).dials.clear();
        world.elapse(10 * MINUTE);
        let dials = &world.host(alice).dials;
        assert!(!dials.is_empty() && dials.len() < 6 * 12, "{} dials in ten minutes", dials.len());
    }
    others.iter().for_each(|other| world.restart(*other));
    world.elapse(2 * MINUTE);
    assert_eq!(world.slots(alice).len(), others.len(), "and is found again");
}

#[test]
fn a_node_that_it_hears_of_by_name_is_dialled_too() {
    let mut world = Scenario::new(171);
    let bob = world.full("bob.example.org");
    let alice = world.chosen("alice");
    world.meet(alice, &[bob]);
    world.elapse(MINUTE);
    assert_eq!(world.host(alice).dials, [address("bob.example.org")]);
    assert_eq!(world.slots(alice).len(), 1);
}

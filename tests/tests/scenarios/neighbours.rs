//! Neighbours: whom nodes find, choose, keep, let in and shut out, and what they certify of their links.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::time::Duration;

use bytes::Bytes;
use plexus_core::address::Address;
use plexus_core::ban::{BAN_MIN, REST};
use plexus_core::book::{ANCHORS_MAX, Book};
use plexus_core::fault::{Fault, Reason};
use plexus_core::group::Group;
use plexus_core::inbound::{BRINGERS_PROTECTED, GROUPS_PROTECTED, INBOUND_GROUP_MAX, NEAREST_PROTECTED};
use plexus_core::key::Signature;
use plexus_core::link::{Certificate, Epoch, Half};
use plexus_core::node::{Config, PeerId};
use plexus_core::slot::{Kind, Quota, ROUND_INTERVAL_MIN};
use plexus_core::wire::{List, Packet, Role};
use plexus_tests::forge::{key, spoil};
use plexus_tests::quarter::ip;
use plexus_tests::world::{Party, World, address};

use super::{forge, greet};

const MINUTE: u64 = 60_000;

fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap()
}

/// Nodes that choose their neighbours, each of which knows the address of the one before.
fn chain_of(world: &mut World, count: usize) -> Vec<Party> {
    let all: Vec<_> = (0..count).map(|place| world.chosen(&format!("node-{place}"))).collect();
    for pair in all.windows(2) {
        world.meet(pair[1], &pair[..1]);
    }
    all
}

#[test]
fn ten_nodes_that_know_one_address_each_become_one_network() {
    let mut world = World::new(150);
    world.honest = true;
    let all = chain_of(&mut world, 10);
    world.elapse(5 * MINUTE);
    let quota = Quota::of(Role::Full).total();
    for node in &all {
        let peers = world.node(*node).peers(world.now(*node));
        let out = peers.iter().filter(|view| view.slot.is_some()).count();
        // With whoever dialled it, it need not link again.
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
    let mut world = World::new(151);
    let all = chain_of(&mut world, 30);
    world.elapse(15 * MINUTE);
    let quota = Quota::of(Role::Full);
    for node in &all {
        let counts = [Kind::Nearest, Kind::Graph, Kind::Random].map(|kind| world.slots_of(*node, kind).len());
        assert_eq!(counts, [quota.nearest, quota.graph, quota.random], "{node:?}");
    }
    world.assert_no_faults();
}

/// Alice, whom nobody can dial, and others: the first is 10 ms from her, each further one 10 ms more; all know all. The ways between them
/// lead over her place, so that nobody is nearer than it can be.
fn rings(seed: u64, count: usize) -> (World, Party, Vec<Party>) {
    let mut world = World::new(seed);
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

/// Those of `others` that are in none of a node's random slots, the first `count` in their order.
fn nearest(world: &World, alice: Party, others: &[Party], count: usize) -> Vec<Party> {
    let random = world.slots_of(alice, Kind::Random);
    let mut nearest: Vec<_> =
        others.iter().filter(|other| !random.contains(other)).take(count).copied().collect();
    nearest.sort_unstable();
    nearest
}

#[test]
fn the_nearest_nodes_are_chosen_and_replaced_by_the_next_nearest_when_they_go() {
    let (mut world, alice, others) = rings(152, 16);
    world.elapse(10 * MINUTE);
    let found = world.slots_of(alice, Kind::Nearest);
    assert_eq!(found, nearest(&world, alice, &others, 3), "of those that chance did not draw");
    for place in 0..4 {
        world.crash(others[place]);
        world.elapse(2 * MINUTE);
        let found = world.slots_of(alice, Kind::Nearest);
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
    assert_eq!(world.slots_of(alice, Kind::Nearest), nearest(&world, alice, &again, 3), "and comes back");
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
    let found = world.slots_of(alice, Kind::Nearest);
    assert!(found.contains(&others[0]), "the nearest of all: {found:?}");
}

#[test]
fn two_nodes_in_one_network_are_never_both_dialled() {
    let mut world = World::new(153);
    let town = |number: u8| Ipv4Addr::new(20, 1, number, 1);
    let towns: Vec<_> = (0..6).map(|n| world.chosen_at(&format!("town-{n}"), town(n))).collect();
    let others: Vec<_> = (0..6).map(|n| world.chosen(&format!("other-{n}"))).collect();
    let all = [towns.clone(), others].concat();
    for node in &all {
        world.meet(*node, &all);
    }
    let own = Group::of_ip(town(0).into());
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
    let anchors = |world: &World| world.node(alice).book().anchors().count();
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
        // Somebody else is away each time; of every second life nothing is remembered from some moment on.
        let away = others[usize::try_from(life).unwrap() / 2];
        world.crash(away);
        world.host_mut(alice).persists_left = (life % 2 == 0).then_some(life / 6);
        world.elapse(4 * MINUTE);
        failures += usize::from(world.host(alice).node.is_none());
        world.crash(alice);
        let remembered = world.host(alice).journal.book().clone();
        world.restart(alice);
        let book = Book::decode([0; 32], &remembered).expect("a book").known().count();
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

/// A stranger who answers the first question for addresses with these: the node that was told, its link, and he.
fn told(seed: u64, from: Option<Ipv4Addr>, addresses: Vec<Address>) -> (World, Party, PeerId, Party) {
    let mut world = World::new(seed);
    let alice = world.chosen_at("alice", Ipv4Addr::new(20, 1, 0, 1));
    let mallory = world.stranger("mallory", Role::Full, Vec::new());
    world.guest(mallory).ip = from.map(Into::into);
    let answer = Packet::Addresses(List::new(addresses)).encode();
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
fn local_addresses_are_believed_of_local_peers_only_and_ones_own_of_nobody() {
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
        // What is not to be believed of a stranger is not told one either.
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
    world.say(mallory, &Packet::Addresses(List::new(addresses(&["30.2.0.1"]))));
    world.elapse(100);
    assert_eq!(world.fault(alice, peer), Fault::Unasked { packet: "addresses" });
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
fn every_node_holds_the_same_certified_links() {
    let mut world = World::new(159);
    world.honest = true;
    let all = chain_of(&mut world, 12);
    for (place, here) in all.iter().enumerate() {
        for there in &all[..place] {
            let distance = 5 + world.chance.below(60);
            world.set_distance(*here, *there, distance);
        }
    }
    world.elapse(25 * MINUTE);
    let links = world.certified(all[0]);
    assert!(links.len() >= 4 * all.len(), "{} links", links.len());
    for node in &all {
        assert_eq!(world.certified(*node), links, "{node:?} holds others");
    }
    // And the figures are true: what both ends measured.
    let names: BTreeMap<_, _> = world
        .hosts()
        .iter()
        .enumerate()
        .map(|(place, host)| (host.config.node_key.public(), Party::Host(place)))
        .collect();
    for (a, b, us) in links {
        let distance = world.distance_ms(names[&a], names[&b]);
        assert!(
            (2_000 * distance..2_000 * distance + 100).contains(&u64::from(us)),
            "{us} µs for {distance} ms"
        );
    }
    world.assert_no_faults();
}

#[test]
fn links_that_ended_are_soon_in_nobodys_graph() {
    let mut world = World::new(163);
    world.honest = true;
    let all = chain_of(&mut world, 12);
    world.elapse(15 * MINUTE);
    let gone = all[5];
    let key = world.host(gone).config.node_key.public();
    let of_gone = |world: &World, at: Party| -> usize {
        world.certified(at).iter().filter(|(a, b, _)| [*a, *b].contains(&key)).count()
    };
    let others: Vec<_> = all.iter().copied().filter(|node| *node != gone).collect();
    assert!(others.iter().all(|node| of_gone(&world, *node) >= 3), "all know of its links");
    world.crash(gone);
    world.elapse(10 * MINUTE);
    for node in &others {
        assert_eq!(of_gone(&world, *node), 0, "{node:?} holds links of who is not there");
    }
    // And when it is back, so are they: what ended in an epoch counts again from the next on.
    world.restart(gone);
    world.elapse(20 * MINUTE);
    let links = world.certified(gone);
    let linked: BTreeSet<_> = all
        .iter()
        .flat_map(|node| {
            let own = world.host(*node).config.node_key.public();
            let keys = world.node(*node).peers(world.now(*node)).into_iter().filter_map(|peer| peer.key);
            keys.map(move |key| (own.min(key), own.max(key))).collect::<Vec<_>>()
        })
        .collect();
    for node in &all {
        assert!(of_gone(&world, *node) >= 3, "{node:?} misses its links");
        assert_eq!(world.certified(*node), links, "{node:?} holds others");
    }
    for (a, b, _) in links {
        assert!(linked.contains(&(a, b)), "a link that there is not");
    }
    world.assert_no_faults();
}

/// A certificate between two keys of the world's time, if both measured 20 ms.
fn certificate(world: &World, one: &str, other: &str) -> Certificate {
    let (network, epoch) = (*world.network.id(), Epoch::of(world.time()));
    let (one, other) = (key(one), key(other));
    let half = |secret, peer| Half::sign(&network, secret, peer, epoch, Duration::from_millis(20));
    let halves = (half(&one, &other.public()), half(&other, &one.public()));
    Certificate::join(&one.public(), &halves.0, &other.public(), &halves.1).unwrap()
}

fn links_answer(links: Vec<Certificate>) -> impl FnMut(&Packet) -> Option<Vec<Bytes>> {
    let answer = Packet::Links(List::new(links)).encode();
    move |packet| matches!(packet, Packet::GetLinks(_)).then(|| vec![answer.clone()])
}

#[test]
fn a_certificate_that_nobody_signed_is_a_fault_and_the_good_ones_beside_it_count() {
    let mut world = World::new(160);
    let alice = world.chosen("alice");
    let good = certificate(&world, "carol", "dave");
    // Carol's and erin's, with what carol and dave signed.
    let mut bytes = certificate(&world, "carol", "erin").encode();
    bytes[78..].copy_from_slice(&good.encode()[78..]);
    let bad = Certificate::decode(&bytes).unwrap();
    let mallory = world.stranger("mallory", Role::Full, Vec::new());
    world.guest(mallory).answer = Some(Box::new(links_answer(vec![good.clone(), bad.clone()])));
    let peer = greet(&mut world, mallory, alice);
    world.elapse(2 * MINUTE);
    assert_eq!(world.fault(alice, peer), Fault::InvalidLink);
    let held = |link: &Certificate| world.node(alice).graph().certificate(&link.ends()[0], &link.ends()[1]);
    assert_eq!((held(&good), held(&bad)), (Some(good.clone()), None));
}

#[test]
fn links_that_come_twice_are_a_fault() {
    let mut world = World::new(161);
    let alice = world.chosen("alice");
    let (first, second) = (certificate(&world, "carol", "dave"), certificate(&world, "carol", "erin"));
    let mallory = world.stranger("mallory", Role::Full, Vec::new());
    world.guest(mallory).answer = Some(Box::new(links_answer(vec![first])));
    let peer = greet(&mut world, mallory, alice);
    world.elapse(2 * MINUTE);
    world.assert_open(alice, peer);
    assert_eq!(world.certified(alice).len(), 1);
    world.say(mallory, &Packet::Links(List::new(vec![second])));
    world.elapse(100);
    assert_eq!(world.fault(alice, peer), Fault::Unasked { packet: "links" });
    assert_eq!(world.certified(alice).len(), 1);
}

/// Alice measures 20 ms to mallory, who claims another figure: what their link counts as.
fn claimed(us: u64) -> Option<u32> {
    let mut world = World::new(162);
    let alice = world.full("alice");
    let mallory = world.stranger("mallory", Role::Full, Vec::new());
    let peer = greet(&mut world, mallory, alice);
    world.elapse(5_000);
    let (network, epoch) = (*world.network.id(), Epoch::of(world.time()));
    let own = key("alice's node").public();
    let half = Half::sign(&network, &key("mallory"), &own, epoch, Duration::from_micros(us));
    world.say(mallory, &Packet::Half(half));
    world.elapse(1_000);
    world.assert_open(alice, peer);
    let answered =
        world.guest(mallory).heard(|packet| matches!(packet, Packet::Half(half) if half.rtt_us >= 20_000));
    assert!(answered, "alice says what she measures, whatever she is told");
    let links = world.certified(alice);
    assert!(links.len() <= 1);
    links.first().map(|(.., us)| *us)
}

#[test]
fn a_link_counts_as_its_larger_figure_and_not_at_all_when_the_ends_are_at_odds() {
    for less in [10_500, 15_000, 20_000] {
        let us = claimed(less).expect("a link");
        assert!((20_000..20_100).contains(&us), "claims {less} µs, counts {us}");
    }
    for more in [24_000, 39_000] {
        assert_eq!(claimed(more), Some(u32::try_from(more).unwrap()));
    }
    for odd in [1, 9_000, 41_000, 5_000_000] {
        assert_eq!(claimed(odd), None, "claims {odd} µs");
    }
}

#[test]
fn a_half_of_another_time_or_link_counts_for_nothing() {
    let mut world = World::new(163);
    let (alice, bob) = (world.full("alice"), key("bob's node").public());
    let (network, own) = (*world.network.id(), key("alice's node").public());
    let sign = |world: &World, secret: &str, peer, epochs| {
        let epoch = Epoch::from_u32(Epoch::of(world.time()).to_u32() + epochs);
        Half::sign(&network, &key(secret), peer, epoch, Duration::from_millis(20))
    };
    for case in 0..4 {
        let (half, fault) = match case {
            0 => (sign(&world, "mallory", &own, 2), None),
            1 => (sign(&world, "mallory", &bob, 0), Some(Fault::InvalidLink)),
            2 => (sign(&world, "bob's node", &own, 0), Some(Fault::InvalidLink)),
            _ => {
                let half = sign(&world, "mallory", &own, 0);
                (Half { signature: Signature::NONE, ..half }, Some(Fault::InvalidLink))
            }
        };
        let mallory = world.stranger("mallory", Role::Full, Vec::new());
        world.guest(mallory).ip = Some(ip(40 + case).into());
        let peer = greet(&mut world, mallory, alice);
        world.elapse(5_000);
        world.say(mallory, &Packet::Half(half));
        world.elapse(1_000);
        assert_eq!(world.closes(alice, peer).is_empty(), fault.is_none(), "{half:?}");
        if let Some(fault) = fault {
            assert_eq!(world.fault(alice, peer), fault);
        }
        world.cut(mallory, alice);
        assert_eq!(world.certified(alice), []);
    }
}

/// Whether a stranger of this name, who dials from this address, is spoken with.
fn is_welcome(world: &mut World, alice: Party, name: &str, ip: Ipv4Addr) -> bool {
    let stranger = world.stranger_at(name, ip);
    let peer = greet(world, stranger, alice);
    let closes: Vec<_> = world.closes(alice, peer).into_iter().cloned().collect();
    world.cut(stranger, alice);
    assert!(closes.is_empty() || closes == [Reason::Banned], "{closes:?}");
    closes.is_empty()
}

#[test]
fn who_breaks_a_rule_is_shut_out_for_an_hour_and_longer_the_second_time() {
    let mut world = World::new(164);
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
        assert!(matches!(world.fault(alice, peer), Fault::InvalidHeader { .. }));
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
    let mut world = World::new(165);
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
    let mut world = World::new(166);
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
    assert!(matches!(world.host(alice).faults()[..], [Fault::InvalidHeader { .. }]));
    assert_eq!(world.host(alice).dials.len(), 1);
    world.elapse(ms(BAN_MIN) - 2 * MINUTE);
    assert_eq!(world.host(alice).dials.len(), 1, "not for an hour");
}

#[test]
fn who_only_stalls_rests_for_a_while_and_is_never_shut_out_for_long() {
    let mut world = World::new(167);
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
            assert_eq!(world.fault(alice, peer), Fault::Silent);
        }
        assert!(stalls > 3, "who stalled {stalls} times has to rest");
        world.elapse(ms(REST));
        assert!(is_welcome(&mut world, alice, "bob", home), "after rest number {rest}");
    }
}

/// A full node: as many strangers as may have dialled it, each from a network of its own, the first the nearest.
fn crowd(seed: u64, inbound_max: usize) -> (World, Party, Vec<(Party, PeerId)>) {
    let mut world = World::new(seed);
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
    // The farthest and youngest of all brings a block first.
    let (bringer, bringer_peer) = *guests.last().unwrap();
    let (mut smithy, _) = forge(&world, 1);
    let hash = smithy.mine(world.network.id(), world.time(), Vec::new());
    let block = smithy.block(&hash).clone();
    world.say(bringer, &Packet::Announce(block.header));
    let compact = plexus_core::compact::Compact::new(hash, &block, &[], &[]);
    world.say(bringer, &Packet::Compact(Box::new(compact)));
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
    let stayed = |peer: &PeerId| world.closes(alice, *peer).is_empty();
    assert!(guests[..NEAREST_PROTECTED].iter().all(|(_, peer)| stayed(peer)), "the nearest stay");
    assert!(stayed(&bringer_peer), "who brought a block first stays");
    let left = guests.iter().filter(|(_, peer)| stayed(peer)).count();
    let rest = FULL - GROUPS_PROTECTED - NEAREST_PROTECTED - BRINGERS_PROTECTED;
    assert!(left >= FULL - rest / 2 - BRINGERS_PROTECTED && left < FULL, "{left} of {FULL} stay");
    let reasons: BTreeSet<_> =
        world.host(alice).closes.iter().map(|(_, reason)| reason.to_string()).collect();
    assert_eq!(reasons, BTreeSet::from([Reason::Full.to_string()]));
}

#[test]
fn one_network_cannot_fill_a_node() {
    let mut world = World::new(169);
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
fn planning_replaces_one_link_a_round_at_most_and_never_leaves_a_slot_empty() {
    const NODES: usize = 22;
    const STEP: u64 = 10;
    let mut world = World::new(170);
    world.honest = true;
    let all = chain_of(&mut world, NODES);
    // Where they are: on a square of 60 ms.
    let places: Vec<_> = all.iter().map(|_| [(); 2].map(|()| world.chance.below(60))).collect();
    for (place, here) in all.iter().enumerate() {
        for (other, there) in all[..place].iter().enumerate() {
            let [dx, dy] = [0, 1].map(|axis| places[place][axis].abs_diff(places[other][axis]));
            world.set_distance(*here, *there, 2 + (dx * dx + dy * dy).isqrt());
        }
    }
    let replaced = |world: &World, node: Party| {
        world.host(node).closes.iter().filter(|(_, reason)| *reason == Reason::Replaced).count()
    };
    // Until all are measured, and a slot changes by planning only.
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
fn who_is_turned_away_by_a_full_node_does_not_come_again_at_once() {
    const ROOM: usize = GROUPS_PROTECTED + NEAREST_PROTECTED + BRINGERS_PROTECTED + 2;
    let mut world = World::new(172);
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
    let mut world = World::new(171);
    let bob = world.full("bob.example.org");
    let alice = world.chosen("alice");
    world.meet(alice, &[bob]);
    world.elapse(MINUTE);
    assert_eq!(world.host(alice).dials, [address("bob.example.org")]);
    assert_eq!(world.slots(alice).len(), 1);
}

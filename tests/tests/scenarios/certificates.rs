//! Certificates: the ones that nodes sign for their links, the ones that they revoke, and the
//! limits to others' claims.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::Bytes;
use plexus_core::primitives::key::Signature;
use plexus_core::protocol::bounded::BoundedVec;
use plexus_core::protocol::link_certificate::{Epoch, LatencyAttestation, LinkCertificate};
use plexus_core::protocol::misbehavior::Misbehavior;
use plexus_core::protocol::packet::{Packet, Role};
use plexus_tests::actor::Actor;
use plexus_tests::block_builder::key;
use plexus_tests::peer_selection::ip;
use plexus_tests::scenario::Scenario;

use super::greet;
use super::neighbours::{MINUTE, chain_of};

#[test]
fn every_node_holds_the_same_certified_links() {
    let mut world = Scenario::new(159);
    world.honest = true;
    let all = chain_of(&mut world, 12);
    for (place, here) in all.iter().enumerate() {
        for there in &all[..place] {
            let distance = 5 + world.rng.below(60);
            world.set_distance(*here, *there, distance);
        }
    }
    world.elapse(25 * MINUTE);
    let links = world.certified(all[0]);
    assert!(links.len() >= 4 * all.len(), "{} links", links.len());
    for node in &all {
        assert_eq!(world.certified(*node), links, "{node:?} holds others");
    }
    // The figures must also be true: both ends measured them.
    let names: BTreeMap<_, _> = world
        .hosts()
        .iter()
        .enumerate()
        .map(|(place, host)| (host.config.node_key.public(), Actor::Host(place)))
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
    let mut world = Scenario::new(163);
    world.honest = true;
    let all = chain_of(&mut world, 12);
    world.elapse(15 * MINUTE);
    let gone = all[5];
    let key = world.host(gone).config.node_key.public();
    let of_gone = |world: &Scenario, at: Actor| -> usize {
        world.certified(at).iter().filter(|(a, b, _)| [*a, *b].contains(&key)).count()
    };
    let others: Vec<_> = all.iter().copied().filter(|node| *node != gone).collect();
    assert!(others.iter().all(|node| of_gone(&world, *node) >= 3), "all know of its links");
    world.crash(gone);
    world.elapse(10 * MINUTE);
    for node in &others {
        assert_eq!(of_gone(&world, *node), 0, "{node:?} holds links of who is not there");
    }
    // When the node is back, its certificates are too. A certificate that was revoked in an epoch
    // counts again from the next one on.
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

#[test]
fn a_link_that_goes_on_over_another_connection_stays_certified() {
    let mut world = Scenario::new(164);
    world.honest = true;
    let mut pair = ["alice", "bob"].map(|name| world.chosen(name));
    // Of two crossing connections, the one that the smaller key dialled is kept, although it is the
    // younger.
    pair.sort_by_key(|party| world.host(*party).config.node_key.public());
    let [smaller, greater] = pair;
    let (_, elder) = world.connect(greater, smaller);
    world.elapse(MINUTE);
    let links = world.certified(smaller);
    assert_eq!(links.len(), 1);
    let (younger, _) = world.connect(smaller, greater);
    world.elapse(MINUTE / 10);
    let open: Vec<_> = world.node(smaller).peers(world.now(smaller)).iter().map(|peer| peer.id).collect();
    assert_eq!(open, [younger], "not {elder:?}");
    for node in pair {
        assert_eq!(world.certified(node), links, "{node:?}");
    }
    world.assert_no_faults();
}

/// Returns a certificate between two keys at the world's time, in which both measured 20 ms.
fn certificate(world: &Scenario, one: &str, other: &str) -> LinkCertificate {
    let (network, epoch) = (*world.network.id(), Epoch::of(world.time()));
    let (one, other) = (key(one), key(other));
    let half =
        |secret, peer| LatencyAttestation::sign(&network, secret, peer, epoch, Duration::from_millis(20));
    let halves = (half(&one, &other.public()), half(&other, &one.public()));
    LinkCertificate::join(&one.public(), &halves.0, &other.public(), &halves.1).unwrap()
}

fn links_answer(links: Vec<LinkCertificate>) -> impl FnMut(&Packet) -> Option<Vec<Bytes>> {
    let answer = Packet::Links(BoundedVec::new(links)).encode();
    move |packet| matches!(packet, Packet::GetLinks(_)).then(|| vec![answer.clone()])
}

#[test]
fn an_unsigned_certificate_is_a_fault_and_those_beside_it_count() {
    let mut world = Scenario::new(160);
    let alice = world.chosen("alice");
    let good = certificate(&world, "carol", "dave");
    // A certificate of carol's and erin's, with the signatures of carol and dave.
    let mut bytes = certificate(&world, "carol", "erin").encode();
    bytes[78..].copy_from_slice(&good.encode()[78..]);
    let bad = LinkCertificate::decode(&bytes).unwrap();
    let mallory = world.stranger("mallory", Role::Full, Vec::new());
    world.guest(mallory).answer = Some(Box::new(links_answer(vec![good.clone(), bad.clone()])));
    let peer = greet(&mut world, mallory, alice);
    world.elapse(2 * MINUTE);
    assert_eq!(world.fault(alice, peer), Misbehavior::InvalidLink);
    let held =
        |link: &LinkCertificate| world.node(alice).graph().certificate(&link.ends()[0], &link.ends()[1]);
    assert_eq!((held(&good), held(&bad)), (Some(good.clone()), None));
}

#[test]
fn links_that_come_twice_are_a_fault() {
    let mut world = Scenario::new(161);
    let alice = world.chosen("alice");
    let (first, second) = (certificate(&world, "carol", "dave"), certificate(&world, "carol", "erin"));
    let mallory = world.stranger("mallory", Role::Full, Vec::new());
    world.guest(mallory).answer = Some(Box::new(links_answer(vec![first])));
    let peer = greet(&mut world, mallory, alice);
    world.elapse(2 * MINUTE);
    world.assert_open(alice, peer);
    assert_eq!(world.certified(alice).len(), 1);
    world.say(mallory, &Packet::Links(BoundedVec::new(vec![second])));
    world.elapse(100);
    assert_eq!(world.fault(alice, peer), Misbehavior::Unsolicited { packet: "links" });
    assert_eq!(world.certified(alice).len(), 1);
}

/// Returns the round trip that counts for a link. Alice measures 20 ms on it, and mallory claims
/// `us`.
fn claimed(us: u64) -> Option<u32> {
    let mut world = Scenario::new(162);
    let alice = world.full("alice");
    let mallory = world.stranger("mallory", Role::Full, Vec::new());
    let peer = greet(&mut world, mallory, alice);
    world.elapse(5_000);
    let (network, epoch) = (*world.network.id(), Epoch::of(world.time()));
    let own = key("alice's node").public();
    let half = LatencyAttestation::sign(&network, &key("mallory"), &own, epoch, Duration::from_micros(us));
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
fn a_link_counts_as_the_larger_figure_of_its_ends() {
    for less in [10_500, 15_000, 20_000] {
        let us = claimed(less).expect("a link");
        assert!((20_000..20_100).contains(&us), "claims {less} µs, counts {us}");
    }
    for more in [24_000, 39_000] {
        assert_eq!(claimed(more), Some(u32::try_from(more).unwrap()));
    }
}

#[test]
fn a_link_whose_ends_are_at_odds_does_not_count() {
    for odd in [1, 9_000, 41_000, 5_000_000] {
        assert_eq!(claimed(odd), None, "claims {odd} µs");
    }
}

#[test]
fn a_half_of_another_time_or_link_counts_for_nothing() {
    let mut world = Scenario::new(163);
    let (alice, bob) = (world.full("alice"), key("bob's node").public());
    let (network, own) = (*world.network.id(), key("alice's node").public());
    let sign = |world: &Scenario, secret: &str, peer, epochs| {
        let epoch = Epoch::from_u32(Epoch::of(world.time()).to_u32() + epochs);
        LatencyAttestation::sign(&network, &key(secret), peer, epoch, Duration::from_millis(20))
    };
    for case in 0..4 {
        let (half, fault) = match case {
            0 => (sign(&world, "mallory", &own, 2), None),
            1 => (sign(&world, "mallory", &bob, 0), Some(Misbehavior::InvalidLink)),
            2 => (sign(&world, "bob's node", &own, 0), Some(Misbehavior::InvalidLink)),
            _ => {
                let half = sign(&world, "mallory", &own, 0);
                (LatencyAttestation { signature: Signature::NONE, ..half }, Some(Misbehavior::InvalidLink))
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

//! An attacker with many addresses in few networks announces them at every opportunity. No node may
//! be eclipsed.
//!
//! `SEEDS` sets the number of nodes.

use std::net::Ipv4Addr;

use plexus_core::peers::outbound_slots::Quota;
use plexus_core::protocol::address::Address;
use plexus_core::protocol::bounded::BoundedVec;
use plexus_core::protocol::limits::ADDRESSES_MAX;
use plexus_core::protocol::packet::{Packet, Role};
use plexus_tests::actor::Actor;
use plexus_tests::scenario::Scenario;
use plexus_tests::test_rng::TestRng;

use super::greet;

/// The number of networks, and the number in which the attacker is: a twentieth.
const GROUPS: u8 = 100;
const BAD_GROUPS: u8 = 5;
/// The number of addresses, and the attacker's share: a fifth.
const ADDRESSES: usize = 500;
const BAD_ADDRESSES: usize = 100;
/// The links that the attacker opens to the node before it has any of its own.
const INTRUDERS: u8 = 20;
/// The time that a node is watched, in seconds.
const SECONDS: u64 = 90;

fn is_bad(ip: Ipv4Addr) -> bool {
    ip.octets()[0] == 66
}

/// Returns all addresses, the attacker's first.
fn addresses() -> Vec<Ipv4Addr> {
    let bad =
        (0..BAD_ADDRESSES).map(|n| (66, u8::try_from(n).unwrap() % BAD_GROUPS, n / usize::from(BAD_GROUPS)));
    let good = (0..ADDRESSES - BAD_ADDRESSES).map(|n| {
        (
            30,
            u8::try_from(n % usize::from(GROUPS - BAD_GROUPS)).unwrap(),
            n / usize::from(GROUPS - BAD_GROUPS),
        )
    });
    bad.chain(good).map(|(a, b, n)| Ipv4Addr::new(a, b, 0, 1 + u8::try_from(n).unwrap())).collect()
}

/// Returns a packet with random ones of these addresses.
fn tell(rng: &mut TestRng, from: &[Ipv4Addr]) -> Packet {
    let draw = |_| rng.pick(from).to_string().parse::<Address>().unwrap();
    Packet::Addresses(BoundedVec::new((0..ADDRESSES_MAX).map(draw).collect()))
}

/// Adds a peer at an address. An honest one announces any addresses, and an attacker only its own.
fn somebody(world: &mut Scenario, ip: Ipv4Addr, all: &[Ipv4Addr]) -> Actor {
    let known = if is_bad(ip) { all[..BAD_ADDRESSES].to_vec() } else { all.to_vec() };
    let mut rng = TestRng::new(world.rng.draw());
    let party = world.stranger_at(&format!("at {ip}"), ip);
    world.guest(party).answer = Some(Box::new(move |packet| {
        matches!(packet, Packet::GetAddresses(())).then(|| vec![tell(&mut rng, &known).encode()])
    }));
    party
}

/// Runs a node's life under attack. Returns the number of its links to the attacker and the number
/// of all its links, in the end.
fn life(seed: u64) -> (usize, usize) {
    let mut world = Scenario::new(seed);
    let all = addresses();
    let parties: Vec<_> = all.iter().map(|ip| somebody(&mut world, *ip, &all)).collect();
    let alice = world.chosen_at("alice", Ipv4Addr::new(20, 1, 0, 1));
    for number in 0..INTRUDERS {
        let intruder = Ipv4Addr::new(66, number % BAD_GROUPS, 1, 1 + number);
        let intruder = somebody(&mut world, intruder, &all);
        greet(&mut world, intruder, alice);
    }
    // One of its initial addresses is the attacker's.
    let mut seeds: Vec<_> = (0..4).map(|_| *world.rng.pick(&parties[BAD_ADDRESSES..])).collect();
    seeds.push(parties[0]);
    world.meet(alice, &seeds);
    let links = |world: &Scenario| {
        let peers = world.node(alice).peers(world.now(alice));
        let out = peers.iter().filter(|view| view.slot.is_some() && view.key.is_some());
        let out = out.filter_map(|view| view.outbound.as_ref()?.host().to_string().parse::<Ipv4Addr>().ok());
        let out: Vec<_> = out.collect();
        (out.iter().filter(|ip| is_bad(**ip)).count(), out.len())
    };
    for second in 0..SECONDS {
        world.elapse(1_000);
        if second == SECONDS / 2 {
            // A restart is the attacker's best opportunity.
            world.crash(alice);
            world.restart(alice);
        }
        let (bad, all) = links(&world);
        assert!(all < 3 || bad < all, "seed {seed}: all {all} links are the attacker's after {second} s");
    }
    links(&world)
}

#[test]
fn nobody_is_surrounded_by_one_who_has_many_addresses_in_few_networks() {
    let seeds = std::env::var("SEEDS").ok().map_or(100, |text| text.parse().expect("SEEDS is a number"));
    let (mut bad, mut all) = (0, 0);
    for seed in 0..seeds {
        let (of_his, of_all) = life(seed);
        assert!(of_all >= Quota::of(Role::Full).total(), "seed {seed}: {of_all} links");
        (bad, all) = (bad + of_his, all + of_all);
    }
    // Measured over 100 nodes: 180 of 800, and 4 of 8 at worst.
    assert!(bad * 3 < all, "of {all} links {bad} are the attacker's");
}

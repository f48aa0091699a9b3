//! The handshake: both ends prove their keys, and no other packet comes first.

use bytes::Bytes;
use plexus_core::node::event::Event;
use plexus_core::node::{ConnectionId, INBOUND_MAX};
use plexus_core::primitives::hash::Hash;
use plexus_core::primitives::key::Signature;
use plexus_core::protocol::bounded::{BoundedBytes, BoundedString, BoundedVec};
use plexus_core::protocol::compact_block::{BlockMessages, CompactBlock, GetMessagesAt};
use plexus_core::protocol::hello::{Features, HELLO_BYTES_MAX, Versions};
use plexus_core::protocol::link_certificate::{Epoch, LatencyAttestation, LinkCertificate};
use plexus_core::protocol::misbehavior::{Misbehavior, Reason};
use plexus_core::protocol::packet::{CAPS, MessageOffer, PROTOCOL_VERSION, Packet, Role};
use plexus_tests::actor::Actor;
use plexus_tests::block_builder::{self, key};
use plexus_tests::scenario::Scenario;

use super::A_WHILE;

/// Connects a scripted peer, whose handshake packets are changed, to a node. Returns the fault that
/// the node finds.
fn tampered(tamper: impl FnMut(Packet) -> Vec<Bytes> + 'static) -> (Scenario, Actor, Misbehavior) {
    let mut world = Scenario::new(1);
    let alice = world.full("alice");
    let mallory = world.stranger("mallory", Role::Full, Vec::new());
    world.guest(mallory).tamper = Some(Box::new(tamper));
    let (_, peer) = world.connect(mallory, alice);
    world.elapse(A_WHILE);
    let fault = world.fault(alice, peer);
    let told = |event: &Event| matches!(event, Event::Faulted { peer: at, fault: found } if (*at, found) == (peer, &fault));
    assert!(world.events(alice).any(told), "a fault is told");
    assert!(
        !world.events(alice).any(|event| matches!(event, Event::PeerUp { .. })),
        "nobody was established"
    );
    (world, alice, fault)
}

#[test]
fn two_nodes_greet_and_know_each_others_keys() {
    let mut world = Scenario::new(2);
    let (alice, lisa) = (world.full("alice"), world.light("lisa"));
    world.connect(lisa, alice);
    world.elapse(1_000);
    for (here, there, role) in [(alice, "lisa", Role::Light), (lisa, "alice", Role::Full)] {
        let peers = world.node(here).peers(world.now(here));
        assert_eq!(peers.len(), 1);
        assert_eq!(peers[0].key, Some(key(&format!("{there}'s node")).public()));
        assert_eq!(peers[0].role, Some(role));
        let latency = peers[0].latency_ms.expect("it was measured");
        assert!((19.0..21.0).contains(&latency), "measured {latency} ms on a link of 10 ms");
        assert_eq!(world.node(here).status(world.now(here)).peers, 1);
    }
    world.assert_no_faults();
}

#[test]
fn refuses_a_peer_of_another_network() {
    let other = Hash::of(b"another network");
    let (world, _, fault) = tampered(move |packet| match packet {
        Packet::Hello(mut hello) => {
            hello.network = other;
            vec![Packet::Hello(hello).encode()]
        }
        packet => vec![packet.encode()],
    });
    assert_eq!(fault, Misbehavior::Network { expected: *world.network.id(), found: other });
}

/// Versions that begin after ours.
const LATER: Versions = Versions { highest: PROTOCOL_VERSION + 7, lowest: PROTOCOL_VERSION + 1 };

#[test]
fn gets_on_with_a_peer_of_a_later_version() {
    let mut world = Scenario::new(1);
    let alice = world.full("alice");
    let (forge, hashes) = super::forge(&world, 20);
    let mallory = world.stranger("mallory", Role::Full, forge.branch(&hashes[19]));
    world.guest(mallory).tamper = Some(Box::new(|packet| match packet {
        Packet::Hello(mut hello) => {
            hello.versions.highest = PROTOCOL_VERSION + 7;
            hello.features = Features::from_bits(u64::MAX);
            let frame = Packet::Hello(hello).encode();
            vec![[&frame[..], b"fields of a later version"].concat().into()]
        }
        packet => vec![packet.encode()],
    }));
    let peer = super::greet(&mut world, mallory, alice);
    world.elapse(A_WHILE);
    world.assert_open(alice, peer);
    assert_eq!(world.tip(alice), hashes[19], "its blocks are fetched");
    world.assert_no_faults();
}

#[test]
fn refuses_a_hello_over_its_cap() {
    let (_, _, fault) = tampered(|packet| match packet {
        Packet::Hello(_) => {
            let frame = packet.encode();
            vec![[&frame[..], &vec![0; HELLO_BYTES_MAX + 1 - frame.len()]].concat().into()]
        }
        packet => vec![packet.encode()],
    });
    let (packet, max, found) = ("hello", HELLO_BYTES_MAX, HELLO_BYTES_MAX + 1);
    assert_eq!(fault, Misbehavior::PacketTooLarge { packet, max, found });
}

#[test]
fn refuses_a_peer_of_another_version() {
    let (_, _, fault) = tampered(|packet| match packet {
        Packet::Hello(mut hello) => {
            hello.versions = LATER;
            vec![Packet::Hello(hello).encode()]
        }
        packet => vec![packet.encode()],
    });
    assert_eq!(fault, Misbehavior::Version { expected: Versions::OURS, found: LATER });
}

#[test]
fn refuses_a_forged_answer() {
    for (place, bit) in [(0, 1), (31, 0x80), (32, 1), (63, 0x10)] {
        let (_, _, fault) = tampered(move |packet| match packet {
            Packet::Answer(answer) => {
                let mut bytes = *answer.as_bytes();
                bytes[place] ^= bit;
                vec![Packet::Answer(Signature::from_bytes(bytes)).encode()]
            }
            packet => vec![packet.encode()],
        });
        assert_eq!(fault, Misbehavior::KeyNotProven);
    }
}

#[test]
fn refuses_a_peer_that_names_anothers_key() {
    let (_, _, fault) = tampered(|packet| match packet {
        Packet::Hello(mut hello) => {
            hello.key = key("bob's node").public();
            vec![Packet::Hello(hello).encode()]
        }
        packet => vec![packet.encode()],
    });
    assert_eq!(fault, Misbehavior::KeyNotProven);
}

#[test]
fn refuses_an_answer_replayed_from_another_connection() {
    let mut world = Scenario::new(3);
    let alice = world.full("alice");
    let mallory = world.stranger("mallory", Role::Full, Vec::new());
    let mut answers = Vec::new();
    world.guest(mallory).tamper = Some(Box::new(move |packet| {
        if matches!(packet, Packet::Answer(_)) {
            answers.push(packet.encode());
            return vec![answers[0].clone()];
        }
        vec![packet.encode()]
    }));
    let first = super::greet(&mut world, mallory, alice);
    world.assert_open(alice, first);
    world.cut(mallory, alice);
    let (_, second) = world.connect(mallory, alice);
    world.elapse(1_000);
    assert_eq!(world.fault(alice, second), Misbehavior::KeyNotProven);
}

#[test]
fn a_node_does_not_connect_to_itself() {
    let mut world = Scenario::new(4);
    let alice = world.full("alice");
    let (out, inbound) = world.connect(alice, alice);
    world.elapse(A_WHILE);
    let closes = [world.closes(alice, out), world.closes(alice, inbound)].concat();
    assert!(closes.contains(&&Reason::OwnKey), "{closes:?}");
    assert!(world.node(alice).peers(world.now(alice)).is_empty());
}

#[test]
fn of_two_links_between_the_same_nodes_one_stays() {
    for seed in 0..20 {
        let mut world = Scenario::new(seed);
        let (alice, bob) = (world.full("alice"), world.full("bob"));
        world.connect(alice, bob);
        let apart = world.rng.below(60);
        world.elapse(apart);
        world.connect(bob, alice);
        world.elapse(A_WHILE);
        for here in [alice, bob] {
            assert_eq!(world.node(here).peers(world.now(here)).len(), 1, "one link stays");
        }
        world.assert_no_faults();
    }
}

#[test]
fn nodes_that_dial_each_other_keep_one_link() {
    let mut world = Scenario::new(5);
    let alice = world.add("alice", Role::Full, &["bob"]);
    let bob = world.add("bob", Role::Full, &["alice"]);
    world.elapse(600_000);
    for here in [alice, bob] {
        assert_eq!(world.node(here).status(world.now(here)).peers, 1);
        let refused = world.host(here).closes.len();
        assert!(refused < 60, "dials a node again and again that is connected: {refused} links refused");
    }
    world.assert_no_faults();
}

/// Returns a packet of each kind, in the order of their first bytes.
pub(crate) fn packets(world: &Scenario) -> Vec<Packet> {
    let mut forge = plexus_tests::block_builder::BlockBuilder::new(&world.network, "smith");
    let message = block_builder::message(&world.network, "smith", "hello", world.time());
    let tip = forge.mine(world.network.id(), world.time(), vec![message.clone()]);
    let block = forge.block(&tip).as_ref().clone();
    let hello = plexus_core::protocol::packet::Hello {
        versions: Versions::OURS,
        features: Features::ARCHIVE,
        network: *world.network.id(),
        role: Role::Full,
        key: key("smith").public(),
        listen: Some(plexus_tests::actor::address("smith")),
        total_work: plexus_core::primitives::pow::Work::ZERO,
        height: 0,
        challenge: [5; 32],
    };
    let id = message.id(world.network.id());
    let compact = CompactBlock::new(tip, &block, &[0]);
    let ends = [key("smith"), key("mallory")];
    let (epoch, rtt) = (Epoch::of(world.time()), std::time::Duration::from_millis(20));
    let halves = [(0, 1), (1, 0)].map(|(one, other): (usize, usize)| {
        LatencyAttestation::sign(world.network.id(), &ends[one], &ends[other].public(), epoch, rtt)
    });
    let link = LinkCertificate::join(&ends[0].public(), &halves[0], &ends[1].public(), &halves[1]).unwrap();
    let packets = vec![
        Packet::Hello(hello),
        Packet::Answer(block.signature),
        Packet::Ping([1; 16]),
        Packet::Pong([1; 16]),
        Packet::GetHeaders(BoundedVec::new(vec![*world.network.id()])),
        Packet::Headers(BoundedVec::new(vec![block.header])),
        Packet::Announce(block.header),
        Packet::Held(tip),
        Packet::GetBodies(BoundedVec::new(vec![tip])),
        Packet::Body(Box::new(block)),
        Packet::Missing(tip),
        Packet::Have(BoundedVec::new(vec![MessageOffer { id, level: 9 }])),
        Packet::GetMessages(BoundedVec::new(vec![id])),
        Packet::Messages(BoundedVec::new(vec![message.clone()])),
        Packet::Farewell(BoundedString::new("good-bye")),
        Packet::Compact(Box::new(compact)),
        Packet::GetParts(GetMessagesAt { hash: tip, places: BoundedVec::new(vec![0]) }),
        Packet::Parts(BlockMessages { hash: tip, messages: BoundedVec::new(vec![message]) }),
        Packet::GetAddresses(()),
        Packet::Addresses(BoundedVec::new(vec![plexus_tests::actor::address("smith")])),
        Packet::Half(halves[0]),
        Packet::GetLinks(Box::default()),
        Packet::Links(BoundedVec::new(vec![link])),
        Packet::GetProof(()),
        Packet::Proof(BoundedBytes::new(vec![7; 300])),
    ];
    let named: Vec<_> = packets.iter().map(Packet::name).collect();
    let all: Vec<_> = CAPS.iter().map(|(name, _)| *name).collect();
    assert_eq!(named, all, "one of each kind");
    packets
}

#[test]
fn any_packet_before_the_handshake_is_a_fault() {
    for packet in packets(&Scenario::new(6)) {
        if matches!(packet, Packet::Hello(_) | Packet::Farewell(_)) {
            continue;
        }
        let (name, frame) = (packet.name(), packet.encode());
        let (_, _, fault) = tampered(move |_| vec![frame.clone()]);
        assert_eq!(fault, Misbehavior::BeforeHandshake { packet: name });
    }
}

#[test]
fn a_second_hello_is_a_fault() {
    let (_, _, fault) = tampered(|packet| vec![packet.encode(), packet.encode()]);
    assert_eq!(fault, Misbehavior::DuplicateHandshake { packet: "hello" });
}

#[test]
fn greeting_again_after_the_handshake_is_a_fault() {
    let mut world = Scenario::new(7);
    for packet in &packets(&world)[..2] {
        let alice = world.full(&format!("alice-{}", packet.name()));
        let (mallory, peer) = super::mallory(&mut world, alice, Vec::new());
        world.assert_open(alice, peer);
        world.say(mallory, packet);
        world.elapse(1_000);
        assert_eq!(world.fault(alice, peer), Misbehavior::DuplicateHandshake { packet: packet.name() });
    }
}

#[test]
fn gives_up_on_a_handshake_that_does_not_come() {
    let (_, _, fault) = tampered(|_| Vec::new());
    assert_eq!(fault, Misbehavior::HandshakeTimeout);
    let (_, _, fault) = tampered(|packet| match packet {
        Packet::Answer(_) => Vec::new(),
        packet => vec![packet.encode()],
    });
    assert_eq!(fault, Misbehavior::HandshakeTimeout);
}

#[test]
fn connections_are_bounded_and_a_full_node_still_works() {
    const MOST: usize = 2_000;
    let mut world = Scenario::new(8);
    let (alice, bob) = (world.full("alice"), world.full("bob"));
    world.connect(bob, alice);
    world.elapse(1_000);
    // Links on which neither end ever sends anything.
    let silent = world.stranger("silent", Role::Full, Vec::new());
    world.guest(silent).tamper = Some(Box::new(|_| Vec::new()));
    let links: Vec<ConnectionId> = (0..MOST).map(|_| world.connect(silent, alice).1).collect();
    let evicted = links.iter().filter(|link| world.closes(alice, **link) == [&Reason::Evicted]).count();
    // Bob's link is among the links that stay.
    assert_eq!(evicted, MOST + 1 - INBOUND_MAX);
    world.mine(alice);
    world.elapse(A_WHILE);
    world.assert_agree(&[alice, bob]);
    assert_eq!(world.node(alice).status(world.now(alice)).peers, 1, "the silent ones are gone");
}

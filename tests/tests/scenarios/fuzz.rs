//! Bad bytes from a peer after the handshake: every packet cut short at every length, with every
//! byte changed, oversized, and in random order. Nothing panics. The worst result is one fault, and
//! honest peers are still served.

use bytes::Bytes;
use plexus_core::node::ConnectionId;
use plexus_core::primitives::params::Network;
use plexus_core::protocol::limits::FRAME_BYTES_MAX;
use plexus_core::protocol::misbehavior::{Misbehavior, Reason};
use plexus_core::protocol::packet::{CAPS, Packet, Role};
use plexus_tests::actor::Actor;
use plexus_tests::block_builder::BlockBuilder;
use plexus_tests::scenario::Scenario;
use proptest::prelude::*;

use super::{A_WHILE, forge, greet, handshake};

/// A node with a short chain and mempool, an honest neighbour, and a scripted peer that reconnects
/// whenever it is closed.
struct Target {
    world: Scenario,
    alice: Actor,
    bob: Actor,
    mallory: Actor,
    peer: ConnectionId,
    greetings: usize,
}

impl Target {
    fn new(seed: u64) -> Self {
        let mut world = Scenario::new(seed);
        world.latency_ms = 1;
        let (forge, hashes) = forge(&world, 20);
        let alice = world.stocked("alice", &forge, &hashes[19]);
        let bob = world.add("bob", Role::Full, &["alice"]);
        world.elapse(5_000);
        world.write(alice, "waits");
        let (mallory, peer) = super::mallory(&mut world, alice, Vec::new());
        Self { world, alice, bob, mallory, peer, greetings: 1 }
    }

    /// Sends one frame. Returns the fault that it led to.
    fn send(&mut self, frame: Bytes) -> Option<Misbehavior> {
        let end = (self.mallory, self.peer_of_mallory());
        self.world.send(end, frame);
        self.world.elapse(12);
        let reasons: Vec<Reason> = self.world.closes(self.alice, self.peer).into_iter().cloned().collect();
        assert!(reasons.len() <= 1, "closed for {reasons:?}");
        let gone = self
            .world
            .node(self.alice)
            .peers(self.world.now(self.alice))
            .iter()
            .all(|view| view.id != self.peer);
        if gone {
            self.world.cut(self.mallory, self.alice);
            // A peer that offended is refused for a while, so it reconnects under another name.
            self.world.guest(self.mallory).alias = Some(format!("mallory {}", self.greetings));
            self.peer = greet(&mut self.world, self.mallory, self.alice);
            self.greetings += 1;
        }
        reasons.into_iter().next().map(|reason| match reason {
            Reason::Fault(fault) => fault,
            other => panic!("closed for {other}"),
        })
    }

    fn peer_of_mallory(&mut self) -> ConnectionId {
        *self.world.guest(self.mallory).established.iter().next().expect("established")
    }

    /// Asserts that the node still mines, and that its honest neighbour follows.
    fn assert_well(mut self) {
        self.world.elapse(A_WHILE);
        self.world.mine(self.alice);
        self.world.elapse(A_WHILE);
        self.world.assert_agree(&[self.alice, self.bob]);
        assert!(self.world.host(self.bob).faults().is_empty(), "alice passed something bad on");
    }
}

#[test]
fn every_packet_cut_short_at_every_length_is_a_fault() {
    let mut target = Target::new(120);
    for packet in handshake::packets(&target.world) {
        let frame = packet.encode();
        for length in 0..frame.len() {
            let fault = target.send(frame.slice(..length));
            let named = match fault {
                Some(Misbehavior::UnknownPacket { found: 256 }) => length == 0,
                Some(Misbehavior::Malformed { packet: name }) => name == packet.name(),
                _ => false,
            };
            assert!(named, "{} cut to {length} bytes: {fault:?}", packet.name());
        }
        let longer = [&frame[..], &[0]].concat();
        let fault = target.send(longer.into());
        assert!(fault.is_some(), "{} with a byte more", packet.name());
    }
    target.assert_well();
}

#[test]
fn every_packet_with_any_byte_changed_does_no_harm() {
    let mut target = Target::new(121);
    for packet in handshake::packets(&target.world) {
        let frame = packet.encode();
        for place in 0..frame.len() {
            for change in [0x01, 0x80, 0xff] {
                let mut bytes = frame.to_vec();
                bytes[place] ^= change;
                target.send(bytes.into());
            }
        }
    }
    assert!(target.greetings > 100, "most are faults");
    target.assert_well();
}

#[test]
fn an_oversized_packet_of_each_kind_is_a_fault() {
    let mut target = Target::new(122);
    for (first, (name, cap)) in CAPS.iter().enumerate() {
        let max = cap.bytes(Network::dev().block_bytes_max());
        let mut bytes = vec![0; max + 1];
        bytes[0] = u8::try_from(first).unwrap();
        let fault = target.send(bytes.into());
        if max == FRAME_BYTES_MAX {
            continue;
        }
        let expected = Misbehavior::PacketTooLarge { packet: name, max, found: max + 1 };
        assert_eq!(fault, Some(expected));
    }
    for first in CAPS.len()..256 {
        let fault = target.send(vec![u8::try_from(first).unwrap(); 40].into());
        assert_eq!(fault, Some(Misbehavior::UnknownPacket { found: u16::try_from(first).unwrap() }));
    }
    target.assert_well();
}

#[test]
fn lists_that_say_to_be_longer_than_they_are_allocate_nothing() {
    let mut target = Target::new(123);
    for first in 0..u8::try_from(CAPS.len()).unwrap() {
        for length in
            [&[0xff, 0xff, 0xff, 0xff, 0x0f][..], &[0xff; 9], &[0xff; 12], &[0x80, 0x80, 0x80, 0x80, 0x01]]
        {
            target.send([&[first], length].concat().into());
        }
    }
    target.assert_well();
}

/// Sends answers that were requested, with each byte changed in turn: one world per byte.
fn spoilt(pick: fn(&Packet) -> bool, step: usize) {
    let world = Scenario::new(124);
    let (forge, hashes) = forge(&world, 3);
    let length = {
        let mut sample = answer(&forge, &hashes[2], pick);
        sample.pop().map_or(0, |frame| frame.len())
    };
    drop(world);
    assert!(length > 50);
    for place in (0..length).step_by(step) {
        for change in [0x01, 0x80] {
            let mut world = Scenario::new(124);
            world.latency_ms = 1;
            let alice = world.full("alice");
            let mallory = world.stranger("mallory", Role::Full, forge.branch(&hashes[2]));
            let mut said = answer(&forge, &hashes[2], pick);
            if let Some(last) = said.last_mut() {
                let mut bytes = last.to_vec();
                bytes[place] ^= change;
                *last = bytes.into();
            }
            world.guest(mallory).answer = Some(Box::new(move |packet| pick(packet).then(|| said.clone())));
            let peer = greet(&mut world, mallory, alice);
            world.elapse(500);
            assert!(world.closes(alice, peer).len() <= 1);
            assert!(world.height(alice) <= 3);
            let bob = world.stocked("bob", &forge, &hashes[2]);
            world.connect(alice, bob);
            world.elapse(120_000);
            assert_eq!(world.tip(alice), hashes[2], "byte {place} changed by {change}");
        }
    }
}

fn answer(
    forge: &BlockBuilder,
    tip: &plexus_core::primitives::hash::Hash,
    pick: fn(&Packet) -> bool,
) -> Vec<Bytes> {
    let branch = forge.branch(tip);
    let headers = Packet::GetHeaders(plexus_core::protocol::bounded::BoundedVec::new(Vec::new()));
    if pick(&headers) {
        let headers = branch.iter().map(|block| block.header).collect();
        return vec![Packet::Headers(plexus_core::protocol::bounded::BoundedVec::new(headers)).encode()];
    }
    branch.iter().map(|block| plexus_core::protocol::packet::body_frame(&block.encode())).collect()
}

#[test]
fn headers_that_were_asked_for_spoilt_at_any_byte_do_no_harm() {
    spoilt(|packet| matches!(packet, Packet::GetHeaders(_)), 3);
}

#[test]
fn bodies_that_were_asked_for_spoilt_at_any_byte_do_no_harm() {
    spoilt(|packet| matches!(packet, Packet::GetBodies(_)), 2);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_bytes_do_no_harm(frames in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 40)) {
        let mut target = Target::new(125);
        for frame in frames {
            target.send(frame.into());
        }
        target.assert_well();
    }

    #[test]
    fn random_tails_after_a_known_first_byte_do_no_harm(
        frames in prop::collection::vec((0..CAPS.len(), prop::collection::vec(any::<u8>(), 0..300)), 40),
    ) {
        let mut target = Target::new(126);
        for (first, tail) in frames {
            target.send([&[u8::try_from(first).unwrap()], &tail[..]].concat().into());
        }
        target.assert_well();
    }

    #[test]
    fn packets_in_any_order_do_no_harm(order in prop::collection::vec(0..CAPS.len(), 60)) {
        let mut target = Target::new(127);
        let packets = handshake::packets(&target.world);
        for index in order {
            target.send(packets[index].encode());
        }
        target.assert_well();
    }
}

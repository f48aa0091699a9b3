use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::primitives::block::BLOCK_BYTES_MAX;
use crate::primitives::block::{BLOCK_BYTES_MIN, BLOCK_MESSAGES_MAX};
use crate::primitives::key::PublicKey;
use crate::primitives::message::{Draft, RECIPIENT_BYTES_MAX, TEXT_BYTES_MAX};
use crate::primitives::params::Network;
use crate::primitives::pow::Work;
use crate::primitives::time::Timestamp;
use crate::protocol::hello::Features;
use crate::protocol::limits::FRAME_BYTES_MAX;
use crate::protocol::link_certificate::Epoch;

fn hello(listen: Option<Address>) -> Hello {
    Hello {
        versions: Versions { highest: u16::MAX, lowest: PROTOCOL_VERSION },
        features: Features::from_bits(u64::MAX),
        network: *Network::dev().id(),
        role: Role::Full,
        key: PublicKey::from_bytes([2; 33]),
        listen,
        total_work: Work::from_hashes(u128::MAX),
        height: u64::MAX,
        challenge: [0xff; 32],
    }
}

fn message(recipient: usize, text: usize) -> Message {
    let sender = PublicKey::from_bytes([0xff; 33]);
    let time = Timestamp::from_unix_ms(u64::MAX);
    let draft = Draft::new(sender, "r".repeat(recipient), "t".repeat(text), time).unwrap();
    Message::from_parts(draft, u64::MAX, Signature::from_bytes([0xff; 64]))
}

fn block(messages: Vec<Message>) -> Block {
    Block { messages: messages.into_iter().map(Arc::new).collect(), ..Network::dev().genesis_block() }
}

/// Returns a block of the maximum size.
fn largest_block() -> Block {
    let most = message(RECIPIENT_BYTES_MAX, TEXT_BYTES_MAX);
    let mut messages = vec![most.clone(); (BLOCK_BYTES_MAX - BLOCK_BYTES_MIN) / most.size()];
    let left = BLOCK_BYTES_MAX - block(messages.clone()).size();
    messages.push(message(0, left - message(0, 1).size() + 1));
    let block = block(messages);
    assert_eq!(block.size(), BLOCK_BYTES_MAX);
    block
}

/// Returns a block with the maximum number of messages.
fn crowded_block() -> Block {
    block(vec![message(3, 5); BLOCK_MESSAGES_MAX])
}

fn header() -> Header {
    let bytes = [0xff; HEADER_BYTES];
    Header::decode(&bytes).unwrap()
}

/// Returns the attestation of the node with this key for a link, and its key.
fn half(seed: u8) -> (LatencyAttestation, PublicKey) {
    let secret = crate::primitives::key::SecretKey::from_bytes(&[seed; 32]).unwrap();
    let (epoch, rtt) =
        (crate::protocol::link_certificate::Epoch::from_u32(u32::MAX), core::time::Duration::from_secs(60));
    let other = PublicKey::from_bytes([2; 33]);
    (LatencyAttestation::sign(Network::dev().id(), &secret, &other, epoch, rtt), secret.public())
}

/// Returns one of each packet, as large or as small as possible. The compiler reports missing ones.
fn packets(large: bool) -> Vec<Packet> {
    let count = |max: usize| if large { max } else { 1 };
    let hashes = |max: usize| vec![Hash::from_bytes([0xff; 32]); count(max)];
    let one = |packet: &Packet| match packet {
        Packet::Hello(_) => {
            let address = Address::new(true, &"h".repeat(223), u16::MAX).unwrap();
            Packet::Hello(hello(large.then_some(address)))
        }
        Packet::Answer(_) => Packet::Answer(Signature::from_bytes([0xff; 64])),
        Packet::Ping(_) => Packet::Ping([0xff; 16]),
        Packet::Pong(_) => Packet::Pong([0xff; 16]),
        Packet::GetHeaders(_) => Packet::GetHeaders(BoundedVec::new(hashes(LOCATOR_MAX))),
        Packet::Headers(_) => Packet::Headers(BoundedVec::new(vec![header(); count(HEADERS_MAX)])),
        Packet::Announce(_) => Packet::Announce(header()),
        Packet::Held(_) => Packet::Held(Hash::ZERO),
        Packet::GetBodies(_) => Packet::GetBodies(BoundedVec::new(hashes(BODIES_MAX))),
        Packet::Body(_) => {
            Packet::Body(Box::new(if large { largest_block() } else { block(vec![message(3, 5)]) }))
        }
        Packet::Missing(_) => Packet::Missing(Hash::ZERO),
        Packet::Have(_) => {
            let offer = |id| MessageOffer { id, level: 127 };
            Packet::Have(BoundedVec::new(hashes(MESSAGE_IDS_MAX).into_iter().map(offer).collect()))
        }
        Packet::GetMessages(_) => Packet::GetMessages(BoundedVec::new(hashes(MESSAGE_IDS_MAX))),
        Packet::Messages(_) => {
            let message = if large { message(RECIPIENT_BYTES_MAX, TEXT_BYTES_MAX) } else { message(3, 5) };
            Packet::Messages(BoundedVec::new(vec![message; count(MESSAGES_MAX)]))
        }
        Packet::Farewell(_) => Packet::Farewell(BoundedString::new(&"f".repeat(count(FAREWELL_BYTES_MAX)))),
        Packet::Compact(_) => {
            let block = if large { crowded_block() } else { block(vec![message(3, 5)]) };
            let whole: &[u16] = if large { &[0, 4_095] } else { &[0] };
            Packet::Compact(Box::new(CompactBlock::new(Hash::ZERO, &block, whole)))
        }
        Packet::GetParts(_) => {
            let places = (0..u16::try_from(count(BLOCK_MESSAGES_MAX)).unwrap()).map(|_| u16::MAX).collect();
            Packet::GetParts(GetMessagesAt { hash: Hash::ZERO, places: BoundedVec::new(places) })
        }
        Packet::Parts(_) => {
            let messages = vec![message(3, 5); if large { BLOCK_MESSAGES_MAX } else { 1 }];
            Packet::Parts(BlockMessages { hash: Hash::ZERO, messages: BoundedVec::new(messages) })
        }
        Packet::GetAddresses(()) => Packet::GetAddresses(()),
        Packet::Addresses(_) => {
            let host = "h".repeat(if large { 223 } else { 1 });
            let address = Address::new(true, &host, u16::MAX).unwrap();
            Packet::Addresses(BoundedVec::new(vec![address; count(ADDRESSES_MAX)]))
        }
        Packet::Half(_) => Packet::Half(half(1).0),
        Packet::GetLinks(_) => {
            let byte = if large { 0xff } else { 0 };
            Packet::GetLinks(Box::new(LinkDigest::decode(&[byte; DIGEST_BYTES]).unwrap()))
        }
        Packet::Links(_) => {
            let (first, second) = (half(1), half(2));
            let link = LinkCertificate::join(&first.1, &first.0, &second.1, &second.0).unwrap();
            Packet::Links(BoundedVec::new(vec![link; count(LINKS_MAX)]))
        }
        Packet::GetProof(()) => Packet::GetProof(()),
        Packet::Proof(_) => Packet::Proof(BoundedBytes::new(vec![0xff; count(PROOF_BYTES_MAX)])),
    };
    let order = [
        Packet::Hello(hello(None)),
        Packet::Answer(Signature::NONE),
        Packet::Ping([0; 16]),
        Packet::Pong([0; 16]),
        Packet::GetHeaders(BoundedVec::new(Vec::new())),
        Packet::Headers(BoundedVec::new(Vec::new())),
        Packet::Announce(header()),
        Packet::Held(Hash::ZERO),
        Packet::GetBodies(BoundedVec::new(Vec::new())),
        Packet::Body(Box::new(block(Vec::new()))),
        Packet::Missing(Hash::ZERO),
        Packet::Have(BoundedVec::new(Vec::new())),
        Packet::GetMessages(BoundedVec::new(Vec::new())),
        Packet::Messages(BoundedVec::new(Vec::new())),
        Packet::Farewell(BoundedString::new("")),
        Packet::Compact(Box::new(CompactBlock::new(Hash::ZERO, &block(Vec::new()), &[]))),
        Packet::GetParts(GetMessagesAt { hash: Hash::ZERO, places: BoundedVec::new(Vec::new()) }),
        Packet::Parts(BlockMessages { hash: Hash::ZERO, messages: BoundedVec::new(Vec::new()) }),
        Packet::GetAddresses(()),
        Packet::Addresses(BoundedVec::new(Vec::new())),
        Packet::Half(half(1).0),
        Packet::GetLinks(Box::default()),
        Packet::Links(BoundedVec::new(Vec::new())),
        Packet::GetProof(()),
        Packet::Proof(BoundedBytes::new(Vec::new())),
    ];
    assert_eq!(order.len(), CAPS.len());
    order.iter().map(one).collect()
}

/// Reads a frame in a network with the largest blocks.
fn decode(frame: &[u8]) -> Result<Packet, Misbehavior> {
    Packet::decode(frame, BLOCK_BYTES_MAX)
}

/// Returns a packet's cap in such a network.
fn cap_bytes(first: u8) -> usize {
    CAPS[usize::from(first)].1.bytes(BLOCK_BYTES_MAX)
}

#[test]
fn a_varint_in_a_longer_form_is_malformed() {
    // The count of an empty list is 0, which can be written in one byte, or in too many.
    let max = Network::dev().block_bytes_max();
    assert_eq!(Packet::decode(&[11, 0], max), Ok(Packet::Have(BoundedVec::new(Vec::new()))));
    for frame in [&[11, 0x80, 0][..], &[11, 0x80, 0x80, 0], &[16, 0x80, 0]] {
        let packet = CAPS[usize::from(frame[0])].0;
        assert_eq!(Packet::decode(frame, max), Err(Misbehavior::Malformed { packet }));
    }
    // An address may be written in several ways, but its length in one only.
    let text = b"wss://Example.org:443/p2p";
    let addresses = |length: &[u8]| [&[19, 1], length, text].concat();
    assert!(matches!(Packet::decode(&addresses(&[25]), max), Ok(Packet::Addresses(_))));
    let malformed = Misbehavior::Malformed { packet: "addresses" };
    assert_eq!(Packet::decode(&addresses(&[0x80 | 25, 0]), max), Err(malformed));
    // A number within a packet.
    let half =
        Packet::Half(LatencyAttestation { epoch: Epoch::from_u32(1), rtt_us: 2, signature: Signature::NONE });
    let frame = half.encode();
    assert_eq!(Packet::decode(&frame, max), Ok(half));
    let longer = [&frame[..1], &[0x81, 0], &frame[2..]].concat();
    assert_eq!(Packet::decode(&longer, max), Err(Misbehavior::Malformed { packet: "half" }));
}

#[test]
fn caps_are_in_the_order_of_first_bytes() {
    for (first, (packet, (name, _))) in packets(false).iter().zip(CAPS).enumerate() {
        let frame = packet.encode();
        assert_eq!((usize::from(frame[0]), packet.name()), (first, *name));
        let max = cap_bytes(frame[0]);
        assert!(max <= FRAME_BYTES_MAX && frame.len() <= max);
    }
}

#[test]
fn the_largest_of_each_packet_passes() {
    for packet in packets(true) {
        let (name, frame) = (packet.name(), packet.encode());
        let max = cap_bytes(frame[0]);
        assert!(frame.len() <= max, "{name}: {} bytes, cap {max}", frame.len());
        assert_eq!(decode(&frame), Ok(packet));
    }
}

#[test]
fn every_packet_round_trips_and_no_prefix_or_longer_frame_passes() {
    for packet in packets(false) {
        let (name, frame) = (packet.name(), packet.encode());
        assert_eq!(decode(&frame).as_ref(), Ok(&packet));
        assert_eq!(decode(&[]), Err(Misbehavior::UnknownPacket { found: 256 }));
        for end in 1..frame.len() {
            assert_eq!(decode(&frame[..end]), Err(Misbehavior::Malformed { packet: name }), "{end} bytes");
        }
        if matches!(packet, Packet::Hello(_)) {
            // Its unknown bytes are skipped.
            continue;
        }
        for byte in [0, 1, 0xff] {
            let longer = [frame.as_ref(), &[byte]].concat();
            let (max, found) = (cap_bytes(frame[0]), longer.len());
            let expected = if found > max {
                Misbehavior::PacketTooLarge { packet: name, max, found }
            } else {
                Misbehavior::Malformed { packet: name }
            };
            assert_eq!(decode(&longer), Err(expected));
        }
    }
}

#[test]
fn a_first_byte_that_names_no_packet_is_a_fault() {
    for first in CAPS.len()..256 {
        let first = u8::try_from(first).unwrap();
        assert_eq!(decode(&[first, 0, 0]), Err(Misbehavior::UnknownPacket { found: first.into() }));
    }
}

#[test]
fn a_frame_over_its_cap_is_refused_by_its_size() {
    for (first, (packet, _)) in (0..).zip(CAPS) {
        let max = cap_bytes(first);
        let mut frame = vec![0; max + 1];
        frame[0] = first;
        let found = frame.len();
        assert_eq!(decode(&frame), Err(Misbehavior::PacketTooLarge { packet, max, found }));
        // At the cap it is read, but it is not a valid packet.
        assert!(!matches!(decode(&frame[..max]), Err(Misbehavior::PacketTooLarge { .. })));
    }
}

#[test]
fn caps_of_blocks_follow_the_network() {
    let small = block(vec![message(3, 5); 3]);
    let frame = body_frame(&small.encode());
    assert!(Packet::decode(&frame, small.size()).is_ok());
    for first in [9, 15, 17] {
        let (packet, max) = (CAPS[usize::from(first)].0, 1_000 + 16);
        let mut frame = vec![0; max + 1];
        frame[0] = first;
        let found = frame.len();
        let too_large = Err(Misbehavior::PacketTooLarge { packet, max, found });
        assert_eq!(Packet::decode(&frame, 1_000), too_large);
        assert_ne!(Packet::decode(&frame, 1_001), too_large);
    }
}

/// Returns a frame with a list that claims `count` items, of which there are `items` bytes.
fn list(first: u8, count: u64, items: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    let mut left = count;
    while left >= 0x80 {
        frame.push(u8::try_from(left & 0x7f).unwrap() | 0x80);
        left >>= 7;
    }
    frame.push(u8::try_from(left).unwrap());
    frame.extend_from_slice(items);
    frame
}

#[test]
fn a_length_over_the_most_is_refused_before_anything_is_allocated() {
    for first in [4, 5, 6, 8, 9, 11, 12, 13, 14] {
        let packet = CAPS[usize::from(first)].0;
        for count in [1 << 20, 1 << 32, u64::MAX / 2, u64::MAX] {
            let found = decode(&list(first, count, &[0; 8]));
            assert_eq!(found, Err(Misbehavior::Malformed { packet }), "{count}");
        }
    }
}

#[test]
fn a_list_holds_its_most_and_no_more() {
    let lists =
        [(4, LOCATOR_MAX, 32), (8, BODIES_MAX, 32), (11, MESSAGE_IDS_MAX, 33), (12, MESSAGE_IDS_MAX, 32)];
    for (first, most, bytes) in lists {
        let item = vec![7; bytes];
        let frame = |count: usize| list(first, count as u64, &item.repeat(count));
        assert!(decode(&frame(most)).is_ok());
        assert!(decode(&frame(most + 1)).is_err());
        // The most bytes, but one item more is claimed.
        let packet = CAPS[usize::from(first)].0;
        let frame = list(first, most as u64 + 1, &item.repeat(most));
        assert_eq!(decode(&frame), Err(Misbehavior::Malformed { packet }));
    }
    assert_eq!(BoundedVec::<u8, 3>::new(vec![1, 2, 3, 4]).into_inner(), [1, 2, 3]);
}

#[test]
fn a_text_is_cut_between_its_characters() {
    assert_eq!(BoundedString::<5>::new("häß").as_str(), "häß");
    assert_eq!(BoundedString::<4>::new("häß").as_str(), "hä");
    assert_eq!(BoundedString::<0>::new("ß").as_str(), "");
    let long = list(14, FAREWELL_BYTES_MAX as u64 + 1, &[b'f'; FAREWELL_BYTES_MAX + 1]);
    assert_eq!(decode(&long), Err(Misbehavior::Malformed { packet: "farewell" }));
    assert_eq!(decode(&list(14, 1, &[0xff])), Err(Misbehavior::Malformed { packet: "farewell" }));
}

#[test]
fn an_encoded_block_makes_the_same_frame() {
    for block in [block(Vec::new()), block(vec![message(3, 5); 3]), largest_block()] {
        let frame = body_frame(&block.encode());
        assert!(frame.len() <= FRAME_BYTES_MAX);
        assert_eq!(frame, Packet::Body(Box::new(block)).encode());
    }
}

#[test]
fn a_block_of_too_many_messages_is_no_body() {
    let many = block(vec![message(0, 1); BLOCK_MESSAGES_MAX]);
    assert!(decode(&body_frame(&many.encode())).is_ok());
    let more = block(vec![message(0, 1); BLOCK_MESSAGES_MAX + 1]);
    assert!(more.size() < BLOCK_BYTES_MAX);
    assert_eq!(decode(&body_frame(&more.encode())), Err(Misbehavior::Malformed { packet: "body" }));
    let mut long = largest_block().encode();
    long.push(0);
    assert_eq!(decode(&body_frame(&long)), Err(Misbehavior::Malformed { packet: "body" }));
}

proptest! {
    #[test]
    fn no_bytes_panic(first in 0u8..16, bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        let _ = decode(&bytes);
        let frame = [&[first], bytes.as_slice()].concat();
        if let Ok(packet) = decode(&frame) {
            prop_assert!(packet.encode().len() <= frame.len(), "what is read is written no longer");
        }
    }

    #[test]
    fn no_changed_byte_panics(which in 0usize..15, place: prop::sample::Index, byte: u8) {
        let packet = packets(false).swap_remove(which);
        let mut frame = packet.encode().to_vec();
        let place = place.index(frame.len());
        frame[place] = byte;
        if let Ok(packet) = decode(&frame) {
            prop_assert_eq!(decode(&packet.encode()), Ok(packet));
        }
    }
}

use super::*;
use crate::primitives::key::SecretKey;
use crate::primitives::params::Network;
use crate::protocol::misbehavior::Misbehavior;
use crate::protocol::packet::Packet;

fn hello() -> Hello {
    Hello {
        versions: Versions::OURS,
        features: Features::ARCHIVE,
        network: *Network::dev().id(),
        role: Role::Full,
        key: SecretKey::from_bytes(&[7; 32]).unwrap().public(),
        listen: Some("wss://example.org".parse().unwrap()),
        total_work: Work::from_hashes(u128::MAX),
        height: u64::MAX,
        challenge: [9; 32],
    }
}

fn decode(frame: &[u8]) -> Result<Packet, Misbehavior> {
    Packet::decode(frame, Network::dev().block_bytes_max())
}

#[test]
fn bytes_after_the_known_fields_are_skipped() {
    let frame = Packet::Hello(hello()).encode();
    for extra in [1, 100, HELLO_BYTES_MAX - frame.len()] {
        let longer = [&frame[..], &vec![0xff; extra]].concat();
        assert_eq!(decode(&longer), Ok(Packet::Hello(hello())), "{extra} bytes");
    }
    let (packet, max, found) = ("hello", HELLO_BYTES_MAX, HELLO_BYTES_MAX + 1);
    let longer = [&frame[..], &vec![0; found - frame.len()]].concat();
    assert_eq!(decode(&longer), Err(Misbehavior::PacketTooLarge { packet, max, found }));
}

#[test]
fn unknown_feature_bits_are_ignored() {
    let features = Features::from_bits(u64::MAX - 1);
    let frame = Packet::Hello(Hello { features, ..hello() }).encode();
    let Ok(Packet::Hello(read)) = decode(&frame) else { panic!("it is read") };
    assert_eq!(read.features, features);
    assert!(!read.features.has(Features::ARCHIVE) && read.features.has(Features::PRUNED));
}

#[test]
fn the_versions_are_read_before_all_else() {
    let wide = Hello { versions: Versions { highest: 9, lowest: 2 }, ..hello() };
    assert_eq!(decode(&Packet::Hello(wide.clone()).encode()), Ok(Packet::Hello(wide)));
    // The hello of a version that we do not speak may have any layout after these fields.
    for (bytes, found) in [
        (&[0, 9, 3][..], Versions { highest: 9, lowest: 3 }),
        (&[0, 9, 3, 0xff, 0xff], Versions { highest: 9, lowest: 3 }),
        // Version 1 has one version, and then the network's id.
        (&[0, 1, 0x2a, 0xcd, 0xef], Versions { highest: 1, lowest: 0x2a }),
        // No range at all.
        (&[0, 2, 3], Versions { highest: 2, lowest: 3 }),
    ] {
        assert_eq!(decode(bytes), Err(Misbehavior::Version { expected: Versions::OURS, found }));
    }
    for short in [&[0][..], &[0, 2], &[0, 2, 2, 0], &[0, 0x80]] {
        assert_eq!(decode(short), Err(Misbehavior::Malformed { packet: "hello" }));
    }
}

#[test]
fn a_pruned_node_is_asked_for_its_newest_bodies_only() {
    let pruned = Hello { features: Features::PRUNED, ..hello() };
    let lowest = |height| pruned.lowest_body(height);
    assert_eq!((lowest(0), lowest(KEPT_BODIES_MIN - GROWTH - 1)), (0, 0));
    assert_eq!(lowest(10_000), 10_000 + GROWTH - KEPT_BODIES_MIN + 1);
    assert_eq!(hello().lowest_body(10_000), 0);
    let unknown = Hello { features: Features::NONE, ..hello() };
    assert_eq!(unknown.lowest_body(10_000), lowest(10_000), "it makes no promise");
}

use super::*;
use crate::primitives::params::Network;
use crate::primitives::pow::Work;
use crate::protocol::hello::{Features, Versions};
use crate::protocol::packet::{Packet, Role};

fn secret(seed: u8) -> SecretKey {
    SecretKey::from_bytes(&[seed; 32]).unwrap()
}

fn hello(seed: u8, challenge: u8) -> Hello {
    Hello {
        versions: Versions::OURS,
        features: Features::ARCHIVE,
        network: *Network::dev().id(),
        role: Role::Full,
        key: secret(seed).public(),
        listen: None,
        total_work: Work::ZERO,
        height: 0,
        challenge: [challenge; 32],
    }
}

/// Returns the frame of a hello.
fn frame(hello: &Hello) -> Vec<u8> {
    Packet::Hello(hello.clone()).encode().to_vec()
}

/// Returns the digest of the answer of the sender of `signer` to the sender of `verifier`.
fn digest_of(signer: &Hello, verifier: &Hello) -> Hash {
    digest(&signer.network, &Hash::of(&frame(signer)), &Hash::of(&frame(verifier)))
}

fn begin(ours: Hello) -> Handshake {
    let frame = frame(&ours);
    Handshake::new(ours, &frame, MonotonicTime::from_micros(5))
}

/// Returns Alice's handshake, before the peer's hello.
fn alice() -> Handshake {
    begin(hello(1, 11))
}

/// Lets a handshake receive a frame with a hello.
fn receive(handshake: &mut Handshake, frame: &[u8], seed: u8) -> Result<Signature, Reason> {
    let Packet::Hello(hello) = Packet::decode(frame, 1_000).map_err(Reason::Fault)? else {
        panic!("not a hello")
    };
    handshake.received_hello(hello, frame, &secret(seed))
}

fn refused(hello: &Hello) -> Reason {
    receive(&mut alice(), &frame(hello), 1).unwrap_err()
}

#[test]
fn both_ends_prove_their_keys() {
    let (mut alice, mut bob) = (alice(), begin(hello(2, 22)));
    let from_alice = receive(&mut alice, &frame(&hello(2, 22)), 1).unwrap();
    let from_bob = receive(&mut bob, &frame(&hello(1, 11)), 2).unwrap();
    assert_eq!(alice.received_answer(&from_bob), Ok(hello(2, 22)));
    assert_eq!(bob.received_answer(&from_alice), Ok(hello(1, 11)));
    assert_eq!(alice.deadline, MonotonicTime::from_micros(5) + HANDSHAKE_TIMEOUT);
    assert_eq!(alice.received_answer(&from_bob), Err(Misbehavior::BeforeHandshake { packet: "answer" }));
}

#[test]
fn a_later_version_gets_on_with_ours() {
    // Bob speaks versions 2 to 9, has features that Alice does not know, and says more than she
    // reads.
    let theirs = Hello {
        versions: Versions { highest: 9, lowest: 2 },
        features: Features::from_bits(u64::MAX),
        ..hello(2, 22)
    };
    let sent = [&frame(&theirs)[..], b"more fields"].concat();
    let (mut alice, mut bob) =
        (alice(), Handshake::new(theirs.clone(), &sent, MonotonicTime::from_micros(5)));
    let from_alice = receive(&mut alice, &sent, 1).unwrap();
    let from_bob = receive(&mut bob, &frame(&hello(1, 11)), 2).unwrap();
    assert_eq!(alice.received_answer(&from_bob), Ok(theirs.clone()));
    assert_eq!(bob.received_answer(&from_alice), Ok(hello(1, 11)));
    assert_eq!(theirs.versions.common(hello(1, 11).versions), Some(2));
}

#[test]
fn changes_of_a_hello_on_its_way_are_detected() {
    let theirs = Hello { versions: Versions { highest: 9, lowest: 2 }, ..hello(2, 22) };
    let sent = [&frame(&theirs)[..], b"more fields"].concat();
    let changed = [
        frame(&Hello { versions: Versions::OURS, ..theirs.clone() }),
        frame(&Hello { features: Features::NONE, ..theirs.clone() }),
        frame(&Hello { total_work: Work::from_hashes(1), ..theirs.clone() }),
        frame(&theirs),
        [&frame(&theirs)[..], b"other field"].concat(),
    ];
    for received in changed {
        let (mut alice, mut bob) =
            (alice(), Handshake::new(theirs.clone(), &sent, MonotonicTime::from_micros(5)));
        let from_alice = receive(&mut alice, &received, 1).unwrap();
        let from_bob = receive(&mut bob, &frame(&hello(1, 11)), 2).unwrap();
        // Either end finds out, whichever hello was changed.
        assert_eq!(alice.received_answer(&from_bob), Err(Misbehavior::KeyNotProven));
        assert_eq!(bob.received_answer(&from_alice), Err(Misbehavior::KeyNotProven));
    }
}

#[test]
fn another_version_network_or_oneself_ends_it() {
    let found = Versions { highest: 9, lowest: 3 };
    let version = Misbehavior::Version { expected: Versions::OURS, found };
    assert_eq!(refused(&Hello { versions: found, ..hello(2, 22) }), Reason::Fault(version));
    let (expected, found) = (*Network::dev().id(), *Network::plexus().id());
    let network = Misbehavior::Network { expected, found };
    assert_eq!(refused(&Hello { network: found, ..hello(2, 22) }), Reason::Fault(network));
    assert_eq!(refused(&hello(1, 22)), Reason::OwnKey);
}

#[test]
fn packets_out_of_order_end_it() {
    let mut alice = alice();
    let answer = secret(2).sign(&digest_of(&hello(2, 22), &hello(1, 11)));
    assert_eq!(alice.received_answer(&answer), Err(Misbehavior::BeforeHandshake { packet: "answer" }));
    receive(&mut alice, &frame(&hello(2, 22)), 1).unwrap();
    let again = receive(&mut alice, &frame(&hello(3, 33)), 1).unwrap_err();
    assert_eq!(again, Reason::Fault(Misbehavior::DuplicateHandshake { packet: "hello" }));
}

#[test]
fn no_answer_of_another_connection_serves() {
    let (ours, theirs) = (hello(1, 11), hello(2, 22));
    let hashes = [&theirs, &ours].map(|hello| Hash::of(&frame(hello)));
    let elsewhere = [
        // Answers to other nodes, with other challenges, in another network, and our own answer
        // sent back.
        secret(2).sign(&digest_of(&theirs, &hello(3, 11))),
        secret(2).sign(&digest_of(&theirs, &hello(1, 12))),
        secret(2).sign(&digest_of(&hello(2, 23), &ours)),
        secret(2).sign(&digest(&Hash::ZERO, &hashes[0], &hashes[1])),
        secret(2).sign(&digest_of(&ours, &theirs)),
        secret(1).sign(&digest_of(&ours, &theirs)),
        secret(3).sign(&digest_of(&theirs, &ours)),
        Signature::NONE,
    ];
    for answer in &elsewhere {
        let mut alice = alice();
        receive(&mut alice, &frame(&theirs), 1).unwrap();
        assert_eq!(alice.received_answer(answer), Err(Misbehavior::KeyNotProven));
    }
}

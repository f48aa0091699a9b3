use super::*;
use crate::primitives::params::Network;
use crate::primitives::pow::Work;
use crate::protocol::packet::Role;

fn secret(seed: u8) -> SecretKey {
    SecretKey::from_bytes(&[seed; 32]).unwrap()
}

fn hello(seed: u8, challenge: u8) -> Hello {
    Hello {
        version: PROTOCOL_VERSION,
        network: *Network::dev().id(),
        role: Role::Full,
        key: secret(seed).public(),
        listen: None,
        total_work: Work::ZERO,
        height: 0,
        challenge: [challenge; 32],
    }
}

/// Returns Alice's handshake, before the peer's hello.
fn alice() -> Handshake {
    Handshake::new(hello(1, 11), MonotonicTime::from_micros(5))
}

fn refused(hello: Hello) -> Reason {
    alice().received_hello(hello, &secret(1)).unwrap_err()
}

#[test]
fn both_ends_prove_their_keys() {
    let (mut alice, mut bob) = (alice(), Handshake::new(hello(2, 22), MonotonicTime::from_micros(5)));
    let from_alice = alice.received_hello(hello(2, 22), &secret(1)).unwrap();
    let from_bob = bob.received_hello(hello(1, 11), &secret(2)).unwrap();
    assert_eq!(alice.received_answer(&from_bob), Ok(hello(2, 22)));
    assert_eq!(bob.received_answer(&from_alice), Ok(hello(1, 11)));
    assert_eq!(alice.deadline, MonotonicTime::from_micros(5) + HANDSHAKE_TIMEOUT);
    assert_eq!(alice.received_answer(&from_bob), Err(Misbehavior::BeforeHandshake { packet: "answer" }));
}

#[test]
fn another_version_network_or_oneself_ends_it() {
    let version = Misbehavior::Version { expected: PROTOCOL_VERSION, found: 9 };
    assert_eq!(refused(Hello { version: 9, ..hello(2, 22) }), Reason::Fault(version));
    let (expected, found) = (*Network::dev().id(), *Network::plexus().id());
    let network = Misbehavior::Network { expected, found };
    assert_eq!(refused(Hello { network: found, ..hello(2, 22) }), Reason::Fault(network));
    assert_eq!(refused(hello(1, 22)), Reason::OwnKey);
}

#[test]
fn packets_out_of_order_end_it() {
    let mut alice = alice();
    let answer = secret(2).sign(&digest(&hello(2, 22), &hello(1, 11)));
    assert_eq!(alice.received_answer(&answer), Err(Misbehavior::BeforeHandshake { packet: "answer" }));
    alice.received_hello(hello(2, 22), &secret(1)).unwrap();
    let again = alice.received_hello(hello(3, 33), &secret(1)).unwrap_err();
    assert_eq!(again, Reason::Fault(Misbehavior::DuplicateHandshake { packet: "hello" }));
}

#[test]
fn no_answer_of_another_connection_serves() {
    let (ours, theirs) = (hello(1, 11), hello(2, 22));
    let elsewhere = [
        // Answers to other nodes, with other challenges, in another network, and our own answer
        // sent back.
        secret(2).sign(&digest(&theirs, &hello(3, 11))),
        secret(2).sign(&digest(&theirs, &hello(1, 12))),
        secret(2).sign(&digest(&hello(2, 23), &ours)),
        secret(2).sign(&digest(&Hello { network: Hash::ZERO, ..theirs.clone() }, &ours)),
        secret(2).sign(&digest(&ours, &theirs)),
        secret(1).sign(&digest(&ours, &theirs)),
        secret(3).sign(&digest(&theirs, &ours)),
        Signature::NONE,
    ];
    for answer in &elsewhere {
        let mut alice = alice();
        alice.received_hello(theirs.clone(), &secret(1)).unwrap();
        assert_eq!(alice.received_answer(answer), Err(Misbehavior::KeyNotProven));
    }
}

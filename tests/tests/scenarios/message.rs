//! Messages: they reach all nodes, are mined once, survive reorganisations, and cannot be replayed.

use plexus_core::ledger::validation::MESSAGE_AGE_MS;
use plexus_core::node::SubmitError;
use plexus_core::primitives::message::Message;
use plexus_core::primitives::pow::Work;
use plexus_core::protocol::bounded::BoundedVec;
use plexus_core::protocol::misbehavior::Misbehavior;
use plexus_core::protocol::packet::{MessageOffer, Packet, Role};
use plexus_tests::actor::Actor;
use plexus_tests::block_builder::{self, key};
use plexus_tests::scenario::Scenario;

use super::{A_WHILE, mallory};

fn line(world: &mut Scenario, names: &[&str]) -> Vec<Actor> {
    let all: Vec<_> = names.iter().map(|name| world.full(name)).collect();
    for pair in all.windows(2) {
        world.connect(pair[0], pair[1]);
    }
    world.elapse(1_000);
    all
}

#[test]
fn a_message_reaches_every_pool_and_whoever_mines_first_mines_it() {
    let mut world = Scenario::new(50);
    let all = line(&mut world, &["alice", "bob", "carol", "dave"]);
    let id = world.write(all[0], "hello");
    world.elapse(A_WHILE);
    assert!(all.iter().all(|party| world.pooled(*party, &id)), "it is in every pool");
    world.mine(all[3]);
    world.elapse(1_000);
    world.assert_agree(&all);
    for party in all {
        assert_eq!(world.mined(party, &id), 1);
        assert!(!world.pooled(party, &id), "what is mined waits no more");
    }
    world.assert_no_faults();
}

#[test]
fn messages_of_undone_blocks_return_to_the_pool_and_are_mined_again() {
    let mut world = Scenario::new(51);
    let all = line(&mut world, &["alice", "bob"]);
    world.cut(all[0], all[1]);
    let ids: Vec<_> = (0..5).map(|number| world.write(all[0], &format!("message {number}"))).collect();
    world.mine(all[0]);
    assert!(ids.iter().all(|id| world.mined(all[0], id) == 1));
    world.mine_blocks(all[1], 2);
    world.heal(all[0], all[1]);
    world.elapse(A_WHILE);
    world.assert_agree(&all);
    for id in &ids {
        assert_eq!(world.mined(all[0], id), 0, "its block is undone");
        assert!(all.iter().all(|party| world.pooled(*party, id)), "it waits again, everywhere");
    }
    world.mine(all[1]);
    world.elapse(1_000);
    world.assert_agree(&all);
    assert!(ids.iter().all(|id| all.iter().all(|party| world.mined(*party, id) == 1)));
    world.assert_no_faults();
}

#[test]
fn a_message_that_both_branches_mined_is_not_mined_again() {
    let mut world = Scenario::new(52);
    let all = line(&mut world, &["alice", "bob"]);
    let id = world.write(all[0], "on both sides");
    world.elapse(1_000);
    world.cut(all[0], all[1]);
    world.mine(all[0]);
    world.mine_blocks(all[1], 2);
    world.heal(all[0], all[1]);
    world.elapse(A_WHILE);
    world.assert_agree(&all);
    for party in &all {
        assert_eq!(world.mined(*party, &id), 1);
        assert!(!world.pooled(*party, &id));
    }
    world.mine(all[0]);
    world.elapse(1_000);
    assert_eq!(world.mined(all[1], &id), 1);
}

#[test]
fn a_message_in_the_chain_is_not_taken_again() {
    let mut world = Scenario::new(53);
    let all = line(&mut world, &["alice", "bob"]);
    let message = block_builder::message(&world.network, "alice", "once", world.time());
    let id = world.submit(all[0], message.clone()).unwrap();
    assert_eq!(world.submit(all[0], message.clone()), Err(SubmitError::Known { id }));
    world.elapse(1_000);
    world.mine(all[1]);
    world.elapse(1_000);
    // The node may have to query its store first. With either answer, the message is not mined
    // twice.
    let _ = world.submit(all[0], message.clone());
    world.elapse(1_000);
    world.mine(all[0]);
    world.elapse(1_000);
    assert_eq!(world.mined(all[0], &id), 1);
    // After a restart the mempool and the caches are empty, but the store still knows the message.
    world.crash(all[0]);
    world.restart(all[0]);
    let _ = world.submit(all[0], message);
    world.elapse(1_000);
    world.mine(all[0]);
    assert_eq!(world.mined(all[0], &id), 1);
}

#[test]
fn a_mined_message_that_a_peer_brings_again_is_not_mined_again() {
    let mut world = Scenario::new(54);
    let alice = world.full("alice");
    let message = block_builder::message(&world.network, "anna", "replay", world.time());
    let id = world.submit(alice, message.clone()).unwrap();
    world.mine(alice);
    world.crash(alice);
    world.restart(alice);
    let (mallory, peer) = mallory(&mut world, alice, Vec::new());
    let stamped = block_builder::message(&world.network, "anna", "replay", message.time());
    world.guest(mallory).answer = Some(Box::new(move |packet| {
        matches!(packet, Packet::GetMessages(_))
            .then(|| vec![Packet::Messages(BoundedVec::new(vec![stamped.clone()])).encode()])
    }));
    world.say(mallory, &Packet::Have(BoundedVec::new(vec![MessageOffer { id, level: 20 }])));
    world.elapse(1_000);
    world.mine(alice);
    assert_eq!(world.mined(alice, &id), 1);
    world.assert_open(alice, peer);
}

#[test]
fn an_old_message_is_refused_and_one_that_waited_too_long_is_dropped() {
    let mut world = Scenario::new(55);
    let alice = world.full("alice");
    let old = world.time().minus_ms(MESSAGE_AGE_MS + 1_000);
    let message = block_builder::message(&world.network, "anna", "old", old);
    assert!(matches!(world.submit(alice, message), Err(SubmitError::Time { .. })));
    let message = block_builder::message(&world.network, "anna", "new", world.time().plus_ms(90_000));
    assert!(matches!(world.submit(alice, message), Err(SubmitError::Time { .. })));
    let id = world.write(alice, "waits");
    world.elapse(MESSAGE_AGE_MS + 60_000);
    world.mine(alice);
    assert_eq!(world.mined(alice, &id), 0, "it is too old for the block");
    world.elapse(1_000);
    world.mine(alice);
    assert!(!world.pooled(alice, &id), "it waits no more");
}

#[test]
fn a_message_that_its_sender_did_not_sign_is_refused() {
    let mut world = Scenario::new(56);
    let alice = world.full("alice");
    let honest = block_builder::message(&world.network, "anna", "signed", world.time());
    let draft =
        plexus_core::primitives::message::Draft::new(key("anna").public(), "all", "not signed", world.time())
            .unwrap();
    let stamped = draft.clone().sign_stamped(&key("anna"), &world.network);
    let forged = Message::from_parts(draft, stamped.stamp(), *honest.signature());
    assert_eq!(world.submit(alice, forged.clone()), Err(SubmitError::Signature));
    let (mallory, peer) = mallory(&mut world, alice, Vec::new());
    let id = forged.id(world.network.id());
    world.guest(mallory).answer = Some(Box::new(move |packet| {
        matches!(packet, Packet::GetMessages(_))
            .then(|| vec![Packet::Messages(BoundedVec::new(vec![forged.clone()])).encode()])
    }));
    world.say(mallory, &Packet::Have(BoundedVec::new(vec![MessageOffer { id, level: 20 }])));
    world.elapse(1_000);
    assert_eq!(world.fault(alice, peer), Misbehavior::InvalidMessage { id });
    assert!(!world.pooled(alice, &id));
}

#[test]
fn a_message_of_another_network_is_refused() {
    let mut world = Scenario::new(57);
    let alice = world.full("alice");
    let other = plexus_core::primitives::params::Network::plexus();
    let message = block_builder::message(&other, "anna", "hello", world.time());
    // Its stamp is for another id too, so it gets one for this network.
    let message = block_builder::restamp(&world.network, &message, Work::from_hashes(1 << 12));
    assert_eq!(world.submit(alice, message), Err(SubmitError::Signature));
}

#[test]
fn one_sender_cannot_fill_the_pool() {
    const MOST: u64 = 3_000;
    let mut world = Scenario::new(58);
    let alice = world.full("alice");
    let mut refused = None;
    for number in 0..MOST {
        let message =
            block_builder::message(&world.network, "anna", &format!("message {number}"), world.time());
        if let Err(error) = world.submit(alice, message) {
            refused = Some((number, error));
            break;
        }
    }
    let (taken, error) = refused.expect("a sender has a cap");
    assert!(matches!(error, SubmitError::SenderFull { max } if max as u64 == taken), "{error} after {taken}");
    world.write(alice, "of another sender");
}

#[test]
fn messages_with_more_stamp_work_are_mined_first() {
    let parameters = plexus_core::primitives::params::Network::dev().parameters().clone();
    let network =
        plexus_core::primitives::params::Network::new(plexus_core::primitives::params::Parameters {
            block_messages_max: 2,
            name: "two".to_owned(),
            ..parameters
        })
        .unwrap();
    let mut world = Scenario::of(network, 59);
    let alice = world.full("alice");
    let secret = key("anna");
    let mut ids: Vec<_> = (0..6u32)
        .map(|number| {
            let text = format!("message {number}");
            let draft =
                plexus_core::primitives::message::Draft::new(secret.public(), "all", text, world.time())
                    .unwrap();
            let id = draft.id(world.network.id());
            let (stamp, work) = plexus_core::primitives::stamp::grind_stamp(&id, 0, 1 << (12 + number));
            let message = draft.sign(&secret, world.network.id(), stamp);
            let price = work.hashes() / message.size() as u128;
            world.submit(alice, message).unwrap();
            (price, id)
        })
        .collect();
    ids.sort_unstable();
    for pair in ids.rchunks(2) {
        world.elapse(1_000);
        world.mine(alice);
        assert!(pair.iter().all(|(_, id)| world.mined(alice, id) == 1), "the dearest come first");
    }
}

#[test]
fn a_node_that_connects_later_learns_what_waits() {
    let mut world = Scenario::new(60);
    let alice = world.full("alice");
    let id = world.write(alice, "early");
    let bob = world.add("bob", Role::Full, &["alice"]);
    world.elapse(A_WHILE);
    assert!(world.pooled(bob, &id), "bob can mine it too");
}

//! Stamps: copies of a message with other stamps, the least stamp, and messages that a full pool
//! drops.

use plexus_core::node::SubmitError;
use plexus_core::node::event::Event;
use plexus_core::primitives::least_stamp::least_stamp_work;
use plexus_core::primitives::message::{Draft, Message, TEXT_BYTES_MAX};
use plexus_core::primitives::pow::Work;
use plexus_core::primitives::stamp::{stamp_level, stamp_work};
use plexus_core::protocol::bounded::BoundedVec;
use plexus_core::protocol::compact_block::GetMessagesAt;
use plexus_core::protocol::limits::MESSAGE_IDS_MAX;
use plexus_core::protocol::misbehavior::Misbehavior;
use plexus_core::protocol::packet::{MessageOffer, Packet, Role};
use plexus_tests::actor::Actor;
use plexus_tests::block_builder::{self, key, restamp};
use plexus_tests::scenario::Scenario;

use super::{A_WHILE, mallory};

/// Returns the work of a message's stamp.
fn work(world: &Scenario, message: &Message) -> Work {
    stamp_work(&message.id(world.network.id()), message.stamp())
}

/// Returns a message of the world's time with the least stamp.
fn message(world: &Scenario, text: &str) -> Message {
    block_builder::message(&world.network, "anna", text, world.time())
}

/// Returns a copy with at least this many times the stamp work.
fn raised(world: &Scenario, message: &Message, times: u128) -> Message {
    restamp(&world.network, message, Work::from_hashes(work(world, message).hashes() * times))
}

/// Returns the copy of a message that waits at a node.
fn waiting(world: &Scenario, party: Actor, message: &Message) -> Message {
    world.node(party).pooled(&message.id(world.network.id())).expect("it waits").as_ref().clone()
}

/// Lets a scripted peer offer a message, and deliver it when it is asked for.
fn offer(world: &mut Scenario, mallory: Actor, message: &Message, level: u8) {
    let (id, delivered) = (message.id(world.network.id()), message.clone());
    world.guest(mallory).answer = Some(Box::new(move |packet| {
        matches!(packet, Packet::GetMessages(_))
            .then(|| vec![Packet::Messages(BoundedVec::new(vec![delivered.clone()])).encode()])
    }));
    world.say(mallory, &Packet::Have(BoundedVec::new(vec![MessageOffer { id, level }])));
    world.elapse(1_000);
}

#[test]
fn a_stripped_stamp_does_not_keep_the_senders_own_out() {
    let mut world = Scenario::new(160);
    let all = ["alice", "bob", "carol"].map(|name| world.full(name));
    world.connect(all[0], all[1]);
    world.connect(all[1], all[2]);
    world.elapse(1_000);
    let stripped = message(&world, "hello");
    let own = raised(&world, &stripped, 2);
    let level = stamp_level(work(&world, &stripped));
    let (mallory, peer) = mallory(&mut world, all[2], Vec::new());
    offer(&mut world, mallory, &stripped, level);
    assert!(all.iter().all(|party| waiting(&world, *party, &own) == stripped), "the copy is everywhere");
    world.submit(all[0], own.clone()).unwrap();
    world.elapse(A_WHILE);
    assert!(all.iter().all(|party| waiting(&world, *party, &own) == own), "the sender's own is everywhere");
    // The copy with less work is not asked for again, nor is one that claims to be better.
    world.guest(mallory).heard.clear();
    world.say(mallory, &offered(&world, &own, level));
    world.elapse(1_000);
    assert!(!world.guest(mallory).heard(|packet| matches!(packet, Packet::GetMessages(_))));
    offer(&mut world, mallory, &stripped, 127);
    assert!(world.guest(mallory).heard(|packet| matches!(packet, Packet::GetMessages(_))));
    assert!(all.iter().all(|party| waiting(&world, *party, &own) == own));
    world.assert_open(all[2], peer);
    let tip = world.mine(all[1]);
    world.elapse(1_000);
    world.assert_agree(&all);
    let block = world.blocks(all[2]).pop().unwrap();
    assert_eq!((block.header.hash(), block.messages.len()), (tip, 1));
    assert_eq!(*block.messages[0], own);
    world.assert_no_faults();
}

fn offered(world: &Scenario, message: &Message, level: u8) -> Packet {
    Packet::Have(BoundedVec::new(vec![MessageOffer { id: message.id(world.network.id()), level }]))
}

#[test]
fn a_copy_with_a_little_more_work_is_known() {
    let mut world = Scenario::new(161);
    let alice = world.full("alice");
    let first = message(&world, "hello");
    let id = world.submit(alice, first.clone()).unwrap();
    world.elapse(1_000);
    assert_eq!(world.submit(alice, first.clone()), Err(SubmitError::Known { id }));
    let more = raised(&world, &first, 2);
    assert_eq!(world.submit(alice, more.clone()), Ok(id));
    world.elapse(1_000);
    assert_eq!(waiting(&world, alice, &first), more);
    // The store has the same copy.
    world.crash(alice);
    world.restart(alice);
    world.elapse(1_000);
    assert_eq!(waiting(&world, alice, &first), more);
}

#[test]
fn a_block_with_a_replaced_copy_is_reconstructed_without_a_request() {
    let mut world = Scenario::new(162);
    let all = ["alice", "bob"].map(|name| world.full(name));
    world.connect(all[0], all[1]);
    world.elapse(1_000);
    let first = message(&world, "hello");
    world.submit(all[0], first.clone()).unwrap();
    world.set_mining(all[0], true);
    world.elapse(A_WHILE);
    let solution = world.solve(all[0]).expect("a job with the first copy");
    world.submit(all[1], raised(&world, &first, 4)).unwrap();
    world.elapse(1_000);
    assert!(all.iter().all(|party| waiting(&world, *party, &first) != first), "it is replaced everywhere");
    world.traffic.clear();
    world.tell(all[0], plexus_core::Input::Solved(solution));
    world.elapse(1_000);
    world.assert_agree(&all);
    assert_eq!(*world.blocks(all[1]).pop().unwrap().messages[0], first);
    for packet in ["get-parts", "get-bodies"] {
        assert_eq!(world.traffic.count(packet), 0, "{packet}");
    }
    assert!(all.iter().all(|party| !world.pooled(*party, &first.id(world.network.id()))));
}

#[test]
fn a_message_below_the_least_stamp_is_an_offence() {
    let mut world = Scenario::new(163);
    let alice = world.full("alice");
    let honest = message(&world, "cheap");
    let id = honest.id(world.network.id());
    let least = least_stamp_work(&world.network, honest.size());
    let below = |stamp: &u64| stamp_work(&id, *stamp) < least;
    let draft = Draft::new(*honest.sender(), honest.recipient(), honest.text(), honest.time()).unwrap();
    let stamp = (0..).find(below).unwrap();
    let cheap = Message::from_parts(draft, stamp, *honest.signature());
    let found = work(&world, &cheap);
    assert_eq!(world.submit(alice, cheap.clone()), Err(SubmitError::StampTooLow { least, found }));
    let (mallory, peer) = mallory(&mut world, alice, Vec::new());
    offer(&mut world, mallory, &cheap, 20);
    assert_eq!(world.fault(alice, peer), Misbehavior::StampTooLow { id, least, found });
    assert!(!world.pooled(alice, &id));
    assert_eq!(world.submit(alice, honest), Ok(id));
}

#[test]
fn a_message_of_an_undone_block_returns_without_a_stamp_and_is_not_told() {
    let mut world = Scenario::new(164);
    let all = ["alice", "bob"].map(|name| world.full(name));
    world.connect(all[0], all[1]);
    world.elapse(1_000);
    let secret = key("anna");
    let draft = Draft::new(secret.public(), "", "unstamped", world.time()).unwrap();
    let id = draft.id(world.network.id());
    let least = least_stamp_work(&world.network, draft.size());
    let stamp = (0..).find(|stamp| stamp_work(&id, *stamp) < least).unwrap();
    let unstamped = draft.sign(&secret, world.network.id(), stamp);
    world.cut(all[0], all[1]);
    world.resubmit(all[0], unstamped).unwrap();
    world.elapse(1_000);
    world.mine(all[0]);
    assert_eq!(world.mined(all[0], &id), 1, "no rule of a block asks for a stamp");
    world.mine_blocks(all[1], 2);
    world.heal(all[0], all[1]);
    world.elapse(A_WHILE);
    world.assert_agree(&all);
    assert_eq!(world.mined(all[0], &id), 0);
    assert!(world.pooled(all[0], &id), "it waits again where its block was");
    let (mallory, peer) = mallory(&mut world, all[0], Vec::new());
    world.say(mallory, &Packet::GetMessages(BoundedVec::new(vec![id])));
    world.elapse(A_WHILE);
    let told = |packet: &Packet| matches!(packet, Packet::Have(_) | Packet::Messages(_));
    assert!(!world.guest(mallory).heard(told), "a peer would have to refuse it");
    world.assert_open(all[0], peer);
    world.mine(all[0]);
    world.elapse(1_000);
    assert!(all.iter().all(|party| world.mined(*party, &id) == 1));
    world.assert_no_faults();
}

#[test]
fn a_full_pool_drops_the_cheapest_from_the_store_too_and_says_so() {
    let mut world = Scenario::new(165);
    // The pool of a light node is small.
    let alice = world.add("alice", Role::Light, &[]);
    let long = |world: &Scenario, number: usize| {
        let text = format!("{number:04}{}", "x".repeat(TEXT_BYTES_MAX - 4));
        block_builder::message(&world.network, &format!("sender {}", number % 8), &text, world.time())
    };
    let mut taken = Vec::new();
    let least = loop {
        match world.submit(alice, long(&world, taken.len())) {
            Ok(id) => taken.push(id),
            Err(SubmitError::PoolFull { least }) => break least,
            Err(error) => panic!("{error}"),
        }
        assert!(taken.len() < 2_000, "a pool has a cap");
    };
    let dropped = |world: &Scenario| -> Vec<_> {
        let events = world.events(alice);
        events.filter_map(|event| if let Event::Dropped { id } = event { Some(*id) } else { None }).collect()
    };
    let before = dropped(&world).len();
    let refused = long(&world, taken.len());
    let id = world.submit(alice, restamp(&world.network, &refused, least)).unwrap();
    let gone = dropped(&world);
    assert_eq!(gone.len(), before + 1, "the newest took the place of one other");
    assert!(gone.iter().all(|id| world.node(alice).was_dropped(id) && !world.pooled(alice, id)));
    assert!(!world.node(alice).was_dropped(&id));
    let stored = world.host(alice).journal.pooled().count();
    assert_eq!(stored, taken.len() + 1 - gone.len(), "the store has the same messages as the pool");
    assert_eq!(stored, world.node(alice).pool().count());
}

#[test]
fn a_request_for_the_same_again_is_a_fault() {
    let mut world = Scenario::new(166);
    let alice = world.full("alice");
    world.write(alice, "mined");
    let hash = world.mine(alice);
    let (guest, peer) = mallory(&mut world, alice, Vec::new());
    let parts = Packet::GetParts(GetMessagesAt { hash, places: BoundedVec::new(vec![0]) });
    world.say(guest, &parts);
    world.elapse(1_000);
    assert!(world.guest(guest).heard(|packet| matches!(packet, Packet::Parts(_))), "it is told once");
    world.assert_open(alice, peer);
    world.say(guest, &parts);
    world.elapse(1_000);
    assert_eq!(world.fault(alice, peer), Misbehavior::RepeatedRequest { packet: "get-parts" });

    let id = world.write(alice, "waits");
    let (guest, peer) = mallory(&mut world, alice, Vec::new());
    world.elapse(1_000);
    let told = |world: &mut Scenario| {
        let heard = world.guest(guest).heard.iter();
        heard.filter(|(_, packet)| matches!(packet, Packet::Messages(_))).count()
    };
    for _ in 0..2 {
        world.say(guest, &Packet::GetMessages(BoundedVec::new(vec![id])));
        world.elapse(1_000);
        assert_eq!(told(&mut world), 1, "each offer allows one answer");
    }
    world.assert_open(alice, peer);
    for _ in 0..5 {
        world.say(guest, &Packet::GetMessages(BoundedVec::new(vec![id; MESSAGE_IDS_MAX])));
    }
    world.elapse(1_000);
    assert_eq!(world.fault(alice, peer), Misbehavior::RepeatedRequest { packet: "get-messages" });
}

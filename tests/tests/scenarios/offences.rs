//! Peers that stall, lie, flood, or send unsolicited data: each leads to a named fault, and other
//! peers serve.

use plexus_core::primitives::hash::Hash;
use plexus_core::primitives::pow::Work;
use plexus_core::protocol::bounded::{BoundedString, BoundedVec};
use plexus_core::protocol::limits::{BODIES_MAX, MESSAGE_IDS_MAX};
use plexus_core::protocol::misbehavior::Misbehavior;
use plexus_core::protocol::packet::{MessageOffer, Packet, Role};
use plexus_tests::scenario::Scenario;

use super::{A_WHILE, forge, greet, mallory};

#[test]
fn a_peer_that_stalls_on_headers_is_given_up_and_another_serves() {
    let mut world = Scenario::new(90);
    let (forge, hashes) = forge(&world, 50);
    let alice = world.full("alice");
    let mallory = world.stranger("mallory", Role::Full, forge.branch(&hashes[49]));
    world.guest(mallory).serves = false;
    let peer = greet(&mut world, mallory, alice);
    let bob = world.stocked("bob", &forge, &hashes[49]);
    world.latency_ms = 100;
    world.connect(alice, bob);
    world.elapse(120_000);
    assert_eq!(world.tip(alice), hashes[49]);
    assert!(matches!(world.fault(alice, peer), Misbehavior::RequestTimeout { .. }));
    assert_eq!(world.host(alice).faults().len(), 1, "the honest one is not blamed");
}

#[test]
fn a_peer_that_stalls_on_bodies_is_given_up_and_another_serves() {
    let mut world = Scenario::new(91);
    let (forge, hashes) = forge(&world, 300);
    let alice = world.full("alice");
    let mallory = world.stranger("mallory", Role::Full, forge.branch(&hashes[299]));
    world.guest(mallory).answer =
        Some(Box::new(|packet| matches!(packet, Packet::GetBodies(_)).then(Vec::new)));
    let peer = greet(&mut world, mallory, alice);
    world.latency_ms = 100;
    let bob = world.stocked("bob", &forge, &hashes[299]);
    world.connect(alice, bob);
    world.elapse(180_000);
    assert_eq!(world.tip(alice), hashes[299]);
    let faults = world.host(alice).faults();
    assert!(faults.iter().all(|fault| matches!(fault, Misbehavior::RequestTimeout { .. })), "{faults:?}");
    assert_eq!(faults.len(), world.closes(alice, peer).len(), "the honest one is not blamed");
}

#[test]
fn a_peer_alone_that_stalls_is_given_up_too() {
    for (request, stalls_on_headers) in [("get-headers", true), ("get-bodies", false)] {
        let mut world = Scenario::new(92);
        let (forge, hashes) = forge(&world, 20);
        let alice = world.full("alice");
        let mallory = world.stranger("mallory", Role::Full, forge.branch(&hashes[19]));
        world.guest(mallory).answer = Some(Box::new(move |packet| {
            let stalls = if stalls_on_headers {
                matches!(packet, Packet::GetHeaders(_))
            } else {
                matches!(packet, Packet::GetBodies(_))
            };
            stalls.then(Vec::new)
        }));
        let peer = greet(&mut world, mallory, alice);
        world.elapse(300_000);
        let faults = world.host(alice).faults();
        assert!(
            faults.iter().all(|fault| matches!(fault, Misbehavior::RequestTimeout { .. })),
            "{request}: {faults:?}"
        );
        assert!(!faults.is_empty() || !stalls_on_headers, "{request}");
        assert_eq!(faults.len(), world.closes(alice, peer).len());
        assert!(world.guest(mallory).heard.len() < 50, "{request}: it is not asked without end");
        world.mine(alice);
    }
}

#[test]
fn a_branch_that_nobody_shows_the_bodies_of_keeps_nobody_from_mining() {
    let mut world = Scenario::new(105);
    let (forge, hashes) = forge(&world, 40);
    let (alice, bob) = (world.full("alice"), world.full("bob"));
    world.connect(alice, bob);
    let mallory = world.stranger("mallory", Role::Full, forge.branch(&hashes[39]));
    world.guest(mallory).answer =
        Some(Box::new(|packet| matches!(packet, Packet::GetBodies(_)).then(Vec::new)));
    greet(&mut world, mallory, alice);
    world.elapse(1_000);
    world.cut(mallory, alice);
    world.elapse(180_000);
    world.mine(alice);
    world.elapse(A_WHILE);
    world.mine(bob);
    world.elapse(A_WHILE);
    assert_eq!(world.height(alice), 2);
    world.assert_agree(&[alice, bob]);
}

#[test]
fn a_peer_that_holds_back_one_body_cannot_hold_up_the_node() {
    let mut world = Scenario::new(93);
    let (forge, hashes) = forge(&world, 200);
    let alice = world.full("alice");
    let held_back = hashes[100];
    let mallory = world.stranger("mallory", Role::Full, forge.branch(&hashes[199]));
    let bodies: std::collections::BTreeMap<Hash, _> = forge
        .branch(&hashes[199])
        .iter()
        .map(|block| (block.header.hash(), plexus_core::protocol::packet::body_frame(&block.encode())))
        .collect();
    world.guest(mallory).answer = Some(Box::new(move |packet| {
        let Packet::GetBodies(asked) = packet else { return None };
        let asked = asked.clone().into_inner();
        Some(asked.iter().filter(|hash| **hash != held_back).map(|hash| bodies[hash].clone()).collect())
    }));
    greet(&mut world, mallory, alice);
    world.latency_ms = 60;
    let bob = world.stocked("bob", &forge, &hashes[199]);
    world.connect(alice, bob);
    world.elapse(120_000);
    assert_eq!(world.tip(alice), hashes[199]);
}

#[test]
fn a_peer_that_says_to_miss_all_bodies_is_passed_over() {
    let mut world = Scenario::new(94);
    let (forge, hashes) = forge(&world, 100);
    let alice = world.full("alice");
    let mallory = world.stranger("mallory", Role::Full, forge.branch(&hashes[99]));
    world.guest(mallory).answer = Some(Box::new(|packet| {
        let Packet::GetBodies(asked) = packet else { return None };
        Some(asked.clone().into_inner().into_iter().map(|hash| Packet::Missing(hash).encode()).collect())
    }));
    greet(&mut world, mallory, alice);
    world.latency_ms = 60;
    let bob = world.stocked("bob", &forge, &hashes[99]);
    world.connect(alice, bob);
    world.elapse(120_000);
    assert_eq!(world.tip(alice), hashes[99]);
    assert!(world.host(alice).faults().len() <= 1, "bob is not blamed");
    assert!(world.guest(mallory).heard.len() < 1_000, "it is not asked without end");
}

#[test]
fn a_peer_that_does_not_show_the_work_it_claims_is_given_up() {
    let mut world = Scenario::new(95);
    let (forge, hashes) = forge(&world, 10);
    let alice = world.full("alice");
    let mallory = world.stranger("mallory", Role::Full, forge.branch(&hashes[4]));
    world.guest(mallory).tamper = Some(Box::new(|packet| match packet {
        Packet::Hello(mut hello) => {
            (hello.total_work, hello.height) = (Work::from_hashes(u128::MAX), 1_000_000);
            vec![Packet::Hello(hello).encode()]
        }
        packet => vec![packet.encode()],
    }));
    let peer = greet(&mut world, mallory, alice);
    world.latency_ms = 100;
    let bob = world.stocked("bob", &forge, &hashes[9]);
    world.connect(alice, bob);
    world.elapse(120_000);
    let faults = world.host(alice).faults();
    assert!(faults.iter().all(|fault| **fault == Misbehavior::WorkNotShown), "{faults:?}");
    assert_eq!(faults.len(), world.closes(alice, peer).len(), "the honest one is not blamed");
    assert!(world.guest(mallory).heard.len() < 50, "it is not asked without end");
    assert_eq!(world.tip(alice), hashes[9]);
    world.set_mining(alice, true);
    world.elapse(1_000);
    assert!(world.host(alice).job.is_some(), "a lie keeps nobody from mining for long");
}

#[test]
fn answers_that_nobody_asked_for_are_faults() {
    let world = Scenario::new(96);
    let packets = super::handshake::packets(&world);
    drop(world);
    for packet in packets {
        let mut world = Scenario::new(96);
        let alice = world.full("alice");
        let (mallory, peer) = mallory(&mut world, alice, Vec::new());
        world.elapse(1_000);
        world.say(mallory, &packet);
        world.elapse(1_000);
        let (name, closes) = (packet.name(), world.closes(alice, peer));
        match packet {
            Packet::Headers(_)
            | Packet::Body(_)
            | Packet::Messages(_)
            | Packet::Addresses(_)
            | Packet::Links(_)
            | Packet::Proof(_) => {
                assert_eq!(world.fault(alice, peer), Misbehavior::Unsolicited { packet: name });
            }
            Packet::Missing(_) => assert!(closes.len() <= 1),
            Packet::Half(_) => assert_eq!(world.fault(alice, peer), Misbehavior::InvalidLink),
            Packet::Pong(_) => assert_eq!(world.fault(alice, peer), Misbehavior::UnsolicitedPong),
            Packet::Hello(_) | Packet::Answer(_) => {
                assert_eq!(world.fault(alice, peer), Misbehavior::DuplicateHandshake { packet: name });
            }
            Packet::Ping(_)
            | Packet::GetHeaders(_)
            | Packet::Announce(_)
            | Packet::Held(_)
            | Packet::GetBodies(_)
            | Packet::Have(_)
            | Packet::GetMessages(_)
            | Packet::Compact(_)
            | Packet::GetParts(_)
            | Packet::Parts(_)
            | Packet::GetAddresses(())
            | Packet::GetProof(())
            | Packet::GetLinks(_) => assert!(closes.is_empty(), "{name}: {closes:?}"),
            Packet::Farewell(_) => {}
        }
    }
}

#[test]
fn a_peer_that_does_not_answer_pings_is_closed() {
    let mut world = Scenario::new(97);
    let alice = world.full("alice");
    let mallory = world.stranger("mallory", Role::Light, Vec::new());
    world.guest(mallory).pongs = false;
    let peer = greet(&mut world, mallory, alice);
    world.elapse(300_000);
    assert_eq!(world.fault(alice, peer), Misbehavior::PingTimeout);
}

#[test]
fn a_peer_that_answers_pings_may_stay_for_hours() {
    let mut world = Scenario::new(98);
    let alice = world.full("alice");
    let (_, peer) = mallory(&mut world, alice, Vec::new());
    world.elapse(3 * 3_600_000);
    world.assert_open(alice, peer);
}

#[test]
fn a_peer_that_leaves_is_forgotten_and_does_no_harm() {
    let mut world = Scenario::new(99);
    let (forge, hashes) = forge(&world, 100);
    let alice = world.full("alice");
    let (mallory, _) = mallory(&mut world, alice, forge.branch(&hashes[99]));
    world.cut(mallory, alice);
    world.elapse(1_000);
    assert!(world.node(alice).peers(world.now(alice)).is_empty());
    assert!(!world.node(alice).status(world.now(alice)).syncing);
    world.elapse(A_WHILE);
    world.mine(alice);
}

#[test]
fn a_farewell_is_heard_by_whoever_is_closed() {
    let mut world = Scenario::new(100);
    let alice = world.full("alice");
    let (mallory, _) = mallory(&mut world, alice, Vec::new());
    world.say(mallory, &Packet::Pong([0; 16]));
    world.elapse(1_000);
    let text = Misbehavior::UnsolicitedPong.to_string();
    let named =
        |packet: &Packet| matches!(packet, Packet::Farewell(said) if *said == BoundedString::new(&text));
    assert!(world.guest(mallory).heard(named), "the reason is said");
}

#[test]
fn branches_with_less_work_cost_bounded_memory_and_nothing_on_disk() {
    let mut world = Scenario::new(101);
    let (mut forge, hashes) = forge(&world, 400);
    let alice = world.stocked("alice", &forge, &hashes[399]);
    let (mallory, peer) = mallory(&mut world, alice, Vec::new());
    // A broad tree of worthless branches, each header with its proof of work.
    for low in 0..30 {
        for header in forge.extend(&hashes[low * 10], 40).iter().map(|hash| forge.block(hash).header) {
            world.say(mallory, &Packet::Announce(header));
        }
        world.elapse(100);
    }
    world.elapse(A_WHILE);
    assert_eq!(world.tip(alice), hashes[399]);
    assert_eq!(world.host(alice).journal.best().len(), 401);
    assert!(world.closes(alice, peer).len() <= 1);
}

#[test]
fn requests_for_what_is_not_there_are_answered_or_refused_within_bounds() {
    let mut world = Scenario::new(102);
    let (forge, hashes) = forge(&world, 5);
    let alice = world.stocked("alice", &forge, &hashes[4]);
    let (mallory, peer) = mallory(&mut world, alice, Vec::new());
    world.guest(mallory).heard.clear();
    let nowhere: Vec<_> = (0..BODIES_MAX).map(|number| Hash::of(&number.to_be_bytes())).collect();
    world.say(mallory, &Packet::GetBodies(BoundedVec::new(nowhere.clone())));
    world.elapse(1_000);
    let missing =
        world.guest(mallory).heard.iter().filter(|(_, packet)| matches!(packet, Packet::Missing(_)));
    assert_eq!(missing.count(), BODIES_MAX);
    world.say(mallory, &Packet::GetHeaders(BoundedVec::new(nowhere[..50].to_vec())));
    world.elapse(1_000);
    let headers =
        |packet: &Packet| matches!(packet, Packet::Headers(list) if list.clone().into_inner().len() == 5);
    assert!(world.guest(mallory).heard(headers), "an unknown locator is answered from above genesis");
    world.say(mallory, &Packet::GetHeaders(BoundedVec::new(Vec::new())));
    world.say(mallory, &Packet::GetMessages(BoundedVec::new(nowhere)));
    world.elapse(1_000);
    world.assert_open(alice, peer);
}

#[test]
fn a_flood_is_a_fault_or_costs_nothing() {
    let mut world = Scenario::new(103);
    let (forge, hashes) = forge(&world, 20);
    let alice = world.stocked("alice", &forge, &hashes[19]);
    let floods: Vec<Packet> = vec![
        Packet::Ping([1; 16]),
        Packet::GetHeaders(BoundedVec::new(vec![hashes[0]])),
        Packet::GetBodies(BoundedVec::new(vec![hashes[3]; BODIES_MAX])),
        Packet::Have(BoundedVec::new(
            (0..MESSAGE_IDS_MAX)
                .map(|n| MessageOffer { id: Hash::of(&n.to_le_bytes()), level: 20 })
                .collect(),
        )),
        Packet::GetMessages(BoundedVec::new(vec![hashes[3]; MESSAGE_IDS_MAX])),
        Packet::Held(hashes[5]),
        Packet::Announce(forge.block(&hashes[19]).header),
    ];
    for packet in floods {
        let (mallory, peer) = mallory(&mut world, alice, Vec::new());
        for _ in 0..500 {
            world.say(mallory, &packet);
        }
        world.elapse(A_WHILE);
        let closes = world.closes(alice, peer).len();
        assert!(closes <= 1, "{}: closed {closes} times", packet.name());
        world.cut(mallory, alice);
    }
    let bob = world.full("bob");
    world.connect(bob, alice);
    world.elapse(A_WHILE);
    world.assert_agree(&[alice, bob]);
}

#[test]
fn two_bad_peers_nearest_to_each_other_cannot_trap_the_search() {
    let mut world = Scenario::new(104);
    let (mut forge, hashes) = forge(&world, 30);
    let alice = world.full("alice");
    let mut bad = forge.draft(&hashes[9], forge.block(&hashes[9]).header.time.plus_ms(500), Vec::new());
    bad.author = plexus_tests::block_builder::key("nobody").public();
    forge.commit(&mut bad);
    let bad = forge.keep(bad);
    let bad_tip = *forge.extend(&bad, 40).last().unwrap();
    world.latency_ms = 1;
    for name in ["mallory", "morgan"] {
        let stranger = world.stranger(name, Role::Full, forge.branch(&bad_tip));
        greet(&mut world, stranger, alice);
    }
    world.latency_ms = 150;
    let bob = world.stocked("bob", &forge, &hashes[29]);
    world.connect(alice, bob);
    world.elapse(180_000);
    world.assert_agree(&[alice, bob]);
    let faults = world.host(alice).faults();
    assert!(
        faults.iter().all(|fault| matches!(
            fault,
            Misbehavior::InvalidBlock { .. } | Misbehavior::InvalidHeader { .. }
        )),
        "{faults:?}"
    );
}

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::primitives::key::Signature;
use crate::protocol::link_certificate::LatencyAttestation;

const NOW: Epoch = Epoch::from_u32(1_000);

fn key(number: u32) -> PublicKey {
    let mut bytes = [2; 33];
    bytes[1..5].copy_from_slice(&number.to_be_bytes());
    PublicKey::from_bytes(bytes)
}

fn epoch(number: u32) -> Epoch {
    Epoch::from_u32(number)
}

/// Returns a link's certificate, whose signatures are not checked here.
fn certificate(a: u32, b: u32, rtt_ms: u32, epoch: Epoch) -> LinkCertificate {
    let half = |byte| LatencyAttestation {
        epoch,
        rtt_us: rtt_ms * 1_000,
        signature: Signature::from_bytes([byte; 64]),
    };
    LinkCertificate::join(&key(a), &half(1), &key(b), &half(2)).unwrap()
}

/// Returns the revocation that the lower of two ends signs when the link between them has ended.
fn revocation(a: u32, b: u32, epoch: Epoch) -> LinkCertificate {
    let signatures = [Signature::from_bytes([3; 64]), Signature::NONE];
    LinkCertificate { rtts_us: [0; 2], signatures, ..certificate(a, b, 1, epoch) }
}

/// Returns the graph of node 0.
fn graph(links_max: usize) -> Graph {
    Graph::new(key(0), links_max)
}

fn insert(graph: &mut Graph, a: u32, b: u32, rtt_ms: u32) -> InsertOutcome {
    graph.insert(&certificate(a, b, rtt_ms, NOW), NOW)
}

/// Checks the invariants of every graph, whatever happened to it.
fn check(graph: &Graph) {
    let store = &graph.store;
    assert!(store.links.len() <= graph.eviction.links_max, "{} links", store.links.len());
    let mut digest = LinkDigest::default();
    let mut links = vec![BTreeSet::new(); store.keys.nodes.len()];
    let mut pairs = BTreeSet::new();
    for (place, link) in store.links.iter().enumerate() {
        let ends = store.ends(link);
        assert!(ends[0] < ends[1]);
        assert!(pairs.insert(ends), "a link is held once");
        let mark = mark(&ends, link.epoch, link.is_revoked());
        assert_eq!((link.bucket, link.mark), (bucket(&ends), mark));
        digest.toggle(link.bucket, link.mark);
        for end in link.ends {
            assert!(links[end as usize].insert(place));
        }
    }
    assert_eq!(graph.reconciliation.digest, digest);
    for (side, places) in store.by_ends.iter().enumerate() {
        assert!(places.is_sorted_by_key(|place| store.links[*place as usize].seen_from(side)));
        assert_eq!(places.len(), store.links.len());
    }
    assert_eq!(store.signatures.len(), store.links.len());
    let revoked = store.links.iter().filter(|link| link.is_revoked());
    let revoked: BTreeSet<_> = revoked.map(|link| (link.rank(), link.ends)).collect();
    assert!(store.revoked.iter().eq(&revoked));
    assert!(store.keys.by_key.is_sorted_by_key(|(_, node)| store.keys.nodes[*node as usize].key));
    assert_eq!(store.keys.by_key.len() + store.keys.free.len(), store.keys.nodes.len());
    for &(_, node) in &store.keys.by_key {
        let held: Vec<_> = store.at(node).map(|(link, other)| (link.ends, other)).collect();
        let expected = |place: &usize| {
            let ends = store.links[*place].ends;
            (ends, if ends[0] == node { ends[1] } else { ends[0] })
        };
        let links: BTreeSet<_> = links[node as usize].iter().map(expected).collect();
        assert_eq!(held.iter().copied().collect::<BTreeSet<_>>(), links);
        assert_eq!(held.len(), links.len());
        assert_eq!(held.len(), store.keys.nodes[node as usize].links as usize);
        assert!(!held.is_empty() || node == OWN, "a node without links is forgotten");
        let live = store.at(node).filter(|(link, _)| link.is_live()).count();
        assert!(live.max(held.len() - live) <= KEY_LINKS_MAX + 1 || node == OWN);
    }
}

#[test]
fn a_link_is_new_then_known_then_updated() {
    let mut graph = graph(10);
    assert_eq!(insert(&mut graph, 1, 2, 20), InsertOutcome::New);
    assert_eq!(insert(&mut graph, 2, 1, 20), InsertOutcome::Known);
    let next = certificate(1, 2, 30, epoch(1_001));
    assert!(graph.wants(&next, NOW));
    assert_eq!(graph.insert(&next, NOW), InsertOutcome::Updated);
    assert_eq!(insert(&mut graph, 1, 2, 20), InsertOutcome::Known);
    assert!(!graph.wants(&next, NOW));
    assert_eq!(graph.certificate(&key(2), &key(1)), Some(next));
    assert!(
        graph.contains(&key(1), &key(2), epoch(1_001)) && !graph.contains(&key(1), &key(2), epoch(1_002))
    );
    assert_eq!(graph.links().collect::<Vec<_>>(), [(key(1), key(2), 30_000)]);
    assert_eq!((graph.len(), graph.nodes()), (1, 3));
    check(&graph);
}

#[test]
fn a_link_that_is_revoked_is_none_until_it_is_certified_later() {
    let mut graph = graph(10);
    insert(&mut graph, 0, 1, 20);
    insert(&mut graph, 1, 2, 20);
    insert(&mut graph, 2, 3, 20);
    let gone = revocation(1, 2, NOW);
    assert!(graph.wants(&gone, NOW));
    assert_eq!(graph.insert(&gone, NOW), InsertOutcome::Updated);
    assert!(graph.is_revoked(&key(2), &key(1), NOW) && !graph.contains(&key(1), &key(2), epoch(0)));
    check(&graph);
    assert_eq!((graph.len(), graph.nodes(), graph.links_of(&key(1)).count()), (2, 4, 1));
    let topology = graph.topology();
    assert_eq!((topology.links().count(), topology.tree(&key(0)).unwrap().arrivals().count()), (2, 2));
    // The revocation also holds against a certificate that comes late, and for a link that was
    // never held.
    assert_eq!(insert(&mut graph, 1, 2, 20), InsertOutcome::Known);
    assert_eq!(graph.insert(&revocation(5, 6, NOW), NOW), InsertOutcome::New);
    assert_eq!(insert(&mut graph, 5, 6, 20), InsertOutcome::Known);
    assert_eq!((graph.len(), graph.nodes(), graph.topology().nodes().len()), (2, 4, 4));
    assert_eq!(graph.news_for(&LinkDigest::default(), 0, 10).len(), 4);
    assert_eq!(graph.insert(&certificate(1, 2, 30, epoch(1_001)), NOW), InsertOutcome::Updated);
    assert!(graph.contains(&key(1), &key(2), epoch(1_001)) && graph.len() == 3);
    assert_eq!(graph.insert(&gone, NOW), InsertOutcome::Known);
    check(&graph);
    graph.expire(epoch(1_005));
    assert!(graph.is_empty() && graph.store.links.is_empty());
    check(&graph);
}

#[test]
fn what_is_revoked_gives_way_to_links_and_takes_no_links_room() {
    let mut graph = graph(50);
    for node in 0..48 {
        insert(&mut graph, node, node + 1, 20);
    }
    for node in [60, 70] {
        assert_eq!(graph.insert(&revocation(node, node + 1, epoch(999)), NOW), InsertOutcome::New);
    }
    assert_eq!(graph.insert(&revocation(80, 81, epoch(998)), NOW), InsertOutcome::Refused);
    assert_eq!(graph.insert(&revocation(80, 81, NOW), NOW), InsertOutcome::New);
    // The link is neither near nor connected to us, but there is room.
    assert_eq!(insert(&mut graph, 90, 91, 20), InsertOutcome::New);
    assert_eq!(insert(&mut graph, 92, 93, 20), InsertOutcome::New);
    assert_eq!((graph.len(), graph.store.links.len()), (50, 50));
    assert_eq!(graph.insert(&revocation(80, 81, NOW), NOW), InsertOutcome::Refused);
    check(&graph);
}

#[test]
fn a_keys_links_make_nobody_forget_which_of_them_ended() {
    let mut graph = graph(1_000);
    let links = u32::try_from(KEY_LINKS_MAX).unwrap();
    (0..links).for_each(|other| assert_eq!(insert(&mut graph, 1, 100 + other, 20), InsertOutcome::New));
    for other in 0..links {
        assert_eq!(graph.insert(&revocation(1, 200 + other, epoch(998)), NOW), InsertOutcome::New);
    }
    for other in 0..links {
        assert_eq!(graph.insert(&certificate(1, 300 + other, 20, epoch(1_001)), NOW), InsertOutcome::New);
        assert_eq!(graph.insert(&certificate(1, 200 + other, 20, epoch(998)), NOW), InsertOutcome::Known);
    }
    assert_eq!((graph.len(), graph.store.links.len()), (KEY_LINKS_MAX, 2 * KEY_LINKS_MAX));
    check(&graph);
    // Revoked links have a bound of their own, beyond which the oldest is evicted.
    assert_eq!(graph.insert(&revocation(1, 400, epoch(997)), NOW), InsertOutcome::Refused);
    assert_eq!(graph.insert(&revocation(1, 400, NOW), NOW), InsertOutcome::New);
    assert_eq!((graph.len(), graph.store.links.len()), (KEY_LINKS_MAX, 2 * KEY_LINKS_MAX));
    check(&graph);
}

#[test]
fn certificates_too_old_too_early_or_at_odds_are_refused() {
    let mut graph = graph(10);
    for (number, wanted) in [(996, false), (997, true), (1_001, true), (1_002, false)] {
        let certificate = certificate(1, number, 20, epoch(number));
        assert_eq!(graph.wants(&certificate, NOW), wanted, "epoch {number}");
        let expected = if wanted { InsertOutcome::New } else { InsertOutcome::Refused };
        assert_eq!(graph.insert(&certificate, NOW), expected, "epoch {number}");
    }
    let half = |rtt_us| LatencyAttestation { epoch: NOW, rtt_us, signature: Signature::NONE };
    let odd = LinkCertificate::join(&key(1), &half(10_000), &key(2), &half(40_000)).unwrap();
    assert_eq!(graph.insert(&odd, NOW), InsertOutcome::Refused);
    check(&graph);
}

#[test]
fn old_links_expire_and_their_nodes_with_them() {
    let mut graph = graph(10);
    for number in 1..8 {
        graph.insert(&certificate(number, number + 1, 20, epoch(994 + number)), NOW);
    }
    graph.expire(epoch(1_000 + LINK_AGE_EPOCHS));
    check(&graph);
    assert_eq!((graph.len(), graph.nodes()), (2, 4));
    graph.expire(epoch(5_000));
    check(&graph);
    assert_eq!((graph.len(), graph.nodes(), graph.digest()), (0, 1, &LinkDigest::default()));
    assert_eq!(graph.topology().nodes(), [key(0)]);
}

#[test]
fn a_keys_oldest_link_gives_way_and_ours_never_does() {
    let mut graph = graph(1_000);
    let links = u32::try_from(KEY_LINKS_MAX).unwrap();
    graph.insert(&certificate(1, 0, 20, epoch(997)), NOW);
    for other in 0..links {
        assert_eq!(
            graph.insert(&certificate(1, 100 + other, 20, epoch(998 + other % 2)), NOW),
            InsertOutcome::New
        );
    }
    // A link older than all is refused. For a newer one, one of the oldest is evicted.
    assert_eq!(graph.insert(&certificate(1, 200, 20, epoch(997)), NOW), InsertOutcome::Refused);
    assert_eq!(graph.insert(&certificate(1, 200, 20, NOW), NOW), InsertOutcome::New);
    assert_eq!(graph.len(), links as usize + 1);
    assert!(graph.contains(&key(0), &key(1), epoch(997)));
    assert_eq!(graph.store.links.iter().filter(|link| link.epoch == epoch(998)).count(), 15);
    check(&graph);
    // A link to us has its own room, and we may have any number.
    let mut graph = super::Graph::new(key(1), 1_000);
    (100..200).for_each(|other| assert_eq!(insert(&mut graph, 1, other, 20), InsertOutcome::New));
    (300..332).for_each(|other| assert_eq!(insert(&mut graph, 250, other, 20), InsertOutcome::New));
    assert_eq!(insert(&mut graph, 250, 1, 20), InsertOutcome::New);
    check(&graph);
}

#[test]
fn keys_with_full_links_end_up_the_same_in_any_order() {
    let links: Vec<_> = (0..100).map(|other| certificate(1, 100 + other, 20, NOW)).collect();
    let (mut forth, mut back) = (graph(1_000), graph(1_000));
    links.iter().for_each(|link| {
        forth.insert(link, NOW);
    });
    links.iter().rev().for_each(|link| {
        back.insert(link, NOW);
    });
    assert_eq!((forth.len(), forth.digest()), (KEY_LINKS_MAX, back.digest()));
}

#[test]
fn a_clique_that_is_not_attached_displaces_nothing_near() {
    let mut graph = graph(500);
    // A ring of honest nodes, us among them.
    let honest: Vec<_> = (0..200).map(|node| certificate(node, (node + 1) % 200, 20, NOW)).collect();
    honest.iter().for_each(|link| assert_eq!(graph.insert(link, NOW), InsertOutcome::New));
    let mut refused = 0;
    for node in 0..4_000_u32 {
        let (a, b) = (10_000 + node / 30 * 31 + node % 30, 10_000 + node / 30 * 31 + 30);
        refused += u32::from(insert(&mut graph, a, b, 1) == InsertOutcome::Refused);
    }
    assert_eq!((graph.len(), refused), (500, 3_700));
    check(&graph);
    assert!(honest.iter().all(|link| graph.contains(&link.ends[0], &link.ends[1], NOW)));
    // Links that are attached to us find room, and the clique is evicted.
    for node in 200..400 {
        assert_eq!(insert(&mut graph, node - 190, node, 20), InsertOutcome::New);
    }
    check(&graph);
    assert!(honest.iter().all(|link| graph.contains(&link.ends[0], &link.ends[1], NOW)));
    assert_eq!(graph.links().filter(|(a, ..)| *a >= key(10_000)).count(), 500 - 200 - 200);
}

#[test]
fn when_full_the_farthest_gives_way() {
    let mut graph = graph(50);
    for node in 0..50 {
        assert_eq!(insert(&mut graph, node, node + 1, 20), InsertOutcome::New);
    }
    assert_eq!(insert(&mut graph, 50, 60, 20), InsertOutcome::Refused);
    assert_eq!(insert(&mut graph, 20, 70, 20), InsertOutcome::New);
    assert!(!graph.contains(&key(49), &key(50), NOW));
    assert_eq!(insert(&mut graph, 49, 50, 20), InsertOutcome::Refused);
    // Our own links always find room, unless all links are ours.
    for node in 100..150 {
        assert_eq!(
            insert(&mut graph, 0, node, 60),
            if node < 149 { InsertOutcome::New } else { InsertOutcome::Refused }
        );
    }
    check(&graph);
}

/// Sends the differences from one to the other.
fn exchange(from: &Graph, to: &mut Graph, start: u32) {
    let news = from.news_for(to.digest(), start, 64);
    assert!(news.len() <= 64);
    for certificate in news {
        to.insert(&certificate, NOW);
    }
}

#[test]
fn two_graphs_exchange_news_until_they_hold_the_same() {
    let (mut alice, mut bob) = (graph(5_000), graph(5_000));
    for node in 0..2_000 {
        let epochs = [epoch(999 + node % 2), epoch(999 + node / 2 % 2)];
        if node % 7 != 0 {
            alice.insert(&certificate(node, node / 3 + 3_000, 20, epochs[0]), NOW);
        }
        if node % 5 != 0 {
            bob.insert(&certificate(node, node / 3 + 3_000, 20, epochs[1]), NOW);
        }
        if node % 11 == 0 {
            let ended = if node % 2 == 0 { &mut alice } else { &mut bob };
            ended.insert(&revocation(node, node / 3 + 3_000, NOW), NOW);
        }
    }
    let mut rounds = 0_u32;
    while alice.digest() != bob.digest() {
        let start = rounds.wrapping_mul(0x9e37_79b9);
        exchange(&alice, &mut bob, start);
        exchange(&bob, &mut alice, start);
        rounds += 1;
        assert!(rounds < 200, "{} and {} links", alice.len(), bob.len());
    }
    assert!(alice.news_for(bob.digest(), 0, 64).is_empty());
    let sorted = |graph: &Graph| {
        let places = 0..graph.store.links.len();
        let mut links: Vec<_> = places.map(|place| graph.store.certificate_at(place).encode()).collect();
        links.sort_unstable();
        links
    };
    assert_eq!(sorted(&alice), sorted(&bob));
    assert_eq!(alice.len(), (0..2_000).filter(|node| node % 35 != 0 && node % 11 != 0).count());
}

#[test]
fn what_was_learned_last_is_told_first() {
    let (mut graph, mut old) = (graph(5_000), graph(5_000));
    for node in 1..2_000 {
        insert(&mut graph, node, node + 1, 20);
        // One in three has long been lacking.
        if node % 3 != 0 {
            insert(&mut old, node, node + 1, 20);
        }
    }
    let fresh: Vec<_> = (1..32).map(|node| certificate(node * 50, node * 50 + 1, 30, epoch(1_001))).collect();
    fresh.iter().for_each(|link| assert_eq!(graph.insert(link, NOW), InsertOutcome::Updated));
    for start in [0, 1 << 31] {
        let news = graph.news_for(old.digest(), start, 64);
        assert_eq!(news.len(), 64);
        assert!(fresh.iter().all(|link| news.contains(link)), "from {start}");
    }
}

#[test]
fn a_crowded_bucket_hides_no_link_for_good() {
    let mut graph = graph(5_000);
    let in_first = |b: &u32| crate::protocol::link_digest::bucket(&[key(1), key(*b)]) < 16;
    let crowd = (2..).filter(in_first).take(300);
    crowd.enumerate().for_each(|(place, b)| {
        let link = certificate(1, b, 20, epoch(997 + u32::try_from(place).unwrap() / 100));
        graph.insert(&link, NOW);
    });
    let hubs = (10_000..10_200_u32).flat_map(|a| (0..6).map(move |b| (a, 20_000 + a * 10 + b)));
    hubs.for_each(|(a, b)| {
        insert(&mut graph, a, b, 20);
    });
    let mut sent = BTreeSet::new();
    for round in 0..2_000_u32 {
        // Half of them are always the newest.
        let news = graph.news_for(&LinkDigest::default(), round.wrapping_mul(0x9e37_79b9), 32);
        sent.extend(news.into_iter().map(|certificate| certificate.ends));
    }
    assert_eq!(sent.len(), graph.len());
}

#[test]
fn a_held_link_takes_about_200_bytes_and_a_full_graph_is_bounded() {
    let (mut network, mut pairs) = (graph(LINKS_MAX), graph(LINKS_MAX));
    (1..5_000_u32).for_each(|node| {
        (1..5).for_each(|step| {
            insert(&mut network, node, (node + step * step) % 5_000, 20);
        });
    });
    (0..20_000).for_each(|node| {
        insert(&mut pairs, 100_000 + node * 2, 100_001 + node * 2, 20);
    });
    assert_eq!((network.len(), pairs.len()), (LINKS_MAX, LINKS_MAX));
    assert!(network.size_bytes() / network.len() <= 205, "{} bytes", network.size_bytes());
    assert!(pairs.size_bytes() <= 5_000_000, "{} bytes", pairs.size_bytes());
}

proptest! {
    #[test]
    fn any_sequence_of_certificates_leaves_a_sound_graph(
        steps in proptest::collection::vec((0_u32..12, 0_u32..12, 0_u32..100, 980_u32..1_010, 0_u32..20), 1..200),
        links_max in 3_usize..30,
    ) {
        let mut graph = graph(links_max);
        let mut now = 995;
        for (a, b, rtt_ms, number, advance) in steps {
            if advance == 0 {
                now += 1;
                graph.expire(epoch(now));
            }
            if a == b {
                continue;
            }
            let is_withdrawal = rtt_ms < 20;
            let certificate = if is_withdrawal {
                revocation(a, b, epoch(number))
            } else {
                certificate(a, b, rtt_ms, epoch(number))
            };
            let before = graph.store.links.len();
            let wanted = graph.clone().wants(&certificate, epoch(now));
            let outcome = graph.insert(&certificate, epoch(now));
            prop_assert_eq!(wanted, matches!(outcome, InsertOutcome::New | InsertOutcome::Updated));
            prop_assert!(graph.store.links.len() >= before);
            if outcome != InsertOutcome::Refused {
                let is_revoked = graph.is_revoked(&key(a), &key(b), epoch(number));
                prop_assert!(graph.contains(&key(a), &key(b), epoch(number)) != is_revoked);
                prop_assert!(is_revoked || !is_withdrawal || outcome == InsertOutcome::Known);
            }
            if wanted {
                prop_assert_eq!(graph.certificate(&key(a), &key(b)), Some(certificate));
            }
            check(&graph);
        }
    }
}

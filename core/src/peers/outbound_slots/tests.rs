use super::*;

fn at(secs: u64) -> MonotonicTime {
    MonotonicTime::from_micros(secs * 1_000_000)
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn address(number: u64) -> Address {
    format!("{}.{}.1.1:1", number / 200 + 1, number % 200 + 1).parse().unwrap()
}

/// Returns filled slots. The n-th link has a round trip of n × 10 ms.
fn filled() -> OutboundSlots {
    let mut slots = OutboundSlots::new(Quota::of(Role::Full));
    for number in 1.. {
        let Some(kind) = slots.vacancy(at(1)) else { break };
        slots.dial(at(1), address(number), kind);
        slots.connected(&address(number), ConnectionId(number));
    }
    let peers: Vec<_> = slots.open().into_iter().map(|(_, peer, _)| peer).collect();
    assert_eq!(peers.len(), SLOTS_MAX);
    for peer in peers {
        assert_eq!(slots.settled(peer, ms(peer.0 * 10)), MeasuredOutcome::Kept);
    }
    slots
}

fn kinds(slots: &OutboundSlots) -> Vec<(u64, OutboundKind)> {
    slots.open().into_iter().map(|(_, peer, kind)| (peer.0, kind)).collect()
}

fn feel(slots: &mut OutboundSlots, number: u64, rtt: Duration) -> MeasuredOutcome {
    slots.dial(at(2), address(number), OutboundKind::Feeler);
    slots.connected(&address(number), ConnectionId(number));
    slots.settled(ConnectionId(number), rtt)
}

#[test]
fn random_links_come_first_and_then_the_nearest() {
    let slots = filled();
    let expected = [(1, OutboundKind::Random), (2, OutboundKind::Random)]
        .into_iter()
        .chain((3..=5).map(|n| (n, OutboundKind::Nearest)))
        .chain((6..=8).map(|n| (n, OutboundKind::Graph)));
    assert_eq!(kinds(&slots), expected.collect::<Vec<_>>());
    assert_eq!(slots.vacancy(at(100)), None);
}

#[test]
fn a_nearer_node_takes_the_place_of_the_farthest_of_the_nearest() {
    let mut slots = filled();
    assert_eq!(feel(&mut slots, 50, ms(49)), MeasuredOutcome::Measured, "not nearer by enough");
    slots.closed(at(2), ConnectionId(50));
    assert_eq!(feel(&mut slots, 51, ms(20)), MeasuredOutcome::Replaces(ConnectionId(5)));
    let nearest = kinds(&slots).into_iter().filter(|(_, kind)| *kind == OutboundKind::Nearest);
    assert_eq!(nearest.map(|(peer, _)| peer).collect::<Vec<_>>(), [51, 3, 4]);
    assert_eq!(slots.open().len(), SLOTS_MAX);
}

#[test]
fn a_link_that_is_lost_leaves_a_vacancy_of_its_kind() {
    let mut slots = filled();
    slots.closed(at(3), ConnectionId(2));
    assert_eq!(slots.vacancy(at(3)), Some(OutboundKind::Random));
    slots.wait(at(3));
    assert_eq!(slots.vacancy(at(4)), None, "nobody was there");
    assert_eq!(slots.vacancy(at(3) + FILL_INTERVAL), Some(OutboundKind::Random));
}

#[test]
fn when_one_of_the_nearest_is_lost_the_next_nearest_takes_its_place() {
    let mut slots = filled();
    slots.closed(at(3), ConnectionId(3));
    let nearest = kinds(&slots).into_iter().filter(|(_, kind)| *kind == OutboundKind::Nearest);
    assert_eq!(nearest.map(|(peer, _)| peer).collect::<Vec<_>>(), [4, 5, 6]);
    assert_eq!(slots.vacancy(at(3)), Some(OutboundKind::Graph));
}

#[test]
fn a_link_that_was_measured_in_a_bad_moment_is_put_in_its_place() {
    let mut slots = filled();
    slots.refresh(|peer| Some(ms(if peer == ConnectionId(8) { 25 } else { peer.0 * 10 })));
    let nearest = kinds(&slots).into_iter().filter(|(_, kind)| *kind == OutboundKind::Nearest);
    assert_eq!(nearest.map(|(peer, _)| peer).collect::<Vec<_>>(), [8, 3, 4]);
    slots.refresh(|_| None);
    assert_eq!(slots.open()[2].1, ConnectionId(8), "what nobody knows better stays");
    assert_eq!(slots.open().len(), SLOTS_MAX);
}

#[test]
fn one_feeler_at_a_time_and_not_for_long() {
    let mut slots = filled();
    assert!(slots.feeler_due(at(2)));
    slots.schedule_feeler(at(2), KNOWN_SOME, true, &mut SeededRng::new([0; 32]));
    slots.dial(at(2), address(60), OutboundKind::Feeler);
    slots.connected(&address(60), ConnectionId(60));
    assert!(!slots.feeler_due(at(2) + FEELER_INTERVAL), "one is out");
    assert_eq!(slots.tick(at(3)), None);
    assert_eq!(slots.tick(at(2) + FEELER_TIMEOUT), Some(ConnectionId(60)));
}

#[test]
fn feelers_slow_down_once_many_nodes_are_known() {
    let mut rng = SeededRng::new([1; 32]);
    for (known, is_new, mean) in [
        (0, true, FEELER_INTERVAL_MIN),
        (KNOWN_SOME - 1, true, FEELER_INTERVAL_MIN),
        (0, false, FEELER_INTERVAL),
        (KNOWN_SOME, true, FEELER_INTERVAL),
        (KNOWN_WELL - 1, false, FEELER_INTERVAL),
        (KNOWN_WELL, true, FEELER_INTERVAL_MAX),
    ] {
        let mut slots = filled();
        let mut wait = || {
            slots.schedule_feeler(at(2), known, is_new, &mut rng);
            assert!(!slots.feeler_due(at(2)) && slots.feeler_due(at(2) + mean * 2));
            slots.feel - at(2)
        };
        let waits: Vec<_> = (0..100).map(|_| wait()).collect();
        assert!(waits.iter().all(|wait| (mean / 2..mean * 3 / 2).contains(wait)), "{waits:?}");
        let (least, most) = (waits.iter().min().unwrap(), waits.iter().max().unwrap());
        assert!(*least < mean * 6 / 10 && *most > mean * 14 / 10, "{least:?} to {most:?}");
    }
}

#[test]
fn a_node_is_nearer_by_a_twentieth_and_half_a_millisecond() {
    assert!(is_nearer(ms(47), ms(50)) && !is_nearer(ms(48), ms(50)));
    assert!(
        is_nearer(ms(1), Duration::from_micros(1_500)) && !is_nearer(ms(1), Duration::from_micros(1_499))
    );
}

#[test]
fn no_feeler_goes_out_while_nobody_was_there_for_a_place() {
    let mut slots = OutboundSlots::new(Quota::of(Role::Full));
    slots.schedule_feeler(at(1), 0, true, &mut SeededRng::new([2; 32]));
    slots.wait(at(1));
    assert!(!slots.feeler_due(at(3)) && slots.deadline(at(3)) <= at(1) + FILL_INTERVAL);
    assert!(slots.feeler_due(at(1) + FILL_INTERVAL));
}

#[test]
fn a_round_comes_after_its_blocks_or_its_time() {
    let mut slots = filled();
    assert!(slots.start_round_if_due(at(1)) && !slots.start_round_if_due(at(2)));
    for _ in 0..ROUND_BLOCKS {
        assert!(!slots.start_round_if_due(at(3)));
        slots.delivered(Some(ConnectionId(7)));
    }
    assert!(slots.start_round_if_due(at(4)) && !slots.start_round_if_due(at(5)));
    let firsts = slots.replaceable().into_iter().map(|(_, peer, firsts, _)| (peer.0, firsts));
    assert_eq!(firsts.collect::<Vec<_>>(), [(6, 0), (7, ROUND_BLOCKS), (8, 0)]);
    assert!(slots.start_round_if_due(at(5) + ROUND_INTERVAL));
}

#[test]
fn a_recommended_link_takes_the_place_of_another_when_it_is_there() {
    let mut slots = filled();
    slots.dial_instead(at(2), address(70), address(7));
    assert_eq!(kinds(&slots).len(), SLOTS_MAX, "it is not there yet");
    slots.connected(&address(70), ConnectionId(70));
    assert_eq!(slots.settled(ConnectionId(70), ms(300)), MeasuredOutcome::Replaces(ConnectionId(7)));
    assert_eq!(kinds(&slots).last(), Some(&(70, OutboundKind::Graph)));
    slots.dial_instead(at(2), address(71), address(8));
    assert!(slots.dial_failed(&address(71)));
    assert_eq!(kinds(&slots).len(), SLOTS_MAX, "what cannot be had replaces nothing");
}

#[test]
fn a_recommended_link_is_one_more_only_where_there_is_room() {
    let filled_but = |gone: u64| {
        let mut slots = filled();
        slots.dial_instead(at(2), address(70), address(7));
        slots.connected(&address(70), ConnectionId(70));
        slots.closed(at(2), ConnectionId(gone));
        slots
    };
    let mut slots = filled_but(7);
    assert_eq!(
        slots.settled(ConnectionId(70), ms(300)),
        MeasuredOutcome::Kept,
        "the place of the one that is gone"
    );
    assert_eq!((slots.links.len(), slots.vacancy(at(3))), (SLOTS_MAX, None));

    let mut slots = filled_but(7);
    slots.dial(at(3), address(80), OutboundKind::Graph);
    assert_eq!(
        slots.settled(ConnectionId(70), ms(300)),
        MeasuredOutcome::Measured,
        "another is dialled for it"
    );

    let refilled = || {
        let mut slots = filled_but(3);
        slots.closed(at(2), ConnectionId(4));
        for number in [80, 81] {
            slots.dial(at(3), address(number), OutboundKind::Graph);
            slots.connected(&address(number), ConnectionId(number));
            assert_eq!(slots.settled(ConnectionId(number), ms(number * 10)), MeasuredOutcome::Kept);
        }
        assert!(kinds(&slots).contains(&(7, OutboundKind::Nearest)), "what it was to take the place of");
        slots
    };
    let mut slots = refilled();
    assert_eq!(slots.settled(ConnectionId(70), ms(300)), MeasuredOutcome::Measured);
    let mut slots = refilled();
    assert_eq!(
        slots.settled(ConnectionId(70), ms(1)),
        MeasuredOutcome::Replaces(ConnectionId(7)),
        "it is nearer all the same"
    );
    assert_eq!(slots.links.len(), SLOTS_MAX);
}

#[test]
fn what_brought_nothing_is_avoided_for_a_while() {
    let mut slots = filled();
    slots.avoid(at(10), address(6), AvoidReason::BroughtNothing);
    assert!(slots.is_avoided(&address(6)));
    for number in 0..2 * AVOIDED_MAX as u64 {
        slots.avoid(at(11), address(100 + number), AvoidReason::BroughtNothing);
        assert!(slots.avoided.len() <= AVOIDED_MAX);
    }
    assert!(!slots.is_avoided(&address(6)), "the eldest is forgotten");
    slots.start_round_if_due(at(12) + AVOID);
    assert!(slots.avoided.is_empty());
}

#[test]
fn who_cannot_be_as_near_as_it_seems_takes_no_place_by_its_nearness() {
    let mut slots = filled();
    slots.avoid(at(2), address(50), AvoidReason::Implausible);
    slots.avoid(at(2), address(51), AvoidReason::BroughtNothing);
    assert_eq!(feel(&mut slots, 50, ms(1)), MeasuredOutcome::Measured);
    assert_eq!(feel(&mut slots, 51, ms(1)), MeasuredOutcome::Replaces(ConnectionId(5)));
}

#[test]
fn a_light_node_keeps_three_links() {
    assert_eq!(Quota::of(Role::Light).total(), 3);
    assert_eq!(Quota::of(Role::Full).total(), SLOTS_MAX);
}

use proptest::prelude::*;

use super::*;

const NOW: Timestamp = Timestamp::from_unix_ms(1_800_000_000_000);
const HOUR_MS: u64 = 3_600_000;

fn key(byte: u8) -> PublicKey {
    PublicKey::from_bytes([byte; 33])
}

fn address(text: &str) -> Address {
    text.parse().unwrap()
}

/// Returns the `host`-th address of the `group`-th netgroup. The netgroups are public.
fn host(group: u32, host: u32) -> Address {
    let ip = core::net::Ipv4Addr::from_bits((0x1000 + group) << 16 | host);
    address(&ip.to_string())
}

fn group(number: u32) -> NetGroup {
    host(number, 0).group()
}

fn rng(seed: u8) -> SeededRng {
    SeededRng::new([seed; 32])
}

fn nobody(_: &Address) -> bool {
    false
}

/// Returns a book, a tried address in it, and another address that claims its slot.
fn rivals() -> (AddressBook, Address, Address) {
    let mut book = AddressBook::new([1; 32]);
    let old = host(0, 0);
    book.good(&old, key(1), NOW);
    let place = book.placement.tried_place(&old);
    let rival = (1..).map(|number| host(number, 0)).find(|one| book.placement.tried_place(one) == place);
    (book, old, rival.unwrap())
}

fn is_tried(book: &AddressBook, address: &Address) -> bool {
    book.known().any(|known| known.address == *address && known.tried)
}

#[test]
fn what_was_heard_is_new_and_what_was_reached_is_tried() {
    let (mut book, one) = (AddressBook::new([0; 32]), host(1, 1));
    assert!(book.add(&one, group(2), NOW));
    assert!(!book.add(&one, group(3), NOW), "an address occurs once");
    assert_eq!((book.len(), book.tried_len()), (1, 0));
    assert_eq!(book.select_new(NOW, &mut rng(0), nobody), Some(one.clone()));
    book.attempt(&one, NOW);
    assert_eq!(book.select(NOW, &mut rng(0), nobody), None);
    book.good(&one, key(1), NOW);
    assert_eq!((book.len(), book.tried_len()), (1, 1));
    assert_eq!(book.select_new(NOW, &mut rng(0), nobody), None);
    assert_eq!(book.select(NOW, &mut rng(0), nobody), Some(one.clone()));
    assert_eq!(book.select(NOW, &mut rng(0), |address| *address == one), None);
    assert_eq!((book.key(&one), book.find_key(&key(1))), (Some(&key(1)), Some(&one)));
    book.forget(&one);
    assert!(book.is_empty() && !book.contains(&one));
}

#[test]
fn hearsay_displaces_only_what_is_terrible() {
    let mut book = AddressBook::new([0; 32]);
    let old = host(1, 0);
    book.add(&old, group(0), NOW);
    let place = book.placement.new_place(&old, group(0));
    let rival = (1..).map(|low| host(1, low)).find(|one| book.placement.new_place(one, group(0)) == place);
    let rival = rival.unwrap();
    assert!(!book.add(&rival, group(0), NOW.plus_ms(AGE_MAX_MS)));
    for _ in 0..NEW_FAILURES_MAX {
        assert!(!book.add(&rival, group(0), NOW));
        book.failed(&old, NOW);
    }
    assert!(!book.add(&old, group(0), NOW.plus_ms(1)), "hearsay does not make it good again");
    assert!(book.add(&rival, group(0), NOW));
    assert!(!book.contains(&old));
    assert!(book.add(&old, group(0), NOW.plus_ms(AGE_MAX_MS + 1)), "what is old gives way");
    assert!(!book.contains(&rival));
}

#[test]
fn a_tried_entry_is_tested_before_it_is_evicted() {
    let (mut book, old, rival) = rivals();
    book.good(&rival, key(2), NOW.plus_ms(1));
    assert_eq!(book.to_test(NOW), None, "it was reached a moment ago");
    let later = NOW.plus_ms(FRESH_MS);
    book.good(&rival, key(2), later);
    assert_eq!(book.to_test(later), Some(old.clone()));
    book.attempt(&old, later);
    assert_eq!(book.to_test(later), None, "the test is under way");
    book.good(&old, key(1), later);
    assert!(is_tried(&book, &old) && !is_tried(&book, &rival) && book.contains(&rival));

    let later = later.plus_ms(FRESH_MS);
    book.good(&rival, key(2), later);
    assert_eq!(book.to_test(later), Some(old.clone()));
    book.failed(&old, later);
    assert!(is_tried(&book, &rival) && !is_tried(&book, &old) && book.contains(&old));
    assert_eq!(book.to_test(later.plus_ms(HOUR_MS)), None);
}

#[test]
fn a_tried_entry_that_failed_long_gives_way_without_a_test() {
    let (mut book, old, rival) = rivals();
    for _ in 0..TRIED_FAILURES_MAX {
        book.failed(&old, NOW);
    }
    book.good(&rival, key(2), NOW);
    assert!(is_tried(&book, &rival) && !is_tried(&book, &old));
}

#[test]
fn at_most_so_many_tests_wait() {
    let mut book = AddressBook::new([1; 32]);
    for number in 0..4_000 {
        book.good(&host(number, 0), key(1), NOW);
    }
    let later = NOW.plus_ms(FRESH_MS);
    for number in 4_000..8_000 {
        book.good(&host(number, 0), key(1), later);
    }
    assert_eq!(book.tests.len(), TESTS_MAX);
    let mut tested = 0;
    while let Some(address) = book.to_test(later) {
        book.failed(&address, later);
        tested += 1;
    }
    assert_eq!((tested, book.tests.len()), (TESTS_MAX, 0));
}

#[test]
fn what_failed_rests_and_is_drawn_again() {
    let (mut book, one) = (AddressBook::new([0; 32]), host(1, 1));
    book.add(&one, group(0), NOW);
    book.failed(&one, NOW);
    assert_eq!(book.select(NOW.plus_ms(RETRY_MIN_MS - 1), &mut rng(0), nobody), None);
    assert_eq!(book.select(NOW.plus_ms(RETRY_MIN_MS), &mut rng(0), nobody), Some(one));
}

#[test]
fn draws_half_from_each_table() {
    let mut book = AddressBook::new([0; 32]);
    for number in 0..300 {
        book.add(&host(number, 1), group(number), NOW);
    }
    book.good(&host(999, 1), key(1), NOW);
    let mut rng = rng(1);
    let tried = (0..1_000).filter(|_| book.select(NOW, &mut rng, nobody) == Some(host(999, 1)));
    assert!((440..560).contains(&tried.count()));
}

#[test]
fn tells_of_few_and_of_none_that_are_terrible() {
    let (mut book, mut rng) = (AddressBook::new([0; 32]), rng(2));
    for number in 0..200 {
        book.add(&host(number, 1), group(number), NOW);
    }
    let bad = book.select(NOW, &mut rng, nobody).unwrap();
    for _ in 0..NEW_FAILURES_MAX {
        book.failed(&bad, NOW);
    }
    for _ in 0..20 {
        let mut sample = book.sample(1_000, NOW, &mut rng, |address| *address == host(7, 1));
        assert_eq!(sample.len(), ADDRESSES_MAX);
        assert!(!sample.contains(&bad) && !sample.contains(&host(7, 1)));
        sample.sort();
        sample.dedup();
        assert_eq!(sample.len(), ADDRESSES_MAX, "each is told once");
    }
    assert_eq!(book.sample(3, NOW, &mut rng, nobody).len(), 3);
    assert_eq!(book.sample(3, NOW.plus_ms(AGE_MAX_MS + 1), &mut rng, nobody), []);
}

#[test]
fn remembers_the_least_round_trip_and_names_the_nearest() {
    let mut book = AddressBook::new([0; 32]);
    for (number, ms) in [(1, 30), (2, 20), (3, 10)] {
        book.add(&host(number, 1), group(number), NOW);
        book.measured(&host(number, 1), Duration::from_millis(ms));
        book.measured(&host(number, 1), Duration::from_millis(40));
    }
    book.measured(&host(4, 1), Duration::from_millis(1));
    let (third, second) = (host(3, 1), host(2, 1));
    let nearest: Vec<_> = book.measured_nearest(2, NOW).collect();
    assert_eq!(nearest, [(&third, Duration::from_millis(10)), (&second, Duration::from_millis(20))]);
    book.failed(&third, NOW);
    assert_eq!(
        book.measured_nearest(1, NOW).next(),
        Some((&second, Duration::from_millis(20))),
        "it is gone"
    );
    let later = NOW.plus_ms(RETRY_MIN_MS);
    assert_eq!(book.measured_nearest(1, later).next(), Some((&third, Duration::from_millis(10))));
    assert_eq!(book.rtt(&host(1, 1)), Some(Duration::from_millis(30)));
    book.set_anchors([&third, &second]);
    assert_eq!(book.anchors_due(NOW).collect::<Vec<_>>(), [&second]);
    assert_eq!(book.anchors_due(later).count(), 2);
}

#[test]
fn a_home_network_fits() {
    let mut book = AddressBook::new([0; 32]);
    let address = |port: u32| address(&format!("127.0.0.1:{port}"));
    for port in 1..=100 {
        book.good(&address(port), key(1), NOW);
    }
    assert!(book.tried_len() > 90, "{}", book.tried_len());
    let drawn = book.select(NOW, &mut rng(0), nobody);
    assert!(drawn.is_some_and(|drawn| drawn.is_local()));
}

#[test]
fn few_neighbours_are_anchors() {
    let mut book = AddressBook::new([0; 32]);
    let all: Vec<_> = (0..6).map(|number| host(number, 1)).collect();
    for address in &all {
        book.good(address, key(1), NOW);
    }
    book.set_anchors(&all);
    assert_eq!(book.anchors().count(), ANCHORS_MAX);
    let mut known: Vec<_> = book.known().collect();
    known.iter_mut().for_each(|known| known.anchor = true);
    assert_eq!(AddressBook::restore([0; 32], known).anchors().count(), ANCHORS_MAX);
    book.set_anchors(&all[..1]);
    assert_eq!(book.anchors().collect::<Vec<_>>(), [&all[0]]);
}

#[test]
fn the_fullest_book_has_few_bytes_and_damaged_ones_are_an_error() {
    let known = |number: usize| Known {
        address: Address::new(true, &format!("{number:0>223}"), u16::MAX).unwrap(),
        source: NetGroup::of_ip([255; 16].into()),
        last_seen: Timestamp::from_unix_ms(u64::MAX),
        tried: true,
        key: Some(key(0xff)),
        rtt_us: Some(u32::MAX),
        failures: u8::MAX,
        anchor: true,
    };
    let bytes = known::encode(&(0..ENTRIES_MAX).map(known).collect::<Vec<_>>());
    assert!(bytes.len() <= BOOK_BYTES_MAX, "{}", bytes.len());

    let mut book = AddressBook::new([0; 32]);
    book.good(&host(1, 1), key(1), NOW);
    book.add(&address("[2001:db8::1]:5"), group(2), NOW);
    book.measured(&host(1, 1), Duration::from_millis(7));
    let bytes = book.encode();
    let again = AddressBook::decode([0; 32], &bytes).unwrap();
    assert!(again.known().eq(book.known()));
    for end in 0..bytes.len() {
        assert!(AddressBook::decode([0; 32], &bytes[..end]).is_err(), "{end} bytes");
    }
    let long = [bytes.as_slice(), &[0]].concat();
    assert_eq!(AddressBook::decode([0; 32], &long).err(), Some(DecodeError::Trailing { count: 1 }));
    assert_eq!(
        AddressBook::decode([0; 32], &vec![BOOK_VERSION; BOOK_BYTES_MAX + 1]).err(),
        Some(DecodeError::Size { field: "book", min: 1, max: BOOK_BYTES_MAX, found: BOOK_BYTES_MAX + 1 })
    );
    assert_eq!(
        AddressBook::decode([0; 32], &[9]).err(),
        Some(DecodeError::Value { field: "version of the book" })
    );
}

/// Returns the attackers' share of many selections that each succeed at once. Their netgroups are
/// the ones below `bad`.
fn share(
    book: &AddressBook,
    bad: u32,
    seed: u8,
    table: impl Fn(&AddressBook, &mut SeededRng) -> Option<Address>,
) -> f64 {
    let (mut rng, draws) = (rng(seed), 400);
    let bad: Vec<_> = (0..bad).map(group).collect();
    let drawn = (0..draws).filter_map(|_| table(book, &mut rng));
    let hits = drawn.filter(|address| bad.contains(&address.group())).count();
    f64::from(u32::try_from(hits).unwrap()) / f64::from(draws)
}

#[test]
fn many_addresses_of_few_networks_are_selected_rarely() {
    // 200 netgroups have 1,000 nodes. 10 of the netgroups have 200 of the nodes and are the
    // attacker's.
    let (mut sum, mut most) = (0.0, 0.0_f64);
    for seed in 0..100 {
        let (mut book, mut rng) = (AddressBook::new([seed; 32]), rng(seed));
        let honest = (0..800).map(|number| host(10 + number % 190, number));
        let attackers = (0..200).map(|number| host(number % 10, number));
        let mut all: Vec<_> = honest.chain(attackers).collect();
        while !all.is_empty() {
            let one = all.swap_remove(rng.index(all.len()));
            // The attacker reports only its own addresses. The honest nodes report all.
            let own = one.group() < group(10);
            let source = if own { rng.below(10) } else { 10 + rng.below(190) };
            book.add(&one, group(u32::try_from(source).unwrap()), NOW);
            if rng.below(2) == 0 {
                book.good(&one, key(1), NOW);
            }
        }
        let found = share(&book, 10, seed, |book, rng| book.select(NOW, rng, nobody));
        (sum, most) = (sum + found, most.max(found));
    }
    let mean = sum / 100.0;
    assert!(mean < 0.10 && most < 0.15, "mean {mean}, most {most}");
}

#[test]
fn a_flood_of_made_up_addresses_weighs_no_more_than_who_tells_it() {
    // Sources in three netgroups report 20,000 addresses in equally many netgroups, before or after
    // the honest ones report 800.
    for (seed, is_first) in [(1, true), (2, true), (3, false), (4, false)] {
        let mut book = AddressBook::new([seed; 32]);
        let flood = |book: &mut AddressBook| {
            for number in 0..20_000 {
                book.add(&host(1_000 + number, 666), group(number % 3), NOW);
            }
        };
        let honest = |book: &mut AddressBook| {
            for number in 0..800 {
                book.add(&host(10 + number % 190, number), group(10 + number * 7 % 190), NOW);
            }
        };
        let told = |book: &AddressBook| book.known().filter(|known| known.source >= group(10)).count();
        if is_first {
            flood(&mut book);
            let buckets = usize::from(3 * SOURCE_BUCKETS);
            assert!(book.len() <= buckets * usize::from(BUCKET), "{}", book.len());
            honest(&mut book);
            assert!(told(&book) > 350, "{}", told(&book));
        } else {
            honest(&mut book);
            let before = told(&book);
            flood(&mut book);
            assert_eq!(told(&book), before, "nobody is displaced");
        }
        let mut rng = rng(seed);
        let drawn = (0..1_000).filter_map(|_| book.select(NOW, &mut rng, nobody));
        let bad = drawn.filter(|address| address.group() >= group(1_000)).count();
        // Three of 193 netgroups: one or two selections in a hundred, however many addresses they
        // report.
        assert!(bad < 40, "{bad} of 1,000");
    }
}

/// A step in the life of a book.
#[derive(Clone, Debug)]
enum BookStep {
    Heard(u32, u32, u32),
    Reached(u32, u32, u8),
    Failed(u32, u32),
    Dialled(u32, u32),
    Measured(u32, u32, u32),
    Forget(u32, u32),
    Drawn(u8),
    Waited(u64),
}

fn step() -> impl Strategy<Value = BookStep> {
    let (groups, hosts) = (0..12_u32, 0..24_u32);
    prop_oneof![
        6 => (groups.clone(), hosts.clone(), 0..4_u32).prop_map(|(a, b, c)| BookStep::Heard(a, b, c)),
        6 => (groups.clone(), hosts.clone(), any::<u8>()).prop_map(|(a, b, c)| BookStep::Reached(a, b, c)),
        4 => (groups.clone(), hosts.clone()).prop_map(|(a, b)| BookStep::Failed(a, b)),
        1 => (groups.clone(), hosts.clone()).prop_map(|(a, b)| BookStep::Dialled(a, b)),
        1 => (groups.clone(), hosts.clone(), any::<u32>()).prop_map(|(a, b, c)| BookStep::Measured(a, b, c)),
        1 => (groups, hosts).prop_map(|(a, b)| BookStep::Forget(a, b)),
        1 => any::<u8>().prop_map(BookStep::Drawn),
        1 => (0..40 * HOUR_MS).prop_map(BookStep::Waited),
    ]
}

#[test]
fn a_rival_that_was_displaced_and_heard_of_anew_is_not_tried() {
    let (mut book, old, rival) = rivals();
    let later = NOW.plus_ms(FRESH_MS);
    book.good(&rival, key(2), later);
    book.forget(&rival);
    book.add(&rival, group(1), later);
    book.failed(&old, later);
    assert!(is_tried(&book, &old) && !is_tried(&book, &rival));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_comes_each_address_has_one_place_and_is_remembered(
        secret: [u8; 32],
        steps in proptest::collection::vec(step(), 1..600),
    ) {
        let (mut book, mut now) = (AddressBook::new(secret), NOW);
        for step in steps {
            match step {
                BookStep::Heard(a, b, source) => {
                    book.add(&host(a, b), group(source), now);
                }
                BookStep::Reached(a, b, byte) => book.good(&host(a, b), key(byte), now),
                BookStep::Failed(a, b) => book.failed(&host(a, b), now),
                BookStep::Dialled(a, b) => book.attempt(&host(a, b), now),
                BookStep::Measured(a, b, us) => book.measured(&host(a, b), Duration::from_micros(us.into())),
                BookStep::Forget(a, b) => book.forget(&host(a, b)),
                BookStep::Drawn(seed) => {
                    let drawn = book.select(now, &mut rng(seed), nobody);
                    prop_assert!(drawn.is_none_or(|drawn| book.contains(&drawn)));
                }
                BookStep::Waited(ms) => now = now.plus_ms(ms),
            }
            prop_assert_eq!(book.index.len(), book.entries.len());
            prop_assert!(book.tests.len() <= TESTS_MAX);
            prop_assert!(book.tests.iter().all(|test| book.entries.contains_key(&test.place)));
            prop_assert!(book.entries.range(TRIED).all(|(_, entry)| entry.key.is_some()));
        }
        for (place, entry) in book.entries.iter() {
            prop_assert_eq!(book.find(&entry.address), Some(*place));
            let home = if TRIED.contains(place) {
                book.placement.tried_place(&entry.address)
            } else {
                book.placement.new_place(&entry.address, entry.source)
            };
            prop_assert_eq!(home, *place);
        }
        let again = AddressBook::decode(secret, &book.encode()).unwrap();
        prop_assert_eq!(again.known().collect::<Vec<_>>(), book.known().collect::<Vec<_>>());
        let elsewhere = AddressBook::restore([7; 32], book.known());
        prop_assert!(elsewhere.len() <= book.len());
        prop_assert!(elsewhere.index.len() == elsewhere.entries.len());
    }
}

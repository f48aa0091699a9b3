use proptest::prelude::*;

use super::*;
use crate::primitives::hash::Hash;
use crate::primitives::time::Timestamp;
use crate::protocol::hello::Versions;

const SECOND: u64 = 1_000_000;
const HOUR: u64 = 3_600 * SECOND;

fn at(micros: u64) -> MonotonicTime {
    MonotonicTime::from_micros(micros)
}

fn host(text: &str) -> Host {
    text.parse::<crate::protocol::address::Address>().unwrap().host().clone()
}

fn subject(number: u32) -> BanTarget {
    BanTarget::Host(Host::V4(core::net::Ipv4Addr::from_bits(number)))
}

fn forged() -> Misbehavior {
    Misbehavior::InvalidMessage { id: Hash::ZERO }
}

fn header(error: RuleError) -> Misbehavior {
    Misbehavior::InvalidHeader { hash: Hash::ZERO, error: Box::new(error) }
}

#[test]
fn a_broken_rule_is_a_ban_that_ends() {
    let (mut bans, mallory) = (BanList::default(), subject(1));
    assert!(!bans.is_banned(&mallory, at(0)));
    assert!(bans.misbehaving(&mallory, &forged(), at(0)));
    assert!(bans.is_banned(&mallory, at(HOUR - 1)) && !bans.is_banned(&subject(2), at(0)));
    assert_eq!((bans.len(at(HOUR - 1)), bans.len(at(HOUR))), (1, 0));
    assert!(!bans.is_banned(&mallory, at(HOUR)));
}

#[test]
fn a_ban_doubles_up_to_a_day_and_is_forgotten_in_a_day() {
    let (mut bans, mallory, mut now) = (BanList::default(), subject(1), at(0));
    for hours in [1, 2, 4, 8, 16, 24, 24] {
        assert!(bans.misbehaving(&mallory, &forged(), now));
        assert!(bans.misbehaving(&mallory, &forged(), now), "once is enough");
        now = now + Duration::from_secs(hours * 3_600 - 1);
        assert!(bans.is_banned(&mallory, now), "{hours} hours");
        now = now + Duration::from_secs(1);
        assert!(!bans.is_banned(&mallory, now), "{hours} hours");
        bans.expire(now + Duration::from_secs(3_600));
    }
    now = now + BAN_MAX;
    bans.expire(now);
    assert!(bans.bans.is_empty());
    bans.misbehaving(&mallory, &forged(), now);
    assert!(!bans.is_banned(&mallory, now + BAN_MIN));
}

#[test]
fn points_halve_and_add_up_to_a_rest_that_never_grows() {
    let (mut bans, slow, mut now) = (BanList::default(), subject(1), at(0));
    for _ in 0..10 {
        for _ in 0..4 {
            assert!(!bans.misbehaving(&slow, &Misbehavior::PingTimeout, now));
        }
        assert!(bans.misbehaving(&slow, &Misbehavior::PingTimeout, now));
        now = now + DISCOURAGE;
        assert!(!bans.is_banned(&slow, now));
    }
    for _ in 0..100 {
        assert!(!bans.misbehaving(&slow, &Misbehavior::PingTimeout, now), "now and then is nothing");
        now = now + HALF_LIFE / 2;
    }
    let score = Score { parts: 800, at: at(0) };
    let left = |seconds| score.parts_at(at(seconds * SECOND));
    assert_eq!([0, 300, 600, 900, 1_200, 6_000, 1 << 40].map(left), [800, 600, 400, 300, 200, 0, 0]);
}

#[test]
fn what_honest_nodes_may_do_is_never_a_lasting_ban() {
    let (expected, found) = (Hash::ZERO, Hash::ZERO);
    let strangers = [
        Misbehavior::Version { expected: Versions::OURS, found: Versions { highest: 1, lowest: 1 } },
        Misbehavior::Network { expected, found },
        Misbehavior::Malformed { packet: "hello" },
        header(RuleError::TimeTooNew { latest: Timestamp::default(), found: Timestamp::default() }),
        header(RuleError::ParentUnknown { found }),
    ];
    let mut bans = BanList::default();
    for fault in strangers {
        assert!((0..1_000).all(|_| !bans.misbehaving(&subject(1), &fault, at(0))), "{fault}");
    }
    let unlucky = [
        Misbehavior::HandshakeTimeout,
        Misbehavior::PingTimeout,
        Misbehavior::RequestTimeout { request: "get-bodies" },
        Misbehavior::Disconnected { height: 7 },
        Misbehavior::WorkNotShown,
        header(RuleError::Ancestor { ancestor: found }),
        header(RuleError::MessageRepeated { index: 0, id: found }),
    ];
    let mut now = at(0);
    for fault in &unlucky {
        assert!(!bans.misbehaving(&subject(1), fault, now), "{fault}: once is nothing");
        now = now + HALF_LIFE * 10;
        for _ in 0..200 {
            bans.misbehaving(&subject(1), fault, now);
            now = now + Duration::from_secs(1);
        }
        assert!(!bans.is_banned(&subject(1), now + DISCOURAGE), "{fault}");
        now = now + HALF_LIFE * 10;
    }
}

#[test]
fn an_invalid_block_header_message_or_answer_is_a_ban() {
    let found = Hash::ZERO;
    let error = || Box::new(RuleError::Content { expected: found, found });
    for fault in [
        forged(),
        header(RuleError::Height { expected: 1, found: 2 }),
        Misbehavior::InvalidBlock { hash: found, error: error() },
        Misbehavior::InvalidLink,
        Misbehavior::KeyNotProven,
    ] {
        assert!(BanList::default().misbehaving(&subject(1), &fault, at(0)), "{fault}");
    }
}

#[test]
fn a_peer_is_named_by_its_host_unless_that_is_local() {
    let key = PublicKey::NOBODY;
    let of = |text: &str| BanTarget::of(Some(&host(text)), Some(&key));
    assert_eq!(of("8.8.8.8"), Some(BanTarget::Host(host("8.8.8.8"))));
    assert_eq!(of("[::ffff:8.8.8.8]"), of("8.8.8.8"));
    assert_eq!(of("[2001:db8::1]"), of("[2001:db8::ffff:0:0:1]"));
    assert_ne!(of("[2001:db8::1]"), of("[2001:db8:0:1::1]"));
    for local in ["127.0.0.1", "[::1]", "192.168.1.1", "localhost"] {
        assert_eq!(of(local), Some(BanTarget::Key(key)), "{local}");
        assert_eq!(BanTarget::of(Some(&host(local)), None), None);
    }
    assert_eq!(BanTarget::of(None, Some(&key)), Some(BanTarget::Key(key)));
}

#[test]
fn the_ban_that_ends_first_gives_way() {
    let mut bans = BanList::default();
    let max = u32::try_from(BANS_MAX).unwrap();
    for number in 0..=max {
        bans.misbehaving(&subject(number), &forged(), at(u64::from(number)));
    }
    let now = at(u64::from(max));
    assert_eq!(bans.len(now), BANS_MAX);
    assert!(!bans.is_banned(&subject(0), now));
    assert!((1..=max).all(|number| bans.is_banned(&subject(number), now)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn whatever_is_done_there_are_few_bans(
        offences in proptest::collection::vec((0..3_000_u32, 0..3_u8, 0..2 * SECOND), 1..4_000),
    ) {
        let (mut bans, mut now) = (BanList::default(), at(0));
        for (number, kind, wait) in offences {
            now = now + Duration::from_micros(wait);
            let fault = [forged(), Misbehavior::PingTimeout, Misbehavior::UnsolicitedPong][usize::from(kind)].clone();
            let is_banned = bans.misbehaving(&subject(number), &fault, now);
            prop_assert_eq!(is_banned, bans.is_banned(&subject(number), now));
            prop_assert!(bans.bans.len() <= BANS_MAX && bans.scores.len() <= SCORES_MAX);
        }
        bans.expire(now + BAN_MAX + BAN_MAX);
        prop_assert!(bans.bans.is_empty() && bans.scores.is_empty());
    }
}

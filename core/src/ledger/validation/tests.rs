use std::sync::Arc;

use super::*;
use crate::ledger::chain::tests::{child, easy};
use crate::mining::search::grind;
use crate::primitives::key::SecretKey;
use crate::primitives::message::Draft;
use crate::primitives::mmr::Mmr;

const HALF_LIFE: u64 = 600_000;

/// A parent at height 3, and a valid child.
struct Family {
    network: Network,
    parent: Header,
    child: Header,
}

impl Family {
    fn new() -> Self {
        let network = easy(HALF_LIFE);
        let genesis = *network.genesis();
        let parent = (0..3).fold(genesis, |parent, salt| child(&network, &parent, 1, salt));
        let child = child(&network, &parent, 500, 7);
        Self { network, parent, child }
    }

    fn check(&self, header: &Header) -> Vec<RuleError> {
        check_header(&self.network, &self.parent, &self.parent.hash(), header, &header.hash())
    }

    /// Returns the child after `change`, mined again for its new target.
    fn with(&self, change: impl FnOnce(&mut Header)) -> Header {
        let mut header = self.child;
        change(&mut header);
        header.nonce = grind(&header, 1 << 24).expect("it is easy");
        header
    }
}

fn flags(failures: &[RuleError]) -> Vec<&'static str> {
    failures.iter().map(RuleError::flag).collect()
}

#[test]
fn a_good_header_breaks_nothing() {
    let family = Family::new();
    assert_eq!(family.check(&family.child), []);
}

#[test]
fn another_parent_is_named() {
    let family = Family::new();
    let (expected, found) = (family.parent.hash(), Hash::of(b"another"));
    let failures = family.check(&family.with(|header| header.prev_hash = found));
    assert_eq!(failures, [RuleError::Parent { expected, found }]);
    assert_eq!(flags(&failures), ["PreviousHashBlockError"]);
}

#[test]
fn another_height_is_named() {
    let family = Family::new();
    for found in [0, 3, 5, u64::MAX] {
        let failures = family.check(&family.with(|header| header.height = found));
        assert_eq!(failures, [RuleError::Height { expected: 4, found }]);
        assert_eq!(flags(&failures), ["BlockNumber"]);
    }
}

#[test]
fn another_version_is_named() {
    let family = Family::new();
    for found in [0, 1, 3, u32::MAX] {
        let failures = family.check(&family.with(|header| header.version = found));
        assert_eq!(failures, [RuleError::Version { found }]);
        assert_eq!(flags(&failures), ["InvalidVersion"]);
    }
}

#[test]
fn time_rises_along_a_branch() {
    let family = Family::new();
    let parent = family.parent.time;
    let at = |time: Timestamp| {
        family.check(&family.with(|header| {
            header.time = time;
            header.bits = family.network.next_bits(&family.parent, time);
        }))
    };
    assert_eq!(at(parent.plus_ms(1)), []);
    for found in [parent, parent.minus_ms(1), parent.minus_ms(100_000)] {
        let failures = at(found);
        assert_eq!(failures, [RuleError::Time { parent, found }], "the bits follow all the same");
        assert_eq!(flags(&failures), ["TimeNotAfterParent"]);
    }
}

#[test]
fn bits_are_those_that_follow() {
    let family = Family::new();
    let expected = family.child.bits;
    for found in [expected.to_u32() - 1, expected.to_u32() + 1, 0x207f_ffff, 0x2000_ffff].map(Bits::from_u32)
    {
        let failures = family.check(&family.with(|header| header.bits = found));
        assert_eq!(failures, [RuleError::Bits { expected, found }]);
        assert_eq!(flags(&failures), ["InvalidBits"]);
    }
    for found in [0, 0x2100_0100, 0xff12_3456].map(Bits::from_u32) {
        let header = Header { bits: found, ..family.child };
        let failures = family.check(&header);
        assert_eq!(failures, [RuleError::Bits { expected, found }], "no target, no proof of work to judge");
    }
}

#[test]
fn a_hash_over_its_target_is_named() {
    let family = Family::new();
    let target = family.child.bits.target().unwrap();
    let mut all = (0..).map(|nonce| Header { nonce, ..family.child });
    let weak = all.find(|header| !target.is_met_by(&header.hash())).unwrap();
    let failures = family.check(&weak);
    assert_eq!(failures, [RuleError::ProofOfWork { target, hash: weak.hash() }]);
    assert_eq!(flags(&failures), ["InvalidBlockHash"]);
    // At the limit: a hash that equals the target is valid, and the next higher one is not.
    let mut edge = target.to_be_bytes();
    let check = |hash: [u8; 32]| {
        check_header(
            &family.network,
            &family.parent,
            &family.parent.hash(),
            &family.child,
            &Hash::from_bytes(hash),
        )
    };
    assert_eq!(check(edge), []);
    let last = edge.iter().rposition(|byte| *byte != 0xff).unwrap();
    edge[last] += 1;
    edge[last + 1..].fill(0);
    assert_eq!(flags(&check(edge)), ["InvalidBlockHash"]);
}

#[test]
fn all_failures_are_named_at_once() {
    let family = Family::new();
    let header = Header {
        prev_hash: Hash::ZERO,
        version: 0,
        height: 9,
        time: Timestamp::from_unix_ms(0),
        bits: Bits::from_u32(0x0201_0000),
        ..family.child
    };
    let names =
        ["PreviousHashBlockError", "BlockNumber", "InvalidVersion", "TimeNotAfterParent", "InvalidBits"];
    assert_eq!(flags(&family.check(&header)), [&names[..], &["InvalidBlockHash"]].concat());
    for failure in family.check(&header) {
        let text = failure.to_string();
        assert!(text.contains("expected") && text.contains("found"), "{text}");
    }
}

#[test]
fn a_headers_own_work_needs_no_parent() {
    let family = Family::new();
    let own = |header: &Header| check_own_work(&family.network, header, &header.hash());
    assert_eq!(own(&family.child), None);
    assert_eq!(own(&family.with(|header| header.bits = family.network.limit().bits())), None);
    let (expected, found) = (family.network.limit().bits(), Bits::from_u32(0x2100_ffff));
    assert_eq!(own(&family.with(|header| header.bits = found)), Some(RuleError::Bits { expected, found }));
    let hard = Header { bits: Bits::from_u32(0x0101_0000), ..family.child };
    assert_eq!(own(&hard).map(|error| error.flag()), Some("InvalidBlockHash"));
}

#[test]
fn a_minute_ahead_of_the_clock_is_the_most() {
    let family = Family::new();
    let found = family.child.time;
    let latest = found.minus_ms(1);
    assert_eq!(check_clock(&family.child, found.minus_ms(60_000)), None);
    let failure = check_clock(&family.child, found.minus_ms(60_001)).unwrap();
    assert_eq!(failure, RuleError::TimeTooNew { latest, found });
    assert_eq!((failure.flag(), failure.may_pass_later()), ("TimeTooFarAhead", true));
    assert_eq!(check_clock(&family.child, Timestamp::from_unix_ms(u64::MAX)), None);
}

fn message(time: Timestamp, text: &str) -> Arc<Message> {
    let secret = SecretKey::from_bytes(&[5; 32]).unwrap();
    let draft = Draft::new(secret.public(), "bob", text, time).unwrap();
    Arc::new(draft.sign(&secret, &Hash::ZERO, 0))
}

/// Returns a block with these messages, sealed over an empty history.
fn block(family: &Family, messages: Vec<Arc<Message>>) -> Block {
    let (author, signature) = (PublicKey::NOBODY, Signature::NONE);
    let mut block = Block { header: family.child, extra: 0, author, signature, messages };
    let secret = SecretKey::from_bytes(&[6; 32]).unwrap();
    block.seal(&secret, family.network.id(), &Mmr::default().root());
    block
}

fn contents(network: &Network, block: &Block) -> Vec<RuleError> {
    check_contents(network, &Mmr::default().root(), block)
}

#[test]
fn a_header_commits_to_its_contents() {
    let family = Family::new();
    let time = family.child.time;
    let good = block(&family, (0..3).map(|n| message(time, &n.to_string())).collect());
    assert_eq!(contents(&family.network, &good), []);
    let found = good.header.content_root;
    let others: [fn(&mut Block); 6] = [
        |block| block.extra = 1,
        |block| block.author = PublicKey::NOBODY,
        |block| block.signature = Signature::NONE,
        |block| block.messages.swap(0, 1),
        |block| drop(block.messages.pop()),
        |block| block.messages.push(block.messages[2].clone()),
    ];
    for change in others {
        let mut other = good.clone();
        change(&mut other);
        let failures = contents(&family.network, &other);
        let body_root = other.body_root(&other.messages_root());
        let expected = crate::primitives::block::content_root(&Hash::ZERO, &body_root, other.extra);
        assert_eq!(failures, [RuleError::Content { expected, found }]);
        assert_eq!(flags(&failures), ["InvalidContentRoot"]);
    }
    assert_eq!(flags(&check_contents(&family.network, &Hash::of(b"history"), &good)), ["InvalidContentRoot"]);
}

#[test]
fn a_network_caps_size_and_count() {
    let family = Family::new();
    let block = block(&family, (0..4).map(|n| message(family.child.time, &n.to_string())).collect());
    let capped = |bytes: usize, messages: u32| {
        let mut parameters = family.network.parameters().clone();
        parameters.block_bytes_max = u32::try_from(bytes).unwrap();
        parameters.block_messages_max = messages;
        contents(&Network::new(parameters).unwrap(), &block)
    };
    let size = block.size();
    assert_eq!(capped(size, 4), []);
    assert_eq!(capped(size - 1, 4), [RuleError::Size { max: size - 1, found: size }]);
    assert_eq!(capped(size, 3), [RuleError::MessageCount { max: 3, found: 4 }]);
    assert_eq!(flags(&capped(size - 1, 3)), ["BlockTooLarge", "BlockTooLarge"]);
}

#[test]
fn a_message_is_a_day_old_at_most_and_a_minute_ahead_at_most() {
    let family = Family::new();
    let now = family.child.time;
    let (earliest, latest) = (now.minus_ms(86_400_000), now.plus_ms(60_000));
    let at = |time: Timestamp| {
        contents(&family.network, &block(&family, vec![message(now, "now"), message(time, "then")]))
    };
    assert_eq!(at(earliest), []);
    assert_eq!(at(latest), []);
    for found in [
        earliest.minus_ms(1),
        latest.plus_ms(1),
        Timestamp::from_unix_ms(0),
        Timestamp::from_unix_ms(u64::MAX),
    ] {
        let failures = at(found);
        assert_eq!(failures, [RuleError::MessageTime { index: 1, earliest, latest, found }]);
        assert_eq!(flags(&failures), ["MessageTimeOutOfRange"]);
    }
    // The bounds do not wrap around.
    let (first, last) = (Timestamp::from_unix_ms(0), Timestamp::from_unix_ms(u64::MAX));
    assert_eq!(check_message_time(0, &message(first, "first"), first), None);
    assert_eq!(check_message_time(0, &message(last, "last"), last), None);
}

#[test]
fn no_list_of_failures_is_longer_than_its_cap() {
    let family = Family::new();
    let old = message(Timestamp::from_unix_ms(0), "old");
    let failures = contents(&family.network, &block(&family, vec![old; 2 * FAILURES_MAX]));
    assert_eq!(failures.len(), FAILURES_MAX);
    let ids = vec![Hash::ZERO; 2 * FAILURES_MAX];
    assert_eq!(check_repeats(&ids, |_, _| true).len(), FAILURES_MAX);
}

#[test]
fn an_id_occurs_once_in_a_block_and_on_its_branch() {
    let id = |n: u8| Hash::of(&[n]);
    let repeats = |ids: &[u8], seen: &[u8]| {
        let ids: Vec<_> = ids.iter().copied().map(id).collect();
        let failures = check_repeats(&ids, |index, found| {
            assert_eq!(ids[index], *found);
            seen.iter().any(|n| id(*n) == *found)
        });
        let place = |failure: &RuleError| {
            assert_eq!((failure.flag(), failure.may_pass_later()), ("DuplicateMessage", false));
            let RuleError::MessageRepeated { index, id } = failure else { panic!("{failure}") };
            assert_eq!(*id, ids[*index]);
            *index
        };
        failures.iter().map(place).collect::<Vec<_>>()
    };
    assert_eq!(repeats(&[], &[1]), [] as [usize; 0]);
    assert_eq!(repeats(&[1, 2, 3], &[4]), [] as [usize; 0]);
    assert_eq!(repeats(&[1, 2, 1], &[]), [2], "the first is no repetition");
    assert_eq!(repeats(&[1, 1, 2, 1, 2], &[]), [1, 3, 4]);
    assert_eq!(repeats(&[1, 2, 3], &[2]), [1]);
    assert_eq!(repeats(&[2, 1, 2], &[2]), [0, 2], "each is named once");
}

#[test]
fn what_no_check_returns_has_its_flag_too() {
    let (key, found) = (PublicKey::NOBODY, Signature::NONE);
    for (failure, flag, later) in [
        (RuleError::ParentUnknown { found: Hash::ZERO }, "MissedBlock", true),
        (RuleError::Ancestor { ancestor: Hash::ZERO }, "InvalidAncestor", false),
        (RuleError::AuthorSignature { author: key, found }, "InvalidSignature", false),
        (RuleError::MessageSignature { index: 0, sender: key, found }, "InvalidSignature", false),
    ] {
        assert_eq!((failure.flag(), failure.may_pass_later()), (flag, later));
    }
}

use super::*;
use crate::ledger::chain::tests::{LATE, branch, easy};
use crate::primitives::key::SecretKey;
use crate::protocol::hello::{Features, Hello, Role, Versions};

/// Returns a chain whose tip is the last of these headers.
fn chain_of(headers: &[Header]) -> Chain {
    let mut chain = Chain::new(easy(0));
    extend(&mut chain, headers);
    chain
}

fn extend(chain: &mut Chain, headers: &[Header]) {
    for header in headers {
        chain.insert(*header, LATE).unwrap();
        chain.mark_validated(&header.hash());
    }
}

fn grown(count: usize) -> Vec<Header> {
    branch(&easy(0), easy(0).genesis(), count, 1_000, 1)
}

/// Returns the stance of a peer that announced a header as its best.
fn at(header: &Header) -> PeerTip {
    let mut stance = PeerTip::default();
    stance.announced(&header.hash(), header.height);
    stance
}

fn tell(stance: &mut PeerTip, chain: &mut Chain, headers: &[Header]) {
    for header in headers {
        extend(chain, &[*header]);
        stance.assume_followed(chain, header, &header.hash());
    }
}

fn seconds(seconds: u64) -> MonotonicTime {
    MonotonicTime::from_micros(seconds * 1_000_000)
}

#[test]
fn the_newest_blocks_are_no_disagreement_and_older_ones_are_a_lag() {
    let headers = grown(10);
    let chain = chain_of(&headers);
    for (height, expected) in [(10, Agreement::Agrees), (7, Agreement::Agrees), (6, Agreement::Lags)] {
        assert_eq!(at(&headers[height - 1]).compare(&chain), Some(expected), "height {height}");
    }
}

#[test]
fn a_race_at_the_top_is_no_disagreement_and_a_branch_is() {
    let headers = grown(10);
    let mut chain = chain_of(&headers);
    for (parent, expected) in [(9, Agreement::Agrees), (7, Agreement::Agrees), (6, Agreement::Differs)] {
        let other = branch(chain.network(), &headers[parent - 1], 1, 1_000, 2);
        chain.insert(other[0], LATE).unwrap();
        assert_eq!(at(&other[0]).compare(&chain), Some(expected), "on height {parent}");
    }
}

#[test]
fn who_is_ahead_of_us_agrees_once_we_know_that_it_is_on_our_branch() {
    let headers = grown(10);
    let mut chain = chain_of(&headers[..2]);
    let stance = at(&headers[9]);
    assert_eq!(stance.compare(&chain), None);
    for header in &headers[2..] {
        chain.insert(*header, LATE).unwrap();
    }
    assert_eq!(stance.compare(&chain), Some(Agreement::Agrees), "no body of ours contradicts it");
}

#[test]
fn a_block_that_we_do_not_know_among_ours_is_another_branch() {
    let headers = grown(10);
    let chain = chain_of(&headers);
    let other = branch(chain.network(), chain.network().genesis(), 9, 1_000, 2);
    assert_eq!(at(&other[8]).compare(&chain), Some(Agreement::Differs));
}

#[test]
fn a_peer_that_greets_with_genesis_has_said_what_it_has() {
    let network = easy(0);
    let hello = |height| Hello {
        versions: Versions::OURS,
        features: Features::ARCHIVE,
        network: *network.id(),
        role: Role::Full,
        key: SecretKey::from_bytes(&[1; 32]).unwrap().public(),
        listen: None,
        total_work: crate::primitives::pow::Work::ZERO,
        height,
        challenge: [0; 32],
    };
    let chain = chain_of(&grown(10));
    assert_eq!(PeerTip::new(&hello(0)).compare(&chain), Some(Agreement::Lags));
    assert_eq!(PeerTip::new(&hello(5)).compare(&chain), None, "its tip is announced next");
}

#[test]
fn who_was_near_follows_what_it_is_told_in_silence() {
    let headers = grown(30);
    let mut chain = chain_of(&headers[..10]);
    let (mut near, mut far) = (at(&headers[8]), at(&headers[2]));
    for header in &headers[10..] {
        tell(&mut near, &mut chain, &[*header]);
        far.assume_followed(&chain, header, &header.hash());
    }
    assert_eq!(near.compare(&chain), Some(Agreement::Agrees));
    assert_eq!(far.compare(&chain), Some(Agreement::Lags), "it must show that it caught up");
    far.has(&chain, &headers[28].hash(), 29);
    assert_eq!(far.compare(&chain), Some(Agreement::Agrees));
}

#[test]
fn a_lost_race_is_not_a_branch_of_its_own() {
    let headers = grown(30);
    let mut chain = chain_of(&headers[..10]);
    let sibling = branch(chain.network(), &headers[8], 1, 1_000, 2);
    let own = branch(chain.network(), &headers[4], 5, 1_000, 3);
    for header in sibling.iter().chain(&own) {
        chain.insert(*header, LATE).unwrap();
    }
    let (mut racer, mut loner) = (at(&sibling[0]), at(&own[4]));
    for header in &headers[10..] {
        tell(&mut racer, &mut chain, &[*header]);
        loner.assume_followed(&chain, header, &header.hash());
    }
    assert_eq!(racer.compare(&chain), Some(Agreement::Agrees));
    assert_eq!(loner.compare(&chain), Some(Agreement::Differs));
}

#[test]
fn a_body_below_what_a_peer_announced_is_no_step_back() {
    let headers = grown(10);
    let chain = chain_of(&headers);
    let mut stance = at(&headers[9]);
    stance.has(&chain, &headers[3].hash(), 4);
    assert_eq!((stance.compare(&chain), stance.height()), (Some(Agreement::Agrees), 10));
}

#[test]
fn only_a_disagreement_that_lasts_is_told_and_once_each_time() {
    let headers = grown(12);
    let chain = chain_of(&headers);
    let mut stance = at(&headers[0]);
    assert_eq!(stance.watch(seconds(0), &chain), None);
    assert_eq!(stance.watch(seconds(119), &chain), None);
    assert_eq!(stance.watch(seconds(120), &chain), Some(Agreement::Lags));
    assert_eq!(stance.watch(seconds(500), &chain), None);
    stance.announced(&headers[11].hash(), 12);
    assert_eq!(stance.watch(seconds(510), &chain), None);
    stance = at(&headers[0]);
    assert_eq!(stance.watch(seconds(520), &chain), None);
    assert_eq!(stance.watch(seconds(640), &chain), Some(Agreement::Lags));
}

use super::*;
use crate::ledger::chain::tests::{branch, child, easy, grow};
use crate::ledger::validation::RuleError;
use crate::primitives::mmr::Mmr;
use crate::primitives::params::Network;
use crate::primitives::time::Timestamp;
use crate::protocol::misbehavior::Misbehavior;

const ALICE: ConnectionId = ConnectionId(1);
const BOB: ConnectionId = ConnectionId(2);
const CAROL: ConnectionId = ConnectionId(3);

mod proofs;

/// A node's search, and its chain.
struct HeadersStory {
    network: Network,
    chain: Chain,
    sync: HeadersSync,
    now: Now,
    candidates: Vec<HeadersPeer>,
}

impl HeadersStory {
    fn new(half_life_ms: u64) -> Self {
        let network = easy(half_life_ms);
        let now =
            Now { time: Timestamp::from_unix_ms(2_000_000_000_000), moment: MonotonicTime::from_micros(1) };
        Self {
            chain: Chain::new(network.clone()),
            network,
            sync: HeadersSync::default(),
            now,
            candidates: Vec::new(),
        }
    }

    /// Adds a peer without a proof that claims this branch.
    fn claims(&mut self, peer: ConnectionId, latency_ms: u64, work: u128, height: u64) {
        self.sync.peers.has_no_proof(peer);
        self.candidates.retain(|candidate| candidate.peer != peer);
        let (latency, claim) = (Duration::from_millis(latency_ms), Work::from_hashes(work));
        self.candidates.push(HeadersPeer { peer, latency, claim, said: claim, height });
    }

    fn next(&mut self) -> Option<HeadersAction> {
        self.sync.next(self.now, &self.chain, &self.candidates, true)
    }

    /// Returns the peer that the search asks now.
    fn asks(&mut self) -> Option<ConnectionId> {
        self.next().map(|step| match step {
            HeadersAction::Ask(peer, locator) => {
                assert_eq!(locator.first(), Some(&self.chain.best_header().hash));
                peer
            }
            HeadersAction::LoadMmr(hash) => panic!("{hash} is asked of the store"),
            HeadersAction::Prove(peer) => panic!("{peer:?} is asked for a proof"),
        })
    }

    fn answers(&mut self, peer: ConnectionId, headers: &[Header]) -> Result<HeadersProgress, Misbehavior> {
        self.sync.received_headers(self.now, peer, headers.to_vec(), &mut self.chain, true)
    }

    /// Answers all requests from a branch on genesis, until there are no more. Returns `false` if
    /// the branch has too little work.
    fn serves(&mut self, peer: ConnectionId, headers: &[Header]) -> Result<(), Misbehavior> {
        let mut step = self.next();
        while let Some(HeadersAction::Ask(asked, locator)) = step {
            assert_eq!(asked, peer);
            let has = |hash: &Hash| {
                if hash == self.network.id() {
                    return Some(0);
                }
                let place = self.chain.find(hash).map(|place| usize::try_from(place.header.height).unwrap());
                let known = place.filter(|height| headers.get(height - 1).is_some_and(|h| h.hash() == *hash));
                known.or_else(|| headers.iter().position(|header| header.hash() == *hash).map(|at| at + 1))
            };
            let first = locator.iter().find_map(has).unwrap_or(0);
            let end = headers.len().min(first + HEADERS_MAX);
            let progress = self.answers(peer, &headers[first..end])?;
            while self.chain.missing_blocks().len() > AHEAD_MAX / 2 {
                self.chain.assume_valid();
            }
            step = progress.step.or_else(|| self.next());
        }
        assert_eq!(step, None);
        Ok(())
    }

    fn elapse(&mut self, duration: Duration) {
        self.now.moment = self.now.moment + duration;
    }
}

#[test]
fn asks_the_nearest_of_those_with_more() {
    let mut story = HeadersStory::new(0);
    assert_eq!(story.asks(), None);
    story.claims(ALICE, 5, 0, 0);
    assert_eq!(story.asks(), None, "nobody has more");
    story.claims(BOB, 20, 10, 5);
    story.claims(ConnectionId(3), 10, 10, 5);
    story.claims(ConnectionId(4), 10, 10, 5);
    assert_eq!(story.asks(), Some(ConnectionId(3)));
    assert_eq!(story.asks(), None, "one at a time");
    assert!(story.sync.is_requesting());
    assert_eq!(story.sync.target_height(), 5);
}

#[test]
fn passes_over_who_shows_nothing_until_it_claims_more() {
    let mut story = HeadersStory::new(0);
    story.claims(ALICE, 5, 10, 5);
    story.claims(BOB, 9, 10, 5);
    assert_eq!(story.asks(), Some(ALICE));
    assert_eq!(story.answers(ALICE, &[]), Ok(HeadersProgress::default()));
    assert_eq!(story.asks(), Some(BOB));
    assert_eq!(story.answers(BOB, &[]), Ok(HeadersProgress::default()));
    assert_eq!(story.asks(), None);
    story.claims(ALICE, 5, 11, 6);
    assert_eq!(story.asks(), Some(ALICE));
}

#[test]
fn who_was_asked_in_vain_waits_for_the_others() {
    let mut story = HeadersStory::new(0);
    let headers = branch(&story.network, story.network.genesis(), 2, 1, 1);
    for claim in 10..20 {
        // Alice is near, and repeatedly claims more.
        story.claims(ALICE, 1, claim, 5);
        story.claims(BOB, 9, 10, 2);
        assert_eq!(story.asks(), Some(if claim == 11 { BOB } else { ALICE }));
        let (peer, headers) = if claim == 11 { (BOB, &headers[..]) } else { (ALICE, &[][..]) };
        story.answers(peer, headers).unwrap();
    }
    assert_eq!(story.chain.best_header().header, headers[1]);
}

#[test]
fn asks_the_next_nearest_when_a_peer_closes_or_stalls() {
    let mut story = HeadersStory::new(0);
    for (peer, latency) in [(1, 5), (2, 6), (3, 7)] {
        story.claims(ConnectionId(peer), latency, 10, 5);
    }
    assert_eq!(story.asks(), Some(ALICE));
    story.sync.closed(ALICE, &mut story.chain);
    story.candidates.remove(0);
    assert_eq!(story.asks(), Some(BOB));
    assert_eq!(story.sync.deadline(), Some(story.now.moment + HEADERS_TIMEOUT));
    story.elapse(HEADERS_TIMEOUT - Duration::from_micros(1));
    assert_eq!(story.sync.tick(story.now.moment), None);
    story.elapse(Duration::from_micros(1));
    assert_eq!(story.sync.tick(story.now.moment), Some(BOB));
    assert_eq!(story.sync.deadline(), None);
    assert_eq!(story.asks(), Some(ConnectionId(3)));
    assert_eq!(story.answers(BOB, &[]), Err(Misbehavior::Unsolicited { packet: "headers" }));
    assert_eq!(story.answers(ConnectionId(3), &[]), Ok(HeadersProgress::default()));
}

#[test]
fn bodies_and_mining_wait_only_so_long_for_what_never_comes() {
    let mut story = HeadersStory::new(0);
    assert!(!story.sync.blocks_bodies());
    let started = story.now.moment;
    for peer in 0..6 {
        // One peer after the other claims more than it has, and sends nothing.
        assert!(story.sync.tick(story.now.moment).is_none());
        story.claims(ConnectionId(peer), 1, 10, 5);
        assert_eq!(story.asks(), Some(ConnectionId(peer)));
        assert!(story.sync.blocks_bodies());
        story.elapse(HEADERS_TIMEOUT);
        assert_eq!(story.sync.tick(story.now.moment), Some(ConnectionId(peer)));
    }
    assert_eq!(story.now.moment, started + PATIENCE);
    story.claims(ALICE, 1, 20, 5);
    assert_eq!(story.asks(), Some(ALICE));
    assert!(story.sync.is_requesting() && !story.sync.blocks_bodies());
    // After headers that extend the best header, the next ones are worth waiting for.
    let headers = branch(&story.network, story.network.genesis(), HEADERS_MAX, 1, 1);
    assert!(story.answers(ALICE, &headers).unwrap().leads);
    assert!(story.sync.blocks_bodies());
}

#[test]
fn headers_go_into_the_tree_packet_by_packet() {
    let mut story = HeadersStory::new(0);
    let headers = branch(&story.network, story.network.genesis(), HEADERS_MAX + 3, 1, 1);
    story.claims(ALICE, 5, 10_000, headers.len() as u64);
    assert_eq!(story.asks(), Some(ALICE));
    let progress = story.answers(ALICE, &headers[..HEADERS_MAX]).unwrap();
    let last = headers[HEADERS_MAX - 1].hash();
    assert_eq!(progress.step, Some(HeadersAction::Ask(ALICE, vec![last])));
    assert!(progress.leads);
    let progress = story.answers(ALICE, &headers[HEADERS_MAX..]).unwrap();
    let best = story.chain.best_header();
    assert_eq!(progress.shown, Some((best.total_work, best.header.height)));
    assert_eq!((progress.step, best.header.height), (None, headers.len() as u64));
    assert_eq!(story.asks(), None, "less than it claimed, but all that it has");
}

#[test]
fn headers_that_do_not_connect_are_a_fault() {
    let mut story = HeadersStory::new(0);
    let headers = branch(&story.network, story.network.genesis(), 4, 1, 1);
    let cases = [
        (vec![headers[0], headers[2]], 3),
        (vec![headers[1], headers[0]], 1),
        (vec![headers[1], headers[2]], 2),
    ];
    for (peer, (headers, height)) in cases.into_iter().enumerate() {
        let peer = ConnectionId(peer as u64);
        story.candidates.clear();
        story.claims(peer, 1, 10, 5);
        assert_eq!(story.asks(), Some(peer));
        assert_eq!(story.answers(peer, &headers), Err(Misbehavior::Disconnected { height }));
    }
    assert_eq!(story.chain.size(), 1);
}

#[test]
fn a_header_that_breaks_a_rule_is_a_fault() {
    let mut story = HeadersStory::new(0);
    let good = child(&story.network, story.network.genesis(), 1, 1);
    let bad = Header { version: 3, ..child(&story.network, &good, 1, 1) };
    story.claims(ALICE, 1, 10, 5);
    assert_eq!(story.asks(), Some(ALICE));
    let fault = story.answers(ALICE, &[good, bad]).unwrap_err();
    let Misbehavior::InvalidHeader { hash, error } = fault else { panic!("{fault}") };
    assert_eq!((hash, *error), (bad.hash(), RuleError::Version { found: 3 }));
}

#[test]
fn a_header_that_comes_too_early_is_kept_and_not_asked_for_again_at_once() {
    let mut story = HeadersStory::new(0);
    let headers = branch(&story.network, story.network.genesis(), 3, 1_000, 1);
    story.now.time = headers[1].time.minus_ms(5_000);
    story.claims(ALICE, 1, 10, 3);
    assert_eq!(story.asks(), Some(ALICE));
    let progress = story.answers(ALICE, &headers).unwrap();
    assert_eq!((progress.early, progress.leads), (Some(headers[2]), true));
    assert_eq!(progress.shown.map(|shown| shown.1), Some(2));
    assert_eq!(story.asks(), None);
    assert!(!story.sync.is_requesting());
    story.elapse(Duration::from_millis(999));
    assert_eq!(story.asks(), None);
    story.elapse(Duration::from_millis(1));
    assert_eq!(story.asks(), Some(ALICE), "it is not too early any more");
}

#[test]
fn a_long_branch_whose_last_headers_come_too_early_is_no_fault() {
    let mut story = HeadersStory::new(100_000);
    let ours = branch(&story.network, story.network.genesis(), 100, 1, 1);
    grow(&mut story.chain, &ours);
    let headers = long(&story.network, 2);
    story.now.time = headers[9_000].time;
    story.claims(ALICE, 1, u128::MAX, headers.len() as u64);
    assert_eq!(story.serves(ALICE, &headers), Ok(()));
    assert_eq!(story.asks(), None);
    story.elapse(Duration::from_secs(1));
    story.now.time = story.now.time.plus_ms(1_000);
    assert_eq!(story.asks(), Some(ALICE));
}

#[test]
fn waits_for_bodies_when_headers_are_far_ahead() {
    let mut story = HeadersStory::new(0);
    let headers = branch(&story.network, story.network.genesis(), AHEAD_MAX / 2 + 1, 1, 1);
    for header in &headers {
        story.chain.insert(*header, story.now.time).unwrap();
    }
    story.claims(ALICE, 1, u128::MAX, 9);
    assert_eq!(story.asks(), None);
    story.chain.assume_valid();
    assert_eq!(story.asks(), Some(ALICE));
}

/// Returns more headers than the tree accepts ahead of the bodies.
fn long(network: &Network, salt: u64) -> Vec<Header> {
    branch(network, network.genesis(), AHEAD_MAX + 2_500, 1_000, salt)
}

#[test]
fn a_long_branch_is_weighed_before_it_is_let_in() {
    let mut story = HeadersStory::new(0);
    let headers = long(&story.network, 1);
    story.claims(ALICE, 1, u128::MAX, headers.len() as u64);
    let mut step = story.next();
    let (mut first, mut requests) = (0, 0);
    while !story.sync.is_redownloading() {
        let Some(HeadersAction::Ask(ALICE, _)) = step else { panic!("{step:?}") };
        let end = headers.len().min(first + HEADERS_MAX);
        let progress = story.answers(ALICE, &headers[first..end]).unwrap();
        assert_eq!(story.chain.size(), 1, "nothing is let in yet");
        (step, first, requests) = (progress.step, end, requests + 1);
    }
    assert_eq!(requests, headers.len().div_ceil(HEADERS_MAX));
    assert!(!story.sync.is_requesting());
    assert_eq!(story.sync.target_height(), headers.len() as u64);
    story.serves(ALICE, &headers).unwrap();
    assert_eq!(story.chain.best_header().header, headers[headers.len() - 1]);
    assert!(!story.sync.is_redownloading() && !story.sync.is_requesting());
}

#[test]
fn a_long_branch_that_weighs_too_little_is_a_fault() {
    let mut story = HeadersStory::new(100_000);
    // Our chain has few blocks, each harder than the one before.
    let ours = branch(&story.network, story.network.genesis(), 100, 1, 1);
    grow(&mut story.chain, &ours);
    let headers = long(&story.network, 2);
    assert!(story.chain.tip().total_work > Work::from_hashes(2 * headers.len() as u128));
    story.claims(ALICE, 1, u128::MAX, headers.len() as u64);
    assert_eq!(story.serves(ALICE, &headers), Err(Misbehavior::WorkNotShown));
    assert_eq!(story.chain.size(), 101, "it costs nothing that stays");
    // It is no fault either if the higher work was only our guess.
    story.claims(CAROL, 1, u128::MAX, headers.len() as u64);
    story.candidates.retain_mut(|candidate| {
        candidate.said = Work::ZERO;
        candidate.peer == CAROL
    });
    assert_eq!(story.serves(CAROL, &headers), Ok(()));
    assert_eq!(story.asks(), None);
    story.claims(BOB, 9, u128::MAX, 101);
    assert_eq!(story.asks(), Some(BOB));
}

/// Presyncs a branch, so that it is then downloaded from Alice.
fn planned(story: &mut HeadersStory, headers: &[Header]) {
    story.claims(ALICE, 1, u128::MAX, headers.len() as u64);
    let mut first = 0;
    story.next();
    while !story.sync.is_redownloading() {
        let end = headers.len().min(first + HEADERS_MAX);
        story.answers(ALICE, &headers[first..end]).unwrap();
        first = end;
    }
}

#[test]
fn a_branch_that_is_another_than_was_weighed_is_a_fault() {
    let mut story = HeadersStory::new(0);
    let (headers, others) = (long(&story.network, 1), long(&story.network, 2));
    planned(&mut story, &headers);
    assert_eq!(story.asks(), Some(ALICE));
    let fault = story.answers(ALICE, &others[..HEADERS_MAX]).unwrap_err();
    assert_eq!(fault, Misbehavior::Disconnected { height: 1_024 });
    assert!(!story.sync.is_redownloading());
    assert_eq!(story.chain.fork_below(&story.chain.best_validated().hash), 0);
}

#[test]
fn a_plan_ends_when_its_peer_closes_or_leads_nowhere() {
    let mut story = HeadersStory::new(0);
    let headers = long(&story.network, 1);
    planned(&mut story, &headers);
    assert_eq!(story.asks(), Some(ALICE));
    story.answers(ALICE, &headers[..HEADERS_MAX]).unwrap();
    assert!(story.sync.is_redownloading());
    story.sync.closed(ALICE, &mut story.chain);
    assert!(!story.sync.is_redownloading());

    // Again from the remaining state, but now Alice repeats her answer.
    planned(&mut story, &headers);
    assert_eq!(story.asks(), Some(ALICE));
    story.answers(ALICE, &headers[..HEADERS_MAX]).unwrap();
    assert_eq!(story.chain.best_header().header, headers[HEADERS_MAX - 1]);
    assert_eq!(story.asks(), Some(ALICE));
    let progress = story.answers(ALICE, &headers[..HEADERS_MAX]).unwrap();
    assert_eq!((progress.leads, progress.step), (false, None));
    assert!(!story.sync.is_redownloading());
    assert_eq!(story.asks(), None, "she is passed over");
}

#[test]
fn a_tip_that_was_replaced_since_it_was_weighed_is_no_fault() {
    let mut story = HeadersStory::new(0);
    let mut headers = long(&story.network, 1);
    planned(&mut story, &headers);
    headers.pop();
    let replaced = branch(&story.network, &headers[headers.len() - 1], 2, 1_000, 5);
    headers.extend(replaced);
    story.serves(ALICE, &headers).unwrap();
    assert_eq!(story.chain.best_header().header, headers[headers.len() - 1]);
    assert!(!story.sync.is_redownloading());
}

#[test]
fn a_branch_from_below_the_window_waits_for_the_store() {
    let mut story = HeadersStory::new(100_000);
    let best =
        branch(&story.network, story.network.genesis(), crate::ledger::chain::WINDOW_MAX + 3_000, 1_000, 1);
    let mut below = Mmr::default();
    for header in &best {
        grow(&mut story.chain, core::slice::from_ref(header));
        if header.height == 1_000 {
            below = story.chain.history(&header.hash()).unwrap().clone();
        }
    }
    let (root, between) = (best[1_023], &best[1_000..1_024]);
    let other = branch(&story.network, &root, 900, 1, 2);

    // An unknown fork point.
    let stranger = branch(&story.network, &best[500], 2, 1, 3);
    story.claims(BOB, 1, u128::MAX, 502);
    assert_eq!(story.asks(), Some(BOB));
    assert_eq!(story.answers(BOB, &stranger), Err(Misbehavior::Disconnected { height: 502 }));
    story.candidates.clear();

    // A fork point that the store has lost, or answers wrongly.
    for (claim, base) in [(0, None), (1, Some((below.clone(), best[1_000..1_023].to_vec())))] {
        story.claims(ALICE, 1, u128::MAX - 9 + claim, 1_924);
        assert_eq!(story.asks(), Some(ALICE));
        let progress = story.answers(ALICE, &other).unwrap();
        assert_eq!(progress.step, Some(HeadersAction::LoadMmr(root.hash())));
        assert!(story.sync.recalled(story.now, best[0].hash(), None, &mut story.chain).is_none());
        let (peer, progress) = story.sync.recalled(story.now, root.hash(), base, &mut story.chain).unwrap();
        assert_eq!((peer, progress), (ALICE, Ok(HeadersProgress::default())));
        assert_eq!(story.asks(), None, "there is nothing to hold it against");
    }

    story.claims(ALICE, 1, u128::MAX, 1_924);
    assert_eq!(story.asks(), Some(ALICE));
    story.answers(ALICE, &other).unwrap();
    assert_eq!(story.answers(ALICE, &other), Err(Misbehavior::Unsolicited { packet: "headers" }));
    story.claims(ALICE, 1, u128::MAX, 1_924);
    assert_eq!(story.asks(), Some(ALICE));
    story.answers(ALICE, &other).unwrap();
    let base = Some((below, between.to_vec()));
    let (_, progress) = story.sync.recalled(story.now, root.hash(), base, &mut story.chain).unwrap();
    assert_eq!(progress.unwrap().shown.map(|shown| shown.1), Some(1_924));
    assert!(story.sync.is_redownloading());
    assert_eq!(story.asks(), Some(ALICE));
    assert!(story.answers(ALICE, &other).unwrap().leads);
    assert_eq!(story.chain.best_header().header, other[899]);
    assert_eq!(story.chain.missing_blocks().len(), 900);
    assert!(!story.sync.is_redownloading());
}

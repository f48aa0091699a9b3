use super::*;
use crate::proof::chain_proof::tests::ledger::{Ledger, network};
use crate::proof::chain_proof::{ProofError, prove, verify};

/// An honest chain, its proof, and a search that does not know it.
struct ProvenChain {
    story: HeadersStory,
    ledger: Ledger,
    headers: Vec<Header>,
    bytes: Vec<u8>,
}

impl ProvenChain {
    fn of(height: u64) -> Self {
        let network = network(0x207f_ffff, 0);
        let mut ledger = Ledger::honest(network.clone(), height);
        let bytes = prove(&network, height, &mut ledger).unwrap();
        let headers: Vec<_> = (1..=height).map(|height| ledger.at(height).header).collect();
        let now =
            Now { time: Timestamp::from_unix_ms(2_000_000_000_000), moment: MonotonicTime::from_micros(1) };
        let story = HeadersStory {
            chain: Chain::new(network.clone()),
            network,
            sync: HeadersSync::default(),
            now,
            candidates: Vec::new(),
        };
        Self { story, ledger, headers, bytes }
    }

    /// Returns the chain's work.
    fn work(&self) -> Work {
        self.ledger.history(self.headers.len() as u64 + 1).work()
    }

    /// Adds a peer that may have a proof and claims this chain.
    fn claims(&mut self, peer: ConnectionId, latency_ms: u64) {
        let (work, height) = (self.work().hashes(), self.headers.len() as u64);
        self.story.claims(peer, latency_ms, work, height);
        self.story.sync.peers.may_have_proof(peer);
    }

    fn next_of_light(&mut self) -> Option<HeadersAction> {
        let story = &mut self.story;
        story.sync.next(story.now, &story.chain, &story.candidates, false)
    }

    fn answers(&mut self, peer: ConnectionId, proof: &[u8]) -> Result<HeadersProgress, Misbehavior> {
        self.story.sync.received_proof(self.story.now, peer, proof, &mut self.story.chain)
    }

    /// Lets Alice answer a light node with the first headers. Returns the progress.
    fn answers_light(&mut self, count: usize) -> Result<HeadersProgress, Misbehavior> {
        let (story, headers) = (&mut self.story, self.headers[..count].to_vec());
        story.sync.received_headers(story.now, ALICE, headers, &mut story.chain, false)
    }
}

#[test]
fn a_light_node_asks_who_is_far_ahead_for_a_proof() {
    let mut proof = ProvenChain::of(PROOF_AHEAD + 1);
    proof.claims(ALICE, 1);
    assert_eq!(proof.next_of_light(), Some(HeadersAction::Prove(ALICE)));
    assert_eq!(proof.next_of_light(), None, "one at a time");
    let progress = proof.answers(ALICE, &proof.bytes.clone()).unwrap();
    let proven = progress.proven.unwrap();
    // 480 headers, or 481 to begin at an odd height.
    assert_eq!(proven.tail, proof.headers[proof.headers.len() - 481..]);
    assert_eq!(progress.shown, Some((proof.work(), proof.headers.len() as u64)));
    assert_eq!(proof.next_of_light(), None, "she is not asked again before she claims more");
}

#[test]
fn a_near_chain_is_asked_for_headers_and_then_for_a_proof() {
    let mut proof = ProvenChain::of(PROOF_AHEAD + 1);
    proof.claims(ALICE, 1);
    proof.story.candidates[0].height = PROOF_AHEAD;
    assert!(matches!(proof.next_of_light(), Some(HeadersAction::Ask(ALICE, _))));
    let progress = proof.answers_light(HEADERS_MAX).unwrap();
    assert_eq!(progress.step, Some(HeadersAction::Prove(ALICE)));
}

#[test]
fn who_has_no_proof_is_asked_for_headers() {
    let mut proof = ProvenChain::of(PROOF_AHEAD + 1);
    proof.claims(ALICE, 1);
    assert_eq!(proof.next_of_light(), Some(HeadersAction::Prove(ALICE)));
    assert_eq!(proof.answers(ALICE, &[]), Ok(HeadersProgress::default()));
    assert!(matches!(proof.next_of_light(), Some(HeadersAction::Ask(ALICE, _))));
    let progress = proof.answers_light(HEADERS_MAX).unwrap();
    assert!(matches!(progress.step, Some(HeadersAction::Ask(ALICE, _))));
}

#[test]
fn a_proof_that_does_not_hold_or_shows_less_than_was_said_is_a_fault() {
    let mut proof = ProvenChain::of(PROOF_AHEAD + 1);
    let good = proof.bytes.clone();
    // Another nonce of the tip. Some other nonces meet the target as well.
    let mut changed = (1..=u8::MAX).map(|change| {
        let mut bad = good.clone();
        *bad.last_mut().unwrap() ^= change;
        bad
    });
    let is_unmet = |bad: &Vec<u8>| {
        let verified = verify(&proof.story.network, bad);
        matches!(verified, Err(ProofError::ProofOfWork { .. }))
    };
    let bad = changed.find(is_unmet).unwrap();
    assert_eq!(proof.answers(ALICE, &good), Err(Misbehavior::Unsolicited { packet: "proof" }));
    proof.claims(ALICE, 1);
    proof.claims(BOB, 2);
    assert_eq!(proof.next_of_light(), Some(HeadersAction::Prove(ALICE)));
    let fault = proof.answers(ALICE, &bad).unwrap_err();
    assert!(
        matches!(&fault, Misbehavior::InvalidProof { error } if matches!(**error, ProofError::ProofOfWork { .. }))
    );
    proof.story.candidates.retain(|candidate| candidate.peer == BOB);
    assert_eq!(proof.next_of_light(), Some(HeadersAction::Prove(BOB)));
    assert_eq!(proof.answers(ALICE, &good), Err(Misbehavior::Unsolicited { packet: "proof" }));
    assert!(proof.answers(BOB, &good).unwrap().proven.is_some());

    // Our chain has as much work as the proof shows, although the peer claimed more.
    let mut proof = ProvenChain::of(PROOF_AHEAD + 1);
    let headers = proof.headers.clone();
    grow(&mut proof.story.chain, &headers);
    proof.claims(ALICE, 1);
    for candidate in &mut proof.story.candidates {
        (candidate.claim, candidate.said) = (Work::from_hashes(u128::MAX), Work::from_hashes(u128::MAX));
        candidate.height *= 2;
    }
    assert_eq!(proof.next_of_light(), Some(HeadersAction::Prove(ALICE)));
    assert_eq!(proof.answers(ALICE, &good), Err(Misbehavior::WorkNotShown));
}

#[test]
fn a_proof_from_ahead_of_the_clock_waits() {
    let mut proof = ProvenChain::of(PROOF_AHEAD + 1);
    let bytes = proof.bytes.clone();
    proof.story.now.time = proof.headers[1_900].time;
    proof.claims(ALICE, 1);
    assert_eq!(proof.next_of_light(), Some(HeadersAction::Prove(ALICE)));
    assert_eq!(proof.answers(ALICE, &bytes).unwrap().proven, None);
    assert_eq!(proof.next_of_light(), None);
    let wait = proof.headers[HEADERS_MAX].time.ms_since(proof.story.now.time);
    proof.story.elapse(Duration::from_millis(wait));
    proof.story.now.time = proof.story.now.time.plus_ms(wait);
    assert_eq!(proof.next_of_light(), Some(HeadersAction::Prove(ALICE)));
    assert!(proof.answers(ALICE, &bytes).unwrap().proven.is_some());
}

#[test]
fn a_stall_ends_the_wait_for_a_proof() {
    let mut proof = ProvenChain::of(PROOF_AHEAD + 1);
    proof.claims(ALICE, 1);
    proof.claims(BOB, 2);
    assert_eq!(proof.next_of_light(), Some(HeadersAction::Prove(ALICE)));
    proof.story.elapse(HEADERS_TIMEOUT);
    assert_eq!(proof.story.sync.tick(proof.story.now.moment), Some(ALICE));
    assert_eq!(proof.next_of_light(), Some(HeadersAction::Prove(BOB)));
}

#[test]
fn a_peer_gets_one_proof_in_five_minutes_without_a_claim_in_its_hello() {
    let mut proof = ProvenChain::of(PROOF_AHEAD + 1);
    let bytes = proof.bytes.clone();
    // The claim of 2^20 is a guess, made of announced headers. It rises with each of them.
    let guess = |proof: &mut ProvenChain, said: u128, more: u128| {
        proof.claims(ALICE, 1);
        let candidate = &mut proof.story.candidates[0];
        (candidate.said, candidate.claim) = (Work::from_hashes(said), Work::from_hashes((1 << 20) + more));
    };
    guess(&mut proof, 0, 0);
    assert_eq!(proof.next_of_light(), Some(HeadersAction::Prove(ALICE)));
    proof.answers(ALICE, &bytes).unwrap();
    guess(&mut proof, 0, 1);
    assert_eq!(proof.next_of_light(), None);
    // Another peer is not affected.
    proof.claims(BOB, 2);
    assert_eq!(proof.next_of_light(), Some(HeadersAction::Prove(BOB)));
    proof.answers(BOB, &bytes).unwrap();
    proof.story.candidates.retain(|candidate| candidate.peer == ALICE);
    proof.story.elapse(PROOF_INTERVAL - Duration::from_micros(1));
    assert_eq!(proof.next_of_light(), None);
    proof.story.elapse(Duration::from_micros(1));
    assert_eq!(proof.next_of_light(), Some(HeadersAction::Prove(ALICE)));
    proof.answers(ALICE, &bytes).unwrap();
    // A claim in the hello is worth a request, because a false one is an offence.
    guess(&mut proof, 1 << 20, 2);
    assert_eq!(proof.next_of_light(), Some(HeadersAction::Prove(ALICE)));
}

#[test]
fn the_limit_also_holds_for_proofs_that_headers_make_necessary() {
    let mut proof = ProvenChain::of(PROOF_AHEAD + 1);
    let bytes = proof.bytes.clone();
    proof.claims(ALICE, 1);
    assert_eq!(proof.next_of_light(), Some(HeadersAction::Prove(ALICE)));
    proof.answers(ALICE, &bytes).unwrap();
    proof.claims(ALICE, 1);
    let candidate = &mut proof.story.candidates[0];
    (candidate.said, candidate.height) = (Work::ZERO, PROOF_AHEAD);
    candidate.claim = Work::from_hashes(1 << 20);
    assert!(matches!(proof.next_of_light(), Some(HeadersAction::Ask(ALICE, _))));
    let progress = proof.answers_light(HEADERS_MAX).unwrap();
    assert_eq!(progress.step, None);
    assert_eq!(proof.next_of_light(), None);
    proof.story.elapse(PROOF_INTERVAL);
    assert!(matches!(proof.next_of_light(), Some(HeadersAction::Ask(ALICE, _))));
}

#[test]
fn a_light_node_takes_up_no_chain_below_the_known_work() {
    let mut proof = ProvenChain::of(50);
    let bytes = proof.bytes.clone();
    let work = proof.work();
    proof.story.sync.set_least_work(work.plus(Work::from_hashes(1)));
    assert!(proof.story.sync.is_below_known(&proof.story.chain));
    proof.claims(ALICE, 1);
    assert_eq!(proof.next_of_light(), None, "she claims too little");
    // A claim that is a guess is no fault, and one in the hello is.
    for (said, expected) in [(0, Ok(None)), (u128::MAX, Err(Misbehavior::WorkNotShown))] {
        proof.claims(ALICE, 1);
        let candidate = &mut proof.story.candidates[0];
        (candidate.said, candidate.claim) = (Work::from_hashes(said), Work::from_hashes(u128::MAX));
        proof.story.elapse(PROOF_INTERVAL);
        proof.story.sync.closed(ALICE, &mut proof.story.chain);
        // A proof is requested however short the chain is.
        assert_eq!(proof.next_of_light(), Some(HeadersAction::Prove(ALICE)));
        assert_eq!(proof.answers(ALICE, &bytes).map(|progress| progress.proven), expected);
    }
    // Without a proof, there is nothing to take up.
    proof.story.sync.closed(ALICE, &mut proof.story.chain);
    assert_eq!(proof.next_of_light(), Some(HeadersAction::Prove(ALICE)));
    assert_eq!(proof.answers(ALICE, &[]), Ok(HeadersProgress::default()));
    assert_eq!(proof.next_of_light(), None);
    // With just the known work it is the chain.
    proof.story.sync.closed(ALICE, &mut proof.story.chain);
    proof.story.sync.set_least_work(work);
    assert_eq!(proof.next_of_light(), Some(HeadersAction::Prove(ALICE)));
    assert!(proof.answers(ALICE, &bytes).unwrap().proven.is_some());
}

/// Lets a full node receive the first headers, so that it requests the proof of the chain. Returns
/// the progress.
fn vetted(proof: &mut ProvenChain) -> HeadersProgress {
    proof.claims(ALICE, 1);
    assert_eq!(proof.story.asks(), Some(ALICE));
    let first = proof.headers[..HEADERS_MAX].to_vec();
    let progress = proof.story.answers(ALICE, &first).unwrap();
    assert_eq!(progress.step, Some(HeadersAction::Prove(ALICE)));
    assert_eq!(proof.story.chain.size(), 1, "nothing is let in yet");
    proof.answers(ALICE, &proof.bytes.clone()).unwrap()
}

#[test]
fn a_full_node_fetches_a_long_chain_that_was_proven_once() {
    let mut proof = ProvenChain::of(AHEAD_MAX as u64 + 2_500);
    let progress = vetted(&mut proof);
    assert_eq!((progress.proven, progress.step), (None, None));
    assert!(proof.story.sync.is_redownloading() && !proof.story.sync.is_requesting());
    assert_eq!(proof.story.sync.target_height(), proof.headers.len() as u64);
    let headers = proof.headers.clone();
    proof.story.serves(ALICE, &headers).unwrap();
    assert_eq!(proof.story.chain.best_header().header, headers[headers.len() - 1]);
    assert!(!proof.story.sync.is_redownloading());
}

#[test]
fn headers_of_another_chain_than_was_proven_are_a_fault() {
    let mut proof = ProvenChain::of(AHEAD_MAX as u64 + 2_500);
    vetted(&mut proof);
    let network = proof.story.network.clone();
    let others = branch(&network, network.genesis(), HEADERS_MAX, 15_000, 9);
    assert_eq!(proof.story.asks(), Some(ALICE));
    let fault = proof.story.answers(ALICE, &others).unwrap_err();
    assert!(matches!(fault, Misbehavior::Disconnected { .. }), "{fault}");
    assert!(!proof.story.sync.is_redownloading());
}

#[test]
fn a_full_node_weighs_header_by_header_what_nobody_proves() {
    let mut proof = ProvenChain::of(AHEAD_MAX as u64 + 2_500);
    proof.bytes.clear();
    let progress = vetted(&mut proof);
    let Some(HeadersAction::Ask(ALICE, locator)) = progress.step else { panic!("{:?}", progress.step) };
    assert_eq!(locator, [proof.headers[HEADERS_MAX - 1].hash()]);
    assert!(proof.story.sync.is_requesting());
}

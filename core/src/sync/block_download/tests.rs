use std::collections::BTreeMap;

use super::*;
use crate::ledger::chain::tests::{branch, easy};
use crate::primitives::time::Timestamp;

const ALICE: ConnectionId = ConnectionId(1);
const BOB: ConnectionId = ConnectionId(2);
const CAROL: ConnectionId = ConnectionId(3);

fn sources(peers: &[(ConnectionId, u128)]) -> Vec<DownloadPeer> {
    let work = Work::from_hashes;
    let source = |(peer, claim): &(ConnectionId, u128)| DownloadPeer {
        peer: *peer,
        claim: work(*claim),
        lowest_body: 0,
    };
    peers.iter().map(source).collect()
}

/// The downloads of a node, its chain and its peers, the nearest first.
struct DownloadStory {
    chain: Chain,
    fetch: BlockDownload,
    now: Now,
    relay: BlockRelay,
    peers: Vec<(ConnectionId, u128)>,
    batches: u64,
}

impl DownloadStory {
    /// Creates a path of `blocks` blocks, and peers that have them all.
    fn new(blocks: usize, peers: &[ConnectionId]) -> Self {
        let network = easy(0);
        let now =
            Now { time: Timestamp::from_unix_ms(2_000_000_000_000), moment: MonotonicTime::from_micros(1) };
        let mut chain = Chain::new(network.clone());
        for header in branch(&network, network.genesis(), blocks, 1, 1) {
            chain.insert(header, now.time).unwrap();
        }
        let peers = peers.iter().map(|peer| (*peer, u128::MAX)).collect();
        Self { chain, fetch: BlockDownload::default(), relay: BlockRelay::default(), now, peers, batches: 0 }
    }

    fn next(&mut self) -> BTreeMap<ConnectionId, Vec<Hash>> {
        let orders = self.fetch.next(self.now, &self.chain, &self.relay, &sources(&self.peers));
        assert!(self.fetch.in_flight.len() <= WINDOW_MAX);
        orders.into_iter().collect()
    }

    fn path(&self, index: usize) -> Hash {
        *self.chain.missing_blocks().nth(index).unwrap()
    }

    fn is_unavailable(&self) -> Option<Hash> {
        self.fetch.is_unavailable(&self.chain, &sources(&self.peers))
    }

    fn received(&mut self, peer: ConnectionId, hash: &Hash) -> Result<bool, Misbehavior> {
        self.fetch.received(self.now, peer, hash)
    }

    fn body(&self, hash: Hash, peer: ConnectionId, size: usize) -> DownloadedBody {
        let block = Arc::new(self.chain.network().genesis_block());
        DownloadedBody {
            block,
            hash,
            encoded: vec![0; size].into(),
            ids: Arc::new([]),
            missing: Arc::new([]),
            peer: Some(peer),
            reorg_count: 0,
        }
    }

    /// Delivers a requested body with valid signatures.
    fn delivers(&mut self, peer: ConnectionId, hash: &Hash, size: usize) {
        assert_eq!(self.received(peer, hash), Ok(true));
        let batch = self.checks(peer, hash, size);
        let body = self.fetch.checked(batch).unwrap();
        self.fetch.keep(body, Vec::new());
    }

    fn checks(&mut self, peer: ConnectionId, hash: &Hash, size: usize) -> BatchId {
        self.batches += 1;
        let batch = BatchId(self.batches);
        self.fetch.check(batch, self.body(*hash, peer, size));
        batch
    }

    /// Connects the ready blocks. Returns their number.
    fn connect(&mut self) -> usize {
        let mut connected = 0;
        let path: Vec<_> = self.chain.missing_blocks().copied().collect();
        for hash in path {
            if self.fetch.take_ready(&hash).is_none() {
                break;
            }
            self.chain.mark_validated(&hash);
            connected += 1;
        }
        connected
    }

    fn elapse(&mut self, duration: Duration) {
        self.now.moment = self.now.moment + duration;
    }
}

#[test]
fn the_nearest_is_asked_for_its_share_and_the_next_for_the_rest() {
    let mut story = DownloadStory::new(200, &[ALICE, BOB]);
    let orders = story.next();
    let path: Vec<_> = story.chain.missing_blocks().copied().collect();
    assert_eq!(orders[&ALICE], path[..PEER_BODIES_MAX]);
    assert_eq!(orders[&BOB], path[PEER_BODIES_MAX..2 * PEER_BODIES_MAX]);
    assert!(story.next().is_empty(), "both are busy");
    for hash in &path[..PEER_BODIES_MAX / 2] {
        story.delivers(ALICE, hash, 100);
    }
    let orders = story.next();
    assert_eq!(orders[&ALICE], path[2 * PEER_BODIES_MAX..][..PEER_BODIES_MAX / 2], "half is done");
    assert_eq!(story.connect(), PEER_BODIES_MAX / 2);
}

#[test]
fn no_more_than_a_window_is_under_way() {
    let peers: Vec<_> = (0..10).map(ConnectionId).collect();
    let mut story = DownloadStory::new(WINDOW_MAX + 50, &peers);
    let asked: usize = story.next().values().map(Vec::len).sum();
    assert_eq!(asked, WINDOW_MAX);
    let second = story.path(1);
    let peer = *story.fetch.in_flight.get(&second).unwrap();
    story.delivers(peer, &second, 100);
    assert!(story.next().is_empty(), "it waits for the first");
}

#[test]
fn only_who_has_a_block_is_asked_for_it() {
    let mut story = DownloadStory::new(3, &[ALICE, BOB]);
    let works: Vec<_> =
        (0..3).map(|at| story.chain.find(&story.path(at)).unwrap().total_work.hashes()).collect();
    story.peers[0].1 = works[0];
    story.peers[1].1 = 0;
    let last = story.path(2);
    story.relay.begin(story.now.moment, last, None, 0);
    story.relay.mark_has_body(story.peers[1].0, &last);
    let orders = story.next();
    assert_eq!(orders[&ALICE], [story.path(0)]);
    assert_eq!(orders[&BOB], [last]);
    assert_eq!(story.is_unavailable(), None);
}

#[test]
fn a_body_that_was_not_asked_for_is_a_fault() {
    let mut story = DownloadStory::new(3, &[ALICE]);
    let first = story.path(0);
    assert_eq!(story.received(ALICE, &first), Err(Misbehavior::Unsolicited { packet: "body" }));
    story.next();
    assert_eq!(story.received(BOB, &first), Err(Misbehavior::Unsolicited { packet: "body" }));
    assert_eq!(
        story.fetch.received_missing(story.now, BOB, &first),
        Err(Misbehavior::Unsolicited { packet: "body" })
    );
    assert_eq!(story.received(ALICE, &first), Ok(true));
    assert_eq!(
        story.received(ALICE, &first),
        Err(Misbehavior::Unsolicited { packet: "body" }),
        "once is enough"
    );
}

#[test]
fn who_stalls_is_asked_for_less_and_closed_at_last() {
    let mut story = DownloadStory::new(200, &[ALICE]);
    let mut timeout = BODY_TIMEOUT;
    for stall in 1..=STALLS_MAX {
        let orders = story.next();
        assert_eq!(orders[&ALICE].len(), PEER_BODIES_MAX >> (stall - 1), "nobody else has them");
        assert_eq!(orders[&ALICE][0], story.path(0));
        assert_eq!(story.fetch.deadline(), Some(story.now.moment + timeout));
        story.elapse(timeout - Duration::from_micros(1));
        assert_eq!(story.fetch.tick(story.now.moment), []);
        story.elapse(Duration::from_micros(1));
        let lost = story.fetch.tick(story.now.moment);
        assert_eq!(lost, if stall == STALLS_MAX { vec![ALICE] } else { vec![] });
        assert_eq!(story.is_unavailable(), None, "late is not never");
        timeout *= 2;
    }
    story.fetch.closed(ALICE);
    assert_eq!(story.fetch.deadline(), None);
}

#[test]
fn each_body_that_comes_gives_a_peer_time_and_a_good_one_its_share_back() {
    let mut story = DownloadStory::new(200, &[ALICE]);
    story.next();
    story.elapse(BODY_TIMEOUT);
    assert!(story.fetch.tick(story.now.moment).is_empty());
    let orders = story.next();
    for hash in &orders[&ALICE] {
        story.elapse(BODY_TIMEOUT);
        assert!(story.fetch.tick(story.now.moment).is_empty());
        story.delivers(ALICE, hash, 100);
    }
    assert_eq!(story.next()[&ALICE].len(), PEER_BODIES_MAX);
}

#[test]
fn what_a_stalling_or_lost_peer_owes_is_asked_of_the_next_nearest() {
    let mut story = DownloadStory::new(10, &[ALICE, BOB, CAROL]);
    let owed = story.next().remove(&ALICE).unwrap();
    assert_eq!(owed.len(), 10);
    story.elapse(BODY_TIMEOUT);
    story.fetch.tick(story.now.moment);
    let orders = story.next();
    assert_eq!(orders, BTreeMap::from([(BOB, owed.clone())]), "Alice has not kept to her time");
    story.fetch.closed(BOB);
    story.peers.remove(1);
    assert_eq!(story.next(), BTreeMap::from([(CAROL, owed)]));
}

#[test]
fn a_late_body_is_welcome_and_nobodys_fault() {
    let mut story = DownloadStory::new(3, &[ALICE, BOB]);
    let first = story.path(0);
    story.next();
    story.elapse(BODY_TIMEOUT);
    story.fetch.tick(story.now.moment);
    assert!(story.next()[&BOB].contains(&first));
    // Alice's body arrives after all, before Bob's.
    assert_eq!(story.received(ALICE, &first), Ok(true));
    let batch = story.checks(ALICE, &first, 100);
    assert_eq!(story.received(BOB, &first), Ok(false), "it is here already, and Bob was asked for it");
    let body = story.fetch.checked(batch).unwrap();
    story.fetch.keep(body, Vec::new());
    assert_eq!(story.received(ALICE, &first), Ok(false), "and once more");
    assert_eq!(story.connect(), 1);
    let record = story.fetch.records.get(&BOB).unwrap();
    assert_eq!(record.in_flight, 2, "Bob owes the others only");
}

#[test]
fn a_missing_body_is_asked_of_others_and_then_withheld() {
    let mut story = DownloadStory::new(2, &[ALICE, BOB]);
    let first = story.path(0);
    story.next();
    story.fetch.received_missing(story.now, ALICE, &first).unwrap();
    assert_eq!(story.is_unavailable(), None);
    assert_eq!(story.next(), BTreeMap::from([(BOB, vec![first])]));
    assert_eq!(story.is_unavailable(), None, "Bob is being asked");
    story.fetch.received_missing(story.now, BOB, &first).unwrap();
    assert_eq!(story.is_unavailable(), Some(first));
    assert!(story.next().is_empty());
    // A peer that verifies it later can be asked again.
    story.fetch.mark_has_body(BOB, &first);
    assert_eq!(story.is_unavailable(), None);
    assert_eq!(story.next(), BTreeMap::from([(BOB, vec![first])]));
    story.fetch.received_missing(story.now, BOB, &first).unwrap();
    story.chain.remove_unavailable(&first);
    assert_eq!((story.is_unavailable(), story.chain.missing_blocks().len()), (None, 0));
}

#[test]
fn when_much_is_held_only_the_lowest_is_asked_for() {
    let size = 1 << 20;
    let most = HELD_BYTES_MAX / size;
    let mut story = DownloadStory::new(200, &[ALICE, BOB]);
    let owed = story.next();
    for hash in &owed[&ALICE][1..=most] {
        story.delivers(ALICE, hash, size);
    }
    // Alice disconnects with the body that all others wait for.
    story.fetch.closed(ALICE);
    story.peers.remove(0);
    for hash in &owed[&BOB] {
        assert_eq!(story.received(BOB, hash), Ok(true));
        story.fetch.pending.insert(*hash);
    }
    let first = story.path(0);
    assert_eq!(story.next(), BTreeMap::from([(BOB, vec![first])]));
    story.delivers(BOB, &first, size);
    assert_eq!(story.connect(), most + 1);
    assert_eq!(story.fetch.held_bytes, 0);
    assert!(story.next()[&BOB].len() > 1);
}

#[test]
fn bodies_off_the_path_give_way_when_much_is_held() {
    let size = 1 << 20;
    let most = HELD_BYTES_MAX / size;
    let mut story = DownloadStory::new(50, &[ALICE]);
    let owed = story.next().remove(&ALICE).unwrap();
    for hash in &owed[1..=most] {
        story.delivers(ALICE, hash, size);
    }
    story.fetch.prune(&story.chain);
    assert_eq!(story.fetch.ready.len(), most, "they are on the path");
    story.chain.remove_unavailable(&owed[0]);
    story.fetch.prune(&story.chain);
    assert_eq!((story.fetch.ready.len(), story.fetch.held_bytes), (0, 0));
    assert!(!story.fetch.pending.contains(&owed[1]));
}

#[test]
fn a_peer_that_prunes_is_not_asked_for_what_it_deleted() {
    let mut story = DownloadStory::new(10, &[]);
    let source = |peer, lowest_body| DownloadPeer { peer, claim: Work::from_hashes(u128::MAX), lowest_body };
    let next = |story: &mut DownloadStory, sources: &[DownloadPeer]| -> BTreeMap<ConnectionId, Vec<Hash>> {
        story.fetch.next(story.now, &story.chain, &story.relay, sources).into_iter().collect()
    };
    let lacking = |story: &DownloadStory, sources: &[DownloadPeer]| {
        let lacking = story.fetch.pruned_everywhere(story.now, &story.chain, &story.relay, sources);
        lacking.map(|block| block.header.height)
    };
    // Bob is nearest, and has the blocks from height 7 on.
    let pruned = [source(BOB, 7)];
    assert_eq!(next(&mut story, &pruned)[&BOB], (6..10).map(|index| story.path(index)).collect::<Vec<_>>());
    assert_eq!(lacking(&story, &pruned), Some(1));
    assert_eq!(story.fetch.is_unavailable(&story.chain, &pruned), None, "he was not asked");
    // Alice has them all.
    let both = [source(BOB, 7), source(ALICE, 0)];
    assert_eq!(lacking(&story, &both), None);
    assert_eq!(next(&mut story, &both)[&ALICE], (0..6).map(|index| story.path(index)).collect::<Vec<_>>());
    assert_eq!(lacking(&story, &pruned), None, "what was requested is on its way");
    assert_eq!(lacking(&DownloadStory::new(3, &[]), &[]), None, "nobody has it at all");
}

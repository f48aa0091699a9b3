//! Relay: who knows of the newest blocks, who has them, and to whom a body is still to be pushed.
//!
//! A header is passed on at once to everybody who has not announced it. That flood draws, block by block, the tree along
//! which the body is to travel: a peer that hears of the block elsewhere first announces it back to us, within a round trip
//! of our own announcement at the latest; one that stays silent for so long heard it first from us, and waits for its body.
//! So nobody has to ask. Where the latency graph predicts the tree, nobody has to wait for the silence either; and a body as
//! small as an announcement is not worth waiting for. Whoever is missed out asks after [`PUSH_PATIENCE`].
//!
//! Bounds: [`BLOCKS_MAX`] blocks, for each at most every peer once in each set, and [`PARTIALS_MAX`] bodies that wait for parts.

use core::time::Duration;
use std::collections::VecDeque;

use bytes::Bytes;

use crate::compact::Partial;
use crate::connection::PeerId;
use crate::hash::Hash;
use crate::kernel::prefetch::prefetch;
use crate::sorted::Sorted;
use crate::time::Moment;

/// The newest blocks of which it is known who knows them; of older ones everybody is asked who claims the work.
pub const BLOCKS_MAX: usize = 64;
/// A compact body of at most so many bytes goes to everybody who was silent so far: it costs less than it may save.
pub const EAGER_BYTES_MAX: usize = 1_024;
/// How long a body is expected to be pushed before it is asked for.
pub const PUSH_PATIENCE: Duration = Duration::from_secs(1);
/// The bodies that wait for parts; when full, the oldest is given up, and asked for whole in its time.
pub const PARTIALS_MAX: usize = 8;
/// What a peer's announcement may take beyond its round trip: its own work on the header.
const SILENCE_MARGIN: Duration = Duration::from_millis(3);
/// A round trip that is not measured yet.
const UNMEASURED: Duration = Duration::from_millis(200);
/// Of 1,000: from what share on the graph's prediction is acted upon.
const FORECAST_MIN: u16 = 500;

/// It said to know the header.
const AWARE: u8 = 1;
/// We told it of the header.
const TOLD: u8 = 2;
/// It has the body: it said so, or was sent it by us.
const HOLDS: u8 = 4;
/// It asked for the body before we had it.
const ASKS: u8 = 8;

/// What each peer has to do with a block: in one place, which is read for every copy of a header.
#[derive(Debug)]
struct Marks(Sorted<PeerId, u8>);

impl Marks {
    /// Whether a peer has one of some marks.
    fn has(&self, peer: PeerId, marks: u8) -> bool {
        self.0.get(&peer).is_some_and(|held| held & marks != 0)
    }

    /// Marks a peer; whether it had not one of these marks.
    fn set(&mut self, peer: PeerId, marks: u8) -> bool {
        let held = self.0.get_or_default(peer);
        let is_new = *held & marks == 0;
        *held |= marks;
        is_new
    }
}

/// How far a block has spread around us.
#[derive(Debug)]
struct Spread {
    hash: Hash,
    /// Who told us first; none: it is ours.
    first: Option<PeerId>,
    /// When we heard of it.
    since: Moment,
    marks: Marks,
    /// Who is told apart from a child of ours only by silence, and until when.
    doubtful: Vec<(Moment, PeerId)>,
    /// The body to be pushed, as long as somebody is doubtful.
    frame: Option<Bytes>,
}

/// A peer to whom a body may be pushed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Prospect {
    pub(crate) peer: PeerId,
    pub(crate) rtt: Option<Duration>,
    /// Of 1,000: how likely it hears of the block first from us, as far as the graph can tell.
    pub(crate) forecast: Option<u16>,
    /// How many nodes are expected to hear of it through this peer, as far as the graph can tell.
    pub(crate) behind: u32,
}

/// The newest blocks' spread.
#[derive(Debug, Default)]
pub(crate) struct Relay {
    spreads: VecDeque<Spread>,
    partials: VecDeque<(Hash, PeerId, Partial)>,
    /// When the next doubtful peer may have been silent for long enough.
    wake: Option<Moment>,
}

impl Relay {
    /// Has what is known of the newest block fetched.
    pub(crate) fn prefetch(&self) {
        if let Some(newest) = self.spreads.back() {
            prefetch(&newest.hash);
            prefetch(&newest.marks);
            prefetch(&newest.doubtful);
        }
    }

    /// And then what the peers have to do with it.
    pub(crate) fn prefetch_marks(&self) {
        if let Some(newest) = self.spreads.back() {
            newest.marks.0.prefetch();
        }
    }

    fn find(&self, hash: &Hash) -> Option<&Spread> {
        self.spreads.iter().rev().find(|spread| spread.hash == *hash)
    }

    fn find_mut(&mut self, hash: &Hash) -> Option<&mut Spread> {
        self.spreads.iter_mut().rev().find(|spread| spread.hash == *hash)
    }

    /// A header is known now, first from this peer; there are so many `peers`.
    pub(crate) fn begin(&mut self, now: Moment, hash: Hash, first: Option<PeerId>, peers: usize) {
        if self.find(&hash).is_some() {
            return;
        }
        if self.spreads.len() == BLOCKS_MAX {
            self.spreads.pop_front();
        }
        let mut marks = Marks(Sorted::with_capacity(peers));
        if let Some(first) = first {
            marks.set(first, AWARE);
        }
        self.spreads.push_back(Spread { hash, first, since: now, marks, doubtful: Vec::new(), frame: None });
    }

    /// A peer announces a header. Whether the block was known, and there is nothing more to do.
    pub(crate) fn announced(&mut self, peer: PeerId, hash: &Hash) -> bool {
        let Some(spread) = self.find_mut(hash) else { return false };
        spread.marks.set(peer, AWARE);
        spread.doubtful.retain(|(_, doubtful)| *doubtful != peer);
        true
    }

    /// Who told us first of a block, and when.
    pub(crate) fn first(&self, hash: &Hash) -> Option<(Option<PeerId>, Moment)> {
        self.find(hash).map(|spread| (spread.first, spread.since))
    }

    /// Whether a peer is to be told of a header: it is taken as told from now on.
    pub(crate) fn tell(&mut self, peer: PeerId, hash: &Hash) -> bool {
        self.find_mut(hash)
            .is_some_and(|spread| !spread.marks.has(peer, AWARE) && spread.marks.set(peer, TOLD))
    }

    /// A peer has a block's body.
    pub(crate) fn holds(&mut self, peer: PeerId, hash: &Hash) {
        if let Some(spread) = self.find_mut(hash) {
            spread.marks.set(peer, AWARE | HOLDS);
            spread.doubtful.retain(|(_, doubtful)| *doubtful != peer);
        }
    }

    /// A peer asked for a body that we do not have yet: it is pushed as soon as we do.
    pub(crate) fn asked(&mut self, peer: PeerId, hash: &Hash) {
        if let Some(spread) = self.find_mut(hash) {
            spread.marks.set(peer, ASKS);
        }
    }

    /// Whether a peer can be asked for a body: it said to have it, or has known the header for so long that it should.
    pub(crate) fn can_bring(&self, now: Moment, peer: PeerId, hash: &Hash) -> bool {
        self.find(hash).is_some_and(|spread| {
            spread.marks.has(peer, HOLDS)
                || spread.marks.has(peer, AWARE) && now >= spread.since + PUSH_PATIENCE
        })
    }

    /// Whether anybody said to have a body, or was sent it by us.
    pub(crate) fn is_held(&self, hash: &Hash) -> bool {
        self.find(hash).is_some_and(|spread| spread.marks.0.values().any(|marks| marks & HOLDS != 0))
    }

    /// Until when a body is expected to be pushed to us.
    pub(crate) fn expected_until(&self, hash: &Hash) -> Option<Moment> {
        self.find(hash).map(|spread| spread.since + PUSH_PATIENCE)
    }

    /// The body is there: whom to push it to at once. Who is doubtful is remembered, and comes in [`Relay::tick`].
    pub(crate) fn push(
        &mut self,
        now: Moment,
        hash: &Hash,
        frame: &Bytes,
        prospects: impl Iterator<Item = Prospect>,
    ) -> Vec<PeerId> {
        let Some(spread) = self.find_mut(hash) else { return Vec::new() };
        let (mut pushed, mut doubtful) = (Vec::new(), Vec::new());
        let mut prospects: Vec<_> = prospects.collect();
        // Large bodies leave one after the other: whom most nodes wait for is served first, as far as there is a graph.
        if cfg!(feature = "full") {
            prospects.sort_by_key(|prospect| core::cmp::Reverse(prospect.behind));
        }
        for Prospect { peer, rtt, forecast, .. } in prospects {
            if spread.marks.has(peer, HOLDS) {
                continue;
            }
            let is_asker = spread.marks.has(peer, ASKS);
            if !is_asker && (spread.marks.has(peer, AWARE) || !spread.marks.has(peer, TOLD)) {
                continue;
            }
            let silent = spread.since + silence(rtt);
            let is_likely = forecast.is_some_and(|share| share >= FORECAST_MIN);
            if is_asker || frame.len() <= EAGER_BYTES_MAX || now >= silent || is_likely {
                spread.marks.set(peer, HOLDS);
                pushed.push(peer);
            } else {
                doubtful.push((silent, peer));
            }
        }
        spread.frame = (!doubtful.is_empty()).then(|| frame.clone());
        spread.doubtful = doubtful;
        let next = spread.doubtful.iter().map(|(at, _)| *at).min();
        self.wake = self.wake.into_iter().chain(next).min();
        pushed
    }

    /// When the next doubtful peer has been silent for long enough.
    pub(crate) fn deadline(&self) -> Option<Moment> {
        self.wake
    }

    /// The peers that have been silent for long enough, with the bodies to push to them.
    pub(crate) fn tick(&mut self, now: Moment) -> Vec<(PeerId, Bytes)> {
        let mut pushed = Vec::new();
        if self.wake.is_none_or(|wake| now < wake) {
            return pushed;
        }
        for spread in &mut self.spreads {
            let Some(frame) = &spread.frame else { continue };
            for (at, peer) in &spread.doubtful {
                if *at <= now && spread.marks.set(*peer, HOLDS) {
                    pushed.push((*peer, frame.clone()));
                }
            }
            spread.doubtful.retain(|(at, _)| *at > now);
            if spread.doubtful.is_empty() {
                spread.frame = None;
            }
        }
        self.wake = self.spreads.iter().flat_map(|spread| &spread.doubtful).map(|(at, _)| *at).min();
        pushed
    }

    /// Keeps a body that waits for parts from a peer.
    pub(crate) fn keep(&mut self, hash: Hash, peer: PeerId, partial: Partial) {
        if self.partials.len() == PARTIALS_MAX {
            self.partials.pop_front();
        }
        self.partials.push_back((hash, peer, partial));
    }

    /// Whether a body waits for parts.
    pub(crate) fn is_partial(&self, hash: &Hash) -> bool {
        self.partials.iter().any(|(partial, ..)| partial == hash)
    }

    /// Takes out the body that waits for parts from this peer.
    pub(crate) fn take_partial(&mut self, hash: &Hash, peer: PeerId) -> Option<Partial> {
        let place = self.partials.iter().position(|(partial, from, _)| partial == hash && *from == peer)?;
        self.partials.remove(place).map(|(.., partial)| partial)
    }

    /// A connection closed: what waits for it is given up.
    pub(crate) fn closed(&mut self, peer: PeerId) {
        self.partials.retain(|(_, from, _)| *from != peer);
        for spread in &mut self.spreads {
            spread.doubtful.retain(|(_, doubtful)| *doubtful != peer);
        }
    }
}

/// How long a peer may take to announce a header back to us that it heard of elsewhere.
fn silence(rtt: Option<Duration>) -> Duration {
    let rtt = rtt.unwrap_or(UNMEASURED);
    rtt + rtt / 8 + SILENCE_MARGIN
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: Hash = Hash::ZERO;
    const ALICE: PeerId = PeerId(1);
    const BOB: PeerId = PeerId(2);
    const CAROL: PeerId = PeerId(3);

    fn at(ms: u64) -> Moment {
        Moment::from_micros(ms * 1_000)
    }

    fn prospects(forecasts: [Option<u16>; 2]) -> impl Iterator<Item = Prospect> {
        [BOB, CAROL].into_iter().zip(forecasts).map(|(peer, forecast)| Prospect {
            peer,
            rtt: Some(Duration::from_millis(80)),
            forecast,
            behind: 0,
        })
    }

    /// Alice told us; we told Bob and Carol.
    fn relay() -> Relay {
        let mut relay = Relay::default();
        relay.begin(at(0), HASH, Some(ALICE), 3);
        assert!(!relay.tell(ALICE, &HASH));
        assert!(relay.tell(BOB, &HASH) && relay.tell(CAROL, &HASH));
        assert!(!relay.tell(BOB, &HASH));
        relay
    }

    #[test]
    fn a_small_body_goes_to_all_who_were_silent_so_far() {
        let mut relay = relay();
        relay.announced(BOB, &HASH);
        let frame = Bytes::from(vec![0; EAGER_BYTES_MAX]);
        assert_eq!(relay.push(at(1), &HASH, &frame, prospects([None; 2])), [CAROL]);
        assert_eq!(relay.push(at(2), &HASH, &frame, prospects([None; 2])), []);
    }

    #[test]
    fn a_large_body_goes_to_whom_the_graph_predicts_and_to_others_after_their_silence() {
        let mut relay = relay();
        let frame = Bytes::from(vec![0; EAGER_BYTES_MAX + 1]);
        assert_eq!(relay.push(at(5), &HASH, &frame, prospects([Some(FORECAST_MIN), Some(0)])), [BOB]);
        assert_eq!(relay.deadline(), Some(at(93)));
        assert!(relay.tick(at(92)).is_empty());
        assert_eq!(relay.tick(at(93)), [(CAROL, frame)]);
        assert_eq!(relay.deadline(), None);
    }

    #[test]
    fn whom_most_nodes_wait_for_is_served_first() {
        let mut relay = relay();
        let frame = Bytes::from(vec![0; EAGER_BYTES_MAX + 1]);
        let waiting = prospects([Some(FORECAST_MIN); 2]).zip([3, 4]);
        let waiting = waiting.map(|(prospect, behind)| Prospect { behind, ..prospect });
        assert_eq!(relay.push(at(5), &HASH, &frame, waiting), [CAROL, BOB]);
    }

    #[test]
    fn who_announces_the_block_back_is_no_child_of_ours() {
        let mut relay = relay();
        let frame = Bytes::from(vec![0; EAGER_BYTES_MAX + 1]);
        assert_eq!(relay.push(at(5), &HASH, &frame, prospects([None; 2])), []);
        relay.announced(BOB, &HASH);
        assert_eq!(relay.tick(at(100)), [(CAROL, frame)]);
    }

    #[test]
    fn who_was_missed_out_can_ask() {
        let mut relay = relay();
        relay.announced(BOB, &HASH);
        relay.asked(BOB, &HASH);
        assert!(!relay.can_bring(at(999), BOB, &HASH) && relay.can_bring(at(1_000), BOB, &HASH));
        let frame = Bytes::from(vec![0; EAGER_BYTES_MAX + 1]);
        assert_eq!(relay.push(at(5), &HASH, &frame, prospects([None; 2])), [BOB]);
        relay.holds(BOB, &HASH);
        assert!(relay.can_bring(at(0), BOB, &HASH));
    }

    #[test]
    fn only_the_newest_blocks_are_remembered() {
        let mut relay = relay();
        for n in 0..BLOCKS_MAX {
            relay.begin(at(1), Hash::of(&n.to_be_bytes()), None, 0);
        }
        assert!(relay.first(&HASH).is_none());
        assert_eq!(relay.spreads.len(), BLOCKS_MAX);
    }
}

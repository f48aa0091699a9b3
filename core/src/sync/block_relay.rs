//! Relay: tracks which peers know and have the newest blocks, and which peers still need a body
//! pushed.
//!
//! Specified in PROTOCOL.md, "On the wire".
//!
//! A header is passed on at once to every peer that has not announced it. For each block, that
//! flood reveals the tree along which the body is to travel. A peer that hears of the block from
//! another announces it back to us, within a round trip of our own announcement at the latest. A
//! peer that stays silent for that long heard it first from us, and waits for its body. So no peer
//! has to ask.
//!
//! Where the latency graph predicts the tree, the body is pushed without waiting for the silence. A
//! body as small as an announcement is not worth waiting for either. A peer that is missed asks
//! after [`PUSH_PATIENCE`].
//!
//! Bounds: [`BLOCKS_MAX`] blocks, for each at most every peer once in each set, and
//! [`PARTIALS_MAX`] bodies that wait for parts.

use core::time::Duration;
use std::collections::VecDeque;

use bytes::Bytes;

use crate::primitives::collections::vec_map::VecMap;
use crate::primitives::hash::Hash;
use crate::primitives::prefetch::prefetch;
use crate::primitives::time::MonotonicTime;
use crate::protocol::compact_block::PartialBlock;
use crate::protocol::connection::ConnectionId;

/// The number of newest blocks that are tracked. The bodies of older ones are requested from any
/// peer that claims the work.
pub(crate) const BLOCKS_MAX: usize = 64;
/// The most bytes of a compact body that goes to every peer that was silent until now: it costs
/// less than it may save.
pub const EAGER_BYTES_MAX: usize = 1_024;
/// The time for which a body is expected to be pushed before it is requested.
pub const PUSH_PATIENCE: Duration = Duration::from_secs(1);
/// The most bodies that wait for parts. When full, the oldest is given up, and its block is
/// requested whole later.
pub(crate) const PARTIALS_MAX: usize = 8;
/// The time that a peer's announcement may take beyond its round trip, for its own work on the
/// header.
const SILENCE_MARGIN: Duration = Duration::from_millis(3);
/// The assumed value of a round trip that is not measured yet.
const UNMEASURED: Duration = Duration::from_millis(200);
/// The probability, in thousandths, from which on the graph's prediction is acted upon.
const FORECAST_MIN: u16 = 500;

/// The peer knows the header, because it announced it.
const KNOWS_HEADER: u8 = 1;
/// We announced the header to the peer.
const ANNOUNCED: u8 = 2;
/// The peer has the body: it said so, or we sent it.
const HAS_BODY: u8 = 4;
/// The peer requested the body before we had it.
const REQUESTED: u8 = 8;

/// The flags of each peer for a block. They lie in one place, which is read for every copy of a
/// header.
#[derive(Debug)]
struct PeerFlags(VecMap<ConnectionId, u8>);

impl PeerFlags {
    /// Returns true if a peer has one of some flags.
    fn has(&self, peer: ConnectionId, flags: u8) -> bool {
        self.0.get(&peer).is_some_and(|held| held & flags != 0)
    }

    /// Sets flags for a peer. Returns true if none of them was set before.
    fn set(&mut self, peer: ConnectionId, flags: u8) -> bool {
        let held = self.0.get_or_default(peer);
        let is_new = *held & flags == 0;
        *held |= flags;
        is_new
    }
}

/// The propagation of a block around us.
#[derive(Debug)]
struct Propagation {
    hash: Hash,
    /// The peer that announced it first. `None` for our own block.
    first: Option<ConnectionId>,
    /// When we heard of it.
    since: MonotonicTime,
    flags: PeerFlags,
    /// The undecided peers, each with the time after which its silence shows that it needs the
    /// body.
    undecided: Vec<(MonotonicTime, ConnectionId)>,
    /// The body to push, as long as a peer is undecided.
    frame: Option<Bytes>,
}

/// A peer that may need a body pushed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PushCandidate {
    pub(crate) peer: ConnectionId,
    pub(crate) rtt: Option<Duration>,
    /// The probability, in thousandths, that it hears of the block first from us, if the graph can
    /// tell.
    pub(crate) forecast: Option<u16>,
    /// The expected number of nodes that hear of it through this peer, if the graph can tell.
    pub(crate) downstream_nodes: u32,
}

/// The propagation of the newest blocks.
#[derive(Debug, Default)]
pub(crate) struct BlockRelay {
    propagations: VecDeque<Propagation>,
    partials: VecDeque<(Hash, ConnectionId, PartialBlock)>,
    /// When the silence of the next undecided peer may have lasted long enough.
    wake: Option<MonotonicTime>,
}

impl BlockRelay {
    /// Prefetches the state of the newest block.
    pub(crate) fn prefetch(&self) {
        if let Some(newest) = self.propagations.back() {
            prefetch(&newest.hash);
            prefetch(&newest.flags);
            prefetch(&newest.undecided);
        }
    }

    /// Prefetches the peers' flags for the newest block, after [`Self::prefetch`].
    pub(crate) fn prefetch_flags(&self) {
        if let Some(newest) = self.propagations.back() {
            newest.flags.0.prefetch();
        }
    }

    fn find(&self, hash: &Hash) -> Option<&Propagation> {
        self.propagations.iter().rev().find(|propagation| propagation.hash == *hash)
    }

    fn find_mut(&mut self, hash: &Hash) -> Option<&mut Propagation> {
        self.propagations.iter_mut().rev().find(|propagation| propagation.hash == *hash)
    }

    /// Starts tracking a header, first announced by this peer. `peers` is the number of peers.
    pub(crate) fn begin(
        &mut self,
        now: MonotonicTime,
        hash: Hash,
        first: Option<ConnectionId>,
        peers: usize,
    ) {
        if self.find(&hash).is_some() {
            return;
        }
        if self.propagations.len() == BLOCKS_MAX {
            self.propagations.pop_front();
        }
        let mut flags = PeerFlags(VecMap::with_capacity(peers));
        if let Some(first) = first {
            flags.set(first, KNOWS_HEADER);
        }
        self.propagations.push_back(Propagation {
            hash,
            first,
            since: now,
            flags,
            undecided: Vec::new(),
            frame: None,
        });
    }

    /// Notes that a peer announced a header. Returns true if the block was known, so that no
    /// further step is needed.
    pub(crate) fn announced(&mut self, peer: ConnectionId, hash: &Hash) -> bool {
        let Some(propagation) = self.find_mut(hash) else { return false };
        propagation.flags.set(peer, KNOWS_HEADER);
        propagation.undecided.retain(|(_, undecided)| *undecided != peer);
        true
    }

    /// Returns the peer that announced a block first, and when.
    pub(crate) fn first(&self, hash: &Hash) -> Option<(Option<ConnectionId>, MonotonicTime)> {
        self.find(hash).map(|propagation| (propagation.first, propagation.since))
    }

    /// Returns true if a header has to be announced to a peer, and flags it as announced.
    pub(crate) fn mark_announced(&mut self, peer: ConnectionId, hash: &Hash) -> bool {
        self.find_mut(hash).is_some_and(|propagation| {
            !propagation.flags.has(peer, KNOWS_HEADER) && propagation.flags.set(peer, ANNOUNCED)
        })
    }

    /// Notes that a peer has a block's body.
    pub(crate) fn mark_has_body(&mut self, peer: ConnectionId, hash: &Hash) {
        if let Some(propagation) = self.find_mut(hash) {
            propagation.flags.set(peer, KNOWS_HEADER | HAS_BODY);
            propagation.undecided.retain(|(_, undecided)| *undecided != peer);
        }
    }

    /// Notes that a peer requested a body that we do not have yet. It is pushed as soon as we have
    /// it.
    pub(crate) fn mark_requested(&mut self, peer: ConnectionId, hash: &Hash) {
        if let Some(propagation) = self.find_mut(hash) {
            propagation.flags.set(peer, REQUESTED);
        }
    }

    /// Returns true if a body can be requested from a peer: it has announced the body, or has known
    /// the header long enough.
    pub(crate) fn can_serve(&self, now: MonotonicTime, peer: ConnectionId, hash: &Hash) -> bool {
        self.find(hash).is_some_and(|propagation| {
            propagation.flags.has(peer, HAS_BODY)
                || propagation.flags.has(peer, KNOWS_HEADER) && now >= propagation.since + PUSH_PATIENCE
        })
    }

    /// Returns true if any peer has announced a body or was sent it by us.
    pub(crate) fn is_held(&self, hash: &Hash) -> bool {
        self.find(hash)
            .is_some_and(|propagation| propagation.flags.0.values().any(|flags| flags & HAS_BODY != 0))
    }

    /// Returns the time until which a body is expected to be pushed to us.
    pub(crate) fn expected_until(&self, hash: &Hash) -> Option<MonotonicTime> {
        self.find(hash).map(|propagation| propagation.since + PUSH_PATIENCE)
    }

    /// Returns the peers to push the body to now. Undecided peers are queued and returned later by
    /// [`BlockRelay::tick`].
    pub(crate) fn push(
        &mut self,
        now: MonotonicTime,
        hash: &Hash,
        frame: &Bytes,
        candidates: impl Iterator<Item = PushCandidate>,
    ) -> Vec<ConnectionId> {
        let Some(propagation) = self.find_mut(hash) else { return Vec::new() };
        let (mut pushed, mut undecided) = (Vec::new(), Vec::new());
        let mut candidates: Vec<_> = candidates.collect();
        // Large bodies leave one after the other. If there is a graph, the peer with most nodes
        // downstream is served first.
        if cfg!(feature = "full") {
            candidates.sort_by_key(|candidate| core::cmp::Reverse(candidate.downstream_nodes));
        }
        for PushCandidate { peer, rtt, forecast, .. } in candidates {
            if propagation.flags.has(peer, HAS_BODY) {
                continue;
            }
            let is_asker = propagation.flags.has(peer, REQUESTED);
            if !is_asker
                && (propagation.flags.has(peer, KNOWS_HEADER) || !propagation.flags.has(peer, ANNOUNCED))
            {
                continue;
            }
            let silent = propagation.since + silence(rtt);
            let is_likely = forecast.is_some_and(|share| share >= FORECAST_MIN);
            if is_asker || frame.len() <= EAGER_BYTES_MAX || now >= silent || is_likely {
                propagation.flags.set(peer, HAS_BODY);
                pushed.push(peer);
            } else {
                undecided.push((silent, peer));
            }
        }
        propagation.frame = (!undecided.is_empty()).then(|| frame.clone());
        propagation.undecided = undecided;
        let next = propagation.undecided.iter().map(|(at, _)| *at).min();
        self.wake = self.wake.into_iter().chain(next).min();
        pushed
    }

    /// Returns when the next undecided peer has been silent for long enough.
    pub(crate) fn deadline(&self) -> Option<MonotonicTime> {
        self.wake
    }

    /// Returns the peers that have been silent for long enough, with the bodies to push to them.
    pub(crate) fn tick(&mut self, now: MonotonicTime) -> Vec<(ConnectionId, Bytes)> {
        let mut pushed = Vec::new();
        if self.wake.is_none_or(|wake| now < wake) {
            return pushed;
        }
        for propagation in &mut self.propagations {
            let Some(frame) = &propagation.frame else { continue };
            for (at, peer) in &propagation.undecided {
                if *at <= now && propagation.flags.set(*peer, HAS_BODY) {
                    pushed.push((*peer, frame.clone()));
                }
            }
            propagation.undecided.retain(|(at, _)| *at > now);
            if propagation.undecided.is_empty() {
                propagation.frame = None;
            }
        }
        self.wake =
            self.propagations.iter().flat_map(|propagation| &propagation.undecided).map(|(at, _)| *at).min();
        pushed
    }

    /// Keeps a body that waits for parts from a peer.
    pub(crate) fn keep(&mut self, hash: Hash, peer: ConnectionId, partial: PartialBlock) {
        if self.partials.len() == PARTIALS_MAX {
            self.partials.pop_front();
        }
        self.partials.push_back((hash, peer, partial));
    }

    /// Returns true if a body waits for parts.
    pub(crate) fn is_partial(&self, hash: &Hash) -> bool {
        self.partials.iter().any(|(partial, ..)| partial == hash)
    }

    /// Removes and returns the body that waits for parts from this peer.
    pub(crate) fn take_partial(&mut self, hash: &Hash, peer: ConnectionId) -> Option<PartialBlock> {
        let place = self.partials.iter().position(|(partial, from, _)| partial == hash && *from == peer)?;
        self.partials.remove(place).map(|(.., partial)| partial)
    }

    /// Handles a closed connection: bodies that wait for its parts are given up.
    pub(crate) fn closed(&mut self, peer: ConnectionId) {
        self.partials.retain(|(_, from, _)| *from != peer);
        for propagation in &mut self.propagations {
            propagation.undecided.retain(|(_, undecided)| *undecided != peer);
        }
    }
}

/// Returns the time within which a peer must announce a header back to us if it heard of it from
/// another.
fn silence(rtt: Option<Duration>) -> Duration {
    let rtt = rtt.unwrap_or(UNMEASURED);
    rtt + rtt / 8 + SILENCE_MARGIN
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: Hash = Hash::ZERO;
    const ALICE: ConnectionId = ConnectionId(1);
    const BOB: ConnectionId = ConnectionId(2);
    const CAROL: ConnectionId = ConnectionId(3);

    fn at(ms: u64) -> MonotonicTime {
        MonotonicTime::from_micros(ms * 1_000)
    }

    fn candidates(forecasts: [Option<u16>; 2]) -> impl Iterator<Item = PushCandidate> {
        [BOB, CAROL].into_iter().zip(forecasts).map(|(peer, forecast)| PushCandidate {
            peer,
            rtt: Some(Duration::from_millis(80)),
            forecast,
            downstream_nodes: 0,
        })
    }

    /// Returns a relay. Alice announced the block to us, and we announced it to Bob and Carol.
    fn relay() -> BlockRelay {
        let mut relay = BlockRelay::default();
        relay.begin(at(0), HASH, Some(ALICE), 3);
        assert!(!relay.mark_announced(ALICE, &HASH));
        assert!(relay.mark_announced(BOB, &HASH) && relay.mark_announced(CAROL, &HASH));
        assert!(!relay.mark_announced(BOB, &HASH));
        relay
    }

    #[test]
    fn a_small_body_goes_to_all_who_were_silent_so_far() {
        let mut relay = relay();
        relay.announced(BOB, &HASH);
        let frame = Bytes::from(vec![0; EAGER_BYTES_MAX]);
        assert_eq!(relay.push(at(1), &HASH, &frame, candidates([None; 2])), [CAROL]);
        assert_eq!(relay.push(at(2), &HASH, &frame, candidates([None; 2])), []);
    }

    #[test]
    fn a_large_body_goes_to_predicted_peers_and_then_to_silent_ones() {
        let mut relay = relay();
        let frame = Bytes::from(vec![0; EAGER_BYTES_MAX + 1]);
        assert_eq!(relay.push(at(5), &HASH, &frame, candidates([Some(FORECAST_MIN), Some(0)])), [BOB]);
        assert_eq!(relay.deadline(), Some(at(93)));
        assert!(relay.tick(at(92)).is_empty());
        assert_eq!(relay.tick(at(93)), [(CAROL, frame)]);
        assert_eq!(relay.deadline(), None);
    }

    #[test]
    fn whom_most_nodes_wait_for_is_served_first() {
        let mut relay = relay();
        let frame = Bytes::from(vec![0; EAGER_BYTES_MAX + 1]);
        let waiting = candidates([Some(FORECAST_MIN); 2]).zip([3, 4]);
        let waiting =
            waiting.map(|(candidate, downstream_nodes)| PushCandidate { downstream_nodes, ..candidate });
        assert_eq!(relay.push(at(5), &HASH, &frame, waiting), [CAROL, BOB]);
    }

    #[test]
    fn who_announces_the_block_back_is_no_child_of_ours() {
        let mut relay = relay();
        let frame = Bytes::from(vec![0; EAGER_BYTES_MAX + 1]);
        assert_eq!(relay.push(at(5), &HASH, &frame, candidates([None; 2])), []);
        relay.announced(BOB, &HASH);
        assert_eq!(relay.tick(at(100)), [(CAROL, frame)]);
    }

    #[test]
    fn who_was_missed_out_can_ask() {
        let mut relay = relay();
        relay.announced(BOB, &HASH);
        relay.mark_requested(BOB, &HASH);
        assert!(!relay.can_serve(at(999), BOB, &HASH) && relay.can_serve(at(1_000), BOB, &HASH));
        let frame = Bytes::from(vec![0; EAGER_BYTES_MAX + 1]);
        assert_eq!(relay.push(at(5), &HASH, &frame, candidates([None; 2])), [BOB]);
        relay.mark_has_body(BOB, &HASH);
        assert!(relay.can_serve(at(0), BOB, &HASH));
    }

    #[test]
    fn only_the_newest_blocks_are_remembered() {
        let mut relay = relay();
        for n in 0..BLOCKS_MAX {
            relay.begin(at(1), Hash::of(&n.to_be_bytes()), None, 0);
        }
        assert!(relay.first(&HASH).is_none());
        assert_eq!(relay.propagations.len(), BLOCKS_MAX);
    }
}

//! The choice of the peer to ask for headers.
//!
//! The nearest peer that claims more work than ours is asked. A peer whose answer was useless is
//! backed off until it claims more.
//!
//! Bounds: one entry in each map for each connected peer.

use core::time::Duration;

use super::PROOF_INTERVAL;
use super::request::InFlightRequest;
use crate::ledger::validation;
use crate::primitives::block::Header;
use crate::primitives::collections::vec_map::VecMap;
use crate::primitives::pow::Work;
use crate::primitives::time::{MonotonicTime, Now};
use crate::protocol::connection::ConnectionId;

/// A peer that may be asked, as the node sees it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HeadersPeer {
    pub(crate) peer: ConnectionId,
    pub(crate) latency: Duration,
    /// The best known work of the peer: reported, shown or guessed.
    pub(crate) claim: Work,
    /// The work that it reported in the handshake.
    pub(crate) said: Work,
    pub(crate) height: u64,
}

/// The backoff of a peer whose last answer was useless.
#[derive(Clone, Copy, Debug, Default)]
struct PeerBackoff {
    /// It is not asked again before it claims more than this.
    claim: Work,
    /// Alternatively, not before this moment, when its next header becomes acceptable.
    again: Option<MonotonicTime>,
    /// The number of useless answers since it last extended the best header.
    failures: u32,
}

/// The record of the peers' answers.
#[derive(Debug, Default)]
pub(super) struct PeerRecords {
    /// Peers that showed less than they claimed.
    backoff: VecMap<ConnectionId, PeerBackoff>,
    /// Peers that had no proof to give.
    proofless: VecMap<ConnectionId, ()>,
    /// When a peer was last asked for a proof.
    proofs: VecMap<ConnectionId, MonotonicTime>,
}

impl PeerRecords {
    /// Returns the nearest peer that claims more work than `most`, which is the most of all branches
    /// that we know. Peers that are backed off are left out.
    ///
    /// A peer with useless answers comes after the others, however near. So no peer can keep others
    /// from being asked. `is_eligible` tells whether a peer may be asked at all.
    pub(super) fn nearest<'a>(
        &self,
        now: Now,
        most: Work,
        candidates: &'a [HeadersPeer],
        is_eligible: impl Fn(&HeadersPeer) -> bool,
    ) -> Option<&'a HeadersPeer> {
        let wanted = |candidate: &&HeadersPeer| {
            let backoff = self.backoff.get(&candidate.peer);
            candidate.claim > most
                && is_eligible(candidate)
                && backoff.is_none_or(|backoff| {
                    candidate.claim > backoff.claim || backoff.again.is_some_and(|again| again <= now.moment)
                })
        };
        let failures = |peer: &ConnectionId| self.backoff.get(peer).map_or(0, |backoff| backoff.failures);
        let order = |candidate: &&HeadersPeer| (failures(&candidate.peer), candidate.latency, candidate.peer);
        candidates.iter().filter(wanted).min_by_key(order)
    }

    /// Backs off a peer that cannot show more: it is not asked again before it claims more.
    pub(super) fn back_off(&mut self, request: &InFlightRequest) {
        self.give_up(request.peer, request.best_known_work);
    }

    /// Backs off a peer until its next header, which is from the future, becomes acceptable.
    pub(super) fn wait_for(&mut self, now: Now, request: &InFlightRequest, early: &Header) {
        self.wait_until(request, now.moment_of(validation::time_to_take(early)));
    }

    /// Backs off a peer until a moment.
    pub(super) fn wait_until(&mut self, request: &InFlightRequest, moment: MonotonicTime) {
        self.back_off(request);
        if let Some(backoff) = self.backoff.get_mut(&request.peer) {
            backoff.again = Some(moment);
        }
    }

    /// Backs off a peer that is not worth another request, whatever it claimed so far.
    pub(super) fn give_up(&mut self, peer: ConnectionId, claim: Work) {
        let backoff = self.backoff.get_or_default(peer);
        backoff.claim = backoff.claim.max(claim);
        backoff.again = None;
        backoff.failures = backoff.failures.saturating_add(1);
    }

    /// Notes that a peer is asked for a proof.
    pub(super) fn asked_proof(&mut self, now: MonotonicTime, peer: ConnectionId) {
        self.proofs.insert(peer, now);
    }

    /// Returns the moment from which on a light node may ask a peer for a proof: at once if the peer
    /// reported a winning work in its hello, otherwise [`PROOF_INTERVAL`] after the last one.
    pub(super) fn next_proof(&self, peer: ConnectionId, said: Work, best: Work) -> MonotonicTime {
        let last = self.proofs.get(&peer).filter(|_| said <= best);
        last.map_or(MonotonicTime::default(), |last| *last + PROOF_INTERVAL)
    }

    /// Notes that a peer has shown all that it claimed. Its failures are forgotten, and it is not
    /// asked again before it claims more.
    pub(super) fn succeeded(&mut self, request: &InFlightRequest) {
        let backoff = PeerBackoff { claim: request.best_known_work, ..PeerBackoff::default() };
        self.backoff.insert(request.peer, backoff);
    }

    /// Notes that a peer had no proof to give.
    pub(super) fn has_no_proof(&mut self, peer: ConnectionId) {
        self.proofless.insert(peer, ());
    }

    /// Returns true if a peer may have a proof.
    pub(super) fn can_prove(&self, peer: ConnectionId) -> bool {
        !self.proofless.contains_key(&peer)
    }

    /// Forgets a peer whose connection is closed.
    pub(super) fn closed(&mut self, peer: ConnectionId) {
        self.backoff.remove(&peer);
        self.proofless.remove(&peer);
        self.proofs.remove(&peer);
    }

    /// Assumes that a peer may have a proof, whatever it answered before.
    #[cfg(test)]
    pub(super) fn may_have_proof(&mut self, peer: ConnectionId) {
        self.proofless.remove(&peer);
    }
}

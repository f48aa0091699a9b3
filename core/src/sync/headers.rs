//! Header synchronization: finds the branch with most work, and checks all of it before any body is
//! requested.
//!
//! Specified in PROTOCOL.md, "On the wire".
//!
//! One peer is asked at a time: the nearest one that claims more work than our best header has. A
//! branch that fits the tree goes there at once. For a longer one, or one that forks off below the
//! tree's window, the peer is first asked for a proof. With the proof, a full node downloads the
//! headers in segments, and a light node restarts at the proof's end.
//!
//! If the peer has no proof, the branch is presynced as a `HeadersPresync`, and downloaded again
//! if its work matches the claim. A peer that stalls, or shows less than it claimed, is backed off,
//! and the next nearest is asked. One honest reachable peer is enough.
//!
//! Bounds: one request, one packet of headers or one proof, and one presync at a time, whatever
//! the number of peers.

use core::time::Duration;

pub(crate) use self::patience::PATIENCE;
use self::patience::Patience;
pub(crate) use self::peers::HeadersPeer;
use self::peers::PeerRecords;
use self::redownload::Redownload;
use self::request::{InFlightRequest, RequestMode};
use crate::ledger::chain::{AHEAD_MAX, Chain};
use crate::primitives::block::Header;
use crate::primitives::hash::Hash;
use crate::primitives::pow::Work;
use crate::primitives::time::{MonotonicTime, Now};
use crate::proof::chain_proof::Proven;
use crate::protocol::connection::ConnectionId;
use crate::protocol::limits::HEADERS_MAX;
use crate::protocol::misbehavior::Misbehavior;

/// The number of newest blocks whose bodies a light node downloads. It assumes deeper ones valid.
pub const LIGHT_BODIES: usize = 16;
/// The time that an answer with headers may take.
pub(crate) const HEADERS_TIMEOUT: Duration = Duration::from_secs(10);
/// The shortest time between two proofs that a light node fetches from one peer, unless the peer
/// reported their work in its hello. A proof has up to a megabyte.
pub(crate) const PROOF_INTERVAL: Duration = Duration::from_secs(5 * 60);
/// The number of missing headers from which on a proof is requested in their place, because it
/// takes fewer bytes.
pub(crate) const PROOF_AHEAD: u64 = HEADERS_MAX as u64;

/// The next request of the node.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum HeadersAction {
    /// Ask this peer for the headers after the first of these that it has.
    Ask(ConnectionId, Vec<Hash>),
    /// Ask the driver for the history at this block of the best chain.
    LoadMmr(Hash),
    /// Ask this peer for the proof of its chain.
    Prove(ConnectionId),
}

/// The outcome of received headers.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct HeadersProgress {
    /// A proven chain to switch to.
    pub(crate) proven: Option<Box<Proven>>,
    /// True if the best header moved.
    pub(crate) leads: bool,
    /// A header from the future.
    pub(crate) early: Option<Header>,
    /// The most work that the peer has shown, with the height.
    pub(crate) shown: Option<(Work, u64)>,
    /// The next request.
    pub(crate) step: Option<HeadersAction>,
}

/// The search for the branch with most work.
#[derive(Debug, Default)]
pub(crate) struct HeadersSync {
    in_flight: Option<InFlightRequest>,
    redownload: Option<Redownload>,
    peers: PeerRecords,
    patience: Patience,
    /// The least work of a chain that a light node accepts: the work that its program knows. 0 in a
    /// full node.
    least_work: Work,
}

impl HeadersSync {
    /// Accepts no chain with less work than this, as a light node.
    pub(crate) fn set_least_work(&mut self, least_work: Work) {
        self.least_work = least_work;
    }

    /// Returns true if our chain has less work than the chain that this program knows.
    pub(crate) fn is_below_known(&self, chain: &Chain) -> bool {
        chain.best_header().total_work < self.least_work
    }

    /// Returns true if a peer's claim is at least the work that this program knows.
    pub(crate) fn reaches_known(&self, claim: Work) -> bool {
        claim >= self.least_work
    }

    /// Returns true if headers are being downloaded or presynced.
    pub(crate) fn is_requesting(&self) -> bool {
        self.in_flight.is_some() && self.redownload.is_none()
    }

    /// Returns true if bodies and mining wait for headers. They do not wait if a branch is
    /// presynced already, and never without a limit.
    pub(crate) fn blocks_bodies(&self) -> bool {
        self.is_requesting() && !self.patience.is_over()
    }

    /// Returns true if a presynced branch is being downloaded.
    pub(crate) fn is_redownloading(&self) -> bool {
        self.redownload.is_some()
    }

    /// Returns the height that is aimed at, as far as it is above the best header.
    pub(crate) fn target_height(&self) -> u64 {
        let requested = self.in_flight.as_ref().map_or(0, |request| request.height);
        let presynced = self.redownload.as_ref().map_or(0, Redownload::height);
        requested.max(presynced)
    }

    pub(crate) fn deadline(&self) -> Option<MonotonicTime> {
        let request = self.in_flight.as_ref()?;
        Some(self.patience.deadline().map_or(request.deadline, |patience| patience.min(request.deadline)))
    }

    /// Returns the request to the next peer. Returns `None` if a request is in flight or no peer
    /// claims more than we have.
    pub(crate) fn next(
        &mut self,
        now: Now,
        chain: &Chain,
        candidates: &[HeadersPeer],
        weighs: bool,
    ) -> Option<HeadersAction> {
        if self.in_flight.is_some() || chain.missing_blocks().len() > AHEAD_MAX / 2 {
            return None;
        }
        if let Some(redownload) = &self.redownload {
            let peer = redownload.peer;
            let candidate = candidates.iter().find(|candidate| candidate.peer == peer)?;
            return Some(self.ask(now, candidate, vec![chain.best_header().hash]));
        }
        let best = chain.best_header();
        let is_below_known = self.is_below_known(chain);
        let needs_proof = |peer: &HeadersPeer| {
            let is_far = peer.height.saturating_sub(best.header.height) > PROOF_AHEAD;
            !weighs && (is_far && self.peers.can_prove(peer.peer) || is_below_known)
        };
        let is_eligible = |peer: &HeadersPeer| {
            let can_prove =
                !is_below_known || self.reaches_known(peer.claim) && self.peers.can_prove(peer.peer);
            let in_time = self.peers.next_proof(peer.peer, peer.said, best.total_work) <= now.moment;
            can_prove && (!needs_proof(peer) || in_time)
        };
        let nearest = self.peers.nearest(now, chain.most_work(), candidates, is_eligible)?;
        let needs_proof = needs_proof(nearest);
        let step = self.ask(now, nearest, chain.locator());
        if needs_proof {
            let request = self.in_flight.take();
            return request.map(|request| self.ask_proof(now, request, RequestMode::AwaitingProof));
        }
        Some(step)
    }

    /// Backs off a peer that is slow to serve the branch that only it has.
    pub(crate) fn give_up_source(&mut self, peer: ConnectionId, claim: Work) {
        self.peers.give_up(peer, claim);
    }

    /// Asks a peer for the headers after a locator.
    fn ask(&mut self, now: Now, candidate: &HeadersPeer, locator: Vec<Hash>) -> HeadersAction {
        let HeadersPeer { peer, claim, said, height, .. } = *candidate;
        self.patience.start(now.moment);
        self.in_flight = Some(InFlightRequest {
            peer,
            best_known_work: claim,
            advertised_work: said,
            height,
            deadline: now.moment + HEADERS_TIMEOUT,
            mode: RequestMode::Inserting,
        });
        HeadersAction::Ask(peer, locator)
    }

    /// Asks the same peer for the headers after its last one.
    fn go_on(&mut self, now: Now, request: InFlightRequest, last: Hash, mode: RequestMode) -> HeadersAction {
        let (peer, deadline) = (request.peer, now.moment + HEADERS_TIMEOUT);
        self.patience.start(now.moment);
        self.in_flight = Some(InFlightRequest { deadline, mode, ..request });
        HeadersAction::Ask(peer, vec![last])
    }

    /// Handles a closed connection: gives up its request and its branch.
    pub(crate) fn closed(&mut self, peer: ConnectionId, chain: &mut Chain) {
        self.peers.closed(peer);
        self.in_flight.take_if(|request| request.peer == peer);
        if self.redownload.take_if(|redownload| redownload.peer == peer).is_some() {
            chain.abandon_redownload();
        }
    }

    /// Handles headers that were requested, and that the node cannot take now: drops them with the
    /// branch that they belong to.
    ///
    /// # Errors
    /// The peer was not asked.
    pub(crate) fn discard(&mut self, peer: ConnectionId, chain: &mut Chain) -> Result<(), Misbehavior> {
        let request = self.in_flight.take_if(|request| request.peer == peer);
        request.ok_or(Misbehavior::Unsolicited { packet: "headers" })?;
        self.abandon_redownload(chain);
        Ok(())
    }

    /// Gives up the branch that is being checked or downloaded, if no peer owes an answer.
    pub(crate) fn give_up(&mut self, chain: &mut Chain) {
        self.in_flight.take_if(|request| matches!(request.mode, RequestMode::AwaitingMmr(..)));
        self.abandon_redownload(chain);
    }

    /// Returns a peer whose request timed out, and backs it off. The node closes it.
    pub(crate) fn tick(&mut self, now: MonotonicTime) -> Option<ConnectionId> {
        self.patience.tick(now);
        let request = self.in_flight.take_if(|request| request.deadline <= now)?;
        self.peers.back_off(&request);
        Some(request.peer)
    }
}

mod patience;
mod peers;
mod prove;
mod receive;
mod redownload;
mod request;

#[cfg(test)]
mod tests;

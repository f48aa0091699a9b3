//! Proofs in the search: a peer with a long branch proves its work before its headers are
//! downloaded.

use super::request::{ForkRoot, InFlightRequest, RequestMode};
use super::{HEADERS_TIMEOUT, HeadersAction, HeadersProgress, HeadersSync, LIGHT_BODIES};
use crate::ledger::chain::Chain;
use crate::ledger::fork_choice;
use crate::ledger::presync::HeadersPresync;
use crate::ledger::validation;
use crate::primitives::block::Header;
use crate::primitives::hash::Hash;
use crate::primitives::time::Now;
use crate::proof::chain_proof::{self, Proven};
use crate::protocol::connection::ConnectionId;
use crate::protocol::limits::HEADERS_MAX;
use crate::protocol::misbehavior::Misbehavior;

impl HeadersSync {
    /// Asks the peer of a request for the proof of its chain.
    pub(super) fn ask_proof(
        &mut self,
        now: Now,
        request: InFlightRequest,
        mode: RequestMode,
    ) -> HeadersAction {
        let peer = request.peer;
        self.peers.asked_proof(now.moment, peer);
        self.in_flight = Some(InFlightRequest { deadline: now.moment + HEADERS_TIMEOUT, mode, ..request });
        HeadersAction::Prove(peer)
    }

    /// Asks the peer of a light node's request for a proof, or backs it off until it may be asked for
    /// one again.
    pub(super) fn prove_or_wait(
        &mut self,
        now: Now,
        request: InFlightRequest,
        chain: &Chain,
    ) -> Option<HeadersAction> {
        let best = chain.best_header().total_work;
        let next = self.peers.next_proof(request.peer, request.advertised_work, best);
        if next > now.moment {
            self.peers.wait_until(&request, next);
            return None;
        }
        Some(self.ask_proof(now, request, RequestMode::AwaitingProof))
    }

    /// Handles headers whose fork point is far below the peer's claim: requests a proof, or
    /// presyncs them one by one. Returns the progress.
    pub(super) fn vet(
        &mut self,
        now: Now,
        request: InFlightRequest,
        root: ForkRoot,
        headers: Vec<Header>,
        chain: &mut Chain,
    ) -> Result<HeadersProgress, Misbehavior> {
        if headers.len() == HEADERS_MAX && self.peers.can_prove(request.peer) {
            let step = self.ask_proof(
                now,
                request,
                RequestMode::AwaitingProofThenHeaders(Box::new((root, headers))),
            );
            return Ok(HeadersProgress { step: Some(step), ..HeadersProgress::default() });
        }
        let presync = HeadersPresync::new(root.header, root.hash, root.history.clone());
        self.presync(now, request, (root, presync), &headers, chain)
    }

    /// Handles a received proof.
    ///
    /// # Errors
    /// The peer's fault.
    pub(crate) fn received_proof(
        &mut self,
        now: Now,
        peer: ConnectionId,
        bytes: &[u8],
        chain: &mut Chain,
    ) -> Result<HeadersProgress, Misbehavior> {
        let is_in_flight = |request: &mut InFlightRequest| {
            request.peer == peer
                && matches!(
                    request.mode,
                    RequestMode::AwaitingProof | RequestMode::AwaitingProofThenHeaders(_)
                )
        };
        let Some(request) = self.in_flight.take_if(is_in_flight) else {
            return Err(Misbehavior::Unsolicited { packet: "proof" });
        };
        let (mode, request) = (request.mode, InFlightRequest { mode: RequestMode::Inserting, ..request });
        if bytes.is_empty() {
            self.peers.has_no_proof(peer);
            return match mode {
                RequestMode::AwaitingProofThenHeaders(held) => self.vet(now, request, held.0, held.1, chain),
                // The next request is for headers.
                RequestMode::AwaitingProof
                | RequestMode::Inserting
                | RequestMode::AwaitingMmr(..)
                | RequestMode::Presyncing(_) => Ok(HeadersProgress::default()),
            };
        }
        let proven = chain_proof::verify(chain.network(), bytes);
        let proven = proven.map_err(|error| Misbehavior::InvalidProof { error: Box::new(error) })?;
        let (work, height) = (proven.total_work(), proven.header.height);
        let progress = HeadersProgress { shown: Some((work, height)), ..HeadersProgress::default() };
        let is_enough = self.reaches_known(work);
        if !is_enough || !fork_choice::replaces(proven.end(), chain.best_header()) {
            self.peers.back_off(&request);
            // If the peer did not report this work itself, it was only our guess.
            return if work < request.advertised_work {
                Err(Misbehavior::WorkNotShown)
            } else {
                Ok(progress)
            };
        }
        let settled = proven.tail.len().saturating_sub(LIGHT_BODIES).max(1);
        let is_early = |header: &&Header| validation::check_time_to_take(header, now.time).is_some();
        if let Some(early) = proven.tail.iter().take(settled).rfind(is_early) {
            self.peers.wait_for(now, &request, early);
            return Ok(progress);
        }
        self.patience.reset();
        let RequestMode::AwaitingProofThenHeaders(held) = mode else {
            // It is not asked again before it claims more.
            self.peers.back_off(&request);
            return Ok(HeadersProgress { proven: Some(Box::new(proven)), ..progress });
        };
        let root = held.0;
        let commitments = commitments(&proven, root.header.height);
        self.start_redownload(peer, &root, commitments, chain);
        Ok(progress)
    }
}

/// Returns the commitments that the headers above a height must match.
fn commitments(proven: &Proven, root: u64) -> Vec<(u64, Hash)> {
    let shown = proven.shown.iter().copied().filter(|(height, _)| *height > root);
    shown.chain([(proven.header.height, proven.hash)]).collect()
}

//! Proofs in the search: a peer with a long branch proves its work before its headers are
//! requested.

use super::{
    ForkRoot, HEADERS_TIMEOUT, HeadersAction, HeadersProgress, HeadersSync, InFlightRequest, LIGHT_BODIES,
    RequestMode,
};
use crate::ledger::chain::Chain;
use crate::ledger::presync::HeadersPresync;
use crate::ledger::validation;
use crate::primitives::block::Header;
use crate::primitives::time::Now;
use crate::proof::chain_proof::{self, Proven};
use crate::protocol::connection::ConnectionId;
use crate::protocol::limits::HEADERS_MAX;
use crate::protocol::misbehavior::Misbehavior;

impl HeadersSync {
    /// Returns true if a peer may have a proof.
    pub(super) fn can_prove(&self, peer: ConnectionId) -> bool {
        !self.proofless.contains_key(&peer)
    }

    pub(super) fn ask_proof(
        &mut self,
        now: Now,
        asking: InFlightRequest,
        mode: RequestMode,
    ) -> HeadersAction {
        let peer = asking.peer;
        self.asking = Some(InFlightRequest { deadline: now.moment + HEADERS_TIMEOUT, mode, ..asking });
        HeadersAction::Prove(peer)
    }

    /// Handles headers whose fork point is far below the peer's claim: requests a proof, or
    /// presyncs them one by one. Returns the progress.
    pub(super) fn vet(
        &mut self,
        now: Now,
        asking: InFlightRequest,
        root: ForkRoot,
        headers: Vec<Header>,
        chain: &mut Chain,
    ) -> Result<HeadersProgress, Misbehavior> {
        if headers.len() == HEADERS_MAX && self.can_prove(asking.peer) {
            let step =
                self.ask_proof(now, asking, RequestMode::AwaitingProofThenHeaders(Box::new((root, headers))));
            return Ok(HeadersProgress { step: Some(step), ..HeadersProgress::default() });
        }
        let trail = HeadersPresync::new(root.header, root.hash, root.history.clone());
        self.along_trail(now, asking, (root, trail), &headers, chain)
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
        let is_awaited = |asking: &mut InFlightRequest| {
            asking.peer == peer
                && matches!(
                    asking.mode,
                    RequestMode::AwaitingProof | RequestMode::AwaitingProofThenHeaders(_)
                )
        };
        let Some(asking) = self.asking.take_if(is_awaited) else {
            return Err(Misbehavior::Unsolicited { packet: "proof" });
        };
        let (mode, asking) = (asking.mode, InFlightRequest { mode: RequestMode::Inserting, ..asking });
        if bytes.is_empty() {
            self.proofless.insert(peer, ());
            return match mode {
                RequestMode::AwaitingProofThenHeaders(held) => self.vet(now, asking, held.0, held.1, chain),
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
        if work <= chain.best_header().total_work {
            self.back_off(&asking);
            // If the peer did not report this work itself, it was only our guess.
            return if work < asking.advertised_work { Err(Misbehavior::WorkNotShown) } else { Ok(progress) };
        }
        let settled = proven.tail.len().saturating_sub(LIGHT_BODIES).max(1);
        let is_early = |header: &&Header| validation::check_clock(header, now.time).is_some();
        if let Some(early) = proven.tail.iter().take(settled).rfind(is_early) {
            self.wait_for(now, &asking, early);
            return Ok(progress);
        }
        self.reset_timeout();
        let RequestMode::AwaitingProofThenHeaders(held) = mode else {
            // It is not asked again before it claims more.
            self.back_off(&asking);
            return Ok(HeadersProgress { proven: Some(Box::new(proven)), ..progress });
        };
        let root = held.0;
        let marks = marks(&proven, root.header.height);
        self.start_redownload(peer, &root, marks, chain);
        Ok(progress)
    }
}

/// Returns the commitments that the headers above a height must match.
fn marks(proven: &Proven, root: u64) -> Vec<(u64, crate::primitives::hash::Hash)> {
    let shown = proven.shown.iter().copied().filter(|(height, _)| *height > root);
    shown.chain([(proven.header.height, proven.hash)]).collect()
}

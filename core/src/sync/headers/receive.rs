//! Received headers: they go into the tree, or are presynced if their branch is long.

use super::redownload::Redownload;
use super::request::{ForkRoot, InFlightRequest, RequestMode};
use super::{HEADERS_TIMEOUT, HeadersAction, HeadersProgress, HeadersSync};
use crate::ledger::chain::{AHEAD_MAX, Chain, Inserted};
use crate::ledger::fork_choice;
use crate::ledger::presync::HeadersPresync;
use crate::ledger::validation::RuleError;
use crate::primitives::block::Header;
use crate::primitives::hash::Hash;
use crate::primitives::mmr::Mmr;
use crate::primitives::time::Now;
use crate::protocol::connection::ConnectionId;
use crate::protocol::limits::HEADERS_MAX;
use crate::protocol::misbehavior::Misbehavior;

impl HeadersSync {
    /// Handles received headers.
    ///
    /// # Errors
    /// The peer's fault.
    pub(crate) fn received_headers(
        &mut self,
        now: Now,
        peer: ConnectionId,
        headers: Vec<Header>,
        chain: &mut Chain,
        weighs: bool,
    ) -> Result<HeadersProgress, Misbehavior> {
        let Some(request) = self.in_flight.take_if(|request| request.peer == peer) else {
            return Err(Misbehavior::Unsolicited { packet: "headers" });
        };
        check_connected(&headers)?;
        match request.mode {
            RequestMode::Inserting => self.insert_headers(now, request, headers, chain, weighs),
            RequestMode::Presyncing(presync) => {
                let request = InFlightRequest { mode: RequestMode::Inserting, ..request };
                self.presync(now, request, *presync, &headers, chain)
            }
            RequestMode::AwaitingMmr(..)
            | RequestMode::AwaitingProof
            | RequestMode::AwaitingProofThenHeaders(_) => Err(Misbehavior::Unsolicited { packet: "headers" }),
        }
    }

    /// Inserts headers into the tree. Returns the progress.
    fn insert_headers(
        &mut self,
        now: Now,
        request: InFlightRequest,
        headers: Vec<Header>,
        chain: &mut Chain,
        weighs: bool,
    ) -> Result<HeadersProgress, Misbehavior> {
        let Some(first) = headers.first() else {
            self.peers.back_off(&request);
            self.abandon_redownload(chain);
            return Ok(HeadersProgress::default());
        };
        let Some(root) = chain.find(&first.prev_hash) else {
            if !weighs && self.peers.can_prove(request.peer) {
                let step = self.prove_or_wait(now, request, chain);
                return Ok(HeadersProgress { step, ..HeadersProgress::default() });
            }
            return self.fork_below_window(now, request, first.prev_hash, headers, chain);
        };
        let ahead = request.height.saturating_sub(root.header.height);
        if weighs && self.redownload.is_none() && ahead > AHEAD_MAX as u64 {
            let history = chain.history(&root.hash).cloned().unwrap_or_default();
            let root = ForkRoot { header: root.header, hash: root.hash, history };
            return self.vet(now, request, root, headers, chain);
        }
        let (full, mut progress, mut last) =
            (headers.len() == HEADERS_MAX, HeadersProgress::default(), root.hash);
        let best = chain.best_header().hash;
        for header in headers {
            let hash = header.hash();
            match chain.insert(header, now.time) {
                Ok(Inserted::New { leads }) => progress.leads |= leads,
                Ok(Inserted::Known) => {}
                Ok(Inserted::TimeTooNew { .. }) => {
                    progress.early = Some(header);
                    break;
                }
                Ok(Inserted::TooFarAhead) => return Ok(progress),
                Ok(Inserted::Orphan) => return Err(Misbehavior::Disconnected { height: header.height }),
                Err(failures) => return Err(invalid(hash, failures)),
            }
            last = hash;
            let redownload = self.redownload.as_mut();
            if redownload.is_some_and(|redownload| !redownload.matches_commitments(header.height, &hash)) {
                self.abandon_redownload(chain);
                return Err(Misbehavior::Disconnected { height: header.height });
            }
        }
        if progress.leads {
            self.patience.reset();
        }
        progress.shown = chain.find(&last).map(|entry| (entry.total_work, entry.header.height));
        if let Some(early) = &progress.early {
            // If asked again at once, the peer would send the same.
            self.peers.wait_for(now, &request, early);
            self.abandon_redownload(chain);
            return Ok(progress);
        }
        let is_stuck = self.redownload.is_some() && chain.best_header().hash == best;
        if is_stuck || self.redownload.as_ref().is_some_and(Redownload::is_complete) {
            self.abandon_redownload(chain);
        }
        if is_stuck {
            // Its best branch has changed.
            self.peers.back_off(&request);
            return Ok(progress);
        }
        if full && self.redownload.is_none() {
            let needs_proof = !weighs && self.peers.can_prove(request.peer);
            progress.step = match needs_proof {
                true => self.prove_or_wait(now, request, chain),
                false => Some(self.go_on(now, request, last, RequestMode::Inserting)),
            };
        } else if !full {
            self.abandon_redownload(chain);
            match progress.leads {
                true => self.peers.succeeded(&request),
                false => self.peers.back_off(&request),
            }
        }
        Ok(progress)
    }

    /// Handles headers that follow a block below the tree's window, whose history is needed.
    /// Returns the progress.
    fn fork_below_window(
        &mut self,
        now: Now,
        request: InFlightRequest,
        root: Hash,
        headers: Vec<Header>,
        chain: &mut Chain,
    ) -> Result<HeadersProgress, Misbehavior> {
        if root == *chain.network().id() {
            let header = *chain.network().genesis();
            let history = Mmr::default().append(header.record(root));
            return self.vet(now, request, ForkRoot { header, hash: root, history }, headers, chain);
        }
        if !chain.is_in_skeleton(&root) {
            return Err(Misbehavior::Disconnected {
                height: headers.first().map_or(0, |header| header.height),
            });
        }
        let deadline = now.moment + HEADERS_TIMEOUT;
        self.in_flight =
            Some(InFlightRequest { deadline, mode: RequestMode::AwaitingMmr(root, headers), ..request });
        Ok(HeadersProgress { step: Some(HeadersAction::LoadMmr(root)), ..HeadersProgress::default() })
    }

    /// Handles the history that the driver returned. Returns the result with the peer whose headers
    /// waited for it.
    pub(crate) fn recalled(
        &mut self,
        now: Now,
        hash: Hash,
        base: Option<(Mmr, Vec<Header>)>,
        chain: &mut Chain,
    ) -> Option<(ConnectionId, Result<HeadersProgress, Misbehavior>)> {
        let waits = |request: &mut InFlightRequest| matches!(request.mode, RequestMode::AwaitingMmr(root, _) if root == hash);
        let request = self.in_flight.take_if(waits)?;
        let peer = request.peer;
        let RequestMode::AwaitingMmr(_, headers) = request.mode else { return None };
        let request = InFlightRequest { mode: RequestMode::Inserting, ..request };
        let root = base.and_then(|(history, between)| ForkRoot::reach(hash, history, &between));
        let Some(root) = root else {
            self.peers.back_off(&request);
            return Some((peer, Ok(HeadersProgress::default())));
        };
        Some((peer, self.vet(now, request, root, headers, chain)))
    }

    /// Presyncs headers of a long branch. Returns the progress.
    pub(super) fn presync(
        &mut self,
        now: Now,
        request: InFlightRequest,
        (root, mut presync): (ForkRoot, HeadersPresync),
        headers: &[Header],
        chain: &mut Chain,
    ) -> Result<HeadersProgress, Misbehavior> {
        if headers.first().is_some_and(|header| header.prev_hash != presync.hash()) {
            return Err(Misbehavior::Disconnected { height: presync.height() + 1 });
        }
        let mut early = None;
        for header in headers {
            match presync.push(chain.network(), header, now.time) {
                Ok(()) => {}
                Err(failures) if failures.iter().all(RuleError::may_pass_later) => {
                    early = Some(*header);
                    break;
                }
                Err(failures) => return Err(invalid(header.hash(), failures)),
            }
        }
        if headers.len() == HEADERS_MAX && early.is_none() {
            let (last, mode) = (presync.hash(), RequestMode::Presyncing(Box::new((root, presync))));
            return Ok(HeadersProgress {
                step: Some(self.go_on(now, request, last, mode)),
                ..HeadersProgress::default()
            });
        }
        let shown = Some((presync.work(), presync.height()));
        if !fork_choice::replaces(presync.end(), chain.best_header()) {
            if let Some(early) = &early {
                self.peers.wait_for(now, &request, early);
                return Ok(HeadersProgress { shown, early: Some(*early), ..HeadersProgress::default() });
            }
            self.peers.back_off(&request);
            // If the peer did not report this work itself, it was only our guess.
            return if presync.work() < request.advertised_work {
                Err(Misbehavior::WorkNotShown)
            } else {
                Ok(HeadersProgress { shown, ..HeadersProgress::default() })
            };
        }
        self.start_redownload(request.peer, &root, presync.into_commitments(), chain);
        Ok(HeadersProgress { shown, ..HeadersProgress::default() })
    }
}

fn invalid(hash: Hash, failures: Vec<RuleError>) -> Misbehavior {
    let error = failures.into_iter().next().unwrap_or(RuleError::ParentUnknown { found: hash });
    Misbehavior::InvalidHeader { hash, error: Box::new(error) }
}

fn check_connected(headers: &[Header]) -> Result<(), Misbehavior> {
    match headers.windows(2).find(|pair| pair[1].prev_hash != pair[0].hash()) {
        Some(pair) => Err(Misbehavior::Disconnected { height: pair[1].height }),
        None => Ok(()),
    }
}

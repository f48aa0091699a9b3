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
//! If the peer has no proof, the branch is presynced as a `HeadersPresync`, and downloaded again if its work
//! matches the claim. A peer that stalls, or shows less than it claimed, is backed off, and the
//! next nearest is asked. One honest reachable peer is enough.
//!
//! Bounds: one request, one packet of headers or one proof, and one trail at a time, whatever the
//! number of peers.

use core::time::Duration;
use std::collections::VecDeque;

use crate::ledger::chain::{AHEAD_MAX, Chain, Inserted};
use crate::ledger::presync::HeadersPresync;
use crate::ledger::validation::{self, RuleError};
use crate::primitives::block::Header;
use crate::primitives::collections::vec_map::VecMap;
use crate::primitives::hash::Hash;
use crate::primitives::mmr::Mmr;
use crate::primitives::pow::Work;
use crate::primitives::time::{MonotonicTime, Now};
use crate::proof::chain_proof::Proven;
use crate::protocol::connection::ConnectionId;
use crate::protocol::limits::HEADERS_MAX;
use crate::protocol::misbehavior::Misbehavior;

/// The number of newest blocks whose bodies a light node downloads. It assumes deeper ones valid.
pub const LIGHT_BODIES: usize = 16;
/// The time that an answer with headers may take.
pub const HEADERS_TIMEOUT: Duration = Duration::from_secs(10);
/// The time for which bodies and mining wait for headers, counted from the first request that
/// brought none with more work. A peer that repeatedly claims more than it has delays other nodes
/// no longer than this.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// The number of missing headers from which on a proof is requested in their place, because it
/// takes fewer bytes.
pub const PROOF_AHEAD: u64 = HEADERS_MAX as u64;

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

#[derive(Debug)]
enum RequestMode {
    /// Inserts headers into the tree.
    Inserting,
    /// The headers wait for the history at their fork point.
    AwaitingMmr(Hash, Vec<Header>),
    /// Presyncs a branch from its fork point.
    Presyncing(Box<(ForkRoot, HeadersPresync)>),
    /// A light node waits for the proof of the chain.
    AwaitingProof,
    /// A full node waits for the proof of the chain before it uses these headers, which follow the
    /// fork point.
    AwaitingProofThenHeaders(Box<(ForkRoot, Vec<Header>)>),
}

#[derive(Debug)]
struct InFlightRequest {
    peer: ConnectionId,
    best_known_work: Work,
    advertised_work: Work,
    height: u64,
    deadline: MonotonicTime,
    mode: RequestMode,
}

/// The fork point of a presynced branch.
#[derive(Clone, Debug)]
struct ForkRoot {
    header: Header,
    hash: Hash,
    history: Mmr,
}

/// A presynced branch that is downloaded again, segment by segment.
#[derive(Debug)]
struct Redownload {
    peer: ConnectionId,
    marks: VecDeque<(u64, Hash)>,
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

/// The search for the branch with most work.
#[derive(Debug, Default)]
pub(crate) struct HeadersSync {
    asking: Option<InFlightRequest>,
    redownload: Option<Redownload>,
    /// Peers that showed less than they claimed.
    backoff: VecMap<ConnectionId, PeerBackoff>,
    /// The time until which headers are waited for, since the first request that has brought
    /// nothing yet.
    timeout: Option<MonotonicTime>,
    has_timed_out: bool,
    /// Peers that had no proof to give: at most all connected ones.
    proofless: VecMap<ConnectionId, ()>,
}

impl HeadersSync {
    /// Returns true if headers are being downloaded or presynced.
    pub(crate) fn is_requesting(&self) -> bool {
        self.asking.is_some() && self.redownload.is_none()
    }

    /// Returns true if bodies and mining wait for headers. They do not wait if a branch is
    /// presynced already, and never without a limit.
    pub(crate) fn blocks_bodies(&self) -> bool {
        self.is_requesting() && !self.has_timed_out
    }

    /// Returns true if a presynced branch is being downloaded.
    pub(crate) fn is_redownloading(&self) -> bool {
        self.redownload.is_some()
    }

    /// Returns the height that is aimed at, as far as it is above the best header.
    pub(crate) fn target_height(&self) -> u64 {
        let asked = self.asking.as_ref().map_or(0, |asking| asking.height);
        let planned = self.redownload.as_ref().and_then(|plan| plan.marks.back()).map_or(0, |mark| mark.0);
        asked.max(planned)
    }

    pub(crate) fn deadline(&self) -> Option<MonotonicTime> {
        let asking = self.asking.as_ref()?;
        let patience = self.timeout.filter(|_| !self.has_timed_out);
        Some(patience.map_or(asking.deadline, |patience| patience.min(asking.deadline)))
    }

    /// Resets the timeout, because the headers were useful.
    fn reset_timeout(&mut self) {
        (self.timeout, self.has_timed_out) = (None, false);
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
        if self.asking.is_some() || chain.missing_blocks().len() > AHEAD_MAX / 2 {
            return None;
        }
        if let Some(plan) = &self.redownload {
            let peer = plan.peer;
            let candidate = candidates.iter().find(|candidate| candidate.peer == peer)?;
            return Some(self.ask(now, candidate, vec![chain.best_header().hash]));
        }
        let most = chain.best_header().total_work;
        let wanted = |candidate: &&HeadersPeer| {
            let passed = self.backoff.get(&candidate.peer);
            candidate.claim > most
                && passed.is_none_or(|passed| {
                    candidate.claim > passed.claim || passed.again.is_some_and(|again| again <= now.moment)
                })
        };
        // A peer with useless answers comes after the others, however near. So no peer can keep
        // others from being asked.
        let vain = |peer: &ConnectionId| self.backoff.get(peer).map_or(0, |passed| passed.failures);
        let order = |candidate: &&HeadersPeer| (vain(&candidate.peer), candidate.latency, candidate.peer);
        let nearest = candidates.iter().filter(wanted).min_by_key(order)?;
        let step = self.ask(now, nearest, chain.locator());
        let is_far = nearest.height.saturating_sub(chain.best_header().header.height) > PROOF_AHEAD;
        if !weighs && is_far && self.can_prove(nearest.peer) {
            return self.asking.take().map(|asking| self.ask_proof(now, asking, RequestMode::AwaitingProof));
        }
        Some(step)
    }

    fn ask(&mut self, now: Now, candidate: &HeadersPeer, locator: Vec<Hash>) -> HeadersAction {
        let HeadersPeer { peer, claim, said, height, .. } = *candidate;
        let deadline = now.moment + HEADERS_TIMEOUT;
        self.timeout.get_or_insert(now.moment + PATIENCE);
        self.asking = Some(InFlightRequest {
            peer,
            best_known_work: claim,
            advertised_work: said,
            height,
            deadline,
            mode: RequestMode::Inserting,
        });
        HeadersAction::Ask(peer, locator)
    }

    /// Handles a closed connection: gives up its request and its branch.
    pub(crate) fn closed(&mut self, peer: ConnectionId, chain: &mut Chain) {
        self.backoff.remove(&peer);
        self.proofless.remove(&peer);
        self.asking.take_if(|asking| asking.peer == peer);
        if self.redownload.take_if(|plan| plan.peer == peer).is_some() {
            chain.abandon_redownload();
        }
    }

    /// Returns a peer whose request timed out, and backs it off. The node closes it.
    pub(crate) fn tick(&mut self, now: MonotonicTime) -> Option<ConnectionId> {
        self.has_timed_out = self.timeout.is_some_and(|patience| patience <= now);
        let asking = self.asking.take_if(|asking| asking.deadline <= now)?;
        self.back_off(&asking);
        Some(asking.peer)
    }

    /// Backs off a peer that cannot show more: it is not asked again before it claims more.
    fn back_off(&mut self, asking: &InFlightRequest) {
        let passed = self.backoff.get_or_default(asking.peer);
        passed.claim = passed.claim.max(asking.best_known_work);
        passed.again = None;
        passed.failures = passed.failures.saturating_add(1);
    }

    /// Backs off a peer until its next header, which is from the future, becomes acceptable.
    fn wait_for(&mut self, now: Now, asking: &InFlightRequest, early: &Header) {
        self.back_off(asking);
        if let Some(passed) = self.backoff.get_mut(&asking.peer) {
            passed.again = Some(now.moment_of(early.time.minus_ms(validation::BLOCK_AHEAD_MS)));
        }
    }

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
        let Some(asking) = self.asking.take_if(|asking| asking.peer == peer) else {
            return Err(Misbehavior::Unsolicited { packet: "headers" });
        };
        check_connected(&headers)?;
        match asking.mode {
            RequestMode::Inserting => self.grow_tree(now, asking, headers, chain, weighs),
            RequestMode::Presyncing(trail) => {
                let asking = InFlightRequest { mode: RequestMode::Inserting, ..asking };
                self.along_trail(now, asking, *trail, &headers, chain)
            }
            RequestMode::AwaitingMmr(..)
            | RequestMode::AwaitingProof
            | RequestMode::AwaitingProofThenHeaders(_) => Err(Misbehavior::Unsolicited { packet: "headers" }),
        }
    }

    fn grow_tree(
        &mut self,
        now: Now,
        asking: InFlightRequest,
        headers: Vec<Header>,
        chain: &mut Chain,
        weighs: bool,
    ) -> Result<HeadersProgress, Misbehavior> {
        let Some(first) = headers.first() else {
            self.back_off(&asking);
            self.abandon_redownload(chain);
            return Ok(HeadersProgress::default());
        };
        let Some(root) = chain.find(&first.prev_hash) else {
            if !weighs && self.can_prove(asking.peer) {
                let step = self.ask_proof(now, asking, RequestMode::AwaitingProof);
                return Ok(HeadersProgress { step: Some(step), ..HeadersProgress::default() });
            }
            return self.root_below(now, asking, first.prev_hash, headers, chain);
        };
        let ahead = asking.height.saturating_sub(root.header.height);
        if weighs && self.redownload.is_none() && ahead > AHEAD_MAX as u64 {
            let history = chain.history(&root.hash).cloned().unwrap_or_default();
            let root = ForkRoot { header: root.header, hash: root.hash, history };
            return self.vet(now, asking, root, headers, chain);
        }
        let (full, mut progress, mut last) =
            (headers.len() == HEADERS_MAX, HeadersProgress::default(), root.hash);
        let leader = chain.best_header().hash;
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
            if !self.matches_commitments(header.height, &hash) {
                self.abandon_redownload(chain);
                return Err(Misbehavior::Disconnected { height: header.height });
            }
        }
        if progress.leads {
            self.reset_timeout();
        }
        progress.shown = chain.find(&last).map(|place| (place.total_work, place.header.height));
        if let Some(early) = &progress.early {
            // If asked again at once, the peer would send the same.
            self.wait_for(now, &asking, early);
            self.abandon_redownload(chain);
            return Ok(progress);
        }
        let is_stuck = self.redownload.is_some() && chain.best_header().hash == leader;
        if is_stuck || self.redownload.as_ref().is_some_and(|plan| plan.marks.is_empty()) {
            self.abandon_redownload(chain);
        }
        if is_stuck {
            // Its best branch has changed.
            self.back_off(&asking);
            return Ok(progress);
        }
        if full && self.redownload.is_none() {
            let is_long = !weighs && self.can_prove(asking.peer);
            progress.step = Some(match is_long {
                true => self.ask_proof(now, asking, RequestMode::AwaitingProof),
                false => self.go_on(now, asking, last, RequestMode::Inserting),
            });
        } else if !full {
            self.abandon_redownload(chain);
            if progress.leads {
                let passed = PeerBackoff { claim: asking.best_known_work, ..PeerBackoff::default() };
                self.backoff.insert(asking.peer, passed);
            } else {
                self.back_off(&asking);
            }
        }
        Ok(progress)
    }

    fn go_on(&mut self, now: Now, asking: InFlightRequest, last: Hash, mode: RequestMode) -> HeadersAction {
        let (peer, deadline) = (asking.peer, now.moment + HEADERS_TIMEOUT);
        self.timeout.get_or_insert(now.moment + PATIENCE);
        self.asking = Some(InFlightRequest { deadline, mode, ..asking });
        HeadersAction::Ask(peer, vec![last])
    }

    /// Returns false if a header contradicts the commitments of the presynced branch. The last one
    /// may differ, because tips are replaced.
    fn matches_commitments(&mut self, height: u64, hash: &Hash) -> bool {
        let Some(plan) = &mut self.redownload else { return true };
        while let Some(&(marked, expected)) = plan.marks.front().filter(|(marked, _)| *marked <= height) {
            plan.marks.pop_front();
            if marked == height && expected != *hash {
                return plan.marks.is_empty();
            }
        }
        true
    }

    /// Gives up the branch because it is invalid or unavailable.
    pub(crate) fn redownload_failed(&mut self, chain: &mut Chain) {
        self.abandon_redownload(chain);
    }

    /// Ends the redownload, because the peer has no more of the branch. A branch that does not
    /// outweigh ours by then is given up.
    fn abandon_redownload(&mut self, chain: &mut Chain) {
        if self.redownload.take().is_some() {
            chain.abandon_redownload();
        }
    }

    /// Handles headers that follow a block below the tree's window, whose history is needed.
    /// Returns the progress.
    fn root_below(
        &mut self,
        now: Now,
        asking: InFlightRequest,
        root: Hash,
        headers: Vec<Header>,
        chain: &mut Chain,
    ) -> Result<HeadersProgress, Misbehavior> {
        if root == *chain.network().id() {
            let header = *chain.network().genesis();
            let history = Mmr::default().append(header.record(root));
            return self.vet(now, asking, ForkRoot { header, hash: root, history }, headers, chain);
        }
        if !chain.is_in_skeleton(&root) {
            return Err(Misbehavior::Disconnected {
                height: headers.first().map_or(0, |header| header.height),
            });
        }
        let deadline = now.moment + HEADERS_TIMEOUT;
        self.asking =
            Some(InFlightRequest { deadline, mode: RequestMode::AwaitingMmr(root, headers), ..asking });
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
        let waits = |asking: &mut InFlightRequest| matches!(asking.mode, RequestMode::AwaitingMmr(root, _) if root == hash);
        let asking = self.asking.take_if(waits)?;
        let peer = asking.peer;
        let RequestMode::AwaitingMmr(_, headers) = asking.mode else { return None };
        let asking = InFlightRequest { mode: RequestMode::Inserting, ..asking };
        let root = base.and_then(|(history, between)| ForkRoot::reach(hash, history, &between));
        let Some(root) = root else {
            self.back_off(&asking);
            return Some((peer, Ok(HeadersProgress::default())));
        };
        Some((peer, self.vet(now, asking, root, headers, chain)))
    }

    fn along_trail(
        &mut self,
        now: Now,
        asking: InFlightRequest,
        (root, mut trail): (ForkRoot, HeadersPresync),
        headers: &[Header],
        chain: &mut Chain,
    ) -> Result<HeadersProgress, Misbehavior> {
        if headers.first().is_some_and(|header| header.prev_hash != trail.hash()) {
            return Err(Misbehavior::Disconnected { height: trail.height() + 1 });
        }
        let mut early = None;
        for header in headers {
            match trail.push(chain.network(), header, now.time) {
                Ok(()) => {}
                Err(failures) if failures.iter().all(RuleError::may_pass_later) => {
                    early = Some(*header);
                    break;
                }
                Err(failures) => return Err(invalid(header.hash(), failures)),
            }
        }
        if headers.len() == HEADERS_MAX && early.is_none() {
            let (last, mode) = (trail.hash(), RequestMode::Presyncing(Box::new((root, trail))));
            return Ok(HeadersProgress {
                step: Some(self.go_on(now, asking, last, mode)),
                ..HeadersProgress::default()
            });
        }
        let shown = Some((trail.work(), trail.height()));
        if trail.work() <= chain.best_header().total_work {
            if let Some(early) = &early {
                self.wait_for(now, &asking, early);
                return Ok(HeadersProgress { shown, early: Some(*early), ..HeadersProgress::default() });
            }
            self.back_off(&asking);
            // If the peer did not report this work itself, it was only our guess.
            return if trail.work() < asking.advertised_work {
                Err(Misbehavior::WorkNotShown)
            } else {
                Ok(HeadersProgress { shown, ..HeadersProgress::default() })
            };
        }
        self.start_redownload(asking.peer, &root, trail.into_commitments(), chain);
        Ok(HeadersProgress { shown, ..HeadersProgress::default() })
    }

    /// Starts downloading a branch with more work from its fork point. `marks` are its commitments.
    fn start_redownload(
        &mut self,
        peer: ConnectionId,
        root: &ForkRoot,
        marks: Vec<(u64, Hash)>,
        chain: &mut Chain,
    ) {
        if chain.find(&root.hash).is_none() {
            chain.insert_fork_point(root.header, root.history.clone());
        }
        if chain.begin_redownload(&root.hash) {
            self.redownload = Some(Redownload { peer, marks: marks.into() });
            self.reset_timeout();
        }
    }
}

impl ForkRoot {
    /// Returns the fork point that a checkpoint and the headers after it lead to.
    fn reach(hash: Hash, history: Mmr, between: &[Header]) -> Option<Self> {
        let mut reached = None;
        let mut grown = history;
        for header in between {
            let at = header.hash();
            grown = grown.append(header.record(at));
            reached = Some((*header, at));
        }
        let (header, at) = reached?;
        (at == hash && grown.leaves() == header.height + 1).then_some(Self { header, hash, history: grown })
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

mod prove;

#[cfg(test)]
mod tests;

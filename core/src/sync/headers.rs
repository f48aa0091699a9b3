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
//! If the peer has no proof, the branch is presynced as a `Trail`, and downloaded again if its work
//! matches the claim. A peer that stalls, or shows less than it claimed, is backed off, and the
//! next nearest is asked. One honest reachable peer is enough.
//!
//! Bounds: one request, one packet of headers or one proof, and one trail at a time, whatever the
//! number of peers.

use core::time::Duration;
use std::collections::VecDeque;

use crate::ledger::chain::{AHEAD_MAX, Chain, Inserted};
use crate::ledger::presync::Trail;
use crate::ledger::validation::{self, RuleError};
use crate::primitives::block::Header;
use crate::primitives::collections::vec_map::Sorted;
use crate::primitives::hash::Hash;
use crate::primitives::mmr::History;
use crate::primitives::pow::Work;
use crate::primitives::time::{Moment, Now};
use crate::proof::chain_proof::Proven;
use crate::protocol::connection::PeerId;
use crate::protocol::limits::HEADERS_MAX;
use crate::protocol::misbehavior::Fault;

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
pub(crate) struct Candidate {
    pub(crate) peer: PeerId,
    pub(crate) latency: Duration,
    /// The best known work of the peer: reported, shown or guessed.
    pub(crate) claim: Work,
    /// The work that it reported in the handshake.
    pub(crate) said: Work,
    pub(crate) height: u64,
}

/// The next request of the node.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Ask this peer for the headers after the first of these that it has.
    Ask(PeerId, Vec<Hash>),
    /// Ask the driver for the history at this block of the best chain.
    Base(Hash),
    /// Ask this peer for the proof of its chain.
    Prove(PeerId),
}

/// The outcome of received headers.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Progress {
    /// A proven chain to switch to.
    pub(crate) proven: Option<Box<Proven>>,
    /// True if the best header moved.
    pub(crate) leads: bool,
    /// A header from the future.
    pub(crate) early: Option<Header>,
    /// The most work that the peer has shown, with the height.
    pub(crate) shown: Option<(Work, u64)>,
    /// The next request.
    pub(crate) step: Option<Step>,
}

#[derive(Debug)]
enum Mode {
    /// Inserts headers into the tree.
    Tree,
    /// The headers wait for the history at their fork point.
    Rooting(Hash, Vec<Header>),
    /// Presyncs a branch from its fork point.
    Weighing(Box<(Root, Trail)>),
    /// A light node waits for the proof of the chain.
    Proving,
    /// A full node waits for the proof of the chain before it uses these headers, which follow the
    /// fork point.
    Vetting(Box<(Root, Vec<Header>)>),
}

#[derive(Debug)]
struct Asking {
    peer: PeerId,
    claim: Work,
    said: Work,
    height: u64,
    deadline: Moment,
    mode: Mode,
}

/// The fork point of a presynced branch.
#[derive(Clone, Debug)]
struct Root {
    header: Header,
    hash: Hash,
    history: History,
}

/// A presynced branch that is downloaded again, segment by segment.
#[derive(Debug)]
struct Plan {
    peer: PeerId,
    marks: VecDeque<(u64, Hash)>,
}

/// The backoff of a peer whose last answer was useless.
#[derive(Clone, Copy, Debug, Default)]
struct PassedOver {
    /// It is not asked again before it claims more than this.
    claim: Work,
    /// Alternatively, not before this moment, when its next header becomes acceptable.
    again: Option<Moment>,
    /// The number of useless answers since it last extended the best header.
    times: u32,
}

/// The search for the branch with most work.
#[derive(Debug, Default)]
pub(crate) struct Sync {
    asking: Option<Asking>,
    plan: Option<Plan>,
    /// Peers that showed less than they claimed.
    passed_over: Sorted<PeerId, PassedOver>,
    /// The time until which headers are waited for, since the first request that has brought
    /// nothing yet.
    patience: Option<Moment>,
    is_impatient: bool,
    /// Peers that had no proof to give: at most all connected ones.
    proofless: Sorted<PeerId, ()>,
}

impl Sync {
    /// Returns true if headers are being downloaded or presynced.
    pub(crate) fn is_heading(&self) -> bool {
        self.asking.is_some() && self.plan.is_none()
    }

    /// Returns true if bodies and mining wait for headers. They do not wait if a branch is
    /// presynced already, and never without a limit.
    pub(crate) fn is_awaited(&self) -> bool {
        self.is_heading() && !self.is_impatient
    }

    /// Returns true if a presynced branch is being downloaded.
    pub(crate) fn is_long(&self) -> bool {
        self.plan.is_some()
    }

    /// Returns the height that is aimed at, as far as it is above the best header.
    pub(crate) fn target_height(&self) -> u64 {
        let asked = self.asking.as_ref().map_or(0, |asking| asking.height);
        let planned = self.plan.as_ref().and_then(|plan| plan.marks.back()).map_or(0, |mark| mark.0);
        asked.max(planned)
    }

    pub(crate) fn deadline(&self) -> Option<Moment> {
        let asking = self.asking.as_ref()?;
        let patience = self.patience.filter(|_| !self.is_impatient);
        Some(patience.map_or(asking.deadline, |patience| patience.min(asking.deadline)))
    }

    /// Resets the timeout, because the headers were useful.
    fn hope(&mut self) {
        (self.patience, self.is_impatient) = (None, false);
    }

    /// Returns the request to the next peer. Returns `None` if a request is in flight or no peer
    /// claims more than we have.
    pub(crate) fn next(
        &mut self,
        now: Now,
        chain: &Chain,
        candidates: &[Candidate],
        weighs: bool,
    ) -> Option<Step> {
        if self.asking.is_some() || chain.path().len() > AHEAD_MAX / 2 {
            return None;
        }
        if let Some(plan) = &self.plan {
            let peer = plan.peer;
            let candidate = candidates.iter().find(|candidate| candidate.peer == peer)?;
            return Some(self.ask(now, candidate, vec![chain.leader().hash]));
        }
        let most = chain.leader().total_work;
        let wanted = |candidate: &&Candidate| {
            let passed = self.passed_over.get(&candidate.peer);
            candidate.claim > most
                && passed.is_none_or(|passed| {
                    candidate.claim > passed.claim || passed.again.is_some_and(|again| again <= now.moment)
                })
        };
        // A peer with useless answers comes after the others, however near. So no peer can keep
        // others from being asked.
        let vain = |peer: &PeerId| self.passed_over.get(peer).map_or(0, |passed| passed.times);
        let order = |candidate: &&Candidate| (vain(&candidate.peer), candidate.latency, candidate.peer);
        let nearest = candidates.iter().filter(wanted).min_by_key(order)?;
        let step = self.ask(now, nearest, chain.locator());
        let is_far = nearest.height.saturating_sub(chain.leader().header.height) > PROOF_AHEAD;
        if !weighs && is_far && self.can_prove(nearest.peer) {
            return self.asking.take().map(|asking| self.ask_proof(now, asking, Mode::Proving));
        }
        Some(step)
    }

    fn ask(&mut self, now: Now, candidate: &Candidate, locator: Vec<Hash>) -> Step {
        let Candidate { peer, claim, said, height, .. } = *candidate;
        let deadline = now.moment + HEADERS_TIMEOUT;
        self.patience.get_or_insert(now.moment + PATIENCE);
        self.asking = Some(Asking { peer, claim, said, height, deadline, mode: Mode::Tree });
        Step::Ask(peer, locator)
    }

    /// Handles a closed connection: gives up its request and its branch.
    pub(crate) fn closed(&mut self, peer: PeerId, chain: &mut Chain) {
        self.passed_over.remove(&peer);
        self.proofless.remove(&peer);
        self.asking.take_if(|asking| asking.peer == peer);
        if self.plan.take_if(|plan| plan.peer == peer).is_some() {
            chain.abandon();
        }
    }

    /// Returns a peer whose request timed out, and backs it off. The node closes it.
    pub(crate) fn tick(&mut self, now: Moment) -> Option<PeerId> {
        self.is_impatient = self.patience.is_some_and(|patience| patience <= now);
        let asking = self.asking.take_if(|asking| asking.deadline <= now)?;
        self.pass_over(&asking);
        Some(asking.peer)
    }

    /// Backs off a peer that cannot show more: it is not asked again before it claims more.
    fn pass_over(&mut self, asking: &Asking) {
        let passed = self.passed_over.get_or_default(asking.peer);
        passed.claim = passed.claim.max(asking.claim);
        passed.again = None;
        passed.times = passed.times.saturating_add(1);
    }

    /// Backs off a peer until its next header, which is from the future, becomes acceptable.
    fn wait_for(&mut self, now: Now, asking: &Asking, early: &Header) {
        self.pass_over(asking);
        if let Some(passed) = self.passed_over.get_mut(&asking.peer) {
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
        peer: PeerId,
        headers: Vec<Header>,
        chain: &mut Chain,
        weighs: bool,
    ) -> Result<Progress, Fault> {
        let Some(asking) = self.asking.take_if(|asking| asking.peer == peer) else {
            return Err(Fault::Unasked { packet: "headers" });
        };
        check_connected(&headers)?;
        match asking.mode {
            Mode::Tree => self.grow_tree(now, asking, headers, chain, weighs),
            Mode::Weighing(trail) => {
                let asking = Asking { mode: Mode::Tree, ..asking };
                self.along_trail(now, asking, *trail, &headers, chain)
            }
            Mode::Rooting(..) | Mode::Proving | Mode::Vetting(_) => Err(Fault::Unasked { packet: "headers" }),
        }
    }

    fn grow_tree(
        &mut self,
        now: Now,
        asking: Asking,
        headers: Vec<Header>,
        chain: &mut Chain,
        weighs: bool,
    ) -> Result<Progress, Fault> {
        let Some(first) = headers.first() else {
            self.pass_over(&asking);
            self.drop_plan(chain);
            return Ok(Progress::default());
        };
        let Some(root) = chain.find(&first.prev_hash) else {
            if !weighs && self.can_prove(asking.peer) {
                let step = self.ask_proof(now, asking, Mode::Proving);
                return Ok(Progress { step: Some(step), ..Progress::default() });
            }
            return self.root_below(now, asking, first.prev_hash, headers, chain);
        };
        let ahead = asking.height.saturating_sub(root.header.height);
        if weighs && self.plan.is_none() && ahead > AHEAD_MAX as u64 {
            let history = chain.history(&root.hash).cloned().unwrap_or_default();
            let root = Root { header: root.header, hash: root.hash, history };
            return self.vet(now, asking, root, headers, chain);
        }
        let (full, mut progress, mut last) = (headers.len() == HEADERS_MAX, Progress::default(), root.hash);
        let leader = chain.leader().hash;
        for header in headers {
            let hash = header.hash();
            match chain.insert(header, now.time) {
                Ok(Inserted::New { leads }) => progress.leads |= leads,
                Ok(Inserted::Known) => {}
                Ok(Inserted::Early { .. }) => {
                    progress.early = Some(header);
                    break;
                }
                Ok(Inserted::TooFarAhead) => return Ok(progress),
                Ok(Inserted::Orphan) => return Err(Fault::Disconnected { height: header.height }),
                Err(failures) => return Err(invalid(hash, failures)),
            }
            last = hash;
            if !self.keeps_marks(header.height, &hash) {
                self.drop_plan(chain);
                return Err(Fault::Disconnected { height: header.height });
            }
        }
        if progress.leads {
            self.hope();
        }
        progress.shown = chain.find(&last).map(|place| (place.total_work, place.header.height));
        if let Some(early) = &progress.early {
            // If asked again at once, the peer would send the same.
            self.wait_for(now, &asking, early);
            self.drop_plan(chain);
            return Ok(progress);
        }
        let is_stuck = self.plan.is_some() && chain.leader().hash == leader;
        if is_stuck || self.plan.as_ref().is_some_and(|plan| plan.marks.is_empty()) {
            self.drop_plan(chain);
        }
        if is_stuck {
            // Its best branch has changed.
            self.pass_over(&asking);
            return Ok(progress);
        }
        if full && self.plan.is_none() {
            let is_long = !weighs && self.can_prove(asking.peer);
            progress.step = Some(match is_long {
                true => self.ask_proof(now, asking, Mode::Proving),
                false => self.go_on(now, asking, last, Mode::Tree),
            });
        } else if !full {
            self.drop_plan(chain);
            if progress.leads {
                let passed = PassedOver { claim: asking.claim, ..PassedOver::default() };
                self.passed_over.insert(asking.peer, passed);
            } else {
                self.pass_over(&asking);
            }
        }
        Ok(progress)
    }

    fn go_on(&mut self, now: Now, asking: Asking, last: Hash, mode: Mode) -> Step {
        let (peer, deadline) = (asking.peer, now.moment + HEADERS_TIMEOUT);
        self.patience.get_or_insert(now.moment + PATIENCE);
        self.asking = Some(Asking { deadline, mode, ..asking });
        Step::Ask(peer, vec![last])
    }

    /// Returns false if a header contradicts the commitments of the presynced branch. The last one
    /// may differ, because tips are replaced.
    fn keeps_marks(&mut self, height: u64, hash: &Hash) -> bool {
        let Some(plan) = &mut self.plan else { return true };
        while let Some(&(marked, expected)) = plan.marks.front().filter(|(marked, _)| *marked <= height) {
            plan.marks.pop_front();
            if marked == height && expected != *hash {
                return plan.marks.is_empty();
            }
        }
        true
    }

    /// Gives up the branch because it is invalid or unavailable.
    pub(crate) fn plan_failed(&mut self, chain: &mut Chain) {
        self.drop_plan(chain);
    }

    /// Ends the redownload, because the peer has no more of the branch. A branch that does not
    /// outweigh ours by then is given up.
    fn drop_plan(&mut self, chain: &mut Chain) {
        if self.plan.take().is_some() {
            chain.abandon();
        }
    }

    /// Handles headers that follow a block below the tree's window, whose history is needed.
    /// Returns the progress.
    fn root_below(
        &mut self,
        now: Now,
        asking: Asking,
        root: Hash,
        headers: Vec<Header>,
        chain: &mut Chain,
    ) -> Result<Progress, Fault> {
        if root == *chain.network().id() {
            let header = *chain.network().genesis();
            let history = History::default().append(header.record(root));
            return self.vet(now, asking, Root { header, hash: root, history }, headers, chain);
        }
        if !chain.is_milestone(&root) {
            return Err(Fault::Disconnected { height: headers.first().map_or(0, |header| header.height) });
        }
        let deadline = now.moment + HEADERS_TIMEOUT;
        self.asking = Some(Asking { deadline, mode: Mode::Rooting(root, headers), ..asking });
        Ok(Progress { step: Some(Step::Base(root)), ..Progress::default() })
    }

    /// Handles the history that the driver returned. Returns the result with the peer whose headers
    /// waited for it.
    pub(crate) fn recalled(
        &mut self,
        now: Now,
        hash: Hash,
        base: Option<(History, Vec<Header>)>,
        chain: &mut Chain,
    ) -> Option<(PeerId, Result<Progress, Fault>)> {
        let waits = |asking: &mut Asking| matches!(asking.mode, Mode::Rooting(root, _) if root == hash);
        let asking = self.asking.take_if(waits)?;
        let peer = asking.peer;
        let Mode::Rooting(_, headers) = asking.mode else { return None };
        let asking = Asking { mode: Mode::Tree, ..asking };
        let root = base.and_then(|(history, between)| Root::reach(hash, history, &between));
        let Some(root) = root else {
            self.pass_over(&asking);
            return Some((peer, Ok(Progress::default())));
        };
        Some((peer, self.vet(now, asking, root, headers, chain)))
    }

    fn along_trail(
        &mut self,
        now: Now,
        asking: Asking,
        (root, mut trail): (Root, Trail),
        headers: &[Header],
        chain: &mut Chain,
    ) -> Result<Progress, Fault> {
        if headers.first().is_some_and(|header| header.prev_hash != trail.hash()) {
            return Err(Fault::Disconnected { height: trail.height() + 1 });
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
            let (last, mode) = (trail.hash(), Mode::Weighing(Box::new((root, trail))));
            return Ok(Progress { step: Some(self.go_on(now, asking, last, mode)), ..Progress::default() });
        }
        let shown = Some((trail.work(), trail.height()));
        if trail.work() <= chain.leader().total_work {
            if let Some(early) = &early {
                self.wait_for(now, &asking, early);
                return Ok(Progress { shown, early: Some(*early), ..Progress::default() });
            }
            self.pass_over(&asking);
            // If the peer did not report this work itself, it was only our guess.
            return if trail.work() < asking.said {
                Err(Fault::WorkNotShown)
            } else {
                Ok(Progress { shown, ..Progress::default() })
            };
        }
        self.make_plan(asking.peer, &root, trail.into_marks(), chain);
        Ok(Progress { shown, ..Progress::default() })
    }

    /// Starts downloading a branch with more work from its fork point. `marks` are its commitments.
    fn make_plan(&mut self, peer: PeerId, root: &Root, marks: Vec<(u64, Hash)>, chain: &mut Chain) {
        if chain.find(&root.hash).is_none() {
            chain.rebase(root.header, root.history.clone());
        }
        if chain.pursue(&root.hash) {
            self.plan = Some(Plan { peer, marks: marks.into() });
            self.hope();
        }
    }
}

impl Root {
    /// Returns the fork point that a checkpoint and the headers after it lead to.
    fn reach(hash: Hash, history: History, between: &[Header]) -> Option<Self> {
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

fn invalid(hash: Hash, failures: Vec<RuleError>) -> Fault {
    let error = failures.into_iter().next().unwrap_or(RuleError::ParentUnknown { found: hash });
    Fault::InvalidHeader { hash, error: Box::new(error) }
}

fn check_connected(headers: &[Header]) -> Result<(), Fault> {
    match headers.windows(2).find(|pair| pair[1].prev_hash != pair[0].hash()) {
        Some(pair) => Err(Fault::Disconnected { height: pair[1].height }),
        None => Ok(()),
    }
}

mod prove;

#[cfg(test)]
mod tests;

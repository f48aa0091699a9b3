//! Proofs in the search: a peer with a long branch proves its work before its headers are
//! requested.

use super::{Asking, HEADERS_TIMEOUT, LIGHT_BODIES, Mode, Progress, Root, Step, Sync};
use crate::ledger::chain::Chain;
use crate::ledger::presync::Trail;
use crate::ledger::validation;
use crate::primitives::block::Header;
use crate::primitives::time::Now;
use crate::proof::chain_proof::{self, Proven};
use crate::protocol::connection::PeerId;
use crate::protocol::limits::HEADERS_MAX;
use crate::protocol::misbehavior::Fault;

impl Sync {
    /// Returns true if a peer may have a proof.
    pub(super) fn can_prove(&self, peer: PeerId) -> bool {
        !self.proofless.contains_key(&peer)
    }

    pub(super) fn ask_proof(&mut self, now: Now, asking: Asking, mode: Mode) -> Step {
        let peer = asking.peer;
        self.asking = Some(Asking { deadline: now.moment + HEADERS_TIMEOUT, mode, ..asking });
        Step::Prove(peer)
    }

    /// Handles headers whose fork point is far below the peer's claim: requests a proof, or
    /// presyncs them one by one. Returns the progress.
    pub(super) fn vet(
        &mut self,
        now: Now,
        asking: Asking,
        root: Root,
        headers: Vec<Header>,
        chain: &mut Chain,
    ) -> Result<Progress, Fault> {
        if headers.len() == HEADERS_MAX && self.can_prove(asking.peer) {
            let step = self.ask_proof(now, asking, Mode::Vetting(Box::new((root, headers))));
            return Ok(Progress { step: Some(step), ..Progress::default() });
        }
        let trail = Trail::new(root.header, root.hash, root.history.clone());
        self.along_trail(now, asking, (root, trail), &headers, chain)
    }

    /// Handles a received proof.
    ///
    /// # Errors
    /// The peer's fault.
    pub(crate) fn received_proof(
        &mut self,
        now: Now,
        peer: PeerId,
        bytes: &[u8],
        chain: &mut Chain,
    ) -> Result<Progress, Fault> {
        let is_awaited = |asking: &mut Asking| {
            asking.peer == peer && matches!(asking.mode, Mode::Proving | Mode::Vetting(_))
        };
        let Some(asking) = self.asking.take_if(is_awaited) else {
            return Err(Fault::Unasked { packet: "proof" });
        };
        let (mode, asking) = (asking.mode, Asking { mode: Mode::Tree, ..asking });
        if bytes.is_empty() {
            self.proofless.insert(peer, ());
            return match mode {
                Mode::Vetting(held) => self.vet(now, asking, held.0, held.1, chain),
                // The next request is for headers.
                Mode::Proving | Mode::Tree | Mode::Rooting(..) | Mode::Weighing(_) => Ok(Progress::default()),
            };
        }
        let proven = chain_proof::verify(chain.network(), bytes);
        let proven = proven.map_err(|error| Fault::InvalidProof { error: Box::new(error) })?;
        let (work, height) = (proven.total_work(), proven.header.height);
        let progress = Progress { shown: Some((work, height)), ..Progress::default() };
        if work <= chain.leader().total_work {
            self.pass_over(&asking);
            // If the peer did not report this work itself, it was only our guess.
            return if work < asking.said { Err(Fault::WorkNotShown) } else { Ok(progress) };
        }
        let settled = proven.tail.len().saturating_sub(LIGHT_BODIES).max(1);
        let is_early = |header: &&Header| validation::check_clock(header, now.time).is_some();
        if let Some(early) = proven.tail.iter().take(settled).rfind(is_early) {
            self.wait_for(now, &asking, early);
            return Ok(progress);
        }
        self.hope();
        let Mode::Vetting(held) = mode else {
            // It is not asked again before it claims more.
            self.pass_over(&asking);
            return Ok(Progress { proven: Some(Box::new(proven)), ..progress });
        };
        let root = held.0;
        let marks = marks(&proven, root.header.height);
        self.make_plan(peer, &root, marks, chain);
        Ok(progress)
    }
}

/// Returns the commitments that the headers above a height must match.
fn marks(proven: &Proven, root: u64) -> Vec<(u64, crate::primitives::hash::Hash)> {
    let shown = proven.shown.iter().copied().filter(|(height, _)| *height > root);
    shown.chain([(proven.header.height, proven.hash)]).collect()
}

//! A presynced branch that is downloaded again, segment by segment.

use std::collections::VecDeque;

use super::HeadersSync;
use super::request::ForkRoot;
use crate::ledger::chain::Chain;
use crate::primitives::hash::Hash;
use crate::protocol::connection::ConnectionId;

/// The second download of a branch, from the peer that showed its work.
#[derive(Debug)]
pub(super) struct Redownload {
    pub(super) peer: ConnectionId,
    /// Heights and hashes of the branch that its headers must match, lowest first.
    commitments: VecDeque<(u64, Hash)>,
}

impl Redownload {
    /// Returns the height of the branch, or 0 if all of it is here.
    pub(super) fn height(&self) -> u64 {
        self.commitments.back().map_or(0, |(height, _)| *height)
    }

    /// Returns true if the last commitment was compared.
    pub(super) fn is_complete(&self) -> bool {
        self.commitments.is_empty()
    }

    /// Returns false if a header contradicts the commitments of the presynced branch. The last one
    /// may differ, because tips are replaced.
    pub(super) fn matches_commitments(&mut self, height: u64, hash: &Hash) -> bool {
        let is_due = |(committed, _): &(u64, Hash)| *committed <= height;
        while let Some((committed, expected)) = self.commitments.pop_front_if(|entry| is_due(entry)) {
            if committed == height && expected != *hash {
                return self.commitments.is_empty();
            }
        }
        true
    }
}

impl HeadersSync {
    /// Gives up the branch because it is invalid or unavailable.
    pub(crate) fn redownload_failed(&mut self, chain: &mut Chain) {
        self.abandon_redownload(chain);
    }

    /// Starts downloading a branch with more work from its fork point.
    pub(super) fn start_redownload(
        &mut self,
        peer: ConnectionId,
        root: &ForkRoot,
        commitments: Vec<(u64, Hash)>,
        chain: &mut Chain,
    ) {
        if chain.find(&root.hash).is_none() {
            chain.insert_fork_point(root.header, root.history.clone());
        }
        if chain.begin_redownload(&root.hash) {
            self.redownload = Some(Redownload { peer, commitments: commitments.into() });
            self.patience.reset();
        }
    }

    /// Ends the redownload, because the peer has no more of the branch. A branch that does not
    /// outweigh ours by then is given up.
    pub(super) fn abandon_redownload(&mut self, chain: &mut Chain) {
        if self.redownload.take().is_some() {
            chain.abandon_redownload();
        }
    }
}

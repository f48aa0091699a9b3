//! Presync: checks the work of a branch before it is stored.
//!
//! A branch that may be longer than the tree holds is checked header by header. Only the last
//! header is kept, with the history's peaks and regular commitments. If the branch turns out to
//! have more work, it is downloaded again, and the commitments show that it is the same. So a peer
//! that claims much and shows little costs a few kilobytes, whatever it sends.

use crate::ledger::fork_choice::BranchEnd;
use crate::ledger::validation::{self, RuleError};
use crate::primitives::block::Header;
use crate::primitives::hash::Hash;
use crate::primitives::mmr::Mmr;
use crate::primitives::params::Network;
use crate::primitives::pow::Work;
use crate::primitives::time::Timestamp;

/// The most commitments of a presync. When there are more, every second one is dropped.
pub(crate) const COMMITMENTS_MAX: usize = 4_096;

/// A branch that is being presynced.
#[derive(Clone, Debug)]
pub(crate) struct HeadersPresync {
    last: Header,
    hash: Hash,
    history: Mmr,
    /// The commitments: heights with their hashes, ascending.
    commitments: Vec<(u64, Hash)>,
    spacing: u64,
}

impl HeadersPresync {
    /// Creates a presync above a known header, with the history up to and including it.
    pub(crate) fn new(root: Header, hash: Hash, history: Mmr) -> Self {
        Self { last: root, hash, history, commitments: Vec::new(), spacing: 1_024 }
    }

    /// Returns the last header's hash.
    pub(crate) fn hash(&self) -> Hash {
        self.hash
    }

    /// Returns the work of the branch up to its last header.
    pub(crate) fn work(&self) -> Work {
        self.history.work()
    }

    /// Returns the end of the branch, for fork choice.
    pub(crate) fn end(&self) -> BranchEnd {
        BranchEnd { total_work: self.work(), tip_work: self.last.work() }
    }

    /// Returns the last header's height.
    pub(crate) fn height(&self) -> u64 {
        self.last.height
    }

    /// Adds one header.
    ///
    /// # Errors
    /// The rules that it breaks, including the one for the local clock.
    pub(crate) fn push(
        &mut self,
        network: &Network,
        header: &Header,
        local: Timestamp,
    ) -> Result<(), Vec<RuleError>> {
        let hash = header.hash();
        let mut failures = validation::check_header(network, &self.last, &self.hash, header, &hash);
        failures.extend(validation::check_time_to_take(header, local));
        if !failures.is_empty() {
            return Err(failures);
        }
        self.history = self.history.append(header.record(hash));
        (self.last, self.hash) = (*header, hash);
        if header.height.is_multiple_of(self.spacing) {
            if self.commitments.len() == COMMITMENTS_MAX {
                self.spacing *= 2;
                self.commitments.retain(|(height, _)| height.is_multiple_of(self.spacing));
            }
            self.commitments.push((header.height, hash));
        }
        Ok(())
    }

    /// Returns the commitments that the branch must match in the redownload.
    pub(crate) fn into_commitments(mut self) -> Vec<(u64, Hash)> {
        self.commitments.push((self.last.height, self.hash));
        self.commitments
    }
}

#[cfg(test)]
mod tests;

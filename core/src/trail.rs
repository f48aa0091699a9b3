//! A trail: a branch that is weighed before it is let in.
//!
//! A branch that may be longer than the tree holds is checked header by header while only the last is kept, with the
//! history's peaks and a mark every so often. If it turns out to have more work, it is fetched again, and the marks show
//! that it is the same. So a peer that promises much and shows little costs a few kilobytes, whatever it sends.

use crate::block::Header;
use crate::hash::Hash;
use crate::history::History;
use crate::network::Network;
use crate::pow::Work;
use crate::rules::{self, RuleError};
use crate::time::Time;

/// The marks of a trail; when there are more, every other is dropped.
pub(crate) const MARKS_MAX: usize = 4_096;

/// A branch that is being weighed.
#[derive(Clone, Debug)]
pub(crate) struct Trail {
    last: Header,
    hash: Hash,
    history: History,
    /// Heights with the hashes that were there, rising.
    marks: Vec<(u64, Hash)>,
    spacing: u64,
}

impl Trail {
    /// Starts above a header that is known, with the history up to and with it.
    pub(crate) fn new(root: Header, hash: Hash, history: History) -> Self {
        Self { last: root, hash, history, marks: Vec::new(), spacing: 1_024 }
    }

    /// The last header's hash.
    pub(crate) fn hash(&self) -> Hash {
        self.hash
    }

    /// The work of the branch up to here.
    pub(crate) fn work(&self) -> Work {
        self.history.work()
    }

    /// The last header's height.
    pub(crate) fn height(&self) -> u64 {
        self.last.height
    }

    /// Goes on by one header.
    ///
    /// # Errors
    /// The rules that it breaks, the local clock's among them.
    pub(crate) fn push(
        &mut self,
        network: &Network,
        header: &Header,
        local: Time,
    ) -> Result<(), Vec<RuleError>> {
        let hash = header.hash();
        let mut failures = rules::check_header(network, &self.last, &self.hash, header, &hash);
        failures.extend(rules::check_clock(header, local));
        if !failures.is_empty() {
            return Err(failures);
        }
        self.history = self.history.append(header.record(hash));
        (self.last, self.hash) = (*header, hash);
        if header.height.is_multiple_of(self.spacing) {
            if self.marks.len() == MARKS_MAX {
                self.spacing *= 2;
                self.marks.retain(|(height, _)| height.is_multiple_of(self.spacing));
            }
            self.marks.push((header.height, hash));
        }
        Ok(())
    }

    /// What the branch must show when it is fetched again.
    pub(crate) fn into_marks(mut self) -> Vec<(u64, Hash)> {
        self.marks.push((self.last.height, self.hash));
        self.marks
    }
}

#[cfg(test)]
mod tests;

//! Branches that have more work than the chosen one, and do not replace it.
//!
//! One of them may replace it later, when the chosen branch grows by a small block. A branch with no more work than the chosen one
//! is forgotten: it cannot win before it grows, and then its new end is compared.
//!
//! Bounds: at most [`CONTENDERS_MAX`] ends. Each has a block of its own with more work than a quarter of a block of the best
//! branch.

use super::ChainEntry;
use crate::ledger::fork_choice;
use crate::primitives::pow::Work;

/// The most ends of branches that are remembered. When full, the one with least work is forgotten.
pub const CONTENDERS_MAX: usize = 64;

/// The ends of such branches, in the order in which they came.
#[derive(Clone, Debug, Default)]
pub(super) struct Contenders(Vec<ChainEntry>);

impl Contenders {
    /// Adds the end of a branch that does not replace the best one.
    pub(super) fn push(&mut self, entry: ChainEntry) {
        self.0.push(entry);
        if self.0.len() > CONTENDERS_MAX {
            let weakest = self.0.iter().enumerate().min_by_key(|(_, entry)| entry.total_work);
            if let Some((weakest, _)) = weakest {
                self.0.remove(weakest);
            }
        }
    }

    /// Compares a new end of a branch with `incumbent`. Returns the branch that wins against both
    /// and all contenders for which `is_there` is true.
    pub(super) fn offer(
        &mut self,
        entry: ChainEntry,
        incumbent: ChainEntry,
        is_there: impl Fn(&ChainEntry) -> bool,
    ) -> ChainEntry {
        if fork_choice::replaces(entry, incumbent) {
            return self.choose(entry, is_there);
        }
        if entry.total_work > incumbent.total_work {
            self.push(entry);
        }
        incumbent
    }

    /// Returns the branch that wins against `incumbent`, which was just chosen, and all contenders
    /// for which `is_there` is true. The others are forgotten, and all with no more work than it.
    pub(super) fn choose(
        &mut self,
        incumbent: ChainEntry,
        is_there: impl Fn(&ChainEntry) -> bool,
    ) -> ChainEntry {
        if self.0.is_empty() {
            return incumbent;
        }
        self.0.retain(|entry| entry.total_work > incumbent.total_work && is_there(entry));
        let best = fork_choice::choose(incumbent, &self.0);
        self.0.retain(|entry| entry.total_work > best.total_work);
        best
    }

    /// Returns the most work of a contender, or `work` if that is more.
    pub(super) fn most_work(&self, work: Work) -> Work {
        self.0.iter().map(|entry| entry.total_work).fold(work, Work::max)
    }

    /// Forgets all of them.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

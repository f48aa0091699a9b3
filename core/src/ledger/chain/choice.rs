//! The choices of the chain: where the best header and the tip move.

use super::locator::Skeleton;
use super::{Chain, ChainEntry, TipUpdate};
use crate::ledger::fork_choice;
use crate::primitives::block::Header;
use crate::primitives::hash::Hash;
use crate::primitives::mmr::Mmr;
use crate::primitives::pow::Work;

impl Chain {
    /// Adds a checked header. Returns true if it moved the best header.
    pub(super) fn add(&mut self, hash: Hash, header: Header, history: Mmr) -> bool {
        let entry = self.tree.insert(hash, header, history, false);
        let best = *self.best_header.entry();
        if header.prev_hash == best.hash {
            self.extend_best_header(entry, false);
            return true;
        }
        if self.best_header.is_redownloading() {
            return false;
        }
        let chosen = self.header_rivals.offer(entry, best, |rival| self.tree.contains(&rival.hash));
        self.move_best_header(chosen)
    }

    /// Extends the best header's branch.
    pub(super) fn extend_best_header(&mut self, entry: ChainEntry, verified: bool) {
        self.best_header.extend(entry, verified);
        if !self.best_header.is_redownloading() {
            // A small block may lose to a branch that did not replace its parent.
            let chosen = self.header_rivals.choose(entry, |rival| self.tree.contains(&rival.hash));
            self.move_best_header(chosen);
        } else if fork_choice::replaces(entry, *self.window.tip()) {
            // Another branch may be better by now.
            self.best_header.end_redownload();
            self.recompute_best_header();
        }
    }

    /// Moves the best header. Returns false if it is there already.
    fn move_best_header(&mut self, best: ChainEntry) -> bool {
        let moves = best.hash != self.best_header.entry().hash;
        if moves {
            self.best_header.set(best, &self.tree, &self.window);
        }
        moves
    }

    /// Sets the best header to the branch of the tree that replaces the tip, if there is one.
    fn recompute_best_header(&mut self) {
        let tip = *self.window.tip();
        let others = self.tree.with_more_work(tip.total_work);
        let best = fork_choice::choose(tip, &others);
        if best.hash != tip.hash {
            self.move_best_header(best);
        }
        self.header_rivals.clear();
        for rival in others.into_iter().filter(|other| other.total_work > best.total_work) {
            self.header_rivals.push(rival);
        }
    }

    /// Resets the best header to the best of the tree, or to the tip.
    pub(super) fn reset_best_header(&mut self) {
        self.best_header.reset(self.window.tip());
        self.recompute_best_header();
    }

    /// Returns the most work of a branch whose headers are known, whether or not it is the best.
    pub fn most_work(&self) -> Work {
        self.header_rivals.most_work(self.best_header.entry().total_work)
    }

    /// Marks a block's body as valid. Its parent was marked before. Returns the outcome.
    ///
    /// The tip may move to another branch than the block's: a small block on the tip can let a
    /// branch win that did not replace the block's parent.
    pub fn mark_validated(&mut self, hash: &Hash) -> TipUpdate {
        let Some(entry) = self.tree.mark_validated(hash) else { return TipUpdate::Side };
        self.best_header.mark_validated(hash);
        let tip = *self.window.tip();
        let meets_window = |rival: &ChainEntry| self.window.fork_height(&self.tree, rival.hash).is_some();
        let best = self.rivals.offer(entry, tip, meets_window);
        if best.hash == tip.hash {
            return TipUpdate::Side;
        }
        if best.header.prev_hash != tip.hash {
            return self.reorganize(best);
        }
        self.window.push(best);
        self.tip_moved();
        TipUpdate::Extended
    }

    /// Returns a verified block that replaces the tip. There is none, unless this chain is broken.
    pub fn unsettled(&self) -> Option<ChainEntry> {
        let tip = *self.window.tip();
        let rivals = self.tree.with_more_work(tip.total_work);
        rivals.into_iter().find(|rival| self.is_verified(&rival.hash) && fork_choice::replaces(*rival, tip))
    }

    /// Moves the tip to another branch, which ends with `tip`. Returns the outcome.
    fn reorganize(&mut self, tip: ChainEntry) -> TipUpdate {
        let (mut done, mut shared) = (Vec::new(), None);
        for (hash, node) in self.tree.down_from(tip.hash) {
            if self.window.contains(&hash, node.header.height) {
                shared = Some(node.header.height);
                break;
            }
            done.push(hash);
        }
        done.reverse();
        let (fork, undone) = if let Some(fork) = shared {
            (fork, self.window.replace_above(fork, &done, tip))
        } else {
            // The start of the branch has left the window, so the shared part now lies below it.
            let fork = self.best_header.fork();
            let undone = self.window.replace_all(fork, &done, tip);
            self.skeleton.cut(fork, self.window.lowest());
            // A branch from a fork point that was inserted starts with a block that both share.
            done.drain(..usize::from(self.window.lowest() == fork));
            (fork, undone)
        };
        self.tip_moved();
        TipUpdate::Reorged { fork, undone, done }
    }

    /// Keeps the best header at the tip or on a branch that replaces it, and the window within its
    /// bounds.
    fn tip_moved(&mut self) {
        let tip = *self.window.tip();
        let is_above_tip = *self.best_header.best_validated() == tip.hash;
        if is_above_tip || self.best_header.is_redownloading() {
            self.best_header.tip_moved(&tip);
        } else if !fork_choice::replaces(*self.best_header.entry(), tip) {
            self.reset_best_header();
        }
        while let Some(hash) = self.window.pop_excess() {
            if hash == *self.best_header.best_validated() {
                self.best_header.reset(self.window.tip());
            }
            let height = self.tree.remove(&hash).map(|node| node.header.height);
            if let Some(height) = height.filter(|height| Skeleton::is_due(*height)) {
                self.skeleton.push(height, hash);
            }
            if Skeleton::is_due(self.window.lowest()) {
                self.drop_stale_forks();
            }
        }
    }
}

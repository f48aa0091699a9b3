//! Fork choice: the rule by which one of two branches wins.
//!
//! Specified in PROTOCOL.md, "Fork choice".
//!
//! The branch with more work wins. Of equal work, the branch that was seen first stays. Every
//! choice of a branch follows this rule: among verified tips, among headers without bodies, and by
//! the work that a peer claims or shows.

use core::cmp::Reverse;

use crate::primitives::pow::Work;

/// Returns true if a branch with the work `challenger` replaces the branch with the work
/// `incumbent`, which was seen first.
pub(crate) fn wins(challenger: Work, incumbent: Work) -> bool {
    challenger > incumbent
}

/// Returns a branch's rank among several: the greatest is the best. `order` is the branch's number
/// in the order in which branches were seen.
pub(crate) fn rank(work: Work, order: u64) -> (Work, Reverse<u64>) {
    (work, Reverse(order))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_work_wins_and_of_equal_work_the_first_seen_stays() {
        let [less, more] = [7, 8].map(Work::from_hashes);
        assert!(wins(more, less));
        assert!(!wins(less, more));
        assert!(!wins(less, less));
    }

    #[test]
    fn among_several_the_first_seen_with_most_work_ranks_highest() {
        let [less, more] = [7, 8].map(Work::from_hashes);
        assert_eq!(
            [(less, 0), (more, 2), (more, 1)].map(|(work, order)| rank(work, order)).iter().max(),
            Some(&rank(more, 1))
        );
    }
}

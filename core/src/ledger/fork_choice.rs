//! Fork choice: the rule by which one of two branches wins.
//!
//! Specified in PROTOCOL.md, "Fork choice".
//!
//! A branch replaces the best one if it has more work by over a quarter of the easier of both tips. A block's own time sets its
//! target, so the earlier of two siblings always has a little more work. Without the margin, a block that was withheld would beat
//! every honest block that was mined after it.
//!
//! Every choice of a branch follows this rule: among verified tips, among headers without bodies, and by the work that a peer
//! shows. The rule depends on the order in which branches were seen, so a node compares its tip with the ends of all branches
//! each time one of them grows: a small block on the best branch makes the margin smaller. No cycle is possible, because each
//! replacement has more work.

use crate::primitives::pow::Work;

/// The end of a branch, as far as the rule looks at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BranchEnd {
    /// The work of the branch, up to and including its last block.
    pub total_work: Work,
    /// The work of its last block.
    pub tip_work: Work,
}

/// A value that stands for a branch.
pub trait Branch: Copy {
    /// Returns the end of the branch.
    fn end(&self) -> BranchEnd;
}

impl Branch for BranchEnd {
    fn end(&self) -> BranchEnd {
        *self
    }
}

/// Returns true if the branch `challenger` replaces the branch `incumbent`, which was seen first.
///
/// A total that is saturated is not a number of hashes, so it replaces nothing.
///
/// ```
/// use plexus_core::ledger::fork_choice::{BranchEnd, replaces};
/// use plexus_core::primitives::pow::Work;
///
/// let end = |total: u128, tip: u128| BranchEnd {
///     total_work: Work::from_hashes(total),
///     tip_work: Work::from_hashes(tip),
/// };
/// assert!(!replaces(end(1_025, 100), end(1_000, 100)), "a quarter of a block is not enough");
/// assert!(replaces(end(1_026, 100), end(1_000, 100)));
/// assert!(replaces(end(1_001, 1), end(1_000, 100)), "any block on the best branch extends it");
/// ```
pub fn replaces(challenger: impl Branch, incumbent: impl Branch) -> bool {
    let (challenger, incumbent) = (challenger.end(), incumbent.end());
    let more = challenger.total_work.hashes();
    let easier = challenger.tip_work.min(incumbent.tip_work).hashes();
    // 4 · difference > easier, in numbers that cannot overflow.
    let difference = more.checked_sub(incumbent.total_work.hashes());
    more < u128::MAX && difference.is_some_and(|difference| difference > easier / 4)
}

/// Returns the branch that wins: the incumbent if no branch of `others` replaces it. Otherwise the
/// one with most work that does, of equal ones the first, unless a third branch replaces that one.
pub(crate) fn choose<B: Branch>(incumbent: B, others: &[B]) -> B {
    let mut best = incumbent;
    let most = |best: B| {
        let replacing = others.iter().rev().filter(|other| replaces(**other, best));
        // Of equal ones this is the last, and the order is reversed.
        replacing.max_by_key(|other| other.end().total_work)
    };
    while let Some(next) = most(best) {
        best = *next;
    }
    best
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn end(total_work: u128, tip_work: u128) -> BranchEnd {
        let [total_work, tip_work] = [total_work, tip_work].map(Work::from_hashes);
        BranchEnd { total_work, tip_work }
    }

    #[test]
    fn a_branch_replaces_another_by_over_a_quarter_of_the_easier_tip() {
        for (challenger, incumbent, expected) in [
            (end(125, 100), end(100, 100), false),
            (end(126, 100), end(100, 100), true),
            (end(126, 100), end(100, 1_000), true),
            (end(126, 1_000), end(100, 100), true),
            (end(126, 1_000), end(100, 104), false),
            // A quarter is not rounded: 4 · 2 is not over 8, and is over 7.
            (end(102, 8), end(100, 8), false),
            (end(102, 7), end(100, 8), true),
            (end(101, 3), end(100, 100), true),
            (end(101, 4), end(100, 100), false),
            (end(100, 0), end(100, 0), false),
            (end(99, 0), end(100, 0), false),
            (end(1, 1), end(0, 0), true),
        ] {
            assert_eq!(replaces(challenger, incumbent), expected, "{challenger:?} after {incumbent:?}");
        }
    }

    #[test]
    fn the_largest_numbers_do_not_overflow_and_a_saturated_total_replaces_nothing() {
        let most = u128::MAX;
        assert!(replaces(end(most - 1, most), end(most / 4, most)));
        assert!(!replaces(end(most - 1, most), end(most - 1 - most / 4, most)));
        assert!(!replaces(end(most, 1), end(0, 0)));
        assert!(!replaces(end(most, most), end(most, 1)));
    }

    #[test]
    fn the_best_of_many_is_found_in_steps() {
        // Of the branches that replace the incumbent, the second has most work. The third has more. It does
        // not replace the incumbent, but the second, whose tip is small. Nothing replaces the third.
        let (incumbent, small, large) = (end(1_000, 400), end(1_060, 10), end(1_090, 400));
        let others = [end(1_050, 10), small, large];
        assert!(!replaces(large, incumbent) && replaces(large, small));
        assert_eq!(choose(incumbent, &others), large);
        assert_eq!(choose(incumbent, &others[2..]), incumbent);
        assert_eq!(choose(incumbent, &[]), incumbent);
    }

    #[test]
    fn of_equal_ones_the_first_is_chosen() {
        #[derive(Clone, Copy, Debug, PartialEq)]
        struct Named(char);
        impl Branch for Named {
            fn end(&self) -> BranchEnd {
                if self.0 == 'a' { end(100, 100) } else { end(200, 100) }
            }
        }
        assert_eq!(choose(Named('a'), &[Named('b'), Named('c')]), Named('b'));
    }

    proptest! {
        #[test]
        fn nothing_replaces_the_chosen_branch(
            ends in proptest::collection::vec((0u128..200, 0u128..100), 1..12),
        ) {
            let ends: Vec<_> = ends.into_iter().map(|(total, tip)| end(total, tip)).collect();
            let chosen = choose(ends[0], &ends[1..]);
            prop_assert!(ends.iter().all(|other| !replaces(*other, chosen)));
            prop_assert!(chosen.total_work >= ends[0].total_work);
            // What decides is 4 · difference > easier.
            for (one, other) in ends.iter().zip(&ends[1..]) {
                let more = one.total_work.hashes() * 4;
                let margin = one.tip_work.min(other.tip_work).hashes();
                prop_assert_eq!(replaces(*one, *other), more > other.total_work.hashes() * 4 + margin);
            }
        }

        #[test]
        fn an_extension_always_replaces(total in 0u128..1 << 100, tip: u64, next in 1u64..) {
            let (parent, next) = (end(total, tip.into()), u128::from(next));
            prop_assert!(replaces(end(total + next, next), parent));
        }
    }
}

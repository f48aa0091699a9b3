//! The result of the checks: the first violation, and how often nodes found fault with others.

use super::violation::Violation;

/// The findings of the checks.
#[derive(Debug, Default)]
pub(super) struct Checks {
    /// The number of links that honest nodes closed for a fault. `blames` counts the ones that
    /// accuse an honest node.
    pub(super) faults: u64,
    pub(super) blames: u64,
    /// The first violation.
    pub(super) violation: Option<Violation>,
}

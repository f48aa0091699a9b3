//! Staying connected to named nodes.

/// The most nodes to stay connected to.
pub const TARGETS_MAX: usize = 64;

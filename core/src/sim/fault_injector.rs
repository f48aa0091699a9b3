//! The state of the faults: their random stream, and the partition that is in effect.

use super::rng::SimRng;

/// The state of the faults.
#[derive(Debug)]
pub(super) struct FaultInjector {
    /// The random stream of the faults. Draws from it do not change those of the network and users.
    pub(super) rng: SimRng,
    /// Whether faults are still injected.
    pub(super) are_active: bool,
    /// The hosts on the cut-off side of a partition.
    pub(super) cut: Option<Vec<bool>>,
}

impl FaultInjector {
    /// Creates an injector before the first fault.
    pub(super) fn new(rng: SimRng) -> Self {
        Self { rng, are_active: true, cut: None }
    }

    /// Returns true if a partition separates two hosts.
    pub(super) fn is_cut(&self, a: u32, b: u32) -> bool {
        self.cut.as_ref().is_some_and(|cut| cut[a as usize] != cut[b as usize])
    }

    /// Returns true if a frame is lost.
    pub(super) fn loses(&mut self, loss_ppm: u32) -> bool {
        self.are_active && self.rng.ppm(loss_ppm)
    }
}

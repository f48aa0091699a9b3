//! The state of the workload: the random stream of miners and users, and where messages go.

use super::rng::SimRng;

/// The state of the miners and users.
#[derive(Debug)]
pub(super) struct Workload {
    /// Their random stream. Draws from it do not change those of the network and faults.
    pub(super) rng: SimRng,
    /// Whether new messages stay on the host that writes them.
    pub(super) withholds: bool,
}

impl Workload {
    /// Creates the workload at the beginning.
    pub(super) fn new(rng: SimRng) -> Self {
        Self { rng, withholds: false }
    }
}

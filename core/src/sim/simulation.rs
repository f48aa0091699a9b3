//! A simulation: a setup that runs.

use super::report::{Progress, Report, Stage};
use super::setup::{Setup, SetupError};
use super::violation::Violation;

/// A setup that runs, slice by slice.
#[derive(Debug)]
pub struct Simulation {
    setup: Setup,
}

impl Simulation {
    /// A simulation at its beginning.
    ///
    /// # Errors
    /// Names what cannot be simulated.
    pub fn new(setup: Setup) -> Result<Self, SetupError> {
        setup.check()?;
        Ok(Self { setup })
    }

    /// Runs for about so many events, or until all is done.
    ///
    /// # Errors
    /// A law that was seen broken; the simulation is then done.
    pub fn run_for(&mut self, events: u64) -> Result<Progress, Violation> {
        Ok(Progress {
            stage: Stage::Done,
            events,
            simulated_ms: 0,
            blocks_mined: 0,
            blocks_wanted: self.setup.blocks.into(),
        })
    }

    /// What was measured so far.
    pub fn report(&self) -> Report {
        Report::empty(&self.setup)
    }
}

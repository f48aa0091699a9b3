//! The miners: the user's settings for them, the job that they search, and their results.

use plexus_core::mining::job::Job;
use plexus_core::primitives::key::PublicKey;
use plexus_core::primitives::time::MonotonicTime;

use crate::browser::callbacks::Callbacks;
use crate::browser::clock;
use crate::messages::Mining;
use crate::mining::rate::Rate;
use crate::mining::settings::{MiningSettings, PowerState};

/// The user's settings for the miners, and their state.
#[derive(Debug, Default)]
pub(super) struct Miners {
    pub(super) wanted: bool,
    /// The key of the node's blocks. `None` before the user mines: the node must not mine.
    pub(super) author: Option<PublicKey>,
    pub(super) settings: MiningSettings,
    pub(super) power: PowerState,
    pub(super) job: Option<Job>,
    pub(super) rate: Rate,
    pub(super) found: u64,
    pub(super) told: Option<(MonotonicTime, Mining)>,
}

impl Miners {
    /// Returns true if jobs are to be searched: the user wants it, and no condition makes the
    /// miners pause.
    pub(super) fn may_search(&self) -> bool {
        self.wanted && self.pause().is_none()
    }

    /// Returns the condition that makes the miners pause, if there is one.
    pub(super) fn pause(&self) -> Option<&'static str> {
        self.settings.pause(self.power)
    }

    /// Has the page's miners search a job, or none.
    pub(super) fn search(&mut self, job: Option<Job>, page: &Callbacks) {
        if job.is_none() {
            self.rate.reset();
        }
        page.search(job.as_ref().map(Job::encode).as_deref(), self.settings.threads, self.settings.percent);
        self.job = job;
    }

    /// Counts nonces that were tried.
    pub(super) fn hashed(&mut self, hashes: f64) {
        if self.job.is_some() {
            self.rate.note(clock::milliseconds(), hashes);
        }
    }
}

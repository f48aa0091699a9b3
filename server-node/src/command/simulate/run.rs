//! A trial: one topology, run once for each seed. It also holds the time and memory that the runs
//! took.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::anyhow;
use indicatif::ProgressBar;
use plexus_core::sim::{Curves, Progress, Report, SimConfig, Simulation, Stage, Topology, Violation};

use super::super::{WrongUse, progress};
use super::args::topology_name;

/// The number of events between two updates of the bar: a few hundredths of a second.
const SLICE_EVENTS: u64 = 4_096;

/// The runs of one topology.
#[derive(Debug)]
pub(super) struct TopologyRuns {
    /// The setup that was simulated, with the first seed.
    pub(super) setup: SimConfig,
    /// One run for each seed, at least one.
    pub(super) runs: Vec<Run>,
}

/// The result of one seed.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) report: Report,
    /// The time that the run took.
    pub(super) took: Duration,
    /// The most memory that the process held during the run, in bytes. 0 if the system does not
    /// report it. Memory that an earlier run freed may count, because allocators keep some of it.
    pub(super) peak_bytes: u64,
}

impl TopologyRuns {
    /// Runs all seeds. `repeat` returns the command that runs one of them alone.
    pub(super) fn run(setups: &[SimConfig], repeat: impl Fn(&SimConfig) -> String) -> anyhow::Result<Self> {
        let runs = setups.iter().map(|setup| Run::new(setup, &repeat)).collect::<anyhow::Result<_>>()?;
        let setup = setups.first().cloned().ok_or_else(|| anyhow!("there is no seed to run"))?;
        Ok(Self { setup, runs })
    }

    /// Returns the first seed's run.
    pub(super) fn first(&self) -> &Run {
        &self.runs[0]
    }

    /// Returns true if nodes were simulated. A computed bound has neither links nor frames to
    /// report.
    pub(super) fn is_driven(&self) -> bool {
        self.setup.topology != Topology::Complete
    }

    /// Returns the topology's name.
    pub(super) fn name(&self) -> &'static str {
        topology_name(self.setup.topology)
    }

    /// Returns the delay for every share of nodes, each the median over the seeds.
    pub(super) fn curves(&self) -> Curves {
        let over_seeds = |of: fn(&Curves) -> &Vec<Option<f64>>| {
            let shares = 0..of(&self.first().report.curves).len();
            let at = |share: usize| self.runs.iter().map(move |run| of(&run.report.curves)[share]);
            shares.map(|share| Sample::of(at(share)).median).collect()
        };
        Curves {
            header_ms: over_seeds(|curves| &curves.header_ms),
            body_ms: over_seeds(|curves| &curves.body_ms),
        }
    }
}

impl Run {
    fn new(setup: &SimConfig, repeat: impl Fn(&SimConfig) -> String) -> anyhow::Result<Self> {
        forget_peak();
        let started = Instant::now();
        let mut simulation = Simulation::new(setup.clone()).map_err(|error| WrongUse(error.to_string()))?;
        let bar = progress::bar(u64::from(setup.blocks) + u64::from(setup.warmup_blocks), "");
        loop {
            let progress =
                simulation.run_for(SLICE_EVENTS).map_err(|violation| broken(&violation, &repeat(setup)))?;
            show(&bar, setup, progress);
            if progress.is_done() {
                break;
            }
        }
        bar.finish_and_clear();
        let report = simulation.report();
        if let Some(violation) = report.violations.first() {
            return Err(broken(violation, &repeat(setup)));
        }
        Ok(Self { report, took: started.elapsed(), peak_bytes: peak_bytes() })
    }

    /// Returns a figure of simulated nodes. Returns `None` for a computed bound, which has no
    /// nodes.
    pub(super) fn driven(&self, figure: f64) -> Option<f64> {
        (self.report.topology != Topology::Complete).then_some(figure)
    }

    /// Returns the number of events that were handled per second.
    pub(super) fn events_per_s(&self) -> f64 {
        self.report.events as f64 / self.took.as_secs_f64().max(1e-6)
    }
}

/// Returns the error for a violated invariant, with the command that reproduces it.
fn broken(violation: &Violation, command: &str) -> anyhow::Error {
    anyhow!("{violation}; see it again with: {command}")
}

fn show(bar: &ProgressBar, setup: &SimConfig, progress: Progress) {
    let stage = match progress.stage {
        Stage::Warming => "warming up",
        Stage::Measuring => "blocks",
        Stage::Settling | Stage::Done => "settling",
    };
    let (name, seconds) = (topology_name(setup.topology), progress.simulated_ms / 1_000);
    bar.set_message(format!("{name}, seed {}: {stage} after {seconds} s", setup.seed));
    bar.set_position(progress.blocks_mined.min(progress.blocks_wanted));
}

/// Resets the system's record of the peak memory, so that each run shows its own.
fn forget_peak() {
    // Systems other than Linux lack this file, and have nothing to reset.
    let _ = fs::write("/proc/self/clear_refs", "5");
}

/// Returns the most memory that the process held, in bytes. Returns 0 if the system does not report
/// it.
fn peak_bytes() -> u64 {
    peak_of(&fs::read_to_string("/proc/self/status").unwrap_or_default()).unwrap_or(0)
}

fn peak_of(status: &str) -> Option<u64> {
    let kilobytes = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    kilobytes.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1_024)
}

/// A figure over all seeds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Sample {
    pub(super) least: Option<f64>,
    pub(super) median: Option<f64>,
    pub(super) greatest: Option<f64>,
}

impl Sample {
    /// Creates a sample. A missing figure was never reached, so it counts as greater than all
    /// others.
    pub(super) fn of(figures: impl Iterator<Item = Option<f64>>) -> Self {
        let mut sorted: Vec<f64> = figures.map(|figure| figure.unwrap_or(f64::INFINITY)).collect();
        sorted.sort_by(f64::total_cmp);
        let at = |place: usize| sorted.get(place).copied().filter(|figure| figure.is_finite());
        Self { least: at(0), median: at(sorted.len() / 2), greatest: at(sorted.len().saturating_sub(1)) }
    }
}

#[cfg(test)]
mod tests {
    use plexus_core::sim::Invariant;

    use super::*;

    #[test]
    fn a_figure_that_was_never_reached_is_the_greatest() {
        let sample = Sample::of([None, Some(3.0), Some(1.0)].into_iter());
        assert_eq!(sample, Sample { least: Some(1.0), median: Some(3.0), greatest: None });
    }

    #[test]
    fn a_broken_law_is_a_failure_that_says_how_to_see_it_again() {
        let what = "it did".to_owned();
        let violation = Violation { seed: 7, time_us: 12, host: Some(3), law: Invariant::WorkFell, what };
        let error = broken(&violation, "plexus simulate --nodes 8 --seed 7");
        assert!(!error.is::<WrongUse>());
        let line = error.to_string();
        assert!(
            line.starts_with("SEED=7: ") && line.ends_with("plexus simulate --nodes 8 --seed 7"),
            "{line}"
        );
    }

    #[test]
    fn the_peak_is_read_in_bytes() {
        assert_eq!(peak_of("VmPeak:\t 9 kB\nVmHWM:\t  12 kB\n"), Some(12_288));
        assert_eq!(peak_of("VmPeak:\t 9 kB\n"), None);
        assert!(!cfg!(target_os = "linux") || peak_bytes() > 0);
    }
}

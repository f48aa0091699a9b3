//! Runs one topology once for each seed, with a progress bar.

use std::fs;
use std::time::Instant;

use anyhow::anyhow;
use indicatif::ProgressBar;
use plexus_core::sim::{Progress, SimConfig, Simulation, Stage, Violation};

use super::super::{WrongUse, progress};
use crate::report::runs::{Run, TopologyRuns, topology_name};

/// The number of events between two updates of the bar: a few hundredths of a second.
const SLICE_EVENTS: u64 = 4_096;

/// Runs all seeds of one topology. `repeat` returns the command that runs one of them alone.
pub(super) fn run_all(
    setups: &[SimConfig],
    repeat: impl Fn(&SimConfig) -> String,
) -> anyhow::Result<TopologyRuns> {
    let runs = setups.iter().map(|setup| run(setup, &repeat)).collect::<anyhow::Result<_>>()?;
    let setup = setups.first().cloned().ok_or_else(|| anyhow!("there is no seed to run"))?;
    Ok(TopologyRuns { setup, runs })
}

/// Runs one seed.
fn run(setup: &SimConfig, repeat: impl Fn(&SimConfig) -> String) -> anyhow::Result<Run> {
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
    Ok(Run { report, took: started.elapsed(), peak_bytes: peak_bytes() })
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

#[cfg(test)]
mod tests {
    use plexus_core::sim::Invariant;

    use super::*;

    #[test]
    fn a_broken_law_is_a_failure_that_says_how_to_see_it_again() {
        let what = "it did".to_owned();
        let violation =
            Violation { seed: 7, time_us: 12, host: Some(3), invariant: Invariant::WorkFell, what };
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

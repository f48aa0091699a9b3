//! The results of simulations: each topology's runs, one for each seed, with the time and memory
//! that they took.

use std::time::Duration;

use plexus_core::sim::{Curves, Report, SimConfig, Topology};

/// The runs of one topology.
#[derive(Debug)]
pub(crate) struct TopologyRuns {
    /// The setup that was simulated, with the first seed.
    pub(crate) setup: SimConfig,
    /// One run for each seed, at least one.
    pub(crate) runs: Vec<Run>,
}

/// The result of one seed.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) report: Report,
    /// The time that the run took.
    pub(crate) took: Duration,
    /// The most memory that the process held during the run, in bytes. 0 if the system does not
    /// report it. Memory that an earlier run freed may count, because allocators keep some of it.
    pub(crate) peak_bytes: u64,
}

impl TopologyRuns {
    /// Returns the first seed's run.
    pub(crate) fn first(&self) -> &Run {
        &self.runs[0]
    }

    /// Returns true if nodes were simulated. A computed bound has neither links nor frames to
    /// report.
    pub(crate) fn is_driven(&self) -> bool {
        self.setup.topology != Topology::Complete
    }

    /// Returns the topology's name.
    pub(crate) fn name(&self) -> &'static str {
        topology_name(self.setup.topology)
    }

    /// Returns the curves of delays. Each point is the median over the seeds.
    pub(crate) fn curves(&self) -> Curves {
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
    /// Returns a figure of simulated nodes. Returns `None` for a computed bound, which has no
    /// nodes.
    pub(crate) fn driven(&self, figure: f64) -> Option<f64> {
        (self.report.topology != Topology::Complete).then_some(figure)
    }

    /// Returns the number of events that were handled per second.
    pub(crate) fn events_per_s(&self) -> f64 {
        self.report.events as f64 / self.took.as_secs_f64().max(1e-6)
    }
}

/// A figure over all seeds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Sample {
    pub(crate) least: Option<f64>,
    pub(crate) median: Option<f64>,
    pub(crate) greatest: Option<f64>,
}

impl Sample {
    /// Creates a sample. A missing figure was never reached, so it counts as greater than all
    /// others.
    pub(crate) fn of(figures: impl Iterator<Item = Option<f64>>) -> Self {
        let mut sorted: Vec<f64> = figures.map(|figure| figure.unwrap_or(f64::INFINITY)).collect();
        sorted.sort_by(f64::total_cmp);
        let at = |place: usize| sorted.get(place).copied().filter(|figure| figure.is_finite());
        Self { least: at(0), median: at(sorted.len() / 2), greatest: at(sorted.len().saturating_sub(1)) }
    }
}

/// Returns a topology's name.
pub(crate) fn topology_name(topology: Topology) -> &'static str {
    match topology {
        Topology::Plexus => "plexus",
        Topology::Random => "random",
        Topology::Nearest => "nearest",
        Topology::Perigee => "perigee",
        Topology::Complete => "complete",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_that_was_never_reached_is_the_greatest() {
        let sample = Sample::of([None, Some(3.0), Some(1.0)].into_iter());
        assert_eq!(sample, Sample { least: Some(1.0), median: Some(3.0), greatest: None });
    }
}

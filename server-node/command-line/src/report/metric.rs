//! Figures of a run. Each has a key for programs, a title for people, and a format.

use super::runs::{Run, Sample, TopologyRuns};

/// One figure.
pub(crate) struct Figure {
    /// Its key in JSON.
    pub(crate) key: &'static str,
    /// Its title for people.
    pub(crate) title: &'static str,
    /// Returns its value for one run, or `None` if the run never reached it.
    pub(crate) of: fn(&Run) -> Option<f64>,
    /// Formats a value.
    pub(crate) show: fn(f64) -> String,
}

impl Figure {
    const fn new(
        key: &'static str,
        title: &'static str,
        of: fn(&Run) -> Option<f64>,
        show: fn(f64) -> String,
    ) -> Self {
        Self { key, title, of, show }
    }

    /// Returns its values over all seeds.
    pub(crate) fn sample(&self, trial: &TopologyRuns) -> Sample {
        Sample::of(trial.runs.iter().map(self.of))
    }

    /// Returns a value as text, or a dash for a missing one.
    pub(crate) fn text_of(&self, value: Option<f64>) -> String {
        value.map_or_else(|| "–".to_owned(), self.show)
    }

    /// Returns its value as text. For several seeds it is the median, then the least and the
    /// greatest.
    pub(crate) fn text(&self, trial: &TopologyRuns) -> String {
        let sample = self.sample(trial);
        let [median, least, greatest] =
            [sample.median, sample.least, sample.greatest].map(|value| self.text_of(value));
        if trial.runs.len() == 1 { median } else { format!("{median} ({least}–{greatest})") }
    }
}

/// The behaviour of the network: the same for everyone that runs the same setup.
pub(crate) const NETWORK: [Figure; 12] = [
    Figure::new("t50_ms", "header known to half of the nodes", |run| run.report.t50_ms, milliseconds),
    Figure::new("t90_ms", "header known to 90%", |run| run.report.t90_ms, milliseconds),
    Figure::new("t99_ms", "header known to 99%", |run| run.report.t99_ms, milliseconds),
    Figure::new(
        "mean_t90_ms",
        "header known to 90%, mean of blocks",
        |run| run.report.mean_t90_ms,
        milliseconds,
    ),
    Figure::new(
        "body_t50_ms",
        "block verified by half of the nodes",
        |run| run.report.body_t50_ms,
        milliseconds,
    ),
    Figure::new("body_t90_ms", "block verified by 90%", |run| run.report.body_t90_ms, milliseconds),
    Figure::new("body_t99_ms", "block verified by 99%", |run| run.report.body_t99_ms, milliseconds),
    Figure::new(
        "mean_body_t90_ms",
        "block verified by 90%, mean of blocks",
        |run| run.report.mean_body_t90_ms,
        milliseconds,
    ),
    Figure::new("stale_rate", "stale blocks", |run| Some(run.report.stale_rate), percent),
    Figure::new("body_copies", "copies of a body a node", |run| run.driven(run.report.body_copies), decimal),
    Figure::new(
        "header_copies",
        "copies of a header a node",
        |run| run.driven(run.report.header_copies),
        decimal,
    ),
    Figure::new("bytes_per_node", "sent by a node", |run| run.driven(run.report.bytes_per_node), bytes),
];

/// The cost of the simulation.
pub(crate) const MACHINE: [Figure; 3] = [
    Figure::new("events", "events", |run| Some(run.report.events as f64), count),
    Figure::new("events_per_s", "events a second", |run| run.driven(run.events_per_s()), count),
    Figure::new("peak_bytes", "peak memory", peak, bytes),
];

fn peak(run: &Run) -> Option<f64> {
    (run.peak_bytes > 0).then_some(run.peak_bytes as f64)
}

/// Formats milliseconds.
pub(crate) fn milliseconds(ms: f64) -> String {
    if ms < 99.95 { format!("{ms:.1} ms") } else { format!("{} ms", count(ms)) }
}

/// Formats a share as a percentage.
pub(crate) fn percent(share: f64) -> String {
    let percent = 100.0 * share;
    match percent {
        0.0 => "0%".to_owned(),
        percent if percent < 9.95 => format!("{percent:.1}%"),
        percent => format!("{percent:.0}%"),
    }
}

/// Formats a number with two decimals.
pub(crate) fn decimal(number: f64) -> String {
    format!("{number:.2}")
}

/// Formats bytes, in decimal multiples.
pub(crate) fn bytes(bytes: f64) -> String {
    let units = [(1e9, "GB"), (1e6, "MB"), (1e3, "kB")];
    match units.into_iter().find(|(size, _)| bytes >= *size) {
        Some((size, unit)) if bytes < 99.95 * size => format!("{:.1} {unit}", bytes / size),
        Some((size, unit)) => format!("{:.0} {unit}", bytes / size),
        None => format!("{bytes:.0} B"),
    }
}

/// Formats a whole number, its digits in groups of three.
pub(crate) fn count(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_written_as_people_read_them() {
        assert_eq!([milliseconds(3.06), milliseconds(1_234.4)], ["3.1 ms", "1,234 ms"]);
        assert_eq!([percent(0.0), percent(0.012), percent(0.5)], ["0%", "1.2%", "50%"]);
        assert_eq!([bytes(12.0), bytes(1_500.0), bytes(345_600_000.0)], ["12 B", "1.5 kB", "346 MB"]);
        assert_eq!(
            [count(7.0), count(999.0), count(1_000.0), count(1_234_567.0)],
            ["7", "999", "1,000", "1,234,567"]
        );
    }
}

//! Bars: the links that nodes have, and the packets that their bytes are spent on.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use plexus_core::sim::Report;

use super::metric::{bytes, percent};
use super::runs::TopologyRuns;
use super::scale;

const WIDTH: f64 = 400.0;
const HEIGHT: f64 = 220.0;
const LEFT: f64 = 44.0;
const RIGHT: f64 = 392.0;
const TOP: f64 = 14.0;
const BOTTOM: f64 = 182.0;
/// The most columns. With more degrees than that, several share a column.
const COLUMNS_MAX: usize = 40;
/// The most columns that have a number below them.
const LABELS_MAX: usize = 12;
/// The most kinds of packets that have bars of their own. The remaining ones share a bar.
const PACKETS_MAX: usize = 9;

/// Returns the share of nodes by number of links: one chart per topology, all to one scale.
pub(super) fn degrees(trials: &[TopologyRuns]) -> String {
    let driven = || trials.iter().filter(|trial| trial.is_driven());
    // The few nodes that have far more links than the others share the last column.
    let most = driven().map(|trial| common_max(&trial.first().report.degrees)).max().unwrap_or(0);
    let scale = Scale { per_column: (most + 2).div_ceil(COLUMNS_MAX), last: most + 1 };
    let shares: Vec<_> = driven().map(|trial| (trial.name(), scale.columns(&trial.first().report))).collect();
    let greatest = shares.iter().flat_map(|(_, shares)| shares).copied().fold(0.01, f64::max);
    let charts = shares.iter().map(|(name, shares)| {
        format!(
            "<figure class=\"panel {name}\"><h3 class=\"named\">{name}</h3>{}</figure>",
            scale.histogram(name, shares, greatest)
        )
    });
    format!("<div class=\"trio\">{}</div>", charts.collect::<String>())
}

/// Returns the number of links that only a hundredth of the nodes exceed.
fn common_max(degrees: &[u32]) -> usize {
    let nodes: u32 = degrees.iter().sum();
    let mut above = 0;
    let rare = |count: &u32| {
        above += count;
        above <= nodes / 100
    };
    degrees.len().saturating_sub(1 + degrees.iter().rev().copied().take_while(rare).count())
}

/// The axis of the numbers of links: `per_column` of them share a column. The last column holds all
/// from `last` on.
struct Scale {
    per_column: usize,
    last: usize,
}

impl Scale {
    /// Returns the share of nodes that falls into each column.
    fn columns(&self, report: &Report) -> Vec<f64> {
        let mut columns = vec![0.0; self.last / self.per_column + 1];
        for (degree, count) in report.degrees.iter().enumerate() {
            columns[degree.min(self.last) / self.per_column] += f64::from(*count) / f64::from(report.nodes);
        }
        columns
    }

    /// Returns the numbers of links of a column, in words.
    fn words(&self, column: usize) -> String {
        let (first, next) = (column * self.per_column, (column + 1) * self.per_column);
        match next {
            next if next > self.last => format!("{first} or more"),
            next if next == first + 1 => first.to_string(),
            next => format!("{first} to {}", next - 1),
        }
    }

    fn histogram(&self, name: &str, shares: &[f64], greatest: f64) -> String {
        let width = (RIGHT - LEFT) / shares.len() as f64;
        let x = |column: usize| LEFT + width * column as f64;
        let y = |share: f64| BOTTOM - (BOTTOM - TOP) * share / (greatest * 1.05);
        let label = format!("links a node, {name}");
        let mut svg = format!("<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{label}\">");
        for tick in scale::ticks(greatest * 105.0, 4) {
            let at = y(tick / 100.0);
            let _ = write!(
                svg,
                "<path class=\"grid\" d=\"M{LEFT} {at:.1}H{RIGHT}\"/><text x=\"{:.0}\" y=\"{:.1}\" \
                 text-anchor=\"end\">{}%</text>",
                LEFT - 8.0,
                at + 4.0,
                scale::label(tick)
            );
        }
        let every = shares.len().div_ceil(LABELS_MAX);
        for (column, share) in shares.iter().enumerate() {
            let (middle, words) = (x(column) + width / 2.0, self.words(column));
            if column % every == 0 && column + every <= shares.len() {
                let (first, below) = (column * self.per_column, BOTTOM + 18.0);
                let _ = write!(
                    svg,
                    "<text x=\"{middle:.1}\" y=\"{below:.0}\" text-anchor=\"middle\">{first}</text>"
                );
            }
            if *share > 0.0 {
                let (left, top, of_nodes) = (x(column) + width * 0.1, y(*share), percent(*share));
                let _ = write!(
                    svg,
                    "<rect class=\"column\" x=\"{left:.1}\" y=\"{top:.1}\" width=\"{:.1}\" height=\"{:.1}\" \
                     rx=\"1.5\"><title>{of_nodes} of the nodes have {words} links</title></rect>",
                    width * 0.8,
                    BOTTOM - top
                );
            }
        }
        let _ = write!(
            svg,
            "<text x=\"{RIGHT}\" y=\"{:.0}\" text-anchor=\"end\">links of a node, the last column: {}</text></svg>",
            HEIGHT - 3.0,
            self.words(shares.len() - 1)
        );
        svg
    }
}

/// Returns the bytes that a node sent, by packet.
pub(super) fn packets(trials: &[TopologyRuns]) -> String {
    let driven: Vec<_> = trials.iter().filter(|trial| trial.is_driven()).collect();
    let mut by_packet: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for (place, trial) in driven.iter().enumerate() {
        let report = &trial.first().report;
        for packet in &report.packets {
            let sizes = by_packet.entry(&packet.name).or_insert_with(|| vec![0.0; driven.len()]);
            sizes[place] += packet.bytes as f64 / f64::from(report.nodes);
        }
    }
    let most = |sizes: &[f64]| sizes.iter().copied().fold(0.0, f64::max);
    let mut rows: Vec<_> = by_packet.into_iter().filter(|(_, sizes)| most(sizes) > 0.0).collect();
    rows.sort_by(|(_, one), (_, other)| most(other).total_cmp(&most(one)));
    if rows.len() > PACKETS_MAX + 1 {
        let rest = rows.split_off(PACKETS_MAX);
        let sum = |place: usize| rest.iter().map(|(_, sizes)| sizes[place]).sum();
        rows.push(("all others", (0..driven.len()).map(sum).collect()));
    }
    let longest = rows.iter().map(|(_, sizes)| most(sizes)).fold(1.0, f64::max);
    let mut html = String::from("<div class=\"bars\">");
    for (name, sizes) in rows {
        for (place, (trial, size)) in driven.iter().zip(sizes).enumerate() {
            let _ = write!(
                html,
                "<span class=\"name\">{}</span><div class=\"track {}\"><div class=\"fill\" style=\"width:{:.2}%\"></div>\
                 </div><span class=\"size\">{}</span>",
                if place == 0 { super::escape(name) } else { String::new() },
                trial.name(),
                100.0 * size / longest,
                bytes(size)
            );
        }
        if driven.len() > 1 {
            html += "<span class=\"gap\"></span>";
        }
    }
    html + "</div>"
}

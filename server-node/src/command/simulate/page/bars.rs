//! Bars: how many links nodes have, and what their bytes are spent on.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::super::figure::{bytes, percent};
use super::super::trial::Trial;
use super::scale;

const WIDTH: f64 = 520.0;
const HEIGHT: f64 = 220.0;
const LEFT: f64 = 44.0;
const RIGHT: f64 = 508.0;
const TOP: f64 = 14.0;
const BOTTOM: f64 = 182.0;
/// The most columns; more degrees share them.
const COLUMNS_MAX: usize = 40;
/// The most kinds of packets that have bars of their own; the rest is told together.
const PACKETS_MAX: usize = 9;

/// How many links each share of the nodes has, a chart a topology, all to one scale.
pub(super) fn degrees(trials: &[Trial]) -> String {
    let driven = || trials.iter().filter(|trial| !trial.first().report.degrees.is_empty());
    let longest = driven().map(|trial| trial.first().report.degrees.len()).max().unwrap_or(0);
    let per_column = longest.div_ceil(COLUMNS_MAX).max(1);
    let shares: Vec<_> = driven().map(|trial| (trial, columns(trial, per_column))).collect();
    let greatest = shares.iter().flat_map(|(_, shares)| shares).copied().fold(0.01, f64::max);
    let charts = shares.iter().map(|(trial, shares)| {
        let name = trial.name();
        format!(
            "<figure class=\"panel {name}\"><div class=\"legend\"><span>{name}</span></div>{}</figure>",
            histogram(name, shares, greatest, longest.div_ceil(per_column), per_column)
        )
    });
    format!("<div class=\"pair\">{}</div>", charts.collect::<String>())
}

/// The shares of nodes whose numbers of links belong to each column.
fn columns(trial: &Trial, per_column: usize) -> Vec<f64> {
    let report = &trial.first().report;
    let share = |degrees: &[u32]| f64::from(degrees.iter().sum::<u32>()) / f64::from(report.nodes);
    report.degrees.chunks(per_column).map(share).collect()
}

fn histogram(name: &str, shares: &[f64], greatest: f64, columns: usize, per_column: usize) -> String {
    let width = (RIGHT - LEFT) / columns.max(1) as f64;
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
    let every = columns.div_ceil(10).max(1);
    for column in (0..columns).step_by(every) {
        let _ = write!(
            svg,
            "<text x=\"{:.1}\" y=\"{:.0}\" text-anchor=\"middle\">{}</text>",
            x(column) + width / 2.0,
            BOTTOM + 18.0,
            column * per_column
        );
    }
    for (column, share) in shares.iter().enumerate().filter(|(_, share)| **share > 0.0) {
        let (first, last) = (column * per_column, (column + 1) * per_column - 1);
        let links = if first == last { first.to_string() } else { format!("{first} to {last}") };
        let _ = write!(
            svg,
            "<rect class=\"column\" x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\" rx=\"1.5\"><title>{} of the \
             nodes have {links} links</title></rect>",
            x(column) + width * 0.1,
            y(*share),
            width * 0.8,
            BOTTOM - y(*share),
            percent(*share)
        );
    }
    let _ = write!(
        svg,
        "<text x=\"{RIGHT}\" y=\"{:.0}\" text-anchor=\"end\">links of a node</text></svg>",
        HEIGHT - 3.0
    );
    svg
}

/// Bytes that a node sent, by packet.
pub(super) fn packets(trials: &[Trial]) -> String {
    let driven: Vec<_> = trials
        .iter()
        .filter(|trial| trial.first().report.packets.iter().any(|packet| packet.bytes > 0))
        .collect();
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

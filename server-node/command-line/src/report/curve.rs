//! Curves: the share of the nodes that was reached, over time.

use std::fmt::Write as _;

use super::metric::milliseconds;
use super::runs::TopologyRuns;
use super::scale;

const WIDTH: f64 = 520.0;
const HEIGHT: f64 = 320.0;
const LEFT: f64 = 44.0;
const RIGHT: f64 = 504.0;
const TOP: f64 = 14.0;
const BOTTOM: f64 = 282.0;
/// The shares that are marked, in percent.
const MARKS: [usize; 3] = [50, 90, 99];
/// The width of the chart, relative to the last mark.
const BEYOND: f64 = 1.12;
/// With more topologies than this, the first one's marks carry no numbers: they would lie on other
/// curves.
const TOLD_MAX: usize = 3;
/// The least distance between two numbers, in pixels.
const TOLD_APART: f64 = 15.0;

/// A topology's curve: its delays by share, as the median and for each seed.
pub(super) struct Curve<'a> {
    pub(super) trial: &'a TopologyRuns,
    pub(super) median: Vec<Option<f64>>,
    pub(super) seeds: Vec<&'a [Option<f64>]>,
}

/// Returns the longest delay that the charts of all these curves show, in milliseconds. A curve
/// that does not reach its last mark is cut off, unless no curve does.
pub(super) fn longest_ms<'a>(curves: impl Iterator<Item = &'a Curve<'a>> + Clone) -> f64 {
    let last = |curve: &Curve| curve.median.iter().take(MARKS[2]).rev().find_map(|delay| *delay);
    let whole = curves.clone().filter_map(|curve| curve.median.get(MARKS[2] - 1).copied().flatten());
    let longest = whole.reduce(f64::max).or_else(|| curves.filter_map(last).reduce(f64::max));
    longest.unwrap_or(1.0).max(1.0) * BEYOND
}

/// Returns a chart of curves.
pub(super) fn chart(curves: &[Curve], longest_ms: f64, title: &str) -> String {
    let x = |ms: f64| LEFT + (RIGHT - LEFT) * ms / longest_ms;
    let mut svg = format!("<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{title}\">");
    for ms in scale::ticks(longest_ms, 6) {
        let at = x(ms);
        let _ = write!(
            svg,
            "<path class=\"grid\" d=\"M{at:.1} {TOP}V{BOTTOM}\"/><text x=\"{at:.1}\" y=\"{:.0}\" \
             text-anchor=\"middle\">{}</text>",
            BOTTOM + 20.0,
            scale::label(ms)
        );
    }
    for share in [0, 25, 50, 75, 90, 99] {
        let (at, class) = (y(share), if MARKS.contains(&share) { "mark" } else { "grid" });
        let _ = write!(
            svg,
            "<path class=\"{class}\" d=\"M{LEFT} {at:.1}H{RIGHT}\"/><text x=\"{:.0}\" y=\"{:.1}\" \
             text-anchor=\"end\">{share}%</text>",
            LEFT - 8.0,
            at + 4.0
        );
    }
    let _ = write!(
        svg,
        "<text x=\"{RIGHT}\" y=\"{:.0}\" text-anchor=\"end\">milliseconds after the block was mined</text>",
        HEIGHT - 3.0
    );
    // The first topology lies above the others.
    for curve in curves.iter().rev() {
        let name = curve.trial.name();
        if curve.seeds.len() > 1 {
            for seed in &curve.seeds {
                let _ = write!(svg, "<path class=\"curve seed {name}\" d=\"{}\"/>", path(seed, &x));
            }
        }
        let _ = write!(svg, "<path class=\"curve {name}\" d=\"{}\"/>", path(&curve.median, &x));
        for (share, ms) in marks(curve) {
            let _ = write!(
                svg,
                "<circle class=\"hit {name}\" cx=\"{:.1}\" cy=\"{:.1}\" r=\"4\"><title>{name}: {share}% after \
                 {}</title></circle>",
                x(ms),
                y(share),
                milliseconds(ms)
            );
        }
    }
    if curves.len() <= TOLD_MAX {
        tell(&mut svg, curves, &x);
    }
    svg + "</svg>"
}

/// Writes the first topology's delays, except where two would overlap.
fn tell(svg: &mut String, curves: &[Curve], x: &impl Fn(f64) -> f64) {
    let Some(first) = curves.first() else { return };
    let (name, mut above) = (first.trial.name(), f64::INFINITY);
    for (share, ms) in marks(first) {
        let at = y(share) + 16.0;
        if above - at < TOLD_APART {
            continue;
        }
        above = at;
        let is_left = x(ms) > RIGHT - 80.0;
        let (anchor, aside) = if is_left { ("end", -9.0) } else { ("start", 9.0) };
        let _ = write!(
            svg,
            "<text class=\"told {name}\" x=\"{:.1}\" y=\"{at:.1}\" text-anchor=\"{anchor}\">{}</text>",
            x(ms) + aside,
            milliseconds(ms)
        );
    }
}

fn y(share: usize) -> f64 {
    BOTTOM - (BOTTOM - TOP) * share as f64 / 100.0
}

fn marks(curve: &Curve) -> impl Iterator<Item = (usize, f64)> {
    MARKS.into_iter().filter_map(|share| Some((share, curve.median.get(share - 1).copied().flatten()?)))
}

/// Returns a curve as a path, as far as it is known and on the sheet.
fn path(delays: &[Option<f64>], x: &impl Fn(f64) -> f64) -> String {
    let mut path = String::new();
    for (index, ms) in delays.iter().map_while(|delay| *delay).enumerate() {
        if x(ms) > RIGHT {
            break;
        }
        let _ = write!(path, "{}{:.1} {:.1}", if index == 0 { "M" } else { "L" }, x(ms), y(index + 1));
    }
    path
}

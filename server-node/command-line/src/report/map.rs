//! Maps: some of the nodes at their positions, and the links between them.

use std::fmt::Write as _;

use plexus_core::sim::{LinkView, PlaceView, Report};

use super::metric::{count, milliseconds, percent};
use super::runs::TopologyRuns;

/// The width of a map before it is scaled to the page.
const WIDTH: f64 = 1_000.0;
/// With more links than this, links are drawn thin.
const THICK_LINKS_MAX: usize = 600;
/// The curvature of a link, relative to its length. It separates links between the same two crowds.
const BOW: f64 = 0.14;
/// The free border around the outermost nodes.
const BORDER: f64 = 16.0;
/// The classes of round trips, from the nearest on: the upper bound in milliseconds, the class in
/// the style sheet, and the label.
const CLASSES: [(f64, &str, &str); 4] = [
    (30.0, "near", "under 30 ms"),
    (80.0, "mid", "30 to 80 ms"),
    (160.0, "far", "80 to 160 ms"),
    (f64::INFINITY, "farthest", "160 ms and more"),
];

/// Returns a map for each topology that has links. Returns an empty text if no topology has any.
pub(super) fn maps(trials: &[TopologyRuns]) -> String {
    let linked = trials.iter().filter(|trial| !trial.first().report.links.is_empty());
    let maps: Vec<_> = linked.map(panel).collect();
    if maps.is_empty() {
        return String::new();
    }
    let report = &trials[0].first().report;
    let shown = if (report.places.len() as u64) < u64::from(report.nodes) {
        format!("{} of the nodes, and the links among them.", count(report.places.len() as f64))
    } else {
        "All nodes and links.".to_owned()
    };
    format!(
        "<h2>The network at the end</h2><p class=\"note\">{shown} Short links are drawn above long ones.</p>{}\
         <div class=\"pair\">{}</div>",
        maps[0],
        maps[1..].concat()
    )
}

fn panel(trial: &TopologyRuns) -> String {
    let report = &trial.first().report;
    let name = trial.name();
    format!(
        "<figure class=\"panel\"><h3 class=\"named {name}\">{name}</h3>{}<div class=\"legend\">{}</div></figure>",
        map(name, report),
        legend(report)
    )
}

/// Returns the control point of a link's curve, which bows upwards.
fn bow((x1, y1): (f64, f64), (x2, y2): (f64, f64)) -> (f64, f64) {
    let side = if x1 < x2 { BOW } else { -BOW };
    (f64::midpoint(x1, x2) + (y2 - y1) * side, f64::midpoint(y1, y2) - (x2 - x1) * side)
}

fn class_of(link: &LinkView) -> usize {
    CLASSES.iter().position(|(below, ..)| link.rtt_ms < *below).unwrap_or(CLASSES.len() - 1)
}

fn legend(report: &Report) -> String {
    let mut legend = String::new();
    for (place, (_, class, words)) in CLASSES.iter().enumerate() {
        let links = report.links.iter().filter(|link| class_of(link) == place).count();
        let share = percent(links as f64 / report.links.len() as f64);
        let _ = write!(legend, "<span class=\"{class}\">{words}: {share}</span>");
    }
    if report.places.iter().any(|place| !place.honest) {
        legend += "<span class=\"dot honest\">honest</span><span class=\"dot traitor\">breaks a rule</span>";
    }
    legend
}

fn map(name: &str, report: &Report) -> String {
    // The positions of a simulation lie on a sheet that is twice as wide as high.
    let at = |place: &PlaceView| (place.x * WIDTH, place.y * WIDTH / 2.0);
    let ends = |of: fn((f64, f64)) -> f64| {
        let along = || report.places.iter().map(|place| of(at(place)));
        (along().fold(f64::INFINITY, f64::min) - BORDER, along().fold(0.0, f64::max) + BORDER)
    };
    let ((left, right), (top, bottom)) = (ends(|(x, _)| x), ends(|(_, y)| y));
    let mut svg = format!(
        "<svg viewBox=\"{left:.1} {top:.1} {:.1} {:.1}\" role=\"img\" aria-label=\"map of the network, {name}\">",
        right - left,
        bottom - top
    );
    let place_of = |node: u32| report.places.iter().find(|place| place.node == node).map(at);
    for (place, (_, class, _)) in CLASSES.iter().enumerate().rev() {
        let mut path = String::new();
        for link in report.links.iter().filter(|link| class_of(link) == place) {
            if let (Some((x1, y1)), Some((x2, y2))) = (place_of(link.a), place_of(link.b)) {
                let (x, y) = bow((x1, y1), (x2, y2));
                let _ = write!(path, "M{x1:.0} {y1:.0}Q{x:.0} {y:.0} {x2:.0} {y2:.0}");
            }
        }
        let thin = if report.links.len() > THICK_LINKS_MAX { " thin" } else { "" };
        let _ = write!(svg, "<path class=\"links {class}{thin}\" d=\"{path}\"/>");
    }
    let radius = if report.places.len() > 150 { 2.6 } else { 4.0 };
    for place in &report.places {
        let (x, y) = at(place);
        let class = if place.honest { "node" } else { "node traitor" };
        let heard = place.header_ms.map_or_else(
            || "hears of no block".to_owned(),
            |ms| format!("hears of a block after {} in the mean", milliseconds(ms)),
        );
        let _ = write!(
            svg,
            "<circle class=\"{class}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius}\"><title>node {}: {heard}</title></circle>",
            place.node
        );
    }
    svg + "</svg>"
}

//! The report as a page: one file without any other, light or dark as its reader prefers.
//!
//! It holds no script and loads nothing. All text that a caller gave is escaped.

use std::fmt::Write as _;

use plexus_core::sim::Curves;

use crate::report::metric::{Figure, MACHINE, NETWORK, count, percent};
use crate::report::runs::TopologyRuns;
use curve::Curve;

mod bars;
mod curve;
mod map;
pub(crate) mod metric;
pub(crate) mod runs;
mod scale;
mod words;

const STYLE: &str = include_str!("style.css");
/// The figures that come first, by their keys.
const HEADLINES: [&str; 6] =
    ["t50_ms", "t90_ms", "body_t90_ms", "stale_rate", "body_copies", "bytes_per_node"];
/// The rows of the table that begin a new group.
const PARTS: [&str; 3] = ["body_t50_ms", "stale_rate", "events"];

/// Returns the page of these trials. The first trial is the main one.
pub(crate) fn page(trials: &[TopologyRuns], places: &str, command: &str) -> String {
    let title = title(trials);
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{title}</title>\n\
         <style>\n{STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n<p class=\"lead\">{}</p>\n",
        escape(&words::lead(trials, places))
    );
    page += &headlines(trials);
    page += &curves(trials);
    page += "<h2>All figures</h2><p class=\"note\">A dash stands for what was never reached, or is not part of a computed \
             bound.</p><div class=\"panel wide\">";
    page += &figures(trials);
    page += "</div>\n";
    page += &map::maps(trials);
    page += "<h2>How many links nodes have</h2><p class=\"note\">Links that a node opened and links that others opened to \
             it, at the end.</p>";
    page += &bars::degrees(trials);
    page += "<h2>What the bytes are</h2><p class=\"note\">Bytes that a node sent in the whole run, in the mean, by \
             packet.</p><div class=\"panel\">";
    page += &bars::packets(trials);
    page += "</div>\n<h2>Again</h2><p class=\"note\">The same command gives the same events on every machine, and the same \
             trace. A trace is a hash over all events.</p>";
    let _ = write!(page, "<pre>{}</pre>{}", escape(command), traces(trials));
    page + "</body>\n</html>\n"
}

fn title(trials: &[TopologyRuns]) -> String {
    let (nodes, name) = (count(trials[0].setup.nodes.into()), trials[0].name());
    let others: Vec<_> = trials.iter().skip(1).map(|trial| trial.name().to_owned()).collect();
    let against =
        if others.is_empty() { String::new() } else { format!(" against {}", words::listed(&others)) };
    format!("How blocks travel among {nodes} nodes: {name}{against}")
}

fn headlines(trials: &[TopologyRuns]) -> String {
    let (first, others) = (&trials[0], &trials[1..]);
    let mut cards = format!("<dl class=\"cards {}\">", first.name());
    for figure in NETWORK.iter().filter(|figure| HEADLINES.contains(&figure.key)) {
        let median = |trial: &TopologyRuns| figure.text_of(figure.sample(trial).median);
        let against: Vec<_> =
            others.iter().map(|trial| format!("{} {}", trial.name(), median(trial))).collect();
        let _ = write!(
            cards,
            "<div class=\"card\"><dt>{}</dt><dd class=\"value\">{}</dd><dd class=\"others\">{}</dd></div>",
            sentence(figure.title),
            median(first),
            against.join(" · ")
        );
    }
    cards + "</dl>\n"
}

/// Returns a title with a capital letter.
fn sentence(title: &str) -> String {
    let mut chars = title.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

fn curves(trials: &[TopologyRuns]) -> String {
    let medians: Vec<_> = trials.iter().map(TopologyRuns::curves).collect();
    let of = |part: fn(&Curves) -> &Vec<Option<f64>>| -> Vec<Curve> {
        let curve = |(trial, median): (_, &Curves)| {
            let trial: &TopologyRuns = trial;
            let seeds = trial.runs.iter().map(|run| &part(&run.report.curves)[..]).collect();
            Curve { trial, median: part(median).clone(), seeds }
        };
        trials.iter().zip(&medians).map(curve).collect()
    };
    let (headers, bodies) = (of(|curves| &curves.header_ms), of(|curves| &curves.body_ms));
    let longest_ms = curve::longest_ms(headers.iter().chain(&bodies));
    let note = if trials[0].runs.len() > 1 {
        " Thin lines are single seeds, strong ones their medians."
    } else {
        ""
    };
    format!(
        "<h2>How fast blocks travel</h2><p class=\"note\">The share of the nodes that a block has reached, the median over \
         blocks. Marked is when half of the nodes, 90% and 99% are reached.{note}</p><div class=\"legend\">{}</div>\
         <div class=\"pair\"><figure class=\"panel\"><h3>The header is known</h3>{}</figure>\
         <figure class=\"panel\"><h3>The whole block is verified</h3>{}</figure></div>\n",
        legend(trials),
        curve::chart(&headers, longest_ms, "share of nodes that know the header, by time"),
        curve::chart(&bodies, longest_ms, "share of nodes that have verified the block, by time")
    )
}

fn legend(trials: &[TopologyRuns]) -> String {
    let name = |trial: &TopologyRuns| format!("<span class=\"{0}\">{0}</span>", trial.name());
    trials.iter().map(name).collect()
}

fn headings(trials: &[TopologyRuns]) -> String {
    let heading = |trial: &TopologyRuns| format!("<th class=\"{0}\">{0}</th>", trial.name());
    format!("<thead><tr><th></th>{}</tr></thead>", trials.iter().map(heading).collect::<String>())
}

fn figures(trials: &[TopologyRuns]) -> String {
    let mut table = format!("<table>{}<tbody>", headings(trials));
    for figure in NETWORK.iter().chain(&MACHINE) {
        let class = if PARTS.contains(&figure.key) { " class=\"part\"" } else { "" };
        let _ = write!(table, "<tr{class}><th>{}</th>", sentence(figure.title));
        for (place, trial) in trials.iter().enumerate() {
            let _ = write!(table, "<td>{}</td>", cell(figure, trial, (place > 0).then_some(&trials[0])));
        }
        table += "</tr>";
    }
    table + "</tbody></table>"
}

/// Returns a figure and its difference from the first topology's. With several seeds it shows their
/// spread.
fn cell(figure: &Figure, trial: &TopologyRuns, first: Option<&TopologyRuns>) -> String {
    let sample = figure.sample(trial);
    let [median, least, greatest] =
        [sample.median, sample.least, sample.greatest].map(|value| figure.text_of(value));
    let is_of_network = NETWORK.iter().any(|other| other.key == figure.key);
    let base = first.filter(|_| is_of_network).and_then(|first| figure.sample(first).median);
    let aside = match (base.filter(|base| *base > 0.0), sample.median) {
        _ if trial.runs.len() > 1 => format!("{least} to {greatest}"),
        (Some(base), Some(median)) => {
            let change = median / base - 1.0;
            let sign = if change < 0.0 { "−" } else { "+" };
            format!("{sign}{}", percent(change.abs()))
        }
        (None, _) | (_, None) => String::new(),
    };
    // An empty element keeps the column's figures aligned.
    let aside = if first.is_some() || !aside.is_empty() { format!(" <small>{aside}</small>") } else { aside };
    format!("{median}{aside}")
}

fn traces(trials: &[TopologyRuns]) -> String {
    let mut table = String::from(
        "<div class=\"panel wide\"><table><thead><tr><th></th><th>seed</th><th>blocks mined</th><th>undone</th>\
         <th>closed for a fault</th><th>simulated</th><th>took</th><th>trace</th></tr></thead><tbody>",
    );
    for trial in trials {
        for run in &trial.runs {
            let report = &run.report;
            let _ = write!(
                table,
                "<tr><th>{}</th><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{} s</td><td>{:.1} s</td><td>{}</td></tr>",
                trial.name(),
                report.seed,
                count(report.mined as f64),
                count(report.orphaned as f64),
                count(report.faults as f64),
                count(report.simulated_ms as f64 / 1_000.0),
                run.took.as_secs_f64(),
                escape(&report.trace_hash)
            );
        }
    }
    table + "</tbody></table></div>\n"
}

/// Returns text with all characters that HTML gives a meaning escaped.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            char => escaped.push(char),
        }
    }
    escaped
}

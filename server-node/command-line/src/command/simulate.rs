//! `plexus simulate`: thousands of nodes in this process, on a simulated network, and the
//! measurements of it.

use std::io::Write as _;
use std::path::Path;

use anyhow::ensure;
use serde_json::{Map, Value, json};

use super::{atomic_file, table};
use crate::report;
use crate::report::metric::{Figure, MACHINE, NETWORK};
use crate::report::runs::{Run, TopologyRuns};

mod args;
mod run;
mod units;

pub(super) use args::Arguments;

/// Runs the command.
pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let plan = arguments.plan()?;
    if let Some(file) = &arguments.report {
        // Check the folder before the work rather than after it.
        let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
        let is_there = folder.unwrap_or(Path::new(".")).is_dir();
        ensure!(
            is_there && !file.is_dir(),
            "cannot write {}: name a file in a folder that exists",
            file.display()
        );
    }
    let trial = |setups: &Vec<_>| run::run_all(setups, |setup| arguments.command_of_one(setup));
    let trials = plan.iter().map(trial).collect::<anyhow::Result<Vec<_>>>()?;
    if let Some(file) = &arguments.report {
        write_page(file, &trials, arguments)?;
        eprintln!("report written to {}", file.display());
    }
    if !arguments.json {
        return table::print(&shown(&trials));
    }
    match &trials[..] {
        [trial] => table::print_json(&json(trial)),
        trials => table::print_json(&trials.iter().map(json).collect::<Vec<_>>()),
    }
}

fn write_page(file: &Path, trials: &[TopologyRuns], arguments: &Arguments) -> anyhow::Result<()> {
    let command = arguments.command(&trials[0].setup);
    let page = report::page(trials, arguments.places(), &command);
    atomic_file::write(file, |out| Ok(out.write_all(page.as_bytes())?))
}

/// Returns a table of all figures, one column per topology.
fn shown(trials: &[TopologyRuns]) -> String {
    let headings: Vec<_> = [""].into_iter().chain(trials.iter().map(TopologyRuns::name)).collect();
    let mut rows = table::headed(&headings);
    for figure in NETWORK.iter().chain(&MACHINE) {
        let texts = trials.iter().map(|trial| figure.text(trial));
        rows.add_row([figure.title.to_owned()].into_iter().chain(texts));
    }
    let hashes = trials.iter().map(|trial| trial.first().report.trace_hash[..8].to_owned());
    rows.add_row(["trace of the first seed".to_owned()].into_iter().chain(hashes));
    table::lines(rows)
}

/// Returns a trial for programs. With several seeds it has the medians, the spread, and all runs.
fn json(trial: &TopologyRuns) -> Value {
    let mut object = json_of_run(trial.first());
    if trial.runs.len() > 1 {
        let runs: Vec<_> = trial.runs.iter().map(json_of_run).collect();
        let kept = ["topology", "nodes", "blocks", "seed", "trace_hash"];
        object.retain(|key, _| kept.contains(&key.as_str()));
        let mut spread = Map::new();
        for Figure { key, .. } in NETWORK.iter().chain(&MACHINE) {
            let (median, ends) = middle(runs.iter().map(|run| run[*key].clone()).collect());
            object.insert((*key).to_owned(), median);
            spread.insert((*key).to_owned(), ends);
        }
        object.insert("seeds".to_owned(), json!(runs.len()));
        object.insert("spread".to_owned(), Value::Object(spread));
        object.insert("runs".to_owned(), runs.into_iter().map(Value::Object).collect());
    }
    Value::Object(object)
}

/// Returns the median, and a pair of the least and the greatest. A value that was never reached
/// counts as greater than all others.
fn middle(mut values: Vec<Value>) -> (Value, Value) {
    let number = |value: &Value| value.as_f64().unwrap_or(f64::INFINITY);
    values.sort_by(|one, other| number(one).total_cmp(&number(other)));
    let ends = json!([values.first(), values.last()]);
    (values.swap_remove(values.len() / 2), ends)
}

fn json_of_run(run: &Run) -> Map<String, Value> {
    let Ok(Value::Object(mut object)) = serde_json::to_value(&run.report) else { return Map::new() };
    // Pictures are for pages, and a violation is an error.
    object.retain(|key, _| !["places", "links", "violations"].contains(&key.as_str()));
    object.insert("events_per_s".to_owned(), json!(run.events_per_s()));
    object.insert("took_ms".to_owned(), json!(run.took.as_secs_f64() * 1_000.0));
    object.insert("peak_bytes".to_owned(), json!(run.peak_bytes));
    object
}

#[cfg(test)]
mod tests;

use clap::Parser;

use super::*;

#[derive(Debug, Parser)]
struct SimulateLine {
    #[command(flatten)]
    arguments: Arguments,
}

/// Eight nodes, three blocks.
const TINY: &str =
    "--nodes 8 --blocks 3 --spacing-ms 3000 --warmup-s 5 --body-bytes 2000 --topology random --outbound 3";

fn read(more: &str) -> Arguments {
    let line = format!("simulate {TINY} {more}");
    SimulateLine::try_parse_from(line.split_whitespace()).unwrap().arguments
}

fn trials(arguments: &Arguments) -> Vec<TopologyRuns> {
    let plan = arguments.plan().unwrap();
    let trial = |setups: &Vec<_>| run::run_all(setups, |setup| arguments.command_of_one(setup)).unwrap();
    plan.iter().map(trial).collect()
}

/// The keys that every run has, whatever is added.
const KEYS: [&str; 15] = [
    "topology",
    "nodes",
    "blocks",
    "seed",
    "t50_ms",
    "t90_ms",
    "t99_ms",
    "stale_rate",
    "body_copies",
    "header_copies",
    "bytes_per_node",
    "events",
    "events_per_s",
    "peak_bytes",
    "trace_hash",
];

#[test]
fn the_same_seed_gives_the_same_figures_under_the_keys_that_programs_read() {
    let (one, again) = (trials(&read("--seed 5")), trials(&read("--seed 5")));
    let (one, again) = (json(&one[0]), json(&again[0]));
    for key in KEYS {
        assert!(!one[key].is_null(), "{key}: {one}");
        let is_of_machine = ["events_per_s", "peak_bytes"].contains(&key);
        assert!(is_of_machine || one[key] == again[key], "{key}: {one} {again}");
    }
    assert_eq!((&one["topology"], &one["nodes"], &one["blocks"]), (&json!("random"), &json!(8), &json!(3)));
    assert!(one["events"].is_u64() && one["peak_bytes"].is_u64());
    let other = json(&trials(&read("--seed 6"))[0]);
    assert_ne!(one["trace_hash"], other["trace_hash"]);
}

#[test]
fn several_seeds_give_medians_with_their_spread() {
    let arguments = read("--seed 5 --seeds 3");
    let trials = trials(&arguments);
    let all = json(&trials[0]);
    let runs = all["runs"].as_array().unwrap();
    assert_eq!(runs.iter().map(|run| run["seed"].as_u64().unwrap()).collect::<Vec<_>>(), [5, 6, 7]);
    for key in KEYS {
        assert!(!all[key].is_null(), "{key}: {all}");
    }
    let mut t90: Vec<_> = runs.iter().map(|run| run["t90_ms"].as_f64().unwrap()).collect();
    t90.sort_by(f64::total_cmp);
    assert_eq!(all["t90_ms"], t90[1]);
    assert_eq!(all["spread"]["t90_ms"], json!([t90[0], t90[2]]));
    assert!(shown(&trials).contains('–'));
}

#[test]
fn a_comparison_has_a_column_a_topology() {
    let trials = trials(&read("--compare nearest,complete"));
    let text = shown(&trials);
    let first = text.lines().next().unwrap();
    assert_eq!(first.split_whitespace().collect::<Vec<_>>(), ["random", "nearest", "complete"]);
    for figure in NETWORK.iter().chain(&MACHINE) {
        assert!(text.contains(figure.title), "{text}");
    }
}

#[test]
fn the_page_tells_everything_and_needs_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (file, places) = (folder.path().join("report.html"), folder.path().join("<b>&places.csv"));
    std::fs::write(&places, "0,40,90\n40,0,60\n90,60,0\n").unwrap();
    let more = format!(
        "--compare nearest,complete --seeds 2 --report {} --latency {}",
        file.display(),
        places.display()
    );
    let arguments = read(&more);
    write_page(&file, &trials(&arguments), &arguments).unwrap();
    let page = std::fs::read_to_string(&file).unwrap();
    for part in [
        "<!doctype html>",
        "How blocks travel among 8 nodes: random against nearest and complete",
        "at the 3 places of",
        "&lt;b&gt;&amp;places.csv",
        "The header is known",
        "The whole block is verified",
        "links of a node",
        "announce",
        "map of the network, nearest",
        "plexus simulate --nodes 8 --topology random --blocks 3",
        "--seeds 2 --compare nearest,complete",
        "prefers-color-scheme",
    ] {
        assert!(page.contains(part), "{part}");
    }
    for part in ["<script", "http", "<b>", "url(", "@import", "NaN", "inf\""] {
        assert!(!page.contains(part), "{part}");
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
}

#[test]
fn a_page_that_cannot_be_written_is_known_before_the_work() {
    let error = run(&read("--report /nowhere/report.html")).unwrap_err().to_string();
    assert!(error.contains("a folder that exists"), "{error}");
}

//! The log of a node, as its operator reads it.

use std::process::Command;

use plexus_tests::api::ApiClient;
use plexus_tests::process::{Process, binary};
use plexus_tests::wait::eventually;
use serde_json::Value;

use super::{ANY, Place};

/// Waits for a line with this text. Returns the log up to then.
fn logged(node: &Process, part: &str) -> String {
    eventually(part, 60, || Some(node.whole_log()).filter(|log| log.contains(part)))
}

fn count(log: &str, part: &str) -> usize {
    log.lines().filter(|line| line.contains(part)).count()
}

#[test]
fn by_default_an_operator_reads_one_line_for_each_change() {
    let place = Place::new(16);
    let alice = place.start("alice", &["--mine=1"]);
    let address = alice.address().to_owned();
    let bob = place.start("bob", &["--connect", &address]);
    logged(&bob, "INFO plexus_node::operator_log: connected");
    let api = ApiClient::new(&bob.url);
    eventually("bob follows", 60, || api.height().filter(|height| *height >= 5));
    alice.kill();
    logged(&bob, "connection lost");
    logged(&bob, "cannot connect");
    let alice = place.start_at("alice", &address, &[]);
    let log = eventually("bob is back", 90, || {
        Some(bob.whole_log()).filter(|log| count(log, "operator_log: connected") == 2)
    });
    assert_eq!(count(&log, "started"), 1);
    assert_eq!(count(&log, "connection lost"), 1, "{log}");
    let failures: Vec<_> = log.lines().filter(|line| line.contains("cannot connect")).collect();
    let reasons: Vec<_> =
        failures.iter().map(|line| line.split_once("reason=").map(|(_, reason)| reason)).collect();
    assert!(reasons.windows(2).all(|pair| pair[0] != pair[1]), "once for each reason: {log}");
    let of_others = log.lines().filter(|line| !line.contains("operator_log:") && !line.contains("started"));
    assert_eq!(of_others.collect::<Vec<_>>(), [""; 0], "nothing else");
    assert!(!log.contains('\u{1b}'), "no colours in a file");
    drop(alice);
}

#[test]
fn a_log_in_json_has_one_object_a_line() {
    let place = Place::new(16);
    let node = place.start("alice", &["--log-format", "json", "--log", "debug"]);
    let log = logged(&node, "started");
    for line in log.lines() {
        let line: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}"));
        assert!(line["level"].is_string() && line["timestamp"].is_string(), "{line}");
    }
    let line = log.lines().find(|line| line.contains("\"started\"")).unwrap();
    let fields = &serde_json::from_str::<Value>(line).unwrap()["fields"];
    assert_eq!((&fields["message"], &fields["height"]), (&"started".into(), &0.into()));
}

#[test]
fn a_missing_journal_is_named_with_what_to_do() {
    if std::path::Path::new("/run/systemd/journal/socket").exists() {
        // This machine has a journal, so the node starts.
        let place = Place::new(16);
        assert!(place.start("alice", &["--log-format", "journald"]).terminate().success());
        return;
    }
    let place = Place::new(16);
    let error =
        Process::start(&place.data("alice"), &place.network, ANY, &["--log-format", "journald"]).unwrap_err();
    assert!(error.contains("--log-format text or json"), "{error}");
}

#[test]
fn a_reorganisation_is_logged_with_its_depth_and_both_tips() {
    let place = Place::new(8);
    place.mined("short", 3);
    place.mined("long", 30);
    let long = place.start("long", &[]);
    let node = place.start("short", &["--connect", long.address()]);
    let log = logged(&node, "reorganisation");
    let line = log.lines().find(|line| line.contains("reorganisation")).unwrap();
    for field in ["depth=", "old_tip=", "new_tip=", "height="] {
        assert!(line.contains(field), "{line}");
    }
    assert_eq!(count(&node.whole_log(), "reorganisation"), 1);
}

#[test]
fn standard_output_has_the_address_and_no_log() {
    let place = Place::new(16);
    let mut node = Command::new(binary())
        .args(["node", "--listen", ANY, "--log", "trace", "--data"])
        .arg(place.data("alice"))
        .arg("--network")
        .arg(&place.network)
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let mut output = std::io::BufReader::new(node.stdout.take().unwrap());
    let mut lines = String::new();
    while !lines.contains("Ctrl-C") {
        assert!(std::io::BufRead::read_line(&mut output, &mut lines).unwrap() > 0, "{lines}");
    }
    node.kill().unwrap();
    node.wait().unwrap();
    let first = lines.lines().next().unwrap();
    assert!(first.split(' ').next_back().unwrap().starts_with("http://127.0.0.1:"), "{lines}");
    assert!(!lines.contains("TRACE") && !lines.contains("INFO"), "{lines}");
}

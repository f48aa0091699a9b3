//! The program as a user runs it: processes, their output and their exit status.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

pub(crate) fn plexus() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_plexus"));
    command.stdin(Stdio::null());
    command
}

/// Runs a command that succeeds. Returns its output.
pub(crate) fn succeed(arguments: &[&str]) -> String {
    let output = plexus().args(arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

pub(crate) fn json(arguments: &[&str]) -> Value {
    serde_json::from_str(&succeed(arguments)).unwrap()
}

/// Runs a command that fails with this status. Returns the one line of its error.
pub(crate) fn fail(status: i32, arguments: &[&str]) -> String {
    let output = plexus().args(arguments).output().unwrap();
    one_line_of(&output, status)
}

pub(crate) fn one_line_of(output: &Output, status: i32) -> String {
    assert_eq!(output.status.code(), Some(status), "{output:?}");
    let text = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(text.lines().count(), 1, "{text}");
    assert!(text.starts_with("plexus: "), "{text}");
    text
}

/// A node in a process of its own.
pub(crate) struct Node {
    child: Child,
    pub(crate) url: String,
    _output: BufReader<std::process::ChildStdout>,
}

impl Node {
    pub(crate) fn start(data: &Path, more: &[&str]) -> Self {
        let mut child = plexus()
            .args(["node", "--network", "dev", "--listen", "127.0.0.1:0", "--data"])
            .arg(data)
            .args(more)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        let url = line.split_whitespace().next_back().unwrap_or_default().to_owned();
        assert!(url.starts_with("http://127.0.0.1:"), "{line}");
        Self { child, url, _output: output }
    }

    fn terminate(&mut self) -> Option<i32> {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        self.child.wait().unwrap().code()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_message_is_sent_found_in_its_block_and_the_chain_verified() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let file = folder.path().join("chain.txt");
    let (data, file) = (data.to_str().unwrap(), file.to_str().unwrap());
    let mut node = Node::start(Path::new(data), &["--mine=1"]);
    let ask = ["--node", &node.url, "--json"];
    let key = json(&["key", "show", "--data", data, "--public", "--json"]);

    let sent = json(&[&["send", "--data", data, "--to", "bob", "hello", "there"][..], &ask].concat());
    let id = sent["id"].as_str().unwrap();
    let placed = json(&[&["send", "--data", data, "--to", "bob", "--wait", "again"][..], &ask].concat());
    assert!(placed["number_of_block"].is_u64());
    let found = json(&[&["message", id][..], &ask].concat());
    assert_eq!((&found["text"], &found["sender"]), (&"hello there".into(), &key["public_key"]));
    let height = found["number_of_block"].to_string();
    let block = json(&[&["block", &height][..], &ask].concat());
    assert_eq!(block["hash"], found["block"]);
    assert_eq!(json(&[&["chain", "--limit", "3"][..], &ask].concat()).as_array().unwrap().len(), 3);
    assert_eq!(json(&[&["peers"][..], &ask].concat()), Value::Array(Vec::new()));
    let graph = json(&[&["graph"][..], &ask].concat());
    assert_eq!((&graph["nodes_in_all"], &graph["links"]), (&1.into(), &Value::Array(Vec::new())));
    assert!(succeed(&[&["graph", "--svg", "-"][..], &ask[..2]].concat()).starts_with("<svg"));
    assert!(succeed(&[&["graph", "--dot"][..], &ask[..2]].concat()).starts_with("graph plexus"));
    for table in [&["graph"][..], &["status"], &["chain"], &["peers"], &["block", &height], &["message", id]]
    {
        assert!(!succeed(&[table, &ask[..2]].concat()).trim().is_empty(), "{table:?}");
    }

    let verified = json(&[&["chain", "--verify"][..], &ask].concat());
    assert!(verified["messages"].as_u64() >= Some(2));
    assert_eq!(node.terminate(), Some(0));
    assert!(fail(1, &["status", "--node", &node.url]).contains("plexus node"));

    // The later export must contain the earlier chain: nothing is lost when a node stops.
    let again = Node::start(Path::new(data), &[]);
    succeed(&["chain", "--export", file, "--node", &again.url]);
    let exported = json(&["chain", &format!("--verify={file}"), "--json"]);
    assert!(exported["blocks"].as_u64() >= verified["blocks"].as_u64());
    assert_eq!(exported["messages"], 2);
    let printed = succeed(&["chain", "--export", "-", "--node", &again.url]);
    assert_eq!(printed, std::fs::read_to_string(file).unwrap());
    let taken = fail(1, &["node", "--network", "dev", "--listen", "127.0.0.1:0", "--data", data]);
    assert!(taken.contains("--data"), "{taken}");
}

#[test]
fn a_damaged_export_is_refused_with_the_rule_that_it_breaks() {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::start(folder.path(), &["--mine=1"]);
    succeed(&[
        "send",
        "--data",
        folder.path().to_str().unwrap(),
        "--node",
        &node.url,
        "--to",
        "",
        "--wait",
        "x",
    ]);
    let mut text = succeed(&["chain", "--export", "-", "--node", &node.url]);
    let digit = text.find('\n').unwrap() + 1 + text.lines().nth(1).unwrap().len() + 1 + 70;
    let other = if &text[digit..=digit] == "0" { "1" } else { "0" };
    text.replace_range(digit..=digit, other);
    let file = folder.path().join("damaged");
    std::fs::write(&file, text).unwrap();
    let error = fail(1, &["chain", &format!("--verify={}", file.display())]);
    assert!(error.contains("block 1 ") && error.contains("Invalid"), "{error}");
}

#[test]
fn wrong_use_ends_with_status_2() {
    for arguments in [&["dance"][..], &["send", "x"], &["block", "x"], &["node", "--network", "moon"]] {
        let error = fail(2, arguments);
        assert!(error.contains("see `plexus ") && error.contains("--help`"), "{arguments:?}: {error}");
    }
}

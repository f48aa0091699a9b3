//! The command line: keys, messages on their way into a block, exit statuses.

use plexus_tests::api::ApiClient;
use plexus_tests::process::run;
use plexus_tests::wait::eventually;
use serde_json::Value;

use super::{Place, text};

#[test]
fn a_message_that_is_sent_is_mined_and_known_everywhere() {
    let place = Place::new(16);
    let alice = place.start("alice", &["--mine=1"]);
    let bob = place.start("bob", &["--connect", alice.address()]);
    let data = place.data("bob");
    let data = data.to_str().unwrap();
    let sent = run(["send", "--to", "carol", "hello carol", "--node", &bob.url, "--data", data, "--json"]);
    assert!(sent.status.success(), "{}", text(&sent.stderr));
    let sent: Value = serde_json::from_slice(&sent.stdout).unwrap();
    let id = sent["id"].as_str().unwrap();
    for url in [&alice.url, &bob.url] {
        let found = eventually("the message is mined", 60, || {
            ApiClient::new(url)
                .ask(&format!("/messages/{id}"))
                .filter(|found| found["number_of_block"].is_u64())
        });
        assert_eq!(
            (found["recipient"].as_str(), found["text"].as_str()),
            (Some("carol"), Some("hello carol"))
        );
        let block = ApiClient::new(url).ask(&format!("/blocks/{}", found["number_of_block"])).unwrap();
        let line = format!("From {} to carol, hello carol", found["sender"].as_str().unwrap());
        assert!(block["message"].as_str().unwrap().contains(&line));
        assert!(!found["work_above"].is_null());
    }
    let shown = run(["message", id, "--node", &alice.url, "--json"]);
    assert!(shown.status.success(), "{}", text(&shown.stderr));
}

#[test]
fn a_phrase_restores_its_key_in_another_folder() {
    let place = Place::new(16);
    let (first, second) = (place.data("first"), place.data("second"));
    let made = run(["key", "new", "--data", first.to_str().unwrap(), "--json"]);
    assert!(made.status.success(), "{}", text(&made.stderr));
    let shown = run(["key", "show", "--data", first.to_str().unwrap(), "--json"]);
    let shown: Value = serde_json::from_slice(&shown.stdout).unwrap();
    let words = shown["words"].as_str().expect("24 words").to_owned();
    assert_eq!(words.split(' ').count(), 24);
    let mut restore = std::process::Command::new(plexus_tests::process::binary());
    let mut restore = restore
        .args(["key", "restore", "--data", second.to_str().unwrap()])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Write::write_all(restore.stdin.as_mut().unwrap(), format!("{words}\n").as_bytes()).unwrap();
    assert!(restore.wait().unwrap().success());
    let again = run(["key", "show", "--data", second.to_str().unwrap(), "--json"]);
    let again: Value = serde_json::from_slice(&again.stdout).unwrap();
    for field in ["public_key", "words"] {
        assert_eq!(again[field], shown[field], "the phrase restores the key");
    }
}

#[test]
fn exit_statuses_tell_failure_from_wrong_use() {
    let nowhere = "http://127.0.0.1:1";
    let failed = run(["status", "--node", nowhere]);
    assert_eq!(failed.status.code(), Some(1));
    assert_eq!(text(&failed.stderr).trim().lines().count(), 1, "one line: {}", text(&failed.stderr));
    for line in [&["frobnicate"][..], &["block"], &["send", "hello"], &["node", "--network", "nowhere"]] {
        let refused = run(line);
        assert_eq!(refused.status.code(), Some(2), "{line:?}: {}", text(&refused.stderr));
    }
    for line in [&["--help"][..], &["--version"], &["node", "--help"]] {
        assert!(run(line).status.success(), "{line:?}");
    }
}

#[test]
fn commands_that_read_show_tables_and_json() {
    let place = Place::new(12);
    place.mined("alice", 5);
    let alice = place.start("alice", &[]);
    let height = ApiClient::new(&alice.url).height().unwrap();
    for command in [&["status"][..], &["chain"], &["block", "3"], &["peers"]] {
        let line = [command, &["--node", &alice.url]].concat();
        let shown = run(&line);
        assert!(shown.status.success(), "{line:?}: {}", text(&shown.stderr));
        assert!(!shown.stdout.is_empty() || command == ["peers"], "{line:?} shows nothing");
        let json = run([&line[..], &["--json"]].concat());
        let parsed: Result<Value, _> = serde_json::from_slice(&json.stdout);
        assert!(parsed.is_ok(), "{line:?} --json: {}", text(&json.stdout));
    }
    let status: Value =
        serde_json::from_slice(&run(["status", "--node", &alice.url, "--json"]).stdout).unwrap();
    assert_eq!(status["height"].as_u64(), Some(height));
}

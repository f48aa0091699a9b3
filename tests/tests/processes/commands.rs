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

/// Returns the JSON that a command prints.
fn json(arguments: &[&str]) -> Value {
    let output = run(arguments);
    assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn a_history_has_what_was_sent_and_received_the_newest_first() {
    let place = Place::new(16);
    let alice = place.start("alice", &["--mine=1"]);
    let (data, carol) = (place.data("alice"), place.data("carol"));
    let (data, carol) = (data.to_str().unwrap(), carol.to_str().unwrap());
    let key = json(&["key", "show", "--public", "--data", data, "--json"])["public_key"].clone();
    let key = key.as_str().unwrap();
    json(&["key", "new", "--data", carol, "--json"]);
    let send = |data: &str, to: &str, text: &str| {
        json(&["send", "--wait", "--to", to, text, "--node", &alice.url, "--data", data, "--json"])
    };
    let first = send(data, "bob", "to bob\u{1b}[2J\nsecond line");
    let second = send(carol, key, "to alice");
    send(carol, "dave", "to dave");

    let history = |more: &[&str]| json(&[&["history", "--node", &alice.url, "--json"][..], more].concat());
    let mine = history(&["--data", data]);
    assert_eq!(
        (&mine["key"], &mine["complete"], &mine["searched_from"]),
        (&key.into(), &true.into(), &1.into())
    );
    let messages = mine["messages"].as_array().unwrap();
    assert_eq!(messages.len(), 2, "{mine}");
    assert_eq!((&messages[0]["id"], &messages[0]["direction"]), (&second["id"], &"received".into()));
    assert_eq!((&messages[1]["id"], &messages[1]["direction"]), (&first["id"], &"sent".into()));
    assert_eq!((&messages[0]["peer"], &messages[1]["peer"]), (&second["sender"], &"bob".into()));
    let (height, tip) = (messages[1]["number_of_block"].as_u64(), mine["height"].as_u64().unwrap());
    assert_eq!(
        (height, messages[1]["confirmations"].as_u64()),
        (first["number_of_block"].as_u64(), height.map(|height| tip + 1 - height))
    );

    assert_eq!(history(&["--data", data, "--sent"])["messages"].as_array().unwrap().len(), 1);
    assert_eq!(
        history(&["--data", data, "--name", "dave", "--received"])["messages"].as_array().unwrap().len(),
        2
    );
    assert_eq!(history(&["--key", key, "--limit", "1"])["messages"].as_array().unwrap().len(), 1);
    let table = run(["history", "--node", &alice.url, "--data", data]);
    let (rows, said) = (text(&table.stdout), text(&table.stderr));
    assert!(rows.contains("to bob") && !rows.contains('\u{1b}') && !rows.contains("second line"), "{rows}");
    assert!(said.starts_with("2 messages in all "), "{said}");
    let nobody = run(["history", "--node", &alice.url, "--data", place.data("nobody").to_str().unwrap()]);
    assert!(text(&nobody.stderr).contains("plexus key new"), "{}", text(&nobody.stderr));
    assert_eq!(nobody.status.code(), Some(1));
}

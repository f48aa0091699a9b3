//! Settings by flags, environment and file, as processes see them.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use plexus_tests::api::ApiClient;
use plexus_tests::process::{Process, binary};
use serde_json::Value;

use super::{ANY, Place, text};

/// Runs `plexus config` with an environment of its own.
fn config(variables: &[(&str, &str)], arguments: &[&str], data: &Path) -> Output {
    Command::new(binary())
        .args(["config", "--data"])
        .arg(data)
        .args(arguments)
        .env_clear()
        .envs(variables.iter().copied())
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

/// Returns the settings of a successful `plexus config --json`, by name.
fn settings(output: &Output) -> std::collections::BTreeMap<String, Value> {
    assert!(output.status.success(), "{}", text(&output.stderr));
    let all: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    all.into_iter().map(|one| (one["name"].as_str().unwrap().to_owned(), one)).collect()
}

#[test]
fn config_shows_each_setting_and_where_it_comes_from() {
    let place = Place::new(16);
    let file = place.folder.path().join("node.toml");
    std::fs::write(&file, "inbound-max = 7\nconnect = [\"a:1\", \"b:2\"]\nmine = true\n").unwrap();
    let file = file.to_str().unwrap();
    let variables = [("PLEXUS_CONFIG", file), ("PLEXUS_MINE", "2"), ("PLEXUS_LOGG", "x")];
    let found = config(&variables, &["--browsers-max=3", "--json"], &place.data("alice"));
    assert!(text(&found.stderr).contains("PLEXUS_LOGG is no setting; did you mean PLEXUS_LOG?"));
    let all = settings(&found);
    let is = |name: &str, value: Value, source: &str| {
        assert_eq!((&all[name]["value"], &all[name]["source"]), (&value, &source.into()), "{name}");
    };
    is("inbound-max", 7.into(), "file");
    is("connect", serde_json::json!(["a:1", "b:2"]), "file");
    is("mine", 2.into(), "environment");
    is("browsers-max", 3.into(), "flag");
    is("mine-gpu", false.into(), "default");
    is("config", file.into(), "environment");
    assert_eq!(all["inbound-max"]["from"], format!("{file}, line 1"));
    let table = text(&config(&variables, &[], &place.data("alice")).stdout);
    assert!(table.lines().any(|line| line.starts_with("mine ") && line.ends_with("PLEXUS_MINE")), "{table}");
    assert!(table.lines().any(|line| line.starts_with("public ") && line.contains("(not set)")), "{table}");
}

#[test]
fn the_file_that_config_writes_gives_the_same_settings() {
    let place = Place::new(16);
    let data = place.data("alice");
    let arguments = [
        "--network",
        place.network.to_str().unwrap(),
        "--listen",
        "127.0.0.1:0",
        "--listen=[::1]:0",
        "--connect",
        "a:1",
        "--mine",
        "--mine-gpu",
        "--inbound-max=9",
        "--browsers-max=0",
        "--log",
        "warn,plexus_node=debug",
    ];
    let before = settings(&config(&[], &[&arguments[..], &["--json"]].concat(), &data));
    let written = config(&[], &[&arguments[..], &["--toml"]].concat(), &data);
    assert!(written.status.success(), "{}", text(&written.stderr));
    let file = place.folder.path().join("written.toml");
    std::fs::write(&file, &written.stdout).unwrap();
    let after = settings(&config(&[("PLEXUS_CONFIG", file.to_str().unwrap())], &["--json"], &data));
    for (name, setting) in before.iter().filter(|(name, _)| *name != "config") {
        assert_eq!(after[name]["value"], setting["value"], "{name}\n{}", text(&written.stdout));
        let expected = match setting["source"].as_str() {
            Some("flag") if name != "data" => "file",
            source => source.unwrap(),
        };
        assert_eq!(after[name]["source"], expected, "{name}");
    }
    // Every comment that shows a setting is a valid line, too.
    let commented = text(&written.stdout);
    assert!(
        before.keys().filter(|name| *name != "config").all(|name| commented.contains(&format!("{name} = ")))
    );
}

#[test]
fn a_node_starts_from_the_file_in_its_data_folder() {
    let place = Place::new(16);
    let data = place.data("alice");
    std::fs::create_dir_all(&data).unwrap();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    std::fs::write(data.join("plexus.toml"), format!("listen = [\"127.0.0.1:0\", \"{free}\"]\n")).unwrap();
    // The flag of the test replaces the list.
    let node = place.start("alice", &[]);
    assert_ne!(node.address(), free.to_string());
    drop(node);
    std::fs::write(data.join("plexus.toml"), "inbound-max = 0\n").unwrap();
    let error = Process::start(&data, &place.network, ANY, &[]).unwrap_err();
    assert!(error.contains("plexus.toml, line 1: ") && error.contains("inbound-max"), "{error}");
    std::fs::write(data.join("plexus.toml"), "mine = 1\n").unwrap();
    let node = place.start("alice", &[]);
    let api = ApiClient::new(&node.url);
    plexus_tests::wait::eventually("it mines", 60, || api.height().filter(|height| *height > 0));
}

#[test]
fn a_wrong_setting_is_one_line_and_wrong_use() {
    let place = Place::new(16);
    let data = place.data("alice");
    for (variables, arguments, part) in [
        (&[("PLEXUS_INBOUND_MAX", "0")][..], &[][..], "PLEXUS_INBOUND_MAX: "),
        (&[], &["--log", "nonsense"], "error, warn, info, debug or trace"),
        (&[], &["--log-format", "xml"], "text, json or journald"),
        (&[], &["--config", "/nowhere.toml"], "/nowhere.toml"),
        (&[], &["--json", "--toml"], "--toml"),
    ] {
        let found = config(variables, arguments, &data);
        let error = text(&found.stderr);
        assert_eq!(found.status.code(), Some(2), "{arguments:?}: {error}");
        assert!(error.contains(part) && error.trim().lines().count() == 1, "{arguments:?}: {error}");
    }
}

#[test]
fn the_version_names_protocol_and_commit() {
    let version = text(&plexus_tests::process::run(["--version"]).stdout);
    let protocol = format!("protocol {})", plexus_core::protocol::packet::PROTOCOL_VERSION);
    assert!(version.contains("(commit ") && version.trim().ends_with(&protocol), "{version}");
}

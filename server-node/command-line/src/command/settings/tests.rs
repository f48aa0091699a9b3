use std::fs;
use std::path::Path;

use clap::{CommandFactory, FromArgMatches};

use super::*;
use crate::command::{CommandLine, WrongUse, node_command};

/// Values, one of which each flag takes.
const SAMPLES: [&str; 15] = [
    "7",
    "127.0.0.1:7",
    "ws://a:7",
    "dev",
    "debug",
    "text",
    "json",
    "64MB",
    "1h",
    "90d",
    "example.org",
    "/tmp/x",
    "a@b.c",
    "https://a.org/b",
    "true",
];

fn variables(pairs: &[(&str, &str)]) -> Variables {
    pairs.iter().map(|(name, value)| (name.into(), value.into())).collect()
}

/// Completes a line. Names the data folder, so that no file of this machine is found.
fn completed(line: &str, pairs: &[(&str, &str)], data: &Path) -> anyhow::Result<Completed> {
    let line = line.split(' ').map(OsString::from).chain([format!("--data={}", data.display()).into()]);
    complete(&CommandLine::command(), &node_command(), line.collect(), &variables(pairs))
}

fn has(completed: &Completed, word: &str) -> bool {
    completed.line.iter().any(|found| found == word)
}

/// Returns the message of a wrong use.
fn refusal(line: &str, pairs: &[(&str, &str)], data: &Path) -> String {
    let error = completed(line, pairs, data).expect_err("it is refused");
    assert!(error.is::<WrongUse>());
    error.to_string()
}

/// Writes a file of settings into a folder. Returns its path.
fn file(folder: &Path, text: &str) -> String {
    let path = folder.join("settings.toml");
    fs::write(&path, text).unwrap();
    path.display().to_string()
}

#[test]
fn every_flag_of_a_node_is_a_variable_and_a_key() {
    let folder = tempfile::tempdir().unwrap();
    let node = node_command();
    let mut count = 0;
    for (key, flag) in flags(&node).filter(|(key, _)| !matches!(*key, "config" | "data")) {
        let form = Form::of(flag);
        let takes = |value: &&&str| form::check(&node, &[format!("--{key}={value}").into()]).is_ok();
        let (value, toml, word) = if form == Form::Switch {
            ("true", "true".to_owned(), format!("--{key}"))
        } else {
            let value = SAMPLES.iter().find(takes);
            let value = value.unwrap_or_else(|| panic!("add a value that --{key} takes to SAMPLES"));
            let text = if is_number(flag) { (*value).to_owned() } else { format!("{value:?}") };
            let toml = if form == Form::List { format!("[{text}]") } else { text };
            (*value, toml, format!("--{key}={value}"))
        };
        let variable = environment::variable_of(key);
        let found = completed("plexus", &[(&variable, value)], folder.path()).unwrap();
        assert!(has(&found, &word), "{variable}={value}: {:?}", found.line);
        assert_eq!(found.sources[key], Source::Environment(variable));
        assert_eq!(found.warnings, [""; 0]);
        let path = file(folder.path(), &format!("# A comment.\n{key} = {toml}\n"));
        let found = completed(&format!("plexus node --config {path}"), &[], folder.path()).unwrap();
        assert!(has(&found, &word), "{key} = {toml}: {:?}", found.line);
        assert_eq!(found.sources[key], Source::File(path.into(), 2));
        count += 1;
    }
    assert!(count >= 9, "{count}");
}

#[test]
fn a_flag_comes_before_a_variable_and_that_before_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path =
        file(folder.path(), "inbound-max = 1\nmine = 1\nconnect = [\"a:1\", \"b:1\"]\nmine-gpu = true\n");
    let line = format!("plexus node --config {path} --inbound-max 3");
    let pairs = [("PLEXUS_INBOUND_MAX", "2"), ("PLEXUS_MINE", "2"), ("PLEXUS_MINE_GPU", "no")];
    let found = completed(&line, &pairs, folder.path()).unwrap();
    let lacks = |word: &str| !found.line.iter().any(|found| found.to_string_lossy().starts_with(word));
    assert!(has(&found, "3") && lacks("--inbound-max="));
    assert!(has(&found, "--mine=2") && !has(&found, "--mine=1") && lacks("--mine-gpu"));
    assert!(has(&found, "--connect=a:1") && has(&found, "--connect=b:1"));
    let from = |key: &str| found.sources[key].name();
    assert_eq!([from("inbound-max"), from("mine"), from("connect")], ["flag", "environment", "file"]);
    assert!(!found.sources.contains_key("log"), "it has its default");
    let parsed = CommandLine::command().try_get_matches_from(&found.line).unwrap();
    assert!(CommandLine::from_arg_matches(&parsed).is_ok());
}

#[test]
fn a_list_of_a_higher_layer_replaces_the_lower_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(folder.path(), "connect = [\"a:1\"]\n");
    let pairs = [("PLEXUS_CONFIG", path.as_str()), ("PLEXUS_CONNECT", "b:1, c:1")];
    let found = completed("plexus --mine", &pairs, folder.path()).unwrap();
    assert!(has(&found, "--connect=b:1") && has(&found, "--connect=c:1") && !has(&found, "--connect=a:1"));
    let found = completed("plexus --connect d:1", &pairs, folder.path()).unwrap();
    assert!(!has(&found, "--connect=b:1") && has(&found, "d:1"));
}

#[test]
fn a_flag_turns_off_what_a_lower_layer_turns_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(folder.path(), "mine = true\nmine-gpu = true\n");
    let line = format!("plexus node --config {path}");
    let found = completed(&line, &[], folder.path()).unwrap();
    assert!(has(&found, "--mine") && has(&found, "--mine-gpu"));
    let found = completed(&format!("{line} --mine=false --mine-gpu=false"), &[], folder.path()).unwrap();
    assert!(!found.line.iter().any(|word| word.to_string_lossy().starts_with("--mine")), "{:?}", found.line);
    assert_eq!(found.sources["mine"], Source::Flag);
    let found = completed(&line, &[("PLEXUS_MINE", "off")], folder.path()).unwrap();
    assert!(!has(&found, "--mine") && has(&found, "--mine-gpu"));
    assert!(has(&completed("plexus --mine=true", &[], folder.path()).unwrap(), "--mine"));
}

#[test]
fn a_wrong_file_is_named_with_its_line_and_what_is_expected() {
    let folder = tempfile::tempdir().unwrap();
    for (text, line, part) in [
        ("log = \"info\"\ninbond-max = 3\n", 2, "did you mean inbound-max?"),
        ("\n\ninbound_max = 3\n", 3, "did you mean inbound-max?"),
        ("inbound-max = 0\n", 1, "1..="),
        ("inbound-max = true\n", 1, "a number is expected"),
        ("inbound-max = [3]\n", 1, "must be one value, and not a list"),
        ("inbound-max = 1979-05-27\n", 1, "and not a date"),
        ("connect = true\n", 1, "a string is expected"),
        ("connect = [\"a:1\", \"ftp://x\"]\n", 1, "not a node's address"),
        ("mine = \"lots\"\n", 1, "mine must be true, false or a number, and not \"lots\""),
        ("inbound-max = \"lots\"\n", 1, "inbound-max must be a number, and not \"lots\""),
        ("mine-gpu = \"true\"\n", 1, "must be true or false, and not a string"),
        ("tls-cert = 3\n", 1, "a string is expected, and not a number"),
        ("[node]\nlog = \"info\"\n", 1, "node is no setting"),
        ("log = \"info\"\nlog = \"warn\"\n", 2, "duplicate key"),
        ("log = \"info\"\nconnect = [\n", 2, "unclosed array"),
        ("config = \"another.toml\"\n", 1, "cannot name another"),
    ] {
        let path = file(folder.path(), text);
        let found = refusal(&format!("plexus --config {path}"), &[], folder.path());
        assert!(
            found.starts_with(&format!("{path}, line {line}: ")) && found.contains(part),
            "{text}: {found}"
        );
    }
    let path = file(folder.path(), &"#".repeat(usize::try_from(file::SETTINGS_BYTES_MAX).unwrap() + 1));
    let found = refusal(&format!("plexus --config {path}"), &[], folder.path());
    assert!(found.contains(&path) && found.contains("at most 262144 bytes"), "{found}");
    let found = refusal("plexus --config /nowhere/at/all.toml", &[], folder.path());
    assert!(found.contains("/nowhere/at/all.toml"), "{found}");
    // A wrong value is reported even where another layer comes before it.
    let path = file(folder.path(), "inbound-max = 0\n");
    assert!(refusal(&format!("plexus --config {path} --inbound-max 3"), &[], folder.path()).contains("1..="));
}

#[test]
fn a_wrong_variable_is_named() {
    let folder = tempfile::tempdir().unwrap();
    for (name, value, part) in [
        ("PLEXUS_INBOUND_MAX", "0", "1..="),
        ("PLEXUS_MINE_GPU", "perhaps", "true or false"),
        ("PLEXUS_CONNECT", "a:1,ftp://x", "not a node's address"),
        ("PLEXUS_LOG", "plexus_node=loud", "log"),
    ] {
        let found = refusal("plexus", &[(name, value)], folder.path());
        assert!(found.starts_with(&format!("{name}: ")) && found.contains(part), "{found}");
    }
    let found = completed("plexus", &[("PLEXUS_INBOUND_MAX", "")], folder.path()).unwrap();
    assert!(!found.sources.contains_key("inbound-max"), "an empty variable is none");
}

#[test]
fn an_unknown_variable_is_a_warning_and_those_of_tests_are_not() {
    let folder = tempfile::tempdir().unwrap();
    let pairs = [
        ("PLEXUS_INBOND_MAX", "3"),
        ("PLEXUS_BIN", "x"),
        ("PLEXUS_NPM", "x"),
        ("PLEXUS_PYTHON", "x"),
        ("PLEXUS_NODE", "http://a:1"),
        ("PLEXUS_KEY_PASSPHRASE", "x"),
        ("OTHER_LOG", "x"),
    ];
    let found = completed("plexus", &pairs, folder.path()).unwrap();
    let expected = "the variable PLEXUS_INBOND_MAX is no setting; did you mean PLEXUS_INBOUND_MAX?";
    assert_eq!(found.warnings, [expected]);
}

#[test]
fn the_file_of_the_data_folder_is_read_and_stays_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(file::DEFAULT_NAME);
    fs::write(&path, format!("inbound-max = 5\ndata = {:?}\n", folder.path())).unwrap();
    let found = completed("plexus node", &[], folder.path()).unwrap();
    assert!(has(&found, "--inbound-max=5"));
    assert_eq!(found.file.as_deref(), Some(path.as_path()));
    let line = vec!["plexus".into()];
    let pairs = variables(&[("PLEXUS_DATA", folder.path().to_str().unwrap())]);
    let complete = |pairs| complete(&CommandLine::command(), &node_command(), line.clone(), pairs);
    assert!(has(&complete(&pairs).unwrap(), "--inbound-max=5"), "a variable names the folder, too");
    let home = variables(&[("PLEXUS_NETWORK", "dev")]);
    assert!(!has(&complete(&home).unwrap(), "--inbound-max=5"));
    // A named file comes before it.
    let named = file(folder.path(), "inbound-max = 6\n");
    let found = completed(&format!("plexus --config {named}"), &[], folder.path()).unwrap();
    assert!(has(&found, "--inbound-max=6") && !has(&found, "--inbound-max=5"));
}

#[test]
fn other_commands_take_common_flags_from_variables() {
    let folder = tempfile::tempdir().unwrap();
    let pairs = [("PLEXUS_NODE", "http://a:1"), ("PLEXUS_NETWORK", "dev"), ("PLEXUS_MINE", "x")];
    let line = |text: &str| {
        let line = text.split(' ').map(OsString::from).collect();
        complete(&CommandLine::command(), &node_command(), line, &variables(&pairs)).map(|found| found.line)
    };
    for (text, words) in [
        ("plexus status", &["plexus", "status", "--node=http://a:1"][..]),
        ("plexus status --node b:1", &["plexus", "status", "--node", "b:1"]),
        ("plexus key new", &["plexus", "key", "new", "--network=dev"]),
        ("plexus bench mine", &["plexus", "bench", "mine"]),
        ("plexus frobnicate", &["plexus", "frobnicate"]),
    ] {
        let found = line(text).unwrap();
        for word in words {
            assert!(found.iter().any(|found| found == word), "{text}: {found:?} lacks {word}");
        }
        assert_eq!(found.len(), words.len(), "{text}: {found:?}");
        let parsed = CommandLine::command().try_get_matches_from(&found);
        assert_eq!(parsed.is_ok(), !text.contains("frob"), "{text}: {parsed:?}");
    }
    let wrong = variables(&[("PLEXUS_NODE", "ftp://x")]);
    let line = vec!["plexus".into(), "status".into()];
    let error = complete(&CommandLine::command(), &node_command(), line, &wrong).unwrap_err();
    assert!(error.is::<WrongUse>() && error.to_string().starts_with("PLEXUS_NODE: "), "{error}");
    drop(folder);
}

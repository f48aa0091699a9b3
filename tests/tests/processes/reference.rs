//! The independent verifier in Python: it verifies a node's exports and proofs, and the test
//! vectors.
//!
//! `PLEXUS_PYTHON` names a Python that has the package `ecdsa`. `tests/run` makes one.

use std::process::Command;

use plexus_tests::api::ApiClient;
use plexus_tests::process::{Process, run};
use serde_json::Value;

use super::{Place, repository, text};

fn python() -> Command {
    let mut python = Command::new(std::env::var_os("PLEXUS_PYTHON").unwrap_or_else(|| "python3".into()));
    let has = python.args(["-c", "import ecdsa"]).output();
    assert!(
        has.as_ref().is_ok_and(|output| output.status.success()),
        "no Python with the package ecdsa: run `bash tests/run`, which makes one, or name one in PLEXUS_PYTHON"
    );
    let mut python = Command::new(python.get_program());
    python.current_dir(repository("tests/reference"));
    python
}

/// The messages of the node below.
const MESSAGES: usize = 6;

/// Starts a mining node. Has it mine some messages, of which the last names two files by their
/// hashes. Returns the node, and the id of that message.
fn with_messages(place: &Place) -> (Process, String) {
    let alice = place.start("alice", &["--mine=1"]);
    let data = place.data("alice");
    let send = |to: &str, words: &str| -> Value {
        let sent = run([
            "send",
            "--to",
            to,
            words,
            "--node",
            &alice.url,
            "--data",
            data.to_str().unwrap(),
            "--wait",
            "--json",
        ]);
        assert!(sent.status.success(), "{}", text(&sent.stderr));
        serde_json::from_slice(&sent.stdout).unwrap()
    };
    for number in 1..MESSAGES {
        send("bob", &format!("message {number}, with a comma\nand a second line: äöü €"));
    }
    let words = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855, \
        sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad, I wrote";
    let id = send("", words)["id"].as_str().unwrap().to_owned();
    (alice, id)
}

#[test]
fn the_python_reader_verifies_a_proof_to_the_same_end() {
    let place = Place::new(12);
    let (alice, id) = with_messages(&place);
    let (sealed, proof) = (place.data("sealed"), place.data("sealed.plexus"));
    // The second of the files that the message names.
    std::fs::write(&sealed, "abc").unwrap();
    for form in [&[][..], &["--json"]] {
        let proven = run([&["prove", &id, "--node", &alice.url], form].concat());
        std::fs::write(&proof, &proven.stdout).unwrap();
        let read =
            python().arg("verify_proof.py").arg(&proof).arg("--json").arg("--file").arg(&sealed).output();
        let read = read.unwrap();
        assert!(read.status.success(), "{}{}", text(&proven.stderr), text(&read.stderr));
        let (ours, theirs) = (run(["verify", proof.to_str().unwrap(), "--json"]).stdout, read.stdout);
        let ours: Value = serde_json::from_slice(&ours).unwrap();
        let theirs: Value = serde_json::from_slice(&theirs).unwrap();
        for field in ["network_id", "block", "blocks", "work", "tip", "total_work"] {
            assert_eq!(ours[field], theirs[field], "{field}");
        }
        assert_eq!((&ours["message"]["id"], &ours["number_of_block"]), (&theirs["id"], &theirs["height"]));
    }
}

#[test]
fn the_python_reader_verifies_an_exported_chain_to_the_same_end() {
    let place = Place::new(12);
    let (alice, _) = with_messages(&place);
    assert!(alice.terminate().success());
    let alice = place.start("alice", &[]);
    let status = ApiClient::new(&alice.url).ask("/status").unwrap();
    let file = place.data("chain.txt");
    let exported = run(["chain", "--export", file.to_str().unwrap(), "--node", &alice.url]);
    assert!(exported.status.success(), "{}", text(&exported.stderr));
    let verified = python().arg("verify_chain.py").arg(&file).arg("--json").output().unwrap();
    assert!(verified.status.success(), "{}{}", text(&verified.stdout), text(&verified.stderr));
    let verdict: Value = serde_json::from_slice(&verified.stdout).unwrap();
    assert_eq!(verdict["valid"], true);
    for field in ["height", "tip", "total_work"] {
        assert_eq!(verdict[field], status[field], "{field}");
    }
    assert_eq!(verdict["messages"], MESSAGES);
    // It must also refuse a chain with one changed digit.
    let mut changed = std::fs::read(&file).unwrap();
    let place_of = changed.len() - 10;
    changed[place_of] = if changed[place_of] == b'0' { b'1' } else { b'0' };
    std::fs::write(&file, changed).unwrap();
    let refused = python().arg("verify_chain.py").arg(&file).output().unwrap();
    assert_eq!(refused.status.code(), Some(1), "{}", text(&refused.stdout));
}

#[test]
fn the_python_reader_agrees_with_every_test_vector() {
    let vectors = repository("core/vectors");
    let verified = python().arg("verify_vectors.py").arg(&vectors).output().unwrap();
    assert!(verified.status.success(), "{}{}", text(&verified.stdout), text(&verified.stderr));
}

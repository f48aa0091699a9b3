//! Proof files: made with a node, verified after it is gone.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use plexus_core::proof::inclusion_proof::{Form, Receipt};
use plexus_tests::process::{binary, run};
use plexus_tests::vectors::forged_proof_file;
use serde_json::Value;

use super::{Place, text};

/// The SHA-256 of "abc".
const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
/// SHA-256 of nothing.
const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// Runs `plexus verify -` with these bytes on its standard input. Returns its output.
fn verify_piped(bytes: &[u8], more: &[&str]) -> Output {
    let mut verify = Command::new(binary());
    verify.args(["verify", "-"]).args(more).stdin(Stdio::piped());
    let mut verify = verify.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    verify.stdin.take().unwrap().write_all(bytes).unwrap();
    verify.wait_with_output().unwrap()
}

/// Sends a message through a mining node. Returns its id once it is in a block.
fn send(place: &Place, url: &str, words: &str) -> String {
    let data = place.data("alice");
    let sent =
        run(["send", "--to", "", words, "--node", url, "--data", data.to_str().unwrap(), "--wait", "--json"]);
    assert!(sent.status.success(), "{}", text(&sent.stderr));
    let sent: Value = serde_json::from_slice(&sent.stdout).unwrap();
    sent["id"].as_str().unwrap().to_owned()
}

/// Returns a verdict in JSON.
fn verdict(output: &Output) -> Value {
    assert!(output.status.success(), "{}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn refused(output: &Output, status: i32, part: &str) {
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(status), "{said}");
    assert!(
        said.starts_with("plexus: ") && said.lines().count() == 1 && said.contains(part),
        "{part}: {said}"
    );
}

#[test]
fn a_sealed_file_is_proven_long_after_the_node_is_gone() {
    let place = Place::new(12);
    let alice = place.start("alice", &["--mine=1"]);
    let id = send(&place, &alice.url, &format!("Two files: sha256:{EMPTY}, sha256:{ABC}"));
    send(&place, &alice.url, "another block above it");
    let proven = run(["prove", &id, "--node", &alice.url]);
    assert!(proven.status.success(), "{}", text(&proven.stderr));
    assert!(text(&proven.stderr).contains("protected by"), "{}", text(&proven.stderr));
    let json = run(["prove", &id, "--node", &alice.url, "--json"]);
    let unknown = run(["prove", &"0".repeat(64), "--node", &alice.url]);
    refused(&unknown, 1, "not known here");
    assert!(unknown.stdout.is_empty());
    alice.kill();

    let (file, thesis, draft) = (place.data("thesis.plexus"), place.data("thesis"), place.data("draft"));
    fs::write(&file, &proven.stdout).unwrap();
    fs::write(&thesis, "abc").unwrap();
    fs::write(&draft, "abd").unwrap();
    let verify = |file: &Path, more: &[&Path]| {
        run([Path::new("verify"), file].into_iter().chain(more.iter().copied()))
    };
    let words = verify(&file, &[Path::new("--file"), &thesis]);
    assert!(words.status.success(), "{}", text(&words.stderr));
    let words = text(&words.stdout);
    for part in ["VALID", ABC, "at the latest", "protected by", "test-12 (so it calls itself)", "2^-41", &id]
    {
        assert!(words.contains(part), "{part}: {words}");
    }
    // The other file that it seals is as good.
    fs::write(place.data("empty"), "").unwrap();
    let other = verify(&file, &[Path::new("--file"), &place.data("empty")]);
    assert!(other.status.success() && text(&other.stdout).contains(EMPTY), "{}", text(&other.stderr));
    let receipt = Receipt::decode(&proven.stdout).unwrap();
    let said = verdict(&verify(&file, &[Path::new("--json")]));
    assert_eq!(
        (&said["valid"], &said["built_in"], &said["file"]),
        (&true.into(), &false.into(), &Value::Null)
    );
    assert_eq!(said["network_id"], place.parameters.id().to_string());
    assert_eq!(
        (&said["message"]["id"], &said["number_of_block"]),
        (&id.into(), &receipt.header.height.into())
    );
    assert!(said["blocks"].as_u64() >= Some(2));
    // Through a pipe, in either form, and for the required network.
    let network = ["--network", place.network.to_str().unwrap(), "--json"];
    assert_eq!(verdict(&verify_piped(&proven.stdout, &["--json"])), said);
    let demanded = verdict(&verify_piped(&json.stdout, &network));
    assert_eq!(demanded["block"], said["block"]);
    let form: Form = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(Receipt::try_from(&form).unwrap().message, receipt.message);

    refused(&verify(&file, &[Path::new("--file"), &draft]), 1, "does not seal");
    refused(&verify_piped(&proven.stdout, &["--network", "dev"]), 1, "not of dev");
    refused(&verify(&place.data("nothing"), &[]), 2, "cannot read");
    refused(&verify(&file, &[Path::new("--file"), &place.data("nothing")]), 2, "cannot read");
    refused(&verify_piped(b"hello", &[]), 1, "not a proof file");
    refused(&verify_piped(b"{}", &[]), 1, "not a proof file");
    refused(&verify_piped(&proven.stdout[..proven.stdout.len() - 1], &[]), 1, "needed");
    refused(&verify_piped(&[&proven.stdout[..], b"\n"].concat(), &[]), 1, "too many");
    let step = proven.stdout.len() / 40;
    for at in (0..proven.stdout.len()).step_by(step) {
        let mut changed = proven.stdout.clone();
        changed[at] ^= 1;
        let output = verify_piped(&changed, &["--json"]);
        refused(&output, 1, "");
        let said: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(said["valid"], false, "byte {at}");
    }
}

#[test]
fn a_forged_proof_file_is_refused() {
    let output = verify_piped(&forged_proof_file(), &["--json"]);
    refused(&output, 1, "cannot lead from");
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(said["valid"], false);
}

#[test]
fn what_waits_for_a_block_has_no_proof_yet() {
    let place = Place::new(12);
    let alice = place.start("alice", &[]);
    let data = place.data("alice");
    let sent =
        run(["send", "--to", "", "hello", "--node", &alice.url, "--data", data.to_str().unwrap(), "--json"]);
    let sent: Value = serde_json::from_slice(&sent.stdout).unwrap();
    let id = sent["id"].as_str().unwrap();
    refused(&run(["prove", id, "--node", &alice.url]), 1, "waits for a block");
}

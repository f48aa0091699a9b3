//! Proof files: made with a node, verified after it is gone.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use plexus_core::proof::inclusion_proof::{Form, Receipt};
use plexus_tests::api::ApiClient;
use plexus_tests::process::{binary, run};
use plexus_tests::vectors::forged_proof_file;
use plexus_tests::wait::eventually;
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

/// Compares a proof file with its own node, with a node that has another chain, and with one of
/// another network.
fn compared_with_nodes(place: &Place, own: &str, file: &[u8]) {
    let said = verdict(&verify_piped(file, &["--node", own, "--json"]));
    assert_eq!((&said["valid"], &said["verdict"]), (&true.into(), &"VALID".into()));
    let height = said["number_of_block"].as_u64().unwrap();
    let rival = place.start("rival", &["--mine=1"]);
    let api = ApiClient::new(&rival.url);
    eventually("a chain as long as the proof's", 120, || api.height().filter(|found| *found >= height));
    let output = verify_piped(file, &["--node", &rival.url, "--json"]);
    refused(&output, 1, "NOT IN THE CHAIN: ");
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&said["valid"], &said["compared"]), (&false.into(), &true.into()));
    rival.kill();
    // A node without the block cannot be compared with.
    let idle = place.start("idle", &[]);
    refused(&verify_piped(file, &["--node", &idle.url]), 1, "cannot be compared");
    idle.kill();
    let other = Place::new(13);
    let other = other.start("other", &[]);
    refused(&verify_piped(file, &["--node", &other.url]), 1, "is on the network");
    other.kill();
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
    compared_with_nodes(&place, &alice.url, &proven.stdout);
    let node = alice.url.clone();
    alice.kill();
    refused(&verify_piped(&proven.stdout, &["--node", &node]), 1, "no node answers at");

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
    let parts = ["mined between", "its miner says", "protected by", "test-12 (so it calls itself)", "2^-41"];
    for part in parts.into_iter().chain(["CONSISTENT, NOT COMPARED\n", "The parts fit together.", ABC, &id]) {
        assert!(words.contains(part), "{part}: {words}");
    }
    // Work comes before numbers of blocks.
    assert!(words.find("hashes (2^") < words.find("blocks, its own"), "{words}");
    // The other file that it seals is as good.
    fs::write(place.data("empty"), "").unwrap();
    let other = verify(&file, &[Path::new("--file"), &place.data("empty")]);
    assert!(other.status.success() && text(&other.stdout).contains(EMPTY), "{}", text(&other.stderr));
    let receipt = Receipt::decode(&proven.stdout).unwrap();
    let said = verdict(&verify(&file, &[Path::new("--json")]));
    assert_eq!(
        (&said["valid"], &said["compared"], &said["built_in"], &said["file"]),
        (&false.into(), &false.into(), &false.into(), &Value::Null)
    );
    assert_eq!((&said["solitary"], said["reason"].is_string()), (&true.into(), true));
    assert!(said["parent_time_unix_ms"].as_u64() < said["time_unix_ms"].as_u64());
    assert!(said["time_unix_ms"].as_u64() <= said["clock_unix_ms"].as_u64().map(|clock| clock + 60_000));
    assert_eq!(said["network_id"], place.parameters.id().to_string());
    assert_eq!(
        (&said["message"]["id"], &said["number_of_block"]),
        (&id.into(), &receipt.header.height.into())
    );
    assert!(said["blocks"].as_u64() >= Some(2));
    // Through a pipe, in either form, and for the required network.
    let network = ["--network", place.network.to_str().unwrap(), "--json"];
    let mut piped = verdict(&verify_piped(&proven.stdout, &["--json"]));
    piped["clock_unix_ms"] = said["clock_unix_ms"].clone();
    assert_eq!(piped, said);
    let work = |least: &str| verify_piped(&proven.stdout, &["--json", "--work", least]);
    let enough = verdict(&work(said["total_work"].as_str().unwrap()));
    assert_eq!((&enough["valid"], &enough["compared"]), (&true.into(), &true.into()));
    let too_little = work("2^100");
    refused(&too_little, 1, "TOO WEAK: ");
    let too_little: Value = serde_json::from_slice(&too_little.stdout).unwrap();
    assert_eq!((&too_little["valid"], &too_little["verdict"]), (&false.into(), &"TOO WEAK".into()));
    refused(&work("much"), 2, "neither a number of hashes");
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
    refused(&output, 1, "path of the block: bits at height 600");
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

//! A node that deletes old bodies, as a process of its own.

use std::time::Duration;

use plexus_tests::api::ApiClient;
use plexus_tests::process;
use plexus_tests::wait::within;
use serde_json::Value;

use super::backup::command;
use super::{ANY, Place};

const PATIENCE: Duration = Duration::from_secs(120);
/// The least length of the chain.
const BLOCKS: u64 = 900;

fn code(api: &ApiClient, path: &str) -> (u16, String) {
    let (status, text) = api.text(path).unwrap();
    let json: Value = serde_json::from_str(&text).unwrap_or_default();
    (status, json["error"]["code"].as_str().unwrap_or_default().to_owned())
}

fn status(api: &ApiClient, key: &str) -> Option<u64> {
    api.ask("/status")?[key].as_u64()
}

#[test]
fn a_pruned_node_says_what_it_deleted_and_serves_the_rest() {
    let place = Place::new(10);
    place.mined("alice", BLOCKS);
    let alice = place.start("alice", &[]);
    let archive = ApiClient::new(&alice.url);
    let height = archive.height().unwrap();
    // The lowest block whose body a node keeps that keeps the newest 512.
    let first = height + 1 - 512;
    let tip = archive.hash_at(height).unwrap();
    let old = archive.hash_at(7).unwrap();
    let keeping = ["--keep-bodies", "512", "--connect", alice.address()];
    let paul = place.start_at("paul", ANY, &keeping);
    let api = ApiClient::new(&paul.url);
    within(PATIENCE, || (status(&api, "pruned") == Some(first)).then_some(())).expect("it prunes");
    assert_eq!(status(&archive, "pruned"), None);
    let gone = (410, "pruned".to_owned());
    for path in [
        "/api/v1/blocks/7".to_owned(),
        format!("/api/v1/blocks/{old}"),
        format!("/api/v1/blocks/{}", first - 1),
        "/api/v1/blocks?from=7".to_owned(),
        "/api/v1/export".to_owned(),
        "/get-blockchaindata?all".to_owned(),
    ] {
        assert_eq!(code(&api, &path), gone, "{path}");
    }
    assert!(api.hash_at(first).is_some() && api.hash_at(0).is_some());
    // The older system's answer begins with genesis, and goes on with the kept blocks.
    let (found, text) = api.text("/get-blockchaindata").unwrap();
    let chain: Value = serde_json::from_str(&text).unwrap();
    let blocks = chain["BlockChainData"].as_array().unwrap();
    assert_eq!((found, blocks[0]["number_of_block"].as_u64()), (200, Some(0)));
    assert_eq!(blocks[1]["number_of_block"].as_u64(), Some(first));
    assert_eq!(blocks.len(), 513);
    for line in
        [&["chain", "--node", &paul.url, "--export", "-"][..], &["chain", "--node", &paul.url, "--verify"]]
    {
        let run = process::run(line);
        let error = String::from_utf8_lossy(&run.stderr).into_owned();
        assert_eq!(run.status.code(), Some(1), "{line:?}: {error}");
        assert!(error.contains("deleted") && error.contains("archive"), "{line:?}: {error}");
    }
    let metric = |api: &ApiClient, name: &str| {
        let metrics = api.text("/metrics").unwrap().1;
        metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse::<f64>().ok())
    };
    assert_eq!(metric(&api, "plexus_lowest_body_height"), Some(first as f64));
    assert_eq!(metric(&archive, "plexus_lowest_body_height"), Some(1.0));
    assert_eq!(
        (metric(&api, "plexus_peers_archive"), metric(&archive, "plexus_peers_archive")),
        (Some(1.0), Some(0.0))
    );
    for (node, bodies, archives) in [(&paul, " all ", "1 archive"), (&alice, " pruned ", "0 archives")] {
        let shown = |command| super::text(&process::run([command, "--node", &node.url]).stdout);
        assert!(shown("peers").contains(bodies), "{}", shown("peers"));
        assert!(shown("status").contains(archives), "{}", shown("status"));
    }
    // A backup has every block. It is refused by the node, and by its folder when no node runs.
    let backup =
        |name| command(&place, name, &["backup", place.data("backup").to_str().unwrap()]).unwrap_err();
    let refused = backup("paul");
    assert!(refused.contains("deleted here") && refused.contains("archive"), "{refused}");
    let shown = process::run(["status", "--node", &paul.url]);
    assert!(String::from_utf8_lossy(&shown.stdout).contains(&format!("pruned: those from block {first} on")));
    assert!(!place.data("backup").exists());
    // Killed, and started without the option, it stays pruned, and says so.
    paul.kill();
    assert_eq!(backup("paul"), refused);
    let paul = place.start_at("paul", ANY, &[]);
    let api = ApiClient::new(&paul.url);
    assert_eq!(status(&api, "pruned"), Some(first));
    assert!(paul.log().contains("the store is pruned"), "{}", paul.log());
    assert_eq!(api.hash_at(height), Some(tip.clone()));
    // A newcomer that knows only this node says what it lacks, and an archive helps.
    let nina = place.start_at("nina", ANY, &["--connect", paul.address()]);
    let newcomer = ApiClient::new(&nina.url);
    within(PATIENCE, || (status(&newcomer, "lacking") == Some(1)).then_some(())).expect("it says so");
    let (ready, reasons) = newcomer.text("/health/ready").unwrap();
    assert!(ready == 503 && reasons.contains("no_archive"), "{reasons}");
    nina.kill();
    let nina = place.start_at("nina", ANY, &["--connect", paul.address(), "--connect", alice.address()]);
    let newcomer = ApiClient::new(&nina.url);
    within(PATIENCE, || (newcomer.hash_at(height) == Some(tip.clone())).then_some(())).expect("it syncs");
    assert_eq!(newcomer.hash_at(7), Some(old));
}

#[test]
fn a_wrong_number_of_bodies_is_wrong_use() {
    for wrong in ["", "few", "511", "10 GB", "1.5GB", "-3", "99999999999999999999"] {
        let run = process::run(["node", &format!("--keep-bodies={wrong}")]);
        let error = String::from_utf8_lossy(&run.stderr).into_owned();
        assert_eq!(run.status.code(), Some(2), "{wrong}: {error}");
        assert!(error.contains("--keep-bodies"), "{wrong}: {error}");
    }
}

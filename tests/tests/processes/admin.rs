//! The operator steers a running node by its admin socket.

use std::os::unix::fs::PermissionsExt;

use plexus_tests::api::ApiClient;
use plexus_tests::wait::eventually;
use serde_json::Value;

use super::Place;
use super::backup::command;

fn admin(place: &Place, name: &str, arguments: &[&str]) -> Value {
    let all: Vec<_> = ["admin"].iter().chain(arguments).copied().collect();
    command(place, name, &all).unwrap()
}

fn peers(place: &Place, name: &str) -> Vec<Value> {
    admin(place, name, &["peers"])["peers"].as_array().unwrap().clone()
}

#[test]
fn peers_are_added_dropped_and_banned() {
    let place = Place::new(12);
    let (alice, bob) = (place.start("alice", &[]), place.start("bob", &[]));
    assert!(peers(&place, "alice").is_empty());
    admin(&place, "alice", &["peers", "add", bob.address()]);
    let connected = || peers(&place, "alice").first().filter(|peer| peer["key"].is_string()).cloned();
    let peer = eventually("the peer is there", 30, connected);
    let (id, key) = (peer["id"].to_string(), peer["key"].as_str().unwrap());
    admin(&place, "alice", &["peers", "drop", &id]);
    eventually("the peer is gone", 30, || peers(&place, "alice").is_empty().then_some(()));
    let error = command(&place, "alice", &["admin", "peers", "drop", &id]).unwrap_err();
    assert!(error.contains("not known"), "{error}");
    admin(&place, "alice", &["peers", "ban", key, "--for", "1h"]);
    let listed = admin(&place, "alice", &["peers"]);
    assert_eq!(listed["bans"][0]["target"], key);
    admin(&place, "alice", &["peers", "add", bob.address()]);
    admin(&place, "alice", &["peers", "unban", key]);
    assert_eq!(admin(&place, "alice", &["peers"])["bans"], serde_json::json!([]));
    eventually("it is let in again", 60, connected);
    let error = command(&place, "alice", &["admin", "peers", "ban", "127.0.0.1"]).unwrap_err();
    assert!(error.contains("local address"), "{error}");
    drop(alice);
}

#[test]
fn mining_starts_and_stops_and_so_does_the_node() {
    let place = Place::new(14);
    let alice = place.start("alice", &[]);
    let api = ApiClient::new(&alice.url);
    assert_eq!(api.height(), Some(0));
    admin(&place, "alice", &["mining", "on", "2"]);
    eventually("blocks are mined", 60, || api.height().filter(|height| *height > 3));
    let status = admin(&place, "alice", &["status"]);
    assert_eq!((&status["mining_threads"], &status["disk_full"]), (&2.into(), &false.into()));
    admin(&place, "alice", &["mining", "on", "1"]);
    assert_eq!(admin(&place, "alice", &["status"])["mining_threads"], 1);
    let before = api.height().unwrap();
    eventually("one thread mines on", 60, || api.height().filter(|height| *height > before + 3));
    admin(&place, "alice", &["mining", "off"]);
    admin(&place, "alice", &["log", "warn,plexus_node=debug"]);
    assert_eq!(
        admin(&place, "alice", &["log"])["levels"].as_str().map(|text| text.contains("plexus_node=debug")),
        Some(true)
    );
    eventually("mining is off", 30, || (api.ask("/status")?["mining"] == false).then_some(()));
    let socket = place.data("alice").join("admin.sock");
    assert_eq!(std::fs::metadata(&socket).unwrap().permissions().mode() & 0o777, 0o600);
    admin(&place, "alice", &["stop"]);
    assert!(alice.ended().success());
    assert!(!socket.exists());
    let error = command(&place, "alice", &["admin", "status"]).unwrap_err();
    assert!(error.starts_with("plexus: no node runs there"), "{error}");
    // A node that is killed leaves its socket, which the next one replaces.
    place.start("alice", &[]).kill();
    assert!(socket.exists());
    let _alice = place.start("alice", &[]);
    admin(&place, "alice", &["status"]);
}

//! Nodes that are killed at random times, as by power cuts. Each time the store opens, and no
//! announced block is lost.
//!
//! `CRASHES` sets the number of times for each kind. `SEED` sets the times.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use plexus_tests::api::ApiClient;
use plexus_tests::observer::{Observer, OldClient};
use plexus_tests::test_rng::TestRng;
use plexus_tests::wait::within;

use super::{ANY, Place};

/// The longest time that a node lives before it is killed.
const LIFE_MS_MAX: u64 = 250;
/// The most time until a connection to a killed node has ended, and until a node has a chain.
const PATIENCE: Duration = Duration::from_secs(120);
/// The most announced blocks of a life that are looked up one by one. The chain is linear, so the
/// highest one proves the others.
const LOOKED_UP_MAX: usize = 8;

fn crashes() -> u64 {
    std::env::var("CRASHES").ok().map_or(100, |text| text.parse().expect("CRASHES is a number"))
}

fn rng() -> (u64, TestRng) {
    let seed = std::env::var("SEED").ok().map_or(1, |text| text.parse().expect("SEED is a number"));
    (seed, TestRng::new(seed))
}

#[test]
fn a_mining_node_killed_at_any_moment_loses_no_block_that_it_announced() {
    let place = Place::new(14);
    let (seed, mut rng) = rng();
    let (mut highest, mut announced, mut seen) = (0_u64, BTreeSet::<String>::new(), 0);
    for crash in 0..crashes() {
        let node = place.start_at("alice", ANY, &["--mine=1"]);
        let api = ApiClient::new(&node.url);
        for hash in std::mem::take(&mut announced) {
            let found = api.height_of(&hash);
            assert!(found.is_some(), "crash {crash}, SEED={seed}: {hash} was announced and is lost");
            highest = highest.max(found.unwrap_or_default());
        }
        let height = api.height().expect("a node that serves");
        assert!(height >= highest, "crash {crash}, SEED={seed}: height {height} after {highest}");
        highest = height;
        let life = Duration::from_millis(rng.below(LIFE_MS_MAX));
        let begun = Instant::now();
        // Alternate between a client of the older system and a peer.
        if rng.one_in(2) {
            let mut client = OldClient::connect(node.address(), "/").unwrap();
            client.ping();
            while begun.elapsed() < life {
                let left = life.saturating_sub(begun.elapsed()).max(Duration::from_millis(1));
                let Some(text) = client.next_text(left) else { break };
                let block: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
                announced.extend(block["hash"].as_str().map(str::to_owned));
            }
            node.kill();
            // Messages in flight to us were announced too. They end with the connection.
            while let Some(text) = client.next_text(PATIENCE) {
                let block: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
                announced.extend(block["hash"].as_str().map(str::to_owned));
            }
        } else {
            let mut peer = Observer::connect(node.address(), &place.parameters).unwrap();
            peer.listen(life, |_| false);
            node.kill();
            // The same holds for frames.
            peer.listen(PATIENCE, |_| false);
            announced.extend(peer.announced.iter().rev().take(LOOKED_UP_MAX).map(ToString::to_string));
        }
        seen += announced.len();
    }
    assert!(seen as u64 > crashes(), "too little was announced to be lost: {seen}");
    println!("{} crashes of a mining node: {seen} announced blocks looked up, height {highest}", crashes());
}

#[test]
fn a_syncing_node_killed_at_any_moment_goes_on_from_what_it_had() {
    let place = Place::new(10);
    let (seed, mut rng) = rng();
    place.mined("server", 3_000);
    let server = place.start("server", &[]);
    let height = ApiClient::new(&server.url).height().unwrap();
    let tip = ApiClient::new(&server.url).hash_at(height).unwrap();
    let (mut round, mut last) = (0, 0);
    for crash in 0..crashes() {
        let name = format!("client-{round}");
        let client = place.start_at(&name, ANY, &["--connect", server.address()]);
        let found = ApiClient::new(&client.url).height().expect("a node that serves");
        assert!(found >= last, "crash {crash}, SEED={seed}: height {found} after {last}");
        // The moment of the crash is random. Nothing is expected of the node until then.
        std::thread::sleep(Duration::from_millis(rng.below(LIFE_MS_MAX)));
        last = ApiClient::new(&client.url).height().expect("a node that serves");
        client.kill();
        if last == height {
            (round, last) = (round + 1, 0);
        }
    }
    let name = format!("client-{round}");
    let client = place.start(&name, &["--connect", server.address()]);
    let api = ApiClient::new(&client.url);
    within(PATIENCE, || (api.height() == Some(height)).then_some(()));
    let (status, peers) = (api.ask("/status").unwrap(), api.ask("/peers").unwrap());
    assert_eq!(api.height(), Some(height), "the last client does not catch up: {status} {peers}");
    assert_eq!(api.hash_at(height), Some(tip));
    println!("{} crashes of a syncing node of {height} blocks, {round} times from the beginning", crashes());
}

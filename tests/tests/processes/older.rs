//! The older system's clients, unchanged: `/` with a ping, and `/get-blockchaindata`.

use std::time::Duration;

use plexus_tests::api::ApiClient;
use plexus_tests::observer::OldClient;
use plexus_tests::wait::eventually;
use serde_json::Value;

use super::Place;

const WAIT: Duration = Duration::from_secs(30);

/// Returns the next text frame. The client parses each of them as a block.
fn next_block(client: &mut OldClient) -> Value {
    let block = client.next(WAIT).expect("blocks keep coming");
    assert!(block["hash"].is_string(), "{block}");
    block
}

#[test]
fn a_client_pings_and_gets_each_new_block_as_one_text_frame() {
    let place = Place::new(16);
    let alice = place.start("alice", &["--mine=1"]);
    let mut client = OldClient::connect(alice.address(), "/").unwrap();
    client.ping();
    let blocks: Vec<_> = (0..10).map(|_| next_block(&mut client)).collect();
    for pair in blocks.windows(2) {
        assert_eq!(pair[1]["prev_hash"], pair[0]["hash"], "no block is missed");
        assert_eq!(pair[1]["number_of_block"].as_u64(), pair[0]["number_of_block"].as_u64().map(|n| n + 1));
    }
    for field in [
        "hash",
        "prev_hash",
        "message",
        "nonce",
        "proof_of_work",
        "number_of_block",
        "signature",
        "timeStamp",
    ] {
        assert!(!blocks[0][field].is_null(), "{field} is missing");
    }
    let hash = blocks[9]["hash"].as_str().unwrap();
    assert_eq!(ApiClient::new(&alice.url).height_of(hash), blocks[9]["number_of_block"].as_u64());
}

#[test]
fn a_client_that_asks_for_the_chain_gets_it_in_one_text_frame() {
    let place = Place::new(12);
    place.mined("alice", 50);
    let alice = place.start("alice", &[]);
    let height = ApiClient::new(&alice.url).height().unwrap();
    let mut pinger = OldClient::connect(alice.address(), "/").unwrap();
    pinger.ping();
    let data = eventually("the pinger is a node", 30, || {
        let mut client = OldClient::connect(alice.address(), "/get-blockchaindata").unwrap();
        let data = client.next(WAIT).expect("one frame");
        let nodes = data["NetworkData"]["Nodes"].as_object().unwrap();
        nodes.values().any(|node| node["Status"] == "Online").then_some(data)
    });
    let chain = data["BlockChainData"].as_array().unwrap();
    assert_eq!(chain.len() as u64, height + 1);
    assert_eq!(chain[0]["number_of_block"], 0, "genesis first");
    let author = data["WalletAuthor"].as_str().unwrap();
    assert_eq!(author.len(), 66, "a public key: {author}");
    for node in data["NetworkData"]["Nodes"].as_object().unwrap().values() {
        for field in ["IP", "LastChanged", "Latency", "Status"] {
            assert!(!node[field].is_null(), "{field} is missing in {node}");
        }
    }
    drop(pinger);
    eventually("a node that left is kept as offline", 60, || {
        let mut client = OldClient::connect(alice.address(), "/get-blockchaindata").unwrap();
        let data = client.next(WAIT).expect("one frame");
        let nodes = data["NetworkData"]["Nodes"].as_object().unwrap();
        nodes.values().any(|node| node["Status"] == "Offline").then_some(())
    });
}

#[test]
fn many_clients_get_the_same_blocks() {
    let place = Place::new(17);
    let alice = place.start("alice", &["--mine=1"]);
    let mut clients: Vec<_> = (0..50).map(|_| OldClient::connect(alice.address(), "/").unwrap()).collect();
    clients.iter_mut().for_each(OldClient::ping);
    let first: Vec<_> = clients.iter_mut().map(next_block).collect();
    let latest = first.iter().filter_map(|block| block["number_of_block"].as_u64()).max().unwrap() + 2;
    let mut hashes = clients.iter_mut().map(|client| {
        loop {
            let block = next_block(client);
            if block["number_of_block"].as_u64() == Some(latest) {
                break block["hash"].clone();
            }
        }
    });
    let hash = hashes.next().unwrap();
    assert!(hashes.all(|other| other == hash));
}

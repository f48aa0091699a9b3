//! The older system's clients, emulated: plain WebSocket clients without a subprotocol that speak
//! in text.

use std::net::SocketAddr;

use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

use crate::bench::{Bench, PATIENCE};
use crate::client::get;

type Socket = WebSocketStream<TcpStream>;

async fn connect(bench: &Bench, path: &str) -> (Socket, SocketAddr) {
    let stream = TcpStream::connect(bench.node.address()).await.unwrap();
    let address = stream.local_addr().unwrap();
    let url = format!("ws://{}{path}", bench.node.address());
    let (socket, response) = tokio_tungstenite::client_async(url, stream).await.unwrap();
    assert!(response.headers().get("sec-websocket-protocol").is_none());
    (socket, address)
}

/// Returns the next text. The stack answers pings meanwhile.
async fn text(socket: &mut Socket) -> String {
    let read = async {
        loop {
            match socket.next().await.expect("the node closed the connection").unwrap() {
                Message::Text(text) => return text.to_string(),
                Message::Ping(_) => socket.flush().await.unwrap(),
                other => assert!(other.is_pong(), "{other:?}"),
            }
        }
    };
    tokio::time::timeout(PATIENCE, read).await.expect("no text in time")
}

async fn json(socket: &mut Socket) -> Value {
    serde_json::from_str(&text(socket).await).unwrap()
}

/// Waits until a client is listed. It receives every block from then on.
async fn listed(bench: &Bench) {
    bench.until(async || chain_data(bench).await["NetworkData"]["Nodes"]["127.0.0.1"].is_object()).await;
}

async fn chain_data(bench: &Bench) -> Value {
    let (mut socket, _) = connect(bench, "/get-blockchaindata").await;
    json(&mut socket).await
}

#[tokio::test]
async fn a_client_that_pings_gets_every_block_as_one_text() {
    let bench = Bench::start().await;
    let (mut socket, _) = connect(&bench, "/").await;
    socket.send(Message::text("ping")).await.unwrap();
    listed(&bench).await;
    bench.node.handle().submit(bench.message("hello")).await.unwrap();
    bench.node.handle().set_mining(true).await.unwrap();
    let mut prev_hash = Value::from(bench.network.id().to_string());
    let hello = format!("From {} to bob, hello", bench.author.public());
    let empty = format!("From {} to everyone, (no message)", bench.author.public());
    let (mut height, mut heard) = (0, false);
    // The node looks up a message on the chain before it mines it, so the message need not be in
    // the first block.
    while height < 5 || !heard {
        let block = json(&mut socket).await;
        height += 1;
        assert_eq!(block["number_of_block"], height);
        assert_eq!(block["prev_hash"], prev_hash);
        prev_hash = block["hash"].clone();
        for name in ["timeStamp", "nonce", "proof_of_work", "signature", "message"] {
            assert!(block[name].is_string(), "{name}");
        }
        assert!(block["message"] == hello || block["message"] == empty, "{block}");
        heard |= block["message"] == hello;
        assert!(height < 10_000, "the message is never mined");
    }
}

#[tokio::test]
async fn a_client_that_does_not_ping_is_not_listed_and_hears_nothing() {
    let bench = Bench::start().await;
    let (mut socket, _) = connect(&bench, "/").await;
    socket.send(Message::text("hello")).await.unwrap();
    bench.mine(2).await;
    assert_eq!(chain_data(&bench).await["NetworkData"]["Nodes"], serde_json::json!({}));
    // Once it pings, the first block that it hears of is one that is mined later.
    socket.send(Message::text("ping")).await.unwrap();
    listed(&bench).await;
    let height = bench.height().await;
    bench.mine(height + 1).await;
    assert_eq!(json(&mut socket).await["number_of_block"], height + 1);
}

#[tokio::test]
async fn a_client_receives_nothing_but_blocks() {
    let bench = Bench::start().await;
    let (mut socket, _) = connect(&bench, "/").await;
    for _ in 0..3 {
        socket.send(Message::text("ping")).await.unwrap();
    }
    // Until it reads, its pings are not answered, and it is listed all the same.
    let reading = tokio::spawn(async move {
        let first = json(&mut socket).await;
        (socket, first)
    });
    listed(&bench).await;
    bench.mine(3).await;
    let (mut socket, mut block) = reading.await.unwrap();
    for number in 1..=3 {
        assert_eq!(block["number_of_block"], number, "{block}");
        if number < 3 {
            block = json(&mut socket).await;
        }
    }
}

#[tokio::test]
async fn a_node_is_listed_with_its_round_trip_and_kept_when_it_leaves() {
    let bench = Bench::start().await;
    let (mut socket, _) = connect(&bench, "/").await;
    socket.send(Message::text("ping")).await.unwrap();
    // The stack answers pings only while the socket is read.
    let (stop, mut stopped) = tokio::sync::oneshot::channel::<()>();
    let reading = tokio::spawn(async move {
        loop {
            tokio::select! {
                message = socket.next() => {
                    let message = message.unwrap().unwrap();
                    assert!(message.is_ping(), "nothing is mined, so nothing is told: {message:?}");
                    socket.flush().await.unwrap();
                }
                _ = &mut stopped => return,
            }
        }
    });
    let nodes = async || chain_data(&bench).await["NetworkData"]["Nodes"].clone();
    let node = async || nodes().await["127.0.0.1"].clone();
    bench.until(async || node().await["Latency"].as_f64().is_some_and(|latency| latency > 0.0)).await;
    let online = node().await;
    assert_eq!((&online["IP"], &online["Status"]), (&"127.0.0.1".into(), &"Online".into()));
    assert!(online["Latency"].as_f64().unwrap() < 10.0);
    assert!(online["LastChanged"].as_str().unwrap().ends_with('Z'));
    assert_eq!(nodes().await.as_object().unwrap().len(), 1, "a key has no port");
    stop.send(()).unwrap();
    reading.await.unwrap();
    bench.until(async || node().await["Status"] == "Offline").await;
}

#[tokio::test]
async fn an_address_is_one_node_however_many_connections_it_has() {
    let bench = Bench::start().await;
    let (mut one, _) = connect(&bench, "/").await;
    one.send(Message::text("ping")).await.unwrap();
    listed(&bench).await;
    let (mut other, _) = connect(&bench, "/").await;
    other.send(Message::text("ping")).await.unwrap();
    // A listed client gets blocks.
    bench.mine(1).await;
    json(&mut other).await;
    drop(one);
    let nodes = chain_data(&bench).await["NetworkData"]["Nodes"].clone();
    assert_eq!((nodes.as_object().unwrap().len(), &nodes["127.0.0.1"]["Status"]), (1, &"Online".into()));
    drop(other);
    bench
        .until(async || chain_data(&bench).await["NetworkData"]["Nodes"]["127.0.0.1"]["Status"] == "Offline")
        .await;
}

#[tokio::test]
async fn chain_data_is_one_text_with_the_nodes_key_and_all_blocks() {
    let bench = Bench::start().await;
    bench.mine(4).await;
    let data = chain_data(&bench).await;
    assert_eq!(data["WalletAuthor"], bench.author.public().to_string());
    let blocks = data["BlockChainData"].as_array().unwrap();
    assert_eq!(blocks.len() as u64, bench.height().await + 1);
    assert_eq!(blocks[0]["hash"], bench.network.id().to_string());
    assert!(blocks.windows(2).all(|pair| pair[1]["prev_hash"] == pair[0]["hash"]));
    for path in ["/get-blockchaindata", "/get-blockchaindata?all", "/get-blockchaindata?all=1"] {
        assert_eq!(get(bench.url(path)).await.json()["BlockChainData"], data["BlockChainData"], "{path}");
    }
    let (mut socket, _) = connect(&bench, "/get-blockchaindata?all").await;
    assert_eq!(json(&mut socket).await["BlockChainData"], data["BlockChainData"]);
    // Each block has a message of the one form, with a valid key. The API's form of a block is
    // unchanged.
    for block in blocks {
        let message = block["message"].as_str().unwrap();
        let (key, rest) = message.strip_prefix("From ").unwrap().split_once(" to ").unwrap();
        assert!(key.len() == 66 && (key.starts_with("02") || key.starts_with("03")), "{message}");
        assert_eq!(rest, "everyone, (no message)");
        let shown = get(bench.url(&format!("/api/v1/blocks/{}", block["number_of_block"]))).await.json();
        assert_eq!((&shown["hash"], &shown["message"]), (&block["hash"], &"".into()));
    }
}

#[tokio::test]
async fn what_is_too_long_ends_the_connection() {
    let bench = Bench::start().await;
    let (mut socket, _) = connect(&bench, "/").await;
    // The node may be gone before all is written.
    let _ = socket.send(Message::text("x".repeat(1 << 20))).await;
    let ended = async { while let Some(Ok(_)) = socket.next().await {} };
    tokio::time::timeout(PATIENCE, ended).await.expect("still connected");
    assert_eq!(get(bench.url("/health")).await.status, 200);
}

//! The older system's clients, emulated: plain WebSocket clients without a subprotocol, that speak in text.

use std::net::SocketAddr;
use std::time::Duration;

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

/// The next text; pings are answered by the stack meanwhile.
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

async fn chain_data(bench: &Bench) -> Value {
    let (mut socket, _) = connect(bench, "/get-blockchaindata").await;
    json(&mut socket).await
}

#[tokio::test]
async fn a_client_that_pings_gets_every_block_as_one_text() {
    let bench = Bench::start().await;
    let (mut socket, _) = connect(&bench, "/").await;
    socket.send(Message::text("ping")).await.unwrap();
    assert_eq!(text(&mut socket).await, "pong");
    bench.node.handle().submit(bench.message("hello")).await.unwrap();
    bench.node.handle().set_mining(true).await.unwrap();
    let mut prev_hash = Value::from(bench.network.id().to_string());
    let hello = format!("From {} to bob, hello", bench.author.public());
    let (mut height, mut heard) = (0, false);
    // Whether the message is on the chain already is looked up before it is mined, so it need not be in the first block.
    while height < 5 || !heard {
        let block = json(&mut socket).await;
        height += 1;
        assert_eq!(block["number_of_block"], height);
        assert_eq!(block["prev_hash"], prev_hash);
        prev_hash = block["hash"].clone();
        for name in ["timeStamp", "nonce", "proof_of_work", "signature", "message"] {
            assert!(block[name].is_string(), "{name}");
        }
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
    let heard = tokio::time::timeout(Duration::from_millis(200), socket.next()).await;
    assert!(heard.is_err(), "{heard:?}");
    assert_eq!(chain_data(&bench).await["NetworkData"]["Nodes"], serde_json::json!({}));
}

#[tokio::test]
async fn a_node_is_listed_with_its_round_trip_and_kept_when_it_leaves() {
    let bench = Bench::start().await;
    let (mut socket, address) = connect(&bench, "/").await;
    socket.send(Message::text("ping")).await.unwrap();
    assert_eq!(text(&mut socket).await, "pong");
    // The stack answers pings only while somebody reads.
    let reading = tokio::spawn(async move {
        while let Ok(Some(Ok(_))) = tokio::time::timeout(Duration::from_millis(300), socket.next()).await {
            socket.flush().await.unwrap();
        }
        socket
    });
    let node = async || chain_data(&bench).await["NetworkData"]["Nodes"][address.to_string()].clone();
    bench.until(async || node().await["Latency"].as_f64().is_some_and(|latency| latency > 0.0)).await;
    let online = node().await;
    assert_eq!((&online["IP"], &online["Status"]), (&"127.0.0.1".into(), &"Online".into()));
    assert!(online["Latency"].as_f64().unwrap() < 10.0);
    assert!(online["LastChanged"].as_str().unwrap().ends_with('Z'));
    drop(reading.await.unwrap());
    bench.until(async || node().await["Status"] == "Offline").await;
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
    assert_eq!(get(bench.url("/get-blockchaindata")).await.json()["BlockChainData"], data["BlockChainData"]);
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

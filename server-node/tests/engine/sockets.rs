//! The endpoint for peers: the connections that it accepts, and the way it refuses others.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use plexus_core::primitives::block::BLOCK_BYTES_MAX;
use plexus_core::protocol::limits::FRAME_BYTES_MAX;
use plexus_core::protocol::misbehavior::Reason;
use plexus_core::protocol::packet::Packet;
use plexus_node::Running;
use plexus_node::config::NodeConfig;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::nodes::{config, start, within_patience};

const PATIENCE: Duration = Duration::from_secs(30);

async fn connect(
    address: SocketAddr,
    protocol: Option<&'static str>,
) -> Result<WebSocketStream<TcpStream>, Error> {
    let mut request = format!("ws://{address}/p2p").into_client_request().unwrap();
    if let Some(protocol) = protocol {
        request.headers_mut().insert("Sec-WebSocket-Protocol", protocol.parse().unwrap());
    }
    let stream = TcpStream::connect(address).await.unwrap();
    client_async(request, stream).await.map(|(socket, _)| socket)
}

fn status(refused: Result<WebSocketStream<TcpStream>, Error>) -> (u16, String) {
    match refused {
        Err(Error::Http(response)) => {
            let body = response.body().clone().unwrap_or_default();
            (response.status().as_u16(), String::from_utf8(body).unwrap())
        }
        other => panic!("{other:?}"),
    }
}

/// Returns the code with which the node closes, after any other messages.
async fn closed_with(socket: &mut WebSocketStream<TcpStream>) -> Option<u16> {
    timeout(PATIENCE, async {
        loop {
            match socket.next().await {
                Some(Ok(Message::Close(frame))) => return frame.map(|frame| frame.code.into()),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return None,
            }
        }
    })
    .await
    .unwrap()
}

async fn no_peers_are_left(node: &Running) {
    let peers_open = &node.handle().metrics().connections.peer_inbound;
    let none = within_patience(async || (peers_open.get() == 0).then_some(())).await;
    assert!(none.is_some(), "{} peers are left", peers_open.get());
}

#[tokio::test(flavor = "multi_thread")]
async fn greets_who_speaks_the_subprotocol() {
    let data = tempfile::tempdir().unwrap();
    let node = start(config(data.path(), 1)).await;
    // Of several subprotocols, the node picks the one that it knows.
    let mut socket = connect(node.address(), Some("plexus.9, plexus.2")).await.unwrap();
    let first = timeout(PATIENCE, socket.next()).await.unwrap().unwrap().unwrap();
    let Message::Binary(frame) = first else { panic!("{first:?}") };
    assert_eq!(Packet::decode(&frame, BLOCK_BYTES_MAX).unwrap().name(), "hello");
    assert_eq!(node.handle().metrics().inbound.get(), 1);
    drop(socket);
    no_peers_are_left(&node).await;
    node.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn turns_away_who_does_not_speak_the_subprotocol() {
    let data = tempfile::tempdir().unwrap();
    let node = start(config(data.path(), 1)).await;
    for protocol in [None, Some("plexus.99"), Some("plexus.1, plexus.3")] {
        let (status, reason) = status(connect(node.address(), protocol).await);
        assert_eq!(status, 400);
        assert!(reason.contains("plexus.2"), "{reason}");
    }
    let mut plain = TcpStream::connect(node.address()).await.unwrap();
    plain.write_all(b"GET /p2p HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    timeout(PATIENCE, plain.read_to_string(&mut answer)).await.unwrap().unwrap();
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    assert!(answer.contains("WebSocket"), "{answer}");
    node.stop().await.unwrap();
}

/// Returns the reason of the last farewell that the node sends before it closes.
async fn farewell(socket: &mut WebSocketStream<TcpStream>) -> Option<String> {
    let mut farewell = None;
    while let Some(Ok(frame)) = timeout(PATIENCE, socket.next()).await.unwrap() {
        if let Message::Binary(frame) = frame
            && let Packet::Farewell(reason) = Packet::decode(&frame, BLOCK_BYTES_MAX).unwrap()
        {
            farewell = Some(reason.as_str().to_owned());
        }
    }
    farewell
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_node_evicts_one_for_a_newcomer() {
    let data = tempfile::tempdir().unwrap();
    let node = start(NodeConfig { inbound_max: 1, ..config(data.path(), 1) }).await;
    let mut last = connect(node.address(), Some("plexus.2")).await.unwrap();
    // More often than there is headroom: sockets that are closed take none of it.
    for number in 1..=200 {
        let newcomer = connect(node.address(), Some("plexus.2")).await.unwrap();
        assert_eq!(farewell(&mut last).await, Some(Reason::Evicted.to_string()));
        assert_eq!(node.handle().metrics().evicted.get(), number);
        last = newcomer;
    }
    assert_eq!(node.handle().peers().await.unwrap().len(), 1);
    assert_eq!(node.handle().metrics().turned_away.get(), 0);
    drop(last);
    no_peers_are_left(&node).await;
    node.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn closes_on_text_and_on_frames_over_the_cap() {
    let data = tempfile::tempdir().unwrap();
    let node = start(config(data.path(), 1)).await;
    let mut socket = connect(node.address(), Some("plexus.2")).await.unwrap();
    socket.send(Message::text("ping")).await.unwrap();
    assert_eq!(closed_with(&mut socket).await, Some(1003));
    let mut socket = connect(node.address(), Some("plexus.2")).await.unwrap();
    // The node closes the connection in the middle of the frame.
    let _cut_off = socket.send(Message::binary(vec![0; FRAME_BYTES_MAX + 1])).await;
    assert!(matches!(closed_with(&mut socket).await, Some(1002) | None));
    no_peers_are_left(&node).await;
    node.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn says_farewell_to_one_who_offends_and_closes() {
    let data = tempfile::tempdir().unwrap();
    let node = start(config(data.path(), 1)).await;
    let mut socket = connect(node.address(), Some("plexus.2")).await.unwrap();
    socket.send(Message::binary(vec![250, 1, 2])).await.unwrap();
    assert_eq!(farewell(&mut socket).await.as_deref(), Some("unknown packet 250"));
    assert_eq!(node.handle().metrics().faults.get(), 1);
    no_peers_are_left(&node).await;
    node.stop().await.unwrap();
}

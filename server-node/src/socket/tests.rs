use std::sync::Arc;

use plexus_core::primitives::block::BLOCK_BYTES_MAX;
use plexus_core::primitives::hash::Hash;
use plexus_core::primitives::params::Network;
use tokio::io::DuplexStream;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::Role;

use super::*;
use crate::connect_log::ConnectLog;
use crate::driver::send_queue::SendQueue;
use crate::gate::{Gate, HEADROOM, LEAVING_MAX};

const PATIENCE: Duration = Duration::from_secs(30);

/// A served socket: its driver's side, and its peer's.
struct Served {
    events: mpsc::Receiver<DriverEvent>,
    queue: SendQueue,
    peer: ConnectionId,
    client: WebSocketStream<DuplexStream>,
    served: JoinHandle<()>,
    gate: Gate,
    network: Network,
    _data: tempfile::TempDir,
}

async fn serve() -> Served {
    let (network, data) = (Network::dev(), tempfile::tempdir().unwrap());
    let store = Store::open(data.path(), &network).unwrap();
    let (handle, mut events) = Handle::new(store, network.clone(), 1, ConnectLog::default());
    let (ours, theirs) = tokio::io::duplex(4_096);
    let server = WebSocketStream::from_raw_socket(ours, Role::Server, Some(limits())).await;
    let client = WebSocketStream::from_raw_socket(theirs, Role::Client, Some(limits())).await;
    let gate = handle.gate().clone();
    let stay = Stay::Open(gate.enter([127, 0, 0, 1].into()).unwrap());
    let served = tokio::spawn(async move { run(server, Direction::Inbound(None), stay, &handle).await });
    let Some(DriverEvent::Opened(peer, Direction::Inbound(None), queue)) = events.recv().await else {
        panic!("not opened")
    };
    Served { events, queue, peer, client, served, gate, network, _data: data }
}

impl Served {
    async fn closed(&mut self) {
        let event = timeout(PATIENCE, self.events.recv()).await.unwrap();
        assert!(
            matches!(event, Some(DriverEvent::Input(Input::Closed(peer))) if peer == self.peer),
            "{event:?}"
        );
    }

    async fn next(&mut self) -> Option<tungstenite::Message> {
        timeout(PATIENCE, self.client.next()).await.unwrap().and_then(Result::ok)
    }
}

#[tokio::test]
async fn cuts_off_a_peer_that_does_not_read_and_waits_for_nobody() {
    let mut served = serve().await;
    let frame = Bytes::from(vec![0; 256 << 10]);
    let pushed = (0..1_000).take_while(|_| served.queue.push(Outgoing::Frame(frame.clone())).is_ok()).count();
    assert!(pushed < 1_000);
    served.closed().await;
    timeout(PATIENCE, served.served).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_closed_peer_still_gets_what_was_sent_before() {
    let mut served = serve().await;
    let frames: Vec<_> = (0..100u8).map(|number| Bytes::from(vec![number; 5_000])).collect();
    for frame in &frames {
        served.queue.push(Outgoing::Frame(frame.clone())).unwrap();
    }
    drop(std::mem::replace(&mut served.queue, channel().0));
    for frame in frames {
        assert_eq!(served.next().await, Some(tungstenite::Message::Binary(frame)));
    }
    assert!(matches!(served.next().await, Some(tungstenite::Message::Close(_))));
    served.closed().await;
}

#[tokio::test(start_paused = true)]
async fn a_closed_peer_that_does_not_read_is_given_up() {
    let mut served = serve().await;
    served.queue.push(Outgoing::Frame(Bytes::from(vec![0; 100_000]))).unwrap();
    drop(std::mem::replace(&mut served.queue, channel().0));
    served.closed().await;
}

impl Served {
    /// Returns true if all places but the socket's own are free, and this one is taken: one less
    /// than there are.
    fn has_place(&self) -> bool {
        let places: Vec<_> = std::iter::from_fn(|| self.gate.enter([127, 0, 0, 1].into())).collect();
        places.len() == HEADROOM
    }
}

#[tokio::test(start_paused = true)]
async fn a_closed_peer_keeps_no_place_although_it_does_not_read() {
    let mut served = serve().await;
    assert!(served.has_place());
    served.queue.push(Outgoing::Frame(Bytes::from(vec![0; 100_000]))).unwrap();
    drop(std::mem::replace(&mut served.queue, channel().0));
    while served.has_place() {
        // Time stands still: it is not given up yet.
        tokio::task::yield_now().await;
    }
    assert!(!served.served.is_finished());
    served.closed().await;
}

#[tokio::test(start_paused = true)]
async fn when_many_linger_a_closed_peer_is_cut_off_at_once() {
    let mut served = serve().await;
    let _lingering: Vec<_> = (0..LEAVING_MAX).map(|_| served.gate.leave().unwrap()).collect();
    served.queue.push(Outgoing::Frame(Bytes::from(vec![0; 100_000]))).unwrap();
    drop(std::mem::replace(&mut served.queue, channel().0));
    let begun = tokio::time::Instant::now();
    served.closed().await;
    timeout(PATIENCE, served.served).await.unwrap().unwrap();
    assert!(begun.elapsed() < CLOSING_TIMEOUT);
}

#[tokio::test]
async fn the_gate_turns_away_who_finds_no_room() {
    let (network, data) = (Network::dev(), tempfile::tempdir().unwrap());
    let store = Store::open(data.path(), &network).unwrap();
    let (handle, mut events) = Handle::new(store, network, 1, ConnectLog::default());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let app = axum::Router::new().route("/p2p", route().with_state(handle.clone()));
    let service = crate::http::server::Service::main(app, crate::http::server::connections(1_000), &handle);
    tokio::spawn(crate::http::server::serve(listener.into(), None, service, handle.clone()));
    let connect = || async {
        let mut request =
            tungstenite::client::IntoClientRequest::into_client_request(format!("ws://{address}/p2p"))
                .unwrap();
        request.headers_mut().insert("Sec-WebSocket-Protocol", SUBPROTOCOLS[0].parse().unwrap());
        let stream = tokio::net::TcpStream::connect(address).await.unwrap();
        tokio_tungstenite::client_async(request, stream).await
    };
    // Nobody drives the node: none of these is decided on.
    let mut open = Vec::new();
    for _ in 0..=HEADROOM {
        let socket = connect().await.unwrap().0;
        let Some(DriverEvent::Opened(_, _, queue)) = events.recv().await else { panic!("not opened") };
        open.push((socket, queue));
    }
    let Err(tungstenite::Error::Http(refused)) = connect().await else { panic!("let in") };
    assert_eq!(refused.status().as_u16(), 503);
    assert_eq!(handle.metrics().turned_away.get(), 1);
    // The driver closes one: there is room at once, whether that one hangs up or not.
    let (_silent, queue) = open.pop().unwrap();
    drop(queue);
    let last = timeout(PATIENCE, async {
        loop {
            if let Ok((socket, _)) = connect().await {
                return socket;
            }
        }
    });
    drop(last.await.unwrap());
}

#[tokio::test]
async fn serves_bodies_in_the_order_asked_and_says_what_is_missing() {
    let mut served = serve().await;
    let (genesis, unknown) = (*served.network.id(), Hash::of(b"unknown"));
    let hashes = vec![unknown, genesis, unknown];
    served.queue.push(Outgoing::Serve(PeerRequest::Bodies(hashes))).unwrap();
    served.queue.push(Outgoing::Serve(PeerRequest::Headers(vec![unknown]))).unwrap();
    let missing = Packet::Missing(unknown);
    let body = Packet::Body(Box::new(served.network.genesis_block()));
    for expected in [missing.clone(), body, missing, Packet::Headers(BoundedVec::new(Vec::new()))] {
        let Some(tungstenite::Message::Binary(frame)) = served.next().await else { panic!("no frame") };
        assert_eq!(Packet::decode(&frame, BLOCK_BYTES_MAX), Ok(expected));
    }
}

/// Time stands still while any task can go on, so the sleep ends when all of them wait.
#[tokio::test(start_paused = true)]
async fn a_reader_waits_while_the_driver_is_behind() {
    let mut served = serve().await;
    let frame = || tungstenite::Message::binary(vec![7; 1 << 20]);
    let sent = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let count = sent.clone();
    let mut client = std::mem::replace(&mut served.client, {
        let (idle, _) = tokio::io::duplex(1);
        WebSocketStream::from_raw_socket(idle, Role::Client, None).await
    });
    let sender = tokio::spawn(async move {
        for _ in 0..64 {
            client.send(frame()).await.unwrap();
            count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        }
    });
    tokio::time::sleep(Duration::from_millis(500)).await;
    let room = crate::driver::event::FRAMES_BYTES_MAX >> 20;
    assert!(sent.load(std::sync::atomic::Ordering::Relaxed) <= room + 2);
    for _ in 0..64 {
        let event = timeout(PATIENCE, served.events.recv()).await.unwrap();
        assert!(matches!(event, Some(DriverEvent::Received(..))), "{event:?}");
    }
    timeout(PATIENCE, sender).await.unwrap().unwrap();
}

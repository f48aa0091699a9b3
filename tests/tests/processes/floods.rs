//! Floods: a peer that asks for the same again and again, or announces without end, slows down
//! nobody but itself.

use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use plexus_core::ledger::json::MessageView;
use plexus_core::node::ConnectionId;
use plexus_core::primitives::hash::Hash;
use plexus_core::primitives::message::{Draft, MessageId};
use plexus_core::primitives::params::Network;
use plexus_core::primitives::time::Timestamp;
use plexus_core::protocol::bounded::BoundedVec;
use plexus_core::protocol::compact_block::GetMessagesAt;
use plexus_core::protocol::limits::MESSAGE_IDS_MAX;
use plexus_core::protocol::packet::{MessageOffer, Packet, Role};
use plexus_tests::api::ApiClient;
use plexus_tests::block_builder::key;
use plexus_tests::observer::{Observer, peer_socket};
use plexus_tests::scripted_peer::ScriptedPeer;
use tungstenite::Message;

use super::Place;

/// The requests whose median counts.
const SAMPLES: usize = 80;
/// The time for which a flood lasts before the requests begin.
const LEAD: Duration = Duration::from_millis(700);
/// The messages that wait at the node.
const WAITING: usize = 900;
/// A median may be this much above twice the idle one: other programs run on the same machine.
const NOISE: Duration = Duration::from_millis(4);
const PEER: ConnectionId = ConnectionId(1);

/// Peers that send one frame as fast as the node reads it. One that is closed comes again.
struct Flood {
    stops: Arc<AtomicBool>,
    frames: Arc<AtomicU64>,
    threads: Vec<JoinHandle<()>>,
}

impl Flood {
    fn start(name: &str, peers: usize, address: &str, network: &Network, frame: &Bytes) -> Self {
        let (stops, frames) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let flooder = |number: usize| {
            let (stops, frames, network) = (stops.clone(), frames.clone(), network.clone());
            let (name, address, frame) = (format!("{name} {number}"), address.to_owned(), frame.clone());
            thread::spawn(move || {
                for life in 0_u32.. {
                    if stops.load(Ordering::Relaxed) {
                        return;
                    }
                    let sent = flood(&format!("{name} {life}"), &address, &network, &frame, &stops);
                    frames.fetch_add(sent, Ordering::Relaxed);
                }
            })
        };
        let threads = (0..peers).map(flooder).collect();
        thread::sleep(LEAD);
        Self { stops, frames, threads }
    }

    /// Ends the flood. Returns the number of frames that the node took.
    fn stop(self) -> u64 {
        self.stops.store(true, Ordering::Relaxed);
        for thread in self.threads {
            thread.join().unwrap();
        }
        self.frames.load(Ordering::Relaxed)
    }
}

/// Connects, and sends a frame until the node closes the connection or the flood stops. Returns the
/// number of frames sent.
fn flood(name: &str, address: &str, network: &Network, frame: &Bytes, stops: &AtomicBool) -> u64 {
    let Ok(stream) = TcpStream::connect(address) else { return 0 };
    stream.set_write_timeout(Some(Duration::from_millis(300))).unwrap();
    let Ok(mut socket) = peer_socket(stream, address) else { return 0 };
    let mut stranger = ScriptedPeer::new(name, network, Role::Full, Vec::new());
    let mut say = stranger.connected(PEER, *Hash::of(name.as_bytes()).as_bytes());
    while !stranger.established.contains(&PEER) || !say.is_empty() {
        for frame in say.drain(..) {
            if socket.send(Message::Binary(frame)).is_err() {
                return 0;
            }
        }
        match socket.read() {
            Ok(Message::Binary(frame)) => say = stranger.received(PEER, &frame),
            Ok(_) => {}
            Err(_) => return 0,
        }
    }
    let mut sent = 0;
    while !stops.load(Ordering::Relaxed) && socket.send(Message::Binary(frame.clone())).is_ok() {
        sent += 1;
    }
    sent
}

/// Returns the median time of the node's answer about its state.
fn median(api: &ApiClient) -> Duration {
    let mut times: Vec<_> = (0..SAMPLES)
        .map(|_| {
            let begun = Instant::now();
            api.ask("/status").expect("the node answers");
            begun.elapsed()
        })
        .collect();
    times.sort_unstable();
    times[SAMPLES / 2]
}

fn write(api: &ApiClient, network: &Network, number: usize) -> MessageId {
    let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let time = Timestamp::from_unix_ms(u64::try_from(unix.as_millis()).unwrap());
    let secret = key("anna");
    let text = format!("{number} {}", "x".repeat(900));
    let message = Draft::new(secret.public(), "", text, time).unwrap().sign_stamped(&secret, network);
    let view = MessageView::new(&message, network.id());
    let (code, answer) = api.submit(&serde_json::to_value(&view).unwrap());
    assert_eq!(code, 201, "{answer}");
    view.id
}

#[test]
fn a_flood_of_any_kind_leaves_the_api_as_fast_as_before() {
    let place = Place::new(8);
    let node = place.start("alice", &[]);
    let (api, network) = (ApiClient::new(&node.url), &place.parameters);
    let mut miner = Observer::connect(node.address(), network).unwrap();
    for number in 0..40 {
        write(&api, network, number);
    }
    miner.listen(Duration::from_secs(20), |miner| {
        miner.host.node.as_ref().is_some_and(|node| node.pool().count() == 40)
    });
    let tip = miner.mine();
    miner.listen(Duration::from_secs(20), |_| api.height() == Some(1));
    assert_eq!(api.height(), Some(1), "the node has the block");
    let ids: Vec<_> = (0..WAITING).map(|number| write(&api, network, number)).collect();
    drop(miner);

    let all: Vec<u16> = (0..40).collect();
    let offers =
        (0..MESSAGE_IDS_MAX).map(|number| MessageOffer { id: Hash::of(&number.to_be_bytes()), level: 9 });
    let idle = median(&api);
    for (name, peers, packet) in [
        ("get-parts", 1, Packet::GetParts(GetMessagesAt { hash: tip, places: BoundedVec::new(all) })),
        ("get-messages", 2, Packet::GetMessages(BoundedVec::new(ids))),
        ("have", 2, Packet::Have(BoundedVec::new(offers.collect()))),
    ] {
        let flood = Flood::start(name, peers, node.address(), network, &packet.encode());
        let flooded = median(&api);
        let frames = flood.stop();
        eprintln!("{name}: {frames} frames, median {flooded:?}, idle {idle:?}");
        assert!(frames > 0, "{name}: the node takes the flood");
        assert!(flooded <= 2 * idle + NOISE, "{name}: median {flooded:?}, idle {idle:?}");
    }
}

//! Caps and listening addresses, on real sockets.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpListener, TcpStream};
use std::time::Duration;

use plexus_core::protocol::packet::Role;
use plexus_tests::api::ApiClient;
use plexus_tests::observer::Observer;
use plexus_tests::process::Process;
use plexus_tests::wait::eventually;

use super::Place;

/// The most time for an answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// The time in which a peer listens before another one does.
const MOMENT: Duration = Duration::from_millis(50);

/// Connects a peer, and waits until the node has accepted or refused it.
fn peer(place: &Place, node: &Process, role: Role, name: &str) -> Observer {
    let mut peer = Observer::connect_in_role(role, name, node.address(), &place.parameters).unwrap();
    peer.listen(PATIENCE, Observer::is_established);
    peer
}

/// Returns the numbers of a node's full and light peers.
fn peers(node: &Process) -> (usize, usize) {
    let peers = ApiClient::new(&node.url).ask("/peers").unwrap();
    let of = |role: &str| peers.as_array().unwrap().iter().filter(|peer| peer["role"] == role).count();
    (of("full"), of("light"))
}

#[test]
fn browsers_take_no_more_places_than_they_may() {
    let place = Place::new(16);
    let node = place.start("alice", &["--browsers-max", "2"]);
    let mut browsers: Vec<_> =
        (0..2).map(|number| peer(&place, &node, Role::Light, &format!("browser {number}"))).collect();
    assert_eq!(peers(&node), (0, 2));
    browsers.push(peer(&place, &node, Role::Light, "browser 2"));
    eventually("one of them is closed", 20, || {
        browsers.iter_mut().for_each(|browser| browser.listen(MOMENT, |_| false));
        browsers.iter().any(|browser| !browser.open).then_some(())
    });
    assert_eq!(browsers.iter().filter(|browser| browser.open).count(), 2);
    assert_eq!(peers(&node), (0, 2));
    let _bob = peer(&place, &node, Role::Full, "bob");
    eventually("a full node is let in", 20, || (peers(&node) == (1, 2)).then_some(()));
}

#[test]
fn peers_take_no_more_places_than_there_are() {
    let place = Place::new(16);
    let node = place.start("alice", &["--inbound-max", "3"]);
    let all: Vec<_> = (0..6)
        .map(|number| {
            let peer = peer(&place, &node, Role::Full, &format!("peer {number}"));
            let (full, light) = peers(&node);
            assert!(full <= 3 && light == 0, "{full} peers after {}", number + 1);
            peer
        })
        .collect();
    drop(all);
}

/// Requests a page on a connection that stays open. Returns the response.
fn request(stream: &mut TcpStream, path: &str) -> String {
    write!(stream, "GET {path} HTTP/1.1\r\nHost: node\r\n\r\n").unwrap();
    answer(stream)
}

/// Reads a response whose length is given.
fn answer(stream: &mut TcpStream) -> String {
    let mut text = Vec::new();
    let mut byte = [0];
    let whole = |text: &[u8]| {
        let text = String::from_utf8_lossy(text).to_lowercase();
        let (head, body) = text.split_once("\r\n\r\n")?;
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "))?;
        (body.len() >= length.trim().parse().ok()?).then_some(())
    };
    while whole(&text).is_none() {
        stream.read_exact(&mut byte).unwrap();
        text.push(byte[0]);
    }
    String::from_utf8(text).unwrap()
}

fn open(address: &str) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

#[test]
fn further_connections_wait_until_another_one_ends() {
    let place = Place::new(16);
    let node = place.start("alice", &["--connections-max", "3"]);
    let mut served: Vec<_> = (0..3).map(|_| open(node.address())).collect();
    for stream in &mut served {
        assert!(request(stream, "/api/v1/status").contains("200 OK"));
    }
    let mut waiting = open(node.address());
    write!(waiting, "GET /api/v1/status HTTP/1.1\r\nHost: node\r\n\r\n").unwrap();
    for _ in 0..20 {
        // The node serves others while this one waits.
        assert!(request(&mut served[0], "/api/v1/status").contains("200 OK"));
    }
    waiting.set_nonblocking(true).unwrap();
    let early = waiting.read(&mut [0; 1]).map_err(|error| error.kind());
    assert_eq!(early, Err(std::io::ErrorKind::WouldBlock), "it is not served yet");
    waiting.set_nonblocking(false).unwrap();
    served.pop();
    assert!(answer(&mut waiting).contains("200 OK"), "it is served when there is room");
}

#[test]
fn a_port_alone_is_open_on_both_families() {
    let place = Place::new(16);
    let node = place.start_at("alice", "0", &[]);
    let port: u16 = node.address().rsplit(':').next().unwrap().parse().unwrap();
    assert!(node.url.starts_with("http://localhost:"), "{}", node.url);
    let mut loopbacks: Vec<IpAddr> = vec![Ipv4Addr::LOCALHOST.into()];
    if TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_ok() {
        loopbacks.push(Ipv6Addr::LOCALHOST.into());
    }
    for (number, ip) in loopbacks.into_iter().enumerate() {
        let address = std::net::SocketAddr::new(ip, port).to_string();
        assert!(ApiClient::new(&format!("http://{address}")).height().is_some(), "{address}");
        let mut peer = Observer::connect_as(&format!("peer {number}"), &address, &place.parameters).unwrap();
        peer.listen(PATIENCE, Observer::is_established);
        assert!(peer.is_established(), "{address}");
    }
}

#[test]
fn a_node_listens_on_several_addresses_and_not_on_too_many() {
    let place = Place::new(16);
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let node = place.start("alice", &["--listen", &free]);
    for url in [node.url.clone(), format!("http://{free}")] {
        assert!(ApiClient::new(&url).height().is_some(), "{url}");
    }
    let more: Vec<_> = ["--listen", "127.0.0.1:0"].repeat(8);
    let error = Process::start(&place.data("bob"), &place.network, "127.0.0.1:0", &more).unwrap_err();
    assert!(error.contains("at most 8 addresses"), "{error}");
}

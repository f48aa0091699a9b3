//! The checks of health of a node as a process: each reason not to be ready.

use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use plexus_core::node::ConnectionId;
use plexus_core::protocol::address::SUBPROTOCOLS;
use plexus_core::protocol::packet::Role;
use plexus_tests::api::ApiClient;
use plexus_tests::block_builder::BlockBuilder;
use plexus_tests::observer::{is_silence, peer_socket};
use plexus_tests::process::{Process, binary};
use plexus_tests::scripted_peer::ScriptedPeer;
use plexus_tests::wait::eventually;
use serde_json::Value;
use tungstenite::http::HeaderValue;
use tungstenite::{Message, WebSocket};

use super::{ANY, Place};

/// Returns the status of the check of readiness, with the codes and messages of the reasons.
fn readiness(node: &Process) -> (u16, Vec<(String, String)>) {
    let (status, text) = ApiClient::new(&node.url).text("/health/ready").unwrap();
    let answer: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(answer["ready"], Value::from(status == 200), "{text}");
    let reason = |reason: &Value| {
        let part = |name: &str| reason[name].as_str().unwrap().to_owned();
        (part("code"), part("message"))
    };
    (status, answer["reasons"].as_array().unwrap().iter().map(reason).collect())
}

/// Waits until a node is not ready for this reason. Returns the message.
fn not_ready(node: &Process, code: &str) -> String {
    eventually(code, 60, || {
        let (status, reasons) = readiness(node);
        let (_, message) = reasons.into_iter().find(|(found, _)| found == code)?;
        assert_eq!(status, 503);
        Some(message)
    })
}

fn becomes_ready(node: &Process) {
    eventually("the node is ready", 60, || (readiness(node).0 == 200).then_some(()));
}

#[test]
fn a_node_that_shall_connect_to_nobody_is_ready() {
    let place = Place::new(16);
    let alice = place.start("alice", &[]);
    assert_eq!(readiness(&alice), (200, Vec::new()));
    assert_eq!(ApiClient::new(&alice.url).text("/health").unwrap(), (200, r#"{"status":"ok"}"#.to_owned()));
}

#[test]
fn not_ready_without_the_peers_that_are_configured() {
    let place = Place::new(16);
    let alice = place.start("alice", &[]);
    let address = alice.address().to_owned();
    let bob = place.start("bob", &["--connect", &address]);
    becomes_ready(&bob);
    alice.kill();
    assert!(not_ready(&bob, "no_peers").contains("--connect"));
    assert_eq!(ApiClient::new(&bob.url).text("/health").unwrap().0, 200, "it is alive");
    let _alice = place.start_at("alice", &address, &[]);
    becomes_ready(&bob);
}

#[test]
fn not_ready_while_it_synchronizes() {
    let place = Place::new(4);
    let alice = place.start("alice", &[]);
    let network = &place.parameters;
    let mut builder = BlockBuilder::new(network, "mallory");
    let tip = *builder.extend(network.id(), 20).last().unwrap();
    let (network, branch) = (network.clone(), builder.branch(&tip));
    let socket = peer_socket(TcpStream::connect(alice.address()).unwrap(), alice.address()).unwrap();
    let spoken = std::thread::spawn(move || {
        let mut mallory = ScriptedPeer::new("mallory", &network, Role::Full, branch);
        // It claims a chain and answers no question about it.
        mallory.serves = false;
        speak(mallory, socket);
    });
    let message = not_ready(&alice, "syncing");
    assert!(message.contains("height 0 of "), "{message}");
    let metrics = ApiClient::new(&alice.url).text("/metrics").unwrap().1;
    assert!(metrics.contains("\nplexus_not_ready{reason=\"syncing\"} 1\n"), "{metrics}");
    drop(alice);
    spoken.join().unwrap();
}

/// Speaks for a scripted peer until the other end closes.
fn speak(mut peer: ScriptedPeer, mut socket: WebSocket<TcpStream>) {
    let id = ConnectionId(1);
    let mut frames = peer.connected(id, [7; 32]);
    loop {
        for frame in frames.drain(..) {
            if socket.send(Message::Binary(frame)).is_err() {
                return;
            }
        }
        match socket.read() {
            Ok(Message::Binary(frame)) => frames = peer.received(id, &frame),
            Ok(_) => {}
            Err(error) if is_silence(&error) => {}
            Err(_) => return,
        }
    }
}

#[test]
fn not_ready_while_the_disk_is_low() {
    let place = Place::new(16);
    let alice = place.start("alice", &["--disk-reserve", "100PiB"]);
    let message = not_ready(&alice, "disk_low");
    assert!(message.contains(" free bytes and needs 112589990684262400"), "{message}");
    assert_eq!(ApiClient::new(&alice.url).text("/health").unwrap().0, 200, "it is alive");
    assert!(alice.terminate().success());
    let alice = place.start("alice", &["--disk-reserve", "1"]);
    assert_eq!(readiness(&alice), (200, Vec::new()));
}

#[test]
fn not_ready_while_its_clock_is_off() {
    let place = Place::new(16);
    for (name, date, side) in [
        ("alice", "Thu, 01 Jan 2026 00:00:00 GMT", "ahead of"),
        ("bob", "Fri, 01 Jan 2100 00:00:00 GMT", "behind"),
    ] {
        let clock = TcpListener::bind(ANY).unwrap();
        let address = clock.local_addr().unwrap().to_string();
        let told = std::thread::spawn(move || {
            let (stream, _) = clock.accept().unwrap();
            #[expect(clippy::result_large_err, reason = "the callback's type is the library's")]
            let answer = |_: &_, mut answer: tungstenite::handshake::server::Response| {
                let headers = answer.headers_mut();
                headers.insert("Sec-WebSocket-Protocol", HeaderValue::from_static(SUBPROTOCOLS[0]));
                headers.insert("Date", HeaderValue::from_static(date));
                Ok(answer)
            };
            // The node waits for a handshake. It hears nothing, and closes.
            let mut socket = tungstenite::accept_hdr(stream, answer).unwrap();
            while socket.read().is_ok() {}
        });
        let node = place.start(name, &["--connect", &address]);
        let message = not_ready(&node, "clock_off");
        assert!(message.contains(&format!(" s {side} the clocks of other nodes")), "{message}");
        drop(node);
        told.join().unwrap();
    }
}

/// A library that makes the disk hang: it holds back every sync while a file exists.
const HANGING_DISK: &str = r#"
#include <stdlib.h>
#include <unistd.h>
#include <sys/syscall.h>

static void hang(void) {
    const char *file = getenv("HANGING_DISK");
    while (file && access(file, F_OK) == 0) usleep(10000);
}
int fdatasync(int file) { hang(); return syscall(SYS_fdatasync, file); }
int fsync(int file) { hang(); return syscall(SYS_fsync, file); }
"#;

fn compile(folder: &Path) -> std::path::PathBuf {
    let (source, library) = (folder.join("hanging.c"), folder.join("hanging.so"));
    std::fs::write(&source, HANGING_DISK).unwrap();
    let compiler = Command::new("cc").args(["-shared", "-fPIC", "-o"]).args([&library, &source]).status();
    assert!(compiler.unwrap().success(), "rustc links with this compiler, too");
    library
}

#[test]
#[cfg(target_os = "linux")]
fn neither_alive_nor_ready_while_the_driver_waits_for_a_hanging_disk() {
    let place = Place::new(12);
    let (library, hanging) = (compile(place.folder.path()), place.data("hanging"));
    let mut command = Command::new(binary());
    command.env("LD_PRELOAD", &library).env("HANGING_DISK", &hanging);
    let alice = Process::start_by(command, &place.data("alice"), &place.network, ANY, &["--mine=1"]).unwrap();
    let api = ApiClient::new(&alice.url);
    eventually("alice mines", 60, || api.height().filter(|height| *height > 0));
    assert_eq!(api.text("/health").unwrap().0, 200);
    std::fs::write(&hanging, "").unwrap();
    assert!(not_ready(&alice, "driver_silent").contains("driver"));
    let begun = Instant::now();
    let (status, text) = api.text("/health").unwrap();
    assert!(status == 503 && text.contains("\"driver_silent\""), "{status}: {text}");
    assert!(begun.elapsed() < Duration::from_secs(10), "the answer does not wait for the driver");
    let metrics = api.text("/metrics").unwrap().1;
    assert!(metrics.contains("\nplexus_driver_up 0.0\n") && !metrics.contains("plexus_height"), "{metrics}");
    std::fs::remove_file(&hanging).unwrap();
    eventually("alice is alive again", 60, || (api.text("/health").ok()?.0 == 200).then_some(()));
    assert!(alice.terminate().success());
}

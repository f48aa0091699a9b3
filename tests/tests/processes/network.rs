//! Nodes as processes: they synchronize, reconnect, and stop when asked.

use std::time::Duration;

use plexus_tests::api::ApiClient;
use plexus_tests::observer::Observer;
use plexus_tests::process::Process;
use plexus_tests::wait::eventually;

use super::{ANY, Place};

#[test]
fn two_nodes_synchronize_and_follow_each_other() {
    let place = Place::new(16);
    let alice = place.start("alice", &["--mine=1"]);
    let api = ApiClient::new(&alice.url);
    eventually("alice mines", 60, || api.height().filter(|height| *height >= 20));
    let bob = place.start("bob", &["--connect", alice.address()]);
    let other = ApiClient::new(&bob.url);
    let height = api.height().unwrap();
    eventually("bob has what alice had", 60, || other.height().filter(|found| *found >= height));
    assert_eq!(api.hash_at(height), other.hash_at(height));
    let later = api.height().unwrap() + 10;
    eventually("bob follows", 60, || other.height().filter(|found| *found >= later));
    for api in [&api, &other] {
        assert_eq!(api.ask("/peers").unwrap().as_array().map(Vec::len), Some(1));
    }
}

#[test]
fn a_node_reconnects_to_one_that_was_killed() {
    let place = Place::new(16);
    let alice = place.start("alice", &["--mine=1"]);
    let address = alice.address().to_owned();
    let bob = place.start("bob", &["--connect", &address]);
    let (here, there) = (ApiClient::new(&alice.url), ApiClient::new(&bob.url));
    eventually("bob follows", 60, || there.height().filter(|height| *height >= 5));
    alice.kill();
    let before = there.height().unwrap();
    let alice = place.start_at("alice", &address, &["--mine=1"]);
    assert!(here.height().unwrap() >= before, "alice kept what she told bob");
    eventually("bob is back", 90, || there.height().filter(|height| *height > before + 5));
    drop(alice);
}

#[test]
fn a_node_stops_when_asked_to_and_resumes_where_it_was() {
    let place = Place::new(16);
    let alice = place.start("alice", &["--mine=1"]);
    let api = ApiClient::new(&alice.url);
    let height = eventually("alice mines", 60, || api.height().filter(|height| *height >= 5));
    let hash = api.hash_at(height).unwrap();
    let status = alice.terminate();
    assert!(status.success(), "{status}");
    let log = std::fs::read_to_string(place.data("alice").with_extension("log")).unwrap();
    let last = log.lines().last().unwrap();
    assert!(last.contains("stopping") && last.contains("SIGTERM"), "{log}");
    let alice = place.start("alice", &[]);
    let api = ApiClient::new(&alice.url);
    assert!(api.height().unwrap() >= height);
    assert_eq!(api.hash_at(height), Some(hash));
}

#[test]
fn a_second_node_on_the_same_data_is_refused() {
    let place = Place::new(16);
    let alice = place.start("alice", &[]);
    let error =
        Process::start(&place.data("alice"), &place.network, ANY, &[]).expect_err("the folder is in use");
    assert!(error.contains("another node is using"), "says why: {error}");
    assert_eq!(ApiClient::new(&alice.url).height(), Some(0), "the first goes on");
}

#[test]
fn data_of_another_network_is_refused() {
    let place = Place::new(16);
    place.mined("alice", 2);
    let other = plexus_tests::process::network(place.folder.path(), 12);
    let error = Process::start(&place.data("alice"), &other, ANY, &[]).expect_err("another network's data");
    assert!(error.contains("network"), "says why: {error}");
}

#[test]
fn a_peer_that_is_a_node_of_its_own_verifies_all_that_a_node_serves() {
    let place = Place::new(12);
    place.mined("alice", 300);
    let alice = place.start("alice", &[]);
    let height = ApiClient::new(&alice.url).height().unwrap();
    let mut observer = Observer::connect(alice.address(), &place.parameters).unwrap();
    observer.listen(Duration::from_secs(60), |observer| observer.height() == height);
    assert!(observer.is_established());
    assert_eq!(observer.height(), height);
    observer.host.audit(&place.parameters);
    assert!(observer.host.faults().is_empty());
}

#[test]
fn health_and_metrics_answer() {
    let place = Place::new(16);
    let alice = place.start("alice", &[]);
    let api = ApiClient::new(&alice.url);
    assert_eq!(api.text("/health").unwrap().0, 200);
    let (code, metrics) = api.text("/metrics").unwrap();
    assert_eq!(code, 200);
    assert!(metrics.contains("# TYPE plexus_"), "{metrics}");
    let (code, page) = api.text("/").unwrap();
    assert_eq!(code, 200);
    assert!(page.contains("<!doctype html>") || page.contains("<!DOCTYPE html>"), "the page is at /");
    let (code, document) = api.text("/api/v1/openapi.json").unwrap();
    assert_eq!(code, 200);
    let document: serde_json::Value = serde_json::from_str(&document).unwrap();
    let described = |path: &&str| {
        document["paths"].get(path).is_some() || document["paths"].get(format!("/api/v1{path}")).is_some()
    };
    for path in ["/status", "/blocks", "/messages", "/peers", "/events"] {
        assert!(described(&path), "{path} is not described");
    }
    let (code, error) = api.text("/api/v1/blocks/999999").unwrap();
    assert_eq!(code, 404);
    assert!(error.contains("\"code\"") && error.contains("\"message\""), "{error}");
}

/// A program in Python that takes IPv6 away from itself, as a kernel without it does, and becomes
/// the program that its arguments name. The filter lets all calls pass but `socket(AF_INET6, …)`,
/// which fails with EAFNOSUPPORT.
#[cfg(target_os = "linux")]
const WITHOUT_IPV6: &str = "
import ctypes, os, platform, struct, sys
number = {'x86_64': 41, 'aarch64': 198}[platform.machine()]
steps = [(0x20, 0, 0, 0), (0x15, 0, 3, number), (0x20, 0, 0, 16), (0x15, 0, 1, 10), (0x06, 0, 0, 0x00050061), (0x06, 0, 0, 0x7fff0000)]
code = b''.join(struct.pack('HBBI', *step) for step in steps)
held = ctypes.create_string_buffer(code)
program = struct.pack('HxxxxxxP', len(steps), ctypes.addressof(held))
prctl = ctypes.CDLL(None, use_errno=True).prctl
if prctl(38, 1, 0, 0, 0) or prctl(22, 2, ctypes.c_char_p(program), 0, 0):
    sys.exit(os.strerror(ctypes.get_errno()))
os.execv(sys.argv[1], sys.argv[1:])
";

#[test]
#[cfg(target_os = "linux")]
#[cfg_attr(no_python, ignore = "needs Python")]
fn a_node_on_a_machine_without_ipv6_listens_on_ipv4() {
    use std::process::Command;

    use plexus_tests::process::binary;

    let place = Place::new(16);
    // A port that was free a moment ago. Nothing but the port is named, as in the default.
    let port = std::net::TcpListener::bind("0.0.0.0:0").unwrap().local_addr().unwrap().port().to_string();
    let start = |command: Command, listen: &str| {
        Process::start_by(command, &place.data("alice"), &place.network, listen, &["--log", "debug"])
    };
    let without = || {
        let python = std::env::var_os("PLEXUS_PYTHON").unwrap_or_else(|| "python3".into());
        let mut command = Command::new(python);
        command.args(["-c", WITHOUT_IPV6]).arg(binary());
        command
    };
    let alice = start(without(), &port).unwrap();
    assert!(alice.url.ends_with(&format!("localhost:{port}")), "{}", alice.url);
    assert!(alice.whole_log().contains("0.0.0.0"), "{}", alice.whole_log());
    let api = ApiClient::new(&format!("http://127.0.0.1:{port}"));
    assert_eq!(api.height(), Some(0));
    assert!(alice.terminate().success());
    // IPv6 alone is refused by its name.
    let error = start(without(), &format!("[::]:{port}")).unwrap_err();
    assert!(error.contains(&format!("cannot listen on [::]:{port}")), "{error}");
}

//! The service manager's protocol: readiness, status, watchdog, stopping, and sockets it hands over.

use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use plexus_tests::api::ApiClient;
use plexus_tests::process::{Process, binary};
use plexus_tests::wait::eventually;

use super::{ANY, Place};

/// The most time until the next notification.
const PATIENCE: Duration = Duration::from_secs(60);

/// A service manager's end of the socket.
struct Manager {
    socket: UnixDatagram,
    path: PathBuf,
}

impl Manager {
    fn new(place: &Place) -> Self {
        let path = place.folder.path().join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { socket, path }
    }

    fn next(&self) -> String {
        let mut bytes = [0; 4_096];
        let length = self.socket.recv(&mut bytes).expect("a notification in time");
        String::from_utf8(bytes[..length].to_vec()).unwrap()
    }

    /// Waits for a notification with this line. Returns it.
    fn until(&self, line: &str) -> String {
        loop {
            let found = self.next();
            if found.lines().any(|one| one == line) {
                return found;
            }
        }
    }

    fn start(&self, place: &Place, variables: &[(&str, &str)]) -> Process {
        let mut command = Command::new(binary());
        command.env("NOTIFY_SOCKET", &self.path).envs(variables.iter().copied());
        Process::start_by(command, &place.data("alice"), &place.network, ANY, &["--mine=1"]).unwrap()
    }
}

#[test]
fn says_when_it_serves_how_it_is_and_when_it_stops() {
    let place = Place::new(12);
    let manager = Manager::new(&place);
    let node = manager.start(&place, &[("WATCHDOG_USEC", "400000")]);
    let ready = manager.next();
    assert!(ready.starts_with("READY=1\nSTATUS=height 0, 0 peers"), "{ready}");
    assert!(ApiClient::new(&node.url).height().is_some(), "it serves");
    let mut height = 0;
    while height < 3 {
        let beat = manager.until("WATCHDOG=1");
        let status = beat.lines().find_map(|line| line.strip_prefix("STATUS=height ")).unwrap_or_default();
        let found: u64 = status.split(',').next().and_then(|text| text.parse().ok()).unwrap_or(height);
        assert!(found >= height, "{beat}");
        height = found;
    }
    let stopping = std::thread::scope(|scope| {
        let stopped = scope.spawn(|| node.terminate());
        let said = manager.until("STOPPING=1");
        assert!(stopped.join().unwrap().success());
        said
    });
    assert!(stopping.starts_with("STOPPING=1\n"), "{stopping}");
}

#[test]
fn a_process_that_hangs_feeds_no_watchdog() {
    let place = Place::new(16);
    let manager = Manager::new(&place);
    let node = manager.start(&place, &[("WATCHDOG_USEC", "400000")]);
    manager.until("WATCHDOG=1");
    node.signal("STOP");
    // What was sent before is read. Then nothing more comes for several intervals.
    manager.socket.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
    while manager.socket.recv(&mut [0; 4_096]).is_ok() {}
    node.signal("CONT");
    manager.socket.set_read_timeout(Some(PATIENCE)).unwrap();
    manager.until("WATCHDOG=1");
}

#[test]
fn a_hangup_is_a_reload_that_ends() {
    let place = Place::new(16);
    let manager = Manager::new(&place);
    let node = manager.start(&place, &[]);
    assert!(manager.next().contains("READY=1"));
    node.signal("HUP");
    let reloading = manager.until("RELOADING=1");
    let since = reloading.lines().find_map(|line| line.strip_prefix("MONOTONIC_USEC=")).unwrap();
    assert!(since.parse::<u64>().unwrap() > 0, "{reloading}");
    manager.until("READY=1");
    assert!(ApiClient::new(&node.url).height().is_some(), "it serves on");
}

#[test]
fn without_a_watchdog_it_sends_none() {
    let place = Place::new(16);
    let manager = Manager::new(&place);
    let node = manager.start(&place, &[]);
    assert!(manager.next().contains("READY=1"));
    let report = manager.next();
    assert!(report.starts_with("STATUS=height ") && !report.contains("WATCHDOG"), "{report}");
    drop(node);
}

/// Runs a node behind `systemd-socket-activate`, which hands its sockets over at the first client.
#[test]
#[cfg_attr(no_socket_activate, ignore = "needs systemd-socket-activate")]
fn serves_on_the_sockets_that_it_is_handed() {
    let place = Place::new(16);
    let free = || std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let (first, second) = (free(), free());
    let mut activator = Command::new("systemd-socket-activate")
        .args(["--listen", &first, "--listen", &second])
        .arg(binary())
        .args(["node", "--listen", "192.0.2.1:1", "--data"])
        .arg(place.data("alice"))
        .arg("--network")
        .arg(&place.network)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    for address in [&first, &second] {
        let api = ApiClient::new(&format!("http://{address}"));
        eventually("it serves on the socket", 60, || api.height());
    }
    // The activator has become the node.
    activator.kill().unwrap();
    activator.wait().unwrap();
}

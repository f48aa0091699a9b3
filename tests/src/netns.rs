//! A network of namespaces: places with a kernel network stack each, at any distances.
//!
//! Each place has one interface, a TUN device, and all of them lead to this process. It delivers
//! every packet to the interface of its destination, after the delay between the two. So each pair
//! has a delay of its own, to the tenth of a millisecond, even on kernels without netem. No packet
//! is ever sent outside, because no interface leads there.
//!
//! It lives in an enclosure ([`enclosed`](crate::enclosure::enclosed)), which ends all its processes
//! and removes all its devices.
//!
//! Bounds: [`PLACES_MAX`] places, and [`PACKETS_MAX`] packets in flight. When full, packets are
//! lost, as routers lose them.

use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{Read, Write};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use crate::tun;

/// The most places, including the home.
pub const PLACES_MAX: usize = 200;
/// The most packets in flight.
pub const PACKETS_MAX: usize = 65_536;
/// The longest packet. The device's own limit is 1,500 bytes.
const PACKET_BYTES_MAX: usize = 2_048;
/// The bytes of an IPv4 header without options.
const HEADER_BYTES: usize = 20;

/// A packet in flight. The earliest is the greatest.
#[derive(Debug, PartialEq, Eq)]
struct Flight {
    due: Instant,
    /// Breaks ties: of packets that are due at the same time, the first one sent arrives first.
    number: u64,
    place: usize,
    packet: Vec<u8>,
}

impl Ord for Flight {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (other.due, other.number).cmp(&(self.due, self.number))
    }
}

impl PartialOrd for Flight {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// The packets in flight, and the number of all packets that were ever sent.
#[derive(Debug, Default)]
struct Sky {
    flights: Mutex<(BinaryHeap<Flight>, u64)>,
    changed: Condvar,
}

impl Sky {
    fn launch(&self, place: usize, packet: Vec<u8>, delay: Duration) {
        let mut flights = self.flights.lock().unwrap();
        if flights.0.len() == PACKETS_MAX {
            return;
        }
        flights.1 += 1;
        let number = flights.1;
        flights.0.push(Flight { due: Instant::now() + delay, number, place, packet });
        self.changed.notify_one();
    }

    /// Waits for the next packet until it is due. Returns it.
    fn land(&self) -> Flight {
        let mut flights = self.flights.lock().unwrap();
        loop {
            let wait = flights.0.peek().map(|first| first.due.saturating_duration_since(Instant::now()));
            flights = match wait {
                None => self.changed.wait(flights).unwrap(),
                Some(Duration::ZERO) => return flights.0.pop().expect("it was looked at"),
                Some(wait) => self.changed.wait_timeout(flights, wait).unwrap().0,
            };
        }
    }
}

/// Places, and the delays between them. They exist until the enclosure's first process ends.
#[derive(Debug)]
pub struct Net {
    namespaces: Vec<PathBuf>,
}

impl Net {
    /// Creates a namespace for each address except the last, which is the caller's own. `delay`
    /// returns the time of a packet from one place to another.
    ///
    /// # Panics
    /// Panics outside an enclosure, where it would change the machine's own network, and if a step
    /// fails.
    pub fn new(
        addresses: &[Ipv4Addr],
        delay: impl Fn(usize, usize) -> Duration + Send + Sync + 'static,
    ) -> Self {
        assert!(addresses.len() <= PLACES_MAX, "over {PLACES_MAX} places");
        assert_eq!(std::process::id(), 1, "places are made in an enclosure only");
        // This mount is only visible in the enclosure.
        run("mount -t tmpfs none /run");
        run("mkdir /run/netns /run/files");
        let home = addresses.len() - 1;
        let (sky, delay) = (Arc::new(Sky::default()), Arc::new(delay));
        let places: Arc<[Ipv4Addr]> = addresses.into();
        let mut files = Vec::new();
        for (place, address) in addresses.iter().enumerate() {
            let device = format!("tun{place}");
            let file = tun::open(&device).unwrap_or_else(|error| panic!("{device}: {error}"));
            let within = if place == home {
                String::new()
            } else {
                run(&format!("ip netns add place{place}"));
                run(&format!("ip link set {device} netns place{place}"));
                format!("-n place{place} ")
            };
            for step in ["link set lo up", &format!("addr add {address}/32 dev {device}")] {
                run(&format!("ip {within}{step}"));
            }
            run(&format!("ip {within}link set {device} up"));
            run(&format!("ip {within}route add default dev {device}"));
            let (sky, delay, places) = (Arc::clone(&sky), Arc::clone(&delay), Arc::clone(&places));
            let source = file.try_clone().unwrap();
            std::thread::spawn(move || take_off(source, &sky, &places, |to| delay(place, to)));
            files.push(file);
        }
        std::thread::spawn(move || {
            loop {
                let Flight { place, packet, .. } = sky.land();
                // A device that accepts no more packets loses this one.
                let _ = files[place].write(&packet);
            }
        });
        Self { namespaces: (0..home).map(|place| format!("/run/netns/place{place}").into()).collect() }
    }

    /// Returns a folder that disappears with the enclosure.
    pub fn folder(&self) -> &Path {
        Path::new("/run/files")
    }

    /// Returns the namespace of a place.
    pub fn namespace(&self, place: usize) -> &Path {
        &self.namespaces[place]
    }
}

/// Reads packets from a place, and launches them to their destinations.
fn take_off(mut source: File, sky: &Sky, places: &[Ipv4Addr], delay: impl Fn(usize) -> Duration) {
    let mut buffer = [0; PACKET_BYTES_MAX];
    while let Ok(length) = source.read(&mut buffer) {
        let packet = &buffer[..length];
        // Devices send IPv6 packets on their own, which have no destination here.
        if length < HEADER_BYTES || packet[0] >> 4 != 4 {
            continue;
        }
        let to = Ipv4Addr::new(packet[16], packet[17], packet[18], packet[19]);
        if let Some(to) = places.iter().position(|place| *place == to) {
            sky.launch(to, packet.to_vec(), delay(to));
        }
    }
}

/// Runs a shell script with constant contents.
pub fn run_script(script: &str) {
    let output = Command::new("sh").args(["-c", script]).stdin(Stdio::null()).output();
    let output = output.unwrap_or_else(|error| panic!("{script}: {error}"));
    assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Runs a command with constant arguments.
fn run(command: &str) {
    let mut words = command.split(' ');
    let output = Command::new(words.next().unwrap()).args(words).stdin(Stdio::null()).output();
    let output = output.unwrap_or_else(|error| panic!("{command}: {error}"));
    assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_land_in_the_order_in_which_they_are_due() {
        let sky = Sky::default();
        for (place, delay_ms) in [(1, 20), (2, 5), (3, 5)] {
            sky.launch(place, Vec::new(), Duration::from_millis(delay_ms));
        }
        let begun = Instant::now();
        assert_eq!([(); 3].map(|()| sky.land().place), [2, 3, 1]);
        assert!(begun.elapsed() >= Duration::from_millis(15), "nobody lands early");
    }
}

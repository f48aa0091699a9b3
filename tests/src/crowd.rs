//! A crowd of peers at a real node: as many inbound peers as it keeps, from few networks, while
//! others connect and disconnect.
//!
//! The node, its neighbour and the crowd are in one network namespace. Its loopback has all
//! addresses of three /8 networks, so each socket comes from the address that it names. Every peer
//! of the crowd proves a key of its own and answers pings.
//!
//! It runs in an enclosure ([`enclosed`](crate::enclosure::enclosed)), so nothing leaves it and nothing outlasts it.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use plexus_core::node::ConnectionId;
use plexus_core::peers::eviction::INBOUND_GROUP_MAX;
use plexus_core::primitives::block::BLOCK_BYTES_MAX;
use plexus_core::primitives::params::Network;
use plexus_core::protocol::packet::{Packet, Role};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use socket2::{Domain, Socket, Type};
use tungstenite::{Message, WebSocket};

use crate::api::ApiClient;
use crate::enclosure::ADDRESSES;
use crate::netns;
use crate::observer::{is_silence, peer_socket};
use crate::process::{self, Process};
use crate::scripted_peer::ScriptedPeer;
use crate::wait::within_by;

/// The address that the node listens on.
const NODE: &str = "40.1.0.1:8333";
/// The address of the neighbour, which the node is told to stay connected to.
const NEIGHBOUR: &str = "40.2.0.1:8333";
/// The newcomers after the first, each from a network of its own.
const NEWCOMERS: usize = 100;
/// The further peers from a network that already has as many as it may have.
const SURPLUS: usize = 16;
/// The most time for a step.
const PATIENCE: Duration = Duration::from_secs(60);
/// The pause between two looks after the crowd while it waits.
const LOOK: Duration = Duration::from_millis(2);
/// The number of new peers between two looks after the crowd.
const ROUND: usize = 32;

/// The findings of a run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CrowdFindings {
    /// The inbound peers that the node keeps.
    pub inbound_max: usize,
    /// The time until the handshakes of all of the crowd were completed, in seconds.
    pub filled_s: f64,
    /// The crowd's peers, as the node showed them then.
    pub inbound_full: usize,
    /// The reasons for disconnecting peers whose network already had all its places, and the number
    /// of peers for each.
    pub surplus: BTreeMap<String, usize>,
    /// The time in seconds from the neighbour's end until the node, which was full, was connected
    /// to it again.
    pub redialled_s: f64,
    /// Whether the first newcomer, from a network of its own, completed the handshake.
    pub newcomer_established: bool,
    /// The reasons for disconnecting peers of the crowd then, and the number of peers for each.
    pub evicted_for_newcomer: BTreeMap<String, usize>,
    /// The number of later newcomers that completed the handshake.
    pub established: usize,
    /// The number of newcomers after the first.
    pub newcomers: usize,
    /// Whether the first newcomer, which is older than the others, was still connected at the end.
    pub newcomer_stayed: bool,
    /// The numbers of the node's outbound connections when it was full, and after all newcomers had
    /// come.
    pub outbound: [Vec<u64>; 2],
    /// The inbound peers after all that.
    pub inbound_after: usize,
    /// The peers with a completed handshake in the node's status, after all that.
    pub status_peers: usize,
    /// The counters of the node's metrics, after all that.
    pub metrics: BTreeMap<String, u64>,
    /// The peers that were disconnected, as the other ends saw it.
    pub evicted: usize,
    /// The reason for closing a socket that never began the handshake.
    pub silent: Option<String>,
}

/// A scripted peer on a real socket.
struct Guest {
    socket: WebSocket<TcpStream>,
    stranger: Option<ScriptedPeer>,
    farewell: Option<String>,
    open: bool,
}

const PEER: ConnectionId = ConnectionId(1);

impl Guest {
    /// Connects from an address. Returns the guest. With a name, it begins the handshake.
    fn connect(from: Ipv4Addr, greets: Option<(&str, Role)>, network: &Network) -> Self {
        let stream = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        stream.bind(&SocketAddr::from((from, 0)).into()).unwrap();
        let node: SocketAddr = NODE.parse().unwrap();
        stream.connect(&node.into()).unwrap();
        let socket = peer_socket(stream.into(), NODE).unwrap_or_else(|error| panic!("{from}: {error}"));
        socket.get_ref().set_nonblocking(true).unwrap();
        let mut guest = Self { socket, stranger: None, farewell: None, open: true };
        if let Some((name, role)) = greets {
            let mut stranger = ScriptedPeer::new(name, network, role, Vec::new());
            let mut seed = [0; 32];
            seed[..name.len().min(32)].copy_from_slice(&name.as_bytes()[..name.len().min(32)]);
            let frames = stranger.connected(PEER, seed);
            guest.stranger = Some(stranger);
            guest.say(frames);
        }
        guest
    }

    fn say(&mut self, frames: Vec<bytes::Bytes>) {
        for frame in frames {
            match self.socket.send(Message::Binary(frame)) {
                Err(error) if !is_silence(&error) => self.open = false,
                // Bytes that the system does not take now go out with the next frame.
                _ => {}
            }
        }
    }

    /// Takes all incoming frames, and answers.
    fn look(&mut self) {
        while self.open {
            match self.socket.read() {
                Ok(Message::Binary(frame)) => {
                    if let Ok(Packet::Farewell(reason)) = Packet::decode(&frame, BLOCK_BYTES_MAX) {
                        self.farewell = Some(reason.as_str().to_owned());
                    } else if let Some(stranger) = &mut self.stranger {
                        let frames = stranger.received(PEER, &frame);
                        stranger.heard.clear();
                        self.say(frames);
                    }
                }
                Ok(_) => {}
                Err(error) if is_silence(&error) => return,
                Err(_) => self.open = false,
            }
        }
    }

    fn is_established(&self) -> bool {
        self.stranger.as_ref().is_some_and(|stranger| stranger.established.contains(&PEER))
    }
}

struct Party {
    network: Network,
    api: ApiClient,
    guests: Vec<Guest>,
}

impl Party {
    /// Adds a guest. Returns its number.
    fn come(&mut self, from: Ipv4Addr, role: Role) -> usize {
        let name = format!("{from}");
        self.guests.push(Guest::connect(from, Some((&name, role)), &self.network));
        self.guests.len() - 1
    }

    /// Looks after all guests until something holds.
    fn until(&mut self, what: &str, mut holds: impl FnMut(&Self) -> bool) {
        let held = within_by(LOOK, PATIENCE, || {
            for guest in &mut self.guests {
                guest.look();
            }
            holds(self).then_some(())
        });
        assert!(held.is_some(), "{what}: not within {} s", PATIENCE.as_secs());
    }

    /// Returns the farewells of some guests that are gone, and the number of guests for each.
    fn farewells(&self, guests: std::ops::Range<usize>) -> BTreeMap<String, usize> {
        let mut farewells = BTreeMap::new();
        for guest in self.guests[guests].iter().filter(|guest| !guest.open) {
            let reason = guest.farewell.clone().unwrap_or_else(|| "none".to_owned());
            *farewells.entry(reason).or_default() += 1;
        }
        farewells
    }

    fn gone(&self, guests: std::ops::Range<usize>) -> usize {
        self.guests[guests].iter().filter(|guest| !guest.open).count()
    }

    /// Returns the numbers of the node's outbound connections with a completed handshake, and the
    /// number of its inbound peers.
    fn peers(&self) -> (Vec<u64>, usize) {
        let peers = self.api.ask("/peers").expect("a node that answers");
        let peers = peers.as_array().cloned().unwrap_or_default();
        let (out, inbound): (Vec<Value>, Vec<Value>) =
            peers.into_iter().partition(|peer| peer["outbound"].is_string());
        let established = out.iter().filter(|peer| peer["key"].is_string());
        (established.filter_map(|peer| peer["id"].as_u64()).collect(), inbound.len())
    }

    fn metrics(&self) -> BTreeMap<String, u64> {
        let (_, text) = self.api.text("/metrics").unwrap();
        let numbers = text.lines().filter_map(|line| line.strip_prefix("plexus_")?.split_once(' '));
        numbers.filter_map(|(name, value)| Some((name.to_owned(), value.parse().ok()?))).collect()
    }
}

/// Returns an address of the crowd. Each of its networks has as many peers as one may have.
fn of_crowd(number: usize) -> Ipv4Addr {
    let byte = |number: usize| u8::try_from(number).expect("a byte");
    Ipv4Addr::new(41, byte(number / INBOUND_GROUP_MAX), 0, byte(1 + number % INBOUND_GROUP_MAX))
}

/// Returns an address in a network of its own.
fn alone(number: usize) -> Ipv4Addr {
    Ipv4Addr::new(42, u8::try_from(number).expect("a byte"), 0, 1)
}

/// Runs all steps, in an enclosure. Returns the findings.
pub fn run(inbound_max: usize) -> CrowdFindings {
    assert_eq!(std::process::id(), 1, "addresses are taken in an enclosure only");
    netns::run_script(ADDRESSES);
    raise_descriptors();
    let folder = tempfile::tempdir().unwrap();
    let parameters = process::network(folder.path(), 16);
    let start = |name: &str, listen: &str, more: &[&str]| {
        Process::start(&folder.path().join(name), &parameters, listen, more)
            .unwrap_or_else(|error| panic!("{name}: {error}"))
    };
    let neighbour = start("neighbour", NEIGHBOUR, &[]);
    let node = start("node", NODE, &["--connect", NEIGHBOUR, "--inbound-max", &inbound_max.to_string()]);
    let mut party = Party {
        network: process::parameters(&parameters),
        api: ApiClient::new(&node.url),
        guests: Vec::new(),
    };
    party.until("the neighbour is connected", |party| party.peers().0.len() == 1);

    let begun = Instant::now();
    for number in 0..inbound_max {
        party.come(of_crowd(number), Role::Full);
        if number % ROUND == 0 {
            party.until("those that came are established", |party| {
                party.guests.iter().all(Guest::is_established)
            });
        }
    }
    party.until("the crowd is established", |party| party.guests.iter().all(Guest::is_established));
    let filled_s = begun.elapsed().as_secs_f64();
    let inbound_full = party.peers().1;

    let before = party.guests.len();
    for number in 0..SURPLUS {
        party.come(Ipv4Addr::new(41, 0, 1, u8::try_from(1 + number).unwrap()), Role::Full);
        // The gate counts a socket until core has closed it.
        party.until("one too many is closed", |party| party.gone(before..party.guests.len()) == number + 1);
    }
    let surplus = party.farewells(before..party.guests.len());

    // The node's outbound connection ends, and it has to open another one while it is full.
    neighbour.kill();
    let begun = Instant::now();
    party.until("the neighbour is gone", |party| party.peers().0.is_empty());
    let neighbour = start("neighbour", NEIGHBOUR, &[]);
    party.until("the neighbour is connected again", |party| party.peers().0.len() == 1);
    let redialled_s = begun.elapsed().as_secs_f64();
    let full = party.peers().0;

    let crowd = 0..inbound_max;
    let newcomer = party.come(alone(0), Role::Full);
    party.until("the newcomer is established", |party| party.guests[newcomer].is_established());
    party.until("one of the crowd is gone", |party| party.gone(crowd.clone()) > 0);
    let newcomer_established = party.guests[newcomer].open;
    let evicted_for_newcomer = party.farewells(crowd);

    let mut established = 0;
    for number in 1..=NEWCOMERS {
        // A page in a browser is a light client, and passes the same gate.
        let role = if number % 2 == 0 { Role::Light } else { Role::Full };
        let guest = party.come(alone(number), role);
        party.until("a newcomer is established", |party| {
            party.guests[guest].is_established() || !party.guests[guest].open
        });
        established += usize::from(party.guests[guest].is_established());
    }
    let all = party.guests.len();
    party.until("all that are evicted are gone", |party| all - party.gone(0..all) == inbound_max);
    let (outbound, inbound_after) = party.peers();
    let metrics = party.metrics();
    let status = party.api.ask("/status").expect("a node that answers");
    let evicted = party.gone(0..all) - SURPLUS;
    let newcomer_stayed = party.guests[newcomer].open;

    // One alone: each of several would be evicted for the next.
    party.guests.push(Guest::connect(alone(200), None, &party.network));
    party.until("a silent socket is closed", |party| !party.guests[all].open);
    let silent = party.guests[all].farewell.clone();
    drop(neighbour);
    CrowdFindings {
        inbound_max,
        filled_s,
        inbound_full,
        surplus,
        redialled_s,
        newcomer_established,
        evicted_for_newcomer,
        established,
        newcomers: NEWCOMERS,
        newcomer_stayed,
        outbound: [full, outbound],
        inbound_after,
        status_peers: usize::try_from(status["peers"].as_u64().unwrap()).unwrap(),
        metrics,
        evicted,
        silent,
    }
}

/// Raises the limit of open descriptors, because a crowd needs more sockets than the default of
/// many systems.
fn raise_descriptors() {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    #[allow(unsafe_code, reason = "there is no other way to the limit, and this is all of it")]
    // SAFETY: both calls are given a limit that outlives them, and the second one was filled by the first.
    unsafe {
        assert_eq!(libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit), 0);
        limit.rlim_cur = limit.rlim_max.min(8_192);
        assert_eq!(libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit), 0);
    }
}

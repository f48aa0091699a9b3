//! A world: named nodes and scripted peers inside one process, on a clock that jumps from event to
//! event.
//!
//! All randomness comes from one seed. A scenario calls the actions of people and networks
//! ([`Scenario::connect`], [`Scenario::mine`], [`Scenario::crash`], …) and lets time pass
//! ([`Scenario::elapse`]). Each host checks its invariants. When a world ends without failure, every
//! chain in it is audited from genesis on.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use plexus_core::node::{Config, ConnectionId, Direction, Input, Neighbours, Node};
use plexus_core::primitives::block::Block;
use plexus_core::primitives::hash::Hash;
use plexus_core::primitives::params::Network;
use plexus_core::primitives::time::{MonotonicTime, Now, Timestamp};
use plexus_core::protocol::address::Address;
use plexus_core::protocol::limits::FRAME_BYTES_MAX;
use plexus_core::protocol::packet::{CAPS, Packet, Role};

use crate::actor::Actor;
use crate::block_builder::{BlockBuilder, key};
use crate::chance::TestRng;
use crate::host::{Errand, NodeHost, Wish};
use crate::queue::Queue;
use crate::scripted_peer::ScriptedPeer;
use crate::traffic::FrameLog;

/// The most steps between two stops. A world that needs more does not settle.
const STEPS_MAX: u64 = 20_000_000;
/// The most ticks of one node at one time.
const TICKS_MAX: u32 = 100;
/// The longest time of an errand (verifying, reading the store), in microseconds.
const ERRAND_US_MAX: u64 = 3_000;
/// The latest steps that a failure shows.
const TRACE_MAX: usize = 60;

/// One end of a link.
type WireEnd = (Actor, ConnectionId);

#[derive(Debug)]
enum Happening {
    Arrive { from: WireEnd, to: WireEnd, frame: Bytes },
    Close { to: WireEnd },
    Open { from: Actor, to: Actor, address: Address, life: u64 },
    Unreached { host: usize, address: Address, life: u64 },
    Errand { host: usize, life: u64, errand: Errand },
}

#[derive(Clone, Copy, Debug)]
struct Wire {
    far: WireEnd,
    latency_us: u64,
    /// The arrival time of the last frame on it. Frames do not overtake one another.
    busy_until: u64,
}

/// Nodes, scripted peers, links and a clock.
#[derive(Debug)]
pub struct Scenario {
    /// The network of all parties.
    pub network: Network,
    /// The latency of new links between parties without a set distance, in milliseconds.
    pub latency_ms: u64,
    /// True if all are honest. Then no node may find a fault in another.
    pub honest: bool,
    /// Random numbers from the seed.
    pub chance: TestRng,
    /// The frames that were sent.
    pub traffic: FrameLog,
    seed: u64,
    clock_us: u64,
    hosts: Vec<NodeHost>,
    strangers: Vec<ScriptedPeer>,
    wires: BTreeMap<WireEnd, Wire>,
    distances: BTreeMap<(Actor, Actor), u64>,
    cut: BTreeSet<(Actor, Actor)>,
    queue: Queue<Happening>,
    peers: u64,
    trace: VecDeque<String>,
}

impl Scenario {
    /// Creates a world on the development network. Its seed is the one in the environment, or this
    /// one.
    pub fn new(seed: u64) -> Self {
        Self::of(Network::dev(), seed)
    }

    /// Creates a world on a network.
    pub fn of(network: Network, seed: u64) -> Self {
        let seed = std::env::var("SEED").ok().map_or(seed, |text| text.parse().expect("SEED is a number"));
        Self {
            network,
            latency_ms: 10,
            honest: false,
            chance: TestRng::new(seed),
            traffic: FrameLog::default(),
            seed,
            clock_us: 0,
            hosts: Vec::new(),
            strangers: Vec::new(),
            wires: BTreeMap::new(),
            distances: BTreeMap::new(),
            cut: BTreeSet::new(),
            queue: Queue::default(),
            peers: 0,
            trace: VecDeque::new(),
        }
    }

    /// Adds a running full node. Returns it.
    pub fn full(&mut self, name: &str) -> Actor {
        self.add(name, Role::Full, &[])
    }

    /// Adds a running light node. Returns it.
    pub fn light(&mut self, name: &str) -> Actor {
        self.add(name, Role::Light, &[])
    }

    /// Adds a running node that stays connected to the named ones. Returns it.
    pub fn add(&mut self, name: &str, role: Role, connect: &[&str]) -> Actor {
        let config = Config {
            listen: (role == Role::Full).then(|| address(name)),
            connect: connect.iter().map(|name| address(name)).collect(),
            neighbours: Neighbours::Given,
            ..Config::new(role, key(&format!("{name}'s node")), key(name))
        };
        let party = self.settle(NodeHost::new(name, config, &self.network));
        self.restart(party);
        party
    }

    /// Adds a host without starting it. Returns it.
    pub(crate) fn settle(&mut self, host: NodeHost) -> Actor {
        self.hosts.push(host);
        Actor::Host(self.hosts.len() - 1)
    }

    /// Adds a node that has a branch of the forge from the start. Returns it.
    pub fn stocked(&mut self, name: &str, forge: &BlockBuilder, tip: &Hash) -> Actor {
        let party = self.full(name);
        self.crash(party);
        forge.branch(tip).iter().for_each(|block| forge.stock(block, &mut self.host_mut(party).journal));
        self.restart(party);
        party
    }

    /// Adds a scripted peer that claims and serves a branch without genesis. Returns it.
    pub fn stranger(&mut self, name: &str, role: Role, branch: Vec<Arc<Block>>) -> Actor {
        self.strangers.push(ScriptedPeer::new(name, &self.network, role, branch));
        Actor::Stranger(self.strangers.len() - 1)
    }

    /// Returns a host.
    pub fn host(&self, party: Actor) -> &NodeHost {
        let Actor::Host(index) = party else { panic!("{party:?} is not a host") };
        &self.hosts[index]
    }

    /// Returns a host, to be changed.
    pub fn host_mut(&mut self, party: Actor) -> &mut NodeHost {
        let Actor::Host(index) = party else { panic!("{party:?} is not a host") };
        &mut self.hosts[index]
    }

    /// Returns a host's node.
    pub fn node(&self, party: Actor) -> &Node {
        self.host(party).node.as_ref().expect("a node that runs")
    }

    /// Returns a scripted peer, to be changed.
    pub fn guest(&mut self, party: Actor) -> &mut ScriptedPeer {
        let Actor::Stranger(index) = party else { panic!("{party:?} is not a stranger") };
        &mut self.strangers[index]
    }

    /// Returns the hash of a node's tip.
    pub fn tip(&self, party: Actor) -> Hash {
        self.node(party).chain().tip().hash
    }

    /// Returns the height of a node's tip.
    pub fn height(&self, party: Actor) -> u64 {
        self.node(party).chain().tip().header.height
    }

    /// Returns the world's time, by a correct clock. It begins a month after genesis.
    pub fn time(&self) -> Timestamp {
        self.network.genesis().time.plus_ms(30 * 86_400_000 + self.clock_us / 1_000)
    }

    /// Returns the time at a party.
    pub fn now(&self, party: Actor) -> Now {
        let time = match party {
            Actor::Host(index) => self.hosts[index].clock(self.time()),
            Actor::Stranger(_) => self.time(),
        };
        Now { time, moment: MonotonicTime::from_micros(self.clock_us) }
    }

    /// Opens a link, as if the first party had dialled the second. Returns both ends.
    pub fn connect(&mut self, from: Actor, to: Actor) -> (ConnectionId, ConnectionId) {
        let at = self.address(to);
        let ends = [(from, self.peer()), (to, self.peer())];
        let latency_us = self.latency_us(from, to);
        let wire = |far| Wire { far, latency_us, busy_until: 0 };
        self.wires.extend([(ends[0], wire(ends[1])), (ends[1], wire(ends[0]))]);
        self.connected(ends[0], Direction::Outbound(at));
        self.connected(ends[1], Direction::Inbound(self.ip(from)));
        (ends[0].1, ends[1].1)
    }

    /// Sets the one-way distance of two parties in milliseconds. It also holds for open links.
    pub fn set_distance(&mut self, one: Actor, other: Actor, ms: u64) {
        self.distances.extend([((one, other), ms * 1_000), ((other, one), ms * 1_000)]);
        for ((here, _), wire) in &mut self.wires {
            if (*here, wire.far.0) == (one, other) || (*here, wire.far.0) == (other, one) {
                wire.latency_us = ms * 1_000;
            }
        }
    }

    /// Returns the one-way distance of two parties in milliseconds.
    pub fn distance_ms(&self, one: Actor, other: Actor) -> u64 {
        self.latency_us(one, other) / 1_000
    }

    fn latency_us(&self, one: Actor, other: Actor) -> u64 {
        self.distances.get(&(one, other)).copied().unwrap_or(self.latency_ms * 1_000)
    }

    /// Returns the address at which a party is dialled.
    pub fn address(&self, party: Actor) -> Address {
        let name = match party {
            Actor::Host(index) => &self.hosts[index].name,
            Actor::Stranger(index) => &self.strangers[index].name,
        };
        self.ip(party).map_or_else(|| address(name), |ip| address(&ip.to_string()))
    }

    fn ip(&self, party: Actor) -> Option<IpAddr> {
        match party {
            Actor::Host(index) => self.hosts[index].ip,
            Actor::Stranger(index) => self.strangers[index].ip,
        }
    }

    /// Returns the party at an address: a host that listens, or a scripted peer with an IP address.
    fn listener(&self, address: &Address) -> Option<Actor> {
        let hosts = (0..self.hosts.len()).map(Actor::Host);
        let strangers = (0..self.strangers.len()).filter(|index| self.strangers[*index].ip.is_some());
        hosts.chain(strangers.map(Actor::Stranger)).find(|party| self.address(*party) == *address)
    }

    /// Returns the party at the other end of a party's link.
    pub fn far(&self, party: Actor, peer: ConnectionId) -> Option<Actor> {
        self.wires.get(&(party, peer)).map(|wire| wire.far.0)
    }

    fn peer(&mut self) -> ConnectionId {
        self.peers += 1;
        ConnectionId(self.peers)
    }

    fn connected(&mut self, end: WireEnd, link: Direction) {
        match end.0 {
            Actor::Host(_) => self.tell(end.0, Input::Connected(end.1, link)),
            Actor::Stranger(index) => {
                let (now, seed) = (self.now(end.0), self.chance.bytes());
                let frames = self.strangers[index].connected(now, end.1, link, seed);
                frames.into_iter().for_each(|frame| self.send(end, frame));
            }
        }
    }

    /// Closes all links between two parties, and prevents both from dialling the other.
    pub fn cut(&mut self, one: Actor, other: Actor) {
        self.cut.extend([(one, other), (other, one)]);
        let between: Vec<WireEnd> = self.ends(one).filter(|end| self.wires[end].far.0 == other).collect();
        for end in between {
            let far = self.wires[&end].far;
            self.unplug(end);
            self.closed(end);
            self.closed(far);
        }
    }

    fn ends(&self, party: Actor) -> impl Iterator<Item = WireEnd> {
        let range = (party, ConnectionId(0))..=(party, ConnectionId(u64::MAX));
        self.wires.range(range).map(|(end, _)| *end)
    }

    /// Lets two parties dial each other again.
    pub fn mend(&mut self, one: Actor, other: Actor) {
        self.cut.remove(&(one, other));
        self.cut.remove(&(other, one));
    }

    /// Lets two parties dial each other again, and connects them.
    pub fn heal(&mut self, one: Actor, other: Actor) {
        self.mend(one, other);
        self.connect(one, other);
    }

    /// Ends a node's life at once. Its links break.
    pub fn crash(&mut self, party: Actor) {
        self.note(|| format!("{party:?} crashes"));
        self.host_mut(party).crash();
        self.break_links(party);
    }

    fn break_links(&mut self, party: Actor) {
        let ends: Vec<WireEnd> = self.ends(party).collect();
        for end in ends {
            let Wire { far, latency_us, .. } = self.wires[&end];
            self.unplug(end);
            self.queue.push(self.clock_us + latency_us, Happening::Close { to: far });
        }
    }

    /// Starts a node from its store.
    pub fn restart(&mut self, party: Actor) {
        let (network, seed, now) = (self.network.clone(), self.chance.bytes(), self.now(party));
        let host = self.host_mut(party);
        host.start(&network, seed);
        host.meet(now);
        self.tell(party, Input::Ticked);
        for message in self.host(party).waiting() {
            // A message that is too old by now, or in a block already, is refused.
            let _ = self.submit(party, message);
        }
    }

    /// Gives a node an input, and executes its outputs.
    pub fn tell(&mut self, party: Actor, input: Input) {
        let now = self.now(party);
        let wishes = self.host_mut(party).handle(now, input);
        self.carry_out(party, wishes);
    }

    pub(crate) fn carry_out(&mut self, party: Actor, wishes: Vec<Wish>) {
        let Actor::Host(host) = party else { return };
        let life = self.hosts[host].life;
        for wish in wishes {
            match wish {
                Wish::Send(peer, frame) => self.send((party, peer), frame),
                Wish::Close(peer) => {
                    if self.honest {
                        self.assert_no_faults();
                    }
                    self.hang_up((party, peer));
                }
                Wish::Errand(errand) => {
                    let at = self.clock_us + self.chance.below(ERRAND_US_MAX);
                    self.queue.push(at, Happening::Errand { host, life, errand });
                }
                Wish::Dial(address) => {
                    let found = self.listener(&address);
                    let reached = found.filter(|to| !self.cut.contains(&(party, *to)));
                    let far = reached.map(|to| self.latency_us(party, to));
                    let at = self.clock_us + far.unwrap_or(self.latency_ms * 1_000);
                    self.queue.push(
                        at,
                        match reached {
                            Some(to) => Happening::Open { from: party, to, address, life },
                            None => Happening::Unreached { host, address, life },
                        },
                    );
                }
            }
        }
        if self.hosts[host].node.is_none() {
            self.break_links(party);
        }
    }

    /// Sends a frame over a link, from one of its ends.
    pub fn send(&mut self, from: WireEnd, frame: Bytes) {
        let Some(wire) = self.wires.get_mut(&from) else { return };
        if frame.len() > FRAME_BYTES_MAX {
            // A driver cuts off such a frame unread, and closes the link.
            let far = wire.far;
            self.unplug(from);
            self.closed(far);
            return self.closed(from);
        }
        wire.busy_until = wire.busy_until.max(self.clock_us + wire.latency_us);
        let (at, to) = (wire.busy_until, wire.far);
        self.traffic.note(self.clock_us, from.0, to.0, &frame);
        self.queue.push(at, Happening::Arrive { from, to, frame });
    }

    /// Sends a packet from a scripted peer on all its links.
    pub fn say(&mut self, stranger: Actor, packet: &Packet) {
        self.say_bytes(stranger, packet.encode());
    }

    /// Sends bytes from a scripted peer on all its links.
    pub fn say_bytes(&mut self, stranger: Actor, frame: Bytes) {
        let ends: Vec<WireEnd> = self.ends(stranger).collect();
        ends.into_iter().for_each(|end| self.send(end, frame.clone()));
    }

    /// Closes a link from one end. That end receives nothing more, or only frames in flight. The
    /// other end receives all frames sent before.
    fn hang_up(&mut self, end: WireEnd) {
        let Some(Wire { far, latency_us, busy_until }) = self.wires.get(&end).copied() else { return };
        let at = busy_until.max(self.clock_us + latency_us);
        self.unplug(end);
        self.queue.push(at, Happening::Close { to: far });
        if self.chance.one_in(2) {
            self.queue.push(self.clock_us + 1, Happening::Close { to: end });
        }
    }

    fn unplug(&mut self, end: WireEnd) {
        if let Some(wire) = self.wires.remove(&end) {
            self.wires.remove(&wire.far);
        }
    }

    fn closed(&mut self, end: WireEnd) {
        match end.0 {
            Actor::Host(_) => self.tell(end.0, Input::Closed(end.1)),
            Actor::Stranger(index) => self.strangers[index].closed(end.1),
        }
    }

    /// Lets time pass.
    pub fn elapse(&mut self, ms: u64) {
        let end = self.clock_us + ms * 1_000;
        let (mut ticks, mut ticked_at) = (0, 0);
        for step in 0.. {
            assert!(step < STEPS_MAX, "the world does not come to rest");
            let wake = (0..self.hosts.len()).filter_map(|index| Some((self.deadline(index)?, index))).min();
            let next = self.queue.next_at();
            match (next, wake) {
                (Some(at), _) if at <= end && wake.is_none_or(|(wake, _)| at <= wake) => {
                    self.clock_us = self.clock_us.max(at);
                    let happening = self.queue.pop().expect("it is next");
                    self.happen(happening);
                }
                (_, Some((at, index))) if at <= end => {
                    self.clock_us = self.clock_us.max(at);
                    (ticks, ticked_at) =
                        if ticked_at == self.clock_us { (ticks + 1, ticked_at) } else { (0, self.clock_us) };
                    let name = &self.hosts[index].name;
                    assert!(ticks < TICKS_MAX, "{name} wants to be ticked again and again");
                    self.tell(Actor::Host(index), Input::Ticked);
                }
                _ => break,
            }
        }
        self.clock_us = end;
    }

    fn deadline(&self, host: usize) -> Option<u64> {
        let (moment, _) = self.hosts[host].node.as_ref()?.deadline()?;
        Some(moment.as_micros())
    }

    fn happen(&mut self, happening: Happening) {
        let pings = |frame: &Bytes| matches!(frame.first(), Some(2 | 3));
        if matches!(&happening, Happening::Arrive { frame, .. } if pings(frame)) {
            return self.carry(happening);
        }
        self.note(|| match &happening {
            Happening::Arrive { from, to, frame } => {
                let named = frame.first().and_then(|&first| CAPS.get(usize::from(first)));
                let name = named.map_or("illegal bytes", |(name, _)| *name);
                format!("{from:?} to {to:?}: {name}, {} bytes", frame.len())
            }
            other @ (Happening::Close { .. }
            | Happening::Open { .. }
            | Happening::Unreached { .. }
            | Happening::Errand { .. }) => format!("{other:?}").chars().take(200).collect(),
        });
        self.carry(happening);
    }

    fn carry(&mut self, happening: Happening) {
        match happening {
            Happening::Arrive { to, frame, .. } => {
                // After a link broke, frames in flight may or may not be read.
                if self.wires.contains_key(&to) || self.chance.one_in(2) {
                    self.arrive(to, &frame);
                }
            }
            Happening::Close { to } => {
                self.unplug(to);
                self.closed(to);
            }
            Happening::Open { from, to, address, life } => {
                let alive = |party: Actor| match party {
                    Actor::Host(index) => self.hosts[index].node.is_some(),
                    Actor::Stranger(_) => true,
                };
                if self.host(from).life != life || !alive(from) {
                } else if alive(to) {
                    self.connect(from, to);
                } else {
                    self.tell(from, Input::DialFailed(address));
                }
            }
            Happening::Unreached { host, address, life } if self.hosts[host].life == life => {
                self.tell(Actor::Host(host), Input::DialFailed(address));
            }
            Happening::Errand { host, life, errand } if self.hosts[host].life == life => {
                let (input, frames) = self.hosts[host].run(&errand);
                frames.into_iter().for_each(|(peer, frame)| self.send((Actor::Host(host), peer), frame));
                input.into_iter().for_each(|input| self.tell(Actor::Host(host), input));
            }
            Happening::Unreached { .. } | Happening::Errand { .. } => {}
        }
    }

    fn arrive(&mut self, to: WireEnd, frame: &Bytes) {
        match to.0 {
            Actor::Host(_) => self.tell(to.0, Input::Received(to.1, frame.clone())),
            Actor::Stranger(index) => {
                let now = self.now(to.0);
                let said = self.strangers[index].received(now, to.1, frame);
                said.into_iter().for_each(|frame| self.send(to, frame));
            }
        }
    }

    /// Returns the seed that replays it.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Returns the latest steps, for the report of a failure.
    pub fn trace(&self) -> impl Iterator<Item = &String> {
        self.trace.iter()
    }

    /// Returns all hosts.
    pub fn hosts(&self) -> &[NodeHost] {
        &self.hosts
    }

    fn note(&mut self, line: impl FnOnce() -> String) {
        if self.trace.len() == TRACE_MAX {
            self.trace.pop_front();
        }
        let at = self.clock_us;
        self.trace.push_back(format!("{at:>12} µs  {}", line()));
    }
}

/// Returns the address of a name.
pub fn address(name: &str) -> Address {
    Address::new(false, name, plexus_core::protocol::address::PORT).expect("names are host names")
}

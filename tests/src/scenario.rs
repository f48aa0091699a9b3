//! A scenario: named nodes and scripted peers inside one process, on a clock that jumps from event
//! to event.
//!
//! All randomness comes from one seed. A test calls the actions of people and networks
//! ([`Scenario::connect`], [`Scenario::mine`], [`Scenario::crash`], …) and lets time pass
//! ([`Scenario::elapse`]). Each host checks its invariants. When a scenario ends without failure,
//! every chain in it is audited from genesis on.
//!
//! # Beside the simulator
//!
//! `plexus_core::sim` drives nodes on a simulated clock, too, and neither driver can take the place
//! of the other. The simulator runs up to 20,000 nodes from one configuration, also in a browser.
//! Between its first and its last event nobody acts, and its nodes differ by what was drawn. To be
//! that fast it shares stored blocks and verified signatures among all nodes, skips most proofs of
//! keys, answers the store and the verifier at once, and has only full nodes.
//!
//! A scenario has a few nodes, each with a configuration and a store of its own. The test acts
//! between two events. It can open and cut single links, fail the power at a chosen transaction, and
//! add light nodes and peers that send any bytes. Answers of the store and the verifier come late
//! and out of order. Every sent frame and every stored change is decoded and checked. It uses only
//! the public API, as any driver does.

use std::collections::VecDeque;
use std::net::IpAddr;

use bytes::Bytes;
use plexus_core::node::{ConnectionId, Direction, Input};
use plexus_core::primitives::hash::Hash;
use plexus_core::primitives::params::Network;
use plexus_core::primitives::time::{MonotonicTime, Now, Timestamp};
use plexus_core::protocol::address::Address;
use plexus_core::protocol::limits::FRAME_BYTES_MAX;
use plexus_core::protocol::packet::{CAPS, Packet};

use crate::actor::{Actor, address};
use crate::frame_log::FrameLog;
use crate::node_host::{HostOutput, HostTask, NodeHost};
use crate::queue::Queue;
use crate::scripted_peer::ScriptedPeer;
use crate::test_rng::TestRng;
use crate::wires::{Wire, WireEnd, Wires};

/// The most steps between two stops. A world that needs more does not settle.
const STEPS_MAX: u64 = 20_000_000;
/// The most ticks of one node at one time.
const TICKS_MAX: u32 = 100;
/// The longest time of a task (verifying, reading the store), in microseconds.
const TASK_US_MAX: u64 = 3_000;
/// The latest steps that a failure shows.
const TRACE_MAX: usize = 60;

#[derive(Debug)]
enum ScenarioEvent {
    Arrive { from: WireEnd, to: WireEnd, frame: Bytes },
    Close { to: WireEnd },
    Open { from: Actor, to: Actor, address: Address, life: u64 },
    DialFailed { host: usize, address: Address, life: u64 },
    Task { host: usize, life: u64, task: HostTask },
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
    pub rng: TestRng,
    /// The frames that were sent.
    pub traffic: FrameLog,
    seed: u64,
    clock_us: u64,
    pub(crate) hosts: Vec<NodeHost>,
    pub(crate) strangers: Vec<ScriptedPeer>,
    wires: Wires,
    queue: Queue<ScenarioEvent>,
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
            rng: TestRng::new(seed),
            traffic: FrameLog::default(),
            seed,
            clock_us: 0,
            hosts: Vec::new(),
            strangers: Vec::new(),
            wires: Wires::default(),
            queue: Queue::default(),
            trace: VecDeque::new(),
        }
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
        let ends = self.wires.open(from, to, self.latency_us(from, to));
        self.connected(ends[0], Direction::Outbound(at));
        self.connected(ends[1], Direction::Inbound(self.ip(from)));
        (ends[0].1, ends[1].1)
    }

    /// Sets the one-way distance of two parties in milliseconds. It also holds for open links.
    pub fn set_distance(&mut self, one: Actor, other: Actor, ms: u64) {
        self.wires.set_distance(one, other, ms * 1_000);
    }

    /// Returns the one-way distance of two parties in milliseconds.
    pub fn distance_ms(&self, one: Actor, other: Actor) -> u64 {
        self.latency_us(one, other) / 1_000
    }

    fn latency_us(&self, one: Actor, other: Actor) -> u64 {
        self.wires.distance_us(one, other).unwrap_or(self.latency_ms * 1_000)
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
        self.wires.get((party, peer)).map(|wire| wire.far.0)
    }

    fn connected(&mut self, end: WireEnd, link: Direction) {
        match end.0 {
            Actor::Host(_) => self.tell(end.0, Input::Connected(end.1, link)),
            Actor::Stranger(index) => {
                let challenge = self.rng.bytes();
                let frames = self.strangers[index].connected(end.1, challenge);
                frames.into_iter().for_each(|frame| self.send(end, frame));
            }
        }
    }

    /// Closes all links between two parties, and prevents both from dialling the other.
    pub fn cut(&mut self, one: Actor, other: Actor) {
        self.wires.cut(one, other);
        for end in self.wires.of(one) {
            let far = self.wires.get(end).map(|wire| wire.far).filter(|far| far.0 == other);
            if let Some(far) = far {
                self.wires.unplug(end);
                self.closed(end);
                self.closed(far);
            }
        }
    }

    /// Lets two parties dial each other again.
    pub fn mend(&mut self, one: Actor, other: Actor) {
        self.wires.mend(one, other);
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
        for end in self.wires.of(party) {
            if let Some(Wire { far, latency_us, .. }) = self.wires.unplug(end) {
                self.queue.push(self.clock_us + latency_us, ScenarioEvent::Close { to: far });
            }
        }
    }

    /// Starts a node from its store.
    pub fn restart(&mut self, party: Actor) {
        let (network, seed, now) = (self.network.clone(), self.rng.bytes(), self.now(party));
        let host = self.host_mut(party);
        host.start(&network, seed);
        host.meet(now);
        self.tell(party, Input::Ticked);
        for message in self.host(party).waiting() {
            // A message that is too old by now, or in a block already, is refused.
            let _ = self.resubmit(party, message);
        }
    }

    /// Gives a node an input, and executes its outputs.
    pub fn tell(&mut self, party: Actor, input: Input) {
        let now = self.now(party);
        let outputs = self.host_mut(party).handle(now, input);
        self.carry_out(party, outputs);
    }

    pub(crate) fn carry_out(&mut self, party: Actor, outputs: Vec<HostOutput>) {
        let Actor::Host(host) = party else { return };
        let life = self.hosts[host].life;
        for output in outputs {
            match output {
                HostOutput::Send(peer, frame) => self.send((party, peer), frame),
                HostOutput::Close(peer) => {
                    if self.honest {
                        self.assert_no_faults();
                    }
                    self.hang_up((party, peer));
                }
                HostOutput::Task(task) => {
                    let at = self.clock_us + self.rng.below(TASK_US_MAX);
                    self.queue.push(at, ScenarioEvent::Task { host, life, task });
                }
                HostOutput::Dial(address) => {
                    let found = self.listener(&address);
                    let reached = found.filter(|to| !self.wires.is_cut(party, *to));
                    let far = reached.map(|to| self.latency_us(party, to));
                    let at = self.clock_us + far.unwrap_or(self.latency_ms * 1_000);
                    self.queue.push(
                        at,
                        match reached {
                            Some(to) => ScenarioEvent::Open { from: party, to, address, life },
                            None => ScenarioEvent::DialFailed { host, address, life },
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
        if frame.len() > FRAME_BYTES_MAX {
            // A driver cuts off such a frame unread, and closes the link.
            if let Some(Wire { far, .. }) = self.wires.unplug(from) {
                self.closed(far);
                self.closed(from);
            }
            return;
        }
        let Some((at, to)) = self.wires.carry(from, self.clock_us) else { return };
        self.traffic.note(self.clock_us, from.0, to.0, &frame);
        self.queue.push(at, ScenarioEvent::Arrive { from, to, frame });
    }

    /// Sends a packet from a scripted peer on all its links.
    pub fn say(&mut self, stranger: Actor, packet: &Packet) {
        self.say_bytes(stranger, packet.encode());
    }

    /// Sends bytes from a scripted peer on all its links.
    pub fn say_bytes(&mut self, stranger: Actor, frame: Bytes) {
        self.wires.of(stranger).into_iter().for_each(|end| self.send(end, frame.clone()));
    }

    /// Closes a link from one end. That end receives nothing more, or only frames in flight. The
    /// other end receives all frames sent before.
    fn hang_up(&mut self, end: WireEnd) {
        let Some(Wire { far, latency_us, busy_until }) = self.wires.unplug(end) else { return };
        let at = busy_until.max(self.clock_us + latency_us);
        self.queue.push(at, ScenarioEvent::Close { to: far });
        if self.rng.one_in(2) {
            self.queue.push(self.clock_us + 1, ScenarioEvent::Close { to: end });
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
                    let event = self.queue.pop().expect("it is next");
                    self.happen(event);
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

    fn happen(&mut self, event: ScenarioEvent) {
        let pings = |frame: &Bytes| matches!(frame.first(), Some(2 | 3));
        if matches!(&event, ScenarioEvent::Arrive { frame, .. } if pings(frame)) {
            return self.carry(event);
        }
        self.note(|| match &event {
            ScenarioEvent::Arrive { from, to, frame } => {
                let named = frame.first().and_then(|&first| CAPS.get(usize::from(first)));
                let name = named.map_or("illegal bytes", |(name, _)| *name);
                format!("{from:?} to {to:?}: {name}, {} bytes", frame.len())
            }
            other @ (ScenarioEvent::Close { .. }
            | ScenarioEvent::Open { .. }
            | ScenarioEvent::DialFailed { .. }
            | ScenarioEvent::Task { .. }) => format!("{other:?}").chars().take(200).collect(),
        });
        self.carry(event);
    }

    fn carry(&mut self, event: ScenarioEvent) {
        match event {
            ScenarioEvent::Arrive { to, frame, .. } => {
                // After a link broke, frames in flight may or may not be read.
                if self.wires.get(to).is_some() || self.rng.one_in(2) {
                    self.arrive(to, &frame);
                }
            }
            ScenarioEvent::Close { to } => {
                self.wires.unplug(to);
                self.closed(to);
            }
            ScenarioEvent::Open { from, to, address, life } => {
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
            ScenarioEvent::DialFailed { host, address, life } if self.hosts[host].life == life => {
                self.tell(Actor::Host(host), Input::DialFailed(address));
            }
            ScenarioEvent::Task { host, life, task } if self.hosts[host].life == life => {
                let (input, frames) = self.hosts[host].run(&task);
                frames.into_iter().for_each(|(peer, frame)| self.send((Actor::Host(host), peer), frame));
                input.into_iter().for_each(|input| self.tell(Actor::Host(host), input));
            }
            ScenarioEvent::DialFailed { .. } | ScenarioEvent::Task { .. } => {}
        }
    }

    fn arrive(&mut self, to: WireEnd, frame: &Bytes) {
        match to.0 {
            Actor::Host(_) => self.tell(to.0, Input::Received(to.1, frame.clone())),
            Actor::Stranger(index) => {
                let said = self.strangers[index].received(to.1, frame);
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

    fn note(&mut self, line: impl FnOnce() -> String) {
        if self.trace.len() == TRACE_MAX {
            self.trace.pop_front();
        }
        let at = self.clock_us;
        self.trace.push_back(format!("{at:>12} µs  {}", line()));
    }
}

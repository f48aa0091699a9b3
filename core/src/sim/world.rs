//! The simulated world: the hosts, and the driver loop for their nodes.
//!
//! What surrounds the nodes is in parts that each own their state: the schedule, the transport, the
//! workload, the faults, the shared storage, the checks and the measurements.
//!
//! It follows the contract of a driver: one input, then all outputs in order. The store and the
//! verifier answer at once. After each input it checks the invariants.

use super::adversary::Adversary;
use super::checks::Checks;
use super::event::SimEvent;
use super::fault_injector::FaultInjector;
use super::host::{NEVER, SimHost};
use super::identity;
use super::latency::LatencyModel;
use super::link::LinkEnd;
use super::measurements::Measurements;
use super::rng::SimRng;
use super::schedule::EventQueue;
use super::setup::{SimConfig, Topology};
use super::shared_storage::SharedStorage;
use super::transport::Transport;
use super::turn::Turn;
use super::violation::Invariant;
use super::workload::Workload;
use crate::ledger::chain::Chain;
use crate::node::storage::PeerRequest;
use crate::node::{ConnectionId, Input, Neighbours, Node, Output};
use crate::primitives::message::Message;
use crate::primitives::params::{Network, Parameters};
use crate::primitives::pow::Bits;
use crate::primitives::time::{MonotonicTime, Now, Timestamp};
use crate::protocol::address::Address;
use crate::protocol::bounded::{BoundedBytes, BoundedVec};
use crate::protocol::packet::{Packet, body_frame};

/// The most outputs that one input may lead to.
const OUTPUTS_MAX: usize = 50_000;
/// The most answers of the store and the verifier that one input may lead to.
const ANSWERS_MAX: usize = 10_000;
/// The most ticks of one node at one moment.
const TICKS_MAX: u32 = 100;
/// An easy target: a block takes two tries on average.
const LIMIT_BITS: u32 = 0x207f_ffff;
/// The genesis time of the simulated networks. Any time will do.
const GENESIS_MS: u64 = 1_767_225_600_000;
/// The time from genesis to the start of a simulation, so that no clock shows a time before
/// genesis.
const BEGIN_MS: u64 = 86_400_000;

/// The hosts, and all that surrounds their nodes.
#[derive(Debug)]
pub(super) struct World {
    pub(super) setup: SimConfig,
    pub(super) network: Network,
    pub(super) hosts: Vec<SimHost>,
    pub(super) schedule: EventQueue,
    pub(super) transport: Transport,
    pub(super) workload: Workload,
    pub(super) faults: FaultInjector,
    pub(super) shared: SharedStorage,
    pub(super) turn: Turn,
    pub(super) checks: Checks,
    pub(super) measurements: Measurements,
}

impl World {
    /// Creates a world whose hosts are all down.
    pub(super) fn new(setup: SimConfig) -> Self {
        let network = network(&setup);
        let mut places = SimRng::stream(setup.seed, 1);
        let latency = LatencyModel::new(&setup.latency, setup.nodes, setup.last_mile_us, &mut places);
        let mut skews = SimRng::stream(setup.seed, 2);
        let mut adversaries = Adversary::draw_all(&setup, &mut SimRng::stream(setup.seed, 3));
        let mut hosts = Vec::with_capacity(setup.nodes as usize);
        for host in 0..setup.nodes {
            let off = i64::try_from(skews.below(2 * setup.skew_ms + 1)).unwrap_or_default();
            let skew_ms = off - i64::try_from(setup.skew_ms).unwrap_or_default();
            hosts.push(SimHost::new(*network.id(), skew_ms, adversaries.remove(&host)));
        }
        Self {
            shared: SharedStorage::new(&network),
            network,
            hosts,
            schedule: EventQueue::new(setup.seed),
            transport: Transport::new(latency, SimRng::stream(setup.seed, 4)),
            workload: Workload::new(SimRng::stream(setup.seed, 5)),
            faults: FaultInjector::new(SimRng::stream(setup.seed, 6)),
            turn: Turn::default(),
            checks: Checks::default(),
            measurements: Measurements::new(setup.nodes),
            setup,
        }
    }

    /// Returns the time at a host.
    pub(super) fn now(&self, host: u32) -> Now {
        let ms = GENESIS_MS + BEGIN_MS + self.schedule.now_us / 1_000;
        let time = Timestamp::from_unix_ms(ms.saturating_add_signed(self.hosts[host as usize].skew_ms));
        Now { time, moment: MonotonicTime::from_micros(self.schedule.now_us) }
    }

    /// Takes the next event. Returns `None` if nothing is pending.
    pub(super) fn next(&mut self) -> Option<SimEvent> {
        if self.schedule.is_overfull(self.hosts.len()) {
            self.violate(None, Invariant::Bound, || {
                "more is about to happen than any network has under way".into()
            });
        }
        let event = self.schedule.pop()?;
        self.look_ahead();
        Some(event)
    }

    /// Carries out an event of nodes and links. Returns any other event to the caller.
    pub(super) fn carry(&mut self, event: SimEvent) -> Option<SimEvent> {
        if let SimEvent::Tick(host) = event
            && !self.is_tick_due(host)
        {
            return None;
        }
        self.schedule.note(&event);
        match event {
            SimEvent::Arrive { host, end, frame } => self.arrive(host, end, frame),
            SimEvent::Closed(end) => self.closed(end),
            SimEvent::Tick(host) => self.tick(host),
            SimEvent::Open { from, to, life } => self.opened(from, to, life),
            SimEvent::DialFailed { host, to, life } => {
                if self.hosts[host as usize].life == life {
                    self.tell(host, Input::DialFailed(*to));
                }
            }
            other @ (SimEvent::Seek(_)
            | SimEvent::Draw
            | SimEvent::Write
            | SimEvent::Rotate(_)
            | SimEvent::AdversaryActs(_)
            | SimEvent::Leave { .. }
            | SimEvent::Return(_)
            | SimEvent::Crash
            | SimEvent::Cut
            | SimEvent::Heal
            | SimEvent::Settle) => return Some(other),
        }
        None
    }

    /// Returns true if this is the host's one scheduled tick and it is due. Drops an outdated tick
    /// and reschedules an early one.
    fn is_tick_due(&mut self, host: u32) -> bool {
        let this = &mut self.hosts[host as usize];
        if this.tick_at != self.schedule.now_us {
            return false;
        }
        this.tick_at = NEVER;
        let deadline = this.node.as_ref().and_then(|node| node.deadline());
        let due = deadline.is_some_and(|(at, _)| at.as_micros() <= self.schedule.now_us);
        if !due {
            self.arm(host);
        }
        due
    }

    fn tick(&mut self, host: u32) {
        let this = &mut self.hosts[host as usize];
        let (at, times) = this.ticked;
        this.ticked = if at == self.schedule.now_us { (at, times + 1) } else { (self.schedule.now_us, 0) };
        if this.ticked.1 > TICKS_MAX {
            let wake = this.node.as_ref().and_then(|node| node.deadline()).map(|(_, wake)| wake);
            return self.violate(Some(host), Invariant::Livelock, || {
                format!("wants to be ticked again and again: {wake:?}")
            });
        }
        self.tell(host, Input::Ticked);
    }

    /// Schedules the host's tick, unless one is already scheduled as early.
    fn arm(&mut self, host: u32) {
        let this = &mut self.hosts[host as usize];
        let Some((at, _)) = this.node.as_ref().and_then(|node| node.deadline()) else { return };
        let at = at.as_micros().max(self.schedule.now_us);
        if at < this.tick_at {
            this.tick_at = at;
            self.schedule.at(at, SimEvent::Tick(host));
        }
    }

    /// Gives a node an input and carries out its outputs.
    pub(super) fn tell(&mut self, host: u32, input: Input) {
        self.act(host, |node, now| node.handle(now, input));
    }

    /// Runs `act` on a node and carries out its outputs.
    pub(super) fn act(&mut self, host: u32, act: impl FnOnce(&mut Node, Now)) {
        let now = self.now(host);
        let Some(node) = self.hosts[host as usize].node.as_mut() else { return };
        act(node, now);
        let mut outputs = self.drain(host);
        let mut answers = 0;
        while let Some(answer) = self.turn.answers.pop_front() {
            answers += 1;
            if answers > ANSWERS_MAX {
                self.turn.answers.clear();
                return self.violate(Some(host), Invariant::Livelock, || {
                    "one input leads to questions without end".into()
                });
            }
            if let Some(node) = self.hosts[host as usize].node.as_mut() {
                node.handle(now, answer);
            }
            outputs += self.drain(host);
        }
        // A node whose chain moves always has an output that persists or reports it.
        if outputs > 0 {
            self.watch(host);
        }
        self.arm(host);
    }

    /// Carries out a node's outputs. Returns the number of outputs.
    fn drain(&mut self, host: u32) -> usize {
        let mut outputs = core::mem::take(&mut self.turn.outputs);
        while let Some(output) = self.hosts[host as usize].node.as_mut().and_then(|node| node.poll()) {
            if outputs.len() == OUTPUTS_MAX {
                self.violate(Some(host), Invariant::Livelock, || {
                    "one input leads to outputs without end".into()
                });
                break;
            }
            if let Output::Send(peer, _) = &output {
                self.transport.approach_link(LinkEnd::of(*peer));
            }
            outputs.push(output);
        }
        let count = outputs.len();
        outputs.drain(..).for_each(|output| self.carry_out(host, output));
        self.turn.outputs = outputs;
        count
    }

    fn carry_out(&mut self, host: u32, output: Output) {
        match output {
            Output::Send(peer, frame) => self.send(host, LinkEnd::of(peer), frame),
            Output::Dial(address) => self.dial(host, address),
            Output::Close(peer, reason) => self.close(host, LinkEnd::of(peer), &reason),
            Output::Persist(changes) => {
                self.hosts[host as usize].store.apply(&mut self.shared.archive, &changes);
            }
            Output::Verify(batch) => {
                let verdict = self.shared.verify(&self.hosts[host as usize].store, &batch);
                self.turn.answers.push_back(Input::Verified(verdict));
            }
            Output::Recall(recall) => {
                let recalled = self.hosts[host as usize].store.recall(&self.shared.archive, &recall);
                self.turn.answers.push_back(Input::Recalled(recalled));
            }
            Output::Serve(peer, serve) => self.serve(host, peer, &serve),
            Output::Mine(job) => self.turn.job = job.map(|job| *job),
            Output::Tell(_) => {}
        }
    }

    fn serve(&mut self, host: u32, peer: ConnectionId, serve: &PeerRequest) {
        let end = LinkEnd::of(peer);
        match serve {
            PeerRequest::Headers(locator) => {
                let headers = self.hosts[host as usize].store.headers_after(&self.shared.archive, locator);
                self.send(host, end, Packet::Headers(BoundedVec::new(headers)).encode());
            }
            // Simulated chains are too short for a peer to request a proof.
            PeerRequest::Proof => self.send(host, end, Packet::Proof(BoundedBytes::new(Vec::new())).encode()),
            PeerRequest::Memory(answer) => {
                for frame in answer.frames(self.network.block_bytes_max()) {
                    self.send(host, end, frame);
                }
            }
            PeerRequest::Bodies(hashes) => {
                for hash in hashes {
                    let frame = match self.hosts[host as usize].store.body(&self.shared.archive, hash) {
                        Some(block) => body_frame(block),
                        None => Packet::Missing(*hash).encode(),
                    };
                    self.send(host, end, frame);
                }
            }
        }
    }

    /// Starts a host's node from its store.
    pub(super) fn start(&mut self, host: u32, known: Vec<Address>) {
        let seed = self.transport.rng.bytes32();
        let this = &mut self.hosts[host as usize];
        let chain = if this.store.is_new() {
            Ok(Chain::new(self.network.clone()))
        } else {
            this.store.journal(&self.shared.archive).restore(self.network.clone())
        };
        let chain = match chain {
            Ok(chain) => chain,
            Err(error) => {
                return self.violate(Some(host), Invariant::Journal, || error.to_string());
            }
        };
        if chain.tip().hash != this.tip {
            let (found, expected) = (chain.tip().hash, this.tip);
            return self.violate(Some(host), Invariant::Journal, || {
                format!("restores to the tip {found}, after {expected}")
            });
        }
        this.best_header = chain.best_header().hash;
        this.life += 1;
        (this.tick_at, this.ticked) = (NEVER, (NEVER, 0));
        let neighbours = match self.setup.topology {
            Topology::Plexus => Neighbours::Chosen,
            Topology::Random | Topology::Nearest | Topology::Complete | Topology::Perigee => {
                Neighbours::Given
            }
        };
        let mut node =
            Node::new(identity::config(self.setup.seed, host, self.setup.nodes, neighbours), chain, seed);
        if !this.store.book().is_empty() && node.remember(this.store.book()).is_err() {
            return self
                .violate(Some(host), Invariant::Journal, || "the address book does not decode".to_owned());
        }
        this.node = Some(Box::new(node));
        let waiting: Vec<Message> =
            this.store.pooled().filter_map(|message| Message::decode(message).ok()).collect();
        self.act(host, |node, now| node.meet(now, &known));
        self.tell(host, Input::Ticked);
        for message in waiting {
            // The node refuses messages that are too old by now or already in a block.
            self.act(host, |node, now| {
                let _ = node.resubmit(now, message);
            });
        }
    }

    /// Ends a host's life at once. Its links break, and all that it has not stored is lost.
    pub(super) fn stop(&mut self, host: u32) {
        let this = &mut self.hosts[host as usize];
        this.node = None;
        this.life += 1;
        this.dialling.clear();
        this.known.clear();
        let ends = core::mem::take(&mut this.ends);
        for end in ends {
            self.hang_up(end);
        }
    }

    /// Returns the number of honest hosts that are up.
    pub(super) fn honest_up(&self) -> usize {
        self.hosts.iter().filter(|host| host.node.is_some() && host.is_honest()).count()
    }
}

/// Returns the simulated network. Its target stays the easiest forever.
///
/// # Panics
/// Never: a checked setup has a legal spacing.
fn network(setup: &SimConfig) -> Network {
    let parameters = Parameters {
        name: "simulation".to_owned(),
        genesis_time: Timestamp::from_unix_ms(GENESIS_MS),
        spacing_ms: setup.spacing_ms,
        half_life_ms: 0,
        limit_bits: Bits::from_u32(LIMIT_BITS),
        block_bytes_max: 1 << 20,
        block_messages_max: 4_096,
    };
    Network::new(parameters).expect("the parameters are within their limits")
}

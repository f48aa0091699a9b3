//! The world: hosts, links and what is about to happen; the driver's loop for all nodes.
//!
//! It obeys the law of a driver: one fact, then all wishes in their order. What a store or a verifier answers, it answers
//! at once. After each fact it watches what must always hold.

use std::collections::VecDeque;

use bytes::Bytes;

use super::chance::Chance;
use super::counts::Counts;
use super::host::{self, Host, NEVER};
use super::kind::Kinds;
use super::latency::Terrain;
use super::link::{End, Link};
use super::mask::Mask;
use super::measure::Measure;
use super::memo::Memo;
use super::setup::{Setup, Topology};
use super::shared::Shared;
use super::store::Archive;
use super::trace::Trace;
use super::violation::{Law, Violation};
use super::wheel::Wheel;
use crate::address::Address;
use crate::chain::Chain;
use crate::check::{Batch, Verdict};
use crate::journal::Serve;
use crate::message::Message;
use crate::mine::Job;
use crate::network::{Network, Parameters};
use crate::node::{Input, Neighbours, Node, Output, PeerId};
use crate::pow::Bits;
use crate::time::{Moment, Now, Time};
use crate::wire::{List, Octets, Packet, body_frame};

/// The most wishes that one fact may lead to.
const WISHES_MAX: usize = 50_000;
/// The most answers of the store and the verifier that one fact may lead to.
const ANSWERS_MAX: usize = 10_000;
/// The most ticks of one node at one moment.
const TICKS_MAX: u32 = 100;
/// The most things that may be about to happen, and as many for each node.
const WAITING_MAX: usize = 1 << 14;
/// An easy target: two tries for a block, in the mean.
const LIMIT_BITS: u32 = 0x207f_ffff;
/// When the simulated networks began: any time will do.
const GENESIS_MS: u64 = 1_767_225_600_000;
/// How long after genesis a simulation begins: no clock shows a time before genesis.
const BEGIN_MS: u64 = 86_400_000;

/// What is about to happen.
#[derive(Debug)]
pub(super) enum Happening {
    /// A frame is there, and handled.
    Arrive { host: u32, end: End, frame: Bytes },
    /// An end hears that the link is closed.
    Closed(End),
    /// A host wants a tick.
    Tick(u32),
    /// A host's dialling another, in its present life, is answered.
    Open { from: u32, to: u32, life: u32 },
    /// A host hears that nobody is at an address.
    Unreached { host: u32, to: Box<Address>, life: u32 },
    /// A host that lacks links looks for some.
    Seek(u32),
    /// A block is found.
    Draw,
    /// Somebody writes a message.
    Write,
    /// A host replaces the links that serve it worst.
    Rotate(u32),
    /// A Byzantine host does its worst.
    Mischief(u32),
    /// A host leaves, or crashes, for so long.
    Leave { host: u32, life: u32 },
    /// A host starts again from what it remembered.
    Return(u32),
    /// Some host crashes.
    Crash,
    /// A part of the network is cut off.
    Cut,
    /// It is not any more.
    Heal,
    /// All nodes have gone quiet: the next step towards the end.
    Settle,
}

impl Happening {
    /// Its number, whom it concerns, and what tells it from others of its kind.
    fn summary(&self) -> (u8, u32, u32) {
        match self {
            Self::Arrive { end, frame, .. } => {
                let first = frame.first().copied().unwrap_or(u8::MAX);
                let size = u32::try_from(frame.len()).unwrap_or(u32::MAX);
                (0, end.number(), (size << 8) | u32::from(first))
            }
            Self::Closed(end) => (1, end.number(), 0),
            Self::Tick(host) => (2, *host, 0),
            Self::Open { from, to, .. } => (3, *from, *to),
            Self::Unreached { host, .. } => (4, *host, 0),
            Self::Seek(host) => (5, *host, 0),
            Self::Draw => (6, 0, 0),
            Self::Write => (7, 0, 0),
            Self::Rotate(host) => (8, *host, 0),
            Self::Mischief(host) => (9, *host, 0),
            Self::Leave { host, .. } => (10, *host, 0),
            Self::Return(host) => (11, *host, 0),
            Self::Crash => (12, 0, 0),
            Self::Cut => (13, 0, 0),
            Self::Heal => (14, 0, 0),
            Self::Settle => (15, 0, 0),
        }
    }
}

/// Hosts, links and a clock.
#[derive(Debug)]
pub(super) struct World {
    pub(super) setup: Setup,
    pub(super) network: Network,
    pub(super) terrain: Terrain,
    pub(super) now_us: u64,
    pub(super) events: u64,
    pub(super) hosts: Vec<Host>,
    pub(super) links: Vec<Link>,
    pub(super) wheel: Wheel<Happening>,
    pub(super) kinds: Kinds,
    pub(super) trace: Trace,
    pub(super) measure: Measure,
    /// What honest nodes received while blocks were measured.
    pub(super) received: Counts,
    /// What all nodes sent while blocks were measured.
    pub(super) sent: Counts,
    pub(super) counts: bool,
    /// Chance of the network, of people and of what goes wrong: what one draws does not change what others draw.
    pub(super) net: Chance,
    pub(super) people: Chance,
    pub(super) weather: Chance,
    /// Whether anything still goes wrong.
    pub(super) stormy: bool,
    /// Who is cut off from the others.
    pub(super) cut: Option<Vec<bool>>,
    /// The job of the host that is being told something.
    pub(super) job: Option<Job>,
    /// Whether messages are kept to the host that writes them.
    pub(super) hush: bool,
    /// How many links honest nodes closed for a fault, and how many of them for an offence of an honest one.
    pub(super) faults: u64,
    pub(super) blames: u64,
    pub(super) violation: Option<Violation>,
    pub(super) archive: Archive,
    memo: Memo,
    pending: VecDeque<Input>,
    /// What the node that is told something wishes; empty between facts.
    wishes: Vec<Output>,
    pub(super) frames: Shared,
}

impl World {
    /// A world whose hosts are all down.
    pub(super) fn new(setup: Setup) -> Self {
        let network = network(&setup);
        let mut places = Chance::stream(setup.seed, 1);
        let terrain = Terrain::new(&setup.latency, setup.nodes, setup.last_mile_us, &mut places);
        let mut skews = Chance::stream(setup.seed, 2);
        let mut masks = Mask::draw_all(&setup, &mut Chance::stream(setup.seed, 3));
        let mut hosts = Vec::with_capacity(setup.nodes as usize);
        for host in 0..setup.nodes {
            let off = i64::try_from(skews.below(2 * setup.skew_ms + 1)).unwrap_or_default();
            let skew_ms = off - i64::try_from(setup.skew_ms).unwrap_or_default();
            hosts.push(Host::new(*network.id(), skew_ms, masks.remove(&host)));
        }
        Self {
            archive: Archive::new(&network),
            network,
            terrain,
            now_us: 0,
            events: 0,
            hosts,
            links: Vec::new(),
            wheel: Wheel::new(),
            kinds: Kinds::new(),
            trace: Trace::new(setup.seed),
            measure: Measure::new(setup.nodes),
            received: Counts::default(),
            sent: Counts::default(),
            counts: false,
            net: Chance::stream(setup.seed, 4),
            people: Chance::stream(setup.seed, 5),
            weather: Chance::stream(setup.seed, 6),
            stormy: true,
            cut: None,
            job: None,
            hush: false,
            faults: 0,
            blames: 0,
            violation: None,
            memo: Memo::default(),
            pending: VecDeque::new(),
            wishes: Vec::new(),
            frames: Shared::default(),
            setup,
        }
    }

    /// What time it is at a host.
    pub(super) fn now(&self, host: u32) -> Now {
        let ms = GENESIS_MS + BEGIN_MS + self.now_us / 1_000;
        let time = Time::from_unix_ms(ms.saturating_add_signed(self.hosts[host as usize].skew_ms));
        Now { time, moment: Moment::from_micros(self.now_us) }
    }

    pub(super) fn later(&mut self, wait_us: u64, happening: Happening) {
        self.wheel.push(self.now_us + wait_us, happening);
    }

    /// Takes what happens next, if anything does.
    pub(super) fn next(&mut self) -> Option<Happening> {
        if self.wheel.len() > WAITING_MAX * (1 + self.hosts.len()) {
            self.violate(None, Law::Bound, || {
                "more is about to happen than any network has under way".into()
            });
        }
        let (at, happening) = self.wheel.pop()?;
        self.now_us = self.now_us.max(at);
        self.look_ahead();
        Some(happening)
    }

    /// What nodes and links do by themselves; anything else is given back.
    pub(super) fn carry(&mut self, happening: Happening) -> Option<Happening> {
        if let Happening::Tick(host) = happening
            && !self.is_tick_due(host)
        {
            return None;
        }
        self.events += 1;
        let (kind, whom, detail) = happening.summary();
        self.trace.note(self.now_us, kind, whom, detail);
        match happening {
            Happening::Arrive { host, end, frame } => self.arrive(host, end, frame),
            Happening::Closed(end) => self.closed(end),
            Happening::Tick(host) => self.tick(host),
            Happening::Open { from, to, life } => self.opened(from, to, life),
            Happening::Unreached { host, to, life } => {
                if self.hosts[host as usize].life == life {
                    self.tell(host, Input::Unreached(*to));
                }
            }
            other @ (Happening::Seek(_)
            | Happening::Draw
            | Happening::Write
            | Happening::Rotate(_)
            | Happening::Mischief(_)
            | Happening::Leave { .. }
            | Happening::Return(_)
            | Happening::Crash
            | Happening::Cut
            | Happening::Heal
            | Happening::Settle) => return Some(other),
        }
        None
    }

    /// A tick that is not the host's one scheduled tick is not meant any more; one that is too early is put off.
    fn is_tick_due(&mut self, host: u32) -> bool {
        let this = &mut self.hosts[host as usize];
        if this.tick_at != self.now_us {
            return false;
        }
        this.tick_at = NEVER;
        let deadline = this.node.as_ref().and_then(|node| node.deadline());
        let due = deadline.is_some_and(|(at, _)| at.as_micros() <= self.now_us);
        if !due {
            self.arm(host);
        }
        due
    }

    fn tick(&mut self, host: u32) {
        let this = &mut self.hosts[host as usize];
        let (at, times) = this.ticked;
        this.ticked = if at == self.now_us { (at, times + 1) } else { (self.now_us, 0) };
        if this.ticked.1 > TICKS_MAX {
            let wake = this.node.as_ref().and_then(|node| node.deadline()).map(|(_, wake)| wake);
            return self.violate(Some(host), Law::Livelock, || {
                format!("wants to be ticked again and again: {wake:?}")
            });
        }
        self.tell(host, Input::Ticked);
    }

    /// Schedules the host's tick, if it wants one earlier than the one that is scheduled.
    fn arm(&mut self, host: u32) {
        let this = &mut self.hosts[host as usize];
        let Some((at, _)) = this.node.as_ref().and_then(|node| node.deadline()) else { return };
        let at = at.as_micros().max(self.now_us);
        if at < this.tick_at {
            this.tick_at = at;
            self.wheel.push(at, Happening::Tick(host));
        }
    }

    /// Tells a node a fact and carries out what it wishes.
    pub(super) fn tell(&mut self, host: u32, input: Input) {
        self.act(host, |node, now| node.handle(now, input));
    }

    /// Has a node do something and carries out what it wishes.
    pub(super) fn act(&mut self, host: u32, act: impl FnOnce(&mut Node, Now)) {
        let now = self.now(host);
        let Some(node) = self.hosts[host as usize].node.as_mut() else { return };
        act(node, now);
        let mut wishes = self.drain(host);
        let mut answers = 0;
        while let Some(answer) = self.pending.pop_front() {
            answers += 1;
            if answers > ANSWERS_MAX {
                self.pending.clear();
                return self
                    .violate(Some(host), Law::Livelock, || "one fact leads to questions without end".into());
            }
            if let Some(node) = self.hosts[host as usize].node.as_mut() {
                node.handle(now, answer);
            }
            wishes += self.drain(host);
        }
        // Whoever's chain moves wishes to remember it, or to tell of it.
        if wishes > 0 {
            self.watch(host);
        }
        self.arm(host);
    }

    /// Carries out what a node wishes; how many wishes there were.
    fn drain(&mut self, host: u32) -> usize {
        let mut wishes = core::mem::take(&mut self.wishes);
        while let Some(output) = self.hosts[host as usize].node.as_mut().and_then(|node| node.poll()) {
            if wishes.len() == WISHES_MAX {
                self.violate(Some(host), Law::Livelock, || "one fact leads to wishes without end".into());
                break;
            }
            if let Output::Send(peer, _) = &output {
                self.approach_link(End::of(*peer));
            }
            wishes.push(output);
        }
        let count = wishes.len();
        wishes.drain(..).for_each(|output| self.carry_out(host, output));
        self.wishes = wishes;
        count
    }

    fn carry_out(&mut self, host: u32, output: Output) {
        match output {
            Output::Send(peer, frame) => self.send(host, End::of(peer), frame),
            Output::Dial(address) => self.dial(host, address),
            Output::Close(peer, reason) => self.close(host, End::of(peer), &reason),
            Output::Persist(changes) => self.hosts[host as usize].store.apply(&mut self.archive, &changes),
            Output::Verify(batch) => {
                let verdict = self.verify(host, &batch);
                self.pending.push_back(Input::Verified(verdict));
            }
            Output::Recall(recall) => {
                let recalled = self.hosts[host as usize].store.recall(&self.archive, &recall);
                self.pending.push_back(Input::Recalled(recalled));
            }
            Output::Serve(peer, serve) => self.serve(host, peer, &serve),
            Output::Mine(job) => self.job = job.map(|job| *job),
            Output::Tell(_) => {}
        }
    }

    fn verify(&mut self, host: u32, batch: &Batch) -> Verdict {
        let memo = &mut self.memo;
        let broken = batch.checks.iter().enumerate().filter(|(_, check)| !memo.holds(check));
        let broken = broken.map(|(index, _)| index).collect();
        let (store, archive) = (&self.hosts[host as usize].store, &self.archive);
        let seen = batch.ids.iter().enumerate().flat_map(|(index, id)| store.seen(archive, index, id));
        let seen = seen.collect();
        Verdict { id: batch.id, broken, seen }
    }

    fn serve(&mut self, host: u32, peer: PeerId, serve: &Serve) {
        let end = End::of(peer);
        match serve {
            Serve::Headers(locator) => {
                let headers = self.hosts[host as usize].store.headers_after(&self.archive, locator);
                self.send(host, end, Packet::Headers(List::new(headers)).encode());
            }
            // No simulated chain is so long that anybody asks.
            Serve::Proof => self.send(host, end, Packet::Proof(Octets::new(Vec::new())).encode()),
            Serve::Bodies(hashes) => {
                for hash in hashes {
                    let frame = match self.hosts[host as usize].store.body(&self.archive, hash) {
                        Some(block) => body_frame(block),
                        None => Packet::Missing(*hash).encode(),
                    };
                    self.send(host, end, frame);
                }
            }
        }
    }

    /// Starts a host's node from what it remembers.
    pub(super) fn start(&mut self, host: u32, known: Vec<Address>) {
        let seed = self.net.bytes32();
        let this = &mut self.hosts[host as usize];
        let chain = if this.store.is_new() {
            Ok(Chain::new(self.network.clone()))
        } else {
            this.store.journal(&self.archive).restore(self.network.clone())
        };
        let chain = match chain {
            Ok(chain) => chain,
            Err(error) => {
                return self.violate(Some(host), Law::Journal, || error.to_string());
            }
        };
        if chain.tip().hash != this.tip {
            let (found, expected) = (chain.tip().hash, this.tip);
            return self.violate(Some(host), Law::Journal, || {
                format!("restores to the tip {found}, after {expected}")
            });
        }
        this.leader = chain.leader().hash;
        this.life += 1;
        (this.tick_at, this.ticked) = (NEVER, (NEVER, 0));
        let neighbours = match self.setup.topology {
            Topology::Plexus => Neighbours::Chosen,
            Topology::Random | Topology::Nearest | Topology::Complete | Topology::Perigee => {
                Neighbours::Given
            }
        };
        let mut node =
            Node::new(host::config(self.setup.seed, host, self.setup.nodes, neighbours), chain, seed);
        if !this.store.book().is_empty() && node.remember(this.store.book()).is_err() {
            return self.violate(Some(host), Law::Journal, || "the address book does not decode".to_owned());
        }
        this.node = Some(Box::new(node));
        let waiting: Vec<Message> =
            this.store.pooled().filter_map(|message| Message::decode(message).ok()).collect();
        self.act(host, |node, now| node.meet(now, &known));
        self.tell(host, Input::Ticked);
        for message in waiting {
            // What is too old by now, or in a block already, is refused.
            self.act(host, |node, now| {
                let _ = node.submit(now, message);
            });
        }
    }

    /// Ends a host's life at once: its links break, and what it has not remembered is lost.
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

    /// The honest hosts that are up.
    pub(super) fn honest_up(&self) -> usize {
        self.hosts.iter().filter(|host| host.node.is_some() && host.is_honest()).count()
    }
}

/// The network that is simulated: the easiest target, for ever.
///
/// # Panics
/// Never: a checked setup has a legal spacing.
fn network(setup: &Setup) -> Network {
    let parameters = Parameters {
        name: "simulation".to_owned(),
        genesis_time: Time::from_unix_ms(GENESIS_MS),
        spacing_ms: setup.spacing_ms,
        half_life_ms: 0,
        limit_bits: Bits::from_u32(LIMIT_BITS),
        block_bytes_max: 1 << 20,
        block_messages_max: 4_096,
    };
    Network::new(parameters).expect("the parameters are within their limits")
}

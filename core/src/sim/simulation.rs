//! A simulation: a setup that runs, from the first connections to the final agreement.

use super::bound;
use super::event::SimEvent;
use super::frame_kind::FrameKind;
use super::identity;
use super::measure::PropagationStage;
use super::report::{ChosenCount, PlaceView, Progress, Report, Stage};
use super::report_frame::ReportFrame;
use super::setup::{SimConfig, SimConfigError, Topology};
use super::violation::{Invariant, Violation};
use super::world::World;
use crate::node::PeerView;
use crate::peers::outbound_slots::OutboundKind as Slot;
use crate::protocol::address::Address;
use crate::sim::report::PLACES_MAX;

/// The time for the last measured block to propagate, microseconds.
const QUIET_US: u64 = 20_000_000;
/// The time for nodes to reconnect after the last fault, microseconds.
const RECONNECT_US: u64 = 40_000_000;
/// The closing blocks that one host of each connected part mines. They decide between branches of
/// equal work.
const CLOSING_BLOCKS: u32 = 2;
/// The time for each closing block, and for each wait for agreement, microseconds.
const CLOSING_US: u64 = 10_000_000;
/// After this many steps, nodes that disagree are a violation.
const WAITS_MAX: u32 = 30;
/// Every time that this many steps have passed, another block is mined: parts that met late may
/// have branches of equal work.
const TIE_WAITS: u32 = 5;
/// The number of seeds that a node is given when it chooses its links itself.
const SEEDS: u32 = 3;

/// A setup that runs, slice by slice.
///
/// ```
/// use plexus_core::sim::{SimConfig, Simulation};
///
/// let run = |seed| {
///     let config = SimConfig { nodes: 8, outbound: 2, blocks: 3, seed, ..SimConfig::default() };
///     let mut simulation = Simulation::new(config).unwrap();
///     while !simulation.run_for(10_000).unwrap().is_done() {}
///     simulation.report()
/// };
/// let report = run(1);
/// assert_eq!((report.blocks, report.violations.len()), (3, 0));
/// assert_eq!(run(1).trace_hash, report.trace_hash, "a seed repeats all events");
/// assert_ne!(run(2).trace_hash, report.trace_hash);
/// ```
#[derive(Debug)]
pub struct Simulation {
    world: World,
    stage: Stage,
    idle_draws: u64,
    /// The number of blocks that were mined before the nodes settled.
    mined: u64,
    /// The number of steps that the settling has taken.
    settled: u32,
}

impl Simulation {
    /// Creates a simulation at its beginning.
    ///
    /// # Errors
    /// Names the field that cannot be simulated.
    pub fn new(setup: SimConfig) -> Result<Self, SimConfigError> {
        setup.check()?;
        let mut world = World::new(setup);
        if world.setup.topology != Topology::Complete {
            world.begin();
        }
        Ok(Self { world, stage: Stage::Warming, idle_draws: 0, mined: 0, settled: 0 })
    }

    /// Returns the setup.
    pub fn setup(&self) -> &SimConfig {
        &self.world.setup
    }

    /// Runs for about `events` events, or until all is done. Returns the progress.
    ///
    /// # Errors
    /// The invariant that was broken. The simulation is then done.
    pub fn run_for(&mut self, events: u64) -> Result<Progress, Violation> {
        self.run_until(u64::MAX, events)
    }

    /// Runs until a simulated time, milliseconds, or for about `events` events, or until all is
    /// done, whichever comes first. Returns the progress. The computed topology has no simulated
    /// time.
    ///
    /// # Errors
    /// As [`Self::run_for`].
    pub fn run_until(&mut self, simulated_ms: u64, events: u64) -> Result<Progress, Violation> {
        if self.world.setup.topology == Topology::Complete {
            self.stage = bound::run(&mut self.world, events);
            self.mined = self.world.measurements.blocks.count() as u64;
            return Ok(self.progress());
        }
        let end = self.world.schedule.events.saturating_add(events);
        let end_us = simulated_ms.saturating_mul(1_000);
        while self.stage != Stage::Done
            && self.world.schedule.events < end
            && self.world.schedule.now_us < end_us
        {
            let Some(event) = self.world.next() else {
                self.stage = Stage::Done;
                break;
            };
            if let Some(event) = self.world.carry(event) {
                self.handle_event(&event);
            }
            if let Some(violation) = &self.world.checks.violation {
                self.stage = Stage::Done;
                return Err(violation.clone());
            }
        }
        Ok(self.progress())
    }

    fn blocks_wanted(&self) -> u64 {
        u64::from(self.world.setup.blocks) + u64::from(self.world.setup.warmup_blocks)
    }

    fn progress(&self) -> Progress {
        Progress {
            stage: self.stage,
            events: self.world.schedule.events,
            simulated_ms: self.world.schedule.now_us / 1_000,
            blocks_mined: self.mined,
            blocks_wanted: self.blocks_wanted(),
        }
    }

    fn handle_event(&mut self, event: &SimEvent) {
        match *event {
            SimEvent::Seek(host) => self.world.seek(host),
            SimEvent::Rotate(host) => self.world.rotate(host),
            SimEvent::Draw => self.draw(),
            SimEvent::Write if self.stage != Stage::Settling => self.world.somebody_writes(),
            SimEvent::Write => {}
            SimEvent::Settle => self.settle(),
            SimEvent::AdversaryActs(_)
            | SimEvent::Leave { .. }
            | SimEvent::Return(_)
            | SimEvent::Crash
            | SimEvent::Cut
            | SimEvent::Heal => self.world.apply_fault(event),
            SimEvent::Arrive { .. }
            | SimEvent::Closed(_)
            | SimEvent::Tick(_)
            | SimEvent::Open { .. }
            | SimEvent::DialFailed { .. } => {}
        }
    }

    /// Mines the next block and schedules another.
    fn draw(&mut self) {
        if self.stage == Stage::Warming && self.mined >= u64::from(self.world.setup.warmup_blocks) {
            self.stage = Stage::Measuring;
            self.world.measurements.is_counting = true;
        }
        let measured = self.stage == Stage::Measuring;
        match self.world.draw_miner() {
            Some(host) if self.world.forges(host) => self.world.act_as_adversary(host),
            Some(host) if self.world.mine(host, measured) => self.mined += 1,
            _ => self.idle_draws += 1,
        }
        if self.mined >= self.blocks_wanted() {
            return self.world.schedule.later(QUIET_US, SimEvent::Settle);
        }
        self.world.draw_later(0);
    }

    /// Takes the next step of winding down.
    fn settle(&mut self) {
        let world = &mut self.world;
        self.settled += 1;
        if self.settled == 1 {
            self.stage = Stage::Settling;
            world.measurements.is_counting = false;
            world.measurements.blocks.finish();
            world.clear_up();
            return world.schedule.later(RECONNECT_US, SimEvent::Settle);
        }
        if self.settled <= 1 + CLOSING_BLOCKS {
            world.mine_closing(|_| true);
            return world.schedule.later(CLOSING_US, SimEvent::Settle);
        }
        let Some((one, other)) = world.find_dissent() else {
            world.audit();
            self.stage = Stage::Done;
            return;
        };
        if self.settled > WAITS_MAX {
            let [a, b] = [one, other].map(|host| {
                let host = &world.hosts[host as usize];
                format!("the tip {} of work {}", host.tip, host.work)
            });
            let what = format!("has {b}, and node {one} has {a}");
            return world.violate(Some(other), Invariant::Agreement, || what);
        }
        if self.settled.is_multiple_of(TIE_WAITS) {
            // Byzantine nodes may connect parts that seem apart, so only one part mines.
            world.mine_closing(|component| component.contains(&one));
        }
        world.schedule.later(CLOSING_US, SimEvent::Settle);
    }

    /// Returns a node's view of its peers. It is empty if the node is down.
    pub fn peers(&self, node: u32) -> Vec<PeerView> {
        let running = self.world.hosts.get(node as usize).and_then(|host| host.node.as_ref());
        running.map(|running| running.peers(self.world.now(node))).unwrap_or_default()
    }

    /// Returns the present state of the network.
    pub fn scene(&self) -> ReportFrame {
        ReportFrame::of(&self.world)
    }

    /// Returns the measurements up to now.
    pub fn report(&self) -> Report {
        let world = &self.world;
        let setup = &world.setup;
        let honest = world.hosts.iter().filter(|host| host.is_honest()).count();
        let chain = world.final_chain();
        let mined = world.measurements.blocks.all();
        let counts = |index: usize| mined.get(index).is_none_or(|mined| chain.contains(&mined.hash));
        let curves = world.measurements.blocks.curves(counts);
        let before = mined.iter().take(usize::try_from(self.mined).unwrap_or(usize::MAX));
        let orphaned = before.filter(|mined| !chain.contains(&mined.hash)).count() as u64;
        let blocks = world.measurements.blocks.count();
        let copies = |kind: FrameKind| {
            ratio(world.measurements.received.frames_of(&world.transport.kinds, kind), blocks * honest)
        };
        let share = |curve: &[Option<f64>], share: usize| curve.get(share - 1).copied().flatten();
        Report {
            honest: u32::try_from(honest).unwrap_or(u32::MAX),
            blocks: u32::try_from(blocks).unwrap_or(u32::MAX),
            t50_ms: share(&curves.header_ms, 50),
            t90_ms: share(&curves.header_ms, 90),
            t99_ms: share(&curves.header_ms, 99),
            body_t50_ms: share(&curves.body_ms, 50),
            body_t90_ms: share(&curves.body_ms, 90),
            body_t99_ms: share(&curves.body_ms, 99),
            mean_t90_ms: world.measurements.blocks.mean_ms(PropagationStage::Header, 90, counts),
            mean_body_t90_ms: world.measurements.blocks.mean_ms(PropagationStage::Body, 90, counts),
            stale_rate: ratio(orphaned, usize::try_from(self.mined).unwrap_or(usize::MAX)),
            mined: self.mined,
            orphaned,
            idle_draws: self.idle_draws,
            header_copies: copies(FrameKind::Announce),
            body_copies: copies(FrameKind::Body),
            bytes_per_node: ratio(world.measurements.sent.bytes.iter().sum(), world.hosts.len()),
            events: world.schedule.events,
            simulated_ms: world.schedule.now_us / 1_000,
            trace_hash: world.schedule.trace.hex(),
            curves,
            degrees: world.degrees(),
            chosen: world.chosen(),
            packets: world.measurements.packets(),
            places: (0..setup.nodes.min(PLACES_MAX)).map(|host| world.place(host)).collect(),
            links: world.transport.links_between(setup.nodes.min(PLACES_MAX)),
            faults: world.checks.faults,
            blames: world.checks.blames,
            violations: world.checks.violation.iter().cloned().collect(),
            ..Report::empty(setup)
        }
    }
}

fn ratio(sum: u64, count: usize) -> f64 {
    if count == 0 { 0.0 } else { sum as f64 / count as f64 }
}

impl World {
    /// Mines a block in each selected component, on the first honest host that is ready to mine.
    fn mine_closing(&mut self, is_meant: impl Fn(&[u32]) -> bool) {
        for component in self.components().into_iter().filter(|component| is_meant(component)) {
            component.into_iter().find(|host| self.mine(*host, false));
        }
    }

    /// Starts all hosts, which look for links within the first quarter of the warm-up.
    fn begin(&mut self) {
        let warmup_us = self.setup.warmup_ms * 1_000;
        for host in 0..self.setup.nodes {
            let connect = self.seeds(host);
            self.start(host, connect);
            if self.setup.topology != Topology::Plexus {
                self.hosts[host as usize].seeks = true;
                let wait_us = self.transport.rng.below(warmup_us / 4);
                self.schedule.later(wait_us, SimEvent::Seek(host));
            }
        }
        self.schedule_faults();
        self.write_later();
        self.draw_later(warmup_us);
    }

    fn draw_later(&mut self, wait_us: u64) {
        let wait_us = wait_us + self.workload.rng.exponential(self.setup.spacing_ms * 1_000);
        self.schedule.later(wait_us, SimEvent::Draw);
    }

    /// Returns the seeds for a host that chooses its links itself.
    pub(super) fn seeds(&mut self, host: u32) -> Vec<Address> {
        if self.setup.topology != Topology::Plexus {
            return Vec::new();
        }
        let drawn: Vec<u32> = (0..SEEDS).map(|_| self.transport.rng.index(self.setup.nodes)).collect();
        drawn.into_iter().filter(|seed| *seed != host).map(identity::address).collect()
    }

    fn degrees(&self) -> Vec<u32> {
        let mut degrees = Vec::new();
        for host in &self.hosts {
            let degree = host.ends.len();
            if degrees.len() <= degree {
                degrees.resize(degree + 1, 0);
            }
            degrees[degree] += 1;
        }
        degrees
    }

    /// Returns the number of links that honest nodes chose, by slot.
    fn chosen(&self) -> Vec<ChosenCount> {
        let mut counts = [Slot::Nearest, Slot::Graph, Slot::Random].map(|slot| (slot, 0, 0));
        for (number, host) in (0..).zip(&self.hosts).filter(|(_, host)| host.is_honest()) {
            let peers = host.node.as_ref().map(|node| node.peers(self.now(number))).unwrap_or_default();
            for peer in peers {
                let to = peer.outbound.as_ref().and_then(identity::resolve);
                let count = counts.iter_mut().find(|(slot, ..)| peer.slot == Some(*slot));
                if let (Some((_, links, to_byzantine)), Some(to)) = (count, to) {
                    *links += 1;
                    *to_byzantine += u64::from(!self.hosts[to as usize].is_honest());
                }
            }
        }
        let counts = counts.into_iter().filter(|(_, links, _)| *links > 0);
        counts
            .map(|(slot, links, to_byzantine)| ChosenCount {
                slot: slot.name().to_owned(),
                links,
                to_byzantine,
            })
            .collect()
    }

    fn place(&self, host: u32) -> PlaceView {
        let (x, y) = self.transport.latency.spot(host);
        let honest = self.hosts[host as usize].is_honest();
        PlaceView { node: host, x, y, honest, header_ms: self.measurements.blocks.mean_header_ms(host) }
    }
}

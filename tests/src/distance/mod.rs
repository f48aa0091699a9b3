//! Real nodes at set distances. Processes in namespaces as far apart as points on a map choose
//! their neighbours, lose the nearest of them, and relay blocks. The simulator gets the same
//! distances.
//!
//! All nodes learn of one another from a meeting node, which ends once they have. The findings are
//! plain numbers ([`DistanceFindings`]). The tests hold the limits for them.

mod findings;
mod map;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::net::Ipv4Addr;
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::{Duration, Instant};

use plexus_core::primitives::params::Network;
use plexus_core::protocol::address::PORT;
use plexus_core::sim::{Latency, SimConfig, Simulation, Topology};
use serde_json::Value;

use crate::api::ApiClient;
use crate::netns::Net;
use crate::observer::Observer;
use crate::process::{self, Process};
use crate::wait::{within, within_by};
pub use findings::{Choice, DistanceFindings, Spread, Succession};
use map::{Map, NEAREST};

/// The fewest nodes: more than a node has links.
pub const NODES_MIN: usize = 10;
/// The most nodes: more need a machine of their own.
pub const NODES_MAX: usize = 100;
/// The most time until another node replaces the nearest.
const SUCCEED: Duration = Duration::from_secs(20);
/// The most time until a block has reached all nodes.
const SPREAD: Duration = Duration::from_secs(10);
/// The number of blocks, mined next to each node in turn.
const BLOCKS: usize = 40;
/// A block takes 2^12 hashes, so it is found at once.
const BITS: u32 = 12;
/// The number of nodes that end.
const ENDS: usize = 4;
/// The number of simulations for the prediction, and the blocks of each.
const SEEDS: u64 = 5;
const SIMULATED_BLOCKS: u32 = 100;

/// The pause between two looks at the choices of all nodes, which keeps them free for their work.
const LOOK: Duration = Duration::from_secs(1);

/// Returns the most time that nodes may take to find their neighbours. They measure an unmeasured
/// node every second, and repeat a bad measurement every five seconds.
fn settle_max(nodes: usize) -> Duration {
    Duration::from_secs(30 + 3 * nodes as u64)
}

/// Returns the most choices that may be about to change at the time of a check.
pub fn wrong_max(nodes: usize) -> usize {
    nodes / 10
}

/// The most time to wait for fewer than these.
const SETTLE_AGAIN_MAX: Duration = Duration::from_secs(30);

/// Returns the most time that a whole run may take.
pub fn life_max(nodes: usize) -> Duration {
    settle_max(nodes) + SETTLE_AGAIN_MAX + Duration::from_secs(180)
}

/// A peer as a node reports it.
#[derive(Clone, Debug)]
struct Link {
    place: usize,
    slot: Option<String>,
    rtt_ms: Option<f64>,
}

/// Returns the address of a place. Each is in a network group of its own, so that a node may have
/// links to all of them.
fn address(place: usize) -> Ipv4Addr {
    Ipv4Addr::new(11, u8::try_from(place + 1).expect("few places"), 0, 1)
}

/// All running processes.
#[derive(Debug)]
struct RunningNodes {
    map: Map,
    parameters: Network,
    nodes: BTreeMap<usize, Process>,
}

/// A node, the block that it announced, and the time.
type Sighting = (usize, String, Instant);

/// Runs everything, in an enclosure. Returns the findings.
pub fn run(nodes: usize, seed: u64) -> DistanceFindings {
    assert!((NODES_MIN..=NODES_MAX).contains(&nodes), "{NODES_MIN} to {NODES_MAX} nodes");
    let map = Map::new(nodes, seed);
    let addresses: Vec<_> = (0..nodes + 2).map(address).collect();
    let delays = map.clone();
    let net = Net::new(&addresses, move |from, to| delays.delay(from, to));
    let folder = net.folder();
    let network = process::network(folder, BITS);
    let start = |place: usize, more: &[&str]| {
        let data = folder.join(format!("place{place}"));
        let listen = format!("{}:{PORT}", address(place));
        Process::start_within(net.namespace(place), &data, &network, &listen, more)
            .unwrap_or_else(|error| panic!("place {place}: {error}"))
    };
    let meeting = start(nodes, &[]);
    let connect = meeting.address().to_owned();
    let running = (0..nodes).map(|node| (node, start(node, &["--connect", &connect]))).collect();
    let mut laboratory = RunningNodes { map, parameters: process::parameters(&network), nodes: running };
    let begun = Instant::now();
    let choice = laboratory.settle(begun);
    let settled_s = begun.elapsed().as_secs_f64();
    meeting.kill();
    let excess = laboratory.excess();
    let spread = laboratory.spread();
    let later = laboratory.settle_again();
    let successions = (0..ENDS).map(|end| laboratory.succeed(end)).collect();
    DistanceFindings { nodes, settled_s, choice, later, excess, spread, successions }
}

impl RunningNodes {
    /// Returns a node's links to other nodes.
    fn links(&self, node: usize) -> Vec<Link> {
        let Some(process) = self.nodes.get(&node) else { return Vec::new() };
        let peers = ApiClient::new(&process.url).ask("/peers").expect("a node that answers");
        let peers = peers.as_array().cloned().unwrap_or_default();
        peers.iter().filter_map(|peer| self.link(peer)).collect()
    }

    fn link(&self, peer: &Value) -> Option<Link> {
        let known = peer["outbound"].as_str().or_else(|| peer["listen"].as_str())?;
        let known: plexus_core::protocol::address::Address = known.parse().unwrap();
        let plexus_core::protocol::host::Host::V4(ip) = known.host() else { return None };
        let place = (0..self.map.nodes()).find(|place| address(*place) == *ip)?;
        let slot = peer["slot"].as_str().map(str::to_owned);
        Some(Link { place, slot, rtt_ms: peer["latency_ms"].as_f64() })
    }

    /// Adds one node's choice to the others'. A node is no candidate if it dialled this node or has
    /// a random link to it.
    fn add_choice(&self, node: usize, choice: &mut Choice) {
        let links = self.links(node);
        let of = |kinds: &[&str]| -> Vec<usize> {
            let fits = |link: &&Link| link.slot.as_deref().is_some_and(|slot| kinds.contains(&slot));
            links.iter().filter(fits).map(|link| link.place).collect()
        };
        let nearest = of(&["nearest"]);
        let is_linked = |place: usize| links.iter().any(|link| link.place == place);
        let unlinked = self.nodes.keys().copied().filter(|place| *place != node && !is_linked(*place));
        let candidates: Vec<_> = unlinked.chain(of(&["nearest", "graph", "feeler"])).collect();
        let expected = self.map.nearest(node, candidates.clone());
        let passed_over = |place: usize| {
            candidates
                .iter()
                .copied()
                .find(|other| !nearest.contains(other) && self.map.is_nearer(node, *other, place))
        };
        let us = |place: usize| self.map.rtt_us[node][place];
        choice.slots += expected.len();
        choice.exact += nearest.iter().filter(|place| expected.contains(place)).count();
        for place in &nearest {
            match passed_over(*place) {
                None => choice.right += 1,
                Some(other) => choice.wrong.push(format!(
                    "node {node} has chosen {place} at {} µs, not {other} at {} µs",
                    us(*place),
                    us(other)
                )),
            }
        }
        if nearest.len() < expected.len() {
            choice.wrong.push(format!("node {node} has chosen {nearest:?} only, of {candidates:?}"));
        }
        let others = self.nodes.keys().copied().filter(|place| *place != node).collect();
        let near = self.map.nearest(node, others);
        choice.linked += near.iter().filter(|place| is_linked(**place)).count();
    }

    fn choice(&self) -> Choice {
        let mut choice = Choice::default();
        for node in self.nodes.keys() {
            self.add_choice(*node, &mut choice);
        }
        choice
    }

    /// Waits until each node has chosen. Returns each node's choice at the first time that it was
    /// right. The nodes do not wait for one another, and keep searching. [`Self::settle_again`]
    /// checks that they stay right.
    fn settle(&self, begun: Instant) -> Choice {
        let mut choice = Choice::default();
        let mut left: Vec<_> = self.nodes.keys().copied().collect();
        let limit = settle_max(self.map.nodes()).saturating_sub(begun.elapsed());
        within_by(LOOK, limit, || {
            left.retain(|node| {
                let mut own = Choice::default();
                self.add_choice(*node, &mut own);
                let is_right = own.right == own.slots;
                if is_right {
                    choice.add(own);
                }
                !is_right
            });
            left.is_empty().then_some(())
        });
        left.into_iter().for_each(|node| self.add_choice(node, &mut choice));
        choice
    }

    /// Checks the choices again while the nodes keep searching. All three choices of a node can be
    /// wrong for a short time. This happens if one of its nearest had dialled it and the link was
    /// lost, until the node dials it itself.
    fn settle_again(&self) -> Choice {
        let mut choice = Choice::default();
        within_by(LOOK, SETTLE_AGAIN_MAX, || {
            choice = self.choice();
            (choice.slots - choice.right <= wrong_max(self.map.nodes())).then_some(())
        });
        choice
    }

    /// Returns the greatest excess of a measured round trip over the set one, as a share.
    fn excess(&self) -> f64 {
        let excess = |node: usize, link: &Link| {
            let set_ms = self.map.rtt_us[node][link.place] as f64 / 1_000.0;
            link.rtt_ms.map(|measured_ms| measured_ms / set_ms - 1.0)
        };
        let excesses = self.nodes.keys().flat_map(|node| {
            self.links(*node).into_iter().filter_map(|link| excess(*node, &link)).collect::<Vec<_>>()
        });
        excesses.fold(0.0, f64::max)
    }

    /// Mines blocks, and measures their propagation. Returns the result.
    fn spread(&self) -> Spread {
        let (tell, sightings) = mpsc::channel();
        for (node, process) in &self.nodes {
            watch(*node, &process.url, tell.clone());
        }
        let (mut measured, mut paths, mut own) = (Vec::new(), Vec::new(), Vec::new());
        for block in 0..BLOCKS {
            let origin = block % self.nodes.len();
            let (sent, delays) = self.send_block(origin, &sightings);
            let Some(first) = delays.first().filter(|_| delays.len() == self.nodes.len()) else { continue };
            own.push(ms(first.saturating_duration_since(sent)));
            let since = delays.iter().map(|at| ms(at.saturating_duration_since(*first))).collect();
            measured.push(shares(since));
            paths.push(shares(self.paths(origin)));
        }
        Spread {
            blocks: measured.len(),
            measured_ms: medians(&measured),
            simulated_ms: self.simulate(),
            paths_ms: medians(&paths),
            own_ms: median(own),
        }
    }

    /// Mines a block beside a node. Returns the time when it was sent there, and the times when
    /// each node announced it, the earliest first.
    fn send_block(&self, origin: usize, sightings: &Receiver<Sighting>) -> (Instant, Vec<Instant>) {
        let process = &self.nodes[&origin];
        let height = ApiClient::new(&process.url).height().expect("a node that answers");
        let mut miner = Observer::connect(process.address(), &self.parameters).unwrap();
        miner.listen(SPREAD, |miner| miner.is_established() && miner.height() == height);
        let begun = Instant::now();
        let hash = miner.mine().to_string();
        let mut seen = BTreeMap::new();
        while seen.len() < self.nodes.len() && begun.elapsed() < SPREAD {
            miner.listen(Duration::from_millis(1), |_| false);
            while let Ok((node, found, at)) = sightings.try_recv() {
                if found == hash {
                    seen.insert(node, at);
                }
            }
        }
        let mut times: Vec<_> = seen.into_values().collect();
        times.sort_unstable();
        (begun, times)
    }

    /// Returns the distance of each node from `origin` over the existing links, in milliseconds.
    /// Each node on the way adds a millisecond.
    fn paths(&self, origin: usize) -> Vec<f64> {
        let mut links = vec![Vec::new(); self.map.nodes()];
        for node in self.nodes.keys() {
            for link in self.links(*node).iter().filter(|link| link.slot.as_deref() != Some("feeler")) {
                links[*node].push(link.place);
                links[link.place].push(*node);
            }
        }
        let hop_us = SimConfig::default().hop_us;
        let mut far_us = vec![u64::MAX; self.map.nodes()];
        far_us[origin] = 0;
        // One round for each node, so that no path is missed.
        for _ in self.nodes.keys() {
            for (node, others) in links.iter().enumerate().filter(|(_, others)| !others.is_empty()) {
                for other in others {
                    let over = far_us[node].saturating_add(self.map.rtt_us[node][*other] / 2 + hop_us);
                    far_us[*other] = far_us[*other].min(over);
                }
            }
        }
        far_us.iter().map(|us| *us as f64 / 1_000.0).collect()
    }

    /// Returns the simulator's prediction for the same distances, and nodes that choose their peers
    /// themselves.
    fn simulate(&self) -> [f64; 2] {
        let report = |seed| {
            let setup = SimConfig {
                nodes: u32::try_from(self.map.nodes()).unwrap(),
                topology: Topology::Plexus,
                latency: Latency::Matrix(self.map.matrix()),
                seed,
                blocks: SIMULATED_BLOCKS,
                warmup_ms: u64::try_from(settle_max(self.map.nodes()).as_millis()).unwrap(),
                spacing_ms: 2_000,
                bandwidth: 0,
                ..SimConfig::default()
            };
            let mut simulation = Simulation::new(setup).unwrap();
            while !simulation.run_for(100_000).unwrap().is_done() {}
            let report = simulation.report();
            [report.body_t50_ms, report.body_t90_ms].map(|ms| ms.expect("blocks spread"))
        };
        medians(&(1..=SEEDS).map(report).collect::<Vec<_>>())
    }

    /// Ends the nearest node of a node, the `end`th of the remaining ones. Waits until the next
    /// nearest has replaced it. Returns the result.
    fn succeed(&mut self, end: usize) -> Succession {
        let nearest = |laboratory: &Self, node: usize| -> Vec<usize> {
            let links = laboratory.links(node).into_iter();
            let nearest = links.filter(|link| link.slot.as_deref() == Some("nearest"));
            laboratory.map.nearest(node, nearest.map(|link| link.place).collect())
        };
        let found = self.nodes.keys().map(|node| (*node, nearest(self, *node)));
        let (node, before) =
            found.filter(|(_, nearest)| nearest.len() == NEAREST).nth(end).expect("nodes that have chosen");
        let gone = before[0];
        self.nodes.remove(&gone).expect("a node that runs").kill();
        let begun = Instant::now();
        let mut now = Vec::new();
        let right = within(SUCCEED, || {
            let mut choice = Choice::default();
            self.add_choice(node, &mut choice);
            now = nearest(self, node);
            (!now.contains(&gone) && choice.right == choice.slots).then_some(())
        });
        let successor = now.into_iter().find(|place| !before.contains(place));
        let (right, seconds) = (right.is_some(), begun.elapsed().as_secs_f64());
        Succession { node, gone, successor, right, seconds }
    }
}

/// Records the times when a node announces a block, while the node runs.
fn watch(node: usize, url: &str, tell: Sender<Sighting>) {
    let agent = ureq::Agent::new_with_defaults();
    let answer = agent.get(format!("{url}/api/v1/events")).call().expect("a node that serves");
    std::thread::spawn(move || {
        let mut lines = BufReader::new(answer.into_body().into_reader()).lines().map_while(Result::ok);
        while let Some(line) = lines.next() {
            if line != "event: block" {
                continue;
            }
            let at = Instant::now();
            let data = lines.next().unwrap_or_default();
            let block: Value = serde_json::from_str(data.trim_start_matches("data: ")).unwrap_or_default();
            let hash = block["hash"].as_str().unwrap_or_default().to_owned();
            if tell.send((node, hash, at)).is_err() {
                return;
            }
        }
    });
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}

/// Returns the delays after which half and nine tenths were reached, counted as the simulator does.
fn shares(mut delays: Vec<f64>) -> [f64; 2] {
    delays.sort_by(f64::total_cmp);
    [50, 90].map(|share| delays[(delays.len() * share).div_ceil(100) - 1])
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

fn medians(values: &[[f64; 2]]) -> [f64; 2] {
    [0, 1].map(|which| median(values.iter().map(|pair| pair[which]).collect()))
}

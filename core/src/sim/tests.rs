use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::node::PeerView;
use crate::peers::outbound_slots::OutboundKind as Slot;

/// Returns a small setup that runs quickly: 24 nodes, 6 blocks, one every 5 seconds.
fn small() -> SimConfig {
    SimConfig { nodes: 24, blocks: 6, warmup_ms: 10_000, spacing_ms: 5_000, seed: 7, ..SimConfig::default() }
}

fn run(setup: SimConfig) -> Report {
    let mut simulation = Simulation::new(setup).unwrap();
    loop {
        match simulation.run_for(10_000) {
            Ok(progress) if progress.is_done() => return simulation.report(),
            Ok(_) => {}
            Err(violation) => panic!("{violation}"),
        }
    }
}

fn with_byzantine(attack: Attack) -> SimConfig {
    let byzantine = vec![ByzantineShare { attack, share_per_mille: 250 }];
    // These bodies are large enough to be requested.
    let faults = Faults { byzantine, ..Faults::default() };
    SimConfig { blocks: 10, body_bytes: 4_000, faults, ..small() }
}

#[test]
fn an_honest_network_hears_of_every_block() {
    let report = run(SimConfig { body_bytes: 4_000, ..small() });
    assert_eq!((report.blocks, report.honest, report.faults), (6, 24, 0));
    assert!(report.t50_ms.unwrap() < report.t99_ms.unwrap());
    assert!(report.t99_ms.unwrap() < report.body_t99_ms.unwrap());
    assert!((0.9..2.0).contains(&report.body_copies), "{}", report.body_copies);
    assert!((1.0..24.0).contains(&report.header_copies), "{}", report.header_copies);
    assert_eq!(report.degrees.iter().sum::<u32>(), 24);
    assert!(report.curves.header_ms.is_sorted());
    let json = serde_json::to_value(&report).unwrap();
    for field in ["topology", "t90_ms", "body_t90_ms", "stale_rate", "bytes_per_node", "trace_hash"] {
        assert!(json.get(field).is_some(), "{field}");
    }
}

/// The same setup gives the same events on every platform: this test runs as WebAssembly too.
#[test]
fn a_seed_is_a_trace() {
    let setup = SimConfig {
        body_bytes: 3_000,
        messages_per_minute: 30,
        skew_ms: 500,
        faults: Faults { loss_ppm: 1_000, crash_every_ms: 20_000, ..Faults::default() },
        ..small()
    };
    let report = run(setup.clone());
    assert_eq!(report, run(setup.clone()));
    assert_ne!(report.trace_hash, run(SimConfig { seed: 8, ..setup }).trace_hash);
    // A change to the messages between nodes changes this hash. No other change may.
    assert_eq!(report.trace_hash, "fc7159d9ff22d32797a7cdf39c5307c4");
}

#[test]
fn slices_do_not_matter() {
    let mut simulation = Simulation::new(small()).unwrap();
    while !simulation.run_for(1).unwrap().is_done() {}
    assert_eq!(simulation.report(), run(small()));
}

#[test]
fn honest_nodes_agree_among_byzantine_nodes_of_every_kind() {
    for attack in Attack::ALL {
        let report = run(with_byzantine(attack));
        assert_eq!(report.honest, 18, "{attack:?}");
        assert!(report.mined >= 10 && report.t50_ms.is_some(), "{attack:?}");
        let bad_faith = report.faults > 0;
        match attack {
            Attack::Silent | Attack::LatencyLiar | Attack::CertificateLiar | Attack::Selfish => {
                assert!(!bad_faith, "{attack:?}");
            }
            Attack::InvalidChain => assert!(bad_faith, "{attack:?}"),
            // It is random whether a peer asks these nodes for anything and takes offence.
            Attack::Stalling | Attack::WithheldBody | Attack::HeaderFlooder | Attack::Eclipse => {}
        }
    }
}

#[test]
fn nodes_that_crash_or_leave_come_back_from_their_journals() {
    let churn = Some(Churn { up_ms: 30_000, down_ms: 10_000 });
    let faults = Faults { churn, crash_every_ms: 5_000, ..Faults::default() };
    let report = run(SimConfig { blocks: 12, faults, ..small() });
    assert!(report.mined >= 12 && report.violations.is_empty());
}

#[test]
fn a_network_that_was_cut_in_two_agrees_again() {
    let partition = Some(Partition { every_ms: 10_000, lasts_ms: 60_000, share_per_mille: 500 });
    let faults = Faults { partition, ..Faults::default() };
    let report = run(SimConfig { blocks: 12, faults, ..small() });
    // Both parts mined, so the blocks of one part are undone.
    assert!(report.orphaned > 0, "{} of {}", report.orphaned, report.mined);
}

#[test]
fn losses_delay_blocks_and_end_links() {
    let faults = Faults { loss_ppm: 200_000, ..Faults::default() };
    let (lossy, calm) = (run(SimConfig { faults, ..small() }), run(small()));
    assert!(lossy.t99_ms.unwrap() > calm.t99_ms.unwrap());
}

#[test]
fn large_blocks_come_later_over_slow_uplinks() {
    let heavy = SimConfig { body_bytes: 40_000, ..small() };
    let (slow, fast) =
        (run(SimConfig { bandwidth: 250_000, ..heavy.clone() }), run(SimConfig { bandwidth: 0, ..heavy }));
    assert!(slow.body_t90_ms.unwrap() > fast.body_t90_ms.unwrap() + 100.0);
    assert!(slow.bytes_per_node > 4.0 * 40_000.0);
}

#[test]
fn nearest_links_are_shorter_and_perigee_finds_better_ones() {
    let mean = |report: &Report| {
        report.links.iter().map(|link| link.rtt_ms).sum::<f64>() / report.links.len() as f64
    };
    let at = |topology| SimConfig {
        nodes: 60,
        warmup_blocks: 80,
        outbound: 6,
        spacing_ms: 2_000,
        topology,
        ..small()
    };
    let [random, nearest, perigee] =
        [Topology::Random, Topology::Nearest, Topology::Perigee].map(|topology| run(at(topology)));
    assert!(mean(&nearest) < mean(&random) / 2.0);
    assert!(mean(&perigee) < mean(&random) * 0.9, "{} of {}", mean(&perigee), mean(&random));
    assert_ne!(perigee.trace_hash, random.trace_hash);
}

#[test]
fn nothing_is_faster_than_all_with_all() {
    let at = |topology| SimConfig { jitter_us: 0, topology, ..small() };
    let (bound, random) = (run(at(Topology::Complete)), run(at(Topology::Random)));
    assert!(bound.t90_ms.unwrap() <= random.t90_ms.unwrap());
    assert!(bound.body_t90_ms.unwrap() <= random.body_t90_ms.unwrap());
    assert_eq!(bound.blocks, 6);
}

#[test]
fn nodes_that_choose_for_themselves_start_from_seeds() {
    let report = run(SimConfig { topology: Topology::Plexus, ..small() });
    assert!(report.t50_ms.is_some());
}

/// Returns round trips between random points in a square of 200 ms, plus 4 ms, in microseconds.
fn scatter(nodes: usize, seed: u64) -> Vec<Vec<u32>> {
    let mut rng = rng::SimRng::new(seed);
    let points: Vec<_> = (0..nodes).map(|_| [rng.index(200_000), rng.index(200_000)]).collect();
    let between = |[x, y]: [u32; 2], [u, v]: [u32; 2]| {
        let (across, down) = (u64::from(x.abs_diff(u)), u64::from(y.abs_diff(v)));
        u32::try_from((across * across + down * down).isqrt()).unwrap() + 4_000
    };
    points.iter().map(|a| points.iter().map(|b| between(*a, *b)).collect()).collect()
}

/// Returns a simulation of nodes at these distances. They choose their links and are left alone.
fn at_distances(rtts_us: &[Vec<u32>], seed: u64, jitter_us: u64) -> Simulation {
    let row = |row: &Vec<u32>| {
        let values = row.iter().map(|us| format!("{}.{:03}", us / 1_000, us % 1_000));
        values.collect::<Vec<_>>().join(",")
    };
    let matrix = rtts_us.iter().map(row).collect::<Vec<_>>().join("\n").parse().unwrap();
    let nodes = u32::try_from(rtts_us.len()).unwrap();
    let (topology, latency) = (Topology::Plexus, Latency::Matrix(matrix));
    let warmup_ms = 3_600_000;
    Simulation::new(SimConfig { nodes, topology, latency, seed, jitter_us, warmup_ms, ..small() }).unwrap()
}

/// Returns the nodes that a node has chosen as its nearest. The flag is true if it passed over no
/// node that is nearer by a tenth and 3 ms. Nodes with which it has a random or an inbound link are
/// not eligible.
fn nearest(simulation: &Simulation, node: u32, rtts_us: &[u32]) -> (BTreeSet<u32>, bool) {
    let peers = simulation.peers(node);
    let place = |peer: &PeerView| identity::resolve(peer.outbound.as_ref().or(peer.listen.as_ref())?);
    let links: BTreeMap<_, _> = peers.iter().filter_map(|peer| Some((place(peer)?, peer.slot))).collect();
    let is_nearest = |node: &u32| links.get(node) == Some(&Some(Slot::Nearest));
    let chosen: BTreeSet<_> = links.keys().copied().filter(is_nearest).collect();
    let us = |node: u32| rtts_us[node as usize];
    let is_free = |other: &u32| {
        let is_choice = |slot: &Option<Slot>| slot.is_some_and(|slot| slot != Slot::Random);
        *other != node && !chosen.contains(other) && links.get(other).is_none_or(is_choice)
    };
    let least = (0..simulation.setup().nodes).filter(is_free).map(us).min();
    let is_passed = |than: u32| least.is_some_and(|us| us + 3_000 <= than && us * 10 <= than * 9);
    let is_right = chosen.len() == 3 && !chosen.iter().any(|one| is_passed(us(*one)));
    (chosen, is_right)
}

#[test]
fn nodes_find_their_nearest_soon_and_then_keep_them() {
    const NODES: usize = 20;
    for (seed, jitter_us) in [(1, 0), (2, 3_000), (3, 8_000)] {
        let rtts_us = scatter(NODES, seed);
        let mut simulation = at_distances(&rtts_us, seed, jitter_us);
        let (mut first, mut wrong_since, mut changes) = ([None; NODES], [None; NODES], 0);
        let mut before = vec![BTreeSet::new(); NODES];
        for second in 1..=660 {
            while simulation.run_until(1_000 * second, 10_000).unwrap().simulated_ms < 1_000 * second {}
            for (node, rtts_us) in rtts_us.iter().enumerate() {
                let (chosen, is_right) = nearest(&simulation, u32::try_from(node).unwrap(), rtts_us);
                if is_right {
                    first[node].get_or_insert(second);
                    wrong_since[node] = None;
                }
                if second <= 60 {
                    before[node] = chosen;
                    continue;
                }
                let since = *wrong_since[node].get_or_insert(second);
                assert!(is_right || second - since <= 20, "seed {seed}: {node} is wrong since {since} s");
                changes += chosen.difference(&before[node]).count();
                before[node] = chosen;
            }
        }
        let slowest = first.into_iter().map(|first| first.unwrap_or(u64::MAX)).max();
        assert!(slowest <= Some(30), "seed {seed}: all have chosen after {slowest:?} s");
        assert!(changes <= NODES / 2, "seed {seed}: {changes} changes in ten minutes at rest");
    }
}

#[test]
fn setups_out_of_bounds_are_refused_by_name() {
    let error = |change: fn(&mut SimConfig)| {
        let mut setup = SimConfig::default();
        change(&mut setup);
        Simulation::new(setup).map(|_| ()).unwrap_err().to_string()
    };
    assert_eq!(error(|setup| setup.nodes = 1), "nodes: must be from 2 to 20000, found 1");
    assert!(error(|setup| setup.spacing_ms = 0).starts_with("spacing_ms:"));
    assert!(error(|setup| setup.miners = 1_001).starts_with("miners:"));
    assert!(
        error(|setup| setup.faults.churn = Some(Churn { up_ms: 0, down_ms: 1 }))
            .starts_with("faults.churn.up_ms:")
    );
    assert!(
        error(|setup| setup.faults.byzantine =
            vec![ByzantineShare { attack: Attack::Silent, share_per_mille: 500 }])
        .starts_with("faults.traitors:")
    );
    assert!(
        error(|setup| {
            setup.topology = Topology::Complete;
            setup.faults.loss_ppm = 1;
        })
        .contains("knows no faults")
    );
}

#[test]
fn a_setup_is_read_from_what_differs() {
    let setup: SimConfig =
        serde_json::from_str(r#"{"nodes": 50, "topology": "perigee", "latency": "sphere"}"#).unwrap();
    assert_eq!((setup.nodes, setup.topology, setup.latency), (50, Topology::Perigee, Latency::Sphere));
    assert!(serde_json::from_str::<SimConfig>(r#"{"knots": 50}"#).is_err());
    let matrix: SimConfig = serde_json::from_str(r#"{"latency": {"matrix": "0,5\n5,0"}}"#).unwrap();
    assert!(matches!(matrix.latency, Latency::Matrix(matrix) if matrix.rows() == 2));
}

#[test]
fn a_scene_shows_a_block_on_its_way_and_branches_apart() {
    let partition = Some(Partition { every_ms: 5_000, lasts_ms: 30_000, share_per_mille: 500 });
    let setup = SimConfig { blocks: 12, faults: Faults { partition, ..Faults::default() }, ..small() };
    let mut simulation = Simulation::new(setup.clone()).unwrap();
    let (mut ms, mut partly, mut apart) = (0, 0, 0);
    while !simulation.run_until(ms, 10_000).unwrap().is_done() {
        ms = simulation.scene().simulated_ms.max(ms) + 20;
        let scene = simulation.scene();
        let [newest, behind, elsewhere, down] = scene.counts;
        assert_eq!((newest + behind + elsewhere + down, scene.stances.len()), (24, 24));
        assert!(scene.blocks.len() <= report_frame::BLOCKS_SHOWN_MAX);
        partly += u32::from(newest > 0 && behind > 0);
        apart += u32::from(elsewhere > 0);
        let forks = scene.blocks.iter().filter(|block| !block.best && block.holders > 0).count();
        assert_eq!(forks > 0, elsewhere > 0);
    }
    assert!(partly > 10 && apart > 10, "{partly} {apart}");
    let scene = simulation.scene();
    assert_eq!(scene.counts, [24, 0, 0, 0]);
    assert_eq!(scene.stances, [BlockStance::Newest; 24]);
    assert_eq!(scene.blocks.last().map(|block| block.best), Some(true));
    // Looking changes nothing.
    assert_eq!(simulation.report(), run(setup));
}

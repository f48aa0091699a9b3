//! Many short simulations: a different network and other faults with each seed, under the
//! invariants that the simulator checks.
//!
//! `SEEDS` sets their number: `SEEDS=100000 cargo test --release -p plexus-tests --test scenarios
//! simulated` takes a night.

use plexus_core::sim::{
    Attack, ByzantineShare, ChosenCount, Churn, Faults, Latency, Partition, SimConfig, Simulation, Topology,
};
use plexus_tests::test_rng::TestRng;

/// Returns a random network with random faults.
fn draw(seed: u64) -> SimConfig {
    let mut rng = TestRng::new(seed ^ 0x51b0_1a7e);
    let mut below = |end: u64| rng.below(end);
    let mut faults = Faults::default();
    if below(2) == 0 {
        let attack = Attack::ALL[usize::try_from(below(Attack::ALL.len() as u64)).unwrap()];
        faults
            .byzantine
            .push(ByzantineShare { attack, share_per_mille: 100 + u32::try_from(below(234)).unwrap() });
    }
    if below(3) == 0 {
        faults.loss_ppm = u32::try_from(below(10_000)).unwrap();
    }
    if below(3) == 0 {
        faults.churn = Some(Churn { up_ms: 10_000 + below(60_000), down_ms: 1_000 + below(20_000) });
    }
    if below(3) == 0 {
        faults.partition = Some(Partition {
            every_ms: 5_000 + below(20_000),
            lasts_ms: 1_000 + below(30_000),
            share_per_mille: 100 + u32::try_from(below(400)).unwrap(),
        });
    }
    if below(3) == 0 {
        faults.crash_every_ms = 2_000 + below(20_000);
    }
    let topology =
        [Topology::Plexus, Topology::Random, Topology::Nearest][usize::try_from(below(3)).unwrap()];
    SimConfig {
        nodes: 8 + u32::try_from(below(17)).unwrap(),
        topology,
        seed,
        blocks: 4,
        warmup_ms: 10_000,
        spacing_ms: 1_000 + below(9_000),
        last_mile_us: below(30_000),
        jitter_us: below(20_000),
        body_bytes: u32::try_from(below(20_000)).unwrap(),
        messages_per_minute: u32::try_from(below(60)).unwrap(),
        skew_ms: below(2_000),
        faults,
        ..SimConfig::default()
    }
}

#[test]
fn no_seed_breaks_a_law() {
    let seeds = std::env::var("SEEDS").ok().map_or(200, |text| text.parse().expect("SEEDS is a number"));
    let (mut mined, mut undone, mut faults) = (0, 0, 0);
    for seed in 0..seeds {
        let setup = draw(seed);
        let mut simulation = Simulation::new(setup.clone()).unwrap();
        while !simulation.run_for(10_000).unwrap_or_else(|broken| panic!("{broken} in {setup:?}")).is_done() {
        }
        let report = simulation.report();
        assert!(report.mined >= 4 && report.violations.is_empty(), "SEED={seed}: {report:?}");
        (mined, undone, faults) =
            (mined + report.mined, undone + report.orphaned, faults + u64::from(report.faults > 0));
    }
    // Networks in which nothing happens prove little.
    assert!(undone * 50 > mined, "{undone} of {mined} blocks undone");
    assert!(faults * 50 > seeds, "a node was found at fault in {faults} of {seeds}");
}

#[test]
fn who_lies_about_where_it_is_gains_no_more_than_its_share_and_a_slot() {
    for attack in [Attack::LatencyLiar, Attack::CertificateLiar] {
        let byzantine = vec![ByzantineShare { attack, share_per_mille: 200 }];
        let faults = Faults { byzantine, ..Faults::default() };
        let (topology, latency) = (Topology::Plexus, Latency::Sphere);
        let setup = SimConfig {
            nodes: 40,
            topology,
            latency,
            seed: 5,
            blocks: 4,
            warmup_ms: 400_000,
            faults,
            ..SimConfig::default()
        };
        let mut simulation = Simulation::new(setup).unwrap();
        while !simulation.run_for(10_000).unwrap_or_else(|broken| panic!("{broken}")).is_done() {}
        let report = simulation.report();
        let [links, to_byzantine] =
            [|count: &ChosenCount| count.links, |count: &ChosenCount| count.to_byzantine]
                .map(|of| report.chosen.iter().map(of).sum::<u64>());
        assert_eq!(links, 8 * u64::from(report.honest), "{attack:?}");
        // A fifth of eight, and one more.
        let most = u64::from(report.honest) * 26 / 10;
        println!("MEASURED {attack:?}: {to_byzantine} of {links} links, at most {most}: {:?}", report.chosen);
        assert!(to_byzantine <= most, "{attack:?}: {to_byzantine} of {links}, at most {most}");
    }
}

//! Random lives: nodes come and go, links break, power fails, people write and mine. In the end all
//! nodes agree. Every message of a node that stayed is in the chain exactly once.
//!
//! `SEEDS` sets the number of worlds.

use plexus_core::primitives::message::MessageId;
use plexus_core::protocol::packet::Role;
use plexus_tests::actor::Actor;
use plexus_tests::scenario::Scenario;
use plexus_tests::test_rng::TestRng;

const NAMES: [&str; 6] = ["alice", "bob", "carol", "dave", "erin", "frank"];
const STEPS: usize = 150;

fn live(seed: u64, lights: bool) {
    let mut world = Scenario::new(seed);
    world.honest = true;
    let mut rng = TestRng::new(world.seed() ^ 0xc4a0_5000);
    let count = 3 + usize::try_from(rng.below(4)).unwrap();
    let all: Vec<Actor> = (0..count)
        .map(|place| {
            let connect: Vec<&str> = (1..=2).map(|step| NAMES[(place + step) % count]).collect();
            let role = if lights && place > 1 && rng.one_in(4) { Role::Light } else { Role::Full };
            world.add(NAMES[place], role, &connect)
        })
        .collect();
    let mut written: Vec<(Actor, MessageId)> = Vec::new();
    let mut cuts = Vec::new();
    for _ in 0..STEPS {
        world.latency_ms = 1 + rng.below(200);
        world.elapse(rng.below(4_000));
        let party = *rng.pick(&all);
        let other = *rng.pick(&all);
        let up = world.host(party).node.is_some();
        match rng.below(20) {
            0 if up => world.crash(party),
            1 if up => world.host_mut(party).persists_left = Some(rng.below(4)),
            2 if party != other && !cuts.contains(&(party, other)) => {
                world.cut(party, other);
                cuts.push((party, other));
            }
            3 | 4 if !cuts.is_empty() => {
                let (one, other) = cuts.swap_remove(0);
                world.mend(one, other);
            }
            5..=10 if up => {
                world.set_mining(party, true);
                if let Some(solution) = world.solve(party) {
                    world.tell(party, plexus_core::node::Input::Solved(solution));
                }
                if world.host(party).node.is_some() {
                    world.set_mining(party, false);
                }
            }
            11..=15 if up => {
                let text = format!("message {} of seed {seed}", written.len());
                written.push((party, world.write(party, &text)));
            }
            _ if !up => world.restart(party),
            _ => {}
        }
    }
    cuts.into_iter().for_each(|(one, other)| world.mend(one, other));
    for party in &all {
        world.host_mut(*party).persists_left = None;
        if world.host(*party).node.is_none() {
            world.restart(*party);
        }
    }
    // Long enough for the longest back-off, and for every mempool to be announced.
    world.elapse(300_000);
    let full: Vec<Actor> =
        all.iter().copied().filter(|party| world.host(*party).config.role == Role::Full).collect();
    for _ in 0..3 {
        world.mine(full[0]);
        world.elapse(60_000);
    }
    world.assert_agree(&all);
    world.assert_no_faults();
    for (party, id) in &written {
        let stayed = world.host(*party).life == 1;
        let times = world.mined(full[0], id);
        assert!(times <= 1, "message {id} is in the chain {times} times");
        assert!(!stayed || times == 1, "message {id} of {} is lost", world.host(*party).name);
    }
}

fn seeds() -> std::ops::Range<u64> {
    0..std::env::var("SEEDS").ok().map_or(25, |text| text.parse().expect("SEEDS is a number"))
}

#[test]
fn whatever_happens_full_nodes_agree_in_the_end() {
    seeds().for_each(|seed| live(seed, false));
}

#[test]
fn whatever_happens_light_nodes_agree_too() {
    seeds().for_each(|seed| live(seed, true));
}

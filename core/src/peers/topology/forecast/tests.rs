use proptest::prelude::*;

use super::*;
use crate::peers::topology::graph::adjacency::hop_us;

fn key(number: u32) -> PublicKey {
    let mut bytes = [2; 33];
    bytes[1..5].copy_from_slice(&number.to_be_bytes());
    PublicKey::from_bytes(bytes)
}

fn topology(links: &[(u32, u32, u32)]) -> GraphTopology {
    GraphTopology::new(key(0), links.iter().map(|(a, b, rtt_ms)| (key(*a), key(*b), rtt_ms * 1_000)))
}

#[test]
fn the_middle_of_a_star_serves_everybody() {
    let topology = topology(&[(0, 1, 10), (0, 2, 10), (0, 3, 10), (1, 4, 10)]);
    let forecast = FirstHopForecast::new(&topology, &[key(1), key(2), key(3)]);
    assert_eq!((forecast.share(&key(1), &key(2)), forecast.sources(&key(1))), (Some(1_000), 2));
    assert_eq!(forecast.children(&key(1)), [(key(2), 1_000), (key(3), 1_000)]);
    assert_eq!(forecast.share(&key(1), &key(1)), Some(0));
}

#[test]
fn who_is_served_otherwise_is_not_ours() {
    // Neighbours 1 and 2 are nearer to each other than through us. Neighbour 3 receives blocks from
    // 1 directly, but 5's blocks too late that way.
    let topology = topology(&[(0, 1, 20), (0, 2, 20), (1, 2, 4), (0, 3, 20), (1, 3, 60), (2, 5, 4)]);
    let forecast = FirstHopForecast::new(&topology, &[key(1), key(2), key(3)]);
    assert_eq!(forecast.share(&key(1), &key(2)), Some(0));
    assert_eq!(forecast.share(&key(1), &key(3)), Some(1_000));
    assert_eq!(forecast.sources(&key(2)), 2);
    assert_eq!(forecast.children(&key(2)), [(key(3), 1_000)]);
    assert_eq!(forecast.share(&key(3), &key(1)), Some(1_000));
}

#[test]
fn shares_are_over_the_places_that_blocks_come_from() {
    // Node 2 receives 1's own blocks through us, and 3's through its link with 3.
    let topology = topology(&[(0, 1, 10), (0, 2, 10), (1, 3, 10), (3, 2, 12)]);
    let forecast = FirstHopForecast::new(&topology, &[key(1), key(2)]);
    assert_eq!((forecast.sources(&key(1)), forecast.share(&key(1), &key(2))), (2, Some(500)));
}

#[test]
fn nothing_is_said_of_what_the_graph_does_not_tell() {
    let topology = topology(&[(0, 1, 10), (0, 2, 90), (1, 2, 10), (5, 6, 10)]);
    let forecast = FirstHopForecast::new(&topology, &[key(1), key(2), key(5), key(77)]);
    assert_eq!(forecast.share(&key(1), &key(2)), Some(0));
    // No block is expected to come from 2, because the way by 1 is shorter. Nodes 5 and 77 have no
    // link to us.
    assert_eq!((forecast.sources(&key(2)), forecast.share(&key(2), &key(1))), (0, None));
    assert_eq!((forecast.share(&key(1), &key(5)), forecast.share(&key(77), &key(1))), (None, None));
    assert_eq!((forecast.children(&key(2)), FirstHopForecast::default().children(&key(1))), (vec![], vec![]));
}

#[test]
fn our_own_blocks_go_first_to_whom_most_nodes_hear_from() {
    // Nodes 4 and 5 are behind 1. Node 2 receives blocks from 1 sooner than from us.
    let links = [(0, 1, 10), (0, 2, 90), (0, 3, 10), (1, 2, 10), (1, 4, 10), (4, 5, 10)];
    let forecast = FirstHopForecast::new(&topology(&links), &[key(1), key(2), key(3), key(77)]);
    let own = |number| (forecast.own_share(&key(number)), forecast.downstream_nodes(&key(number)));
    assert_eq!(own(1), (Some(1_000), 4));
    assert_eq!((own(2), own(3)), ((Some(0), 0), (Some(1_000), 1)));
    assert_eq!(own(77), (None, 0));
}

#[test]
fn a_hub_is_judged_by_so_many_neighbours_and_no_more() {
    let links: Vec<_> = (1..300).map(|node| (0, node, 10)).collect();
    let neighbours: Vec<_> = (1..300).map(key).collect();
    let forecast = FirstHopForecast::new(&topology(&links), &neighbours);
    assert_eq!(forecast.children(&key(1)).len(), NEIGHBOURS_MAX - 1);
    assert_eq!(forecast.share(&key(1), &key(299)), None);
}

proptest! {
    #[test]
    fn a_forecast_follows_its_definition(
        links in proptest::collection::btree_map((0_u32..12, 0_u32..12), 1_u32..60_000, 0..40),
    ) {
        let links = links.into_iter().map(|((a, b), us)| (key(a), key(b), us));
        let topology = GraphTopology::new(key(0), links);
        let neighbours: Vec<_> = topology.adjacency.hops(topology.own).iter().map(|hop| topology.key(hop.0)).collect();
        let forecast = FirstHopForecast::new(&topology, &neighbours);
        let own = topology.own();
        let hops = topology.links().filter_map(|(a, b, rtt)| {
            let us = hop_us(u32::try_from(rtt.as_micros()).unwrap());
            (a == own).then_some((b, us)).or((b == own).then_some((a, us)))
        });
        let hops: Vec<_> = hops.collect();
        let trees: Vec<_> = topology.nodes().iter().map(|source| topology.tree(source).unwrap()).collect();
        for &(from, from_us) in &hops {
            for &(to, to_us) in &hops {
                let (mut sources, mut first) = (0_u64, 0_u64);
                for tree in &trees {
                    let us = |to| tree.distance(&to).map(|after| u32::try_from(after.as_micros()).unwrap());
                    let Some(ours) = us(own).filter(|us| *us > 0) else { continue };
                    let by = hops.iter().find(|(by, hop_us)| us(*by).unwrap() + hop_us == ours).unwrap();
                    if by.0 == from && by.1 == from_us {
                        sources += 1;
                        first += u64::from(to != from && ours + to_us <= us(to).unwrap() + MARGIN_US);
                    }
                }
                let share = (sources > 0).then(|| u16::try_from(first * 1_000 / sources).unwrap());
                prop_assert_eq!(forecast.share(&from, &to), share);
            }
        }
    }
}

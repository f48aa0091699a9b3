use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::peers::topology::graph::HOP_US;
use crate::peers::topology::graph::adjacency::hop_us;

fn key(number: u32) -> PublicKey {
    let mut bytes = [2; 33];
    bytes[1..5].copy_from_slice(&number.to_be_bytes());
    PublicKey::from_bytes(bytes)
}

fn keys(numbers: &[u32]) -> Vec<PublicKey> {
    numbers.iter().copied().map(key).collect()
}

fn topology(links: &[(u32, u32, u32)]) -> GraphTopology {
    GraphTopology::new(key(0), links.iter().map(|(a, b, rtt_ms)| (key(*a), key(*b), rtt_ms * 1_000)))
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// Returns two triangles that one link connects, and a separate pair.
fn sample() -> GraphTopology {
    topology(&[(0, 1, 10), (1, 2, 10), (2, 0, 30), (2, 3, 40), (3, 4, 10), (4, 5, 10), (5, 3, 10), (8, 9, 2)])
}

#[test]
fn blocks_take_half_a_round_trip_and_a_hop_each() {
    let topology = sample();
    let tree = topology.tree(&key(0)).unwrap();
    assert_eq!(tree.distance(&key(1)), Some(ms(6)));
    assert_eq!(tree.distance(&key(2)), Some(ms(12)));
    assert_eq!((tree.parent(&key(2)), tree.parent(&key(0))), (Some(key(1)), None));
    assert_eq!((tree.distance(&key(8)), tree.parent(&key(8))), (None, None));
    assert_eq!((tree.distance(&key(77)), tree.parent(&key(77))), (None, None));
    let arrivals: Vec<_> = tree.arrivals().collect();
    let expected = [(0, 0), (1, 6), (2, 12), (3, 33), (4, 39), (5, 39)];
    assert_eq!(arrivals, expected.map(|(node, after)| (key(node), ms(after))));
    assert_eq!(topology.nearest(&key(3), 2), [(key(4), ms(6)), (key(5), ms(6))]);
    assert_eq!(topology.nearest(&key(77), 2), []);
    assert!(topology.tree(&key(77)).is_none());
}

#[test]
fn levels_count_hops() {
    let levels: Vec<_> = [&[0][..], &[1, 2], &[3], &[4, 5]].map(keys).into();
    assert_eq!(sample().level_order(&key(0)), levels);
    assert_eq!(sample().level_order(&key(9)), [keys(&[9]), keys(&[8])]);
    assert_eq!(sample().level_order(&key(77)), Vec::<Vec<PublicKey>>::new());
}

#[test]
fn weak_points_and_parts_are_found() {
    let topology = sample();
    assert_eq!(topology.articulation_points(), keys(&[2, 3]));
    assert_eq!(topology.bridges(), [(key(2), key(3)), (key(8), key(9))]);
    assert_eq!(topology.communities(), [keys(&[0, 1, 2, 3, 4, 5]), keys(&[8, 9])]);
    assert_eq!(topology.cut_off(), keys(&[8, 9]));
    assert_eq!(topology.diameter(), ms(39));
}

#[test]
fn we_are_there_without_a_link() {
    let topology = topology(&[]);
    assert_eq!((topology.own(), topology.nodes()), (key(0), &keys(&[0])[..]));
    assert_eq!(topology.tree(&key(0)).unwrap().arrivals().collect::<Vec<_>>(), [(key(0), ms(0))]);
    assert_eq!((topology.diameter(), topology.communities()), (ms(0), vec![keys(&[0])]));
    assert_eq!(
        (topology.bridges(), topology.articulation_points(), topology.cut_off()),
        (vec![], vec![], vec![])
    );
}

#[test]
fn a_link_counts_once_and_none_leads_to_itself() {
    let topology = topology(&[(0, 1, 10), (1, 0, 90), (1, 1, 5)]);
    assert_eq!(topology.links().collect::<Vec<_>>(), [(key(0), key(1), ms(10))]);
}

#[test]
fn the_longest_paths_stop_at_the_longest_distance() {
    let links: Vec<_> = (0..200).map(|node| (node, node + 1, 60_000)).collect();
    let topology = topology(&links);
    let tree = topology.tree(&key(0)).unwrap();
    assert_eq!(tree.distance(&key(200)), Some(Duration::from_micros(u64::from(u32::MAX) - 1)));
    assert_eq!(tree.parent(&key(200)), Some(key(199)));
}

#[test]
fn a_large_diameter_is_estimated() {
    let nodes = u32::try_from(DIAMETER_NODES_MAX).unwrap() * 2;
    let path: Vec<_> = (0..nodes).map(|node| (node, node + 1, 8)).collect();
    assert_eq!(topology(&path).diameter(), ms(5) * nodes);
    let ring: Vec<_> = (0..nodes).map(|node| (node, (node + 1) % nodes, 8)).collect();
    assert_eq!(topology(&ring).diameter(), ms(5) * (nodes / 2));
}

/// Returns distances by Floyd and Warshall, microseconds.
fn reference(nodes: usize, links: &[(u32, u32, u32)]) -> Vec<Vec<u64>> {
    let mut us = vec![vec![u64::MAX / 4; nodes]; nodes];
    (0..nodes).for_each(|node| us[node][node] = 0);
    for (a, b, weight_us) in links {
        for (a, b) in [(*a as usize, *b as usize), (*b as usize, *a as usize)] {
            us[a][b] = u64::from(weight_us / 2 + HOP_US);
        }
    }
    for via in 0..nodes {
        for from in 0..nodes {
            for to in 0..nodes {
                us[from][to] = us[from][to].min(us[from][via] + us[via][to]);
            }
        }
    }
    us
}

/// Returns the number of a graph's components, by flooding, without a node or a link.
fn parts(topology: &GraphTopology, node: Option<u32>, link: Option<(u32, u32)>) -> usize {
    let nodes = u32::try_from(topology.keys.len()).unwrap();
    let mut open: BTreeSet<_> = (0..nodes).filter(|other| Some(*other) != node).collect();
    let mut parts = 0;
    while let Some(start) = open.pop_first() {
        parts += 1;
        let mut stack = vec![start];
        while let Some(from) = stack.pop() {
            for (to, _) in topology.adjacency.hops(from) {
                if Some((from.min(*to), from.max(*to))) != link && open.remove(to) {
                    stack.push(*to);
                }
            }
        }
    }
    parts
}

prop_compose! {
    fn any_topology()(
        links in proptest::collection::vec((0_u32..14, 0_u32..14, 1_u32..60_000), 0..40),
    ) -> GraphTopology {
        GraphTopology::new(key(0), links.into_iter().map(|(a, b, us)| (key(a), key(b), us)))
    }
}

proptest! {
    #[test]
    fn distances_are_those_of_the_reference(topology in any_topology()) {
        let us = reference(topology.keys.len(), &topology.links);
        let mut diameter = 0;
        for (from, row) in us.iter().enumerate() {
            let tree = topology.tree(&topology.keys[from]).unwrap();
            for (to, us) in row.iter().enumerate() {
                let expected = (*us < u64::MAX / 4).then_some(Duration::from_micros(*us));
                prop_assert_eq!(tree.distance(&topology.keys[to]), expected);
                diameter = diameter.max(expected.map_or(0, |_| *us));
                if let Some(parent) = tree.parent(&topology.keys[to]) {
                    let (parent, to) = (topology.place(&parent).unwrap(), topology.place(&topology.keys[to]).unwrap());
                    let hop = topology.adjacency.hop(parent, to).unwrap();
                    prop_assert_eq!(row[parent as usize] + u64::from(hop), *us);
                }
            }
            let nearest: Vec<_> = tree.arrivals().map(|(_, after)| after).collect();
            prop_assert!(nearest.is_sorted());
        }
        prop_assert_eq!(topology.diameter(), Duration::from_micros(diameter));
    }

    #[test]
    fn distances_from_several_nodes_at_once_are_those_from_each(topology in any_topology(), drawn in any::<[u32; 8]>()) {
        let nodes = u32::try_from(topology.keys.len()).unwrap();
        let sources = drawn.map(|drawn| drawn % nodes);
        let rows = topology.adjacency.distances(&sources);
        prop_assert_eq!(&rows, &topology.adjacency.each(&sources));
        for (place, source) in sources.into_iter().enumerate() {
            let from_it: Vec<_> = rows.iter().map(|row| row[place]).collect();
            prop_assert_eq!(&from_it, &topology.adjacency.paths(source).us);
        }
    }

    #[test]
    fn weak_points_are_those_whose_loss_splits(topology in any_topology()) {
        let whole = parts(&topology, None, None);
        let nodes = (0_u32..).take(topology.keys.len());
        // A node's loss splits the graph if more components are left than before. The node itself
        // may have been a component.
        let alone = |node| usize::from(topology.adjacency.hops(node).is_empty());
        let points = nodes.filter(|node| parts(&topology, Some(*node), None) + alone(*node) > whole);
        let points: Vec<_> = points.map(|node| topology.key(node)).collect();
        prop_assert_eq!(topology.articulation_points(), points);
        let ends = topology.links.iter().map(|(a, b, _)| (*a, *b));
        let bridges: Vec<_> = ends.filter(|ends| parts(&topology, None, Some(*ends)) > whole).collect();
        prop_assert_eq!(topology.bridge_ends(), bridges);
        prop_assert_eq!(topology.communities().len(), whole);
    }

    #[test]
    fn the_order_of_links_does_not_matter(
        links in proptest::collection::btree_map((0_u32..9, 10_u32..19), 1_u32..60_000, 1..30),
    ) {
        let links: Vec<_> = links.into_iter().map(|((a, b), us)| (key(a), key(b), us)).collect();
        let (forth, back) = (
            GraphTopology::new(key(0), links.iter().copied()),
            GraphTopology::new(key(0), links.iter().rev().map(|(a, b, us)| (*b, *a, *us))),
        );
        prop_assert_eq!(&forth.links, &back.links);
        for source in forth.nodes() {
            let arrivals = |topology: &GraphTopology| topology.tree(source).unwrap().arrivals().collect::<Vec<_>>();
            prop_assert_eq!(arrivals(&forth), arrivals(&back));
        }
        prop_assert_eq!(hop_us(forth.links[0].2), forth.adjacency.hop(forth.links[0].0, forth.links[0].1).unwrap());
    }
}

//! The map of a run at distances: the positions of all nodes, and the times between them.

use std::time::Duration;

use plexus_core::sim::Matrix;

use crate::test_rng::TestRng;

/// The number of nearest nodes that a node keeps.
pub(super) const NEAREST: usize = 3;
/// The map's width and height as a round trip, in microseconds.
const MAP_US: u64 = 200_000;
/// The addition to every round trip, in microseconds.
const ACCESS_US: u64 = 4_000;
/// The round trip to the meeting node, in microseconds.
const MEETING_US: u64 = 400_000;
/// A node need not change to another that is nearer by less than this. The limit is a share of the
/// round trip in thousandths, and a time that covers errors of measurement on a busy machine.
const NEARER_PER_MILLE: u64 = 900;
const NEARER_US: u64 = 3_000;

/// The positions of all nodes.
#[derive(Clone, Debug)]
pub(super) struct Map {
    /// Round trips between the nodes, in microseconds.
    pub(super) rtt_us: Vec<Vec<u64>>,
}

impl Map {
    pub(super) fn new(nodes: usize, seed: u64) -> Self {
        let mut rng = TestRng::new(seed);
        let points: Vec<_> = (0..nodes).map(|_| [rng.below(MAP_US), rng.below(MAP_US)]).collect();
        let between = |[x, y]: [u64; 2], [u, v]: [u64; 2]| {
            let (across, down) = (x.abs_diff(u), y.abs_diff(v));
            (across * across + down * down).isqrt() + ACCESS_US
        };
        let row = |&a: &[u64; 2]| points.iter().map(|&b| between(a, b)).collect();
        Self { rtt_us: points.iter().map(row).collect() }
    }

    pub(super) fn nodes(&self) -> usize {
        self.rtt_us.len()
    }

    /// Returns the time of a packet. After the nodes come two more places: the meeting node, and
    /// the observer, which is next to every node.
    pub(super) fn delay(&self, from: usize, to: usize) -> Duration {
        let nodes = self.nodes();
        let rtt_us = match (from.max(to), from == to) {
            (_, true) => 0,
            (far, _) if far < nodes => self.rtt_us[from][to],
            (far, _) if far == nodes => MEETING_US,
            _ => 0,
        };
        Duration::from_micros(rtt_us / 2)
    }

    pub(super) fn matrix(&self) -> Matrix {
        let row = |row: &Vec<u64>| {
            let values = row.iter().map(|us| format!("{}.{:03}", us / 1_000, us % 1_000));
            values.collect::<Vec<_>>().join(",")
        };
        self.rtt_us.iter().map(row).collect::<Vec<_>>().join("\n").parse().unwrap()
    }

    /// Returns the places among `places` that are nearest to a node.
    pub(super) fn nearest(&self, node: usize, mut places: Vec<usize>) -> Vec<usize> {
        places.sort_by_key(|place| self.rtt_us[node][*place]);
        places.truncate(NEAREST);
        places
    }

    /// Returns true if `one` is nearer to a node than `than`, by enough to be chosen in its place.
    pub(super) fn is_nearer(&self, node: usize, one: usize, than: usize) -> bool {
        let [one, than] = [one, than].map(|place| self.rtt_us[node][place]);
        one + NEARER_US <= than && one * 1_000 <= than * NEARER_PER_MILLE
    }
}

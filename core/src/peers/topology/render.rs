//! A drawing of the network for people: our node in the middle, and every other node as far out as
//! blocks take to travel.
//!
//! Distance from the middle is the length of the shortest path. Directions follow the tree of
//! shortest paths, so nodes that receive blocks from the same node sit together behind it. Then
//! crowded nodes part sideways. Only + - * / and square roots are used, which all platforms round
//! in the same way. So a server and a browser draw the same picture. A drawing is as large as its
//! topology. Parting takes a step for each pair of nodes, so graphs over [`PARTED_NODES_MAX`] skip
//! it.

mod dot;
mod svg;

use serde::Serialize;

pub use svg::{LABELS_MAX, SvgOptions};

use crate::peers::topology::graph::{GraphTopology, UNREACHED};
use crate::primitives::key::PublicKey;

/// The most nodes with which crowded ones part.
pub const PARTED_NODES_MAX: usize = 512;
/// The number of parting steps.
const PARTING_STEPS: usize = 12;
/// The distance of the farthest node from the middle, in a square whose side is 1.
const RADIUS: f64 = 0.41;
/// The distance of unreachable nodes from the middle.
const RADIUS_CUT_OFF: f64 = 0.47;
/// The number of unreachable nodes that fit on the whole circle. Fewer stay together, more move
/// closer.
const CUT_OFF_PER_TURN: u32 = 36;
/// A ring is drawn for round latencies down to this part of the longest.
const RINGS_WITHIN: u32 = 12;

/// A node with its position.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Spot {
    /// Its key.
    pub key: PublicKey,
    /// Its position from the left, 0 to 1.
    pub x: f64,
    /// Its position from the top, 0 to 1.
    pub y: f64,
    /// The time that a block of ours is expected to take to it, microseconds. `None` without a
    /// path.
    pub distance_us: Option<u32>,
    /// Whether it is our node.
    pub own: bool,
    /// Whether its loss would cut others off.
    pub weak: bool,
}

/// A link between two spots.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LinkLine {
    /// The index of one end among the spots.
    pub a: u32,
    /// The index of the other end.
    pub b: u32,
    /// The round trip, microseconds.
    pub rtt_us: u32,
    /// Whether our blocks are expected to travel along it.
    pub tree: bool,
    /// Whether its loss would cut nodes off.
    pub bridge: bool,
}

/// A circle around the middle: the distance that a block of ours covers in a round time.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Ring {
    /// Its radius, in a square whose side is 1.
    pub radius: f64,
    /// The time, microseconds.
    pub after_us: u32,
}

/// A graph laid out in a square whose side is 1.
///
/// ```
/// use plexus_core::PublicKey;
/// use plexus_core::peers::topology::graph::GraphTopology;
/// use plexus_core::peers::topology::render::Drawing;
///
/// let [us, a, b] = [1, 2, 3].map(|byte| PublicKey::from_bytes([byte; 33]));
/// let drawing = Drawing::new(&GraphTopology::new(us, [(us, a, 10_000), (a, b, 10_000)]));
/// assert_eq!((drawing.spots.len(), drawing.lines.len()), (3, 2));
/// assert!(drawing.spots[0].own && drawing.spots[1].weak, "without a, b is cut off");
/// assert!(drawing.dot().contains(&b.to_string()));
/// ```
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Drawing {
    /// The nodes, in the order of their keys.
    pub spots: Vec<Spot>,
    /// The links, in the order of their ends.
    pub lines: Vec<LinkLine>,
    /// The circles, from the inner to the outer.
    pub rings: Vec<Ring>,
}

impl Drawing {
    /// Creates a drawing of a topology, seen by its own node.
    pub fn new(topology: &GraphTopology) -> Self {
        let paths = topology.adjacency.paths(topology.own);
        let reached = |node: &u32| paths.us[*node as usize] != UNREACHED;
        let longest_us = paths.order.last().map_or(0, |node| paths.us[*node as usize]);
        // Many nodes are nearby and would crowd the middle. The square root gives them room.
        let radius = |us: u32| (f64::from(us) / f64::from(longest_us.max(1))).sqrt() * RADIUS;
        let nodes = 0..u32::try_from(topology.nodes().len()).unwrap_or(u32::MAX);
        let radii: Vec<_> = nodes
            .clone()
            .map(|node| if reached(&node) { radius(paths.us[node as usize]) } else { RADIUS_CUT_OFF })
            .collect();

        let mut turns = turns(&paths.parents, &paths.order);
        let cut_off: Vec<_> = topology.parts().into_iter().flatten().filter(|node| !reached(node)).collect();
        let count = u32::try_from(cut_off.len()).unwrap_or(u32::MAX).max(CUT_OFF_PER_TURN);
        for (place, node) in (0_u32..).zip(&cut_off) {
            turns[*node as usize] = f64::from(place) / f64::from(count);
        }
        let mut places: Vec<_> =
            turns.iter().zip(&radii).map(|(turn, radius)| scaled(unit(*turn), *radius)).collect();
        if places.len() <= PARTED_NODES_MAX {
            (0..PARTING_STEPS).for_each(|_| places = parted(&places, &radii, &topology.links));
        }

        let weak = topology.articulation_points();
        let spot = |node: u32| {
            let (key, (x, y)) = (topology.key(node), places[node as usize]);
            Spot {
                key,
                x: 0.5 + x,
                y: 0.5 + y,
                distance_us: reached(&node).then(|| paths.us[node as usize]),
                own: node == topology.own,
                weak: weak.binary_search(&key).is_ok(),
            }
        };
        let bridges = topology.bridge_ends();
        let line = |&(a, b, rtt_us): &(u32, u32, u32)| LinkLine {
            a,
            b,
            rtt_us,
            tree: paths.parents[a as usize] == b || paths.parents[b as usize] == a,
            bridge: bridges.binary_search(&(a, b)).is_ok(),
        };
        let rings = round_times(longest_us).map(|after_us| Ring { radius: radius(after_us), after_us });
        Self {
            spots: nodes.map(spot).collect(),
            lines: topology.links.iter().map(line).collect(),
            rings: rings.collect(),
        }
    }
}

/// Returns the direction of each node, in turns. A node's children share its sector in proportion
/// to the leaves behind each.
fn turns(parents: &[u32], order: &[u32]) -> Vec<f64> {
    let mut leaves = vec![0_u32; parents.len()];
    for &node in order.iter().rev() {
        leaves[node as usize] = leaves[node as usize].max(1);
        if let Some(parent) = leaves.get(parents[node as usize] as usize).copied() {
            leaves[parents[node as usize] as usize] = parent + leaves[node as usize];
        }
    }
    let mut turns = vec![0.0; parents.len()];
    let mut next = vec![0.0; parents.len()];
    let all = order.first().map_or(1, |root| leaves[*root as usize]);
    for &node in order {
        let (node, parent) = (node as usize, parents[node as usize] as usize);
        let width = f64::from(leaves[node]) / f64::from(all);
        let start = if parent < parents.len() { next[parent] } else { 0.0 };
        next[node] = start;
        turns[node] = start + width / 2.0;
        if parent < parents.len() {
            next[parent] = start + width;
        }
    }
    turns
}

/// Returns the positions after one step of parting. Linked nodes attract each other a little, and
/// nodes that are close repel each other. All keep their distance from the middle.
fn parted(places: &[(f64, f64)], radii: &[f64], links: &[(u32, u32, u32)]) -> Vec<(f64, f64)> {
    let count = f64::from(u32::try_from(places.len()).unwrap_or(u32::MAX));
    let room = 2.0 * RADIUS / count.sqrt();
    let mut moves = vec![(0.0, 0.0); places.len()];
    for &(a, b, _) in links {
        let (a, b) = (a as usize, b as usize);
        let (x, y) = (places[b].0 - places[a].0, places[b].1 - places[a].1);
        moves[a] = (moves[a].0 + x * 0.02, moves[a].1 + y * 0.02);
        moves[b] = (moves[b].0 - x * 0.02, moves[b].1 - y * 0.02);
    }
    for (node, (x, y)) in places.iter().enumerate() {
        for (other_x, other_y) in places {
            let (x, y) = (x - other_x, y - other_y);
            let squared = x * x + y * y;
            if squared > 0.0 && squared < room * room * 4.0 {
                let push = room * room * 0.2 / (squared + room * room * 0.01);
                moves[node] = (moves[node].0 + x * push, moves[node].1 + y * push);
            }
        }
    }
    let step = |place: &(f64, f64), (x, y): (f64, f64), radius: &f64| {
        let length = (x * x + y * y).sqrt();
        let slower = if length > room / 2.0 { room / 2.0 / length } else { 1.0 };
        let moved = (place.0 + x * slower, place.1 + y * slower);
        let length = (moved.0 * moved.0 + moved.1 * moved.1).sqrt();
        if length > 0.0 { scaled(moved, radius / length) } else { *place }
    };
    let moves = places.iter().zip(moves).zip(radii);
    moves.map(|((place, by), radius)| step(place, by, radius)).collect()
}

/// Returns round latencies, 1, 2 or 5 times a power of ten milliseconds, up to the longest.
fn round_times(longest_us: u32) -> impl Iterator<Item = u32> {
    let powers = (3..=8).map(|power| 10_u32.pow(power));
    let times = powers.flat_map(|power| [1, 2, 5].map(|times| power * times));
    times.filter(move |us| *us <= longest_us && *us >= longest_us / RINGS_WITHIN)
}

fn scaled((x, y): (f64, f64), factor: f64) -> (f64, f64) {
    (x * factor, y * factor)
}

/// Returns the point of the unit circle after a part of a turn, 0 to 1. It uses the series of sine
/// and cosine within an eighth.
fn unit(turn: f64) -> (f64, f64) {
    let quarters = turn * 4.0;
    let quarter = quarters.floor();
    let angle = (quarters - quarter - 0.5) * core::f64::consts::FRAC_PI_2;
    let square = angle * angle;
    let sine =
        angle * (1.0 - square / 6.0 * (1.0 - square / 20.0 * (1.0 - square / 42.0 * (1.0 - square / 72.0))));
    let cosine = 1.0
        - square / 2.0
            * (1.0 - square / 12.0 * (1.0 - square / 30.0 * (1.0 - square / 56.0 * (1.0 - square / 90.0))));
    let diagonal = core::f64::consts::FRAC_1_SQRT_2;
    let (x, y) = ((cosine - sine) * diagonal, (cosine + sine) * diagonal);
    match turn {
        turn if turn < 0.25 => (x, y),
        turn if turn < 0.5 => (-y, x),
        turn if turn < 0.75 => (-x, -y),
        _ => (y, -x),
    }
}

/// Returns a key's label in a drawing: its first eight hex digits.
fn label(key: &PublicKey) -> String {
    hex::encode(&key.as_bytes()[..4])
}

/// Returns a time for people, with as many digits as it needs.
fn milliseconds(us: u32) -> String {
    if us >= 100_000 || us.is_multiple_of(1_000) {
        format!("{} ms", us / 1_000)
    } else {
        format!("{}.{} ms", us / 1_000, us / 100 % 10)
    }
}

#[cfg(test)]
mod tests;

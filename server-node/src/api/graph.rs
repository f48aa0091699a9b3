//! The graph as the API shows it: how the network looks from this node, laid out for whoever draws it.
//!
//! The node hands out a copy; what is read off it is computed on a thread of its own, for few at once. An answer has at most
//! [`NODES_MAX`] nodes, the nearest first, and [`LINKS_MAX`] links between those.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use plexus_core::drawing::Drawing;
use plexus_core::graph::Topology;
use plexus_core::key::PublicKey;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{ApiError, view};
use crate::app::App;
use crate::handle::Stopped;

/// How many graphs are laid out at once; whoever asks beyond that is told to ask again.
pub(crate) const GRAPHS_MAX: usize = 2;
/// The most nodes of an answer; those farther away are only counted.
pub const NODES_MAX: usize = 2_000;
/// The most links of an answer; further ones are left out.
pub const LINKS_MAX: usize = 16_384;
/// How many nodes are listed as the nearest.
pub const NEAREST: usize = 10;

/// How the network looks from a node, by the round trips that its nodes measured and both ends signed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Graph {
    /// The key of the node that is asked.
    #[schema(value_type = String)]
    pub own: PublicKey,
    /// How many nodes there are, listed or not.
    pub nodes_in_all: usize,
    /// At most 2,000 nodes, the nearest first, and last those that no path leads to.
    pub nodes: Vec<GraphNode>,
    /// At most 16,384 links between the nodes that are listed.
    pub links: Vec<GraphLink>,
    /// Circles around the node, from the inner to the outer.
    pub rings: Vec<GraphRing>,
    /// The ten nearest other nodes, nearest first.
    pub nearest: Vec<Near>,
    /// How many nodes are so many links away: first the node itself, then its neighbours, and so on.
    pub levels: Vec<usize>,
    /// The largest distance between two nodes, milliseconds; an estimate in a graph of over 512 nodes.
    pub diameter_ms: f64,
    /// The sizes of the parts that no link connects, largest first.
    pub communities: Vec<usize>,
    /// How many nodes no path leads to from here.
    pub cut_off: usize,
    /// How many nodes would, if lost, cut others off from each other.
    pub weak_points: usize,
    /// How many links would, if lost, cut nodes off from each other.
    pub bridges: usize,
}

/// A node in its place.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct GraphNode {
    /// Its key.
    #[schema(value_type = String)]
    pub key: PublicKey,
    /// How long a block is expected to take to it, milliseconds; none when no path leads there.
    pub distance_ms: Option<f64>,
    /// Its place from the left, 0 to 1.
    pub x: f64,
    /// Its place from the top, 0 to 1.
    pub y: f64,
    /// Whether its loss would cut others off.
    pub weak: bool,
}

/// A link between two nodes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct GraphLink {
    /// One end's key.
    #[schema(value_type = String)]
    pub a: PublicKey,
    /// The other end's.
    #[schema(value_type = String)]
    pub b: PublicKey,
    /// The round trip, milliseconds.
    pub rtt_ms: f64,
    /// Whether the node's blocks are expected to travel along it.
    pub tree: bool,
    /// Whether its loss would cut nodes off.
    pub bridge: bool,
    /// Whether it is one of the node's own.
    pub own: bool,
}

/// How far a block of the node's comes in a round time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct GraphRing {
    /// The circle's radius, in a square whose side is 1.
    pub radius: f64,
    /// The time, milliseconds.
    pub after_ms: f64,
}

/// A node nearby.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Near {
    /// Its key.
    #[schema(value_type = String)]
    pub key: PublicKey,
    /// How long a block is expected to take to it, milliseconds.
    pub distance_ms: f64,
}

impl Graph {
    /// The JSON form of a topology, laid out.
    pub fn new(topology: &Topology) -> Self {
        let Drawing { spots, lines, rings } = Drawing::new(topology);
        let mut order: Vec<_> = spots.iter().collect();
        order.sort_by_key(|spot| (spot.distance_us.unwrap_or(u32::MAX), !spot.own));
        order.truncate(NODES_MAX);
        let listed: BTreeSet<_> = order.iter().map(|spot| spot.key).collect();
        let links = lines.iter().map(|line| {
            let [a, b] = [line.a, line.b].map(|end| &spots[end as usize]);
            GraphLink {
                a: a.key,
                b: b.key,
                rtt_ms: ms(line.rtt_us),
                tree: line.tree,
                bridge: line.bridge,
                own: a.own || b.own,
            }
        });
        let nodes = order.into_iter().map(|spot| GraphNode {
            key: spot.key,
            distance_ms: spot.distance_us.map(ms),
            x: spot.x,
            y: spot.y,
            weak: spot.weak,
        });
        let near = |(key, distance): (PublicKey, Duration)| Near { key, distance_ms: millis(distance) };
        let own = topology.own();
        Self {
            own,
            nodes_in_all: spots.len(),
            nodes: nodes.collect(),
            links: links
                .filter(|link| listed.contains(&link.a) && listed.contains(&link.b))
                .take(LINKS_MAX)
                .collect(),
            rings: rings
                .iter()
                .map(|ring| GraphRing { radius: ring.radius, after_ms: ms(ring.after_us) })
                .collect(),
            nearest: topology.nearest(&own, NEAREST).into_iter().map(near).collect(),
            levels: topology.level_order(&own).iter().map(Vec::len).collect(),
            diameter_ms: millis(topology.diameter()),
            communities: topology.communities().iter().map(Vec::len).collect(),
            cut_off: spots.iter().filter(|spot| spot.distance_us.is_none()).count(),
            weak_points: spots.iter().filter(|spot| spot.weak).count(),
            bridges: lines.iter().filter(|line| line.bridge).count(),
        }
    }

    /// The topology of what is listed.
    pub fn topology(&self) -> Topology {
        // Whole microseconds were sent: half of one more undoes what division took off.
        let us = |ms: f64| {
            let duration = Duration::from_secs_f64((ms.clamp(0.0, 1e6) + 0.0005) / 1e3);
            u32::try_from(duration.as_micros())
        };
        let links = self.links.iter().map(|link| (link.a, link.b, us(link.rtt_ms).unwrap_or(u32::MAX)));
        Topology::new(self.own, links)
    }
}

fn ms(us: u32) -> f64 {
    f64::from(us) / 1e3
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

/// How the network looks from this node
#[utoipa::path(get, path = "/api/v1/graph", tag = "node",
    responses((status = 200, body = Graph), (status = 503, body = view::Refusal)))]
pub(crate) async fn show(State(app): State<App>) -> Result<Json<Graph>, ApiError> {
    let permit = Arc::clone(&app.graphs).try_acquire_owned().map_err(|_| ApiError::busy())?;
    let graph = app.handle.graph().await?;
    let shown = tokio::task::spawn_blocking(move || {
        let shown = Graph::new(&graph.topology());
        drop(permit);
        shown
    });
    // The task is only lost when the runtime is shutting down.
    Ok(Json(shown.await.map_err(|_| ApiError::from(Stopped))?))
}

#[cfg(test)]
mod tests {
    use plexus_core::key::SecretKey;

    use super::*;

    #[test]
    fn what_is_listed_draws_the_same_picture() {
        let key = |n: u8| SecretKey::from_bytes(&[n; 32]).unwrap().public();
        let links = [(1, 2, 20_001), (2, 3, 30_007), (1, 3, 90_000), (3, 4, 10_000), (5, 6, 1_000)];
        let topology = Topology::new(key(1), links.map(|(a, b, us)| (key(a), key(b), us)));
        let graph = Graph::new(&topology);
        assert_eq!(graph.nodes[0].key, key(1));
        assert!(graph.nodes.iter().take(4).is_sorted_by_key(|node| node.distance_ms));
        assert_eq!((graph.nodes_in_all, graph.cut_off, &graph.communities[..]), (6, 2, &[4, 2][..]));
        assert_eq!((graph.bridges, graph.weak_points, &graph.levels[..]), (2, 1, &[1, 2, 1][..]));
        assert_eq!(graph.nearest.iter().map(|near| near.key).collect::<Vec<_>>(), [key(2), key(3), key(4)]);
        let read: Graph = serde_json::from_str(&serde_json::to_string(&graph).unwrap()).unwrap();
        assert_eq!(Drawing::new(&read.topology()), Drawing::new(&topology));
    }
}

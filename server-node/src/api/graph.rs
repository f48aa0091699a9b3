//! The graph of the API: the network as this node sees it, with positions for drawing.
//!
//! The node hands out a copy. The rest is computed on a thread of its own, for few requests at a
//! time. An answer has at most [`NODES_MAX`] nodes, the nearest first, and [`LINKS_MAX`] links
//! between them.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use plexus_core::peers::topology::graph::GraphTopology;
use plexus_core::peers::topology::render::Drawing;
use plexus_core::primitives::key::PublicKey;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::handle::Stopped;
use crate::http::error;
use crate::http::error::ApiError;
use crate::http::state::AppState;

/// The most graphs that are laid out at a time. Further requests are refused and may be repeated.
pub(crate) const GRAPHS_MAX: usize = 2;
/// The most nodes of an answer. Nodes farther away are only counted.
pub const NODES_MAX: usize = 2_000;
/// The most links of an answer. Further ones are left out.
pub const LINKS_MAX: usize = 16_384;
/// The number of nodes in the list of the nearest.
pub const NEAREST: usize = 10;

/// The network as a node sees it, by the round trips that its nodes measured and both ends signed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Graph {
    /// The key of the node that answers.
    #[schema(value_type = String)]
    pub own: PublicKey,
    /// The number of nodes, listed or not.
    pub nodes_in_all: usize,
    /// At most 2,000 nodes, the nearest first. Nodes that no path leads to come last.
    pub nodes: Vec<GraphNode>,
    /// At most 16,384 links between the listed nodes.
    pub links: Vec<GraphLink>,
    /// Circles around the node, from the inner to the outer.
    pub rings: Vec<GraphRing>,
    /// The ten nearest other nodes, nearest first.
    pub nearest: Vec<Near>,
    /// The number of nodes by the number of links on the way: first the node itself, then its
    /// neighbours, and so on.
    pub levels: Vec<usize>,
    /// The largest distance between two nodes in milliseconds. In a graph of over 512 nodes it is
    /// an estimate.
    pub diameter_ms: f64,
    /// The sizes of the parts that no link connects, the largest first.
    pub communities: Vec<usize>,
    /// The number of nodes that no path from here leads to.
    pub cut_off: usize,
    /// The number of nodes whose loss would cut others off from each other.
    pub weak_points: usize,
    /// The number of links whose loss would cut nodes off from each other.
    pub bridges: usize,
}

/// A node at its position.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct GraphNode {
    /// Its key.
    #[schema(value_type = String)]
    pub key: PublicKey,
    /// The expected time of a block to it, in milliseconds. Missing if no path leads to it.
    pub distance_ms: Option<f64>,
    /// Its position from the left, 0 to 1.
    pub x: f64,
    /// Its position from the top, 0 to 1.
    pub y: f64,
    /// True if its loss would cut other nodes off.
    pub weak: bool,
}

/// A link between two nodes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct GraphLink {
    /// One end's key.
    #[schema(value_type = String)]
    pub a: PublicKey,
    /// The other end's key.
    #[schema(value_type = String)]
    pub b: PublicKey,
    /// The round trip in milliseconds.
    pub rtt_ms: f64,
    /// True if the answering node's blocks are expected to travel along it.
    pub tree: bool,
    /// True if its loss would cut nodes off.
    pub bridge: bool,
    /// True if it is a link of the answering node.
    pub own: bool,
}

/// The distance that a block of this node travels in a given time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct GraphRing {
    /// The circle's radius, in a square whose side is 1.
    pub radius: f64,
    /// The time in milliseconds.
    pub after_ms: f64,
}

/// A node nearby.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Near {
    /// Its key.
    #[schema(value_type = String)]
    pub key: PublicKey,
    /// The expected time of a block to it, in milliseconds.
    pub distance_ms: f64,
}

impl Graph {
    /// Creates the JSON form of a topology, with positions.
    pub fn new(topology: &GraphTopology) -> Self {
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

    /// Returns the topology of the listed nodes and links.
    pub fn topology(&self) -> GraphTopology {
        // The values were whole microseconds. Adding half a microsecond undoes the rounding of the
        // division.
        let us = |ms: f64| {
            let duration = Duration::from_secs_f64((ms.clamp(0.0, 1e6) + 0.0005) / 1e3);
            u32::try_from(duration.as_micros())
        };
        let links = self.links.iter().map(|link| (link.a, link.b, us(link.rtt_ms).unwrap_or(u32::MAX)));
        GraphTopology::new(self.own, links)
    }
}

fn ms(us: u32) -> f64 {
    f64::from(us) / 1e3
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

/// The network as this node sees it
#[utoipa::path(get, path = "/api/v1/graph", operation_id = "graph", tag = "node",
    responses((status = 200, body = Graph), (status = 503, body = error::Refusal)))]
pub(crate) async fn show(State(app): State<AppState>) -> Result<Json<Graph>, ApiError> {
    let permit = Arc::clone(&app.graphs).try_acquire_owned().map_err(|_| ApiError::busy())?;
    let graph = app.handle.graph().await?;
    let shown = tokio::task::spawn_blocking(move || {
        let shown = Graph::new(&graph.topology());
        drop(permit);
        shown
    });
    // The task is only lost if the runtime is shutting down.
    Ok(Json(shown.await.map_err(|_| ApiError::from(Stopped))?))
}

#[cfg(test)]
mod tests {
    use plexus_core::primitives::key::SecretKey;

    use super::*;

    #[test]
    fn what_is_listed_draws_the_same_picture() {
        let key = |n: u8| SecretKey::from_bytes(&[n; 32]).unwrap().public();
        let links = [(1, 2, 20_001), (2, 3, 30_007), (1, 3, 90_000), (3, 4, 10_000), (5, 6, 1_000)];
        let topology = GraphTopology::new(key(1), links.map(|(a, b, us)| (key(a), key(b), us)));
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

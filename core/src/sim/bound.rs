//! The lower bound: how early every node could know a block if all nodes were connected to all,
//! over free uplinks.
//!
//! No node is driven. The earliest arrivals are the shortest paths over all pairs, because a relay
//! is often faster than the direct link. Dijkstra's algorithm needs no heap here, because every
//! pair is an edge. A body arrives with its header at best, and never earlier.

use super::report::Stage;
use super::world::World;

/// Computes as many blocks as fit into about `events` events. Each examined pair of nodes counts as
/// one. Returns the stage.
pub(super) fn run(world: &mut World, events: u64) -> Stage {
    let end = world.schedule.events.saturating_add(events);
    while world.schedule.events < end {
        if world.measurements.blocks.count() >= world.setup.blocks as usize {
            return Stage::Done;
        }
        let miner = world.workload.rng.index(if world.setup.miners == 0 {
            world.setup.nodes
        } else {
            world.setup.miners
        });
        let delays = arrivals(world, miner);
        for delay in &delays {
            world.schedule.trace.note((*delay).into(), 16, miner, 0);
        }
        world.measurements.blocks.computed([delays.clone(), delays]);
        world.schedule.events += u64::from(world.setup.nodes).pow(2);
    }
    Stage::Measuring
}

/// Returns the earliest arrival at each node.
fn arrivals(world: &World, miner: u32) -> Vec<u32> {
    let nodes = world.setup.nodes as usize;
    let mut at = vec![u64::MAX; nodes];
    let mut open: Vec<u32> = (0..world.setup.nodes).collect();
    at[miner as usize] = 0;
    while let Some(place) = (0..open.len()).min_by_key(|place| at[open[*place] as usize]) {
        let from = open.swap_remove(place);
        let begun = at[from as usize];
        for &to in &open {
            let way_us = u64::from(world.transport.latency.rtt_us(from, to)) / 2 + world.setup.hop_us;
            let arrival = &mut at[to as usize];
            *arrival = begun.saturating_add(way_us).min(*arrival);
        }
    }
    at.into_iter().map(|us| u32::try_from(us).unwrap_or(u32::MAX)).collect()
}

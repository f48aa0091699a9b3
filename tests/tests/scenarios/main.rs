//! Scenarios of several nodes inside one process. The crate's documentation says how to replay a
//! failure.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![allow(clippy::wildcard_enum_match_arm, reason = "tests look at the one variant that they are about")]

mod admission;
mod certificates;
mod chaos;
mod compact_block;
mod disk_full;
mod eclipse;
mod faults;
mod fuzz;
mod handshake;
mod headers;
mod light;
mod message;
mod mining;
mod mining_games;
mod nearest;
mod neighbours;
mod offences;
mod pruned;
mod receipt;
mod relay;
mod reorg;
mod rules;
mod simulated;
mod stamps;
mod synchronization;
mod tree;

use std::sync::Arc;

use plexus_core::node::ConnectionId;
use plexus_core::primitives::block::Block;
use plexus_core::protocol::packet::Role;
use plexus_tests::actor::Actor;
use plexus_tests::block_builder::BlockBuilder;
use plexus_tests::scenario::Scenario;

/// Long enough for honest nodes to settle, in milliseconds.
const A_WHILE: u64 = 30_000;

/// Adds a full scripted peer with this branch, and completes its handshake with the host. Returns
/// the peer and the host's number for the link.
fn mallory(world: &mut Scenario, host: Actor, branch: Vec<Arc<Block>>) -> (Actor, ConnectionId) {
    let mallory = world.stranger("mallory", Role::Full, branch);
    (mallory, greet(world, mallory, host))
}

/// Connects a scripted peer to a host and completes the handshake. Returns the host's number for
/// the link.
fn greet(world: &mut Scenario, stranger: Actor, host: Actor) -> ConnectionId {
    let (_, peer) = world.connect(stranger, host);
    world.elapse(4 * world.latency_ms + 1);
    peer
}

/// Returns a forge whose blocks begin shortly before the world's time, and the hashes of its first
/// blocks, lowest first.
fn forge(world: &Scenario, count: usize) -> (BlockBuilder, Vec<plexus_core::primitives::hash::Hash>) {
    let mut forge = BlockBuilder::new(&world.network, "smith");
    let behind = 1_000 * (count as u64 + 100);
    let first = forge.mine(world.network.id(), world.time().minus_ms(behind), Vec::new());
    let mut hashes = vec![first];
    hashes.extend(forge.extend(&first, count - 1));
    (forge, hashes)
}

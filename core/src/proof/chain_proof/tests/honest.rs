//! Nodes over honest chains: the node rules accept every one of them.

use crate::primitives::mmr::{MmrNode, Position};
use crate::primitives::params::{Network, Parameters};
use crate::primitives::pow::{Bits, Work};
use crate::primitives::rng::SeededRng;
use crate::primitives::time::Timestamp;
use crate::proof::chain_proof::node_rules::NodeRules;
use crate::proof::chain_proof::part::Edge;

/// The headers of each chain: all 8,191 nodes over them are checked.
const HEADERS: usize = 4_096;

/// A way in which a hash rate changes.
#[derive(Clone, Copy, Debug)]
enum Power {
    Steady,
    /// Doubles after each such number of blocks.
    Rising(u32),
    /// Halves after each such number of blocks.
    Falling(u32),
    /// A thousand times as much for 200 blocks out of 1,000.
    Bursts,
    /// As fast as time allows: a millisecond a block.
    Instant,
}

impl Power {
    #[expect(clippy::cast_precision_loss, reason = "a model of miners")]
    fn at(self, height: usize, base: f64) -> f64 {
        match self {
            Self::Steady => base,
            Self::Rising(blocks) => base * (height as f64 / f64::from(blocks)).exp2(),
            Self::Falling(blocks) => base / (height as f64 / f64::from(blocks)).exp2(),
            Self::Bursts if height % 1_000 < 200 => base * 1_000.0,
            Self::Bursts => base,
            Self::Instant => f64::INFINITY,
        }
    }
}

fn network(spacing_ms: u64, half_life_ms: u64, limit_bits: u32) -> Network {
    let parameters = Parameters {
        name: "honest".to_owned(),
        genesis_time: Timestamp::from_unix_ms(1_767_225_600_000),
        spacing_ms,
        half_life_ms,
        limit_bits: Bits::from_u32(limit_bits),
        block_bytes_max: 1 << 20,
        block_messages_max: 4_096,
    };
    Network::new(parameters).unwrap()
}

/// The leaf records of a chain that miners of this power make, with a silence now and then.
#[expect(clippy::cast_precision_loss, reason = "a model of miners")]
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a model of miners")]
fn leaves(network: &Network, power: Power, rng: &mut SeededRng) -> Vec<MmrNode> {
    let retarget = network.retarget();
    let base = network.limit().work().hashes() as f64 * 50.0 / retarget.spacing_ms as f64;
    let mut leaves = vec![network.genesis().record(*network.id())];
    for height in 1..HEADERS {
        let parent = leaves[height - 1];
        let hashes = parent.work.hashes().max(1) as f64;
        let luck = -(1.0 - rng.below(1 << 53) as f64 / (1u64 << 53) as f64).ln();
        let mined_ms = (hashes / power.at(height, base) * luck).min(1e12) as u64;
        let silence_ms = if rng.below(300) == 0 { rng.below(20) * retarget.half_life_ms } else { 0 };
        let time = parent.time.plus_ms(1 + mined_ms + silence_ms);
        let bits = retarget.next_bits(height as u64, parent.bits, parent.time, time);
        let work = bits.target().unwrap().work();
        leaves.push(MmrNode { time, bits, work, ..parent });
    }
    leaves
}

/// Checks every node over the leaves, and returns their number.
fn check(network: &Network, leaves: &[MmrNode], what: &str) -> usize {
    let rules = NodeRules::new(network);
    let mut checked = 0;
    for level in 0..=HEADERS.ilog2() {
        for (index, covered) in leaves.chunks(1 << level).enumerate() {
            // Genesis is known, so no node of a proof stands over it.
            let Some(before) = (index << level).checked_sub(1).map(|height| leaves[height]) else { continue };
            let work = covered.iter().map(|leaf| leaf.work).fold(Work::ZERO, Work::plus);
            let node = MmrNode { work, ..*covered.last().unwrap() };
            let position = Position { level, index: index as u64 };
            let verdict = rules.check(&Edge::of(0, &before), position, &node);
            assert!(verdict.is_ok(), "{what}, {position:?}: {verdict:?}");
            checked += 1;
        }
    }
    checked
}

#[test]
fn every_node_of_an_honest_chain_is_accepted() {
    let powers = [Power::Steady, Power::Rising(30), Power::Falling(200), Power::Bursts, Power::Instant];
    let networks = [
        (15_000, 600_000, 0x1e10_0000),
        (15_000, 600_000, 0x207f_ffff),
        // Difficulty moves by whole doublings in a block, up to the hardest target.
        (15_000, 1_000, 0x207f_ffff),
        (15_000, 30_000, 0x2100_ffff),
        (1_000, 86_400_000, 0x1d00_ffff),
        (600_000, 172_800_000, 0x1d00_ffff),
        (1, 1, 0x2001_0000),
        (3_153_600_000_000, 1, 0x207f_ffff),
        (1, 3_153_600_000_000, 0x207f_ffff),
        (15_000, 0, 0x2001_0000),
    ];
    let mut checked = 0;
    for (seed, (spacing_ms, half_life_ms, limit_bits)) in (0u8..).zip(networks) {
        let network = network(spacing_ms, half_life_ms, limit_bits);
        for power in powers {
            let mut rng = SeededRng::new([seed; 32]);
            let leaves = leaves(&network, power, &mut rng);
            let what = format!("SEED={seed}, T {spacing_ms}, τ {half_life_ms}, {limit_bits:#x}, {power:?}");
            checked += check(&network, &leaves, &what);
        }
    }
    assert!(checked > 400_000, "{checked} nodes");
}

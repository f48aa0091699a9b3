//! A setup: the parameters of a simulation, in whole numbers, with a bound on each.

use serde::{Deserialize, Serialize};

use super::attack::Attack;
use super::latency::Latency;

/// The most nodes. Each takes tens of kilobytes.
pub const NODES_MAX: u32 = 20_000;
/// The most nodes of a complete graph. For each block all pairs are examined.
pub const COMPLETE_NODES_MAX: u32 = 4_000;
/// The most measured blocks, and the most warm-up blocks before them.
pub const BLOCKS_MAX: u32 = 100_000;
/// The most links that a node opens.
pub const OUTBOUND_MAX: u32 = 64;
/// The longest of any interval in a setup, milliseconds: a day.
pub const INTERVAL_MS_MAX: u64 = 86_400_000;
/// The longest of any delay in a setup, microseconds: ten seconds.
pub const DELAY_US_MAX: u64 = 10_000_000;
/// The most bytes of messages that a miner adds to its block.
pub const BODY_BYTES_MAX: u32 = 1_000_000;
/// The most messages per minute in the whole network.
pub const MESSAGES_PER_MINUTE_MAX: u32 = 60_000;
/// The largest clock offset, milliseconds: half of the time that the rules allow a block to be
/// ahead.
pub const SKEW_MS_MAX: u64 = 30_000;
/// The largest share of nodes that may be Byzantine, per mille.
pub const BYZANTINE_PER_MILLE_MAX: u32 = 490;

/// The parameters of a simulation.
///
/// ```
/// use plexus_core::sim::{SimConfig, SimConfigError};
///
/// assert_eq!(SimConfig::default().check(), Ok(()));
/// let lonely = SimConfig { nodes: 1, ..SimConfig::default() };
/// let range = SimConfigError::Range { field: "nodes", min: 2, max: 20_000, found: 1 };
/// assert_eq!(lonely.check(), Err(range));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SimConfig {
    /// The number of nodes, 2 to [`NODES_MAX`].
    pub nodes: u32,
    /// The topology: which nodes connect to which.
    pub topology: Topology,
    /// The number of links that a node opens.
    pub outbound: u32,
    /// The latency model.
    pub latency: Latency,
    /// The random seed.
    pub seed: u64,
    /// The number of measured blocks.
    pub blocks: u32,
    /// The time for nodes to connect and measure their links before the first block, milliseconds.
    pub warmup_ms: u64,
    /// The number of blocks that are mined before the first measured one.
    pub warmup_blocks: u32,
    /// The mean interval between blocks, milliseconds.
    pub spacing_ms: u64,
    /// The number of nodes that mine, with equal hash power. At 0 all mine.
    pub miners: u32,
    /// The time that a node takes to handle a frame with a header or a block, microseconds.
    pub hop_us: u64,
    /// A node's uplink, bytes per second. At 0 frames take no time to leave.
    pub bandwidth: u64,
    /// The longest one-way delay between a node and its place in the latency model, microseconds.
    /// It is random for each node.
    pub last_mile_us: u64,
    /// The longest extra delay of a frame, microseconds. Frames of one link never overtake one
    /// another.
    pub jitter_us: u64,
    /// The bytes of messages unknown to other nodes that a miner puts into its block.
    pub body_bytes: u32,
    /// The number of messages that are submitted per minute, in the whole network.
    pub messages_per_minute: u32,
    /// The largest clock offset of a node, milliseconds. It is random for each node.
    pub skew_ms: u64,
    /// The faults to inject.
    pub faults: Faults,
}

/// The topology: which nodes connect to which.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Topology {
    /// Each node opens its links to random nodes.
    Random,
    /// Each node opens its links to the nearest nodes.
    Nearest,
    /// All nodes connect to all, with free uplinks. The result is computed without driving nodes,
    /// as a bound that no other topology can beat.
    Complete,
    /// Random at first. Every 20 blocks each node replaces the two links that bring blocks latest
    /// by random ones (Mao et al., "Perigee: Efficient Peer-to-Peer Network Design for
    /// Blockchains", PODC 2020).
    Perigee,
    /// The nodes choose for themselves, from the addresses that they learn. In networks of over
    /// some 500 nodes, each holds fewer links of the latency graph the more nodes there are. All
    /// graphs together have to fit into memory.
    Plexus,
}

/// The faults to inject, until the last measured block.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Faults {
    /// The number of frames in a million that are lost and sent again, a round trip and 200 ms
    /// later. Six losses in a row end a link.
    pub loss_ppm: u32,
    /// Nodes leave and return.
    pub churn: Option<Churn>,
    /// The network is partitioned from time to time.
    pub partition: Option<Partition>,
    /// The mean time between crashes in the whole network, milliseconds. At 0 there are no crashes.
    /// A crashed node restarts from its store a second later.
    pub crash_every_ms: u64,
    /// The Byzantine shares of the nodes.
    #[serde(rename = "traitors")]
    pub byzantine: Vec<ByzantineShare>,
}

/// Nodes leave and return.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Churn {
    /// The mean time that a node stays, milliseconds.
    pub up_ms: u64,
    /// The mean time that it is away, milliseconds.
    pub down_ms: u64,
}

/// The network is partitioned from time to time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Partition {
    /// The mean time between the end of a partition and the next, milliseconds.
    pub every_ms: u64,
    /// The time that a partition lasts, milliseconds.
    pub lasts_ms: u64,
    /// The share of nodes that is cut off, per mille.
    pub share_per_mille: u32,
}

/// A share of the nodes that breaks one rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ByzantineShare {
    /// The rule that they break.
    #[serde(rename = "treason")]
    pub attack: Attack,
    /// The share of nodes, per mille. At least one node is Byzantine.
    pub share_per_mille: u32,
}

impl Default for SimConfig {
    /// Returns a setup of a thousand honest nodes in twelve regions, with 20 blocks and 20 Mbit/s.
    fn default() -> Self {
        Self {
            nodes: 1_000,
            topology: Topology::Random,
            outbound: 8,
            latency: Latency::Regions,
            seed: 1,
            blocks: 20,
            warmup_ms: 30_000,
            warmup_blocks: 0,
            spacing_ms: 15_000,
            miners: 0,
            hop_us: 1_000,
            bandwidth: 2_500_000,
            last_mile_us: 0,
            jitter_us: 200,
            body_bytes: 0,
            messages_per_minute: 0,
            skew_ms: 0,
            faults: Faults::default(),
        }
    }
}

/// The reason why a setup cannot be simulated.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SimConfigError {
    /// A number is outside its bounds.
    #[error("{field}: must be from {min} to {max}, found {found}")]
    Range {
        /// The field's name.
        field: &'static str,
        /// Its least value.
        min: u64,
        /// Its greatest value.
        max: u64,
        /// Its value.
        found: u64,
    },
    /// More nodes would be Byzantine than honest ones can tolerate.
    #[error("faults.traitors: at most {BYZANTINE_PER_MILLE_MAX} of 1000 nodes, found {found}")]
    Byzantine {
        /// The share, per mille.
        found: u64,
    },
    /// The complete topology does not support a field, because it drives no nodes.
    #[error("topology complete is a computed bound: it knows no {field}")]
    Complete {
        /// The field that must be left out.
        field: &'static str,
    },
}

impl SimConfig {
    /// Checks that the setup can be simulated.
    ///
    /// # Errors
    /// Names the first field that is outside its bounds.
    pub fn check(&self) -> Result<(), SimConfigError> {
        let nodes_max = if self.topology == Topology::Complete { COMPLETE_NODES_MAX } else { NODES_MAX };
        let ranges: &[(&'static str, u64, u64, u64)] = &[
            ("nodes", self.nodes.into(), 2, nodes_max.into()),
            ("outbound", self.outbound.into(), 1, OUTBOUND_MAX.into()),
            ("blocks", self.blocks.into(), 1, BLOCKS_MAX.into()),
            ("warmup_ms", self.warmup_ms, 1_000, INTERVAL_MS_MAX),
            ("warmup_blocks", self.warmup_blocks.into(), 0, BLOCKS_MAX.into()),
            ("spacing_ms", self.spacing_ms, 100, INTERVAL_MS_MAX),
            ("miners", self.miners.into(), 0, self.nodes.into()),
            ("hop_us", self.hop_us, 0, DELAY_US_MAX),
            ("bandwidth", self.bandwidth, 0, 1 << 40),
            ("last_mile_us", self.last_mile_us, 0, DELAY_US_MAX),
            ("jitter_us", self.jitter_us, 0, DELAY_US_MAX),
            ("body_bytes", self.body_bytes.into(), 0, BODY_BYTES_MAX.into()),
            ("messages_per_minute", self.messages_per_minute.into(), 0, MESSAGES_PER_MINUTE_MAX.into()),
            ("skew_ms", self.skew_ms, 0, SKEW_MS_MAX),
        ];
        check_ranges(ranges)?;
        self.faults.check()?;
        if self.topology == Topology::Complete {
            let given = [
                ("faults", self.faults != Faults::default()),
                ("messages_per_minute", self.messages_per_minute > 0),
            ];
            if let Some((field, _)) = given.into_iter().find(|(_, given)| *given) {
                return Err(SimConfigError::Complete { field });
            }
        }
        Ok(())
    }
}

impl Faults {
    fn check(&self) -> Result<(), SimConfigError> {
        check_ranges(&[
            ("faults.loss_ppm", self.loss_ppm.into(), 0, 500_000),
            ("faults.crash_every_ms", self.crash_every_ms, 0, INTERVAL_MS_MAX),
        ])?;
        if let Some(churn) = self.churn {
            check_ranges(&[
                ("faults.churn.up_ms", churn.up_ms, 1_000, INTERVAL_MS_MAX),
                ("faults.churn.down_ms", churn.down_ms, 1_000, INTERVAL_MS_MAX),
            ])?;
        }
        if let Some(partition) = self.partition {
            check_ranges(&[
                ("faults.partition.every_ms", partition.every_ms, 1_000, INTERVAL_MS_MAX),
                ("faults.partition.lasts_ms", partition.lasts_ms, 1_000, INTERVAL_MS_MAX),
                ("faults.partition.share_per_mille", partition.share_per_mille.into(), 1, 999),
            ])?;
        }
        let shares = self.byzantine.iter().map(|byzantine| u64::from(byzantine.share_per_mille));
        let found = shares.fold(0, u64::saturating_add);
        if found > BYZANTINE_PER_MILLE_MAX.into() {
            return Err(SimConfigError::Byzantine { found });
        }
        Ok(())
    }
}

fn check_ranges(ranges: &[(&'static str, u64, u64, u64)]) -> Result<(), SimConfigError> {
    let outside = |(_, found, min, max): &&(&'static str, u64, u64, u64)| !(min..=max).contains(&found);
    match ranges.iter().find(outside) {
        Some(&(field, found, min, max)) => Err(SimConfigError::Range { field, min, max, found }),
        None => Ok(()),
    }
}

//! The command line of a setup. It is parsed from words, and written as words that give the same
//! setup again.

use std::fs::File;
use std::io::Read;
use std::path::PathBuf;

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use plexus_core::sim::{
    Attack, ByzantineShare, Churn, Faults, Latency, Matrix, Partition, SimConfig, SimConfigError, Topology,
};

use super::super::WrongUse;
use super::units::{Decimal, Megabits, Milliseconds, Seconds, Share};
use crate::report::runs::topology_name;

/// The most seeds of one command.
pub(super) const SEEDS_MAX: u64 = 100;
/// The most bytes of a file of round trips: the largest matrix with all digits that make sense.
const LATENCY_FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// All topologies, in the order that the help lists them in.
const TOPOLOGIES: [Topology; 5] =
    [Topology::Plexus, Topology::Random, Topology::Nearest, Topology::Perigee, Topology::Complete];

#[derive(Debug, Args)]
pub(in crate::command) struct Arguments {
    /// Number of nodes
    #[arg(long, value_name = "N", default_value_t = SimConfig::default().nodes)]
    nodes: u32,
    /// How nodes choose their links: plexus (the node's own choice), random, nearest, perigee
    /// (replaces links while others deliver blocks sooner, give it --warmup-blocks) or complete
    /// (all to all, a computed lower bound)
    #[arg(long, default_value = "plexus", value_parser = topology_parser())]
    topology: Topology,
    /// Other topologies to compare with, under the same seeds and node positions
    #[arg(long, value_name = "TOPOLOGY,…", value_delimiter = ',', value_parser = topology_parser())]
    compare: Vec<Topology>,
    /// Number of links that a node opens, except with topology plexus
    #[arg(long, value_name = "N", default_value_t = SimConfig::default().outbound)]
    outbound: u32,
    /// Distances between nodes: regions of the world, points on a sphere, or a file of round trips
    /// in milliseconds (one row per line, separated by commas)
    #[arg(long, value_name = "regions|sphere|FILE", default_value = "regions", value_parser = parse_places)]
    latency: Places,
    /// Maximum last-mile latency in milliseconds. Each node draws its own
    #[arg(long, value_name = "MS", default_value_t = Decimal(SimConfig::default().last_mile_us))]
    last_mile_ms: Milliseconds,
    /// Maximum extra delay of a frame in milliseconds
    #[arg(long, value_name = "MS", default_value_t = Decimal(SimConfig::default().jitter_us))]
    jitter_ms: Milliseconds,
    /// Time that a node takes to handle a header or a block, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = Decimal(SimConfig::default().hop_us))]
    hop_ms: Milliseconds,
    /// Uplink of a node in megabits per second. 0 for unlimited
    #[arg(long, value_name = "M", default_value_t = Decimal(8 * SimConfig::default().bandwidth))]
    bandwidth_mbit: Megabits,
    /// Number of blocks that are measured
    #[arg(long, value_name = "N", default_value_t = SimConfig::default().blocks)]
    blocks: u32,
    /// Mean time between blocks in milliseconds
    #[arg(long, value_name = "MS", default_value_t = SimConfig::default().spacing_ms)]
    spacing_ms: u64,
    /// Bytes of messages in each block that no other node has seen before
    #[arg(long, value_name = "B", default_value_t = SimConfig::default().body_bytes)]
    body_bytes: u32,
    /// Number of messages written per minute, in the whole network
    #[arg(long, value_name = "N", default_value_t = SimConfig::default().messages_per_minute)]
    messages_per_minute: u32,
    /// Number of nodes that mine. 0 for all
    #[arg(long, value_name = "N", default_value_t = SimConfig::default().miners)]
    miners: u32,
    /// Time for nodes to connect and measure before the first block, in seconds
    #[arg(long, value_name = "S", default_value_t = Decimal(SimConfig::default().warmup_ms))]
    warmup_s: Seconds,
    /// Number of blocks before the first one that is measured
    #[arg(long, value_name = "N", default_value_t = SimConfig::default().warmup_blocks)]
    warmup_blocks: u32,
    /// Maximum error of a node's clock in milliseconds
    #[arg(long, value_name = "MS", default_value_t = SimConfig::default().skew_ms)]
    skew_ms: u64,
    /// Byzantine nodes, as silent=5%: silent, stalling, invalid-chain, withheld-body, latency-liar,
    /// certificate-liar, header-flooder, eclipse or selfish
    #[arg(long, value_name = "KIND=SHARE,…", value_delimiter = ',', value_parser = parse_byzantine)]
    faults: Vec<ByzantineShare>,
    /// Share of frames that are lost and sent again, as 0.1%
    #[arg(long, value_name = "SHARE", default_value_t = Share(0))]
    loss: Share,
    /// Mean times that nodes stay and are away, in seconds, as 600,60
    #[arg(long, value_name = "UP,DOWN", value_parser = parse_churn)]
    churn: Option<Churn>,
    /// Partitions: the time between them and their length in seconds, and the share of the network
    /// cut off, as 120,30,25%
    #[arg(long, value_name = "EVERY,LASTS,SHARE", value_parser = parse_partition)]
    partition: Option<Partition>,
    /// Mean time between crashes in the whole network, in seconds. 0 for none
    #[arg(long, value_name = "S", default_value_t = Decimal(0))]
    crashes: Seconds,
    /// Random seed
    #[arg(long, default_value_t = SimConfig::default().seed)]
    seed: u64,
    /// Number of seeds to run, from --seed on. The output shows their medians, with the least and
    /// the greatest
    #[arg(long, value_name = "K", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=SEEDS_MAX))]
    seeds: u64,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
    /// Write an HTML report with curves and pictures
    #[arg(long, value_name = "FILE.html")]
    pub(super) report: Option<PathBuf>,
}

/// The distances between nodes, and the argument that described them.
#[derive(Clone, Debug)]
struct Places {
    given: String,
    latency: Latency,
}

impl Arguments {
    /// Returns the setups to run: for each topology, one for every seed.
    pub(super) fn plan(&self) -> Result<Vec<Vec<SimConfig>>, WrongUse> {
        let last = self.seed.checked_add(self.seeds - 1);
        let last = last.ok_or_else(|| WrongUse("--seed is too large for so many --seeds".to_owned()))?;
        let mut topologies = vec![self.topology];
        for topology in &self.compare {
            if !topologies.contains(topology) {
                topologies.push(*topology);
            }
        }
        let setups = |topology: Topology| -> Result<Vec<SimConfig>, WrongUse> {
            let setup = SimConfig { topology, ..self.setup()? };
            setup.check().map_err(|error| WrongUse(refusal(&error)))?;
            Ok((self.seed..=last).map(|seed| SimConfig { seed, ..setup.clone() }).collect())
        };
        topologies.into_iter().map(setups).collect()
    }

    fn setup(&self) -> Result<SimConfig, WrongUse> {
        let bits = self.bandwidth_mbit.0;
        if !bits.is_multiple_of(8) {
            return Err(WrongUse("--bandwidth-mbit must be a whole number of bytes a second".to_owned()));
        }
        Ok(SimConfig {
            nodes: self.nodes,
            topology: self.topology,
            outbound: self.outbound,
            latency: self.latency.latency.clone(),
            seed: self.seed,
            blocks: self.blocks,
            warmup_ms: self.warmup_s.0,
            warmup_blocks: self.warmup_blocks,
            spacing_ms: self.spacing_ms,
            miners: self.miners,
            hop_us: self.hop_ms.0,
            bandwidth: bits / 8,
            last_mile_us: self.last_mile_ms.0,
            jitter_us: self.jitter_ms.0,
            body_bytes: self.body_bytes,
            messages_per_minute: self.messages_per_minute,
            skew_ms: self.skew_ms,
            faults: Faults {
                loss_ppm: self.loss.0,
                churn: self.churn,
                partition: self.partition,
                crash_every_ms: self.crashes.0,
                byzantine: self.faults.clone(),
            },
        })
    }

    /// Returns the argument that described the distances between nodes.
    pub(super) fn places(&self) -> &str {
        &self.latency.given
    }

    /// Returns the command that gives the same figures and the same page.
    pub(super) fn command(&self, setup: &SimConfig) -> String {
        let mut words = words(setup, self.places());
        if self.seeds > 1 {
            words.push(("--seeds", self.seeds.to_string()));
        }
        if !self.compare.is_empty() {
            let names: Vec<_> = self.compare.iter().map(|topology| topology_name(*topology)).collect();
            words.push(("--compare", names.join(",")));
        }
        if let Some(file) = &self.report {
            words.push(("--report", file.display().to_string()));
        }
        joined(&words)
    }

    /// Returns the command that runs only one of the setups.
    pub(super) fn command_of_one(&self, setup: &SimConfig) -> String {
        joined(&words(setup, self.places()))
    }
}

fn joined(words: &[(&str, String)]) -> String {
    let flags = words.iter().map(|(flag, value)| format!(" {flag} {}", quoted(value)));
    format!("plexus simulate{}", flags.collect::<String>())
}

/// Returns a word, quoted for a shell if needed.
fn quoted(word: &str) -> String {
    let is_plain = |char: char| char.is_ascii_alphanumeric() || "-_./=,%:+@".contains(char);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// Returns the flags of a setup: the main ones, and all that differ from the default.
fn words(setup: &SimConfig, places: &str) -> Vec<(&'static str, String)> {
    let all = |setup: &SimConfig, places: &str| {
        [
            ("--outbound", setup.outbound.to_string()),
            ("--latency", places.to_owned()),
            ("--last-mile-ms", Milliseconds::to_string(&Decimal(setup.last_mile_us))),
            ("--jitter-ms", Milliseconds::to_string(&Decimal(setup.jitter_us))),
            ("--hop-ms", Milliseconds::to_string(&Decimal(setup.hop_us))),
            ("--bandwidth-mbit", Megabits::to_string(&Decimal(8 * setup.bandwidth))),
            ("--spacing-ms", setup.spacing_ms.to_string()),
            ("--body-bytes", setup.body_bytes.to_string()),
            ("--messages-per-minute", setup.messages_per_minute.to_string()),
            ("--miners", setup.miners.to_string()),
            ("--warmup-s", Seconds::to_string(&Decimal(setup.warmup_ms))),
            ("--warmup-blocks", setup.warmup_blocks.to_string()),
            ("--skew-ms", setup.skew_ms.to_string()),
            ("--faults", byzantine_words(&setup.faults.byzantine)),
            ("--loss", Share(setup.faults.loss_ppm).to_string()),
            ("--churn", setup.faults.churn.map(churn_words).unwrap_or_default()),
            ("--partition", setup.faults.partition.map(partition_words).unwrap_or_default()),
            ("--crashes", Seconds::to_string(&Decimal(setup.faults.crash_every_ms))),
        ]
    };
    let mut words = vec![
        ("--nodes", setup.nodes.to_string()),
        ("--topology", topology_name(setup.topology).to_owned()),
        ("--blocks", setup.blocks.to_string()),
    ];
    let pairs = all(setup, places).into_iter().zip(all(&SimConfig::default(), "regions"));
    words.extend(pairs.filter(|(word, default)| word != default).map(|(word, _)| word));
    words.push(("--seed", setup.seed.to_string()));
    words
}

fn churn_words(churn: Churn) -> String {
    format!("{},{}", Seconds::to_string(&Decimal(churn.up_ms)), Seconds::to_string(&Decimal(churn.down_ms)))
}

fn partition_words(partition: Partition) -> String {
    let [every, lasts] = [partition.every_ms, partition.lasts_ms].map(|ms| Seconds::to_string(&Decimal(ms)));
    format!("{every},{lasts},{}", Share::of_per_mille(partition.share_per_mille))
}

fn byzantine_words(byzantine: &[ByzantineShare]) -> String {
    let word = |byzantine: &ByzantineShare| {
        format!("{}={}", attack_name(byzantine.attack), Share::of_per_mille(byzantine.share_per_mille))
    };
    byzantine.iter().map(word).collect::<Vec<_>>().join(",")
}

/// Returns the error of a setup as text, with the command's flag and its unit.
fn refusal(error: &SimConfigError) -> String {
    match *error {
        SimConfigError::Range { field, min, max, found } => {
            let (flag, shown): (_, fn(u64) -> String) = match field {
                "warmup_ms" => ("--warmup-s", |ms| Seconds::to_string(&Decimal(ms))),
                "hop_us" => ("--hop-ms", |us| Milliseconds::to_string(&Decimal(us))),
                "last_mile_us" => ("--last-mile-ms", |us| Milliseconds::to_string(&Decimal(us))),
                "jitter_us" => ("--jitter-ms", |us| Milliseconds::to_string(&Decimal(us))),
                "bandwidth" => ("--bandwidth-mbit", |bytes| Megabits::to_string(&Decimal(8 * bytes))),
                "faults.loss_ppm" => {
                    ("--loss", |ppm| Share(u32::try_from(ppm).unwrap_or(u32::MAX)).to_string())
                }
                "faults.crash_every_ms" => ("--crashes", |ms| Seconds::to_string(&Decimal(ms))),
                "faults.churn.up_ms" | "faults.churn.down_ms" => {
                    ("--churn", |ms| Seconds::to_string(&Decimal(ms)))
                }
                "faults.partition.every_ms" | "faults.partition.lasts_ms" => {
                    ("--partition", |ms| Seconds::to_string(&Decimal(ms)))
                }
                "faults.partition.share_per_mille" => ("--partition", |share| {
                    Share::of_per_mille(u32::try_from(share).unwrap_or(u32::MAX)).to_string()
                }),
                plain => {
                    let flag = plain.replace('_', "-");
                    return format!("--{flag} must be from {min} to {max}, not {found}");
                }
            };
            format!("{flag} must be from {} to {}, not {}", shown(min), shown(max), shown(found))
        }
        SimConfigError::Byzantine { found } => {
            let found = Share::of_per_mille(u32::try_from(found).unwrap_or(u32::MAX));
            let most = Share::of_per_mille(plexus_core::sim::BYZANTINE_PER_MILLE_MAX);
            format!("--faults may be at most {most} of the nodes together, not {found}")
        }
        SimConfigError::Complete { field } => {
            let flag = if field == "faults" { "faults of any kind" } else { "--messages-per-minute" };
            format!("the topology complete is computed, and knows no {flag}: leave one of them out")
        }
    }
}

/// Returns an attack's name.
pub(super) fn attack_name(attack: Attack) -> &'static str {
    match attack {
        Attack::Silent => "silent",
        Attack::Stalling => "stalling",
        Attack::InvalidChain => "invalid-chain",
        Attack::WithheldBody => "withheld-body",
        Attack::LatencyLiar => "latency-liar",
        Attack::CertificateLiar => "certificate-liar",
        Attack::HeaderFlooder => "header-flooder",
        Attack::Eclipse => "eclipse",
        Attack::Selfish => "selfish",
    }
}

fn topology_parser() -> impl TypedValueParser<Value = Topology> {
    PossibleValuesParser::new(TOPOLOGIES.map(topology_name)).try_map(|name| {
        let named = |topology: &Topology| topology_name(*topology) == name;
        TOPOLOGIES.into_iter().find(named).ok_or("there is no such topology")
    })
}

fn parse_byzantine(text: &str) -> Result<ByzantineShare, String> {
    let (name, share) = text.split_once('=').ok_or("expected like silent=5%")?;
    let named = |attack: &Attack| attack_name(*attack) == name;
    let attack = Attack::ALL
        .into_iter()
        .find(named)
        .ok_or_else(|| format!("{name} is none of {}", Attack::ALL.map(attack_name).join(", ")))?;
    Ok(ByzantineShare { attack, share_per_mille: share.parse::<Share>()?.per_mille()? })
}

fn parse_churn(text: &str) -> Result<Churn, String> {
    let parts = text.split_once(',').ok_or("expected two times in seconds, like 600,60")?;
    let [up_ms, down_ms] = [parts.0, parts.1].map(|part| part.parse::<Seconds>().map(|ms| ms.0));
    Ok(Churn { up_ms: up_ms?, down_ms: down_ms? })
}

fn parse_partition(text: &str) -> Result<Partition, String> {
    let parts: Vec<_> = text.split(',').collect();
    let [every, lasts, share] = parts[..] else {
        return Err("expected two times in seconds and a share, like 120,30,25%".to_owned());
    };
    let [every_ms, lasts_ms] = [every, lasts].map(|part| part.parse::<Seconds>().map(|ms| ms.0));
    let share_per_mille = share.parse::<Share>()?.per_mille()?;
    Ok(Partition { every_ms: every_ms?, lasts_ms: lasts_ms?, share_per_mille })
}

fn parse_places(text: &str) -> Result<Places, String> {
    let latency = match text {
        "regions" => Latency::Regions,
        "sphere" => Latency::Sphere,
        file => Latency::Matrix(read_matrix(file)?),
    };
    Ok(Places { given: text.to_owned(), latency })
}

fn read_matrix(file: &str) -> Result<Matrix, String> {
    let mut text = String::new();
    let open = File::open(file);
    let read = open.and_then(|open| open.take(LATENCY_FILE_BYTES_MAX + 1).read_to_string(&mut text));
    read.map_err(|error| format!("{error}: give regions, sphere, or a file of round trips"))?;
    if text.len() as u64 > LATENCY_FILE_BYTES_MAX {
        return Err("the file is too large".to_owned());
    }
    text.parse().map_err(|error| format!("{error}"))
}

#[cfg(test)]
mod tests;

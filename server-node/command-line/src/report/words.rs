//! A setup in words.

use plexus_core::sim::{Attack, Latency, SimConfig, Topology};

use super::metric::{bytes, count, decimal};
use super::runs::TopologyRuns;

/// Returns a description of the simulation, in a few sentences.
pub(super) fn lead(trials: &[TopologyRuns], places: &str) -> String {
    let setup = &trials[0].setup;
    let mut sentences = vec![format!(
        "{} nodes {} {}.",
        count(setup.nodes.into()),
        whereabouts(&setup.latency, places),
        choice(setup)
    )];
    let others: Vec<_> = trials.iter().skip(1).map(|trial| against(&trial.setup)).collect();
    if !others.is_empty() {
        sentences.push(format!("In the same places, for comparison: {}.", listed(&others)));
    }
    sentences.push(blocks(setup));
    sentences.push(format!(
        "{}; a node takes {} ms to handle a header or a block.",
        match setup.bandwidth {
            0 => "Uplinks are never busy".to_owned(),
            bandwidth => format!("Uplinks carry {} Mbit/s", short(bandwidth as f64 * 8e-6)),
        },
        short(setup.hop_us as f64 / 1_000.0)
    ));
    sentences.extend(faults(setup));
    sentences.push(measured(setup, trials[0].runs.len()));
    sentences.join(" ")
}

fn whereabouts(latency: &Latency, places: &str) -> String {
    match latency {
        Latency::Regions => "in twelve regions of the world".to_owned(),
        Latency::Sphere => "all over a sphere".to_owned(),
        Latency::Matrix(matrix) => format!("at the {} places of {places}", count(matrix.rows() as f64)),
    }
}

fn choice(setup: &SimConfig) -> String {
    let outbound = setup.outbound;
    match setup.topology {
        Topology::Plexus => "choose their neighbours for themselves".to_owned(),
        Topology::Random => format!("open {outbound} links each, to nodes drawn by chance"),
        Topology::Nearest => format!("open {outbound} links each, to their nearest"),
        Topology::Perigee => format!(
            "open {outbound} links each, and replace the two that bring blocks latest, every 20 blocks"
        ),
        Topology::Complete => "reach one another directly, the bound that no network beats".to_owned(),
    }
}

fn against(setup: &SimConfig) -> String {
    let outbound = setup.outbound;
    match setup.topology {
        Topology::Plexus => "nodes that choose for themselves".to_owned(),
        Topology::Random => format!("{outbound} links each to nodes drawn by chance"),
        Topology::Nearest => format!("{outbound} links each to the nearest"),
        Topology::Perigee => {
            format!("{outbound} links each, the worst of which are replaced every 20 blocks")
        }
        Topology::Complete => "all with all, the bound that no network beats".to_owned(),
    }
}

fn blocks(setup: &SimConfig) -> String {
    let miner = match setup.miners {
        0 => "by any of them".to_owned(),
        1 => "always by the same node".to_owned(),
        miners => format!("by one of {}", count(miners.into())),
    };
    let carried = match setup.body_bytes {
        0 => String::new(),
        body => {
            format!(", with {} of messages that nobody knew before", bytes(body.into()).replace(".0 ", " "))
        }
    };
    let written = match setup.messages_per_minute {
        0 => String::new(),
        messages => format!(" {} messages are written a minute.", count(messages.into())),
    };
    format!("A block is found every {} in the mean, {miner}{carried}.{written}", span(setup.spacing_ms))
}

fn faults(setup: &SimConfig) -> Vec<String> {
    let faults = &setup.faults;
    let mut sentences: Vec<_> = faults
        .byzantine
        .iter()
        .map(|byzantine| {
            format!("{} of the nodes {}.", per_mille(byzantine.share_per_mille), deed(byzantine.attack))
        })
        .collect();
    if faults.loss_ppm > 0 {
        let share = f64::from(faults.loss_ppm) / 10_000.0;
        sentences.push(format!("{}% of the frames are lost and sent again.", short(share)));
    }
    if let Some(churn) = faults.churn {
        let [up, down] = [churn.up_ms, churn.down_ms].map(span);
        sentences.push(format!("A node stays {up} and is away {down} in the mean."));
    }
    if let Some(partition) = faults.partition {
        let [every, lasts] = [partition.every_ms, partition.lasts_ms].map(span);
        let share = per_mille(partition.share_per_mille);
        sentences.push(format!("Every {every} or so, {share} of the nodes are cut off for {lasts}."));
    }
    if faults.crash_every_ms > 0 {
        sentences.push(format!("Every {} in the mean a node crashes.", span(faults.crash_every_ms)));
    }
    if setup.skew_ms > 0 {
        sentences.push(format!("Clocks are off by up to {}.", span(setup.skew_ms)));
    }
    sentences
}

fn deed(attack: Attack) -> &'static str {
    match attack {
        Attack::Silent => "pass nothing on",
        Attack::Stalling => "pass headers on and answer no request",
        Attack::InvalidChain => "announce blocks that break a rule",
        Attack::WithheldBody => "announce blocks whose bodies they keep",
        Attack::LatencyLiar => "lie about where they are",
        Attack::CertificateLiar => "certify links that do not exist",
        Attack::HeaderFlooder => "flood others with worthless headers",
        Attack::Eclipse => "surround others and name only their own kind",
        Attack::Selfish => "keep the blocks that they mine until others come near",
    }
}

fn measured(setup: &SimConfig, seeds: usize) -> String {
    let before = match setup.warmup_blocks {
        0 => String::new(),
        blocks => format!(" and {} blocks", count(blocks.into())),
    };
    let seeds = match seeds {
        1 => format!("The seed is {}.", setup.seed),
        seeds => format!(
            "All of it {seeds} times, with the seeds {} to {}: figures are medians, with the least and the greatest.",
            setup.seed,
            setup.seed.saturating_add(seeds as u64 - 1)
        ),
    };
    let blocks = if setup.blocks == 1 {
        "1 block is".to_owned()
    } else {
        format!("{} blocks are", count(setup.blocks.into()))
    };
    format!("{blocks} measured after {}{before} of warm-up. {seeds}", span(setup.warmup_ms))
}

fn per_mille(share: u32) -> String {
    format!("{}%", short(f64::from(share) / 10.0))
}

/// Returns a time in its largest fitting unit.
fn span(ms: u64) -> String {
    let seconds = ms as f64 / 1_000.0;
    match ms {
        0..1_000 => format!("{ms} ms"),
        1_000..120_000 => format!("{} s", short(seconds)),
        120_000..7_200_000 => format!("{} min", short(seconds / 60.0)),
        _ => format!("{} h", short(seconds / 3_600.0)),
    }
}

/// Returns a number with the decimals that it needs, at most two.
fn short(number: f64) -> String {
    let text = decimal(number);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Returns items joined as in a sentence.
pub(super) fn listed(items: &[String]) -> String {
    match items {
        [] => String::new(),
        [item] => item.clone(),
        [first, last] => format!("{first} and {last}"),
        [first @ .., last] => format!("{}, and {last}", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_in_their_largest_unit() {
        let told = [250, 1_500, 30_000, 150_000, 10_800_000].map(span);
        assert_eq!(told, ["250 ms", "1.5 s", "30 s", "2.5 min", "3 h"]);
        assert_eq!([short(20.0), short(0.1), short(100.0)], ["20", "0.1", "100"]);
    }
}

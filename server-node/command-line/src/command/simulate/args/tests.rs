use clap::Parser;

use super::*;

#[derive(Debug, Parser)]
struct ParsedLine {
    #[command(flatten)]
    arguments: Arguments,
}

fn read(line: &str) -> Arguments {
    ParsedLine::try_parse_from(line.split(' ').skip(1)).unwrap().arguments
}

fn refused(line: &str) -> String {
    match ParsedLine::try_parse_from(line.split(' ').skip(1)) {
        Ok(line) => line.arguments.plan().unwrap_err().to_string(),
        Err(error) => error.to_string(),
    }
}

fn only(line: &str) -> SimConfig {
    read(line).plan().unwrap().remove(0).remove(0)
}

#[test]
fn without_flags_it_is_the_default_of_nodes_that_choose_for_themselves() {
    let setup = SimConfig { topology: Topology::Plexus, ..SimConfig::default() };
    assert_eq!(only("plexus simulate"), setup);
    let command = read("plexus simulate").command(&setup);
    assert_eq!(command, "plexus simulate --nodes 1000 --topology plexus --blocks 20 --seed 1");
}

#[test]
fn every_flag_says_its_part_of_the_setup() {
    let line = "plexus simulate --nodes 50 --topology nearest --blocks 3 --outbound 4 --latency sphere \
                --last-mile-ms 20 --jitter-ms 0.25 --hop-ms 1.5 --bandwidth-mbit 0.8 --spacing-ms 5000 \
                --body-bytes 4000 --messages-per-minute 60 --miners 7 --warmup-s 12.5 --warmup-blocks 9 \
                --skew-ms 300 --faults silent=5%,eclipse=2.5% --loss 0.1% --churn 600,60 \
                --partition 120,30,25% --crashes 20 --seed 11";
    let byzantine = [(Attack::Silent, 50), (Attack::Eclipse, 25)];
    let expected = SimConfig {
        nodes: 50,
        topology: Topology::Nearest,
        outbound: 4,
        latency: Latency::Sphere,
        seed: 11,
        blocks: 3,
        warmup_ms: 12_500,
        warmup_blocks: 9,
        spacing_ms: 5_000,
        miners: 7,
        hop_us: 1_500,
        bandwidth: 100_000,
        last_mile_us: 20_000,
        jitter_us: 250,
        body_bytes: 4_000,
        messages_per_minute: 60,
        skew_ms: 300,
        faults: Faults {
            loss_ppm: 1_000,
            churn: Some(Churn { up_ms: 600_000, down_ms: 60_000 }),
            partition: Some(Partition { every_ms: 120_000, lasts_ms: 30_000, share_per_mille: 250 }),
            crash_every_ms: 20_000,
            byzantine: byzantine
                .map(|(attack, share_per_mille)| ByzantineShare { attack, share_per_mille })
                .to_vec(),
        },
    };
    let arguments = read(line);
    assert_eq!(arguments.plan().unwrap(), [[expected.clone()]]);
    // The setup is written back as the same line.
    assert_eq!(arguments.command_of_one(&expected), line);
}

#[test]
fn comparisons_and_seeds_are_all_planned() {
    let line = "plexus simulate --nodes 50 --topology plexus --blocks 20 --seed 3 --seeds 2 --compare random,plexus,nearest";
    let arguments = read(line);
    let plan: Vec<Vec<_>> = arguments
        .plan()
        .unwrap()
        .into_iter()
        .map(|group| group.into_iter().map(|setup| (setup.topology, setup.seed)).collect())
        .collect();
    let both = |topology| vec![(topology, 3), (topology, 4)];
    assert_eq!(plan, [Topology::Plexus, Topology::Random, Topology::Nearest].map(both));
    assert_eq!(arguments.command(&only(line)), line);
}

#[test]
fn every_topology_and_treason_has_the_name_that_reports_use() {
    for topology in TOPOLOGIES {
        assert_eq!(serde_json::to_value(topology).unwrap(), topology_name(topology));
        assert_eq!(
            only(&format!("plexus simulate --topology {}", topology_name(topology))).topology,
            topology
        );
    }
    for attack in Attack::ALL {
        assert_eq!(serde_json::to_value(attack).unwrap(), attack_name(attack));
        let byzantine = ByzantineShare { attack, share_per_mille: 100 };
        assert_eq!(parse_byzantine(&format!("{}=0.1", attack_name(attack))), Ok(byzantine));
    }
}

#[test]
fn round_trips_are_read_from_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("places.csv");
    std::fs::write(&file, "0,10\n10,0\n").unwrap();
    let line = format!("plexus simulate --latency {}", file.display());
    let setup = only(&line);
    assert!(matches!(&setup.latency, Latency::Matrix(matrix) if matrix.rows() == 2));
    assert!(read(&line).command(&setup).contains(&format!("--latency {}", file.display())));
    std::fs::write(&file, "0,10\n10\n").unwrap();
    assert!(refused(&line).contains("line 2"));
    assert!(refused("plexus simulate --latency /nowhere").contains("regions, sphere, or a file"));
}

#[test]
fn wrong_uses_name_the_flag_in_its_unit() {
    for (flags, part) in [
        ("--nodes 1", "--nodes must be from 2 to 20000, not 1"),
        ("--nodes 5000 --topology complete", "--nodes must be from 2 to 4000, not 5000"),
        ("--nodes 5000 --compare complete", "--nodes must be from 2 to 4000, not 5000"),
        ("--nodes many", "many"),
        ("--nodes -3", "-3"),
        ("--topology star", "star"),
        ("--compare random,star", "star"),
        ("--outbound 65", "--outbound must be from 1 to 64"),
        ("--blocks 0", "--blocks must be from 1"),
        ("--warmup-blocks 100001", "--warmup-blocks must be"),
        ("--warmup-s 0.5", "--warmup-s must be from 1 to 86400, not 0.5"),
        ("--spacing-ms 99", "--spacing-ms must be"),
        ("--miners 1001", "--miners must be from 0 to 1000, not 1001"),
        ("--hop-ms 10001", "--hop-ms must be from 0 to 10000, not 10001"),
        ("--hop-ms 0.0001", "at most 3 decimals"),
        ("--last-mile-ms 10001", "--last-mile-ms must be"),
        ("--jitter-ms 10001", "--jitter-ms must be"),
        ("--bandwidth-mbit 9000000", "--bandwidth-mbit must be from 0 to 8796093.022208, not 9000000"),
        ("--bandwidth-mbit 0.000001", "whole number of bytes"),
        ("--body-bytes 1000001", "--body-bytes must be"),
        ("--messages-per-minute 60001", "--messages-per-minute must be"),
        ("--skew-ms 30001", "--skew-ms must be"),
        ("--faults silent", "silent=5%"),
        ("--faults gossip=5%", "gossip is none of silent, stalling"),
        ("--faults silent=0%", "0.1%"),
        ("--faults silent=30%,selfish=30%", "--faults may be at most 49% of the nodes together, not 60%"),
        ("--loss 60%", "--loss must be from 0% to 50%, not 60%"),
        ("--loss often", "5% or 0.05"),
        ("--churn 600", "like 600,60"),
        ("--churn 0.5,60", "--churn must be from 1 to 86400, not 0.5"),
        ("--partition 120,30", "like 120,30,25%"),
        ("--partition 120,30,100%", "--partition must be from 0.1% to 99.9%, not 100%"),
        ("--crashes 86401", "--crashes must be from 0 to 86400, not 86401"),
        ("--topology complete --loss 1%", "knows no faults of any kind"),
        ("--compare complete --messages-per-minute 1", "knows no --messages-per-minute"),
        ("--seeds 0", "--seeds"),
        ("--seeds 101", "--seeds"),
        ("--seed 18446744073709551615 --seeds 2", "--seed is too large"),
        ("--report", "--report"),
    ] {
        let error = refused(&format!("plexus simulate {flags}"));
        assert!(error.contains(part), "{flags}: {error}");
    }
}

#[test]
fn a_word_is_quoted_for_the_shell_if_it_must_be() {
    assert_eq!(quoted("silent=5%,selfish=1%"), "silent=5%,selfish=1%");
    assert_eq!(quoted("my places.csv"), "'my places.csv'");
    assert_eq!(quoted("it's"), r"'it'\''s'");
}

//! Real nodes at real distances: each in a network namespace of its own, with a delay between each
//! two of them.
//!
//! `NODES` sets their number, and `SEED` their positions. All tests look at one run, in which nodes
//! choose their neighbours, relay blocks, and lose some. It takes about half a minute.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::process::{Command, Stdio};
use std::sync::OnceLock;

use plexus_tests::distance::{DistanceFindings, wrong_max};
use plexus_tests::enclosure::{PLACES, lack_of};

/// The most difference between measured and predicted times, in percent.
const OFF_PERCENT: f64 = 20.0;
/// The most measurements. All nodes share the machine's cores, and other programs can only delay them.
const MEASUREMENTS_MAX: usize = 3;

fn number(name: &str, otherwise: u64) -> String {
    let given = std::env::var(name).ok().map(|text| text.parse().expect("a number"));
    given.unwrap_or(otherwise).to_string()
}

/// Returns the findings.
fn findings() -> &'static DistanceFindings {
    static FINDINGS: OnceLock<DistanceFindings> = OnceLock::new();
    FINDINGS.get_or_init(find)
}

fn find() -> DistanceFindings {
    if let Some(lack) = lack_of(PLACES) {
        panic!("NO NAMESPACES: it takes iproute2, unshare, TUN devices and the right: {lack}");
    }
    let mut child = Command::new(env!("CARGO_BIN_EXE_distance"))
        .args([number("NODES", 20), number("SEED", 1)])
        // The child ends when this is closed.
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let held = child.stdin.take();
    let output = child.wait_with_output().unwrap();
    drop(held);
    assert!(output.status.success(), "SEED={}: {}", number("SEED", 1), output.status);
    let findings: DistanceFindings = serde_json::from_slice(&output.stdout).unwrap();
    let DistanceFindings { nodes, settled_s, choice, spread, successions, excess, .. } = &findings;
    println!(
        "{nodes} nodes at distances: {} of {} nearest are right after {settled_s:.0} s, round trips at most {:.0} % too long",
        choice.right,
        choice.slots,
        excess * 100.0
    );
    println!(
        "{nodes} nodes at distances: the next nearest in place after {:.1} s at most; half know a block after {:.1} ms (simulated \
         {:.1}, by paths {:.1}), nine tenths after {:.1} ms ({:.1}, {:.1}), the first within {:.1} ms",
        successions.iter().map(|succession| succession.seconds).fold(0.0, f64::max),
        spread.measured_ms[0],
        spread.simulated_ms[0],
        spread.paths_ms[0],
        spread.measured_ms[1],
        spread.simulated_ms[1],
        spread.paths_ms[1],
        spread.own_ms
    );
    findings
}

#[test]
#[cfg_attr(no_places, ignore = "needs network namespaces with TUN devices")]
fn each_node_chooses_as_nearest_those_that_are_nearest() {
    let DistanceFindings { nodes, choice, later, .. } = findings();
    assert_eq!(choice.right, choice.slots, "{choice:#?}");
    // Nodes keep searching, so a few choices may be about to change at any time.
    assert!(later.slots - later.right <= wrong_max(*nodes), "{later:#?}");
}

#[test]
#[cfg_attr(no_places, ignore = "needs network namespaces with TUN devices")]
fn when_the_nearest_ends_the_next_nearest_takes_its_place() {
    let DistanceFindings { successions, .. } = findings();
    assert!(!successions.is_empty());
    for succession in successions {
        assert!(succession.right && succession.successor.is_some(), "{succession:#?}");
    }
}

#[test]
#[cfg_attr(no_places, ignore = "needs network namespaces with TUN devices")]
fn blocks_spread_as_fast_as_the_simulator_foretells() {
    let mut off = worst_off(findings());
    for _ in 1..MEASUREMENTS_MAX {
        if off > OFF_PERCENT {
            off = off.min(worst_off(&find()));
        }
    }
    assert!(off <= OFF_PERCENT, "off by {off:.0} % in the best of {MEASUREMENTS_MAX} measurements");
}

/// Returns the largest difference between measured and predicted times, in percent.
fn worst_off(findings: &DistanceFindings) -> f64 {
    let spread = &findings.spread;
    assert!(spread.blocks >= 20, "{spread:#?}");
    let pairs = spread.measured_ms.into_iter().zip(spread.simulated_ms);
    pairs.map(|(measured, simulated)| ((measured / simulated - 1.0) * 100.0).abs()).fold(0.0, f64::max)
}

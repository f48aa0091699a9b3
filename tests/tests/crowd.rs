//! A real node whose inbound places are all taken: the peers that get in, the peers that are
//! evicted, and the peers that always stay.
//!
//! All tests look at two runs: with one crowded network's worth of places, and with as many places
//! as nodes have by default.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeMap;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use plexus_core::node::INBOUND_MAX;
use plexus_core::peers::eviction::INBOUND_GROUP_MAX;
use plexus_core::protocol::misbehavior::{Misbehavior, Reason};
use plexus_tests::crowd::CrowdFindings;
use plexus_tests::enclosure::{ADDRESSES, lack_of};

/// Returns the findings of both runs.
fn findings() -> &'static [CrowdFindings; 2] {
    static FINDINGS: OnceLock<[CrowdFindings; 2]> = OnceLock::new();
    FINDINGS.get_or_init(|| {
        if let Some(lack) = lack_of(ADDRESSES) {
            panic!("NO NAMESPACES: it takes iproute2, unshare and the right: {lack}");
        }
        [INBOUND_GROUP_MAX, INBOUND_MAX].map(find)
    })
}

fn find(inbound_max: usize) -> CrowdFindings {
    let mut child = Command::new(env!("CARGO_BIN_EXE_crowd"))
        .arg(inbound_max.to_string())
        // It ends when this is closed.
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let held = child.stdin.take();
    let output = child.wait_with_output().unwrap();
    drop(held);
    assert!(output.status.success(), "{inbound_max} inbound peers: {}", output.status);
    let findings: CrowdFindings = serde_json::from_slice(&output.stdout).unwrap();
    println!(
        "{inbound_max} inbound peers after {:.1} s, the outbound one again after {:.1} s, {} evicted",
        findings.filled_s, findings.redialled_s, findings.evicted
    );
    findings
}

fn heard(reason: &Reason, count: usize) -> BTreeMap<String, usize> {
    BTreeMap::from([(reason.to_string(), count)])
}

#[test]
#[cfg_attr(no_addresses, ignore = "needs network namespaces")]
fn a_newcomer_of_a_network_of_its_own_displaces_one_of_a_crowd() {
    for found in findings() {
        assert_eq!(found.inbound_full, found.inbound_max);
        assert!(found.newcomer_established, "{found:#?}");
        assert_eq!(found.evicted_for_newcomer, heard(&Reason::Evicted, 1), "{found:#?}");
        assert_eq!(found.established, found.newcomers, "{found:#?}");
        assert!(found.newcomer_stayed, "an older link of a network of its own goes last: {found:#?}");
        assert_eq!(found.inbound_after, found.inbound_max);
    }
}

#[test]
#[cfg_attr(no_addresses, ignore = "needs network namespaces")]
fn a_crowded_network_gets_no_further_place() {
    for found in findings() {
        let count = found.surplus.values().sum();
        assert_eq!(found.surplus, heard(&Reason::Crowded, count));
        assert!(count > 0);
    }
}

#[test]
#[cfg_attr(no_addresses, ignore = "needs network namespaces")]
fn inbound_links_never_take_an_outbound_one() {
    for found in findings() {
        let [before, after] = &found.outbound;
        assert_eq!(
            (before.len(), after),
            (1, before),
            "dialled while the node was full, and kept: {found:#?}"
        );
    }
}

#[test]
#[cfg_attr(no_addresses, ignore = "needs network namespaces")]
fn status_and_metrics_show_what_happened() {
    for found in findings() {
        assert_eq!(found.status_peers, found.inbound_max + 1, "with the outbound one");
        assert_eq!(found.metrics["evicted_total"], found.evicted as u64);
        assert_eq!(found.evicted, found.newcomers + 1);
        let turned_away: usize = found.surplus.values().sum();
        assert_eq!(found.metrics["turned_away_total"], turned_away as u64);
        assert_eq!(found.metrics["faults_total"], 0, "{found:#?}");
    }
}

#[test]
#[cfg_attr(no_addresses, ignore = "needs network namespaces")]
fn a_socket_that_never_greets_is_closed_in_time() {
    for found in findings() {
        assert_eq!(found.silent, Some(Reason::Fault(Misbehavior::HandshakeTimeout).to_string()));
    }
}

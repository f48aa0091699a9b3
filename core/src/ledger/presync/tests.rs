use super::*;
use crate::ledger::chain::tests::{LATE, branch, child, easy};

fn trail(network: &Network) -> HeadersPresync {
    let (genesis, hash) = (*network.genesis(), *network.id());
    HeadersPresync::new(genesis, hash, Mmr::default().append(genesis.record(hash)))
}

#[test]
fn weighs_what_the_tree_would() {
    let network = easy(100_000);
    let mut trail = trail(&network);
    let mut chain = crate::ledger::chain::Chain::new(network.clone());
    for header in branch(&network, network.genesis(), 300, 400, 1) {
        trail.push(&network, &header, LATE).unwrap();
        chain.insert(header, LATE).unwrap();
        let leader = chain.best_header();
        assert_eq!(
            (trail.hash(), trail.work(), trail.height()),
            (leader.hash, leader.total_work, header.height)
        );
    }
}

#[test]
fn names_every_rule_that_a_header_breaks_and_stays_where_it_is() {
    let network = easy(0);
    let mut trail = trail(&network);
    let header = child(&network, network.genesis(), 100_000, 1);
    let early = trail.push(&network, &header, network.genesis().time).unwrap_err();
    assert!(early.iter().all(RuleError::may_pass_later));
    let bad = Header { version: 7, height: 9, ..header };
    let failures = trail.push(&network, &bad, network.genesis().time).unwrap_err();
    assert!(failures.len() >= 3, "{failures:?}");
    assert_eq!(trail.height(), 0);
    trail.push(&network, &header, LATE).unwrap();
}

#[test]
fn marks_lie_a_thousand_apart_and_at_the_end() {
    let network = easy(0);
    let mut trail = trail(&network);
    let headers = branch(&network, network.genesis(), 2_500, 1, 1);
    for header in &headers {
        trail.push(&network, header, LATE).unwrap();
    }
    let at = |height: usize| (height as u64, headers[height - 1].hash());
    assert_eq!(trail.into_commitments(), [at(1_024), at(2_048), at(2_500)]);
}

#[test]
fn marks_thin_out_when_there_are_too_many() {
    let network = easy(0);
    let mut trail = trail(&network);
    // A commitment for every block, so that a test can mine enough to reach the cap.
    trail.spacing = 1;
    for header in branch(&network, network.genesis(), 2 * COMMITMENTS_MAX + 10, 1, 1) {
        trail.push(&network, &header, LATE).unwrap();
        assert!(trail.commitments.len() <= COMMITMENTS_MAX);
    }
    assert_eq!(trail.spacing, 4);
    assert!(trail.commitments.iter().all(|(height, _)| height % 2 == 0));
    assert!(trail.commitments.is_sorted());
}

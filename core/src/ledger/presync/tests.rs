use super::*;
use crate::ledger::chain::tests::{LATE, branch, child, easy};

fn presync(network: &Network) -> HeadersPresync {
    let (genesis, hash) = (*network.genesis(), *network.id());
    HeadersPresync::new(genesis, hash, Mmr::default().append(genesis.record(hash)))
}

#[test]
fn weighs_what_the_tree_would() {
    let network = easy(100_000);
    let mut presync = presync(&network);
    let mut chain = crate::ledger::chain::Chain::new(network.clone());
    for header in branch(&network, network.genesis(), 300, 400, 1) {
        presync.push(&network, &header, LATE).unwrap();
        chain.insert(header, LATE).unwrap();
        let best = chain.best_header();
        assert_eq!(
            (presync.hash(), presync.work(), presync.height()),
            (best.hash, best.total_work, header.height)
        );
    }
}

#[test]
fn names_every_rule_that_a_header_breaks_and_stays_where_it_is() {
    let network = easy(0);
    let mut presync = presync(&network);
    let header = child(&network, network.genesis(), 100_000, 1);
    let early = presync.push(&network, &header, network.genesis().time).unwrap_err();
    assert!(early.iter().all(RuleError::may_pass_later));
    let bad = Header { version: 7, height: 9, ..header };
    let failures = presync.push(&network, &bad, network.genesis().time).unwrap_err();
    assert!(failures.len() >= 3, "{failures:?}");
    assert_eq!(presync.height(), 0);
    presync.push(&network, &header, LATE).unwrap();
}

#[test]
fn marks_lie_a_thousand_apart_and_at_the_end() {
    let network = easy(0);
    let mut presync = presync(&network);
    let headers = branch(&network, network.genesis(), 2_500, 1, 1);
    for header in &headers {
        presync.push(&network, header, LATE).unwrap();
    }
    let at = |height: usize| (height as u64, headers[height - 1].hash());
    assert_eq!(presync.into_commitments(), [at(1_024), at(2_048), at(2_500)]);
}

#[test]
fn marks_thin_out_when_there_are_too_many() {
    let network = easy(0);
    let mut presync = presync(&network);
    // A commitment for every block, so that a test can mine enough to reach the cap.
    presync.spacing = 1;
    for header in branch(&network, network.genesis(), 2 * COMMITMENTS_MAX + 10, 1, 1) {
        presync.push(&network, &header, LATE).unwrap();
        assert!(presync.commitments.len() <= COMMITMENTS_MAX);
    }
    assert_eq!(presync.spacing, 4);
    assert!(presync.commitments.iter().all(|(height, _)| height % 2 == 0));
    assert!(presync.commitments.is_sorted());
}

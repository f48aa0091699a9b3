mod cheat;
mod forgery;
mod honest;
pub(crate) mod ledger;
mod path;

use self::ledger::{Ledger, network};
use super::*;
use crate::primitives::encoding::DecodeError;

/// Small enough to try everything.
const SMALL: Scheme = Scheme { security_bits: 3, tail: 8 };

fn check(ledger: &mut Ledger, height: u64, scheme: Scheme) -> usize {
    let network = ledger.network.clone();
    let bytes = prove::prove(&network, height, ledger, scheme).unwrap();
    let proven = verify::verify(&network, &bytes, scheme).unwrap_or_else(|error| panic!("{height}: {error}"));
    let (header, history) = (ledger.at(height).header, ledger.history(height + 1));
    assert_eq!((proven.header, proven.hash, &proven.history), (header, header.hash(), history));
    assert_eq!(proven.total_work(), history.work());
    let first = height + 1 - scheme.tail_of(height);
    let tail: Vec<_> = (first..=height).map(|height| ledger.at(height).header).collect();
    assert_eq!(proven.tail, tail);
    assert_eq!(proven.samples > 0, first > 1);
    bytes.len()
}

#[test]
fn every_length_is_proven() {
    for half_life_ms in [0, 600_000] {
        let mut ledger = Ledger::honest(network(0x207f_ffff, half_life_ms), 300);
        for height in 0..=300 {
            check(&mut ledger, height, SMALL);
        }
    }
}

#[test]
fn lengths_around_the_tail_and_powers_of_two_are_proven() {
    let mut ledger = Ledger::honest(network(0x207f_ffff, 600_000), 4_100);
    for height in [0, 1, 2, 479, 480, 481, 482, 958, 959, 960, 961, 962, 1_022, 1_023, 1_024, 1_025] {
        check(&mut ledger, height, CHAIN);
    }
    for height in [1_441, 2_046, 2_047, 2_048, 2_049, 4_094, 4_095, 4_096, 4_097, 4_100] {
        let bytes = check(&mut ledger, height, CHAIN);
        assert!(bytes < 60_000, "{bytes} bytes for {height} blocks");
    }
}

/// A proof with nodes of several levels, and headers beside each other and apart.
fn proof() -> (Network, Vec<u8>) {
    let network = network(0x2001_0000, 600_000);
    let mut ledger = Ledger::honest(network.clone(), 150);
    let bytes = prove::prove(&network, 150, &mut ledger, SMALL).unwrap();
    verify::verify(&network, &bytes, SMALL).unwrap();
    (network, bytes)
}

#[test]
fn no_prefix_is_a_proof_and_nothing_may_follow() {
    let (network, mut bytes) = proof();
    for end in 0..bytes.len() {
        let verdict = verify::verify(&network, &bytes[..end], SMALL);
        assert!(matches!(verdict, Err(ProofError::Layout(DecodeError::Short { .. }))), "{end}: {verdict:?}");
    }
    bytes.push(0);
    let trailing = ProofError::Layout(DecodeError::Trailing { count: 1 });
    assert_eq!(verify::verify(&network, &bytes, SMALL), Err(trailing));
    let found = PROOF_BYTES_MAX + 1;
    assert_eq!(verify(&network, &vec![0; found]), Err(ProofError::Size { found }));
}

#[test]
fn no_byte_may_be_another() {
    let (network, bytes) = proof();
    for at in 0..bytes.len() {
        for flip in [1, 0x10, 0x80, 0xff] {
            let mut changed = bytes.clone();
            changed[at] ^= flip;
            assert!(verify::verify(&network, &changed, SMALL).is_err(), "byte {at} with {flip:#x}");
        }
    }
}

#[test]
fn what_a_claim_says_wrongly_is_named() {
    let (network, bytes) = proof();
    let verdict = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = bytes.clone();
        change(&mut bytes);
        verify::verify(&network, &bytes, SMALL).unwrap_err()
    };
    assert!(matches!(verdict(&|bytes| bytes[0] ^= 1), ProofError::Network { .. }));
    assert!(matches!(verdict(&|bytes| bytes[64] = 0x40), ProofError::Height { .. }));
    assert!(matches!(verdict(&|bytes| bytes[72..88].fill(0)), ProofError::Stakes { .. }));
    assert!(matches!(verdict(&|bytes| bytes[72..88].fill(0xff)), ProofError::Stakes { .. }));
    assert!(matches!(verdict(&|bytes| bytes[104..108].fill(0)), ProofError::Stakes { .. }));
    // Another seed or other stakes demand other headers than the proof shows.
    for at in [32, 80, 96] {
        let error = verdict(&|bytes| bytes[at] ^= 1);
        let named = matches!(
            error,
            ProofError::Skipped { .. } | ProofError::Surplus { .. } | ProofError::Stakes { .. }
        );
        assert!(named, "byte {at}: {error}");
    }
    let other = ledger::network(0x2001_0000, 0);
    assert!(matches!(verify::verify(&other, &bytes, SMALL), Err(ProofError::Network { .. })));
}

#[test]
fn a_chain_shown_whole_claims_what_it_is() {
    let network = network(0x2001_0000, 0);
    let mut ledger = Ledger::honest(network.clone(), 12);
    let bytes = prove(&network, 12, &mut ledger).unwrap();
    let verdict = |at: usize| {
        let mut bytes = bytes.clone();
        bytes[at] ^= 1;
        verify(&network, &bytes).unwrap_err()
    };
    assert!(matches!(verdict(32), ProofError::Tip { .. }));
    assert!(matches!(verdict(87), ProofError::Work { part: "below the tail", .. }));
    assert!(matches!(verdict(103), ProofError::Work { part: "of the tail", .. }));
    assert!(matches!(verdict(107), ProofError::TipBits { .. }));
    assert!(matches!(verdict(bytes.len() - 1), ProofError::ProofOfWork { height: 12, .. }));
    let higher = HEIGHT_MAX + 1;
    assert_eq!(
        prove(&network, higher, &mut ledger),
        Err(ProveError::Chain(ProofError::Height { found: higher }))
    );
}

#[test]
fn sums_that_no_number_holds_are_refused() {
    let network = network(0x2001_0000, 600_000);
    let genesis = network.genesis().record(*network.id());
    let (below, tail) = (Work::from_hashes(1 << 20), Work::from_hashes(1 << 10));
    let claim =
        part::Claim { network: *network.id(), tip: Hash::ZERO, height: 100, below, tail, bits: genesis.bits };
    let mut bytes = Vec::new();
    claim.write(&mut bytes);
    // The first header that is shown is the fifth; those before it claim all work that a number holds, and more.
    crate::primitives::encoding::put_varint(&mut bytes, 3);
    let mut edge = part::Edge::of(0, &genesis);
    for (level, work) in [(0, 255), (1, u128::MAX - 254)] {
        let time = edge.time.plus_ms(15_000);
        let record = crate::primitives::mmr::MmrNode { work: Work::from_hashes(work), time, ..genesis };
        edge.write_node(&mut bytes, level, &record);
        edge = part::Edge::of(level, &record);
    }
    assert_eq!(verify::verify(&network, &bytes, SMALL), Err(ProofError::Overflow { height: 3 }));
}

//! Chain proofs, and the points of work that they must show.

use plexus_core::primitives::hash::Hash;
use plexus_core::primitives::params::{Network, Parameters};
use plexus_core::primitives::pow::{Bits, Work};
use plexus_core::proof::chain_proof;
use serde::Deserialize;

use crate::{Dec, Hex, bits, each};

#[test]
fn proofs() {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields, tag = "kind", rename_all = "lowercase")]
    enum Vector {
        Points(Points),
        Proof(Box<Whole>),
        Refused { network: Parameters, proof: Hex },
    }
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Points {
        tip: Hash,
        below: Dec<u128>,
        in_tail: Dec<u128>,
        #[serde(deserialize_with = "bits")]
        tip_bits: Bits,
        points: Vec<Dec<u128>>,
    }
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Whole {
        network: Parameters,
        height: Dec<u64>,
        proof: Hex,
        tip: Hash,
        total_work: Dec<u128>,
        history_root: Hash,
    }
    each("proof.json", |v: Vector| match v {
        Vector::Points(v) => {
            let (below, in_tail) = (Work::from_hashes(v.below.0), Work::from_hashes(v.in_tail.0));
            let points = chain_proof::points(below, in_tail, v.tip_bits, &v.tip).unwrap();
            let points: Vec<_> = points.into_iter().map(|point| Dec(point.hashes())).collect();
            assert_eq!(points, v.points);
        }
        Vector::Proof(v) => {
            let network = Network::new(v.network).unwrap();
            let proven = chain_proof::verify(&network, &v.proof.0).unwrap();
            assert_eq!((proven.header.height, proven.hash), (v.height.0, v.tip));
            assert_eq!(proven.header.hash(), v.tip);
            assert_eq!(proven.total_work(), Work::from_hashes(v.total_work.0));
            assert_eq!(proven.history.root(), v.history_root);
        }
        Vector::Refused { network, proof } => {
            let network = Network::new(network).unwrap();
            assert!(chain_proof::verify(&network, &proof.0).is_err(), "{}", hex::encode(&proof.0));
        }
    });
}

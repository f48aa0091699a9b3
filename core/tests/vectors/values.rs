//! Hashes, keys, networks, targets, headers, messages, trees and MMRs.

use plexus_core::primitives::block::Header;
use plexus_core::primitives::encoding::Reader;
use plexus_core::primitives::hash::{Hash, Tag, tagged};
use plexus_core::primitives::key::{PublicKey, SecretKey, Signature};
use plexus_core::primitives::least_stamp::least_stamp_work;
use plexus_core::primitives::merkle;
use plexus_core::primitives::message::{Draft, Message};
use plexus_core::primitives::mmr::{Mmr, MmrNode};
use plexus_core::primitives::params::{Network, Parameters};
use plexus_core::primitives::pow::{Bits, Retarget, Target, Work};
use plexus_core::primitives::stamp::{Price, stamp_level, stamp_work};
use serde::Deserialize;

use crate::{Dec, Fixed, Hex, bits, each, time};

#[test]
fn tagged_hashes() {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Vector {
        tag: String,
        input: Hex,
        hash: Hash,
    }
    each("hash.json", |v: Vector| {
        let digest = Hash::of(v.tag.as_bytes());
        let definition = [digest.as_bytes(), digest.as_bytes(), v.input.0.as_slice()].concat();
        assert_eq!(Hash::of(&definition), v.hash, "{}", v.tag);
        if let Some(&tag) = Tag::ALL.iter().find(|tag| tag.text() == v.tag) {
            assert_eq!(tagged(tag, &[&v.input.0]), v.hash, "{}", v.tag);
        }
    });
}

#[test]
fn keys_and_signatures() {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields, tag = "kind", rename_all = "lowercase")]
    enum Vector {
        Derive { phrase: String, seed: Fixed<64>, secret: Fixed<32>, public: PublicKey },
        Sign { secret: Fixed<32>, public: PublicKey, digest: Hash, signature: Signature },
        Verify { public: PublicKey, digest: Hash, signature: Signature, valid: bool },
    }
    each("key.json", |v: Vector| match v {
        Vector::Derive { phrase, seed, secret, public } => {
            assert_eq!(bip39::Mnemonic::parse(&phrase).unwrap().to_seed(""), seed.0);
            let path = plexus_core::primitives::mnemonic::PATH.parse().unwrap();
            let derived = bip32::XPrv::derive_from_path(&seed.0, &path).unwrap();
            assert_eq!(derived.private_key().to_bytes().as_slice(), secret.0);
            let key = SecretKey::from_phrase(&phrase.parse().unwrap()).unwrap();
            assert_eq!((*key.to_bytes(), key.public()), (secret.0, public));
        }
        Vector::Sign { secret, public, digest, signature } => {
            let key = SecretKey::from_bytes(&secret.0).unwrap();
            assert_eq!((key.public(), key.sign(&digest)), (public, signature));
            assert!(public.verifies(&digest, &signature));
        }
        Vector::Verify { public, digest, signature, valid } => {
            assert_eq!(public.verifies(&digest, &signature), valid, "{public} {signature}");
        }
    });
}

#[test]
fn networks() {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields, tag = "kind", rename_all = "lowercase")]
    enum Vector {
        Network {
            parameters: Parameters,
            encoding: Hex,
            genesis_header: Fixed<96>,
            genesis_block: Box<Fixed<205>>,
            network_id: Hash,
        },
        Refused {
            parameters: serde_json::Value,
        },
    }
    each("network.json", |v: Vector| match v {
        Vector::Network { parameters, encoding, genesis_header, genesis_block, network_id } => {
            let network = Network::new(parameters).unwrap();
            assert_eq!(network.genesis().content_root, tagged(Tag::Network, &[&encoding.0]));
            assert_eq!(network.genesis().encode(), genesis_header.0);
            assert_eq!(network.genesis_block().encode(), genesis_block.0);
            assert_eq!(*network.id(), network_id);
        }
        Vector::Refused { parameters } => {
            let text = parameters.to_string();
            let network = serde_json::from_value::<Parameters>(parameters).ok().map(Network::new);
            assert!(network.is_none_or(|network| network.is_err()), "{text}");
        }
    });
    assert_eq!(Network::new(Network::plexus().parameters().clone()), Ok(Network::plexus()));
}

#[test]
fn targets() {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields, tag = "kind", rename_all = "lowercase")]
    enum Vector {
        Bits {
            #[serde(deserialize_with = "bits")]
            bits: Bits,
            target: Fixed<32>,
            work: Dec<u128>,
        },
        Refused {
            #[serde(deserialize_with = "bits")]
            bits: Bits,
        },
        Compact {
            target: Fixed<32>,
            #[serde(deserialize_with = "bits")]
            bits: Bits,
        },
        Next {
            spacing_ms: Dec<u64>,
            half_life_ms: Dec<u64>,
            height: Dec<u64>,
            #[serde(deserialize_with = "bits")]
            limit_bits: Bits,
            #[serde(deserialize_with = "bits")]
            parent_bits: Bits,
            parent_time: Dec<u64>,
            time: Dec<u64>,
            #[serde(deserialize_with = "bits")]
            bits: Bits,
        },
    }
    each("target.json", |v: Vector| match v {
        Vector::Bits { bits, target, work } => {
            let expanded = bits.target().unwrap();
            assert_eq!(expanded.to_be_bytes(), target.0);
            assert_eq!(expanded.bits(), bits);
            assert_eq!(expanded.work(), Work::from_hashes(work.0));
        }
        Vector::Refused { bits } => assert_eq!(bits.target(), None, "{bits}"),
        Vector::Compact { target, bits } => assert_eq!(Target::from_be_bytes(target.0).bits(), bits),
        Vector::Next {
            spacing_ms,
            half_life_ms,
            limit_bits,
            height,
            parent_bits,
            parent_time,
            time: at,
            bits,
        } => {
            let limit = limit_bits.target().unwrap();
            let rule = Retarget { spacing_ms: spacing_ms.0, half_life_ms: half_life_ms.0, limit };
            let next = rule.next_bits(height.0, parent_bits, time(parent_time), time(at));
            assert_eq!(next, bits, "{parent_bits} from {parent_time:?} to {at:?} by {rule:?}");
        }
    });
}

#[test]
fn headers() {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Vector {
        prev_hash: Hash,
        content_root: Hash,
        version: u32,
        height: Dec<u64>,
        time: Dec<u64>,
        #[serde(deserialize_with = "bits")]
        bits: Bits,
        nonce: Dec<u64>,
        encoding: Fixed<96>,
        hash: Hash,
        meets_target: bool,
    }
    each("header.json", |v: Vector| {
        let Vector { prev_hash, content_root, version, bits, .. } = v;
        let (height, nonce) = (v.height.0, v.nonce.0);
        let header = Header { prev_hash, content_root, version, height, time: time(v.time), bits, nonce };
        assert_eq!(header.encode(), v.encoding.0);
        assert_eq!(Header::decode(&v.encoding.0), Ok(header));
        assert_eq!(header.hash(), v.hash);
        assert_eq!(bits.target().is_some_and(|target| target.is_met_by(&v.hash)), v.meets_target);
    });
}

#[test]
fn messages() {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields, tag = "kind", rename_all = "snake_case")]
    enum Vector {
        Message(Box<Whole>),
        Refused {
            network_id: Hash,
            encoding: Hex,
            rule: String,
        },
        LeastStamp {
            #[serde(deserialize_with = "bits")]
            limit_bits: Bits,
            size: usize,
            work: Dec<u128>,
        },
    }
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Whole {
        network_id: Hash,
        secret: Fixed<32>,
        sender: PublicKey,
        time: Dec<u64>,
        recipient: String,
        text: String,
        stamp: Dec<u64>,
        id: Hash,
        signature: Signature,
        encoding: Hex,
        stamp_hash: Hash,
        stamp_work: Dec<u128>,
        stamp_level: u8,
        price: Dec<u128>,
        text_form: String,
    }
    each("message.json", |v: Vector| match v {
        Vector::Message(v) => {
            let secret = SecretKey::from_bytes(&v.secret.0).unwrap();
            assert_eq!(secret.public(), v.sender);
            let draft = Draft::new(v.sender, v.recipient, v.text, time(v.time)).unwrap();
            let message = draft.sign(&secret, &v.network_id, v.stamp.0);
            assert_eq!(message.id(&v.network_id), v.id);
            assert_eq!(*message.signature(), v.signature);
            assert_eq!(message.encode(), v.encoding.0);
            assert_eq!(message.size(), v.encoding.0.len());
            assert_eq!(Message::decode(&v.encoding.0).as_ref(), Ok(&message));
            assert_eq!(message.to_string(), v.text_form);
            let stamp = tagged(Tag::Stamp, &[v.id.as_bytes(), &v.stamp.0.to_be_bytes()]);
            assert_eq!(stamp, v.stamp_hash);
            let work = Work::from_hashes(v.stamp_work.0);
            assert_eq!(stamp_work(&v.id, v.stamp.0), work);
            assert_eq!(
                (stamp_level(work), Price::new(work, message.size()).hashes()),
                (v.stamp_level, v.price.0)
            );
            assert!(message.verify(&v.network_id).is_some());
        }
        Vector::Refused { network_id, encoding, rule } => {
            let found = match Message::decode(&encoding.0) {
                Err(_) => "InvalidEncoding",
                Ok(message) if message.clone().verify(&network_id).is_none() => "InvalidSignature",
                Ok(_) => "none",
            };
            assert_eq!(found, rule, "{}", hex::encode(&encoding.0));
        }
        Vector::LeastStamp { limit_bits, size, work } => {
            let parameters = Network::dev().parameters().clone();
            let network = Network::new(Parameters { limit_bits, ..parameters }).unwrap();
            assert_eq!(least_stamp_work(&network, size).hashes(), work.0);
        }
    });
}

#[test]
fn trees_of_messages() {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Vector {
        entries: Vec<Hex>,
        leaves: Vec<Hash>,
        root: Hash,
    }
    each("merkle.json", |v: Vector| {
        let leaves: Vec<_> = v.entries.iter().map(|entry| merkle::leaf(&entry.0)).collect();
        assert_eq!(leaves, v.leaves);
        assert_eq!(merkle::root(&leaves), v.root);
    });
}

#[test]
fn mountain_ranges() {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Vector {
        leaves: Vec<Fixed<60>>,
        peaks: Vec<Fixed<60>>,
        bagged: Hex,
        root: Hash,
    }
    let record = |bytes: &Fixed<60>| {
        let record = MmrNode::read(&mut Reader::new(&bytes.0)).unwrap();
        assert_eq!(record.encode(), bytes.0);
        record
    };
    each("history.json", |v: Vector| {
        let history = v.leaves.iter().map(record).fold(Mmr::default(), |history, leaf| history.append(leaf));
        let peaks = history.peaks();
        assert_eq!(peaks, v.peaks.iter().map(record).collect::<Vec<_>>());
        let bagged = peaks.into_iter().rev().reduce(|right, left| MmrNode::parent(&left, &right));
        assert_eq!(bagged.map_or(Vec::new(), |bagged| bagged.encode().to_vec()), v.bagged.0);
        assert_eq!(bagged.map_or(Work::ZERO, |bagged| bagged.work), history.work());
        assert_eq!(history.root(), v.root);
    });
}

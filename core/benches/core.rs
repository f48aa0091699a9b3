//! Benchmarks of the ledger's expensive parts: headers into the tree, the MMR, signatures, the
//! search, contents.
//!
//! `cargo bench -p plexus-core`. Rates are comparable only within one run on one machine.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use plexus_core::ledger::chain::{Chain, Inserted};
use plexus_core::ledger::validation;
use plexus_core::mining::kernel::{Headers, Kernel, ROOTS_MAX};
use plexus_core::mining::search;
use plexus_core::peers::topology::forecast::FirstHopForecast;
use plexus_core::peers::topology::graph::{Graph, LINKS_MAX};
use plexus_core::primitives::block::{Block, HEADER_BYTES, Header, VERSION};
use plexus_core::primitives::hash::Hash;
use plexus_core::primitives::key::{PublicKey, SecretKey, Signature};
use plexus_core::primitives::message::{Draft, Message};
use plexus_core::primitives::mmr::{Mmr, MmrNode};
use plexus_core::primitives::params::{Network, Parameters};
use plexus_core::primitives::pow::{Bits, Target, Work};
use plexus_core::primitives::time::Timestamp;
use plexus_core::protocol::link_certificate::{Epoch, LatencyAttestation, LinkCertificate};
use sha2::{Digest, Sha256};

/// The number of headers of the inserted chain.
const HEADERS: usize = 100_000;
/// The number of messages of the checked block.
const MESSAGES: u64 = 2_000;
/// The number of nonces of one search.
const TRIES: u64 = 100_000;

/// Returns a network where every second hash is a block.
fn easy() -> Network {
    let parameters = Parameters {
        name: "easy".to_owned(),
        genesis_time: Timestamp::from_unix_ms(1_767_225_600_000),
        spacing_ms: 1_000,
        half_life_ms: 600_000,
        limit_bits: Bits::from_u32(0x207f_ffff),
        block_bytes_max: 1 << 20,
        block_messages_max: 4_096,
    };
    Network::new(parameters).expect("the parameters are legal")
}

fn child(network: &Network, parent: &Header) -> Header {
    let time = parent.time.plus_ms(1_000);
    let mut header = Header {
        prev_hash: parent.hash(),
        content_root: Hash::ZERO,
        version: VERSION,
        height: parent.height + 1,
        time,
        bits: network.next_bits(parent, time),
        nonce: 0,
    };
    header.nonce = search::grind(&header, 1 << 20).expect("it is easy");
    header
}

fn headers(c: &mut Criterion) {
    let network = easy();
    let next = |parent: &Header| Some(child(&network, parent));
    let headers: Vec<_> = std::iter::successors(next(network.genesis()), next).take(HEADERS).collect();
    let local = Timestamp::from_unix_ms(2_000_000_000_000);
    let mut group = c.benchmark_group("chain");
    group.throughput(Throughput::Elements(HEADERS as u64)).sample_size(10);
    group.measurement_time(Duration::from_secs(10));
    group.bench_function("insert and assume a header", |b| {
        b.iter_batched(
            || Chain::new(network.clone()),
            |mut chain| {
                for header in &headers {
                    assert_eq!(chain.insert(*header, local), Ok(Inserted::New { leads: true }));
                    chain.assume_valid();
                }
                chain
            },
            BatchSize::PerIteration,
        );
    });
    group.bench_function("check a header", |b| {
        b.iter(|| {
            for pair in headers.windows(2) {
                let (parent, header) = (&pair[0], &pair[1]);
                let hash = header.hash();
                assert!(
                    validation::check_header(&network, parent, &header.prev_hash, header, &hash).is_empty()
                );
            }
        });
    });
}

fn history(c: &mut Criterion) {
    let leaf = |height: u64| MmrNode {
        hash: Hash::of(&height.to_be_bytes()),
        work: Work::from_hashes(2),
        time: Timestamp::from_unix_ms(height),
        bits: Bits::from_u32(0x207f_ffff),
    };
    let leaves: Vec<_> = (0..10_000).map(leaf).collect();
    let mut group = c.benchmark_group("history");
    group.throughput(Throughput::Elements(leaves.len() as u64));
    group.bench_function("append a leaf", |b| {
        b.iter(|| leaves.iter().fold(Mmr::default(), |history, leaf| history.append(*leaf)));
    });
    group.bench_function("append a leaf and take the root", |b| {
        b.iter(|| {
            leaves.iter().fold(Mmr::default(), |history, leaf| {
                let history = history.append(*leaf);
                black_box(history.root());
                history
            })
        });
    });
}

fn message(network: &Hash, secret: &SecretKey, number: u64) -> Message {
    let text = format!("message {number}: {}", "x".repeat(200));
    let draft = Draft::new(secret.public(), "somebody", text, Timestamp::from_unix_ms(1_767_225_601_000));
    draft.expect("it is short").sign(secret, network, number)
}

fn signatures(c: &mut Criterion) {
    let network = *easy().id();
    let secret = SecretKey::from_bytes(&[7; 32]).expect("it is a key");
    let message = message(&network, &secret, 1);
    let mut group = c.benchmark_group("signature");
    group.throughput(Throughput::Elements(1));
    group.bench_function("verify a message", |b| b.iter(|| black_box(message.clone()).verify(&network)));
    let digest = message.id(&network);
    group.bench_function("sign a digest", |b| b.iter(|| secret.sign(black_box(&digest))));
}

fn search(c: &mut Criterion) {
    let mut header = [0x5a; HEADER_BYTES];
    // No hash meets it, so every nonce is tried.
    let target = Target::from_be_bytes([0; 32]);
    let mut group = c.benchmark_group("search");
    group.throughput(Throughput::Elements(TRIES));
    group.bench_function("naive, all 96 bytes each try", |b| {
        b.iter(|| {
            (0..TRIES).find(|nonce| {
                header[88..].copy_from_slice(&nonce.to_be_bytes());
                Sha256::digest(header)[..] <= [0; 32][..]
            })
        });
    });
    let roots: Vec<_> = (0..ROOTS_MAX as u64).map(|root| Hash::of(&root.to_be_bytes())).collect();
    let headers = Headers::new(&Header::decode(&header).expect("96 bytes are a header"), &roots, target);
    for kernel in Kernel::available() {
        group.bench_function(kernel.name(), |b| {
            b.iter(|| kernel.search(&headers, black_box(0), TRIES / ROOTS_MAX as u64));
        });
    }
}

fn contents(c: &mut Criterion) {
    let network = easy();
    let secret = SecretKey::from_bytes(&[7; 32]).expect("it is a key");
    let messages = (0..MESSAGES).map(|number| Arc::new(message(network.id(), &secret, number))).collect();
    let header = child(&network, network.genesis());
    let mut block =
        Block { header, extra: 0, author: PublicKey::NOBODY, signature: Signature::NONE, messages };
    block.seal(&secret, network.id(), &Hash::ZERO);
    let encoded = block.encode();
    let mut group = c.benchmark_group("block");
    group.throughput(Throughput::Bytes(encoded.len() as u64));
    group.bench_function("decode", |b| b.iter(|| Block::decode(black_box(&encoded))));
    group.bench_function("check contents, without signatures", |b| {
        b.iter(|| assert!(validation::check_contents(&network, &Hash::ZERO, black_box(&block)).is_empty()));
    });
}

/// Returns the certificates of 8,000 links between 1,000 nodes, unsigned.
fn certificates() -> Vec<LinkCertificate> {
    let key = |node: u32| {
        let mut bytes = [2; 33];
        bytes[1..].copy_from_slice(Hash::of(&node.to_be_bytes()).as_bytes());
        PublicKey::from_bytes(bytes)
    };
    let link = |number: u32| {
        let (from, step) = (number % 1_000, number / 1_000 * 37 + 1);
        let half = LatencyAttestation {
            epoch: Epoch::default(),
            rtt_us: 1 + number * 7_919 % 200_000,
            signature: Signature::NONE,
        };
        LinkCertificate::join(&key(from), &half, &key((from + step) % 1_000), &half)
    };
    (0..8_000).filter_map(link).collect()
}

fn graph(c: &mut Criterion) {
    let certificates = certificates();
    let own = certificates[0].ends()[0];
    let fill = || {
        let mut graph = Graph::new(own, LINKS_MAX);
        for certificate in &certificates {
            graph.insert(certificate, Epoch::default());
        }
        graph
    };
    let graph = fill();
    let topology = graph.topology();
    let neighbours = topology.level_order(&own).swap_remove(1);
    let mut group = c.benchmark_group("graph of 1,000 nodes and 8,000 links");
    group.bench_function("insert all", |b| b.iter(fill));
    group.bench_function("topology", |b| b.iter(|| graph.topology()));
    group.bench_function("shortest paths", |b| b.iter(|| topology.tree(black_box(&own)).is_some()));
    group.bench_function("forecast", |b| b.iter(|| FirstHopForecast::new(&topology, black_box(&neighbours))));
    group.finish();
}

criterion_group!(benches, headers, history, signatures, search, contents, graph);
criterion_main!(benches);

//! Proof files that were tampered with, cut, combined from others, or repaired so that more of
//! their checks pass. None of them is valid. Reading them does not panic, and memory does not grow.
//!
//! `FUZZ_SECONDS` sets the time, and `SEED` the random choices. The output at the end shows the
//! number of files tried.

use std::convert::Infallible;
use std::time::{Duration, Instant};

use plexus_core::mining::search::grind;
use plexus_core::primitives::block::Block;
use plexus_core::primitives::hash::Hash;
use plexus_core::primitives::message::{Draft, Message};
use plexus_core::primitives::mmr::{MmrNode, Position, siblings};
use plexus_core::primitives::params::{Network, Parameters};
use plexus_core::primitives::pow::Bits;
use plexus_core::proof::chain_proof::{self, Opened, ProofSource};
use plexus_core::proof::inclusion_proof::{Form, Receipt, ReceiptError, Verified};
use plexus_tests::block_builder::{BlockBuilder, key, message};
use plexus_tests::test_rng::TestRng;

/// The number of files that are tried if no time is set.
const TRIES: u64 = 12_000;
/// The number of files after which memory must stay the same.
const WARM_TRIES: u64 = 4_000;
/// The most growth of memory from this point to the end of a long run, in KiB.
const GROWTH_KIB_MAX: u64 = 16 << 10;

/// A branch of a forge, as a prover reads it.
struct Branch<'a> {
    forge: &'a BlockBuilder,
    hashes: Vec<Hash>,
    levels: Vec<Vec<MmrNode>>,
}

impl<'a> Branch<'a> {
    fn new(forge: &'a BlockBuilder, hashes: &[Hash], network: &Network) -> Self {
        let hashes: Vec<_> = [*network.id()].iter().chain(hashes).copied().collect();
        let mut row: Vec<_> = hashes.iter().map(|hash| forge.block(hash).header.record(*hash)).collect();
        let mut levels = Vec::new();
        while !row.is_empty() {
            let next = row.chunks_exact(2).map(|pair| MmrNode::parent(&pair[0], &pair[1])).collect();
            levels.push(std::mem::replace(&mut row, next));
        }
        Self { forge, hashes, levels }
    }

    fn block(&self, height: u64) -> &Block {
        self.forge.block(&self.hashes[usize::try_from(height).unwrap()])
    }
}

impl ProofSource for Branch<'_> {
    type Error = Infallible;

    fn node(&mut self, at: Position) -> Result<MmrNode, Infallible> {
        Ok(self.levels[usize::try_from(at.level).unwrap()][usize::try_from(at.index).unwrap()])
    }

    fn opened(&mut self, height: u64) -> Result<Opened, Infallible> {
        let block = self.block(height);
        let body_root = block.body_root(&block.messages_root());
        Ok(Opened { header: block.header, body_root, extra: block.extra })
    }
}

/// Returns a network in which every other hash solves a block. A changed header then has its proof
/// of work half of the time.
fn network() -> Network {
    let limit_bits = Bits::from_u32(0x207f_ffff);
    let parameters =
        Parameters { name: "fuzz".to_owned(), limit_bits, ..Network::dev().parameters().clone() };
    Network::new(parameters).unwrap()
}

/// Returns valid proofs of messages in a block at height `at`, which has `messages` messages.
fn receipts(network: &Network, at: usize, messages: usize, tip: usize) -> Vec<Receipt> {
    let mut forge = BlockBuilder::new(network, "smith");
    let mut hashes = forge.extend(network.id(), at - 1);
    let parent = *hashes.last().unwrap_or(network.id());
    let time = forge.block(&parent).header.time.plus_ms(1_000);
    let names = ["alice", "bob", "carol"];
    let written = (0..messages).map(|number| message(network, names[number % 3], &format!("{number}"), time));
    let hash = forge.mine(&parent, time, written.collect());
    hashes.push(hash);
    hashes.extend(forge.extend(&hash, tip - at));
    let mut branch = Branch::new(&forge, &hashes, network);
    let chain = chain_proof::prove(network, tip as u64, &mut branch).unwrap();
    let path: Vec<_> =
        siblings(tip as u64 + 1, at as u64).map(|position| branch.node(position).unwrap()).collect();
    let block = branch.block(at as u64);
    let indices = [0, messages / 2, messages - 1];
    let made = indices.map(|index| Receipt::new(network, block, index, path.clone(), chain.clone()).unwrap());
    made.to_vec()
}

fn verdict(bytes: &[u8]) -> Result<Verified, ReceiptError> {
    let receipt = Receipt::decode(bytes)?;
    assert_eq!(receipt.encode(), bytes, "a receipt has one encoding");
    receipt.verify()
}

fn verdict_of_form(json: &[u8]) -> Option<(Receipt, Verified)> {
    let form: Form = serde_json::from_slice(json).ok()?;
    let receipt = Receipt::try_from(&form).ok()?;
    assert_eq!(Form::new(&receipt), form, "a receipt has one form");
    let verified = receipt.verify().ok()?;
    Some((receipt, verified))
}

/// Changes bytes in one of the ways that fuzzers do.
fn spoil(bytes: &mut Vec<u8>, other: &[u8], rng: &mut TestRng) {
    const NUMBERS: [u64; 12] =
        [0, 1, 0x7f, 0x80, 0xff, 0xffff, 0x8000_0000, 0xffff_ffff, 1 << 62, 1 << 63, u64::MAX - 1, u64::MAX];
    let place = |rng: &mut TestRng, length: usize| {
        // Half of the time, change the front, where most fields are.
        let length = if rng.one_in(2) { length.min(900) } else { length };
        usize::try_from(rng.below(length.max(1) as u64)).unwrap()
    };
    let at = place(rng, bytes.len());
    let end = (at + 1 + usize::try_from(rng.below(64)).unwrap()).min(bytes.len());
    if bytes.is_empty() {
        return bytes.push(u8::try_from(rng.below(256)).unwrap());
    }
    match rng.below(9) {
        0 => bytes[at] ^= 1 << rng.below(8),
        1 => bytes[at] = u8::try_from(rng.below(256)).unwrap(),
        2 => {
            let number = rng.pick(&NUMBERS).to_be_bytes();
            let width = (1 << rng.below(4)).min(bytes.len() - at);
            bytes[at..at + width].copy_from_slice(&number[8 - width..]);
        }
        3 => drop(bytes.drain(at..end)),
        4 => {
            let piece = bytes[at..end].to_vec();
            let to = place(rng, bytes.len());
            bytes.splice(to..to, piece);
        }
        5 => {
            let from = place(rng, other.len());
            let piece = other[from..].iter().copied().take(end - at);
            bytes.splice(at..end, piece.collect::<Vec<_>>());
        }
        6 => bytes.truncate(at),
        7 => bytes.extend_from_slice(&rng.bytes()[..(end - at).min(32)]),
        _ => bytes.swap(at, end - 1),
    }
}

/// Repairs parts of a proof so that more of its checks pass: new signatures, new commitments, a new
/// nonce.
fn mend(receipt: &mut Receipt, history_root: &Hash, rng: &mut TestRng) {
    let id = *receipt.network.id();
    if rng.one_in(2) {
        let (secret, message) = (key("mallory"), &receipt.message);
        let draft = Draft::new(secret.public(), message.recipient(), message.text(), message.time()).unwrap();
        receipt.message = draft.sign(&secret, &id, message.stamp());
    }
    if rng.one_in(4) {
        let (message, time) = (&receipt.message, receipt.header.time);
        let draft = Draft::new(*message.sender(), message.recipient(), message.text(), time).unwrap();
        receipt.message = Message::from_parts(draft, message.stamp(), *message.signature());
    }
    let leaf = plexus_core::primitives::merkle::leaf(&receipt.message.encode());
    let (index, count) = (receipt.index.into(), receipt.count.into());
    let root = plexus_core::primitives::merkle::climb(leaf, index, count, &receipt.siblings);
    if let Some(root) = root.filter(|_| rng.one_in(2)) {
        let secret = key("mallory");
        receipt.author = secret.public();
        receipt.signature =
            secret.sign(&plexus_core::primitives::block::digest(&id, &receipt.header, history_root, &root));
        let count = receipt.count.into();
        let body_root =
            plexus_core::primitives::block::body_root(&receipt.author, &receipt.signature, count, &root);
        receipt.header.content_root =
            plexus_core::primitives::block::content_root(history_root, &body_root, receipt.extra);
    }
    if rng.one_in(4) {
        receipt.header.bits = receipt.network.parameters().limit_bits;
    }
    if let Some(nonce) = grind(&receipt.header, 1 << 6) {
        receipt.header.nonce = nonce;
    }
}

/// Returns the memory of this process in KiB, if it can be read.
fn memory_kib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

#[test]
fn a_tampered_proof_file_shows_nothing_and_does_no_harm() {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse().expect("a number"));
    let (seed, seconds) = (number("SEED").unwrap_or(1), number("FUZZ_SECONDS"));
    println!("SEED={seed}");
    let (mut rng, network) = (TestRng::new(seed), network());
    let mut valid = receipts(&network, 1, 1, 1);
    valid.extend(receipts(&network, 2, 3, 5));
    valid.extend(receipts(&network, 17, 40, 30));
    valid.extend(receipts(&network, 100, 2, 1_000));
    let roots: Vec<_> = valid.iter().map(|receipt| receipt.verify().unwrap().history_root).collect();
    let files: Vec<_> = valid.iter().map(Receipt::encode).collect();
    let forms: Vec<_> =
        valid.iter().map(|receipt| serde_json::to_vec(&Form::new(receipt)).unwrap()).collect();
    let begun = Instant::now();
    let (mut tries, mut read, mut late, mut warm) = (0u64, 0u64, 0u64, None);
    let more = |tries| seconds.map_or(tries < TRIES, |s| begun.elapsed() < Duration::from_secs(s));
    while more(tries) {
        tries += 1;
        if tries == WARM_TRIES {
            warm = memory_kib();
        }
        // Prefer the short files, of which more can be tried in a second.
        let pick = |rng: &mut TestRng| if rng.one_in(8) { rng.below(12) } else { rng.below(6) };
        let at = usize::try_from(pick(&mut rng)).unwrap();
        let other = usize::try_from(rng.below(9)).unwrap();
        let is_form = rng.one_in(4);
        let seeds = if is_form { &forms } else { &files };
        let mut bytes = seeds[at].clone();
        for _ in 0..=rng.below(3) {
            spoil(&mut bytes, &seeds[other], &mut rng);
        }
        if is_form {
            if let Some((receipt, _)) = verdict_of_form(&bytes) {
                assert!(valid.contains(&receipt), "try {tries}: {}", String::from_utf8_lossy(&bytes));
            }
            continue;
        }
        let error = verdict(&bytes).err();
        assert!(error.is_some() || files.contains(&bytes), "try {tries}: {}", hex::encode(&bytes));
        let Ok(mut receipt) = Receipt::decode(&bytes) else { continue };
        read += 1;
        mend(&mut receipt, &roots[at], &mut rng);
        match verdict(&receipt.encode()) {
            Ok(_) => assert!(valid.contains(&receipt), "try {tries}: {}", hex::encode(receipt.encode())),
            Err(ReceiptError::Chain(_) | ReceiptError::Path { .. } | ReceiptError::Peak { .. }) => late += 1,
            Err(_) => {}
        }
    }
    let (took, now) = (begun.elapsed().as_secs_f64(), memory_kib());
    println!(
        "{tries} files in {took:.1} s: {read} were laid out as proof files, of which {late} got as far as the chain once mended; \
         memory {warm:?} KiB after {WARM_TRIES}, {now:?} KiB in the end"
    );
    assert!(read > tries / 10 && late > tries / 100, "the files are too broken to test much");
    if let (Some(before), Some(now)) = (warm, now) {
        assert!(now < before + GROWTH_KIB_MAX, "memory grew from {before} to {now} KiB");
    }
}

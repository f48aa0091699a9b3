//! A node with a million blocks. The tests measure its start, its memory, and the time to prove its
//! chain and a message in it. They also measure the time until a new browser shows its verified
//! tip.

use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use plexus_core::node::LIGHT_BODIES;
use plexus_core::node::storage::{CHECKPOINT_BLOCKS, Change};
use plexus_core::primitives::block::{Block, Header, VERSION, content_root};
use plexus_core::primitives::hash::Hash;
use plexus_core::primitives::key::{PublicKey, SecretKey, Signature};
use plexus_core::primitives::message::{Draft, Message};
use plexus_core::primitives::mmr::Mmr;
use plexus_core::primitives::params::{Network, Parameters};
use plexus_core::primitives::pow::Bits;
use plexus_core::primitives::time::Timestamp;
use plexus_core::proof::chain_proof;
use plexus_core::proof::inclusion_proof::Receipt;
use plexus_node::store::Store;
use plexus_tests::browser::Browser;
use plexus_tests::process::binary;

const BLOCKS: u64 = 1_000_000;
/// The height of the block with the message.
const WRITTEN: u64 = 400_000;
/// The most time that a start may take, and the most memory afterwards.
const START_MAX: Duration = Duration::from_secs(2);
const MEMORY_KIB_MAX: u64 = 128 << 10;
/// The most time that a proof of the chain may take, the first time and later.
const PROVE_MAX: Duration = Duration::from_secs(1);
/// The most time until a new tab is live, and the most bytes that it may receive for that.
const LIVE_MAX: Duration = Duration::from_secs(2);
const PACKETS_BYTES_MAX: u64 = 400_000;
/// The most milliseconds that a tab may take to verify a proof of the chain.
const VERIFY_MS_MAX: f64 = 150.0;
const PATIENCE: Duration = Duration::from_secs(60);

/// Returns a network whose blocks are solved by every second hash. Its genesis is old enough for a
/// million blocks before now.
pub(crate) fn network() -> Network {
    let parameters = Parameters {
        name: "million".to_owned(),
        genesis_time: Timestamp::from_unix_ms(1_700_000_000_000),
        limit_bits: Bits::from_u32(0x207f_ffff),
        ..Network::dev().parameters().clone()
    };
    Network::new(parameters).unwrap()
}

fn secret() -> SecretKey {
    SecretKey::from_bytes(&[1; 32]).unwrap()
}

/// Returns the message.
fn message(network: &Network) -> Message {
    let time = network.genesis().time.plus_ms(15_000 * WRITTEN);
    let draft = Draft::new(secret().public(), "", "written long ago", time).unwrap();
    draft.sign(&secret(), network.id(), 0)
}

fn next_block(
    network: &Network,
    parent: &Header,
    history: &Mmr,
    blocks: u64,
    messages: &[Arc<Message>],
) -> Block {
    let header = Header {
        prev_hash: parent.hash(),
        content_root: Hash::ZERO,
        version: VERSION,
        height: parent.height + 1,
        time: parent.time.plus_ms(15_000),
        bits: parent.bits,
        nonce: 0,
    };
    // A store holds verified blocks. A light node only verifies the signatures of the newest ones.
    let (author, signature) = (PublicKey::NOBODY, Signature::NONE);
    let mut block = Block { header, extra: 0, author, signature, messages: messages.to_vec() };
    if block.header.height == WRITTEN {
        block.messages.push(Arc::new(message(network)));
    }
    if block.header.height == WRITTEN || block.header.height + LIGHT_BODIES as u64 > blocks {
        block.seal(&secret(), network.id(), &history.root());
    } else {
        block.header.content_root =
            content_root(&history.root(), &block.body_root(&block.messages_root()), 0);
    }
    while !header.bits.target().unwrap().is_met_by(&block.header.hash()) {
        block.header.nonce += 1;
    }
    block
}

/// Makes a store with this number of blocks.
pub(crate) fn fill(data: &Path, network: &Network, blocks: u64) {
    fill_with(data, network, blocks, &[]);
}

/// Makes a store with this number of blocks, each of which has these messages. They are in no index.
pub(crate) fn fill_with(data: &Path, network: &Network, blocks: u64, messages: &[Arc<Message>]) {
    let store = Store::open(data, network).unwrap();
    let mut parent = *network.genesis();
    let mut history = Mmr::default().append(parent.record(*network.id()));
    while parent.height < blocks {
        let (mut changes, fork) = (Vec::new(), parent.height);
        let most = if messages.is_empty() { 20_000 } else { 100 };
        for _ in 0..most.min(blocks - fork) {
            let block = next_block(network, &parent, &history, blocks, messages);
            let (header, hash, height) = (block.header, block.header.hash(), block.header.height);
            history = history.append(header.record(hash));
            changes.push(Change::Header { hash, header, total_work: history.work() });
            let indexed = block.messages.iter().skip(messages.len());
            let ids = indexed.map(|message| message.id(network.id())).collect();
            changes.push(Change::Body { hash, height, block: block.encode().into(), ids });
            if height.is_multiple_of(CHECKPOINT_BLOCKS) {
                changes.push(Change::Checkpoint { height, hash, history: history.clone() });
            }
            parent = header;
        }
        changes.push(Change::Tip { hash: parent.hash(), height: parent.height, fork });
        store.apply(&changes).unwrap();
    }
}

pub(crate) struct Node {
    pub(crate) child: Child,
    pub(crate) port: u16,
    pub(crate) started: Duration,
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _status = self.child.wait();
    }
}

/// Starts the program, and waits until it answers with its height. Returns the node.
pub(crate) fn start(data: &Path, network: &Path, blocks: u64) -> Node {
    let begun = Instant::now();
    let mut child = Command::new(binary())
        .args(["node", "--listen", "127.0.0.1:0", "--data"])
        .arg(data)
        .arg("--network")
        .arg(network)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let port = lines.find_map(|line| {
        let line = line.unwrap();
        let (_, rest) = line.split_once("://127.0.0.1:")?;
        rest.split(|letter: char| !letter.is_ascii_digit()).next()?.parse().ok()
    });
    let port = port.expect("the program says where it listens");
    // Read the rest of its output, so that it never blocks.
    std::thread::spawn(move || lines.count());
    while !status(port).contains(&format!("\"height\":{blocks}")) {
        assert!(begun.elapsed() < PATIENCE, "{}", status(port));
    }
    Node { child, port, started: begun.elapsed() }
}

fn status(port: u16) -> String {
    get(port, "/api/v1/status")
}

fn get(port: u16, path: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

pub(crate) fn memory_kib(child: &Child) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Proves the chain from the store, cold and warm.
fn prove(data: &Path, network: &Network) {
    let store = Store::open(data, network).unwrap();
    // The proof is kept for the message's proofs below.
    store.prove(network).unwrap();
    for round in 0..5 {
        let begun = Instant::now();
        let bytes = store.view().unwrap().prove(network, BLOCKS).unwrap();
        let (made, begun) = (begun.elapsed(), Instant::now());
        let proven = chain_proof::verify(network, &bytes).unwrap();
        println!("proof {round}: {} bytes in {made:?}, verified in {:?}", bytes.len(), begun.elapsed());
        assert_eq!(proven.header.height, BLOCKS);
        assert!(made < PROVE_MAX, "{made:?}");
        let (id, begun) = (message(network).id(network.id()), Instant::now());
        let receipt = store.receipt(network, &id).unwrap().unwrap();
        let (made, file) = (begun.elapsed(), receipt.encode());
        let begun = Instant::now();
        let verified = Receipt::decode(&file).unwrap().verify().unwrap();
        println!(
            "proof file {round}: {} bytes, {made:?} more, verified in {:?}",
            file.len(),
            begun.elapsed()
        );
        assert_eq!((verified.id, verified.blocks), (id, BLOCKS - WRITTEN + 1));
    }
}

/// Opens the page in a browser that never saw the network. It soon shows the verified tip, from few
/// bytes.
fn watch(node: &Node, network: &Network, round: usize) {
    let browser = Browser::start();
    let before = sent(node.port);
    let begun = Instant::now();
    let mut tab = browser.open(&format!("http://127.0.0.1:{}/", node.port));
    tab.wait("the page is live", 60, "document.querySelector('#state')?.dataset.state === 'live'");
    let live = begun.elapsed();
    let height = tab.evaluate("document.querySelector('#height').textContent.replace(/[^0-9]/g, '')");
    assert_eq!(height.as_str().unwrap(), BLOCKS.to_string());
    let shown = tab.evaluate("document.querySelector('#proof').textContent");
    assert!(shown.as_str().unwrap().contains("verified the chain’s work up to block"), "{shown}");
    let bytes = sent(node.port) - before;
    println!("tab {round}: live at {BLOCKS} blocks after {live:?}, {bytes} bytes of packets");
    assert!(bytes < PACKETS_BYTES_MAX, "{bytes} bytes");
    assert!(live < LIVE_MAX, "{live:?}");
    // Measures the time in which the page verifies the chain and a message from one file.
    let id = message(network).id(network.id());
    let verified = tab.evaluate(&format!(
        "(async () => {{ const {{ Client }} = await import('./client.js'); \
         const client = new Client({{ node: location.origin }}); const file = await client.proof('{id}'); \
         await client.verify(file); const begun = performance.now(); const verdict = await client.verify(file); \
         const took = performance.now() - begun; client.close(); return verdict.blocks === {} && took; }})()",
        BLOCKS - WRITTEN + 1
    ));
    println!("tab {round}: a proof file verified in {verified} ms");
    assert!(verified.as_f64().is_some_and(|ms| ms < VERIFY_MS_MAX), "{verified}");
}

/// Returns the bytes of packets that the node has sent to its peers.
fn sent(port: u16) -> u64 {
    let metrics = get(port, "/metrics");
    let lines =
        metrics.lines().filter(|line| line.starts_with("plexus_packet_bytes_total{direction=\"sent\""));
    lines.map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum()
}

/// Writes a network's parameters as a file that a node reads.
pub(crate) fn describe(network: &Network, file: &Path) {
    let parameters = network.parameters();
    let mut toml = format!("name = \"{}\"\n", parameters.name);
    for (name, value) in [
        ("genesis_time", parameters.genesis_time.unix_ms()),
        ("spacing_ms", parameters.spacing_ms),
        ("half_life_ms", parameters.half_life_ms),
        ("block_bytes_max", parameters.block_bytes_max.into()),
        ("block_messages_max", parameters.block_messages_max.into()),
    ] {
        writeln!(toml, "{name} = {value}").unwrap();
    }
    writeln!(toml, "limit_bits = \"{}\"", parameters.limit_bits).unwrap();
    fs::write(file, toml).unwrap();
}

#[test]
#[ignore = "takes a minute, and an optimised build: cargo test --release -- --ignored million"]
fn starts_in_two_seconds_and_stays_small() {
    let folder = tempfile::tempdir().unwrap();
    let (data, file) = (folder.path().join("data"), folder.path().join("million.toml"));
    let network = network();
    describe(&network, &file);
    let begun = Instant::now();
    fill(&data, &network, BLOCKS);
    println!(
        "filled in {:?}, {} MiB",
        begun.elapsed(),
        fs::metadata(data.join("chain.redb")).unwrap().len() >> 20
    );
    prove(&data, &network);
    for round in ["after a clean end", "after kill -9", "after another kill -9"] {
        let node = start(&data, &file, BLOCKS);
        let memory = memory_kib(&node.child);
        println!("{round}: up in {:?}, {memory} KiB, port {}", node.started, node.port);
        assert!(node.started < START_MAX, "{round}: {:?}", node.started);
        assert!(memory < MEMORY_KIB_MAX, "{round}: {memory} KiB");
    }
    let node = start(&data, &file, BLOCKS);
    for round in 0..5 {
        watch(&node, &network, round);
    }
}

//! The long chain as the older system's clients fetch it: its bytes, its fragments, and the cost of
//! a slow reader to the node.

use std::io::{BufReader, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde::Deserialize;

use crate::million::{describe, fill, memory_kib, network, start};

/// The most bytes of an answer without `?all`, and of a fragment.
const ANSWER_BYTES_MAX: usize = 1_000_000;
const FRAGMENT_BYTES_MAX: usize = 256 << 10;
/// The most memory that the node may gain while it tells every block. The store's cache, which
/// fills, is 16 MiB of it.
const GROWTH_KIB_MAX: u64 = 48 << 10;
/// The most memory that slow readers may add to the growth of a fast one. The answers to them are
/// five times as long.
const SLOW_GROWTH_KIB_MAX: u64 = 24 << 10;
/// The slow readers at once.
const READERS: usize = 2;

#[derive(Deserialize)]
struct Answer {
    #[serde(rename = "BlockChainData")]
    blocks: Vec<Row>,
}

#[derive(Deserialize)]
struct Row {
    number_of_block: u64,
    hash: String,
    prev_hash: String,
    message: String,
}

/// Opens a WebSocket on a route. Returns it.
fn open(port: u16, path: &str) -> BufReader<TcpStream> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut reader = BufReader::with_capacity(4_096, stream);
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        reader.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap();
    assert!(head.starts_with("HTTP/1.1 101 ") && head.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "{head}");
    reader
}

/// Reads one text message, fragment by fragment, with a pause after each. Returns it and the number
/// of fragments.
fn read(reader: &mut impl Read, pause: Duration) -> (Vec<u8>, usize) {
    let (mut text, mut fragments) = (Vec::new(), 0);
    loop {
        let mut head = [0; 2];
        reader.read_exact(&mut head).unwrap();
        let (is_final, kind) = (head[0] & 0x80 != 0, head[0] & 0x0f);
        let length = match head[1] {
            126 => {
                let mut length = [0; 2];
                reader.read_exact(&mut length).unwrap();
                u64::from(u16::from_be_bytes(length))
            }
            127 => {
                let mut length = [0; 8];
                reader.read_exact(&mut length).unwrap();
                u64::from_be_bytes(length)
            }
            length => length.into(),
        };
        let length = usize::try_from(length).unwrap();
        assert!(length <= FRAGMENT_BYTES_MAX, "{length}");
        assert_eq!(kind, if fragments == 0 { 1 } else { 0 }, "a text, and then its continuation");
        let begin = text.len();
        text.resize(begin + length, 0);
        reader.read_exact(&mut text[begin..]).unwrap();
        fragments += 1;
        if is_final {
            return (text, fragments);
        }
        std::thread::sleep(pause);
    }
}

fn check(text: &[u8], blocks: u64, first: u64) {
    let answer: Answer = serde_json::from_slice(text).unwrap();
    let rows = &answer.blocks;
    assert_eq!((rows[0].number_of_block, rows[1].number_of_block), (0, first));
    assert_eq!(rows.last().unwrap().number_of_block, blocks);
    assert_eq!(rows.len() as u64, blocks - first + 2);
    assert!(rows[1..].windows(2).all(|pair| pair[1].prev_hash == pair[0].hash));
    assert!(rows.iter().all(|row| row.message.starts_with("From ")));
}

fn tell(blocks: u64) {
    let folder = tempfile::tempdir().unwrap();
    let (data, file) = (folder.path().join("data"), folder.path().join("long.toml"));
    let network = network();
    describe(&network, &file);
    fill(&data, &network, blocks);
    let node = start(&data, &file, blocks);

    // The store's cache, which fills meanwhile, is part of the growth.
    let before = memory_kib(&node.child);
    let begun = Instant::now();
    let (plain, fragments) = read(&mut open(node.port, "/get-blockchaindata"), Duration::ZERO);
    println!("{blocks} blocks: {} bytes in {fragments} fragments, {:?}", plain.len(), begun.elapsed());
    assert!(plain.len() <= ANSWER_BYTES_MAX && plain.len() > ANSWER_BYTES_MAX - 2_000, "{}", plain.len());
    let answer: Answer = serde_json::from_slice(&plain).unwrap();
    let first = answer.blocks[1].number_of_block;
    assert!(blocks - first > 1_200, "{first}");
    check(&plain, blocks, first);

    let begun = Instant::now();
    let (all, fragments) = read(&mut open(node.port, "/get-blockchaindata?all"), Duration::ZERO);
    println!("?all: {} bytes in {fragments} fragments, {:?}", all.len(), begun.elapsed());
    check(&all, blocks, 1);

    let after = memory_kib(&node.child);
    let begun = Instant::now();
    let mut readers: Vec<_> = (0..READERS).map(|_| open(node.port, "/get-blockchaindata?all")).collect();
    let mut most = before;
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        let readers: Vec<_> = readers
            .iter_mut()
            .map(|reader| scope.spawn(|| read(reader, Duration::from_millis(2)).0.len()))
            .collect();
        let watching = scope.spawn(|| {
            let mut most = before;
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                most = most.max(memory_kib(&node.child));
                std::thread::sleep(Duration::from_millis(20));
            }
            most
        });
        for reader in readers {
            assert_eq!(reader.join().unwrap(), all.len());
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        most = watching.join().unwrap();
    });
    println!(
        "{READERS} slow readers: {:?}, from {before} KiB, {after} KiB after a fast one, to at most {most} KiB",
        begun.elapsed()
    );
    assert!(most < before + GROWTH_KIB_MAX, "{before} KiB, then {most} KiB");
    assert!(most < after + SLOW_GROWTH_KIB_MAX, "{after} KiB, then {most} KiB");
}

#[test]
fn a_long_chain_is_told_within_the_clients_limit_or_whole_in_fragments() {
    tell(3_000);
}

#[test]
#[ignore = "takes minutes without optimisation: cargo test --release -- --ignored hundred_thousand"]
fn a_hundred_thousand_blocks_are_told_with_bounded_memory() {
    tell(100_000);
}

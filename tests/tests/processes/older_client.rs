//! The older system's client in Python, with the library that it uses, against a real node.
//!
//! `PLEXUS_PYTHON` names a Python that has the packages `ecdsa` and `websockets`. `tests/run` makes
//! one.

use std::ffi::{OsStr, OsString};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use plexus_core::node::event::Event;
use plexus_tests::api::ApiClient;
use plexus_tests::observer::Observer;
use plexus_tests::process::{Process, run};
use plexus_tests::tools;
use plexus_tests::wait::eventually;
use serde_json::Value;

use super::{Place, repository, text};

const WAIT: Duration = Duration::from_secs(60);
/// Every address of this machine, so that the addresses of the loopback are many.
const EVERYWHERE: &str = "0.0.0.0:0";

/// Returns a Python with the packages. Panics where it is missing: a test that needs it is ignored
/// there, unless everything has to be tested.
fn python() -> OsString {
    tools::python("ecdsa, websockets")
        .expect("NO PYTHON with ecdsa and websockets: run `bash tests/run`, or name one in PLEXUS_PYTHON")
}

/// A client that runs. It is killed when dropped.
struct Client {
    child: Child,
    lines: Receiver<Value>,
    /// Its output until now.
    said: Vec<Value>,
}

impl Client {
    fn start(python: &OsStr, node: &Process, options: &[&str]) -> Self {
        let port = node.address().rsplit(':').next().unwrap();
        let mut child = Command::new(python)
            .arg(repository("tests/older/client.py"))
            .args(["127.0.0.1", port])
            .args(options)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (says, lines) = mpsc::channel();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                let _ = says.send(serde_json::from_str(&line).unwrap());
            }
        });
        let mut client = Self { child, lines, said: Vec::new() };
        client.until("it is connected", |said| said["event"] == "connected");
        client
    }

    fn tell(&mut self, line: &str) {
        writeln!(self.child.stdin.as_mut().unwrap(), "{line}").unwrap();
    }

    /// Waits until it outputs a new value that fits. Returns it.
    fn until(&mut self, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
        let begun = Instant::now();
        loop {
            let left = WAIT.saturating_sub(begun.elapsed());
            let line = self.lines.recv_timeout(left);
            let line = line.unwrap_or_else(|_| panic!("{what}: not in time; {:#?}", self.last()));
            self.said.push(line.clone());
            assert_ne!(line["event"], "failed", "{line:#}");
            if fits(&line) {
                return line;
            }
        }
    }

    fn last(&self) -> &[Value] {
        &self.said[self.said.len().saturating_sub(20)..]
    }

    /// Waits until its chain ends with this block, whether it was sent or fetched.
    fn follow(&mut self, hash: &str) {
        let is_there = |said: &Value| said["hash"] == *hash || said["tip"] == *hash;
        if !self.said.iter().rev().any(is_there) {
            self.until(hash, is_there);
        }
    }

    /// Fetches the chain and waits until its chain is replaced. Returns the output about that.
    fn fetch(&mut self) -> Value {
        self.tell("fetch");
        self.until("it fetches", |said| said["event"] == "fetched" && said["cause"] == "asked")
    }

    /// Ends it. Returns its chain at the end, as numbers and hashes.
    fn end(&mut self) -> Vec<(u64, String)> {
        self.tell("end");
        let end = self.until("it ends", |said| said["event"] == "end");
        assert!(self.child.wait().unwrap().success());
        let chain = end["chain"].as_array().unwrap().iter();
        chain.map(|block| (block[0].as_u64().unwrap(), block[1].as_str().unwrap().to_owned())).collect()
    }

    fn count(&self, event: &str) -> usize {
        self.said.iter().filter(|said| said["event"] == event).count()
    }

    /// Checks the output about blocks since its first fetch. It never repeats a block that the
    /// client has, except genesis once for each of the `reorganisations`. It misses no block.
    fn assert_in_step(&self, reorganisations: usize) {
        let blocks = || self.said.iter().filter(|said| said["event"] == "block" && said["last"] != -1);
        let lower = blocks().filter(|block| block["number"] == 0).count();
        assert_eq!(lower, reorganisations, "{:#?}", self.last());
        for block in blocks().filter(|block| block["number"] != 0) {
            assert_eq!(block["known"], false, "{block}");
            assert_eq!(block["number"].as_i64().unwrap(), block["last"].as_i64().unwrap() + 1, "{block}");
        }
        assert_eq!((self.count("failed"), self.count("disconnected")), (0, 0));
        for fetched in self.said.iter().filter(|said| said["event"] == "fetched") {
            assert_eq!((&fetched["gaps"], &fetched["first"]), (&0.into(), &serde_json::json!([0])));
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Checks that a client's chain is the node's, all of it.
fn assert_best(api: &ApiClient, chain: &[(u64, String)]) {
    let height = api.height().unwrap();
    assert_eq!(chain.len() as u64, height + 1);
    for (place, (number, hash)) in chain.iter().enumerate() {
        assert_eq!(*number, place as u64);
        assert_eq!(api.hash_at(*number).as_ref(), Some(hash), "{number}");
    }
}

/// A node on every address, and two peers that mine when they are told to, each its own branch.
struct Story {
    place: Place,
    alice: Process,
    api: ApiClient,
    one: Observer,
    other: Observer,
}

impl Story {
    fn new() -> Self {
        let place = Place::new(4);
        let alice = place.start_at("alice", EVERYWHERE, &[]);
        let port = alice.address().rsplit(':').next().unwrap();
        let url = format!("http://127.0.0.1:{port}");
        let connect = |name| {
            let mut peer = Observer::connect_as(name, &url["http://".len()..], &place.parameters).unwrap();
            peer.listen(WAIT, Observer::is_established);
            peer
        };
        let (one, other) = (connect("one"), connect("other"));
        Self { api: ApiClient::new(&url), place, alice, one, other }
    }

    fn tip(&self) -> String {
        self.api.ask("/status").unwrap()["tip"].as_str().unwrap().to_owned()
    }

    /// Mines a block after the other, each known to the node before the next.
    fn mine(&mut self, blocks: usize) {
        for _ in 0..blocks {
            let hash = self.one.mine().to_string();
            let api = self.api.clone();
            self.one.listen(WAIT, |_| api.ask("/status").is_some_and(|status| status["tip"] == *hash));
            assert_eq!(self.tip(), hash);
        }
        let height = self.one.height();
        self.other.listen(WAIT, |other| other.height() == height);
    }

    /// Mines blocks until one has a message.
    fn mine_message(&mut self, words: &str) {
        let data = self.place.data("alice");
        let url = format!("http://127.0.0.1:{}", self.alice.address().rsplit(':').next().unwrap());
        let sent = run(["send", "--to", "bob", words, "--node", &url, "--data", data.to_str().unwrap()]);
        assert!(sent.status.success(), "{}", text(&sent.stderr));
        let pooled = |peer: &Observer| {
            peer.host.events.iter().any(|event| match event {
                Event::Pooled(message) => message.message().text() == words,
                _ => false,
            })
        };
        self.one.listen(WAIT, pooled);
        assert!(pooled(&self.one));
        // Whether the message is on the chain already is looked up before it is mined.
        for _ in 0..20 {
            self.mine(1);
            let block = self.api.ask(&format!("/blocks/{}", self.tip())).unwrap();
            if block["messages"][0]["text"] == words {
                return;
            }
        }
        panic!("the message is never mined");
    }

    /// Replaces the last `depth` blocks, which are mined first, by one more.
    fn reorganise(&mut self, depth: usize) {
        for _ in 0..depth {
            let hash = self.one.mine().to_string();
            let api = self.api.clone();
            self.one.listen(WAIT, |_| api.ask("/status").is_some_and(|status| status["tip"] == *hash));
        }
        let before = self.tip();
        // The client does not receive these blocks meanwhile.
        let hash = (0..=depth).map(|_| self.other.mine().to_string()).last().unwrap();
        let api = self.api.clone();
        self.other.listen(WAIT, |_| api.ask("/status").is_some_and(|status| status["tip"] == *hash));
        assert_eq!(self.tip(), hash, "instead of {before}; connected: {}", self.other.open);
        let height = self.other.height();
        self.one.listen(WAIT, |one| one.height() == height);
    }
}

/// Runs a history with empty blocks, other blocks and reorganisations.
fn live_through(options: &[&str]) {
    let python = python();
    let mut story = Story::new();
    story.mine(3);
    let mut client = Client::start(&python, &story.alice, options);
    client.fetch();
    for round in 0..5 {
        story.mine(4);
        story.mine_message(&format!("From here to there, {round}: äöü"));
    }
    let tip = story.tip();
    client.follow(&tip);
    client.assert_in_step(0);
    for (count, depth) in [1, 3, 1, 7].into_iter().enumerate() {
        story.reorganise(depth);
        let tip = story.tip();
        client.until("it fetches the new branch", |said| said["event"] == "fetched" && said["tip"] == *tip);
        client.assert_in_step(count + 1);
        story.mine(3);
        story.mine_message(&format!("after {depth}"));
        let tip = story.tip();
        client.follow(&tip);
        client.assert_in_step(count + 1);
    }
    assert!(story.api.height().unwrap() > 50);
    assert_best(&story.api, &client.end());
    client.assert_in_step(4);
    assert_eq!(client.count("fetched"), 5, "one that was asked for, and one a reorganisation");
}

#[test]
#[cfg_attr(no_python, ignore = "needs a Python with ecdsa and websockets")]
fn an_older_client_follows_blocks_and_reorganisations() {
    live_through(&[]);
}

#[test]
#[cfg_attr(no_python, ignore = "needs a Python with ecdsa and websockets")]
fn an_older_client_that_reads_nothing_while_it_fetches_follows_them_too() {
    live_through(&["--inline"]);
}

#[test]
#[cfg_attr(no_python, ignore = "needs a Python with ecdsa and websockets")]
fn an_older_client_fetches_again_and_again_while_blocks_arrive() {
    let python = python();
    for options in [&[][..], &["--all"]] {
        let place = Place::new(15);
        let alice = place.start("alice", &["--mine=1"]);
        let api = ApiClient::new(&alice.url);
        let mut client = Client::start(&python, &alice, options);
        let mut fetches = 0;
        while fetches < 40 || client.count("block") < 40 {
            client.fetch();
            fetches += 1;
        }
        let height = api.height().unwrap() + 5;
        client.until("it follows", |said| said["number"].as_u64() > Some(height));
        client.assert_in_step(0);
        // A block that came before the first fetch causes one, too.
        let caused = client.said.iter().filter(|said| said["event"] == "fetch" && said["cause"] != "asked");
        assert!(caused.clone().all(|fetch| fetch["cause"].as_str().unwrap().ends_with(" after -1")));
        let chain = client.end();
        for (number, hash) in &chain {
            assert_eq!(api.hash_at(*number).as_ref(), Some(hash), "{number}");
        }
        println!(
            "{} blocks came beside {fetches} fetches, {} in the chain",
            client.count("block"),
            chain.len()
        );
    }
}

#[test]
#[cfg_attr(no_python, ignore = "needs a Python with ecdsa and websockets")]
fn an_older_client_dials_the_nodes_of_the_table_as_they_are_named() {
    let python = python();
    let story = Story::new();
    let listener = TcpListener::bind("127.0.0.2:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut client = Client::start(&python, &story.alice, &[&format!("--dial={port}")]);
    let other = Client::start(&python, &story.alice, &["--from=127.0.0.2"]);
    let online = eventually("both are listed", 30, || {
        let nodes = client.fetch()["nodes"].clone();
        (nodes["127.0.0.2"]["Latency"].as_f64() > Some(0.0)).then_some(nodes)
    });
    let names: Vec<_> = online.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(names, ["127.0.0.1", "127.0.0.2"]);
    assert!(names.iter().all(|name| online[name]["Status"] == "Online"), "{online}");
    let (stream, _) = listener.accept().unwrap();
    let mut dialled = tungstenite::accept(stream).unwrap();
    assert_eq!(dialled.read().unwrap().to_text().unwrap(), "ping");
    drop(other);
    eventually("the one that left is Offline", 30, || {
        let nodes = client.fetch()["nodes"].clone();
        (nodes["127.0.0.2"]["Status"] == "Offline" && nodes["127.0.0.1"]["Status"] == "Online").then_some(())
    });
    client.end();
    client.assert_in_step(0);
}

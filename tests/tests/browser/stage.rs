//! Fixtures for the page: a node that serves it, with a browser, or with a peer that mines blocks on
//! demand.

use std::path::PathBuf;
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use plexus_core::ledger::json;
use plexus_core::primitives::hash::Hash;
use plexus_core::primitives::message::{Draft, Message};
use plexus_core::primitives::params::Network;
use plexus_core::primitives::time::Timestamp;
use plexus_tests::api::ApiClient;
use plexus_tests::block_builder::key;
use plexus_tests::browser::{Browser, Tab};
use plexus_tests::observer::Observer;
use plexus_tests::process::{self, Process};
use plexus_tests::wait::eventually;
use serde_json::Value;
use tempfile::TempDir;

use crate::page::{start, wait_live};

/// A free loopback port.
const ANY: &str = "127.0.0.1:0";
/// A block takes no time.
pub(super) const BITS: u32 = 8;
/// The most time for anything between node and miner, in seconds.
const PATIENCE_S: u64 = 60;

/// A node that serves the page, and a browser to open it with.
pub(super) struct PageFixture {
    pub(super) browser: Browser,
    pub(super) node: Process,
    /// The file with the network's parameters.
    pub(super) network: PathBuf,
    /// The data of its nodes.
    pub(super) folder: TempDir,
}

impl PageFixture {
    /// Starts a browser, and a node with these options. Its network's blocks take 2^`bits` hashes.
    pub(super) fn start(bits: u32, options: &[&str]) -> Self {
        let browser = Browser::start();
        let folder = tempfile::tempdir().unwrap();
        let network = process::network(folder.path(), bits);
        let node = start(folder.path(), "alice", &network, ANY, options);
        Self { browser, node, network, folder }
    }

    /// Starts another node of the network.
    pub(super) fn start_other(&self, name: &str, options: &[&str]) -> Process {
        start(self.folder.path(), name, &self.network, ANY, options)
    }

    /// Returns the API of its node.
    pub(super) fn api(&self) -> ApiClient {
        ApiClient::new(&self.node.url)
    }

    /// Opens an address below its node's in a new tab.
    pub(super) fn open(&self, path: &str) -> Tab {
        self.browser.open(&format!("{}{path}", self.node.url))
    }

    /// Opens the page in a new tab, and waits until it is live.
    pub(super) fn open_live(&self) -> Tab {
        open_live(&self.browser, &format!("{}/", self.node.url))
    }
}

/// Opens a page in a new tab, and waits until it is live.
pub(super) fn open_live(browser: &Browser, url: &str) -> Tab {
    let mut tab = browser.open(url);
    wait_live(&mut tab);
    tab
}

/// A node, and its miner.
pub(super) struct Stage {
    pub(super) node: Process,
    pub(super) api: ApiClient,
    pub(super) network: Network,
    /// Orders a block with at least this number of messages.
    order: Sender<usize>,
    mined: Receiver<Hash>,
    written: u64,
    /// The data of its node.
    pub(super) folder: TempDir,
}

impl Stage {
    /// Creates a node with only genesis, and its miner.
    pub(super) fn set() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = process::network(folder.path(), BITS);
        let network = process::parameters(&file);
        let node = start(folder.path(), "alice", &file, ANY, &[]);
        let miner = Observer::connect(node.address(), &network).unwrap();
        let (order, orders) = mpsc::channel();
        let (done, mined) = mpsc::channel();
        std::thread::spawn(move || work(miner, &orders, &done));
        let api = ApiClient::new(&node.url);
        Self { node, api, network, order, mined, written: 0, folder }
    }

    /// Returns the URL of its page.
    pub(super) fn page(&self) -> String {
        format!("{}/", self.node.url)
    }

    /// Submits a message. Returns its id.
    pub(super) fn write(&mut self, recipient: &str, text: &str) -> String {
        // Each sender may only have a few waiting messages.
        self.written += 1;
        let sender = key(&format!("sender {}", self.written));
        let draft = Draft::new(sender.public(), recipient, text, Timestamp::from_unix_ms(now_ms())).unwrap();
        let message = draft.sign_stamped(&sender, &self.network);
        let (code, said) = self.api.submit(&submission(&message, self.network.id()));
        assert_eq!(code, 201, "{said}");
        said["id"].as_str().unwrap().to_owned()
    }

    /// Waits until the node has this many messages that wait for a block.
    pub(super) fn wait_for_messages(&self, messages: u64) {
        eventually("the messages wait", PATIENCE_S, || {
            (self.api.ask("/status")?["pool"].as_u64()? >= messages).then_some(())
        });
    }

    /// Mines a block that the node accepts. Returns its hash.
    pub(super) fn mine(&self) -> Hash {
        let waiting = self.api.ask("/status").unwrap()["pool"].as_u64().unwrap();
        self.order.send(usize::try_from(waiting).unwrap()).unwrap();
        let hash = self.mined.recv_timeout(Duration::from_secs(PATIENCE_S)).unwrap();
        eventually("the node has the block", PATIENCE_S, || self.api.height_of(&hash.to_string()));
        hash
    }

    /// Mines some blocks with a message or two each.
    pub(super) fn mine_some(&mut self, blocks: usize) {
        for block in 0..blocks {
            for message in 0..block % 3 {
                self.write(["bob", "", "the archive"][message], TEXTS[(block + message) % TEXTS.len()]);
            }
            self.mine();
        }
    }
}

/// Answers the node while the fixture exists, and mines the ordered blocks.
fn work(mut miner: Observer, orders: &Receiver<usize>, done: &Sender<Hash>) {
    let patience = Duration::from_secs(PATIENCE_S);
    miner.listen(patience, Observer::is_established);
    loop {
        miner.listen(Duration::from_millis(5), |_| false);
        let waiting = match orders.try_recv() {
            Ok(waiting) => waiting,
            Err(mpsc::TryRecvError::Empty) => continue,
            Err(mpsc::TryRecvError::Disconnected) => return,
        };
        let pooled = |miner: &Observer| miner.host.node.as_ref().map_or(0, |node| node.pool().count());
        miner.listen(patience, |miner| pooled(miner) >= waiting);
        let _ = done.send(miner.mine());
    }
}

/// Texts that people might write.
const TEXTS: [&str; 5] = [
    "The bridge over the Aare is open again from Monday.",
    "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    "Minutes of the general meeting: all motions carried, one abstention.",
    "Thank you!",
    "The reading at the weir, 06:00: 1.42 m, falling.",
];

fn submission(message: &Message, network: &Hash) -> Value {
    serde_json::to_value(json::MessageView::new(message, network)).unwrap()
}

fn now_ms() -> u64 {
    let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    u64::try_from(unix.as_millis()).unwrap()
}

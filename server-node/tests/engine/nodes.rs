//! Whole nodes on loopback: they find each other, agree, and continue after a restart.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use plexus_core::node::Status;
use plexus_core::node::event::Event;
use plexus_core::primitives::message::{Draft, Message};
use plexus_core::primitives::params::Network;
use plexus_node::config::NodeConfig;
use plexus_node::handle::Handle;
use plexus_node::store::Store;
use plexus_node::{Running, clock};
use plexus_tests::api::ApiClient;
use plexus_tests::wait::eventually;
use tokio::net::TcpListener;
use tokio::task::spawn_blocking;
use tokio::time::{sleep, timeout};

use crate::forge::{Forge, Forged, secret};

/// Far longer than any step takes on an otherwise idle machine.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) fn config(data: &Path, number: u8) -> NodeConfig {
    NodeConfig::new(Network::dev(), data.to_owned(), secret(number), secret(100 + number))
}

pub(crate) async fn start(config: NodeConfig) -> Running {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    Running::start(listener, config).await.unwrap()
}

fn to(address: SocketAddr) -> Vec<plexus_core::protocol::address::Address> {
    vec![address.to_string().parse().unwrap()]
}

/// Repeats a question until the answer is `Some`. Returns the answer, or `None` after
/// [`PATIENCE`].
pub(crate) async fn within_patience<T>(mut ask: impl AsyncFnMut() -> Option<T>) -> Option<T> {
    let answered = async {
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(PATIENCE, answered).await.ok()
}

async fn until(handle: &Handle, what: &str, holds: impl Fn(&Status) -> bool) -> Status {
    match within_patience(async || Some(handle.status().await.unwrap()).filter(&holds)).await {
        Some(status) => status,
        None => panic!("not within {PATIENCE:?}: {what}; {:?}", handle.status().await),
    }
}

/// Makes a data directory with a forged chain. Returns its blocks.
fn prepared(data: &Path, blocks: usize, messages: usize) -> Vec<Forged> {
    let mut forge = Forge::new(1);
    let blocks = forge.blocks(blocks, messages);
    let store = Store::open(data, &forge.network).unwrap();
    let changes: Vec<_> = blocks.iter().flat_map(|block| block.changes(block.height() - 1)).collect();
    store.apply(&changes).unwrap();
    blocks
}

fn message(text: &str) -> Message {
    let secret = secret(50);
    let draft = Draft::new(secret.public(), "you".to_owned(), text.to_owned(), clock::time()).unwrap();
    draft.sign_stamped(&secret, &Network::dev())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fresh_node_takes_the_chain_of_another() {
    let (old, new) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let blocks = prepared(old.path(), 300, 3);
    let old = start(config(old.path(), 1)).await;
    let new = start(NodeConfig { connect: to(old.address()), ..config(new.path(), 2) }).await;
    let status = until(new.handle(), "the other's height", |status| status.height == 300).await;
    assert_eq!(status.tip, blocks[299].hash);
    for block in &blocks {
        let stored = new.handle().store().block(&block.hash).unwrap().unwrap();
        assert_eq!(stored.block, block.block.encode());
    }
    assert!(new.handle().metrics().signatures_verified.get() >= 300 * 4);
    assert_eq!(new.handle().peers().await.unwrap().len(), 1);
    new.stop().await.unwrap();
    old.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_mined_and_reaches_everybody() {
    let (miner, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let miner = start(NodeConfig { mine_threads: Some(1), ..config(miner.path(), 1) }).await;
    let other = start(NodeConfig { connect: to(miner.address()), ..config(other.path(), 2) }).await;
    until(other.handle(), "a peer and blocks", |status| status.peers == 1 && status.height > 0).await;
    let mut events = other.handle().events();
    let id = other.handle().submit(message("hello")).await.unwrap();
    let connected = timeout(PATIENCE, async {
        loop {
            if let Ok(event) = events.recv().await
                && let Event::Connected { block, hash, mined_here, .. } = &*event
                && block.messages.iter().any(|message| message.id(Network::dev().id()) == id)
            {
                return (*hash, *mined_here);
            }
        }
    });
    let (hash, mined_here) = connected.await.unwrap();
    assert!(!mined_here);
    for node in [&miner, &other] {
        let found = node.handle().store().find_message(&id).unwrap().unwrap();
        assert_eq!(found.block, hash);
        assert_eq!(node.handle().pooled(id).await, Ok(None));
    }
    assert!(miner.handle().metrics().blocks_mined.get() > 0);
    assert!(other.handle().submit(message("hello again")).await.is_ok());
    miner.stop().await.unwrap();
    other.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn goes_on_after_a_restart_where_it_was() {
    let data = tempfile::tempdir().unwrap();
    let first = start(NodeConfig { mine_threads: Some(1), ..config(data.path(), 1) }).await;
    until(first.handle(), "some blocks", |status| status.height >= 5).await;
    first.handle().set_mining(false).await.unwrap();
    let id = first.handle().submit(message("to be mined some day")).await.unwrap();
    let before = until(first.handle(), "rest", |status| !status.mining).await;
    first.stop().await.unwrap();

    let second = start(config(data.path(), 1)).await;
    let after = second.handle().status().await.unwrap();
    assert!(after.height >= before.height);
    assert_eq!(after.pool, 1);
    assert_eq!(second.handle().pooled(id).await.unwrap().unwrap().text(), "to be mined some day");
    second.handle().set_mining(true).await.unwrap();
    until(second.handle(), "an empty pool", |status| status.pool == 0).await;
    assert!(second.handle().store().find_message(&id).unwrap().is_some());
    second.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn connects_again_to_a_node_that_was_gone() {
    let (left, right) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let first = start(config(left.path(), 1)).await;
    let address = first.address();
    let other = start(NodeConfig { connect: to(address), ..config(right.path(), 2) }).await;
    until(other.handle(), "a peer", |status| status.peers == 1).await;
    first.stop().await.unwrap();
    until(other.handle(), "no peer", |status| status.peers == 0).await;
    let listener = TcpListener::bind(address).await.unwrap();
    let again = Running::start(listener, config(left.path(), 1)).await.unwrap();
    until(other.handle(), "the peer again", |status| status.peers == 1).await;
    again.stop().await.unwrap();
    other.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn refuses_a_second_start_on_the_same_directory() {
    let data = tempfile::tempdir().unwrap();
    let first = start(config(data.path(), 1)).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let error = Running::start(listener, config(data.path(), 2)).await.unwrap_err();
    assert!(error.to_string().contains("another node is using"), "{error}");
    first.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn run_returns_when_it_is_told_to() {
    let data = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let config = NodeConfig { mine_threads: Some(1), ..config(data.path(), 1) };
    let api = ApiClient::new(&format!("http://{}", listener.local_addr().unwrap()));
    let mined = spawn_blocking(move || eventually("a block", 60, || (api.height()? > 0).then_some(())));
    let told = async { mined.await.unwrap() };
    timeout(PATIENCE, plexus_node::run(listener, config, told)).await.unwrap().unwrap();
    assert!(Store::open(data.path(), &Network::dev()).unwrap().tip().unwrap().height > 0);
}

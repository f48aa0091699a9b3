//! A node on loopback with a chain that it mines itself.

use std::time::Duration;

use plexus_core::primitives::key::SecretKey;
use plexus_core::primitives::message::{Draft, Message};
use plexus_core::primitives::params::Network;
use plexus_node::Running;
use plexus_node::config::NodeConfig;
use tempfile::TempDir;
use tokio::net::TcpListener;

/// The longest time that a test waits for an event.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A node of the dev network, and its folder.
pub(crate) struct Bench {
    pub(crate) node: Running,
    pub(crate) network: Network,
    pub(crate) author: SecretKey,
    _folder: TempDir,
}

impl Bench {
    /// Starts a node that does not mine.
    pub(crate) async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (network, author) = (Network::dev(), SecretKey::from_bytes(&[7; 32]).unwrap());
        let node_key = SecretKey::from_bytes(&[8; 32]).unwrap();
        let mut config = NodeConfig::new(network.clone(), folder.path().to_owned(), node_key, author.clone());
        config.mine_threads = Some(1);
        let node = Running::start(listener, config).await.unwrap();
        node.handle().set_mining(false).await.unwrap();
        Self { node, network, author, _folder: folder }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.node.address())
    }

    pub(crate) async fn height(&self) -> u64 {
        self.node.handle().status().await.unwrap().height
    }

    /// Mines until the chain has this height and all messages that wait. It may be a little higher
    /// afterwards, and stays so: a node that does not mine takes no solution.
    pub(crate) async fn mine(&self, height: u64) {
        self.node.handle().set_mining(true).await.unwrap();
        let done = async || {
            let status = self.node.handle().status().await.unwrap();
            status.height >= height && status.pool == 0
        };
        self.until(done).await;
        self.node.handle().set_mining(false).await.unwrap();
    }

    /// Waits until a condition is true.
    pub(crate) async fn until(&self, mut is_so: impl AsyncFnMut() -> bool) {
        let wait = async {
            while !is_so().await {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(PATIENCE, wait).await.expect("it did not come about in time");
    }

    /// Returns a signed message with the current time.
    pub(crate) fn message(&self, text: &str) -> Message {
        let draft = Draft::new(self.author.public(), "bob", text, plexus_node::clock::time()).unwrap();
        draft.sign_stamped(&self.author, &self.network)
    }
}

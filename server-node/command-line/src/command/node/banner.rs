//! The text that a node prints when it has started.

use std::fmt::Write as _;
use std::net::SocketAddr;

use plexus_node::config::NodeConfig;

use super::listen;
use crate::command::table;

/// The text that is printed when the node has started.
pub(super) struct Banner {
    url: String,
    network: String,
    folder: String,
    author: String,
    mining: Option<usize>,
    gpu: bool,
    is_new: bool,
    pub(super) height: u64,
    /// The listener for metrics, if it has one.
    pub(super) metrics: Option<SocketAddr>,
}

impl Banner {
    /// Creates the text for a node that listens on `address`. Its height is not known yet.
    pub(super) fn new(config: &NodeConfig, address: SocketAddr, is_new: bool) -> Self {
        let scheme = if config.tls.is_some() { "https" } else { "http" };
        Self {
            url: format!("{scheme}://{}/", listen::reachable(address)),
            network: config.network.to_string(),
            folder: config.data.display().to_string(),
            author: config.author.public().to_string(),
            mining: config.mine_threads,
            gpu: config.mine_gpu,
            is_new,
            height: 0,
            metrics: None,
        }
    }

    /// Returns the text. The last word of its first line is the page's URL, for programs that start
    /// a node.
    pub(super) fn text(&self) -> String {
        let mut text = format!("Plexus {} at {}\n\n", env!("CARGO_PKG_VERSION"), self.url);
        let mining = match self.mining {
            None => "off; --mine turns it on".to_owned(),
            Some(1) => "on 1 thread".to_owned(),
            Some(threads) => format!("on {threads} threads"),
        } + if self.gpu { " and the graphics processor" } else { "" };
        let mut rows = vec![
            ("  network", self.network.clone()),
            ("  height", self.height.to_string()),
            ("  data", self.folder.clone()),
            ("  your key", self.author.clone()),
            ("  mining", mining),
        ];
        if let Some(address) = self.metrics {
            rows.push(("  metrics", format!("http://{}/metrics", listen::reachable(address))));
        }
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{}", table::pairs(&rows));
        if self.is_new {
            let _ = writeln!(
                text,
                "\nThe key is new. `plexus key show --data {}` prints the 24 words that restore it.",
                self.folder
            );
        }
        text + "\nCtrl-C stops the node.\n"
    }
}

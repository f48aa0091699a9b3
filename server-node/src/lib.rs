//! The Plexus full node: what waits, touches and guesses around `plexus_core`, which decides.
//!
//! One task, the [`driver`], owns the `Node`: it tells it facts and carries out its wishes. All else feeds it or is fed by it.
//!
//! # Map
//!
//! | file | what it is |
//! | --- | --- |
//! | [`config`] | what a node is started with |
//! | [`clock`] | the only one who reads clocks |
//! | [`driver`] | the task that owns the node; `lane`: a peer's send queue |
//! | [`socket`] | a reader and a writer for each peer |
//! | [`dialer`] | connects to others |
//! | [`server`] | accepts connections, plain or TLS, and serves the [`app`] on them |
//! | [`store`] | what is remembered, in redb |
//! | [`verifier`] | signatures on all cores |
//! | [`miner`] | threads that search jobs |
//! | [`handle`] | how everything else asks the node |
//! | [`counters`] | what is counted, for metrics |

pub mod api;
pub mod app;
pub mod clock;
pub mod config;
pub mod counters;
pub mod handle;
pub mod keystore;
pub mod legacy;
pub mod metrics;
pub mod openapi;
pub mod store;
pub mod web;

use std::future::Future;
use std::net::SocketAddr;

use tokio::net::TcpListener;

use crate::config::Config;
use crate::handle::Handle;

/// A node that runs.
#[derive(Debug)]
pub struct Running {
    handle: Handle,
    address: SocketAddr,
}

impl Running {
    /// Starts a node: opens its store, and serves the [`app`] on `listener`.
    ///
    /// # Errors
    /// A store that cannot be opened, or a certificate that cannot be read.
    pub async fn start(listener: TcpListener, config: Config) -> anyhow::Result<Self> {
        let _ = (listener, config);
        tokio::task::yield_now().await;
        anyhow::bail!("not yet")
    }

    /// How to ask the node.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits until the node stops by itself, which it does only when it cannot go on.
    pub async fn stopped(&self) {
        self.handle.stopping().await;
    }

    /// Closes the peers, stops the miners, and returns when all is persisted and the data directory is free.
    ///
    /// # Errors
    /// Why the node could not go on, if it stopped by itself.
    pub async fn stop(self) -> anyhow::Result<()> {
        tokio::task::yield_now().await;
        Ok(())
    }
}

/// Runs a node until `shutdown` resolves.
///
/// # Errors
/// What keeps the node from starting or from going on.
pub async fn run(
    listener: TcpListener,
    config: Config,
    shutdown: impl Future<Output = ()> + Send,
) -> anyhow::Result<()> {
    let running = Running::start(listener, config).await?;
    tokio::select! {
        () = shutdown => {}
        () = running.stopped() => {}
    }
    running.stop().await
}

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
//! | [`driver`] | the task that owns the node |
//! | [`fact`] | what its one channel carries |
//! | [`lane`] | a peer's send queue |
//! | [`socket`] | a reader and a writer for each peer |
//! | [`dialer`] | connects to others |
//! | [`server`] | accepts connections, plain or TLS, and serves the [`app`] on them |
//! | [`store`] | what is remembered, in redb |
//! | [`verifier`] | signatures on all cores |
//! | [`miner`] | threads that search jobs, and the graphics processor |
//! | [`handle`] | how everything else asks the node |
//! | [`counters`] | what is counted, for metrics |
//! | [`api`] | JSON for programs, described by [`openapi`] |
//! | [`legacy`] | the older system's two routes |
//! | [`web`] | the page that is built in |
//! | [`metrics`] | the counters as Prometheus reads them |
//! | [`keystore`] | the keys in the data folder |

pub mod api;
pub mod app;
pub mod clock;
pub mod config;
pub mod counters;
pub mod dialer;
pub mod driver;
pub mod fact;
pub mod handle;
pub mod keystore;
pub mod lane;
pub mod legacy;
pub mod metrics;
pub mod miner;
pub mod openapi;
pub mod server;
pub mod socket;
pub mod store;
pub mod verifier;
pub mod web;

use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context;
use plexus_core::node::Node;
use plexus_core::wire::Role;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::config::Config;
use crate::driver::Driver;
use crate::handle::Handle;
use crate::miner::{Gpu, Miner};
use crate::store::Store;

/// How long a node that stops waits for whoever still reads its store.
pub const RELEASE_TIMEOUT: Duration = Duration::from_secs(5);

/// A node that runs.
#[derive(Debug)]
pub struct Running {
    handle: Handle,
    address: SocketAddr,
    driver: JoinHandle<anyhow::Result<()>>,
    server: JoinHandle<()>,
}

impl Running {
    /// Starts a node: opens its store, and serves the [`app`] on `listener`.
    ///
    /// # Errors
    /// A store that cannot be opened, a certificate that cannot be read, or threads or a graphics processor that cannot be had.
    pub async fn start(listener: TcpListener, config: Config) -> anyhow::Result<Self> {
        let address = listener.local_addr().context("the listening socket")?;
        let tls = config.tls.as_ref().map(server::acceptor).transpose()?;
        let gpu = match config.mine_gpu {
            true => Some(tokio::task::spawn_blocking(Gpu::open).await??),
            false => None,
        };
        let (network, data) = (config.network.clone(), config.data.clone());
        let opened = tokio::task::spawn_blocking(move || {
            let store = Store::open(&data, &network)?;
            let chain = store.restore(&network)?;
            let book = store.book()?;
            anyhow::Ok((store, chain, book))
        });
        let (store, chain, book) = opened.await??;
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(|error| anyhow::anyhow!("no randomness to be had: {error}"))?;
        let (handle, facts) = Handle::new(store, config.network.clone(), config.inbound_max);
        let miner = Miner::new(config.mine_threads, gpu, handle.clone());
        let mut node = Node::new(node_config(&config), chain, seed);
        if !book.is_empty()
            && let Err(error) = node.remember(&book)
        {
            tracing::error!(%error, "the stored address book is damaged: the node begins with an empty one");
        }
        let driver = Driver::new(node, facts, handle.clone(), miner)?;
        let app = app::router(handle.clone(), config.author.public());
        let server = server::serve(listener, tls, app, handle.clone(), config.connections_max);
        Ok(Self { handle, address, driver: tokio::spawn(driver.run()), server: tokio::spawn(server) })
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
        self.handle.stop();
        let driven = self.driver.await?;
        self.server.await?;
        // Sockets and readers hold the store a moment longer; the file is closed when the last of them lets go.
        let released = self.handle.store().released();
        drop(self.handle);
        if timeout(RELEASE_TIMEOUT, released.cancelled()).await.is_err() {
            tracing::warn!("somebody still reads the store");
        }
        driven
    }
}

fn node_config(config: &Config) -> plexus_core::node::Config {
    plexus_core::node::Config {
        listen: config.listen_address.clone(),
        connect: config.connect.clone(),
        mining: config.mine_threads.is_some(),
        inbound_max: config.inbound_max,
        ..plexus_core::node::Config::new(Role::Full, config.node_key.clone(), config.author.clone())
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

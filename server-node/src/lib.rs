//! The Plexus full node: the I/O, threads and clock around `plexus_core`, which makes the
//! decisions.
//!
//! One task, the [`driver`], owns the `Node`: it gives it inputs and executes its outputs. All
//! other parts send to the driver or receive from it.
//!
//! # Map
//!
//! | file | contents |
//! | --- | --- |
//! | [`config`] | the configuration of a node |
//! | [`clock`] | the only module that reads clocks |
//! | [`driver`] | the task that owns the node |
//! | [`driver::event`] | the items of its channel |
//! | [`driver::send_queue`] | a peer's send queue |
//! | [`socket`] | a reader and a writer for each peer |
//! | [`gate`] | the number of peers' sockets that are let in |
//! | [`descriptors`] | raises the limit of open files to the number that connections need |
//! | [`disk`] | the free space of the data folder |
//! | [`disk_guard`] | stops taking blocks before the disk is full |
//! | [`dialer`] | connects to other nodes |
//! | [`connector`] | connections by name, with happy eyeballs |
//! | [`tls`] | the node's certificate, and the authorities that it trusts |
//! | [`http::server`] | accepts connections, plain or TLS, and serves the [`http::router`] on them |
//! | [`store`] | the persistent state, in redb |
//! | [`chain_file`] | backups and exported chains: written, read, verified, imported |
//! | `pruner` | deletes the bodies of old blocks |
//! | [`verifier`] | signatures on all cores |
//! | [`miner`] | threads that search jobs, and the graphics processor |
//! | [`handle`] | the way to the node for all other parts |
//! | [`metrics`] | the numbers that are counted, and their registry |
//! | `clock_offset` | how far the local clock is ahead of other nodes' clocks |
//! | [`admin`] | the socket by which the operator steers a running node |
//! | [`api`] | JSON for programs, described by [`http::openapi`] |
//! | [`legacy`] | the older system's two routes |
//! | [`http::web`] | the page that is built in |
//! | [`http::metrics`] | the metrics as text |
//! | `http::health` | whether the node is alive and ready |
//! | [`version`] | the version, with the commit and the protocol |
//! | [`keystore`] | the keys in the data folder |
//! | [`private_file`] | files that only their owner can read |
//! | [`listen`] | the addresses to listen on, of both families |
//! | [`logging`] | the log's levels and formats |
//! | [`operator_log`] | the lines that an operator sees by default |
//! | `connect_log` | the configured nodes, as these lines follow them |

pub mod admin;
pub mod api;
pub mod chain_file;
pub mod clock;
pub(crate) mod clock_offset;
pub mod config;
mod connect_log;
pub mod connector;
pub mod descriptors;
pub mod dialer;
pub mod disk;
pub mod disk_guard;
pub mod driver;
pub mod gate;
pub mod handle;
pub mod http;
pub mod keystore;
pub mod legacy;
pub mod listen;
pub mod logging;
pub mod metrics;
pub mod miner;
pub mod operator_log;
pub mod private_file;
mod pruner;
pub mod socket;
pub mod store;
pub mod tls;
pub mod verifier;
pub mod version;

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use plexus_core::node::Node;
use plexus_core::protocol::hello::{Features, Role};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::config::NodeConfig;
use crate::connect_log::ConnectLog;
use crate::dialer::Dialer;
use crate::driver::Driver;
use crate::handle::Handle;
use crate::http::server::Service;
use crate::listen::{Listen, Listeners};
use crate::miner::{Gpu, MinerThreads};
use crate::store::Store;

/// The most time that a stopping node waits for readers of its store.
pub const RELEASE_TIMEOUT: Duration = Duration::from_secs(5);

/// A running node.
#[derive(Debug)]
pub struct Running {
    handle: Handle,
    address: SocketAddr,
    reload: Arc<Notify>,
    addresses: Vec<SocketAddr>,
    metrics_address: Option<SocketAddr>,
    driver: JoinHandle<anyhow::Result<()>>,
    servers: Vec<JoinHandle<()>>,
}

impl Running {
    /// Starts a node: opens its store, and serves the [`http::router`] on `listeners`.
    ///
    /// # Errors
    /// The address for metrics is taken, the store cannot be opened, a certificate cannot be read, or
    /// threads or a graphics processor are not available.
    pub async fn start(listeners: impl Into<Listeners>, mut config: NodeConfig) -> anyhow::Result<Self> {
        let listeners = listeners.into();
        descriptors::fit(&mut config);
        let addresses = listeners.addresses().context("the listening sockets")?;
        let address = *addresses.first().context("a node listens on one socket at least")?;
        let metrics_listener = match config.metrics_listen {
            Some(address) => Some(Listen::At(address).bind().with_context(|| {
                format!(
                    "cannot listen on {address} for metrics: choose another address with --metrics-listen"
                )
            })?),
            None => None,
        };
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
        let features = features(&config, &store);
        let (handle, events) =
            Handle::new(store, config.network.clone(), config.inbound_max, ConnectLog::new(&config.connect));
        let miner = MinerThreads::new(config.mine_threads, gpu, handle.clone());
        let mut node = Node::new(node_config(&config, features), chain, seed);
        if !book.is_empty()
            && let Err(error) = node.remember(&book)
        {
            tracing::error!(%error, "the stored address book is damaged: the node begins with an empty one");
        }
        let reload = Arc::new(Notify::new());
        let acceptor = tls::acceptor(&config, reload.clone(), &handle)?;
        let dialer = Dialer::new(tls::roots::client_config(config.tls_ca.as_deref())?);
        let driver = Driver::new(node, events, handle.clone(), miner, dialer)?;
        start_admin(&config, &handle)?;
        tokio::spawn(disk_guard::watch(config.data.clone(), config.disk_reserve, handle.clone()));
        if let Some(keep) = config.keep_bodies {
            tokio::spawn(pruner::run(handle.clone(), keep));
        }
        let driver = tokio::spawn(driver.run());
        let room = http::server::connections(config.connections_max);
        let app = http::router::state(handle.clone(), &config, &room);
        let service = match &metrics_listener {
            Some(_) => http::router::without_metrics(app.clone()),
            None => http::router::router(app.clone()),
        };
        let service = Service::main(service, room, &handle);
        let mut servers =
            vec![tokio::spawn(http::server::serve(listeners, acceptor, service, handle.clone()))];
        let mut metrics_address = None;
        if let Some(listener) = metrics_listener {
            metrics_address = Some(listener.local_addr().context("the listener for metrics")?);
            let service = Service::metrics(http::router::only_metrics(app), &handle);
            servers.push(tokio::spawn(http::server::serve(listener.into(), None, service, handle.clone())));
        }
        tokio::spawn(operator_log::run(handle.clone()));
        Ok(Self { handle, address, addresses, metrics_address, reload, driver, servers })
    }

    /// Returns a handle to the node.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Returns the first address that it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the addresses that it listens on.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Returns the address of the listener for metrics, if it has one.
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.metrics_address
    }

    /// Reads the certificate's files again. Does nothing for a node without such files.
    pub fn reload(&self) {
        self.reload.notify_one();
    }

    /// Waits until the node stops by itself, which happens only if it cannot go on.
    pub async fn stopped(&self) {
        self.handle.stopping().await;
    }

    /// Closes the peers and stops the miners. Returns when all changes are durable and the data
    /// directory is free.
    ///
    /// # Errors
    /// The reason that the node could not go on, if it stopped by itself.
    pub async fn stop(self) -> anyhow::Result<()> {
        self.handle.stop();
        let driven = self.driver.await?;
        for server in self.servers {
            server.await?;
        }
        // Sockets and readers hold the store a moment longer. The file is closed when the last of
        // them drops it.
        let released = self.handle.store().released();
        drop(self.handle);
        if timeout(RELEASE_TIMEOUT, released.cancelled()).await.is_err() {
            tracing::warn!("somebody still reads the store");
        }
        driven
    }
}

/// Serves the admin socket, if there is to be one.
fn start_admin(config: &NodeConfig, handle: &Handle) -> anyhow::Result<()> {
    let Some(path) = &config.admin_socket else { return Ok(()) };
    #[cfg(unix)]
    {
        let listener = admin::listener::AdminListener::bind(path)?;
        let state = admin::routes::AdminState::new(handle.clone(), config);
        tokio::spawn(admin::server::serve(listener, state));
        Ok(())
    }
    #[cfg(not(unix))]
    {
        let (_, path) = (handle, path.display());
        anyhow::bail!("{path}: an admin socket needs a Unix system, use --no-admin")
    }
}

/// Returns the features that the node tells its peers of. A store whose bodies were once deleted
/// stays pruned.
fn features(config: &NodeConfig, store: &Store) -> Features {
    match (config.keep_bodies, store.kept_from()) {
        (None, None) => Features::ARCHIVE,
        (Some(_), _) => Features::PRUNED,
        (None, Some(height)) => {
            tracing::warn!(
                height,
                "the store is pruned: bodies below this height are missing, and stay so without a new data folder"
            );
            Features::PRUNED
        }
    }
}

fn node_config(config: &NodeConfig, features: Features) -> plexus_core::node::Config {
    plexus_core::node::Config {
        features,
        listen: config.listen_address.clone(),
        connect: config.connect.clone(),
        mining: config.mine_threads.is_some(),
        inbound_max: config.inbound_max,
        light_inbound_max: config.browsers_max,
        ..plexus_core::node::Config::new(Role::Full, config.node_key.clone(), config.author.clone())
    }
}

/// Runs a node until `shutdown` resolves.
///
/// # Errors
/// The error that keeps the node from starting or from going on.
pub async fn run(
    listeners: impl Into<Listeners>,
    config: NodeConfig,
    shutdown: impl Future<Output = ()> + Send,
) -> anyhow::Result<()> {
    let running = Running::start(listeners, config).await?;
    tokio::select! {
        () = shutdown => {}
        () = running.stopped() => {}
    }
    running.stop().await
}

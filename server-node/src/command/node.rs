//! `plexus node`: runs a full node until it is told to stop.

use std::fmt::Write as _;
use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use plexus_core::primitives::key::SecretKey;
use plexus_core::primitives::params::Network;
use plexus_core::protocol::address::{Address, PORT};
use plexus_node::Running;
use plexus_node::config::{self, NodeConfig, Tls};
use plexus_node::keystore::{Keystore, KeystoreError};
use tokio::net::TcpListener;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use super::{data_dir, table};

/// The most threads that may mine.
const THREADS_MAX: u64 = 1_024;
/// The most inbound peers, and as many as there are unless fewer are asked for.
const INBOUND_MAX: u64 = config::INBOUND_MAX as u64;

#[derive(Debug, Args)]
pub(super) struct NodeArgs {
    /// Where to listen for peers, web page and API alike: an address, a port, or both
    #[arg(long, value_name = "ADDR", default_value = "0.0.0.0:8333", value_parser = parse_listen)]
    listen: SocketAddr,
    /// Nodes to keep connections to, as ws://host:8333, https://host or host:8333
    #[arg(long, value_name = "URL", num_args = 1..)]
    connect: Vec<Address>,
    /// The most peers that may connect to this node. When it is full, it disconnects one of a crowd
    /// for a newcomer
    #[arg(long, value_name = "COUNT", default_value_t = INBOUND_MAX,
        value_parser = clap::value_parser!(u64).range(1..=INBOUND_MAX))]
    inbound_max: u64,
    /// Where others can reach this node, announced to peers [default: the address listened on, if
    /// it is a specific one]
    #[arg(long, value_name = "URL")]
    public: Option<Address>,
    #[command(flatten)]
    data: data_dir::DataFolder,
    /// The network: plexus, dev (for demonstrations), or a TOML file with your own parameters
    #[arg(long, value_name = "NAME|FILE", default_value = "plexus", value_parser = data_dir::parse_network)]
    pub(super) network: Network,
    /// Mine on this many threads [default without a number: one for each core]
    #[arg(long, value_name = "THREADS", num_args = 0..=1, require_equals = true,
        value_parser = clap::value_parser!(u64).range(1..=THREADS_MAX))]
    mine: Option<Option<u64>>,
    /// Also mine on this machine's graphics processor [default without --mine: one CPU thread as
    /// well]
    #[arg(long)]
    mine_gpu: bool,
    /// Serve TLS with this certificate chain (PEM)
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// The certificate's private key (PEM)
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Log level on standard error: error, warn, info, debug, trace, or by module as
    /// plexus_node=debug,plexus_core=trace
    #[arg(long, value_name = "LEVEL", default_value = "warn")]
    log: Targets,
}

/// Returns the socket address that an address, a port, or both describe.
fn parse_listen(text: &str) -> Result<SocketAddr, String> {
    let port =
        || text.trim_start_matches(':').parse().map(|port| SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)));
    let ip = || text.parse().map(|ip: IpAddr| SocketAddr::new(ip, PORT));
    let address = text.parse::<SocketAddr>().ok().or_else(|| ip().ok()).or_else(|| port().ok());
    address.ok_or_else(|| "expected like 0.0.0.0:8333, [::]:8333, 127.0.0.1 or 8333".to_owned())
}

/// Runs the command.
pub(super) fn run(arguments: NodeArgs) -> anyhow::Result<()> {
    tracing_subscriber::registry()
        .with(tracing_subscriber::fmt::layer().with_writer(std::io::stderr))
        .with(arguments.log.clone())
        .try_init()
        .context("the log cannot be started")?;
    let folder = arguments.data.folder(arguments.network.name())?;
    let keystore = Keystore::new(&folder);
    let is_new = matches!(keystore.author(), Err(KeystoreError::Missing { .. }));
    let author = SecretKey::from_phrase(&keystore.author_or_new()?)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let done = runtime.block_on(serve(arguments, keystore, folder, author, is_new));
    // Reads and writes still in progress are cut off. Everything that matters is already on disk.
    runtime.shutdown_background();
    done
}

async fn serve(
    arguments: NodeArgs,
    keystore: Keystore,
    folder: PathBuf,
    author: SecretKey,
    is_new: bool,
) -> anyhow::Result<()> {
    // Before everything, so that a signal during the start is not lost.
    let mut signals = Signals::new()?;
    let wanted = arguments.listen;
    let listener = TcpListener::bind(wanted).await.with_context(|| {
        format!("cannot listen on {wanted}: choose another address with --listen, for example --listen 8334")
    })?;
    let address = listener.local_addr()?;
    let mut config = NodeConfig::new(arguments.network, folder.clone(), keystore.node_key()?, author.clone());
    config.connect = arguments.connect;
    config.inbound_max = as_usize(arguments.inbound_max);
    config.listen_address = arguments.public.or_else(|| announced(address, arguments.tls_cert.is_some()));
    let threads = arguments.mine.map(|threads| threads.map_or_else(cores, as_usize));
    config.mine_threads = threads.or(arguments.mine_gpu.then_some(1));
    config.mine_gpu = arguments.mine_gpu;
    config.tls = arguments.tls_cert.zip(arguments.tls_key).map(|(certificate, key)| Tls { certificate, key });
    let scheme = if config.tls.is_some() { "https" } else { "http" };
    let mut banner = Banner {
        url: format!("{scheme}://{}/", reachable(address)),
        network: config.network.to_string(),
        folder: folder.display().to_string(),
        author: author.public().to_string(),
        mining: config.mine_threads,
        gpu: config.mine_gpu,
        is_new,
        height: 0,
    };
    let running = tokio::select! {
        running = Running::start(listener, config) => running?,
        () = signals.next() => return Ok(()),
    };
    banner.height = running.handle().status().await?.height;
    // A node goes on running when the reader of its output has closed it.
    let _ = write!(std::io::stdout(), "{}", banner.text());
    let _ = std::io::stdout().flush();
    tokio::select! {
        () = signals.next() => {}
        () = running.stopped() => {}
    }
    tokio::select! {
        done = running.stop() => done,
        // A second signal stops the node at once.
        () = signals.next() => Err(anyhow::anyhow!("stopped at once, before everything was closed")),
    }
}

/// The text that is printed when the node has started.
struct Banner {
    url: String,
    network: String,
    folder: String,
    author: String,
    mining: Option<usize>,
    gpu: bool,
    is_new: bool,
    height: u64,
}

impl Banner {
    /// Returns the text. The last word of its first line is the page's URL, for programs that start
    /// a node.
    fn text(&self) -> String {
        let mut text = format!("Plexus {} at {}\n\n", env!("CARGO_PKG_VERSION"), self.url);
        let mining = match self.mining {
            None => "off; --mine turns it on".to_owned(),
            Some(1) => "on 1 thread".to_owned(),
            Some(threads) => format!("on {threads} threads"),
        } + if self.gpu { " and the graphics processor" } else { "" };
        let rows = [
            ("  network", self.network.clone()),
            ("  height", self.height.to_string()),
            ("  data", self.folder.clone()),
            ("  your key", self.author.clone()),
            ("  mining", mining),
        ];
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

/// Returns the host and port for a browser on this machine. The wildcard address becomes
/// `localhost`.
fn reachable(address: SocketAddr) -> String {
    if address.ip().is_unspecified() { format!("localhost:{}", address.port()) } else { address.to_string() }
}

/// Returns the address to announce to peers. Returns `None` for a wildcard address.
fn announced(address: SocketAddr, tls: bool) -> Option<Address> {
    let host = match address.ip() {
        ip if ip.is_unspecified() => return None,
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("[{ip}]"),
    };
    Address::new(tls, &host, address.port()).ok()
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn as_usize(threads: u64) -> usize {
    usize::try_from(threads).unwrap_or(usize::MAX)
}

/// The signals that ask a process to stop.
struct Signals {
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
}

impl Signals {
    fn new() -> anyhow::Result<Self> {
        #[cfg(unix)]
        {
            use tokio::signal::unix::{SignalKind, signal};
            let (terminate, interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
            Ok(Self { terminate, interrupt })
        }
        #[cfg(not(unix))]
        Ok(Self {})
    }

    #[cfg(unix)]
    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }

    #[cfg(not(unix))]
    fn next(&mut self) -> impl std::future::Future<Output = ()> + '_ {
        async {
            if tokio::signal::ctrl_c().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listens_where_people_say() {
        for (text, address) in [
            ("127.0.0.1:0", "127.0.0.1:0"),
            ("8334", "0.0.0.0:8334"),
            (":8334", "0.0.0.0:8334"),
            ("::1", "[::1]:8333"),
            ("[::]:1", "[::]:1"),
        ] {
            assert_eq!(parse_listen(text).unwrap().to_string(), address);
        }
        assert!(parse_listen("here").unwrap_err().contains("8333"));
    }

    #[test]
    fn only_a_particular_address_is_announced() {
        let announced =
            |text: &str| announced(text.parse().unwrap(), false).map(|address| address.to_string());
        assert_eq!(announced("0.0.0.0:8333"), None);
        assert_eq!(announced("127.0.0.1:9").as_deref(), Some("ws://127.0.0.1:9/p2p"));
        assert_eq!(announced("[::1]:9").as_deref(), Some("ws://[::1]:9/p2p"));
    }
}

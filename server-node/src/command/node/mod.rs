//! `plexus node`: runs a full node until it is told to stop.
//!
//! | file | contents |
//! | --- | --- |
//! | [`args`] | the settings, as flags |
//! | [`config`] | the node's configuration, from the settings |
//! | [`listen`] | the address to listen on |
//! | [`banner`] | the text that a node prints when it has started |
//! | [`signals`] | the signals that a node listens to |

use std::io::Write as _;
use std::path::PathBuf;

use anyhow::Context;
use plexus_core::primitives::key::SecretKey;
use plexus_node::Running;
use plexus_node::keystore::{Keystore, KeystoreError};
use tokio::net::TcpListener;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

mod args;
mod banner;
mod config;
mod listen;
mod signals;

pub(super) use self::args::NodeArgs;
use self::banner::Banner;
use self::signals::Signals;

/// The keys of a node, and the folder of its data.
struct Identity {
    folder: PathBuf,
    keystore: Keystore,
    author: SecretKey,
    /// The author's key was made by this start.
    is_new: bool,
}

impl Identity {
    fn open(arguments: &NodeArgs) -> anyhow::Result<Self> {
        let folder = arguments.data.folder(arguments.network.name())?;
        let keystore = Keystore::new(&folder);
        let is_new = matches!(keystore.author(), Err(KeystoreError::Missing { .. }));
        let author = SecretKey::from_phrase(&keystore.author_or_new()?)?;
        Ok(Self { folder, keystore, author, is_new })
    }
}

/// Runs the command.
pub(super) fn run(arguments: NodeArgs) -> anyhow::Result<()> {
    tracing_subscriber::registry()
        .with(tracing_subscriber::fmt::layer().with_writer(std::io::stderr))
        .with(arguments.log.clone())
        .try_init()
        .context("the log cannot be started")?;
    let identity = Identity::open(&arguments)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let done = runtime.block_on(serve(arguments, identity));
    // Reads and writes still in progress are cut off. Everything that matters is already on disk.
    runtime.shutdown_background();
    done
}

async fn serve(arguments: NodeArgs, identity: Identity) -> anyhow::Result<()> {
    // Before everything, so that a signal during the start is not lost.
    let mut signals = Signals::new()?;
    let wanted = arguments.listen;
    let listener = TcpListener::bind(wanted).await.with_context(|| {
        format!("cannot listen on {wanted}: choose another address with --listen, for example --listen 8334")
    })?;
    let address = listener.local_addr()?;
    let config = config::config(arguments, &identity, address)?;
    let mut banner = Banner::new(&config, address, identity.is_new);
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

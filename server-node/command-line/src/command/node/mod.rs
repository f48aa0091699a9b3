//! `plexus node`: runs a full node until it is told to stop.
//!
//! | file | contents |
//! | --- | --- |
//! | [`args`] | the settings, as flags |
//! | [`config`] | the node's configuration, from the settings |
//! | [`first_sync`] | the first synchronization from a file or an export |
//! | [`listen`] | the address to listen on |
//! | [`banner`] | the text that a node prints when it has started |
//! | [`service`] | the service manager: readiness, watchdog, sockets that it hands over |
//! | [`signals`] | the signals that a node listens to |

use std::io::Write as _;
use std::path::PathBuf;

use plexus_core::primitives::identity::Identity as UserKey;
use plexus_core::primitives::key::SecretKey;
use plexus_node::Running;
use plexus_node::keystore::{self, Keystore};
use plexus_node::listen::{LISTENERS_MAX, Listen, Listeners};
use plexus_node::logging::{self, LogControl};
use tokio::net::TcpListener;

mod args;
mod banner;
mod config;
mod first_sync;
mod listen;
mod service;
mod signals;

pub(super) use self::args::NodeArgs;
use self::banner::Banner;
use self::signals::{Request, Signals};
use super::WrongUse;
use super::passphrase::PassphraseSource;

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
        let stored = keystore.author()?;
        let is_new = stored.is_none();
        let author = match stored {
            Some(stored) => arguments.passphrase.open(stored)?,
            None => new_author(&keystore, &arguments.passphrase)?,
        };
        Ok(Self { folder, keystore, author: author.secret().clone(), is_new })
    }
}

/// Returns the sockets that the service manager hands over, or else listens on these addresses.
fn listeners(given: Vec<std::net::TcpListener>, all: &[Listen]) -> anyhow::Result<Listeners> {
    if !given.is_empty() {
        let sockets: Result<Vec<_>, _> = given.into_iter().map(TcpListener::from_std).collect();
        return Ok(sockets?.into());
    }
    Listeners::bind(all).map_err(|(wanted, error)| {
        let advice = "choose another address with --listen, for example --listen 8334";
        anyhow::Error::new(error).context(format!("cannot listen on {wanted}: {advice}"))
    })
}

/// Makes and stores the author's key, encrypted if there is a file with a passphrase.
fn new_author(keystore: &Keystore, passphrase: &PassphraseSource) -> anyhow::Result<UserKey> {
    let author = keystore::new_identity()?;
    let passphrase = passphrase.in_file()?;
    keystore.store(&author, passphrase.as_ref().map(|text| text.as_str()), false)?;
    Ok(author)
}

/// Runs the command.
pub(super) fn run(arguments: NodeArgs) -> anyhow::Result<()> {
    if arguments.listen.len() > LISTENERS_MAX {
        let reason = format!("a node listens on at most {LISTENERS_MAX} addresses: leave out some --listen");
        return Err(WrongUse(reason).into());
    }
    let log = logging::start(arguments.log.clone(), arguments.log_format)?;
    for warning in &arguments.warnings {
        tracing::warn!("{warning}");
    }
    let sockets = service::sockets(LISTENERS_MAX)?;
    let identity = Identity::open(&arguments)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let done = runtime.block_on(serve(arguments, identity, log, sockets));
    // Reads and writes still in progress are cut off. Everything that matters is already on disk.
    runtime.shutdown_background();
    done
}

async fn serve(
    arguments: NodeArgs,
    identity: Identity,
    log: LogControl,
    given: Vec<std::net::TcpListener>,
) -> anyhow::Result<()> {
    // Before everything, so that a signal during the start is not lost.
    let mut signals = Signals::new()?;
    let listeners = listeners(given, &arguments.listen)?;
    let addresses = listeners.addresses()?;
    let from = arguments.from.clone();
    let config = config::config(arguments, &identity, &addresses, log)?;
    if let Some(from) = from {
        let (data, network, reserve) = (config.data.clone(), config.network.clone(), config.disk_reserve);
        let first = tokio::task::spawn_blocking(move || first_sync::run(&from, &data, &network, reserve));
        tokio::select! {
            first = first => first?,
            // A piece that is being stored is there whole or not at all.
            () = signals.stop() => return Ok(()),
        }
    }
    let mut banner = Banner::new(&config, addresses[0], identity.is_new);
    let running = tokio::select! {
        running = Running::start(listeners, config) => running?,
        () = signals.stop() => return Ok(()),
    };
    let status = running.handle().status().await?;
    banner.height = status.height;
    tracing::info!(
        version = plexus_node::version::long(),
        listen = ?addresses,
        network = %running.handle().network(),
        data = %identity.folder.display(),
        height = banner.height,
        "started"
    );
    banner.metrics = running.metrics_address();
    // A node goes on running when the reader of its output has closed it.
    let _ = write!(std::io::stdout(), "{}", banner.text());
    let _ = std::io::stdout().flush();
    service::ready(&status).await;
    tokio::spawn(service::report(running.handle().clone()));
    loop {
        tokio::select! {
            request = signals.next() => match request {
                Request::Stop => break,
                Request::Reload => {
                    service::reloading().await;
                    running.reload();
                    service::ready(&running.handle().status().await?).await;
                }
            },
            () = running.stopped() => break,
        }
    }
    service::stopping().await;
    tokio::select! {
        done = running.stop() => done,
        // A second signal stops the node at once.
        () = signals.stop() => Err(anyhow::anyhow!("stopped at once, before everything was closed")),
    }
}

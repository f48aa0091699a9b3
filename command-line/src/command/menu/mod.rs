//! `plexus menu`: the older system's menu as a terminal interface: create a message, history, the
//! chain as a table, and blocks and messages as they arrive.
//!
//! [`app`] decides and does no I/O. [`draw`] shows it. [`worker`], [`sender`] and [`events`] are
//! threads that speak to the node, and [`terminal`] has the keys, the signals and the screen. All
//! of them send into one bounded channel, which [`run()`] empties.

use clap::Args;
#[cfg(feature = "menu")]
use plexus_core::protocol::address::Address;

#[cfg(feature = "menu")]
mod app;
#[cfg(feature = "menu")]
mod chain;
#[cfg(feature = "menu")]
mod compose;
#[cfg(feature = "menu")]
mod cursor;
#[cfg(feature = "menu")]
mod details;
#[cfg(feature = "menu")]
mod draw;
#[cfg(feature = "menu")]
mod events;
#[cfg(feature = "menu")]
mod exchange;
#[cfg(feature = "menu")]
mod history;
#[cfg(feature = "menu")]
mod live;
#[cfg(feature = "menu")]
mod run;
#[cfg(feature = "menu")]
mod sender;
#[cfg(feature = "menu")]
mod sent;
#[cfg(feature = "menu")]
mod terminal;
#[cfg(all(test, feature = "menu"))]
mod tests;
#[cfg(feature = "menu")]
mod worker;

#[cfg(feature = "menu")]
use super::data_dir;

#[derive(Debug, Args)]
pub(super) struct MenuArgs {
    #[cfg(feature = "menu")]
    #[command(flatten)]
    options: Options,
    /// Anything: this program says how to get the menu.
    #[cfg(not(feature = "menu"))]
    #[arg(hide = true, trailing_var_arg = true, allow_hyphen_values = true)]
    ignored: Vec<std::ffi::OsString>,
}

#[cfg(feature = "menu")]
#[derive(Debug, Args)]
struct Options {
    /// The node to ask
    #[arg(long, value_name = "URL", default_value = super::client::LOCAL_NODE)]
    node: Address,
    /// Trust the certificate authorities in this file (PEM) as well as the system's, if the node is
    /// at https://
    #[arg(long, value_name = "FILE")]
    tls_ca: Option<std::path::PathBuf>,
    #[command(flatten)]
    data: data_dir::DataFolder,
    /// Also show the messages to this recipient in the history, at most 128 bytes
    #[arg(long, value_name = "RECIPIENT", value_parser = super::history::search::parse_recipient)]
    name: Option<String>,
}

/// Runs the command.
#[cfg(feature = "menu")]
pub(super) fn run(arguments: MenuArgs) -> anyhow::Result<()> {
    run::run(arguments.options)
}

/// Says how to get the command, which this program was built without.
#[cfg(not(feature = "menu"))]
pub(super) fn run(arguments: MenuArgs) -> anyhow::Result<()> {
    drop(arguments.ignored);
    Err(super::WrongUse(ABSENT.to_owned()).into())
}

#[cfg(not(feature = "menu"))]
const ABSENT: &str = "this program was built without the menu: take one of the releases, or build it with `cargo build --release --features menu`";

//! `plexus menu`: the older system's menu as a terminal interface: create a message, history, the
//! chain as a table, and blocks and messages as they arrive.
//!
//! [`app`] decides and does no I/O. [`draw`] shows it. [`worker`], [`sender`] and [`events`] are
//! threads that speak to the node, and [`terminal`] has the keys, the signals and the screen. All
//! of them send into one bounded channel, which [`run()`] empties.

use clap::Args;
use plexus_core::protocol::address::Address;

mod app;
mod chain;
mod compose;
mod cursor;
mod details;
mod draw;
mod events;
mod exchange;
mod history;
mod live;
mod run;
mod sender;
mod sent;
mod terminal;
#[cfg(test)]
mod tests;
mod worker;

use super::data_dir;

#[derive(Debug, Args)]
pub(super) struct MenuArgs {
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
pub(super) fn run(arguments: MenuArgs) -> anyhow::Result<()> {
    run::run(arguments)
}

//! `plexus status`: the state of a node.

use clap::Args;
use plexus_core::primitives::params::YOUNG;
use plexus_node::api::view::StatusView;

use super::{client, table};

#[derive(Debug, Args)]
pub(super) struct StatusArgs {
    #[command(flatten)]
    client: client::NodeSource,
    /// Only tell whether the node answers: the exit status is 0 if it does. For health checks of
    /// containers and supervisors
    #[arg(long)]
    healthy: bool,
}

/// Runs the command.
pub(super) fn run(arguments: &StatusArgs) -> anyhow::Result<()> {
    let client = arguments.client.client();
    if arguments.healthy {
        let health: serde_json::Value = client.get("/health")?;
        return if arguments.client.json { table::print_json(&health) } else { table::print("healthy") };
    }
    let status: StatusView = client.get("/api/v1/status")?;
    if arguments.client.json {
        return table::print_json(&status);
    }
    let doing = match (status.syncing, status.mining) {
        (true, _) => format!("synchronizing up to {}", status.target),
        (false, true) => "mining".to_owned(),
        (false, false) => "following the chain".to_owned(),
    };
    let mut total_work = table::one_line(&status.total_work);
    if status.young {
        total_work = format!("{total_work}, {YOUNG}");
    }
    let mut rows = vec![
        ("node", format!("{}, version {}", client.base(), table::one_line(&status.version))),
        ("network", table::one_line(&status.network)),
        ("network id", status.network_id.to_string()),
        ("state", doing),
        ("height", status.height.to_string()),
        ("tip", status.tip.to_string()),
        ("total work", total_work),
        ("difficulty", table::one_line(&status.difficulty)),
        ("peers", peers(&status)),
        ("pool", format!("{} messages", status.pool)),
        ("bodies", bodies(&status)),
    ];
    rows.extend(status.lacking.map(|height| ("lacking", lacking(height))));
    table::print(&table::pairs(&rows))
}

/// Returns the numbers of peers in words.
pub(super) fn peers(status: &StatusView) -> String {
    let StatusView { peers, agreeing, archives, .. } = *status;
    let archives = u64::try_from(archives).unwrap_or(u64::MAX);
    format!("{peers}, {agreeing} with the same chain, {}", table::counted(archives, "archive"))
}

/// Returns the range of blocks whose bodies the node keeps, in words.
pub(super) fn bodies(status: &StatusView) -> String {
    match status.pruned {
        Some(height) => format!("pruned: those from block {height} on"),
        None => "all".to_owned(),
    }
}

/// Returns the reason that a node cannot go on without an archive node, in words.
pub(super) fn lacking(height: u64) -> String {
    format!("block {height}: all peers deleted its body, connect to an archive node")
}

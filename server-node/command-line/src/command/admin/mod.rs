//! `plexus admin`: steers a running node through its admin socket.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use plexus_core::primitives::params::Network;
use plexus_core::protocol::address::Address;
use plexus_node::logging::Levels;

use super::data_dir;

#[cfg(unix)]
mod client;
#[cfg(unix)]
mod requests;

#[cfg(unix)]
pub(super) use self::client::AdminClient;

/// The most threads that may mine.
const THREADS_MAX: u64 = plexus_node::miner::THREADS_MAX as u64;
/// The longest ban, in seconds: a year.
const BAN_SECONDS_MAX: u64 = 365 * 86_400;

#[derive(Debug, Args)]
pub(super) struct AdminArgs {
    /// The folder of the node's keys and ledger [default: plexus/NETWORK in the user's data folder]
    #[arg(long, global = true, value_name = "DIR")]
    data: Option<PathBuf>,
    /// The network: plexus, dev, or a TOML file with your own parameters
    #[arg(long, global = true, value_name = "NAME|FILE", default_value = "plexus",
        value_parser = data_dir::parse_network)]
    network: Network,
    /// The node's admin socket [default: admin.sock in the data folder]
    #[arg(long, global = true, value_name = "PATH")]
    admin_socket: Option<PathBuf>,
    /// Print JSON
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    request: AdminRequest,
}

#[derive(Debug, Subcommand)]
enum AdminRequest {
    /// Show the state of the node, its disk and its miner
    Status,
    /// List, add, drop, ban and unban peers
    Peers {
        #[command(subcommand)]
        request: Option<PeersRequest>,
    },
    /// Start or stop mining
    Mining {
        /// on or off
        state: Switch,
        /// The number of threads [default: as before]
        #[arg(value_parser = clap::value_parser!(u64).range(1..=THREADS_MAX))]
        threads: Option<u64>,
    },
    /// Show or change the levels of the log
    Log {
        /// Levels as --log takes them: error, warn, info, debug, trace, or by module as
        /// info,plexus_core=trace
        levels: Option<Levels>,
    },
    /// Stop the node
    Stop,
}

#[derive(Debug, Subcommand)]
enum PeersRequest {
    /// List the peers and the bans
    List,
    /// Stay connected to another node from now on, until this one ends
    Add {
        /// Its address, as ws://host:8333, https://host or host:8333
        #[arg(value_name = "URL")]
        url: Address,
    },
    /// Close a peer's connection
    Drop {
        /// The peer's number, as the list shows it
        #[arg(value_name = "ID")]
        id: u64,
    },
    /// Refuse a host or a peer's key, and close its connections
    Ban {
        /// A host name, an IP address (of IPv6 the whole /64), or a key
        #[arg(value_name = "ADDR|KEY")]
        target: String,
        /// How long, for example 90s, 30m, 12h or 7d
        #[arg(long = "for", value_name = "TIME", default_value = "1d", value_parser = parse_time)]
        length: Duration,
    },
    /// End a ban
    Unban {
        /// As the list of bans shows it
        #[arg(value_name = "ADDR|KEY")]
        target: String,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Switch {
    On,
    Off,
}

/// Returns the time that a text such as `90s`, `30m`, `12h` or `7d` means.
fn parse_time(text: &str) -> Result<Duration, String> {
    let units = [('s', 1), ('m', 60), ('h', 3_600), ('d', 86_400)];
    let expected = || "expected a time like 90s, 30m, 12h or 7d, at most 365d".to_owned();
    let found = units.iter().find_map(|(unit, seconds)| Some((text.strip_suffix(*unit)?, *seconds)));
    let (number, unit) = found.ok_or_else(expected)?;
    let number: u64 = number.parse().map_err(|_| expected())?;
    let seconds = number.checked_mul(unit).filter(|seconds| (1..=BAN_SECONDS_MAX).contains(seconds));
    seconds.map(Duration::from_secs).ok_or_else(expected)
}

/// Runs the command.
pub(super) fn run(arguments: &AdminArgs) -> anyhow::Result<()> {
    #[cfg(unix)]
    return requests::run(arguments);
    #[cfg(not(unix))]
    anyhow::bail!("an admin socket needs a Unix system");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_with_their_unit() {
        for (text, seconds) in [("90s", 90), ("30m", 1_800), ("12h", 43_200), ("365d", BAN_SECONDS_MAX)] {
            assert_eq!(parse_time(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in ["", "5", "s", "0s", "366d", "1w", "-1h", "99999999999999999999d", "1 h"] {
            assert!(parse_time(text).is_err(), "{text}");
        }
    }
}

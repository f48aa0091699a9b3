//! The settings of a node, as flags.
//!
//! Each flag of [`NodeArgs`] is a setting: `--some-flag`, the variable `PLEXUS_SOME_FLAG` and the key
//! `some-flag` of the file of settings are the same. The module `settings` sees to that, so a new
//! flag needs a field here, a value parser that caps it, and a line in `config.rs`.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use plexus_core::primitives::params::Network;
use plexus_core::protocol::address::Address;
use plexus_node::config::{self, KeepBodies};
use plexus_node::listen::Listen;
use plexus_node::logging::{Levels, LogFormat};

use super::first_sync::Origin;
use super::listen::parse_metrics_listen;
use crate::command::passphrase::PassphraseSource;
use crate::command::{data_dir, size};

/// The most threads that may mine.
const THREADS_MAX: u64 = 1_024;
/// The most inbound peers, and as many as there are unless fewer are asked for.
const INBOUND_MAX: u64 = config::INBOUND_MAX as u64;

/// The highest cap on connections. Each takes a file descriptor and some kilobytes.
const CONNECTIONS_LIMIT: u64 = 1 << 20;
/// The directory of Let's Encrypt.
const LETS_ENCRYPT: &str = "https://acme-v02.api.letsencrypt.org/directory";
/// The most bytes of a domain's name or a contact.
const ACME_TEXT_BYTES_MAX: usize = 253;

/// The settings of a node.
#[derive(Debug, Args)]
pub(in crate::command) struct NodeArgs {
    /// Read settings from this TOML file: its keys are the names of these flags [default:
    /// plexus.toml in the data folder, if it is there]
    #[arg(long, value_name = "FILE")]
    pub(in crate::command) config: Option<PathBuf>,
    /// Where to listen for peers, web page and API alike: a port is open on IPv6 and IPv4,
    /// 0.0.0.0:8333 on IPv4 alone, and `[::]:8333` on IPv6 alone. Up to 8 times
    #[arg(long, value_name = "ADDR", default_value = "8333")]
    pub(super) listen: Vec<Listen>,
    /// Nodes to keep connections to, as ws://host:8333, https://host or host:8333
    #[arg(long, value_name = "URL", num_args = 1..)]
    pub(super) connect: Vec<Address>,
    /// The most peers that may connect to this node. When it is full, it disconnects one of a crowd
    /// for a newcomer
    #[arg(long, value_name = "COUNT", default_value_t = INBOUND_MAX,
        value_parser = clap::value_parser!(u64).range(1..=INBOUND_MAX))]
    pub(super) inbound_max: u64,
    /// The most peers that are light nodes, as browsers are. They take places of --inbound-max
    /// [default: all of them]
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(0..=INBOUND_MAX))]
    pub(super) browsers_max: Option<u64>,
    /// The most connections that are served at once, of browsers, programs and peers together.
    /// Further ones wait
    #[arg(long, value_name = "COUNT", default_value_t = config::CONNECTIONS_MAX as u64,
        value_parser = clap::value_parser!(u64).range(1..=CONNECTIONS_LIMIT))]
    pub(super) connections_max: u64,
    /// Where to serve metrics, on a listener of their own: an address with a port, or a port of this
    /// machine [default: at /metrics where it listens]
    #[arg(long, value_name = "ADDR", value_parser = parse_metrics_listen)]
    pub(super) metrics_listen: Option<SocketAddr>,
    /// Where others can reach this node, announced to peers [default: the address listened on, if
    /// it is a specific one]
    #[arg(long, value_name = "URL")]
    pub(super) public: Option<Address>,
    #[command(flatten)]
    pub(in crate::command) data: data_dir::DataFolder,
    #[command(flatten)]
    pub(super) passphrase: PassphraseSource,
    /// The network: plexus, dev (for demonstrations), or a TOML file with your own parameters
    #[arg(long, value_name = "NAME|FILE", default_value = "plexus", value_parser = data_dir::parse_network)]
    pub(in crate::command) network: Network,
    /// Mine on this many threads [default without a number: one for each core]
    #[arg(long, value_name = "THREADS", num_args = 0..=1, require_equals = true,
        value_parser = clap::value_parser!(u64).range(1..=THREADS_MAX))]
    pub(super) mine: Option<Option<u64>>,
    /// Also mine on this machine's graphics processor [default without --mine: one CPU thread as
    /// well]
    #[arg(long)]
    pub(super) mine_gpu: bool,
    /// Delete the bodies of old blocks: keep those of the last 90d or 36h, the newest 10GB, or this
    /// number of blocks, and at least the newest 512. Headers and proofs of the chain stay. What is
    /// deleted stays deleted [default: keep all]
    #[arg(long, value_name = "AGE|SIZE|BLOCKS")]
    pub(super) keep_bodies: Option<KeepBodies>,
    /// Serve TLS with this certificate chain (PEM)
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub(super) tls_cert: Option<PathBuf>,
    /// The certificate's private key (PEM)
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub(super) tls_key: Option<PathBuf>,
    /// Take the first chain from another node's export, or from a backup or exported chain. It is
    /// verified. Has no effect if the data folder has blocks
    #[arg(long, value_name = "URL|FILE")]
    pub(super) from: Option<Origin>,
    /// The Unix socket for `plexus admin` and `plexus backup` [default: admin.sock in the data folder]
    #[arg(long, value_name = "PATH", conflicts_with = "no_admin")]
    pub(super) admin_socket: Option<PathBuf>,
    /// Open no admin socket
    #[arg(long)]
    pub(super) no_admin: bool,
    /// Take neither blocks nor messages while the disk has less free space than this, for example
    /// 512MiB or 10GB; 0 never looks
    #[arg(long, value_name = "SIZE", default_value = "512MiB", value_parser = size::parse)]
    pub(super) disk_reserve: u64,
    /// Trust the certificate authorities in this file (PEM) as well as the system's, for connections
    /// to other nodes
    #[arg(long, value_name = "FILE")]
    pub(super) tls_ca: Option<PathBuf>,
    /// Serve TLS with a certificate for this domain from an ACME authority, which connects to port
    /// 443 of it
    #[arg(long, value_name = "DOMAIN", num_args = 1.., conflicts_with = "tls_cert", value_parser = parse_domain)]
    pub(super) acme: Vec<String>,
    /// Address for the authority's messages about the certificate
    #[arg(long, value_name = "EMAIL", num_args = 1.., requires = "acme", value_parser = parse_contact)]
    pub(super) acme_contact: Vec<String>,
    /// The authority's directory
    #[arg(long, value_name = "URL", requires = "acme", default_value = LETS_ENCRYPT, value_parser = parse_directory)]
    pub(super) acme_directory: String,
    /// What to log: off, error, warn, info, debug or trace, also by module as
    /// warn,plexus_node=debug,plexus_core=trace
    #[arg(long, value_name = "LEVEL", default_value = "info")]
    pub(super) log: Levels,
    /// How to log: text or json on standard error, or journald
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(super) log_format: LogFormat,
    /// What is probably a mistake in the settings. It is logged when the node starts.
    #[arg(skip)]
    pub(in crate::command) warnings: Vec<String>,
}

impl NodeArgs {
    /// Returns the cap on inbound peers, which is also that on browsers unless it is set.
    pub(in crate::command) fn inbound_max(&self) -> u64 {
        self.inbound_max
    }
}

/// Checks a domain's name: labels of letters, digits and hyphens, at least two.
fn parse_domain(text: &str) -> Result<String, String> {
    let is_label = |label: &str| {
        let plain = label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        plain && (1..=63).contains(&label.len()) && !label.starts_with('-') && !label.ends_with('-')
    };
    let is_address = text.parse::<std::net::IpAddr>().is_ok();
    let is_domain = text.contains('.') && text.len() <= ACME_TEXT_BYTES_MAX && text.split('.').all(is_label);
    if is_domain && !is_address {
        Ok(text.to_ascii_lowercase())
    } else {
        Err("expected a domain's name like node.example.org".to_owned())
    }
}

fn parse_contact(text: &str) -> Result<String, String> {
    let is_contact =
        text.contains('@') && !text.contains(char::is_whitespace) && text.len() <= ACME_TEXT_BYTES_MAX;
    if is_contact { Ok(text.to_owned()) } else { Err("expected like operator@example.org".to_owned()) }
}

fn parse_directory(text: &str) -> Result<String, String> {
    let is_url =
        text.parse::<hyper::Uri>().is_ok_and(|uri| uri.scheme_str() == Some("https") && uri.host().is_some());
    if is_url { Ok(text.to_owned()) } else { Err("expected a URL that begins with https://".to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains_contacts_and_directories_are_checked() {
        assert_eq!(parse_domain("Node.Example.org").unwrap(), "node.example.org");
        for text in
            ["", "localhost", "a..b", "-a.b", "a.b:1", "1.2.3.4", "*.a.b", &format!("{}.org", "a".repeat(64))]
        {
            assert!(parse_domain(text).is_err(), "{text}");
        }
        assert!(parse_contact("ann@example.org").is_ok() && parse_contact("mailto:ann@example.org").is_ok());
        assert!(parse_contact("ann").is_err() && parse_contact("a b@c").is_err());
        assert!(parse_directory(LETS_ENCRYPT).is_ok());
        assert!(parse_directory("http://a/dir").is_err() && parse_directory("https:/x").is_err());
    }
}

//! The node's configuration, from the settings.

use std::net::SocketAddr;

use plexus_node::admin::SOCKET_FILE;
use plexus_node::config::{Acme, NodeConfig, Tls};
use plexus_node::logging::LogControl;

use super::{Identity, NodeArgs, listen};

/// Returns the configuration of a node that listens on `addresses`.
///
/// # Errors
/// The node's key can neither be read nor made.
pub(super) fn config(
    arguments: NodeArgs,
    identity: &Identity,
    addresses: &[SocketAddr],
    log: LogControl,
) -> anyhow::Result<NodeConfig> {
    let node_key = identity.keystore.node_key()?;
    let folder = identity.folder.clone();
    let acme = (!arguments.acme.is_empty()).then_some(Acme {
        domains: arguments.acme,
        contacts: arguments.acme_contact,
        directory: arguments.acme_directory,
    });
    let files = arguments.tls_cert.zip(arguments.tls_key);
    let tls = files.map(|(certificate, key)| Tls::Files { certificate, key }).or(acme.map(Tls::Acme));
    let mut config = NodeConfig::new(arguments.network, folder, node_key, identity.author.clone());
    config.connect = arguments.connect;
    config.metrics_listen = arguments.metrics_listen;
    config.inbound_max = as_usize(arguments.inbound_max);
    config.browsers_max = arguments.browsers_max.map_or(config.inbound_max, as_usize);
    config.connections_max = as_usize(arguments.connections_max);
    config.log = Some(log);
    config.listen_address = arguments.public.or_else(|| listen::announced(addresses, tls.is_some()));
    let threads = arguments.mine.map(|threads| threads.map_or_else(cores, as_usize));
    config.mine_threads = threads.or(arguments.mine_gpu.then_some(1));
    config.mine_gpu = arguments.mine_gpu;
    config.disk_reserve = arguments.disk_reserve;
    let default = cfg!(unix).then(|| identity.folder.join(SOCKET_FILE));
    config.admin_socket = arguments.admin_socket.or(default).filter(|_| !arguments.no_admin);
    config.tls = tls;
    config.tls_ca = arguments.tls_ca;
    config.keep_bodies = arguments.keep_bodies;
    Ok(config)
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn as_usize(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

//! File descriptors: each connection takes one, and systems often let a process open only 1,024.
//!
//! If they ran out, inbound connections would keep the node from dialling and from reading its own
//! store. So the node raises its limit, and where the system does not allow enough, it serves fewer
//! inbound connections and says so.

use crate::config::NodeConfig;
use crate::gate;

/// The descriptors that no inbound connection takes. They are for outbound connections, the store,
/// the runtime, the standard streams, and the files that requests open for a moment.
pub const RESERVED: usize = 256;
/// The share of peers, in quarters, where there are too few descriptors for all connections.
const PEERS_QUARTERS: usize = 3;

/// Raises the process's limit to the needs of these caps. Where that fails, lowers the caps to the
/// limit.
pub(crate) fn fit(config: &mut NodeConfig) {
    let wanted =
        RESERVED.saturating_add(gate::sockets_max(config.inbound_max)).saturating_add(config.connections_max);
    let Some(limit) = raise(wanted) else { return };
    let (inbound_max, connections_max) = share(limit, config.inbound_max, config.connections_max);
    if (inbound_max, connections_max) != (config.inbound_max, config.connections_max) {
        tracing::warn!(
            limit,
            wanted,
            inbound_max,
            connections_max,
            "this process may open too few files: the node takes fewer connections. Raise the limit, for example \
             with `ulimit -Hn {wanted}` or LimitNOFILE={wanted} in a systemd unit"
        );
    }
    (config.inbound_max, config.connections_max) = (inbound_max, connections_max);
}

/// Raises the limit to `wanted` if it is lower, as far as the system allows. Returns the limit
/// then. Returns `None` if there is no limit or it cannot be read.
#[cfg(target_os = "linux")]
fn raise(wanted: usize) -> Option<usize> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    let found = getrlimit(Resource::Nofile);
    let current = found.current?;
    let wanted = wanted as u64;
    let most = found.maximum.map_or(wanted, |maximum| wanted.min(maximum));
    let raised = most > current
        && setrlimit(Resource::Nofile, Rlimit { current: Some(most), maximum: found.maximum }).is_ok();
    usize::try_from(if raised { most } else { current }).ok()
}

/// Returns `None`: other systems' limits are higher, or are not known here.
#[cfg(not(target_os = "linux"))]
fn raise(_wanted: usize) -> Option<usize> {
    None
}

/// Returns the numbers of inbound peers and of other connections that can be served with this many
/// descriptors.
fn share(limit: usize, inbound_max: usize, connections_max: usize) -> (usize, usize) {
    let room = limit.saturating_sub(RESERVED);
    let peers = gate::sockets_max(inbound_max);
    if peers.saturating_add(connections_max) <= room {
        return (inbound_max, connections_max);
    }
    let peers = peers.min(room / 4 * PEERS_QUARTERS);
    let inbound_max = inbound_max.min(peers.saturating_sub(gate::sockets_max(0))).max(1);
    (inbound_max, connections_max.min(room.saturating_sub(peers)).max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn caps_that_fit_are_kept() {
        let enough = RESERVED + gate::sockets_max(1_024) + 16_384;
        assert_eq!(share(enough, 1_024, 16_384), (1_024, 16_384));
        assert_eq!(share(enough - 1, 1_024, 16_384), (1_024, 16_383));
    }

    #[test]
    fn too_few_descriptors_are_shared_and_never_overdrawn() {
        for limit in [600, 1_024, 4_096, 10_000] {
            let (inbound, connections) = share(limit, 1_024, 16_384);
            assert!(gate::sockets_max(inbound) + connections + RESERVED <= limit + gate::sockets_max(1));
            assert!(inbound >= 1 && connections >= 1, "{limit}: {inbound}, {connections}");
            if limit >= 1_024 {
                assert!(gate::sockets_max(inbound) + connections + RESERVED <= limit, "{limit}");
                assert!(inbound >= 256, "{limit}: {inbound}");
            }
        }
        assert_eq!(share(0, 1_024, 16_384), (1, 1));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_limit_is_never_lowered() {
        let before = raise(0).unwrap();
        assert_eq!(raise(1), Some(before));
        assert!(raise(before + 1).unwrap() >= before);
    }
}

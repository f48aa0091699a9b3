//! The open connections, by kind.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KindLabels {
    kind: &'static str,
}

/// The numbers of open connections, by kind. A socket that a request opened is counted with its
/// own kind, and no more as HTTP.
#[derive(Debug)]
pub struct OpenConnections {
    /// Connections that HTTP is spoken on.
    pub http: Gauge,
    /// Peers that connected to us, before or after the handshake.
    pub peer_inbound: Gauge,
    /// Peers that we connected to, before or after the handshake.
    pub peer_outbound: Gauge,
    /// Clients of the older system.
    pub older: Gauge,
    /// Connections to the listener for metrics.
    pub metrics: Gauge,
}

impl OpenConnections {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let family = Family::<KindLabels, Gauge>::default();
        registry.register("connections_open", "Open connections by kind", family.clone());
        let kind = |kind| family.get_or_create_owned(&KindLabels { kind });
        Self {
            http: kind("http"),
            peer_inbound: kind("peer_inbound"),
            peer_outbound: kind("peer_outbound"),
            older: kind("older"),
            metrics: kind("metrics"),
        }
    }
}

/// Counts a connection until it is dropped.
#[derive(Debug)]
pub(crate) struct OpenGuard(Gauge);

impl OpenGuard {
    pub(crate) fn new(gauge: &Gauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for OpenGuard {
    fn drop(&mut self) {
        self.0.dec();
    }
}

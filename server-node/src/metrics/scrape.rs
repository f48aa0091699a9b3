//! A scrape: the state of the node and its machine at one moment, as gauges.
//!
//! The state is written into registries that live for one scrape. A value that could not be found out
//! is left out, so that no scraper sees an old number.

use std::sync::Arc;

use plexus_core::node::PeerCounts;
use plexus_core::primitives::params::Network;
use plexus_core::primitives::time::Timestamp;
use prometheus_client::encoding::{EncodeLabelSet, prometheus_text, text};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

use super::{Metrics, PREFIX};
use crate::driver::event::NodeSnapshot;
use crate::http::machine::MachineState;
use crate::http::readiness::Reason;
use crate::version;

/// A text format for metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// OpenMetrics 1.0.0.
    OpenMetrics,
    /// Prometheus' text format, version 0.0.4.
    Prometheus,
}

impl Format {
    /// Returns the content type.
    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Prometheus => prometheus_text::CONTENT_TYPE,
        }
    }
}

/// A semaphore's permits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Permits {
    pub(crate) resource: &'static str,
    pub(crate) available: usize,
    pub(crate) max: usize,
}

/// The state at a scrape.
#[derive(Debug)]
pub(crate) struct Scrape {
    /// The time of the scrape.
    pub(crate) now: Timestamp,
    /// The state of the node, unless the driver did not answer in time.
    pub(crate) node: Option<NodeSnapshot>,
    /// The lowest height above genesis whose body is kept, if bodies were deleted.
    pub(crate) pruned: Option<u64>,
    /// The state of the machine, unless the disk did not answer in time.
    pub(crate) machine: Option<Arc<MachineState>>,
    /// The free space below which the node is not ready, in bytes.
    pub(crate) disk_reserve: u64,
    /// How far the local clock is ahead of the dialled nodes' clocks, in seconds, if it is known.
    pub(crate) clock_offset: Option<f64>,
    /// The permits that are left.
    pub(crate) permits: Vec<Permits>,
    /// The reasons that the node is not ready.
    pub(crate) reasons: Vec<Reason>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PeerLabels {
    direction: &'static str,
    role: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ResourceLabels {
    resource: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReasonLabels {
    reason: &'static str,
}

impl Scrape {
    /// Returns the metrics and this state as text.
    pub(crate) fn text(&self, metrics: &Metrics, network: &Network, format: Format) -> String {
        let registries = [&metrics.registry, &self.of_node(network), &self.of_process()];
        let mut text = String::with_capacity(32 << 10);
        for registry in registries {
            // Writing to a string cannot fail.
            let _ = match format {
                Format::OpenMetrics => text::encode_registry(&mut text, registry),
                Format::Prometheus => prometheus_text::encode(&mut text, registry),
            };
        }
        if format == Format::OpenMetrics {
            let _ = text::encode_eof(&mut text);
        }
        text
    }

    fn of_node(&self, network: &Network) -> Registry {
        let mut registry = Registry::with_prefix(PREFIX);
        let build = [
            ("version", version::VERSION.to_owned()),
            ("commit", version::COMMIT.to_owned()),
            ("protocol", plexus_core::protocol::packet::PROTOCOL_VERSION.to_string()),
            ("network", network.name().to_owned()),
        ];
        registry.register("build", "The program and its network", Info::new(build.to_vec()));
        let answers = f64::from(u8::from(self.node.is_some()));
        gauge(&mut registry, "driver_up", "Whether the driver answered this scrape in time", answers);
        if let Some(node) = &self.node {
            chain(&mut registry, node, self.now);
            peers(&mut registry, &node.peers);
        }
        let help = "The lowest block above genesis whose body is kept: 1 if no body was deleted";
        gauge(&mut registry, "lowest_body_height", help, real(self.pruned.unwrap_or(1)));
        if let Some(offset) = self.clock_offset {
            let help = "How far this clock is ahead of the dialled nodes' clocks, in the median";
            with_unit(&mut registry, "clock_offset", help, Unit::Seconds, offset);
        }
        if let Some(machine) = &self.machine {
            if let Some(free) = machine.disk_free {
                with_unit(
                    &mut registry,
                    "disk_free",
                    "Free space at the data folder",
                    Unit::Bytes,
                    real(free),
                );
            }
            if let Some(size) = machine.store_size {
                with_unit(&mut registry, "store", "Size of the store's file", Unit::Bytes, real(size));
            }
        }
        let help = "Free space below which the node is not ready";
        with_unit(&mut registry, "disk_reserve", help, Unit::Bytes, real(self.disk_reserve));
        self.limits(&mut registry);
        registry
    }

    fn limits(&self, registry: &mut Registry) {
        let available = Family::<ResourceLabels, Gauge>::default();
        let max = Family::<ResourceLabels, Gauge>::default();
        for permits in &self.permits {
            let labels = ResourceLabels { resource: permits.resource };
            available.get_or_create(&labels).set(whole(permits.available));
            max.get_or_create(&labels).set(whole(permits.max));
        }
        registry.register("permits_available", "Permits that are left, by resource", available);
        registry.register("permits_max", "Permits that there are, by resource", max);
        let not_ready = Family::<ReasonLabels, Gauge>::default();
        for reason in Reason::ALL {
            let holds = self.reasons.contains(&reason);
            not_ready.get_or_create(&ReasonLabels { reason: reason.code() }).set(i64::from(holds));
        }
        registry.register("not_ready", "Whether the node is not ready for this reason", not_ready);
    }

    /// Returns the metrics that Prometheus defines for all programs.
    fn of_process(&self) -> Registry {
        let mut registry = Registry::with_prefix("process");
        let Some(process) = self.machine.as_ref().map(|machine| &machine.process) else { return registry };
        if let Some(seconds) = process.cpu_seconds_total {
            let help = "User and system time of the processor";
            registry.register_with_unit("cpu", help, Unit::Seconds, ConstCounter::new(seconds));
        }
        let bytes = [
            ("resident_memory", "Resident memory", process.resident_memory_bytes),
            ("virtual_memory", "Virtual memory", process.virtual_memory_bytes),
        ];
        for (name, help, value) in bytes {
            if let Some(value) = value {
                with_unit(&mut registry, name, help, Unit::Bytes, real(value));
            }
        }
        if let Some(time) = process.start_time_seconds {
            with_unit(&mut registry, "start_time", "Unix time of the start", Unit::Seconds, real(time));
        }
        let counts = [
            ("open_fds", "Open file descriptors", process.open_fds),
            ("max_fds", "The most file descriptors, 0 if there is no limit", process.max_fds),
            ("threads", "Threads", process.threads),
        ];
        for (name, help, value) in counts {
            if let Some(value) = value {
                gauge(&mut registry, name, help, real(value));
            }
        }
        registry
    }
}

fn chain(registry: &mut Registry, node: &NodeSnapshot, now: Timestamp) {
    let status = &node.status;
    let (height, target) = (real(status.height), real(status.target));
    let progress = if status.target == 0 { 1.0 } else { (height / target).min(1.0) };
    let number = |text: &str| text.parse().unwrap_or(f64::NAN);
    let gauges = [
        ("height", "The tip's height", height),
        ("target_height", "The height that is synchronized to", target),
        ("syncing", "Whether a heavier chain is being fetched", f64::from(u8::from(status.syncing))),
        ("mining", "Whether the node is mining", f64::from(u8::from(status.mining))),
        ("pool_messages", "Messages that wait in the pool", count(status.pool)),
        ("peers_agreeing", "Full peers that have the same chain", count(status.agreeing)),
        ("peers_archive", "Peers that have the bodies of all blocks", count(status.archives)),
        ("total_work", "The sum of work up to the tip, in hashes", number(&status.total_work)),
        ("difficulty", "Expected hashes of the next block", number(&status.difficulty)),
    ];
    for (name, help, value) in gauges {
        gauge(registry, name, help, value);
    }
    let help = "The tip's height as a part of the height that is synchronized to";
    with_unit(registry, "sync_progress", help, Unit::Ratios, progress);
    with_unit(registry, "pool", "Bytes of the messages in the pool", Unit::Bytes, count(node.pool_bytes));
    let tip = real(node.tip_time.unix_ms()) / 1e3;
    with_unit(registry, "tip_timestamp", "Unix time of the tip, by its miner's clock", Unit::Seconds, tip);
    let age = real(now.ms_since(node.tip_time)) / 1e3;
    with_unit(registry, "tip_age", "Time since the tip was mined, by this clock", Unit::Seconds, age);
}

fn peers(registry: &mut Registry, counts: &PeerCounts) {
    let family = Family::<PeerLabels, Gauge>::default();
    for (direction, role, count) in [
        ("inbound", "full", counts.inbound_full),
        ("inbound", "light", counts.inbound_light),
        ("outbound", "full", counts.outbound_full),
        ("outbound", "light", counts.outbound_light),
    ] {
        family.get_or_create(&PeerLabels { direction, role }).set(whole(count));
    }
    registry.register("peers", "Peers that completed the handshake, by direction and role", family);
}

fn gauge(registry: &mut Registry, name: &str, help: &str, value: f64) {
    registry.register(name, help, ConstGauge::new(value));
}

fn with_unit(registry: &mut Registry, name: &str, help: &str, unit: Unit, value: f64) {
    registry.register_with_unit(name, help, unit, ConstGauge::new(value));
}

/// Returns a number as metrics have it. Above 2^53 it is rounded.
fn real(number: u64) -> f64 {
    number as f64
}

fn count(number: usize) -> f64 {
    number as f64
}

fn whole(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

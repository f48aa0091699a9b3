//! Metrics: the numbers that a node counts while it runs, in the terms of
//! [OpenMetrics](https://prometheus.io/docs/specs/om/open_metrics_spec/).
//!
//! Everything that rises is counted here when it happens. Everything that can be asked for is read
//! at each scrape, by `scrape`. Counting is one atomic addition, because the members of the
//! labelled families that packets use are made beforehand.
//!
//! Bounds: every family has a fixed set of labels, so its number of series is fixed as well.

pub mod connections;
pub mod requests;
pub(crate) mod scrape;
pub mod traffic;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use self::connections::OpenConnections;
use self::requests::Requests;
use self::traffic::TrafficByPacket;

/// The word that every metric of a node begins with.
pub const PREFIX: &str = "plexus";
/// The upper bounds of the histograms of blocks and commits, in seconds.
const SECONDS: [f64; 12] = [0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 60.0];

/// The metrics that a node counts.
#[derive(Debug)]
pub struct Metrics {
    /// Packets received.
    pub received: TrafficByPacket,
    /// Packets sent.
    pub sent: TrafficByPacket,
    /// The open connections.
    pub connections: OpenConnections,
    /// The requests that were answered.
    pub requests: Requests,
    /// Peers that ever connected to us.
    pub inbound: Counter,
    /// Peers that we ever connected to.
    pub outbound: Counter,
    /// Peers turned away because there were too many.
    pub turned_away: Counter,
    /// Inbound peers that were disconnected because a newcomer needed the place.
    pub evicted: Counter,
    /// Peers dropped because they did not read the data sent to them.
    pub slow_readers: Counter,
    /// Header hashes tried by the miners.
    pub hashes_tried: Counter,
    /// Solutions found by the miners.
    pub solutions: Counter,
    /// Signatures verified.
    pub signatures_verified: Counter,
    /// Signatures found invalid.
    pub signatures_broken: Counter,
    /// Changes persisted.
    pub changes: Counter,
    /// The times that transactions took, in seconds.
    pub commits: Histogram,
    /// Blocks that joined the best chain.
    pub blocks_connected: Counter,
    /// Blocks that left the best chain.
    pub blocks_undone: Counter,
    /// Announced headers that joined another branch than the best chain.
    pub blocks_stale: Counter,
    /// Announced headers whose parent was not known.
    pub headers_orphaned: Counter,
    /// The times between miners' times in headers and the first announcements here, in seconds.
    pub block_age: Histogram,
    /// The times between blocks' first announcements and their verified bodies, in seconds.
    pub block_wait: Histogram,
    /// Blocks refused.
    pub blocks_refused: Counter,
    /// Blocks mined here that joined the best chain.
    pub blocks_mined: Counter,
    /// Messages that joined the mempool.
    pub messages_pooled: Counter,
    /// Messages that were evicted from the full pool.
    pub messages_dropped: Counter,
    /// Offences of peers.
    pub faults: Counter,
    registry: Registry,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix(PREFIX);
        let [received, sent] = traffic::register(&mut registry);
        let (connections, requests) =
            (OpenConnections::register(&mut registry), Requests::register(&mut registry));
        let commits = seconds(&mut registry, "commit", "Time of a transaction until it was durable");
        let block_age =
            seconds(&mut registry, "block_age", "From a miner's time to the first announcement of its block");
        let block_wait =
            seconds(&mut registry, "block_wait", "From a block's first announcement to its verified body");
        let mut counter = |name: &str, help: &str| {
            let counter = Counter::default();
            registry.register(name, help, counter.clone());
            counter
        };
        Self {
            received,
            sent,
            connections,
            requests,
            inbound: counter("inbound", "Peers that connected to us"),
            outbound: counter("outbound", "Peers that we connected to"),
            turned_away: counter("turned_away", "Peers turned away because there were too many"),
            evicted: counter("evicted", "Inbound peers disconnected to make room for another"),
            slow_readers: counter("slow_readers", "Peers dropped because they did not read"),
            hashes_tried: counter("hashes_tried", "Header hashes tried by the miners"),
            solutions: counter("solutions", "Solutions found by the miners"),
            signatures_verified: counter("signatures_verified", "Signatures verified"),
            signatures_broken: counter("signatures_broken", "Signatures found invalid"),
            changes: counter("changes", "Changes persisted"),
            commits,
            blocks_connected: counter("blocks_connected", "Blocks that joined the best chain"),
            blocks_undone: counter("blocks_undone", "Blocks that left the best chain"),
            blocks_stale: counter("blocks_stale", "Announced headers on branches that do not lead"),
            headers_orphaned: counter("headers_orphaned", "Announced headers of unknown parents"),
            block_age,
            block_wait,
            blocks_refused: counter("blocks_refused", "Blocks refused"),
            blocks_mined: counter("blocks_mined", "Blocks mined here that joined the best chain"),
            messages_pooled: counter("messages_pooled", "Messages that joined the pool"),
            messages_dropped: counter("messages_dropped", "Messages that were evicted from the full pool"),
            faults: counter("faults", "Offences of peers"),
            registry,
        }
    }
}

fn seconds(registry: &mut Registry, name: &str, help: &str) -> Histogram {
    let histogram = Histogram::new(SECONDS);
    registry.register_with_unit(name, help, Unit::Seconds, histogram.clone());
    histogram
}

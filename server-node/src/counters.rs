//! The counters for metrics. They only rise, except for the gauges, which say so.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use plexus_core::protocol::packet::CAPS;

/// A number that any thread may increase.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Increases it by one.
    pub fn one(&self) {
        self.add(1);
    }

    /// Increases it.
    pub fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    /// Decreases it, for gauges.
    pub fn sub(&self, less: u64) {
        self.0.fetch_sub(less, Ordering::Relaxed);
    }

    /// Returns its current value.
    pub fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The upper bounds of a histogram's buckets, in milliseconds.
pub const BOUNDS_MS: [u64; 12] = [5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 60_000];

/// A histogram of durations.
#[derive(Debug, Default)]
pub struct Histogram {
    buckets: [Counter; BOUNDS_MS.len()],
    count: Counter,
    micros: Counter,
}

impl Histogram {
    /// Counts one more duration.
    pub fn note(&self, took: Duration) {
        let bound = BOUNDS_MS.iter().position(|bound| took <= Duration::from_millis(*bound));
        if let Some(bucket) = bound.and_then(|place| self.buckets.get(place)) {
            bucket.one();
        }
        self.count.one();
        self.micros.add(u64::try_from(took.as_micros()).unwrap_or_default());
    }

    /// Returns each bound in seconds, with the number of durations up to it.
    pub fn buckets(&self) -> impl Iterator<Item = (f64, u64)> {
        let counted = self.buckets.iter().scan(0, |sum, bucket| {
            *sum += bucket.value();
            Some(*sum)
        });
        BOUNDS_MS.iter().map(|bound| Duration::from_millis(*bound).as_secs_f64()).zip(counted)
    }

    /// Returns the number of durations.
    pub fn count(&self) -> u64 {
        self.count.value()
    }

    /// Returns the sum of all durations, in seconds.
    pub fn seconds(&self) -> f64 {
        self.micros.value() as f64 / 1e6
    }
}

/// The counters of one packet type in one direction.
#[derive(Debug, Default)]
pub struct Traffic {
    /// The number of packets.
    pub packets: Counter,
    /// The bytes of their frames.
    pub bytes: Counter,
}

/// The traffic of one direction, by packet.
#[derive(Debug, Default)]
pub struct TrafficByPacket([Traffic; CAPS.len()]);

impl TrafficByPacket {
    /// Counts a frame, unless it is not a packet.
    pub fn count(&self, frame: &[u8]) {
        if let Some(traffic) = frame.first().and_then(|&first| self.0.get(usize::from(first))) {
            traffic.packets.one();
            traffic.bytes.add(frame.len() as u64);
        }
    }

    /// Returns each packet's name and traffic.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &Traffic)> {
        CAPS.iter().map(|&(name, _)| name).zip(&self.0)
    }
}

/// All counters.
#[derive(Debug, Default)]
pub struct Counters {
    /// Packets received.
    pub received: TrafficByPacket,
    /// Packets sent.
    pub sent: TrafficByPacket,
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
    /// Peers connected now, before or after the handshake: a gauge.
    pub peers_open: Counter,
    /// Connections of any kind open now: a gauge.
    pub connections_open: Counter,
    /// Header hashes tried by the miners.
    pub hashes_tried: Counter,
    /// Solutions found by the miners.
    pub solutions: Counter,
    /// Signatures verified.
    pub signatures_verified: Counter,
    /// Signatures found invalid.
    pub signatures_broken: Counter,
    /// Transactions committed.
    pub commits: Counter,
    /// Changes persisted.
    pub changes: Counter,
    /// Microseconds spent committing.
    pub commit_micros: Counter,
    /// Blocks that joined the best chain.
    pub blocks_connected: Counter,
    /// Blocks that left the best chain.
    pub blocks_undone: Counter,
    /// Announced headers that joined another branch than the best chain.
    pub blocks_stale: Counter,
    /// Announced headers whose parent was not known.
    pub headers_orphaned: Counter,
    /// The times between miners' times in headers and the first announcements here.
    pub block_age: Histogram,
    /// The times between blocks' first announcements and their verified bodies.
    pub block_wait: Histogram,
    /// Blocks refused.
    pub blocks_refused: Counter,
    /// Blocks mined here that joined the best chain.
    pub blocks_mined: Counter,
    /// Messages that joined the mempool.
    pub messages_pooled: Counter,
    /// Offences of peers.
    pub faults: Counter,
}

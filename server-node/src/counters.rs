//! The counters: what happened how often, for metrics. Each only rises, but for the gauges, which say so.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use plexus_core::wire::CAPS;

/// A number that any thread may raise.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Raises it by one.
    pub fn one(&self) {
        self.add(1);
    }

    /// Raises it.
    pub fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    /// Lowers it: for gauges.
    pub fn sub(&self, less: u64) {
        self.0.fetch_sub(less, Ordering::Relaxed);
    }

    /// Its value now.
    pub fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The upper bounds of a histogram's buckets, milliseconds.
pub const BOUNDS_MS: [u64; 12] = [5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 60_000];

/// How often something took how long.
#[derive(Debug, Default)]
pub struct Histogram {
    buckets: [Counter; BOUNDS_MS.len()],
    count: Counter,
    micros: Counter,
}

impl Histogram {
    /// Counts one more.
    pub fn note(&self, took: Duration) {
        let bound = BOUNDS_MS.iter().position(|bound| took <= Duration::from_millis(*bound));
        if let Some(bucket) = bound.and_then(|place| self.buckets.get(place)) {
            bucket.one();
        }
        self.count.one();
        self.micros.add(u64::try_from(took.as_micros()).unwrap_or_default());
    }

    /// For each bound, in seconds, how many took no longer.
    pub fn buckets(&self) -> impl Iterator<Item = (f64, u64)> {
        let counted = self.buckets.iter().scan(0, |sum, bucket| {
            *sum += bucket.value();
            Some(*sum)
        });
        BOUNDS_MS.iter().map(|bound| Duration::from_millis(*bound).as_secs_f64()).zip(counted)
    }

    /// How many there were.
    pub fn count(&self) -> u64 {
        self.count.value()
    }

    /// How long all of them took together, seconds.
    pub fn seconds(&self) -> f64 {
        self.micros.value() as f64 / 1e6
    }
}

/// What is counted of one packet type in one direction.
#[derive(Debug, Default)]
pub struct Traffic {
    /// How many.
    pub packets: Counter,
    /// Their frames' bytes.
    pub bytes: Counter,
}

/// The traffic of one direction, by packet.
#[derive(Debug, Default)]
pub struct TrafficByPacket([Traffic; CAPS.len()]);

impl TrafficByPacket {
    /// Counts a frame; one that is no packet is not counted.
    pub fn count(&self, frame: &[u8]) {
        if let Some(traffic) = frame.first().and_then(|&first| self.0.get(usize::from(first))) {
            traffic.packets.one();
            traffic.bytes.add(frame.len() as u64);
        }
    }

    /// Each packet's name and traffic.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &Traffic)> {
        CAPS.iter().map(|&(name, _)| name).zip(&self.0)
    }
}

/// Everything that is counted.
#[derive(Debug, Default)]
pub struct Counters {
    /// Packets that came.
    pub received: TrafficByPacket,
    /// Packets that went.
    pub sent: TrafficByPacket,
    /// Peers that connected to us, ever.
    pub inbound: Counter,
    /// Peers that we connected to, ever.
    pub outbound: Counter,
    /// Peers turned away because there were too many.
    pub turned_away: Counter,
    /// Peers dropped because they did not read what was sent to them.
    pub slow_readers: Counter,
    /// Peers connected now, greeted or not: a gauge.
    pub peers_open: Counter,
    /// Connections of any kind open now: a gauge.
    pub connections_open: Counter,
    /// Header hashes tried by the miners.
    pub hashes_tried: Counter,
    /// Solutions found by the miners.
    pub solutions: Counter,
    /// Signatures verified.
    pub signatures_verified: Counter,
    /// Signatures that did not hold.
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
    /// Announced headers that joined a branch which does not lead.
    pub blocks_stale: Counter,
    /// Announced headers whose parent was not known.
    pub headers_orphaned: Counter,
    /// From miners' times in headers to their first announcements here.
    pub block_age: Histogram,
    /// From blocks' first announcements to their verified bodies.
    pub block_wait: Histogram,
    /// Blocks refused.
    pub blocks_refused: Counter,
    /// Blocks mined here that joined the best chain.
    pub blocks_mined: Counter,
    /// Messages that joined the pool.
    pub messages_pooled: Counter,
    /// Offences of peers.
    pub faults: Counter,
}

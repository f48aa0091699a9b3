//! Metrics: the counters and the node's state, as [Prometheus'
//! text](https://prometheus.io/docs/instrumenting/exposition_formats/).
//!
//! The text is written by hand, because it is one line per number and every number exists already.

use std::fmt::{self, Write};

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use plexus_core::node::Status;

use crate::counters::{Counters, Histogram, TrafficByPacket};
use crate::http::error::ApiError;
use crate::http::state::AppState;

/// The node's metrics
#[utoipa::path(get, path = "/metrics", tag = "node",
    responses((status = 200, description = "Prometheus text", content_type = "text/plain")))]
pub(crate) async fn show(State(app): State<AppState>) -> Result<impl IntoResponse, ApiError> {
    let status = app.handle.status().await?;
    let mut text = String::with_capacity(8_192);
    // Writing to a string cannot fail.
    let _ = write(&mut text, app.handle.counters(), &status);
    Ok(([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text))
}

fn write(out: &mut String, counters: &Counters, status: &Status) -> fmt::Result {
    let rising = [
        ("inbound_total", "Peers that connected to us.", &counters.inbound),
        ("outbound_total", "Peers that we connected to.", &counters.outbound),
        ("turned_away_total", "Peers turned away because there were too many.", &counters.turned_away),
        ("evicted_total", "Inbound peers disconnected to make room for another.", &counters.evicted),
        ("slow_readers_total", "Peers dropped because they did not read.", &counters.slow_readers),
        ("hashes_tried_total", "Header hashes tried by the miners.", &counters.hashes_tried),
        ("solutions_total", "Solutions found by the miners.", &counters.solutions),
        ("signatures_verified_total", "Signatures verified.", &counters.signatures_verified),
        ("signatures_broken_total", "Signatures that did not hold.", &counters.signatures_broken),
        ("commits_total", "Transactions committed.", &counters.commits),
        ("changes_total", "Changes persisted.", &counters.changes),
        ("blocks_connected_total", "Blocks that joined the best chain.", &counters.blocks_connected),
        ("blocks_undone_total", "Blocks that left the best chain.", &counters.blocks_undone),
        ("blocks_stale_total", "Announced headers on branches that do not lead.", &counters.blocks_stale),
        ("headers_orphaned_total", "Announced headers of unknown parents.", &counters.headers_orphaned),
        ("blocks_refused_total", "Blocks refused.", &counters.blocks_refused),
        ("blocks_mined_total", "Blocks mined here that joined the best chain.", &counters.blocks_mined),
        ("messages_pooled_total", "Messages that joined the pool.", &counters.messages_pooled),
        ("faults_total", "Offences of peers.", &counters.faults),
    ];
    for (name, help, counter) in rising {
        number(out, name, help, "counter", counter.value())?;
    }
    let seconds = counters.commit_micros.value() as f64 / 1e6;
    number(out, "commit_seconds_total", "Time spent committing.", "counter", seconds)?;
    histogram(
        out,
        "block_age_seconds",
        "From a miner's time to the first announcement.",
        &counters.block_age,
    )?;
    histogram(out, "block_wait_seconds", "From that to the verified body.", &counters.block_wait)?;
    traffic(out, "packets_total", "Packets by type.", counters, |traffic| traffic.packets.value())?;
    traffic(out, "packet_bytes_total", "Bytes of packets by type.", counters, |traffic| {
        traffic.bytes.value()
    })?;
    let peers_open = counters.peers_open.value();
    number(out, "peers_open", "Peers connected, with or without a complete handshake.", "gauge", peers_open)?;
    let connections = counters.connections_open.value();
    number(out, "connections_open", "Connections of any kind.", "gauge", connections)?;
    number(out, "height", "The tip's height.", "gauge", status.height)?;
    number(out, "target_height", "The height that is synchronized to.", "gauge", status.target)?;
    number(out, "peers", "Peers that completed the handshake.", "gauge", status.peers)?;
    number(out, "pool_messages", "Messages that wait in the pool.", "gauge", status.pool)?;
    number(out, "total_work", "The sum of work up to the tip.", "gauge", &status.total_work)?;
    number(out, "difficulty", "Expected hashes of the next block.", "gauge", &status.difficulty)?;
    number(out, "syncing", "Whether a heavier chain is being fetched.", "gauge", u8::from(status.syncing))?;
    number(out, "mining", "Whether the node is mining.", "gauge", u8::from(status.mining))
}

fn number(out: &mut String, name: &str, help: &str, kind: &str, value: impl fmt::Display) -> fmt::Result {
    writeln!(out, "# HELP plexus_{name} {help}\n# TYPE plexus_{name} {kind}\nplexus_{name} {value}")
}

fn histogram(out: &mut String, name: &str, help: &str, histogram: &Histogram) -> fmt::Result {
    writeln!(out, "# HELP plexus_{name} {help}\n# TYPE plexus_{name} histogram")?;
    for (bound, count) in histogram.buckets() {
        writeln!(out, "plexus_{name}_bucket{{le=\"{bound}\"}} {count}")?;
    }
    let (count, seconds) = (histogram.count(), histogram.seconds());
    writeln!(out, "plexus_{name}_bucket{{le=\"+Inf\"}} {count}")?;
    writeln!(out, "plexus_{name}_sum {seconds}\nplexus_{name}_count {count}")
}

fn traffic(
    out: &mut String,
    name: &str,
    help: &str,
    counters: &Counters,
    value: impl Fn(&crate::counters::Traffic) -> u64,
) -> fmt::Result {
    writeln!(out, "# HELP plexus_{name} {help}\n# TYPE plexus_{name} counter")?;
    let directions: [(&str, &TrafficByPacket); 2] =
        [("received", &counters.received), ("sent", &counters.sent)];
    for (direction, packets) in directions {
        for (packet, traffic) in packets.iter() {
            let value = value(traffic);
            writeln!(out, "plexus_{name}{{direction=\"{direction}\",packet=\"{packet}\"}} {value}")?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use plexus_core::primitives::hash::Hash;

    use super::*;

    #[test]
    fn every_line_is_a_comment_or_a_number_with_its_type() {
        let counters = Counters::default();
        counters.blocks_mined.add(3);
        for ms in [3, 10, 11, 70_000] {
            counters.block_wait.note(Duration::from_millis(ms));
        }
        let (total_work, difficulty) =
            ("340282366920938463463374607431768211455".to_owned(), "256".to_owned());
        let (height, target, peers, agreeing, pool) = (7, 8, 2, 2, 1);
        let (syncing, mining, tip) = (false, true, Hash::ZERO);
        let status =
            Status { height, target, tip, total_work, difficulty, peers, agreeing, pool, syncing, mining };
        let mut text = String::new();
        write(&mut text, &counters, &status).unwrap();
        assert!(text.contains("\nplexus_blocks_mined_total 3\n") && text.contains("\nplexus_mining 1\n"));
        let of_wait: Vec<_> =
            text.lines().filter(|line| line.starts_with("plexus_block_wait_seconds")).collect();
        for expected in [
            "plexus_block_wait_seconds_bucket{le=\"0.005\"} 1",
            "plexus_block_wait_seconds_bucket{le=\"0.01\"} 2",
            "plexus_block_wait_seconds_bucket{le=\"60\"} 3",
            "plexus_block_wait_seconds_bucket{le=\"+Inf\"} 4",
            "plexus_block_wait_seconds_sum 70.024",
            "plexus_block_wait_seconds_count 4",
        ] {
            assert!(of_wait.contains(&expected), "{expected}: {of_wait:#?}");
        }
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let (name, value) = line.rsplit_once(' ').unwrap();
            assert!(value.parse::<f64>().is_ok(), "{line}");
            let family = name.split('{').next().unwrap();
            let family = ["_bucket", "_sum", "_count"]
                .iter()
                .find_map(|part| family.strip_suffix(part).filter(|stem| stem.ends_with("_seconds")))
                .unwrap_or(family);
            assert!(text.contains(&format!("# TYPE {family} ")), "{line}");
        }
    }
}

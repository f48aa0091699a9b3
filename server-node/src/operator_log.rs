//! The log for operators: the lines of a node that nobody asks for more.
//!
//! These are configured nodes that connect, are lost or cannot be reached, reorganisations, and a
//! summary a minute. A task follows the node's events and writes them, so that a slow reader of the
//! log holds up nothing else.

use std::time::Duration;

use plexus_core::node::event::Event;
use plexus_core::node::{PeerView, Status};
use plexus_core::primitives::hash::Hash;
use plexus_core::primitives::pow::Work;
use plexus_core::protocol::misbehavior::Reason;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use crate::connect_log::ConnectChange;
use crate::handle::{Handle, Stopped};

/// The time between two summaries.
pub const SUMMARY_INTERVAL: Duration = Duration::from_secs(60);

/// Blocks that left the best chain, until the new tip has more work.
#[derive(Debug)]
struct Reorganization {
    depth: u64,
    old_tip: Option<Hash>,
    old_work: Work,
}

/// Follows the node's events until it stops.
pub(crate) async fn run(handle: Handle) {
    // When the node stops, there is nothing more to log.
    let _stopped = follow(&handle).await;
}

async fn follow(handle: &Handle) -> Result<(), Stopped> {
    let mut events = handle.events();
    let mut summaries = interval_at(Instant::now() + SUMMARY_INTERVAL, SUMMARY_INTERVAL);
    summaries.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut reorganization = None;
    loop {
        tokio::select! {
            () = handle.stopping() => return Ok(()),
            event = events.recv() => match event {
                Ok(event) => note(handle, &event, &mut reorganization),
                Err(RecvError::Lagged(_)) => catch_up(handle, &handle.peers().await?),
                Err(RecvError::Closed) => return Ok(()),
            },
            _ = summaries.tick() => summarize(handle, &handle.status().await?),
        }
    }
}

fn note(handle: &Handle, event: &Event, reorganization: &mut Option<Reorganization>) {
    let connects = handle.connects();
    let change = match event {
        Event::PeerUp { peer, .. } => connects.established(*peer),
        Event::PeerDown { peer } => connects.gone(*peer),
        Event::Faulted { peer, fault } => connects.closing(*peer, fault.to_string()),
        // The same node is connected by another link.
        Event::Closing { peer, reason: Reason::Duplicate } => {
            connects.duplicate(*peer);
            None
        }
        Event::Closing { peer, reason } => connects.closing(*peer, reason.to_string()),
        Event::Undone { fork, hashes, height, total_work, .. } => {
            *reorganization = Some(Reorganization {
                depth: height.saturating_sub(*fork),
                old_tip: hashes.first().copied(),
                old_work: *total_work,
            });
            None
        }
        Event::Connected { hash, block, total_work, .. } => {
            if let Some(undone) = reorganization.take_if(|undone| *total_work > undone.old_work) {
                let Reorganization { depth, old_tip, .. } = undone;
                let old_tip = old_tip.map(tracing::field::display);
                tracing::info!(depth, old_tip, new_tip = %hash, height = block.header.height, "reorganisation");
            }
            None
        }
        Event::Assumed { .. }
        | Event::Proven { .. }
        | Event::Arrived { .. }
        | Event::Lacking { .. }
        | Event::Stale { .. }
        | Event::Orphan { .. }
        | Event::Refused { .. }
        | Event::Pooled(_)
        | Event::Dropped { .. }
        | Event::Disagrees { .. }
        | Event::Synchronizing { .. } => None,
    };
    change.as_ref().into_iter().for_each(tell);
}

fn catch_up(handle: &Handle, peers: &[PeerView]) {
    let is_established = |id| peers.iter().any(|peer| peer.id == id && peer.key.is_some());
    handle.connects().catch_up(is_established).iter().for_each(tell);
}

/// Writes the line for a change of a configured node.
pub(crate) fn tell(change: &ConnectChange) {
    match change {
        ConnectChange::Connected(address) => tracing::info!(%address, "connected"),
        ConnectChange::Lost(address, reason) => {
            let reason = reason.as_ref().map(tracing::field::display);
            tracing::info!(%address, reason, "connection lost");
        }
        ConnectChange::Failed(address, reason) => tracing::info!(%address, %reason, "cannot connect"),
    }
}

fn summarize(handle: &Handle, status: &Status) {
    let Status { height, peers, pool, mining, syncing, target, .. } = *status;
    let mined = handle.metrics().blocks_mined.get();
    if syncing {
        let percent = height.saturating_mul(100).checked_div(target).unwrap_or(100);
        tracing::info!(height, target, percent, peers, pool, mined, "synchronizing");
    } else {
        tracing::info!(height, peers, pool, mined, mining, "following the chain");
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use plexus_core::primitives::params::Network;
    use tokio::time::sleep;

    use super::*;
    use crate::connect_log::ConnectLog;
    use crate::driver::event::{DriverEvent, Query};
    use crate::store::Store;

    /// A log in memory.
    #[derive(Clone, Debug, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Log {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn status(height: u64) -> Status {
        Status {
            height,
            tip: Hash::ZERO,
            total_work: "1".to_owned(),
            young: true,
            difficulty: "1".to_owned(),
            peers: 3,
            agreeing: 2,
            archives: 1,
            pool: 5,
            syncing: height < 20,
            target: 20,
            mining: false,
            unknown_chain: false,
            lacking: None,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn once_a_minute_it_says_how_far_the_node_is() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path(), &Network::dev()).unwrap();
        let (handle, mut asked) = Handle::new(store, Network::dev(), 1, ConnectLog::new(&[]));
        let log = Log::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone());
        let _logs = tracing::subscriber::set_default(subscriber.finish());
        let driver = async {
            for height in [7, 20] {
                let Some(DriverEvent::Ask(Query::Status(asker))) = asked.recv().await else { panic!() };
                asker.send(status(height)).unwrap();
            }
            std::future::pending::<()>().await;
        };
        tokio::select! {
            () = driver => {}
            stopped = follow(&handle) => panic!("{stopped:?}"),
            () = sleep(SUMMARY_INTERVAL * 5 / 2) => {}
        }
        let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
        let lines: Vec<_> = text.lines().map(|line| line.split_once("operator_log: ").unwrap().1).collect();
        let expected = [
            "synchronizing height=7 target=20 percent=35 peers=3 pool=5 mined=0",
            "following the chain height=20 peers=3 pool=5 mined=0 mining=false",
        ];
        assert_eq!(lines, expected);
    }
}

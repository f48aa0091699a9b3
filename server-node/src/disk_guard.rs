//! The guard of the disk: the node stops taking blocks and messages before the disk is full, and
//! goes on by itself when there is room.

use std::path::PathBuf;
use std::time::Duration;

use plexus_core::node::Input;
use tokio::time::{MissedTickBehavior, interval};

use crate::disk::disk_free;
use crate::handle::Handle;

/// The time between two looks at the disk.
pub const INTERVAL: Duration = Duration::from_secs(1);
/// The part of the reserve that must be free on top of it before a node goes on, so that it does
/// not stop and go on all the time.
const MARGIN: u64 = 16;

/// Looks at the disk each [`INTERVAL`], until the node stops. A reserve of 0 bytes needs no look.
pub(crate) async fn watch(data: PathBuf, reserve: u64, handle: Handle) {
    if reserve == 0 {
        return;
    }
    let mut looks = interval(INTERVAL);
    // A disk that is slow to answer is asked once at a time.
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut is_known = true;
    loop {
        tokio::select! {
            _ = looks.tick() => {}
            () = handle.stopping() => return,
        }
        let data = data.clone();
        let Ok(free) = tokio::task::spawn_blocking(move || disk_free(&data)).await else { return };
        match free {
            Ok(free) => look(&handle, free, reserve).await,
            Err(error) if is_known => {
                tracing::warn!(%error, "the free space of the disk is not known: --disk-reserve has no effect");
                is_known = false;
            }
            Err(_) => {}
        }
    }
}

async fn look(handle: &Handle, free: u64, reserve: u64) {
    let was_full = handle.is_disk_full();
    let is_full = is_full(was_full, free, reserve);
    if is_full == was_full {
        return;
    }
    match is_full {
        true => tracing::error!(
            free,
            reserve,
            "the disk is nearly full: no block or message is taken until there is room"
        ),
        false => tracing::warn!(free, reserve, "the disk has room again: the node goes on"),
    }
    handle.set_disk_full(is_full);
    // A node that is stopping takes no blocks either.
    let _stopped = handle.tell_input(Input::DiskFull(is_full)).await;
}

fn is_full(was_full: bool, free: u64, reserve: u64) -> bool {
    let margin = if was_full { reserve / MARGIN } else { 0 };
    free < reserve.saturating_add(margin)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_stops_below_the_reserve_and_goes_on_above_it() {
        let mut full = false;
        for (free, expected) in [(1_700, false), (1_600, false), (1_599, true), (1_650, true), (1_700, false)]
        {
            full = is_full(full, free, 1_600);
            assert_eq!(full, expected, "{free}");
        }
    }
}

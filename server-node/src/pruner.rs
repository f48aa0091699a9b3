//! The pruner: deletes the bodies of old blocks while the node runs.
//!
//! Each step is a transaction of its own, on a thread that may wait for the disk. Between two steps
//! it pauses, so that the driver's transactions come first.

use std::time::Duration;

use tokio::task::spawn_blocking;
use tokio::time::sleep;

use crate::clock;
use crate::handle::Handle;
use crate::store::KeepBodies;

/// The pause between two steps.
const STEP_PAUSE: Duration = Duration::from_millis(20);
/// The time until it looks again, when nothing is left to delete.
const IDLE_PAUSE: Duration = Duration::from_secs(10);

/// Deletes bodies until the node stops. If the disk fails, it says so and tries again later.
pub(crate) async fn run(handle: Handle, keep: KeepBodies) {
    loop {
        let store = handle.store().clone();
        let step = spawn_blocking(move || store.prune(keep, clock::time())).await;
        let pause = match step {
            Ok(Ok(pruned)) if pruned.is_done => IDLE_PAUSE,
            Ok(Ok(pruned)) => {
                tracing::debug!(bodies = pruned.bodies, "old bodies are deleted");
                STEP_PAUSE
            }
            Ok(Err(error)) => {
                tracing::error!(%error, "old bodies cannot be deleted");
                IDLE_PAUSE
            }
            // The task is only lost when the runtime is shutting down.
            Err(_) => return,
        };
        tokio::select! {
            () = sleep(pause) => {}
            () = handle.stopping() => return,
        }
    }
}

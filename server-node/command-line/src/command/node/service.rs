//! The service manager, systemd or another that speaks its protocol.
//!
//! It learns when the node serves, reloads and stops, and how it is. The watchdog is fed only while
//! the driver's task answers: a node whose driver hangs is restarted. It may also hand over sockets
//! that it listens on itself.

use std::time::Duration;

use plexus_core::node::Status;
use plexus_node::handle::{Handle, Stopped};

/// The time between two reports without a watchdog.
#[cfg(unix)]
const REPORT_INTERVAL: Duration = Duration::from_secs(10);
/// The shortest time between two reports, whatever the watchdog's time is.
#[cfg(unix)]
const REPORT_INTERVAL_MIN: Duration = Duration::from_millis(50);

/// Returns the sockets that the service manager hands over, of which there may be none. Call this
/// before other threads run, as it reads and clears variables of the environment.
///
/// # Errors
/// A socket is no listening TCP socket, or there are too many.
#[cfg(unix)]
pub(super) fn sockets(sockets_max: usize) -> anyhow::Result<Vec<std::net::TcpListener>> {
    use anyhow::Context;

    let mut given = listenfd::ListenFd::from_env();
    anyhow::ensure!(
        given.len() <= sockets_max,
        "the service manager hands over {} sockets: a node takes at most {sockets_max}",
        given.len()
    );
    let mut sockets = Vec::new();
    for number in 0..given.len() {
        let socket = given.take_tcp_listener(number);
        let what = || {
            format!(
                "socket {number} of the service manager must be a TCP socket that listens (ListenStream=)"
            )
        };
        let socket = socket.with_context(what)?.with_context(what)?;
        socket.set_nonblocking(true)?;
        sockets.push(socket);
    }
    Ok(sockets)
}

#[cfg(not(unix))]
pub(super) fn sockets(_sockets_max: usize) -> anyhow::Result<Vec<std::net::TcpListener>> {
    Ok(Vec::new())
}

/// Tells the service manager that the node serves.
pub(super) async fn ready(status: &Status) {
    #[cfg(unix)]
    notify(vec!["READY=1".to_owned(), line(status)]).await;
    #[cfg(not(unix))]
    let _ = status;
}

/// Tells the service manager that the node reads certificates again. [`ready`] ends that.
pub(super) async fn reloading() {
    #[cfg(unix)]
    {
        let now = sd_notify::NotifyState::monotonic_usec_now();
        let now = now.map(|now| now.to_string()).unwrap_or_default();
        notify(vec!["RELOADING=1".to_owned(), now]).await;
    }
}

/// Tells the service manager that the node stops.
pub(super) async fn stopping() {
    #[cfg(unix)]
    notify(vec!["STOPPING=1".to_owned(), "STATUS=stopping".to_owned()]).await;
}

/// Reports to the service manager for as long as the node answers. Returns at once if there is no
/// service manager.
pub(super) async fn report(handle: Handle) {
    #[cfg(unix)]
    {
        if std::env::var_os("NOTIFY_SOCKET").is_none() {
            return;
        }
        let watchdog = sd_notify::watchdog_enabled();
        let interval = watchdog.map_or(REPORT_INTERVAL, |time| (time / 2).max(REPORT_INTERVAL_MIN));
        let ask = || async { handle.status().await.map(|status| line(&status)) };
        // A node that stops waits until nobody holds its handle.
        tokio::select! {
            () = handle.stopping() => {}
            () = report_by(interval, watchdog.is_some(), ask, notify) => {}
        }
    }
    #[cfg(not(unix))]
    drop(handle);
}

/// Asks for the status line again and again, and sends it. Feeds the watchdog with each answer that
/// comes in time. Ends when the node stops.
#[cfg(unix)]
async fn report_by<A, S>(
    interval: Duration,
    has_watchdog: bool,
    ask: impl Fn() -> A,
    send: impl Fn(Vec<String>) -> S,
) where
    A: Future<Output = Result<String, Stopped>>,
    S: Future<Output = ()>,
{
    let mut ticks = tokio::time::interval(interval);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        match tokio::time::timeout(interval, ask()).await {
            Ok(Ok(line)) => {
                let beat = has_watchdog.then(|| "WATCHDOG=1".to_owned());
                send(beat.into_iter().chain([line]).collect()).await;
            }
            Ok(Err(Stopped)) => return,
            Err(_late) => tracing::warn!("the driver has not answered within {interval:?}"),
        }
    }
}

/// Returns the status line for `systemctl status`.
#[cfg(unix)]
fn line(status: &Status) -> String {
    format!("STATUS={}", text(status.height, status.peers, status.syncing, status.target))
}

#[cfg(unix)]
fn text(height: u64, peers: usize, syncing: bool, target: u64) -> String {
    let peers = format!("{peers} {}", if peers == 1 { "peer" } else { "peers" });
    if syncing {
        format!("synchronizing, height {height} of {target}, {peers}")
    } else {
        format!("height {height}, {peers}")
    }
}

/// Sends lines to the service manager, if there is one.
#[cfg(unix)]
async fn notify(lines: Vec<String>) {
    let sent = tokio::task::spawn_blocking(move || {
        let lines: Vec<_> = lines.iter().map(|line| sd_notify::NotifyState::Custom(line)).collect();
        sd_notify::notify(&lines)
    });
    if let Ok(Err(error)) = sent.await {
        tracing::warn!(%error, "the service manager cannot be told");
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::cell::{Cell, RefCell};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_watchdog_is_fed_only_while_the_driver_answers() {
        let (asked, sent) = (Cell::new(0), RefCell::new(Vec::new()));
        let ask = || async {
            asked.set(asked.get() + 1);
            match asked.get() {
                1 | 2 | 8 => Ok(format!("STATUS={}", asked.get())),
                9 => Err(Stopped),
                _ => std::future::pending().await,
            }
        };
        let send = |lines: Vec<String>| {
            sent.borrow_mut().push(lines.join(" "));
            std::future::ready(())
        };
        report_by(Duration::from_secs(1), true, ask, send).await;
        assert_eq!(*sent.borrow(), ["WATCHDOG=1 STATUS=1", "WATCHDOG=1 STATUS=2", "WATCHDOG=1 STATUS=8"]);
        assert_eq!(asked.get(), 9, "it asks again although the driver hangs");
    }

    #[test]
    fn the_status_line_says_how_far_the_node_is() {
        assert_eq!(text(7, 1, false, 9), "height 7, 1 peer");
        assert_eq!(text(7, 2, true, 9), "synchronizing, height 7 of 9, 2 peers");
    }
}

//! The signals that a node listens to.

/// A request of the operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Request {
    /// Stop: SIGTERM, SIGINT, or Ctrl-C.
    Stop,
    /// Read the certificate's files again: SIGHUP.
    Reload,
}

/// The signals of a process.
pub(super) struct Signals {
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    #[cfg(unix)]
    hangup: tokio::signal::unix::Signal,
}

impl Signals {
    pub(super) fn new() -> anyhow::Result<Self> {
        #[cfg(unix)]
        {
            use tokio::signal::unix::{SignalKind, signal};
            let (terminate, interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
            let hangup = signal(SignalKind::hangup())?;
            Ok(Self { terminate, interrupt, hangup })
        }
        #[cfg(not(unix))]
        Ok(Self {})
    }

    /// Waits for a signal, and logs one that stops the node. Returns its request.
    #[cfg(unix)]
    pub(super) async fn next(&mut self) -> Request {
        tokio::select! {
            _ = self.terminate.recv() => stop("SIGTERM"),
            _ = self.interrupt.recv() => stop("SIGINT"),
            _ = self.hangup.recv() => Request::Reload,
        }
    }

    #[cfg(not(unix))]
    pub(super) fn next(&mut self) -> impl std::future::Future<Output = Request> + '_ {
        async {
            if tokio::signal::ctrl_c().await.is_err() {
                std::future::pending::<()>().await;
            }
            stop("Ctrl-C")
        }
    }

    /// Waits for a request to stop. Other requests are dropped.
    pub(super) async fn stop(&mut self) {
        while self.next().await != Request::Stop {}
    }
}

fn stop(signal: &str) -> Request {
    tracing::info!(signal, "stopping");
    Request::Stop
}

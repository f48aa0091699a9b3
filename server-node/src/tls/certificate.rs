//! A certificate from files, which are read again when they change and when the operator asks.
//!
//! A program that renews certificates replaces two files, one after the other. So a change is acted
//! on when the files have stayed the same from one look to the next. Files that do not fit together
//! are reported, and the certificate in use stays. Open connections keep theirs in any case.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use anyhow::Context;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio::sync::Notify;
use tokio::time::{MissedTickBehavior, interval};

use super::{pem, provider};
use crate::handle::Handle;

/// The time between two looks at the files.
const LOOK_INTERVAL: Duration = Duration::from_secs(5);

/// The certificate in use.
#[derive(Debug)]
pub(crate) struct CertificateFiles {
    certificate: PathBuf,
    key: PathBuf,
    /// The state of the files when they were opened.
    opened: [FileState; 2],
    current: RwLock<Arc<CertifiedKey>>,
}

/// A file's state, which differs after a change: its time, its length and, on Unix, its number.
type FileState = Option<(SystemTime, u64, u64)>;

/// Reads a certificate chain and its key, and keeps looking at the files until the node stops.
///
/// # Errors
/// A file that cannot be read, or has the wrong content. The error names the file.
pub(super) fn open(
    certificate: PathBuf,
    key: PathBuf,
    reload: Arc<Notify>,
    handle: &Handle,
) -> anyhow::Result<Arc<CertificateFiles>> {
    let files = Arc::new(CertificateFiles::open(certificate, key)?);
    let (watched, handle) = (files.clone(), handle.clone());
    tokio::spawn(async move {
        tokio::select! {
            () = watched.watch(LOOK_INTERVAL, &reload) => {}
            () = handle.stopping() => {}
        }
    });
    Ok(files)
}

impl CertificateFiles {
    fn open(certificate: PathBuf, key: PathBuf) -> anyhow::Result<Self> {
        // Before they are read: a change in between is seen at the first look.
        let opened = [state(&certificate), state(&key)];
        let current = RwLock::new(Arc::new(read(&certificate, &key)?));
        Ok(Self { certificate, key, opened, current })
    }

    /// Looks at the files at an interval, and reads them after a change or a notification.
    async fn watch(self: Arc<Self>, every: Duration, reload: &Notify) {
        let mut looks = interval(every);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut read = self.opened;
        let mut seen = read;
        loop {
            let is_asked = tokio::select! {
                _ = looks.tick() => false,
                () = reload.notified() => true,
            };
            let now = self.clone().state().await;
            let is_settled = now == std::mem::replace(&mut seen, now);
            if is_asked || (now != read && is_settled) {
                self.clone().reload().await;
                read = now;
            }
        }
    }

    /// Returns the state of both files.
    async fn state(self: Arc<Self>) -> [FileState; 2] {
        let look = move || [state(&self.certificate), state(&self.key)];
        tokio::task::spawn_blocking(look).await.unwrap_or_default()
    }

    /// Reads the files. If they are in order, new connections get their certificate.
    async fn reload(self: Arc<Self>) {
        let task = tokio::task::spawn_blocking(move || match read(&self.certificate, &self.key) {
            Ok(new) => {
                *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(new);
                tracing::info!(certificate = %self.certificate.display(), "the certificate was read again");
            }
            Err(error) => {
                let error = format!("{error:#}");
                tracing::error!(%error, "the certificate cannot be read again: the earlier one stays in use");
            }
        });
        // It does not panic, and is cancelled only if the runtime ends.
        let _ = task.await;
    }
}

impl ResolvesServerCert for CertificateFiles {
    fn resolve(&self, _client: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current.read().unwrap_or_else(PoisonError::into_inner).clone())
    }
}

/// Returns a file's state. Returns `None` if there is no such file.
fn state(path: &Path) -> FileState {
    let metadata = std::fs::metadata(path).ok()?;
    #[cfg(unix)]
    let number = std::os::unix::fs::MetadataExt::ino(&metadata);
    #[cfg(not(unix))]
    let number = 0;
    Some((metadata.modified().ok()?, metadata.len(), number))
}

fn read(certificate: &Path, key: &Path) -> anyhow::Result<CertifiedKey> {
    let chain = pem::certificates(certificate)?;
    let secret = pem::private_key(key)?;
    CertifiedKey::from_der(chain, secret, &provider())
        .with_context(|| format!("{} does not fit its key {}", certificate.display(), key.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Files {
        folder: tempfile::TempDir,
    }

    impl Files {
        fn new() -> Self {
            let files = Self { folder: tempfile::tempdir().unwrap() };
            files.renew();
            files
        }

        fn path(&self, name: &str) -> PathBuf {
            self.folder.path().join(name)
        }

        /// Replaces both files. Returns the new certificate.
        fn renew(&self) -> Vec<u8> {
            let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
            for (name, text) in [("key", made.signing_key.serialize_pem()), ("cert", made.cert.pem())] {
                std::fs::write(self.path("new"), text).unwrap();
                std::fs::rename(self.path("new"), self.path(name)).unwrap();
            }
            made.cert.der().to_vec()
        }

        fn open(&self) -> Arc<CertificateFiles> {
            Arc::new(CertificateFiles::open(self.path("cert"), self.path("key")).unwrap())
        }
    }

    fn current(files: &CertificateFiles) -> Vec<u8> {
        files.current.read().unwrap().cert[0].to_vec()
    }

    async fn becomes(files: &CertificateFiles, expected: &[u8]) {
        while current(files) != expected {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    #[tokio::test]
    async fn changed_files_are_read_again() {
        let files = Files::new();
        let opened = files.open();
        let never = Notify::new();
        let watching = opened.clone().watch(Duration::from_millis(2), &never);
        let check = async {
            for _ in 0..3 {
                becomes(&opened, &files.renew()).await;
            }
        };
        tokio::select! {
            () = watching => {}
            done = tokio::time::timeout(Duration::from_secs(60), check) => done.unwrap(),
        }
    }

    #[tokio::test]
    async fn a_request_is_enough_to_read_files_again() {
        let files = Files::new();
        let opened = files.open();
        let new = files.renew();
        let reload = Notify::new();
        reload.notify_one();
        let watching = opened.clone().watch(Duration::from_secs(3_600), &reload);
        tokio::select! {
            () = watching => {}
            done = tokio::time::timeout(Duration::from_secs(60), becomes(&opened, &new)) => done.unwrap(),
        }
    }

    #[tokio::test]
    async fn a_bad_pair_leaves_the_earlier_certificate() {
        let files = Files::new();
        let opened = files.open();
        let first = current(&opened);
        let other = Files::new();
        std::fs::copy(other.path("cert"), files.path("cert")).unwrap();
        opened.clone().reload().await;
        assert_eq!(current(&opened), first, "the certificate of another key");
        std::fs::write(files.path("cert"), "nothing").unwrap();
        opened.clone().reload().await;
        assert_eq!(current(&opened), first, "a file without a certificate");
        std::fs::remove_file(files.path("key")).unwrap();
        opened.clone().reload().await;
        assert_eq!(current(&opened), first, "a file that is missing");
        let new = files.renew();
        opened.clone().reload().await;
        assert_eq!(current(&opened), new);
    }

    #[test]
    fn a_pair_that_does_not_fit_is_named() {
        let (one, two) = (Files::new(), Files::new());
        let error = CertificateFiles::open(one.path("cert"), two.path("key")).unwrap_err();
        assert!(format!("{error:#}").contains("does not fit its key"), "{error:#}");
        let error = CertificateFiles::open(one.path("key"), one.path("key")).unwrap_err();
        assert!(format!("{error:#}").contains("certificates in PEM form"), "{error:#}");
        let error = CertificateFiles::open(one.path("cert"), one.path("cert")).unwrap_err();
        assert!(format!("{error:#}").contains("private key in PEM form"), "{error:#}");
    }
}

//! A certificate from an ACME authority, such as Let's Encrypt
//! ([RFC 8555](https://www.rfc-editor.org/rfc/rfc8555)).
//!
//! The authority checks the domains by the challenge TLS-ALPN-01
//! ([RFC 8737](https://www.rfc-editor.org/rfc/rfc8737)), which the node answers on its one port. The
//! authority connects to port 443, so the node listens there, or the port is forwarded to it. The
//! certificate is renewed when two thirds of its life are over. The account and the certificate are
//! [private files](private_file) in the folder `acme` of the data folder, so that a node that starts
//! again does not order another.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use futures_util::StreamExt;
use plexus_core::primitives::hash::Hash;
use rustls::server::ResolvesServerCert;
use rustls_acme::{AccountCache, AcmeConfig, AcmeState, CertCache, EventOk};

use super::roots;
use crate::config::{Acme, NodeConfig};
use crate::handle::Handle;
use crate::private_file::{self, PrivateFileError};

/// The folder in the data folder.
const FOLDER: &str = "acme";
/// The most bytes of a stored account or certificate.
const CACHED_BYTES_MAX: usize = 1 << 20;

/// Starts to get a certificate and to keep it fresh. Until the first one is there, TLS handshakes
/// fail.
///
/// # Errors
/// The trusted authorities cannot be read.
pub(crate) fn start(
    acme: &Acme,
    config: &NodeConfig,
    handle: &Handle,
) -> anyhow::Result<Arc<dyn ResolvesServerCert>> {
    let client = roots::client_config(config.tls_ca.as_deref())?;
    let contacts = acme.contacts.iter().map(|contact| match contact.contains(':') {
        true => contact.clone(),
        false => format!("mailto:{contact}"),
    });
    let state = AcmeConfig::new_with_client_config(&acme.domains, Arc::new(client))
        .contact(contacts)
        .directory(&acme.directory)
        .cache(Cache { folder: config.data.join(FOLDER) })
        .state();
    let resolver = state.resolver();
    let handle = handle.clone();
    tokio::spawn(async move {
        tokio::select! {
            () = run(state) => {}
            () = handle.stopping() => {}
        }
    });
    Ok(resolver)
}

/// Orders and renews. It tries again after a failure, after a pause that doubles up to some hours.
async fn run(mut state: AcmeState<io::Error, io::Error>) {
    while let Some(event) = state.next().await {
        match event {
            Ok(EventOk::DeployedNewCert) => tracing::info!("the authority issued a certificate"),
            Ok(EventOk::DeployedCachedCert) => tracing::info!("the stored certificate is in use"),
            Ok(EventOk::CertCacheStore | EventOk::AccountCacheStore) => {}
            Err(error) => tracing::error!(%error, "no certificate from the ACME authority yet"),
        }
    }
}

/// The folder of accounts and certificates.
struct Cache {
    folder: PathBuf,
}

impl Cache {
    /// Returns the file of a kind for these texts.
    fn file<'a>(&self, kind: &str, of: &'a [String], directory: &'a str) -> PathBuf {
        let of = of.iter().map(String::as_str).chain([directory]).collect::<Vec<_>>().join("\0");
        let name = Hash::of(of.as_bytes()).to_string();
        self.folder.join(format!("{kind}-{}", &name[..16]))
    }

    async fn load(path: PathBuf) -> io::Result<Option<Vec<u8>>> {
        blocking(move || {
            // The content is in hexadecimal, as all private files are text.
            let text = private_file::read(&path, CACHED_BYTES_MAX)?;
            Ok(text.and_then(|text| hex::decode(text.trim()).ok()))
        })
        .await
    }

    async fn save(path: PathBuf, bytes: &[u8]) -> io::Result<()> {
        let text = hex::encode(bytes);
        blocking(move || private_file::replace(&path, &text)).await
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, PrivateFileError> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?.map_err(io::Error::other)
}

#[async_trait]
impl CertCache for Cache {
    type EC = io::Error;

    async fn load_cert(&self, domains: &[String], directory: &str) -> io::Result<Option<Vec<u8>>> {
        Self::load(self.file("certificate", domains, directory)).await
    }

    async fn store_cert(&self, domains: &[String], directory: &str, bytes: &[u8]) -> io::Result<()> {
        Self::save(self.file("certificate", domains, directory), bytes).await
    }
}

#[async_trait]
impl AccountCache for Cache {
    type EA = io::Error;

    async fn load_account(&self, contacts: &[String], directory: &str) -> io::Result<Option<Vec<u8>>> {
        Self::load(self.file("account", contacts, directory)).await
    }

    async fn store_account(&self, contacts: &[String], directory: &str, bytes: &[u8]) -> io::Result<()> {
        Self::save(self.file("account", contacts, directory), bytes).await
    }
}

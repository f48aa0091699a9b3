//! TLS: the certificate that this node shows, and the authorities that it trusts.
//!
//! | file | contents |
//! | --- | --- |
//! | [`roots`] | the trusted authorities |
//! | `certificate` | a certificate from files, read again when they change |
//! | `acme` | a certificate from an ACME authority |

#[cfg(feature = "acme")]
pub(crate) mod acme;
#[cfg(not(feature = "acme"))]
#[path = "acme/absent.rs"]
pub(crate) mod acme;
pub(crate) mod certificate;
mod pem;
pub mod roots;

use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::server::ResolvesServerCert;
use tokio::sync::Notify;
use tokio_rustls::TlsAcceptor;

use crate::config::{NodeConfig, Tls};
use crate::handle::Handle;

/// The protocol of ordinary connections.
const HTTP: &[u8] = b"http/1.1";
/// The protocol by which an ACME authority checks that this node has a domain
/// ([RFC 8737](https://www.rfc-editor.org/rfc/rfc8737)).
const ACME_CHALLENGE: &[u8] = b"acme-tls/1";

/// The cryptography of all TLS.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// Returns an acceptor of TLS connections, and keeps its certificate fresh until the node stops.
/// Returns `None` for a node without TLS. Files are read again when `reload` is notified.
///
/// # Errors
/// A file cannot be read, or has the wrong content. The error names the file.
pub(crate) fn acceptor(
    config: &NodeConfig,
    reload: Arc<Notify>,
    handle: &Handle,
) -> anyhow::Result<Option<TlsAcceptor>> {
    let resolver: Arc<dyn ResolvesServerCert> = match &config.tls {
        None => return Ok(None),
        Some(Tls::Files { certificate, key }) => {
            certificate::open(certificate.clone(), key.clone(), reload, handle)?
        }
        Some(Tls::Acme(acme)) => acme::start(acme, config, handle)?,
    };
    let mut server = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_cert_resolver(resolver);
    server.alpn_protocols.push(HTTP.to_vec());
    if matches!(config.tls, Some(Tls::Acme(_))) {
        server.alpn_protocols.push(ACME_CHALLENGE.to_vec());
    }
    Ok(Some(TlsAcceptor::from(Arc::new(server))))
}

/// Returns true if a connection has this protocol because an ACME authority checks the node. It has
/// seen all that it needs when the handshake is done.
pub(crate) fn is_challenge(protocol: Option<&[u8]>) -> bool {
    protocol == Some(ACME_CHALLENGE)
}

//! The dialer: connects to other nodes, plain or TLS.
//!
//! The node decides which peers to dial, when, and when to retry.

use std::sync::Arc;
use std::time::Duration;

use plexus_core::node::{Direction, Input};
use plexus_core::protocol::address::{Address, SUBPROTOCOLS};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::http::header::DATE;
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use crate::clock;
use crate::gate::Stay;
use crate::handle::Handle;
use crate::{operator_log, socket};

/// The most time for name resolution, connection and handshakes together.
pub const DIAL_TIMEOUT: Duration = Duration::from_secs(10);

/// A connection, plain or TLS.
pub(crate) trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// Connects to other nodes.
#[derive(Clone)]
pub(crate) struct Dialer {
    tls: TlsConnector,
}

impl std::fmt::Debug for Dialer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Dialer").finish_non_exhaustive()
    }
}

impl Dialer {
    /// Creates a dialer that trusts the certificate authorities that browsers trust.
    ///
    /// # Errors
    /// The TLS library lacks its own default protocol versions.
    pub(crate) fn new() -> Result<Self, rustls::Error> {
        let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self { tls: TlsConnector::from(Arc::new(config)) })
    }

    /// Dials an address and serves the connection, or tells the driver that the dial failed.
    pub(crate) async fn dial(self, address: Address, handle: Handle) {
        let error = match timeout(DIAL_TIMEOUT, self.connect(&address, &handle)).await {
            Ok(Ok(socket)) => {
                handle.metrics().outbound.inc();
                socket::run(socket, Direction::Outbound(address), Stay::Outbound, &handle).await;
                return;
            }
            Ok(Err(error)) => error,
            Err(_late) => anyhow::anyhow!("no connection within {} s", DIAL_TIMEOUT.as_secs()),
        };
        tracing::debug!(%address, %error, "not reached");
        let change = handle.connects().dial_failed(&address, format!("{error:#}"));
        change.as_ref().into_iter().for_each(operator_log::tell);
        // A node that is stopping does not dial again.
        let _stopped = handle.tell_input(Input::DialFailed(address)).await;
    }

    async fn connect(
        &self,
        address: &Address,
        handle: &Handle,
    ) -> anyhow::Result<WebSocketStream<Box<dyn Duplex>>> {
        let host = address.host().to_string();
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let stream = TcpStream::connect((host, address.port())).await?;
        stream.set_nodelay(true)?;
        let stream: Box<dyn Duplex> = match address.is_tls() {
            true => Box::new(self.tls.connect(ServerName::try_from(host.to_owned())?, stream).await?),
            false => Box::new(stream),
        };
        let mut request = address.to_string().into_client_request()?;
        let offered = HeaderValue::from_str(&SUBPROTOCOLS.join(", "))?;
        request.headers_mut().insert("Sec-WebSocket-Protocol", offered);
        let asked = clock::time();
        let (socket, response) = client_async_with_config(request, stream, Some(socket::limits())).await?;
        if let Some(Ok(date)) = response.headers().get(DATE).map(HeaderValue::to_str) {
            handle.clock_offsets().note(address, date, (asked, clock::time()));
        }
        Ok(socket)
    }
}

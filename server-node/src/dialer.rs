//! The dialer: connects to other nodes, plain or TLS.
//!
//! The node decides which peers to dial, when, and when to retry.

use std::time::Duration;

use hyper_util::rt::TokioIo;
use plexus_core::node::{Direction, Input};
use plexus_core::protocol::address::{Address, SUBPROTOCOLS};
use rustls::ClientConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::http::header::DATE;
use tokio_tungstenite::{WebSocketStream, client_async_with_config};
use tower::Service;

use crate::clock;
use crate::connector::{self, Connector, GaiResolver};
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
    connector: Connector,
}

impl std::fmt::Debug for Dialer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Dialer").finish_non_exhaustive()
    }
}

impl Dialer {
    /// Creates a dialer whose TLS connections are configured so.
    pub(crate) fn new(tls: ClientConfig) -> Self {
        Self { connector: connector::connector(GaiResolver::new(), tls, DIAL_TIMEOUT) }
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
        let scheme = if address.is_tls() { "https" } else { "http" };
        let uri = format!("{scheme}://{}:{}", address.host(), address.port()).parse()?;
        let stream = self.connector.clone().call(uri).await.map_err(anyhow::Error::from_boxed)?;
        let stream: Box<dyn Duplex> = Box::new(TokioIo::new(stream));
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

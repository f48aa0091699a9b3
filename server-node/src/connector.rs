//! Connections to others by name, plain or TLS, with happy eyeballs
//! ([RFC 8305](https://www.rfc-editor.org/rfc/rfc8305)).
//!
//! A name may have addresses of both families, and one family may not work here. So if an address of
//! the first family does not answer within [`FALLBACK_DELAY`], the other family is tried beside it,
//! and the first connection is taken.

use std::time::Duration;

use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
pub use hyper_util::client::legacy::connect::dns::GaiResolver;
use rustls::ClientConfig;

/// The time that the first family of addresses has before the other is tried beside it: the delay
/// that RFC 8305 recommends for a connection attempt.
pub const FALLBACK_DELAY: Duration = Duration::from_millis(250);

/// Connects to `http://` and `https://` addresses.
pub type Connector<R = GaiResolver> = HttpsConnector<HttpConnector<R>>;

/// Creates a connector that looks names up with `resolver`. The addresses of a name share the time
/// `within` for TCP connections.
pub fn connector<R>(resolver: R, tls: ClientConfig, within: Duration) -> Connector<R> {
    let mut http = HttpConnector::new_with_resolver(resolver);
    http.enforce_http(false);
    http.set_nodelay(true);
    http.set_happy_eyeballs_timeout(Some(FALLBACK_DELAY));
    http.set_connect_timeout(Some(within));
    HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().wrap_connector(http)
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
    use std::time::Instant;

    use hyper_util::client::legacy::connect::dns::Name;
    use tokio::net::{TcpListener, TcpSocket, TcpStream};
    use tower::{Service, service_fn};

    use super::*;
    use crate::tls::roots;

    /// The kernel's room for connections that nobody accepts is full: a further one gets no answer,
    /// as behind a firewall that drops packets.
    struct Deaf {
        address: SocketAddr,
        _socket: TcpListener,
        _waiting: Vec<TcpStream>,
    }

    impl Deaf {
        async fn new() -> Self {
            let socket = TcpSocket::new_v6().unwrap();
            socket.bind((Ipv6Addr::LOCALHOST, 0).into()).unwrap();
            let listener = socket.listen(1).unwrap();
            let address = listener.local_addr().unwrap();
            let mut waiting = Vec::new();
            while let Ok(Ok(stream)) =
                tokio::time::timeout(Duration::from_millis(500), TcpStream::connect(address)).await
            {
                waiting.push(stream);
                assert!(waiting.len() < 100, "the room is never full");
            }
            Self { address, _socket: listener, _waiting: waiting }
        }
    }

    #[tokio::test]
    async fn a_dead_ipv6_address_does_not_hold_up_ipv4() {
        let live = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let deaf = Deaf::new().await;
        let addresses = [deaf.address, live.local_addr().unwrap()];
        let resolver =
            service_fn(move |_name: Name| async move { Ok::<_, Infallible>(addresses.into_iter()) });
        let tls = roots::client_config(None).unwrap();
        let mut connector = connector(resolver, tls, Duration::from_secs(30));
        let begun = Instant::now();
        // Without a port, so that each address keeps its own.
        connector.call("http://both.example".parse().unwrap()).await.unwrap();
        let (_stream, from) = live.accept().await.unwrap();
        let took = begun.elapsed();
        assert!(from.is_ipv4());
        assert!(took >= FALLBACK_DELAY, "the IPv6 address was not tried first: {took:?}");
        assert!(took < Duration::from_secs(1), "{took:?}");
    }
}

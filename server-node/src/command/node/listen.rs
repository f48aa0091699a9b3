//! The address to listen on, and its forms for the flag, a browser and peers.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use plexus_core::protocol::address::{Address, PORT};

/// Returns the socket address that an address, a port, or both describe.
pub(super) fn parse_listen(text: &str) -> Result<SocketAddr, String> {
    let port =
        || text.trim_start_matches(':').parse().map(|port| SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)));
    let ip = || text.parse().map(|ip: IpAddr| SocketAddr::new(ip, PORT));
    let address = text.parse::<SocketAddr>().ok().or_else(|| ip().ok()).or_else(|| port().ok());
    address.ok_or_else(|| "expected like 0.0.0.0:8333, [::]:8333, 127.0.0.1 or 8333".to_owned())
}

/// Returns the host and port for a browser on this machine. The wildcard address becomes
/// `localhost`.
pub(super) fn reachable(address: SocketAddr) -> String {
    if address.ip().is_unspecified() { format!("localhost:{}", address.port()) } else { address.to_string() }
}

/// Returns the address to announce to peers. Returns `None` for a wildcard address.
pub(super) fn announced(address: SocketAddr, tls: bool) -> Option<Address> {
    let host = match address.ip() {
        ip if ip.is_unspecified() => return None,
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("[{ip}]"),
    };
    Address::new(tls, &host, address.port()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listens_where_people_say() {
        for (text, address) in [
            ("127.0.0.1:0", "127.0.0.1:0"),
            ("8334", "0.0.0.0:8334"),
            (":8334", "0.0.0.0:8334"),
            ("::1", "[::1]:8333"),
            ("[::]:1", "[::]:1"),
        ] {
            assert_eq!(parse_listen(text).unwrap().to_string(), address);
        }
        assert!(parse_listen("here").unwrap_err().contains("8333"));
    }

    #[test]
    fn only_a_particular_address_is_announced() {
        let announced =
            |text: &str| announced(text.parse().unwrap(), false).map(|address| address.to_string());
        assert_eq!(announced("0.0.0.0:8333"), None);
        assert_eq!(announced("127.0.0.1:9").as_deref(), Some("ws://127.0.0.1:9/p2p"));
        assert_eq!(announced("[::1]:9").as_deref(), Some("ws://[::1]:9/p2p"));
    }
}

//! The address that a node listens on, as a browser and peers use it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use plexus_core::protocol::address::Address;

/// Returns the socket address that an address with a port describes, or a port of this machine.
pub(super) fn parse_metrics_listen(text: &str) -> Result<SocketAddr, String> {
    let port = text.strip_prefix(':').unwrap_or(text).parse().ok();
    let here = port.map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    let address = text.parse::<SocketAddr>().ok().or(here);
    address.ok_or_else(|| "expected like 127.0.0.1:9333, [::]:9333 or 9333".to_owned())
}

/// Returns the host and port for a browser on this machine. The wildcard address becomes
/// `localhost`.
pub(super) fn reachable(address: SocketAddr) -> String {
    if address.ip().is_unspecified() { format!("localhost:{}", address.port()) } else { address.to_string() }
}

/// Returns the address to announce to peers: the first that is no wildcard.
pub(super) fn announced(addresses: &[SocketAddr], tls: bool) -> Option<Address> {
    addresses.iter().find_map(|address| announced_one(*address, tls))
}

fn announced_one(address: SocketAddr, tls: bool) -> Option<Address> {
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
    fn a_port_for_metrics_is_one_of_this_machine() {
        for (text, address) in [
            ("9333", "127.0.0.1:9333"),
            (":0", "127.0.0.1:0"),
            ("[::]:1", "[::]:1"),
            ("0.0.0.0:1", "0.0.0.0:1"),
        ] {
            assert_eq!(parse_metrics_listen(text).unwrap().to_string(), address);
        }
        for bad in ["", "127.0.0.1", "::1", "65536", "here"] {
            assert!(parse_metrics_listen(bad).unwrap_err().contains("9333"), "{bad}");
        }
    }

    #[test]
    fn only_a_particular_address_is_announced() {
        let announced =
            |text: &str| announced(&[text.parse().unwrap()], false).map(|address| address.to_string());
        assert_eq!(announced("0.0.0.0:8333"), None);
        assert_eq!(announced("127.0.0.1:9").as_deref(), Some("ws://127.0.0.1:9/p2p"));
        assert_eq!(announced("[::]:8333"), None);
        assert_eq!(announced("[::1]:9").as_deref(), Some("ws://[::1]:9/p2p"));
    }
}

//! The address that a node listens on, as a browser and peers use it.

use std::net::{IpAddr, SocketAddr};

use plexus_core::protocol::address::Address;

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
    fn only_a_particular_address_is_announced() {
        let announced =
            |text: &str| announced(&[text.parse().unwrap()], false).map(|address| address.to_string());
        assert_eq!(announced("0.0.0.0:8333"), None);
        assert_eq!(announced("127.0.0.1:9").as_deref(), Some("ws://127.0.0.1:9/p2p"));
        assert_eq!(announced("[::]:8333"), None);
        assert_eq!(announced("[::1]:9").as_deref(), Some("ws://[::1]:9/p2p"));
    }
}

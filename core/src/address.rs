//! Where a node listens: the URL that another dials.

use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The most bytes of an address's text.
pub const ADDRESS_BYTES_MAX: usize = 255;
/// The port when none is given.
pub const PORT: u16 = 8_333;
/// The path of the peer protocol.
pub const PEER_PATH: &str = "/p2p";
/// The WebSocket subprotocol of the peer protocol.
pub const SUBPROTOCOL: &str = "plexus.1";

/// A node's address: plain or TLS, a host, a port.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    tls: bool,
    host: String,
    port: u16,
}

/// A text that is not a node's address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "\"{found}\" is not a node's address: expected like ws://host:8333, wss://host, http://host:8333 or host:8333"
)]
pub struct AddressError {
    /// The text, cut to [`ADDRESS_BYTES_MAX`].
    pub found: String,
}

impl Address {
    /// An address from its parts.
    ///
    /// # Errors
    /// A host that is empty, too long, or has characters that hosts have not.
    pub fn new(tls: bool, host: &str, port: u16) -> Result<Self, AddressError> {
        let error = || AddressError { found: host.chars().take(ADDRESS_BYTES_MAX).collect() };
        let inner = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        let legal = match inner {
            Some(v6) => v6.parse::<core::net::Ipv6Addr>().is_ok(),
            None => {
                host.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'))
            }
        };
        if host.is_empty() || host.len() > ADDRESS_BYTES_MAX - 32 || !legal || port == 0 {
            return Err(error());
        }
        Ok(Self { tls, host: host.to_ascii_lowercase(), port })
    }

    /// Whether it is dialled with TLS.
    pub fn is_tls(&self) -> bool {
        self.tls
    }

    /// The host; an IPv6 address is in brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl FromStr for Address {
    type Err = AddressError;

    /// Reads a URL with or without scheme (`ws`, `wss`, `http`, `https`), port and path.
    fn from_str(text: &str) -> Result<Self, AddressError> {
        let error = || AddressError { found: text.chars().take(ADDRESS_BYTES_MAX).collect() };
        if text.len() > ADDRESS_BYTES_MAX {
            return Err(error());
        }
        let (scheme, rest) = text.split_once("://").unwrap_or(("ws", text));
        let (tls, web_port) = match scheme {
            "ws" | "http" => (false, PORT),
            "wss" | "https" => (true, 443),
            _ => return Err(error()),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let authority = rest.strip_suffix(PEER_PATH).unwrap_or(rest);
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, port.parse().map_err(|_| error())?),
            _ => (authority, web_port),
        };
        Self::new(tls, host, port).map_err(|_| error())
    }
}

impl fmt::Display for Address {
    /// The URL to dial, as `ws://host:8333/p2p`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "wss" } else { "ws" };
        write!(f, "{scheme}://{}:{}{PEER_PATH}", self.host, self.port)
    }
}

impl Serialize for Address {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Address {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_people_write() {
        for (text, url) in [
            ("127.0.0.1:8333", "ws://127.0.0.1:8333/p2p"),
            ("ws://Example.org", "ws://example.org:8333/p2p"),
            ("http://localhost:9000/", "ws://localhost:9000/p2p"),
            ("ws://localhost:9000/p2p", "ws://localhost:9000/p2p"),
            ("wss://example.org/p2p/", "wss://example.org:443/p2p"),
            ("[::1]:8333", "ws://[::1]:8333/p2p"),
            ("ws://[::1]", "ws://[::1]:8333/p2p"),
        ] {
            assert_eq!(text.parse::<Address>().map(|address| address.to_string()), Ok(url.to_owned()));
        }
    }

    #[test]
    fn refuses_what_is_no_address() {
        let long = "a".repeat(300);
        for text in
            ["", "ftp://host", "host:0", "host:99999", "ho st", "ws://", "a/b", "user@host", "[::g]:1", &long]
        {
            assert!(text.parse::<Address>().is_err(), "{text}");
        }
    }
}

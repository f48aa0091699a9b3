//! Addresses: the URL at which a node listens and that others dial.
//!
//! An address is 32 bytes and cheap to copy and compare, because an address book is large, and a
//! simulation holds thousands of them. Only the text of a host name is stored outside, and clones
//! share it.

use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::protocol::host::Host;
use crate::protocol::netgroup::NetGroup;

/// The most bytes of an address's text.
pub const ADDRESS_BYTES_MAX: usize = 255;
/// The default port.
pub const PORT: u16 = 8_333;
/// The path of the peer protocol.
pub const PEER_PATH: &str = "/p2p";
/// The WebSocket subprotocols of the peer protocol that this program speaks, the best first. A
/// client offers all of them, and the server picks the first that it was offered.
pub const SUBPROTOCOLS: &[&str] = &["plexus.2"];

/// A node's address: plain or TLS, a host, a port.
///
/// ```
/// use plexus_core::protocol::address::Address;
///
/// let address: Address = "wss://Example.org".parse().unwrap();
/// assert_eq!(address.to_string(), "wss://example.org:443/p2p");
/// assert!(address.is_tls());
/// let plain: Address = "192.0.2.1".parse().unwrap();
/// assert_eq!(plain.to_string(), "ws://192.0.2.1:8333/p2p");
/// assert!("ftp://example.org".parse::<Address>().is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    tls: bool,
    host: Host,
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
    /// Creates an address from its parts.
    ///
    /// # Errors
    /// A host that is empty, too long, or has characters that are illegal in hosts.
    pub fn new(tls: bool, host: &str, port: u16) -> Result<Self, AddressError> {
        let error = || AddressError { found: host.chars().take(ADDRESS_BYTES_MAX).collect() };
        if host.is_empty() || host.len() > ADDRESS_BYTES_MAX - 32 || port == 0 {
            return Err(error());
        }
        let inner = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        let is_legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
        let host = match (inner, host.parse()) {
            (Some(v6), _) => Host::V6(v6.parse().map_err(|_| error())?),
            (None, Ok(v4)) => Host::V4(v4),
            (None, Err(_)) if host.bytes().all(is_legal) => Host::Name(host.to_ascii_lowercase().into()),
            (None, Err(_)) => return Err(error()),
        };
        Ok(Self { tls, host, port })
    }

    /// Returns true if it is dialled with TLS.
    pub fn is_tls(&self) -> bool {
        self.tls
    }

    /// Returns the host.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// Returns the port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns the netgroup of the host.
    pub fn group(&self) -> NetGroup {
        NetGroup::of(&self.host)
    }

    /// Returns the same as [`Host::is_local`].
    pub fn is_local(&self) -> bool {
        self.host.is_local()
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
        // The text is not split at "://" as a whole, because a text search adds a kilobyte to the
        // page's program.
        let (scheme, rest) = match text.split_once(':') {
            Some((scheme, rest)) if rest.starts_with("//") => (scheme, &rest[2..]),
            Some(_) | None => ("ws", text),
        };
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
    /// Writes the URL to dial, as `ws://host:8333/p2p`.
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
            ("[2001:0DB8:0::0001]:1", "ws://[2001:db8::1]:1/p2p"),
            ("alice", "ws://alice:8333/p2p"),
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

    #[test]
    fn knows_what_only_neighbours_reach() {
        for local in [
            "127.0.0.1",
            "10.1.2.3",
            "172.31.0.1",
            "192.168.0.1",
            "169.254.0.1",
            "100.64.0.1",
            "0.0.0.0",
            "[::1]",
            "[fe80::1]",
            "[fd00::1]",
            "[::ffff:10.0.0.1]",
            "localhost",
            "a.LOCALHOST.",
        ] {
            assert!(local.parse::<Address>().unwrap().is_local(), "{local}");
        }
        for public in ["1.2.3.4", "172.32.0.1", "100.128.0.1", "[2001:db8::1]", "[::ffff:8.8.8.8]", "alice"] {
            assert!(!public.parse::<Address>().unwrap().is_local(), "{public}");
        }
    }

    #[test]
    fn is_small() {
        assert!(size_of::<Address>() <= 32);
    }
}

//! Hosts: the part of an address that names a machine.

use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

/// The machine that an address names. An IPv6 address is shown in brackets.
///
/// ```
/// use core::net::IpAddr;
/// use plexus_core::protocol::host::Host;
///
/// let host = |text: &str| Host::from(text.parse::<IpAddr>().unwrap());
/// assert!(host("127.0.0.1").is_local());
/// assert!(!host("192.0.2.1").is_local());
/// assert_eq!(host("::ffff:192.0.2.1"), host("192.0.2.1"));
/// assert_eq!(host("2001:db8::1").to_string(), "[2001:db8::1]");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Host {
    /// An IPv4 address.
    V4(Ipv4Addr),
    /// An IPv6 address.
    V6(Ipv6Addr),
    /// A host name in lower case. The dialler resolves it.
    Name(Arc<str>),
}

impl Host {
    /// Returns true if only neighbours reach it: loopback, unspecified, private, link-local and
    /// carrier-shared addresses, `localhost` and names below it.
    pub fn is_local(&self) -> bool {
        let is_local_v4 = |ip: Ipv4Addr| {
            let is_shared = matches!(ip.octets(), [100, 64..=127, ..]);
            ip.is_loopback() || ip.is_private() || ip.is_link_local() || ip.is_unspecified() || is_shared
        };
        match self {
            Self::V4(ip) => is_local_v4(*ip),
            Self::V6(ip) => match ip.to_canonical() {
                IpAddr::V4(ip) => is_local_v4(ip),
                IpAddr::V6(ip) => {
                    ip.is_loopback()
                        || ip.is_unspecified()
                        || ip.is_unique_local()
                        || ip.is_unicast_link_local()
                }
            },
            Self::Name(name) => name.trim_end_matches('.').rsplit('.').next() == Some("localhost"),
        }
    }
}

impl From<IpAddr> for Host {
    /// Returns the host of an IP address. An IPv4-mapped IPv6 address becomes an IPv4 address.
    fn from(ip: IpAddr) -> Self {
        match ip.to_canonical() {
            IpAddr::V4(ip) => Self::V4(ip),
            IpAddr::V6(ip) => Self::V6(ip),
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::V4(ip) => ip.fmt(f),
            Self::V6(ip) => write!(f, "[{ip}]"),
            Self::Name(name) => f.write_str(name),
        }
    }
}

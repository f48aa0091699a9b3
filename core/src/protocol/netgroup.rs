//! Netgroups: the addresses that count as one network when neighbours should be in different ones.
//!
//! Addresses are cheap within a network and expensive across many. So netgroups limit an attacker
//! that wants to surround a node. A netgroup is the /16 of an IPv4 address, the /32 of an IPv6
//! address, or the last two labels of a host name. So all names below one registered name (or below
//! one public suffix of two labels, as `co.uk`) are one netgroup. A name of one label is a netgroup
//! of its own. All names that end in a number are one netgroup, because resolvers read them as
//! addresses in older notations.

use core::net::IpAddr;

use crate::primitives::hash::{Tag, tagged};
use crate::protocol::host::Host;

/// A netgroup: 8 bytes, equal for addresses of one network.
///
/// ```
/// use plexus_core::protocol::address::Address;
///
/// let group = |text: &str| text.parse::<Address>().unwrap().group();
/// assert_eq!(group("192.0.2.1"), group("192.0.99.9"), "they share a /16");
/// assert_ne!(group("192.0.2.1"), group("192.1.2.1"));
/// assert_eq!(group("a.example.org"), group("b.example.org"));
/// assert_ne!(group("example.org"), group("example.net"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct NetGroup(u64);

/// The kinds of netgroups, in the most significant byte.
const V4: u64 = 4 << 56;
const V6: u64 = 6 << 56;
const NAME: u64 = 1 << 56;
const NUMBER: u64 = 2 << 56;

impl NetGroup {
    /// Returns the netgroup of a host.
    pub fn of(host: &Host) -> Self {
        match host {
            Host::V4(ip) => Self::of_ip(IpAddr::V4(*ip)),
            Host::V6(ip) => Self::of_ip(IpAddr::V6(*ip)),
            Host::Name(name) => Self::of_name(name),
        }
    }

    /// Returns the netgroup of an IP address. An IPv4-mapped IPv6 address counts as IPv4.
    pub fn of_ip(ip: IpAddr) -> Self {
        match ip.to_canonical() {
            IpAddr::V4(ip) => Self(V4 | u64::from(ip.to_bits() >> 16)),
            IpAddr::V6(ip) => {
                let [a, b, ..] = ip.segments();
                Self(V6 | u64::from(a) << 16 | u64::from(b))
            }
        }
    }

    /// Returns its 8 bytes.
    pub const fn to_bytes(self) -> [u8; 8] {
        self.0.to_be_bytes()
    }

    fn of_name(name: &str) -> Self {
        let mut labels = name.rsplit('.').filter(|label| !label.is_empty());
        let last = labels.next().unwrap_or_default();
        let digits = last.strip_prefix("0x");
        if digits
            .unwrap_or(last)
            .bytes()
            .all(|byte| byte.is_ascii_digit() || digits.is_some() && byte.is_ascii_hexdigit())
        {
            return Self(NUMBER);
        }
        let hash = tagged(Tag::Group, &[last.as_bytes(), b".", labels.next().unwrap_or_default().as_bytes()]);
        let mut low = [0; 8];
        low[1..].copy_from_slice(&hash.as_bytes()[..7]);
        Self(NAME | u64::from_be_bytes(low))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::address::Address;

    fn group(text: &str) -> NetGroup {
        text.parse::<Address>().unwrap().group()
    }

    #[test]
    fn one_network_is_one_group() {
        for (one, other) in [
            ("1.2.3.4:1", "wss://1.2.9.9"),
            ("[2001:db8::1]", "[2001:db8:ffff::2]"),
            ("[::ffff:1.2.3.4]", "1.2.0.0"),
            ("a.example.org", "b.c.example.org."),
            ("example.org", "EXAMPLE.org"),
            ("16909060", "0x7f.1"),
        ] {
            assert_eq!(group(one), group(other), "{one} {other}");
        }
        assert_eq!(group("1.2.3.4"), NetGroup::of_ip([1, 2, 0, 1].into()));
    }

    #[test]
    fn other_networks_are_other_groups() {
        for (one, other) in [
            ("1.2.3.4", "1.3.3.4"),
            ("[2001:db8::1]", "[2001:db9::1]"),
            ("[102::1]", "0.0.1.2"),
            ("example.org", "example.com"),
            ("alice", "bob"),
            ("ab.c", "a.bc"),
            ("16909060", "16909060.example"),
        ] {
            assert_ne!(group(one), group(other), "{one} {other}");
        }
    }
}

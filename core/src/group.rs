//! Network groups: what counts as one network when neighbours shall be in different ones.
//!
//! Addresses are cheap within a network and dear across many, so whoever wants to surround a node is held by groups: IPv4
//! addresses by their /16, IPv6 addresses by their /32, host names by their last two labels. So all names below one registered
//! name (or below one public suffix of two labels, as `co.uk`) are one group; a name of one label is a group of its own.
//! Names that end in a number are one group all together: resolvers read them as addresses in older notations.

use core::net::IpAddr;

use crate::address::Host;
use crate::hash::{Tag, tagged};

/// A network group: 8 bytes, equal for addresses of one network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Group(u64);

/// The kinds of groups, in the uppermost byte.
const V4: u64 = 4 << 56;
const V6: u64 = 6 << 56;
const NAME: u64 = 1 << 56;
const NUMBER: u64 = 2 << 56;

impl Group {
    /// The group of a host.
    pub fn of(host: &Host) -> Self {
        match host {
            Host::V4(ip) => Self::of_ip(IpAddr::V4(*ip)),
            Host::V6(ip) => Self::of_ip(IpAddr::V6(*ip)),
            Host::Name(name) => Self::of_name(name),
        }
    }

    /// The group of an IP address; an IPv4 address in IPv6's clothes is an IPv4 address.
    pub fn of_ip(ip: IpAddr) -> Self {
        match ip.to_canonical() {
            IpAddr::V4(ip) => Self(V4 | u64::from(ip.to_bits() >> 16)),
            IpAddr::V6(ip) => {
                let [a, b, ..] = ip.segments();
                Self(V6 | u64::from(a) << 16 | u64::from(b))
            }
        }
    }

    /// Its 8 bytes.
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
    use crate::address::Address;

    fn group(text: &str) -> Group {
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
        assert_eq!(group("1.2.3.4"), Group::of_ip([1, 2, 0, 1].into()));
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

//! Identities: the key, the address and the configuration of a host, derived from its number.

use core::net::Ipv4Addr;

use crate::node::{Config, Neighbours};
use crate::primitives::hash::{Tag, tagged};
use crate::primitives::key::SecretKey;
use crate::protocol::address::{Address, PORT};
use crate::protocol::host::Host as Name;
use crate::protocol::packet::Role;

/// Returns the key of a host, both its node's and its author's.
///
/// # Panics
/// Never: no tagged hash is known to be zero or above the group's order.
pub(super) fn key(seed: u64, host: u32) -> SecretKey {
    let bytes = tagged(Tag::Chance, &[b"host", &seed.to_be_bytes(), &host.to_be_bytes()]);
    SecretKey::from_bytes(bytes.as_bytes()).expect("a hash is a secret key but for one in 2^127")
}

/// The most links in all hosts' graphs together, some 3 GB. Up to a thousand hosts each have the
/// same capacity as a real node. In larger networks each holds fewer links, the ones nearest to it.
const LINKS_MAX: u32 = 16_384_000;

/// Returns the configuration of a host's node in a network of `nodes` nodes.
pub(super) fn config(seed: u64, host: u32, nodes: u32, neighbours: Neighbours) -> Config {
    let key = key(seed, host);
    let config = Config::new(Role::Full, key.clone(), key);
    let links_max = config.links_max.min((LINKS_MAX / nodes.max(1)) as usize);
    Config { listen: Some(address(host)), neighbours, links_max, ..config }
}

/// The first bytes of reserved address ranges.
const RESERVED: [u8; 9] = [0, 10, 100, 127, 169, 172, 192, 198, 203];
/// The most hosts that can have addresses.
pub(super) const HOSTS_MAX: u32 = (FIRST_BYTE_END as u32 - 9) << 8;
/// The first byte of multicast addresses. All above it are unusable too.
const FIRST_BYTE_END: u8 = 224;

fn first_bytes() -> impl Iterator<Item = u8> {
    (0..FIRST_BYTE_END).filter(|byte| !RESERVED.contains(byte))
}

/// Returns a host's IP address. It is public, and no two hosts share a /16.
pub(super) fn ip(host: u32) -> Ipv4Addr {
    let count = u32::from(FIRST_BYTE_END) - 9;
    let first = first_bytes().nth((host % count) as usize).unwrap_or(1);
    let second = u8::try_from(host / count).unwrap_or(u8::MAX);
    Ipv4Addr::new(first, second, 1, 1)
}

/// Returns the address at which a host listens.
///
/// # Panics
/// Never: an IPv4 address is a legal host name.
pub(super) fn address(host: u32) -> Address {
    Address::new(false, &ip(host).to_string(), PORT).expect("an IPv4 address is a host name")
}

/// Returns the host that listens at an address.
pub(super) fn resolve(address: &Address) -> Option<u32> {
    let Name::V4(ip) = address.host() else { return None };
    let [first, second, 1, 1] = ip.octets() else { return None };
    let place = u32::try_from(first_bytes().position(|byte| byte == first)?).ok()?;
    Some(u32::from(second) * (u32::from(FIRST_BYTE_END) - 9) + place)
}

#[cfg(test)]
mod tests {
    use super::super::setup::NODES_MAX;

    use super::*;

    #[test]
    fn all_graphs_together_fit_into_memory() {
        let links = |nodes| config(1, 0, nodes, Neighbours::Chosen).links_max;
        assert_eq!(links(1_000), Config::new(Role::Full, key(1, 0), key(1, 0)).links_max);
        for nodes in [10_000, NODES_MAX] {
            assert!(links(nodes) * nodes as usize <= LINKS_MAX as usize, "{nodes}");
        }
        assert!(links(NODES_MAX) >= 512, "a part of the largest network that is worth planning with");
    }

    #[test]
    fn addresses_lead_back_and_share_no_group() {
        let mut groups = std::collections::BTreeSet::new();
        for host in 0..NODES_MAX {
            assert_eq!(resolve(&address(host)), Some(host));
            let [first, second, ..] = ip(host).octets();
            assert!(groups.insert((first, second)), "{host}");
        }
        assert_eq!(resolve(&"10.0.1.1".parse().unwrap()), None);
        assert_eq!(resolve(&"example.org".parse().unwrap()), None);
    }
}

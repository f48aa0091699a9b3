//! Inbound slots: the choice of the inbound peer that is evicted when another one dials.
//!
//! Without it, a full node would belong to the first peer with most connections. The choice follows
//! the ideas of Bitcoin's. Peers that an attacker can hardly imitate stay, each class by a measure
//! that takes another effort to reach. Of the others, the youngest of the most crowded network is
//! evicted.
//!
//! It uses only our own observations. Bounds: none of its own. It looks once at each candidate.

use core::hash::Hasher as _;
use core::net::IpAddr;
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use siphasher::sip::SipHasher24;

use crate::primitives::time::MonotonicTime;
use crate::protocol::connection::ConnectionId;
use crate::protocol::host::Host;
use crate::protocol::netgroup::NetGroup;

/// The most inbound links from one network. Local ones are not counted.
pub const INBOUND_GROUP_MAX: usize = 32;
/// The number of networks, by a secret order, whose oldest link is protected.
pub const GROUPS_PROTECTED: usize = 4;
/// The number of protected links with the lowest latency.
pub const NEAREST_PROTECTED: usize = 8;
/// The number of protected links that last brought us a valid block before all others.
pub const PROVIDERS_PROTECTED: usize = 4;

/// An inbound link, as we observed it.
///
/// ```
/// # use plexus_core::node::ConnectionId;
/// # use plexus_core::peers::eviction::{EvictionCandidate, select_peer_to_evict};
/// # use plexus_core::primitives::time::MonotonicTime;
/// let candidate = |number: u64| EvictionCandidate {
///     peer: ConnectionId(number),
///     group: None,
///     latency: None,
///     first_delivery: None,
///     since: MonotonicTime::from_micros(number),
/// };
/// let candidates: Vec<_> = (1..=10).map(candidate).collect();
/// // Of peers that are alike, the youngest is evicted.
/// assert_eq!(select_peer_to_evict(&candidates, &[7; 16]), Some(ConnectionId(10)));
/// assert_eq!(select_peer_to_evict(&[], &[7; 16]), None);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EvictionCandidate {
    /// The peer.
    pub peer: ConnectionId,
    /// The network that it dialled from. `None` if it is local or not known.
    pub group: Option<NetGroup>,
    /// The measured round trip.
    pub latency: Option<Duration>,
    /// The time when it last brought us a valid block before all others.
    pub first_delivery: Option<MonotonicTime>,
    /// The time since which it is connected.
    pub since: MonotonicTime,
}

/// The decision on another peer that dials us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// There is a free place.
    Free,
    /// This peer is evicted for the newcomer.
    Evicts(ConnectionId),
    /// The newcomer is refused, as its network has [`INBOUND_GROUP_MAX`] links already.
    Crowded,
    /// The newcomer is refused, as protected links take all places.
    Full,
}

/// Returns the network that an inbound link from this address counts towards, or `None` if the
/// address is local. Any number of unrelated peers may share a local address, for example behind a
/// proxy, so local addresses say nothing about a crowd.
///
/// ```
/// use plexus_core::peers::eviction::network_of;
///
/// assert_eq!(network_of([10, 0, 0, 1].into()), None, "it is a local address");
/// assert!(network_of([192, 0, 2, 1].into()).is_some());
/// ```
pub fn network_of(ip: IpAddr) -> Option<NetGroup> {
    let host = Host::from(ip);
    (!host.is_local()).then(|| NetGroup::of(&host))
}

/// Returns the decision on a peer from this network that dials us. These candidates are linked, and
/// `max` of them may be. For `secret`, see [`select_peer_to_evict`].
///
/// ```
/// # use plexus_core::node::ConnectionId;
/// # use plexus_core::peers::eviction::{Admission, EvictionCandidate, admit, network_of};
/// # use plexus_core::peers::eviction::INBOUND_GROUP_MAX;
/// # use plexus_core::primitives::time::MonotonicTime;
/// let (group, secret) = (network_of([192, 0, 2, 1].into()), [7; 16]);
/// let candidate = |number: usize| EvictionCandidate {
///     peer: ConnectionId(number as u64),
///     group,
///     latency: None,
///     first_delivery: None,
///     since: MonotonicTime::default(),
/// };
/// let crowd: Vec<_> = (0..INBOUND_GROUP_MAX).map(candidate).collect();
/// assert_eq!(admit(&crowd[1..], group, 100, &secret), Admission::Free);
/// assert_eq!(admit(&crowd, group, 100, &secret), Admission::Crowded);
/// // Peers of other networks are still welcome.
/// assert_eq!(admit(&crowd, network_of([198, 51, 100, 1].into()), 100, &secret), Admission::Free);
/// ```
pub fn admit(
    candidates: &[EvictionCandidate],
    group: Option<NetGroup>,
    max: usize,
    secret: &[u8; 16],
) -> Admission {
    if !has_room(candidates, group) {
        return Admission::Crowded;
    }
    if candidates.len() < max {
        return Admission::Free;
    }
    select_peer_to_evict(candidates, secret).map_or(Admission::Full, Admission::Evicts)
}

/// Returns true if another link from this network may come in beside these.
pub fn has_room(candidates: &[EvictionCandidate], group: Option<NetGroup>) -> bool {
    group.is_none() || candidates.iter().filter(|one| one.group == group).count() < INBOUND_GROUP_MAX
}

/// Returns the peer to evict, or `None` if all are protected. `secret` is 16 bytes that others do
/// not know, the same from choice to choice.
///
/// Protected are the oldest link of each of [`GROUPS_PROTECTED`] networks, the
/// [`NEAREST_PROTECTED`] nearest, the [`PROVIDERS_PROTECTED`] newest providers, and the older half of
/// the rest.
pub fn select_peer_to_evict(candidates: &[EvictionCandidate], secret: &[u8; 16]) -> Option<ConnectionId> {
    let mut rest: Vec<_> = candidates.iter().collect();
    protect_groups(&mut rest, secret);
    protect(&mut rest, NEAREST_PROTECTED, |one| one.latency);
    protect(&mut rest, PROVIDERS_PROTECTED, |one| one.first_delivery.map(core::cmp::Reverse));
    let half = rest.len() / 2;
    protect(&mut rest, half, |one| Some(one.since));
    let mut crowds = BTreeMap::<_, usize>::new();
    for one in &rest {
        *crowds.entry(one.group).or_default() += 1;
    }
    // Peers of an unknown network are no crowd.
    let crowd =
        |one: &EvictionCandidate| one.group.map_or(1, |_| crowds.get(&one.group).copied().unwrap_or(1));
    rest.into_iter().max_by_key(|one| (crowd(one), one.since, one.peer)).map(|one| one.peer)
}

/// Takes the `count` with the least measure out of the rest. Candidates without a measure stay in
/// it.
fn protect<M: Ord>(
    rest: &mut Vec<&EvictionCandidate>,
    count: usize,
    measure: impl Fn(&EvictionCandidate) -> Option<M>,
) {
    let mut order: Vec<_> = rest.iter().filter_map(|one| Some((measure(one)?, one.peer))).collect();
    order.sort_unstable();
    let safe: BTreeSet<_> = order.into_iter().take(count).map(|(_, peer)| peer).collect();
    rest.retain(|one| !safe.contains(&one.peer));
}

/// Takes the oldest link of some networks out of the rest. Without the secret, nobody can predict
/// these networks.
fn protect_groups(rest: &mut Vec<&EvictionCandidate>, secret: &[u8; 16]) {
    let mut eldest = BTreeMap::<_, (MonotonicTime, ConnectionId)>::new();
    for (group, one) in rest.iter().filter_map(|one| Some((one.group?, one))) {
        let found = (one.since, one.peer);
        eldest.entry(keyed(secret, group)).and_modify(|known| *known = found.min(*known)).or_insert(found);
    }
    let safe: BTreeSet<_> = eldest.into_values().take(GROUPS_PROTECTED).map(|(_, peer)| peer).collect();
    rest.retain(|one| !safe.contains(&one.peer));
}

fn keyed(secret: &[u8; 16], group: NetGroup) -> (u64, NetGroup) {
    let mut hasher = SipHasher24::new_with_key(secret);
    hasher.write(&group.to_bytes());
    (hasher.finish(), group)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECRET: [u8; 16] = [5; 16];

    fn group(number: u8) -> NetGroup {
        NetGroup::of_ip([8, number, 0, 1].into())
    }

    fn at(seconds: u64) -> MonotonicTime {
        MonotonicTime::from_micros(seconds * 1_000_000)
    }

    /// Returns peers 0 to `count`, each younger than the one before, all from one crowded network.
    fn crowd(count: u64) -> Vec<EvictionCandidate> {
        let one = |number| EvictionCandidate {
            peer: ConnectionId(number),
            group: Some(group(0)),
            latency: None,
            first_delivery: None,
            since: at(number),
        };
        (0..count).map(one).collect()
    }

    /// Returns all evicted peers, one after the other, until the rest is protected.
    fn evicted(mut candidates: Vec<EvictionCandidate>) -> Vec<ConnectionId> {
        let mut gone = Vec::new();
        while let Some(peer) = select_peer_to_evict(&candidates, &SECRET) {
            candidates.retain(|one| one.peer != peer);
            gone.push(peer);
        }
        gone
    }

    #[test]
    fn the_youngest_of_the_most_crowded_network_goes() {
        let mut candidates = crowd(40);
        for number in [37, 38, 39] {
            candidates[number].group = Some(group(1));
        }
        assert_eq!(select_peer_to_evict(&candidates, &SECRET), Some(ConnectionId(36)));
        for one in &mut candidates[20..37] {
            one.group = None;
        }
        assert_eq!(
            select_peer_to_evict(&candidates, &SECRET),
            Some(ConnectionId(39)),
            "those of no network are no crowd"
        );
        candidates.iter_mut().for_each(|one| one.group = None);
        assert_eq!(select_peer_to_evict(&candidates, &SECRET), Some(ConnectionId(39)));
        assert_eq!(select_peer_to_evict(&[], &SECRET), None);
    }

    #[test]
    fn the_nearest_stay() {
        let mut candidates = crowd(60);
        for (number, one) in (0..).zip(&mut candidates) {
            one.latency = Some(Duration::from_millis(100 - number));
        }
        let gone = evicted(candidates);
        assert_eq!(gone[0], ConnectionId(51), "the eight nearest are the youngest");
        assert!((52..60).all(|number| !gone.contains(&ConnectionId(number))));
    }

    #[test]
    fn the_newest_providers_stay() {
        let mut candidates = crowd(60);
        for number in 50..60_u64 {
            candidates[usize::try_from(number).unwrap()].first_delivery = Some(at(1_000 + number));
        }
        let gone = evicted(candidates);
        assert_eq!(gone[0], ConnectionId(55));
        assert!((56..60).all(|number| !gone.contains(&ConnectionId(number))));
    }

    #[test]
    fn the_eldest_stay() {
        let gone = evicted(crowd(60));
        assert_eq!(gone[0], ConnectionId(59));
        assert!(!gone.contains(&ConnectionId(0)));
        let mut candidates = crowd(60);
        candidates.truncate(30);
        candidates.extend(
            (60..90).map(|number| EvictionCandidate { peer: ConnectionId(number), ..crowd(91)[90].clone() }),
        );
        assert!(select_peer_to_evict(&candidates, &SECRET).unwrap() >= ConnectionId(60));
    }

    #[test]
    fn some_networks_stay_that_nobody_can_aim_at() {
        let mut candidates = crowd(60);
        for (number, one) in (0..30).zip(&mut candidates[30..]) {
            one.group = Some(group(1 + number));
        }
        let safe = |secret: [u8; 16]| {
            let mut rest: Vec<_> = candidates.iter().collect();
            protect_groups(&mut rest, &secret);
            assert_eq!(rest.len(), 60 - GROUPS_PROTECTED);
            rest.iter().map(|one| one.peer).collect::<Vec<_>>()
        };
        assert_eq!(safe([1; 16]), safe([1; 16]));
        assert_ne!(safe([1; 16]), safe([2; 16]));
    }

    #[test]
    fn a_network_has_only_so_many_links_and_a_local_one_any() {
        let mut candidates = crowd(INBOUND_GROUP_MAX as u64);
        assert!(!has_room(&candidates, Some(group(0))));
        assert!(has_room(&candidates, Some(group(1))));
        assert!(has_room(&candidates[1..], Some(group(0))));
        candidates.iter_mut().for_each(|one| one.group = None);
        assert!(has_room(&candidates, None));
    }

    fn candidates() -> impl Strategy<Value = Vec<EvictionCandidate>> {
        let one = (
            proptest::option::of(0..6_u8),
            proptest::option::of(0..90_u64),
            proptest::option::of(0..9_u64),
            0..99_u64,
        );
        proptest::collection::vec(one, 0..120).prop_map(|all| {
            let candidate = |(number, (network, ms, delivered, since))| EvictionCandidate {
                peer: ConnectionId(number),
                group: Option::map(network, group),
                latency: Option::map(ms, Duration::from_millis),
                first_delivery: Option::map(delivered, at),
                since: at(since),
            };
            (0..).zip(all).map(candidate).collect()
        })
    }

    proptest! {
        #[test]
        fn whoever_goes_is_neither_among_the_nearest_nor_the_eldest(candidates in candidates()) {
            let Some(peer) = select_peer_to_evict(&candidates, &SECRET) else {
                let protected = GROUPS_PROTECTED + NEAREST_PROTECTED + PROVIDERS_PROTECTED;
                prop_assert!(candidates.len() <= protected);
                return Ok(());
            };
            let gone = candidates.iter().find(|one| one.peer == peer).unwrap();
            let nearer = |one: &&EvictionCandidate| one.latency.is_some_and(|ms| gone.latency.is_none_or(|own| ms <= own));
            prop_assert!(
                candidates.iter().filter(nearer).count() >= candidates.iter().filter_map(|one| one.latency).count().min(NEAREST_PROTECTED)
            );
            // Of the links without any other protection, at least half are as old.
            let older = candidates.iter().filter(|one| one.peer != peer && one.since <= gone.since).count();
            let others = candidates.len() - 1;
            prop_assert!(older * 2 + 2 * (GROUPS_PROTECTED + NEAREST_PROTECTED + PROVIDERS_PROTECTED) + 1 >= others);
        }
    }
}

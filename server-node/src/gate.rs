//! The gate: a limit on the open sockets of inbound peers.
//!
//! Core decides which inbound peer stays. The gate bounds only the sockets that core has not
//! decided on yet, so it lets in a few more than core keeps. Outbound sockets do not pass it. Core
//! bounds their number, and no inbound socket takes their place.
//!
//! A socket that core has closed gives its place back at once. It may stay open for as long as its
//! peer needs to read the farewell, but a peer that does not read costs no newcomer a place.
//!
//! Bounds: [`HEADROOM`] sockets more than core keeps, [`GROUP_MAX`] of them from one network, and
//! [`LEAVING_MAX`] that core has closed. A socket beyond these is turned away or cut off.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use plexus_core::peers::eviction::{INBOUND_GROUP_MAX, network_of};
use plexus_core::protocol::netgroup::NetGroup;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::metrics::scrape::Permits;

/// The sockets that may be open beyond those of core. Core learns of each socket through the
/// driver's channel. Only then does it evict another peer or refuse this one. With no headroom the
/// gate would turn away every newcomer of a full node.
pub const HEADROOM: usize = 64;
/// The most sockets of one network. Local addresses are not counted. Core keeps
/// [`INBOUND_GROUP_MAX`], and tells the others the reason for the refusal. A network that dials
/// faster than that is turned away here, so that it leaves the headroom to others.
pub const GROUP_MAX: usize = INBOUND_GROUP_MAX + 4;
/// The most sockets that stay open after core has closed them, until their peers have read the
/// farewell. At this number, a further one is cut off at once.
pub const LEAVING_MAX: usize = 256;

/// Counts the inbound sockets.
#[derive(Clone, Debug)]
pub(crate) struct Gate(Arc<GateState>);

#[derive(Debug)]
struct GateState {
    open_max: usize,
    open: Mutex<Open>,
    leaving: Arc<Semaphore>,
}

#[derive(Debug, Default)]
struct Open {
    count: usize,
    groups: BTreeMap<NetGroup, usize>,
}

/// A place at the gate. It is free again when this is dropped.
#[derive(Debug)]
pub(crate) struct InboundPermit {
    gate: Gate,
    group: Option<NetGroup>,
}

/// The place or permit that a peer's socket holds.
#[derive(Debug)]
pub(crate) enum Stay {
    /// Nothing: we dialled it.
    Outbound,
    /// A place: core keeps it, or has not decided yet.
    Open(InboundPermit),
    /// Core has closed it. It may stay open while it has a permit.
    Leaving(Option<OwnedSemaphorePermit>),
}

/// Returns the most inbound sockets of a node that keeps `inbound_max` peers.
pub(crate) fn sockets_max(inbound_max: usize) -> usize {
    inbound_max.saturating_add(HEADROOM + LEAVING_MAX)
}

impl Gate {
    pub(crate) fn new(inbound_max: usize) -> Self {
        Self(Arc::new(GateState {
            open_max: inbound_max.saturating_add(HEADROOM),
            open: Mutex::default(),
            leaving: Arc::new(Semaphore::new(LEAVING_MAX)),
        }))
    }

    /// Returns true if a socket from this address would be let in now.
    pub(crate) fn has_room(&self, ip: IpAddr) -> bool {
        self.open().has_room(self.0.open_max, network_of(ip))
    }

    /// Returns a place for a socket from this address, or `None` if there is no room.
    pub(crate) fn enter(&self, ip: IpAddr) -> Option<InboundPermit> {
        let group = network_of(ip);
        let mut open = self.open();
        if !open.has_room(self.0.open_max, group) {
            return None;
        }
        open.count += 1;
        if let Some(group) = group {
            *open.groups.entry(group).or_default() += 1;
        }
        Some(InboundPermit { gate: self.clone(), group })
    }

    /// Returns a permit to stay open for a moment although core keeps no place, if there is any.
    pub(crate) fn leave(&self) -> Option<OwnedSemaphorePermit> {
        self.0.leaving.clone().try_acquire_owned().ok()
    }

    /// Returns the room for sockets.
    pub(crate) fn permits(&self) -> Permits {
        let (count, max) = (self.open().count, self.0.open_max);
        Permits { resource: "inbound_sockets", available: max.saturating_sub(count), max }
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        // The counts are right even if a thread panicked elsewhere while it held the lock.
        self.0.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Open {
    fn has_room(&self, open_max: usize, group: Option<NetGroup>) -> bool {
        let of_group = group.and_then(|group| self.groups.get(&group)).copied().unwrap_or_default();
        self.count < open_max && of_group < GROUP_MAX
    }
}

impl Drop for InboundPermit {
    fn drop(&mut self) {
        let mut open = self.gate.open();
        open.count -= 1;
        if let Some(group) = self.group
            && let Some(count) = open.groups.get_mut(&group)
        {
            *count -= 1;
            if *count == 0 {
                open.groups.remove(&group);
            }
        }
    }
}

impl Stay {
    /// Gives the place back. Returns true if the socket may stay open until its peer has read what
    /// was sent.
    pub(crate) fn leave(&mut self) -> bool {
        if let Self::Open(place) = self {
            let permit = place.gate.leave();
            *self = Self::Leaving(permit);
        }
        !matches!(self, Self::Leaving(None))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(network: u8, host: u8) -> IpAddr {
        [40, network, 0, host].into()
    }

    #[test]
    fn lets_in_more_than_core_keeps_and_no_more_than_that() {
        let gate = Gate::new(3);
        let mut places: Vec<_> = (0..3 + HEADROOM)
            .map(|number| gate.enter(ip(u8::try_from(number).unwrap(), 1)).expect("there is room"))
            .collect();
        assert!(!gate.has_room(ip(200, 1)) && gate.enter(ip(200, 1)).is_none());
        places.pop();
        assert!(gate.has_room(ip(200, 1)));
    }

    #[test]
    fn one_network_does_not_take_the_headroom() {
        let gate = Gate::new(INBOUND_GROUP_MAX);
        let places: Vec<_> = (0..GROUP_MAX)
            .map(|number| gate.enter(ip(1, u8::try_from(number).unwrap())).expect("there is room"))
            .collect();
        assert!(gate.enter(ip(1, 200)).is_none(), "one more of this network");
        assert!(gate.enter(ip(2, 1)).is_some(), "another network has room");
        drop(places);
        assert!(gate.enter(ip(1, 200)).is_some());
        assert!(gate.open().groups.is_empty(), "networks without sockets are forgotten");
    }

    #[test]
    fn local_addresses_are_no_network() {
        let gate = Gate::new(GROUP_MAX);
        let places: Vec<_> = std::iter::from_fn(|| gate.enter([127, 0, 0, 1].into())).collect();
        assert_eq!(places.len(), GROUP_MAX + HEADROOM);
    }

    #[test]
    fn who_leaves_gives_its_place_back_and_lingers_only_while_few_do() {
        let gate = Gate::new(0);
        let mut leaving = Vec::new();
        for number in 0..=LEAVING_MAX {
            let mut stay = Stay::Open(gate.enter(ip(1, 1)).expect("the place of the last one is free"));
            assert_eq!(stay.leave(), number < LEAVING_MAX);
            assert_eq!(stay.leave(), number < LEAVING_MAX, "it is left once");
            leaving.push(stay);
        }
        assert_eq!(gate.open().count, 0);
        leaving.clear();
        assert!(gate.leave().is_some());
        assert!(Stay::Outbound.leave());
    }
}

//! Wires: the open links of a scenario, the distances between its parties, and the pairs of parties
//! that cannot reach each other.

use std::collections::{BTreeMap, BTreeSet};

use plexus_core::node::ConnectionId;

use crate::actor::Actor;

/// One end of a link.
pub type WireEnd = (Actor, ConnectionId);

/// A link, as one of its ends sees it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wire {
    pub(crate) far: WireEnd,
    pub(crate) latency_us: u64,
    /// The arrival time of the last frame on it. Frames do not overtake one another.
    pub(crate) busy_until: u64,
}

/// The open links, by their ends.
#[derive(Debug, Default)]
pub(crate) struct Wires {
    open: BTreeMap<WireEnd, Wire>,
    distances_us: BTreeMap<(Actor, Actor), u64>,
    cut: BTreeSet<(Actor, Actor)>,
    /// The number of connections that were ever made.
    connections: u64,
}

impl Wires {
    /// Opens a link. Returns both ends.
    pub(crate) fn open(&mut self, from: Actor, to: Actor, latency_us: u64) -> [WireEnd; 2] {
        let ends = [from, to].map(|party| {
            self.connections += 1;
            (party, ConnectionId(self.connections))
        });
        let wire = |far| Wire { far, latency_us, busy_until: 0 };
        self.open.extend([(ends[0], wire(ends[1])), (ends[1], wire(ends[0]))]);
        ends
    }

    /// Returns the link of an open end.
    pub(crate) fn get(&self, end: WireEnd) -> Option<&Wire> {
        self.open.get(&end)
    }

    /// Returns a party's ends of open links.
    pub(crate) fn of(&self, party: Actor) -> Vec<WireEnd> {
        let range = (party, ConnectionId(0))..=(party, ConnectionId(u64::MAX));
        self.open.range(range).map(|(end, _)| *end).collect()
    }

    /// Returns the time at which a frame arrives that is sent now, and the end where it arrives.
    pub(crate) fn carry(&mut self, from: WireEnd, now_us: u64) -> Option<(u64, WireEnd)> {
        let wire = self.open.get_mut(&from)?;
        wire.busy_until = wire.busy_until.max(now_us + wire.latency_us);
        Some((wire.busy_until, wire.far))
    }

    /// Closes a link at both ends. Returns it as the given end saw it.
    pub(crate) fn unplug(&mut self, end: WireEnd) -> Option<Wire> {
        let wire = self.open.remove(&end)?;
        self.open.remove(&wire.far);
        Some(wire)
    }

    /// Sets the one-way distance of two parties, also for their open links.
    pub(crate) fn set_distance(&mut self, one: Actor, other: Actor, us: u64) {
        self.distances_us.extend([((one, other), us), ((other, one), us)]);
        for ((here, _), wire) in &mut self.open {
            if (*here, wire.far.0) == (one, other) || (*here, wire.far.0) == (other, one) {
                wire.latency_us = us;
            }
        }
    }

    /// Returns the one-way distance of two parties, if it was set.
    pub(crate) fn distance_us(&self, one: Actor, other: Actor) -> Option<u64> {
        self.distances_us.get(&(one, other)).copied()
    }

    /// Prevents two parties from dialling each other.
    pub(crate) fn cut(&mut self, one: Actor, other: Actor) {
        self.cut.extend([(one, other), (other, one)]);
    }

    /// Lets two parties dial each other again.
    pub(crate) fn mend(&mut self, one: Actor, other: Actor) {
        self.cut.remove(&(one, other));
        self.cut.remove(&(other, one));
    }

    /// Returns true if two parties cannot dial each other.
    pub(crate) fn is_cut(&self, one: Actor, other: Actor) -> bool {
        self.cut.contains(&(one, other))
    }
}

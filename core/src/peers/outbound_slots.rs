//! Slots: the outbound links that a node opens on its own, and the kind of each.
//!
//! Specified in PROTOCOL.md, "Neighbours".
//!
//! A full node keeps eight: the three nearest known nodes, three that the latency graph recommends,
//! and two chosen randomly. The random ones are never optimised, so an attacker that knows the
//! rules cannot surround a node. A light node keeps three. Further nodes are dialled as feelers,
//! one at a time, for as long as it takes to measure them. A nearer one stays and replaces the
//! farthest of the nearest.
//!
//! Measurements decide which links count as nearest and which as recommended, whatever the reason
//! for dialling them. The three nearest of the links that are not random are the nearest ones.
//!
//! Bounds: [`SLOTS_MAX`] links, one feeler, and [`AVOIDED_MAX`] addresses that were not worth their
//! slot.

use core::time::Duration;
use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::primitives::collections::vec_map::VecMap;
use crate::primitives::rng::SeededRng;
use crate::primitives::time::MonotonicTime;
use crate::protocol::address::Address;
use crate::protocol::connection::ConnectionId;
use crate::protocol::packet::Role;

/// The most links that a node opens on its own, without a feeler.
pub const SLOTS_MAX: usize = 8;
/// The number of blocks after which a planning round comes.
pub const ROUND_BLOCKS: u32 = 20;
/// The longest time until a planning round comes.
pub const ROUND_INTERVAL: Duration = Duration::from_secs(120);
/// The interval of rounds while there is something to gain. It doubles after each round without a
/// gain.
pub const ROUND_INTERVAL_MIN: Duration = Duration::from_secs(60);
/// The mean time between two feelers. Each interval is random, between half and one and a half of
/// the mean. Otherwise nodes that started together would dial one another at the same moments again
/// and again.
pub const FEELER_INTERVAL: Duration = Duration::from_secs(5);
/// The mean time after a feeler to a node that was never measured.
pub const FEELER_INTERVAL_MIN: Duration = Duration::from_secs(1);
/// The short interval holds until this many nodes have been reached.
pub const KNOWN_SOME: usize = 64;
/// The long interval holds once this many nodes have been reached.
pub const KNOWN_WELL: usize = 512;
/// The mean time between two feelers of a node that has reached many others.
pub const FEELER_INTERVAL_MAX: Duration = Duration::from_secs(60);
/// The wait after a search that found no address to dial.
pub const FILL_INTERVAL: Duration = Duration::from_secs(5);
/// The time that a feeler may take.
pub const FEELER_TIMEOUT: Duration = Duration::from_secs(30);
/// The time for which a link that was not worth its slot is not dialled again.
pub const AVOID: Duration = Duration::from_secs(3_600);
/// The most avoided addresses. When full, the oldest is forgotten.
pub const AVOIDED_MAX: usize = 64;
/// The largest share of the farthest round trip, in thousandths, at which a nearer node takes its
/// place. A tenth is worth a change. But a feeler's few round trips are usually too long, while a
/// lasting link's value is the least of many.
const NEARER_PER_MILLE: u32 = 950;
/// The smallest difference at which a nearer node takes a place.
const NEARER_MIN: Duration = Duration::from_micros(500);

/// The reason why a node opened a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OutboundKind {
    /// One of the nearest nodes known.
    Nearest,
    /// Recommended by the latency graph.
    Graph,
    /// Chosen randomly, and never optimised.
    Random,
    /// To be measured, and perhaps kept.
    Feeler,
}

impl OutboundKind {
    /// Returns the name for display.
    pub fn name(self) -> &'static str {
        match self {
            Self::Nearest => "nearest",
            Self::Graph => "graph",
            Self::Random => "random",
            Self::Feeler => "feeler",
        }
    }
}

/// The number of links of each kind that a node keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// Links to the nearest nodes.
    pub nearest: usize,
    /// Links that the graph recommends.
    pub graph: usize,
    /// Links chosen randomly.
    pub random: usize,
}

impl Quota {
    /// Returns the quota of a node of this role.
    pub fn of(role: Role) -> Self {
        match role {
            Role::Full => Self { nearest: 3, graph: 3, random: 2 },
            Role::Light => Self { nearest: 2, graph: 0, random: 1 },
        }
    }

    /// Returns the number of all links together.
    pub fn total(self) -> usize {
        self.nearest + self.graph + self.random
    }
}

#[derive(Debug)]
struct OutboundSlot {
    kind: OutboundKind,
    /// `None` while it is dialled.
    peer: Option<ConnectionId>,
    since: MonotonicTime,
    /// The round trip, as it was last refreshed. `None` until it is settled.
    rtt: Option<Duration>,
    /// The number of blocks that it announced to us first, in the previous round and in this one.
    firsts: [u32; 2],
    /// The number of rounds since it was opened.
    rounds: u32,
    /// The link that it is to replace once it is measured.
    instead: Option<Address>,
}

/// The reason why an address gets no slot for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AvoidReason {
    /// The link delivered no block first. It may be among the nearest all the same.
    BroughtNothing,
    /// It cannot be as near as it seems, so it gets no slot for its nearness.
    Implausible,
}

/// The links that a node opens on its own.
#[derive(Debug)]
pub(crate) struct OutboundSlots {
    quota: Quota,
    links: VecMap<Address, OutboundSlot>,
    avoided: VecDeque<(MonotonicTime, Address, AvoidReason)>,
    fill: MonotonicTime,
    feel: MonotonicTime,
    round: MonotonicTime,
    round_interval: Duration,
    blocks: u32,
}

/// The outcome for a link that was measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MeasuredOutcome {
    /// It is kept.
    Kept,
    /// It is kept, and this one is closed for it.
    Replaces(ConnectionId),
    /// It was only a feeler.
    Measured,
}

impl OutboundSlots {
    pub(crate) fn new(quota: Quota) -> Self {
        let never = MonotonicTime::from_micros(u64::MAX);
        let start = MonotonicTime::default();
        Self {
            quota,
            links: VecMap::default(),
            avoided: VecDeque::new(),
            fill: start,
            feel: start,
            round: if quota.graph > 0 { start } else { never },
            round_interval: ROUND_INTERVAL_MIN,
            blocks: 0,
        }
    }

    fn of_kind(&self, kind: OutboundKind) -> impl Iterator<Item = (&Address, &OutboundSlot)> {
        self.links.iter().filter(move |(_, slot)| slot.kind == kind)
    }

    /// Returns the kind of a peer's link. Returns `None` if it has no slot.
    pub(crate) fn find(&self, peer: ConnectionId) -> Option<OutboundKind> {
        self.links.values().find(|slot| slot.peer == Some(peer)).map(|slot| slot.kind)
    }

    /// Returns the addresses in use.
    pub(crate) fn addresses(&self) -> impl Iterator<Item = &Address> {
        self.links.keys()
    }

    /// Returns the open links without feelers, the nearest first.
    pub(crate) fn open(&self) -> Vec<(Address, ConnectionId, OutboundKind)> {
        let open = self.links.iter().filter(|(_, slot)| slot.kind != OutboundKind::Feeler);
        let open: VecMap<_, _> = open
            .filter_map(|(address, slot)| {
                Some(((slot.rtt.unwrap_or(Duration::MAX), address), (slot.peer?, slot.kind)))
            })
            .collect();
        open.iter().map(|((_, address), (peer, kind))| ((*address).clone(), *peer, *kind)).collect()
    }

    /// Returns the open links that were chosen by measurement: neither feelers nor random ones.
    pub(crate) fn chosen(&self) -> Vec<(Address, ConnectionId, OutboundKind)> {
        let mut open = self.open();
        open.retain(|(_, _, kind)| *kind != OutboundKind::Random);
        open
    }

    /// Returns true if an address was recently not worth its slot.
    pub(crate) fn is_avoided(&self, address: &Address) -> bool {
        self.avoided.iter().any(|(_, avoided, _)| avoided == address)
    }

    /// Returns true if an address recently seemed nearer than it can be.
    fn is_implausible(&self, address: &Address) -> bool {
        let avoided = |(_, avoided, grounds): &(_, Address, _)| {
            avoided == address && *grounds == AvoidReason::Implausible
        };
        self.avoided.iter().any(avoided)
    }

    /// Returns the kind of link that is missing, if it is time to look for one.
    pub(crate) fn vacancy(&self, now: MonotonicTime) -> Option<OutboundKind> {
        if now < self.fill {
            return None;
        }
        let has_room = |kind, most| self.of_kind(kind).count() < most;
        // The random ones come first, because they lead to further nodes.
        [
            (OutboundKind::Random, self.quota.random),
            (OutboundKind::Nearest, self.quota.nearest),
            (OutboundKind::Graph, self.quota.graph),
        ]
        .into_iter()
        .find(|(kind, most)| has_room(*kind, *most))
        .map(|(kind, _)| kind)
    }

    /// Waits for a while before the next search, because no address was found.
    pub(crate) fn wait(&mut self, now: MonotonicTime) {
        self.fill = now + FILL_INTERVAL;
    }

    /// Returns true if the next feeler is due. Feelers are suspended while a slot is empty, because
    /// the next known address should fill it.
    pub(crate) fn feeler_due(&self, now: MonotonicTime) -> bool {
        now >= self.feel.max(self.fill) && self.of_kind(OutboundKind::Feeler).next().is_none()
    }

    /// Brings the next round forward, because this one found a link that is worth more.
    pub(crate) fn gain_found(&mut self, now: MonotonicTime) {
        self.round_interval = ROUND_INTERVAL_MIN;
        self.round = now + ROUND_INTERVAL_MIN;
    }

    /// Schedules the next feeler. The wait depends on the number of nodes that were reached, and on
    /// whether this feeler goes to a node that was not (`is_new`).
    pub(crate) fn schedule_feeler(
        &mut self,
        now: MonotonicTime,
        known: usize,
        is_new: bool,
        rng: &mut SeededRng,
    ) {
        let mean = match known {
            ..KNOWN_SOME if is_new => FEELER_INTERVAL_MIN,
            ..KNOWN_WELL => FEELER_INTERVAL,
            KNOWN_WELL.. => FEELER_INTERVAL_MAX,
        };
        let span_us = u64::try_from(mean.as_micros()).unwrap_or_default();
        self.feel = now + mean / 2 + Duration::from_micros(rng.below(span_us));
    }

    /// Starts a planning round if one is due. Returns true if it did.
    pub(crate) fn start_round_if_due(&mut self, now: MonotonicTime) -> bool {
        if now < self.round && self.blocks < ROUND_BLOCKS {
            return false;
        }
        (self.round, self.blocks) = (now + self.round_interval, 0);
        self.round_interval = (self.round_interval * 2).min(ROUND_INTERVAL);
        for slot in self.links.values_mut() {
            slot.firsts = [slot.firsts[1], 0];
            slot.rounds = slot.rounds.saturating_add(1);
        }
        self.avoided.retain(|(until, ..)| *until > now);
        true
    }

    pub(crate) fn dial(&mut self, now: MonotonicTime, address: Address, kind: OutboundKind) {
        let slot = OutboundSlot {
            kind,
            peer: None,
            since: now,
            rtt: None,
            firsts: [0; 2],
            rounds: 0,
            instead: None,
        };
        self.links.insert(address, slot);
    }

    /// Dials a node that the graph recommends instead of a link. The link stays until the new one
    /// is established.
    pub(crate) fn dial_instead(&mut self, now: MonotonicTime, address: Address, old: Address) {
        self.dial(now, address.clone(), OutboundKind::Feeler);
        if let Some(slot) = self.links.get_mut(&address) {
            slot.instead = Some(old);
        }
    }

    pub(crate) fn connected(&mut self, address: &Address, peer: ConnectionId) {
        if let Some(slot) = self.links.get_mut(address) {
            slot.peer = Some(peer);
        }
    }

    /// Removes the link to an address that could not be reached. Returns false if it was not
    /// dialled from here.
    pub(crate) fn dial_failed(&mut self, address: &Address) -> bool {
        self.links.get(address).is_some_and(|slot| slot.peer.is_none())
            && self.links.remove(address).is_some()
    }

    pub(crate) fn closed(&mut self, now: MonotonicTime, peer: ConnectionId) {
        let found = self.links.iter().find(|(_, slot)| slot.peer == Some(peer));
        if let Some(address) = found.map(|(address, _)| address.clone()) {
            self.links.remove(&address);
            self.sort();
            self.fill = self.fill.min(now);
        }
    }

    /// Counts a valid block for the peer that announced it first. `None` means our own block.
    pub(crate) fn delivered(&mut self, peer: Option<ConnectionId>) {
        self.blocks = self.blocks.saturating_add(1);
        let slot = self.links.values_mut().find(|slot| slot.peer.is_some() && slot.peer == peer);
        if let Some(slot) = slot {
            slot.firsts[1] = slot.firsts[1].saturating_add(1);
        }
    }

    /// Handles the first known round trip of a link. Returns the outcome.
    pub(crate) fn settled(&mut self, peer: ConnectionId, rtt: Duration) -> MeasuredOutcome {
        let Some((address, slot)) = self.links.iter_mut().find(|(_, slot)| slot.peer == Some(peer)) else {
            return MeasuredOutcome::Kept;
        };
        slot.rtt = Some(rtt);
        if slot.kind != OutboundKind::Feeler {
            self.sort();
            return MeasuredOutcome::Kept;
        }
        let (address, instead) = (address.clone(), slot.instead.take());
        if let Some(old) = instead
            && let Some(settled) = self.recommended(peer, &old)
        {
            return settled;
        }
        if self.is_implausible(&address) {
            return MeasuredOutcome::Measured;
        }
        let farthest =
            self.of_kind(OutboundKind::Nearest).filter_map(|(_, slot)| Some((slot.rtt?, slot.peer?))).max();
        let has_room = self.of_kind(OutboundKind::Nearest).count() < self.quota.nearest;
        let replaced = farthest.filter(|(farthest, _)| is_nearer(rtt, *farthest)).map(|(_, peer)| peer);
        if has_room {
            self.keep(peer, OutboundKind::Nearest);
            return MeasuredOutcome::Kept;
        }
        let Some(replaced) = replaced else { return MeasuredOutcome::Measured };
        self.drop_peer(replaced);
        self.keep(peer, OutboundKind::Nearest);
        MeasuredOutcome::Replaces(replaced)
    }

    /// Returns the outcome for a link that the graph recommended instead of another. Returns `None`
    /// if neither the other's place nor any other is free. That happens if the other is among the
    /// nearest by now. The new link is then an ordinary feeler.
    fn recommended(&mut self, peer: ConnectionId, old: &Address) -> Option<MeasuredOutcome> {
        let replaced =
            self.links.get(old).filter(|old| old.kind == OutboundKind::Graph).and_then(|old| old.peer);
        let chosen = self.of_kind(OutboundKind::Nearest).count() + self.of_kind(OutboundKind::Graph).count();
        let settled = match replaced {
            Some(replaced) => {
                self.drop_peer(replaced);
                MeasuredOutcome::Replaces(replaced)
            }
            None if chosen < self.quota.nearest + self.quota.graph => MeasuredOutcome::Kept,
            None => return None,
        };
        self.keep(peer, OutboundKind::Graph);
        Some(settled)
    }

    fn keep(&mut self, peer: ConnectionId, kind: OutboundKind) {
        if let Some(slot) = self.links.values_mut().find(|slot| slot.peer == Some(peer)) {
            slot.kind = kind;
        }
        self.sort();
    }

    /// Updates the round trips to the latest values. This corrects values measured in a bad moment.
    pub(crate) fn refresh(&mut self, latency: impl Fn(ConnectionId) -> Option<Duration>) {
        for slot in self.links.values_mut().filter(|slot| slot.rtt.is_some()) {
            slot.rtt = slot.peer.and_then(&latency).or(slot.rtt);
        }
        self.sort();
    }

    fn drop_peer(&mut self, peer: ConnectionId) {
        self.links.retain(|_, slot| slot.peer != Some(peer));
    }

    /// Marks the nearest of the links that are neither random nor feelers as the nearest ones.
    fn sort(&mut self) {
        let mut ranked: VecMap<_, _> = self
            .links
            .iter_mut()
            .filter(|(_, slot)| matches!(slot.kind, OutboundKind::Nearest | OutboundKind::Graph))
            .map(|(address, slot)| ((slot.rtt.unwrap_or(Duration::MAX), address), slot))
            .collect();
        for (rank, slot) in ranked.values_mut().enumerate() {
            slot.kind = if rank < self.quota.nearest { OutboundKind::Nearest } else { OutboundKind::Graph };
        }
    }

    /// Returns the recommended links that may be replaced. Each comes with the number of blocks
    /// that it announced first in the last two rounds, and with true if it is that old.
    pub(crate) fn replaceable(&self) -> Vec<(Address, ConnectionId, u32, bool)> {
        let graph = self.of_kind(OutboundKind::Graph);
        graph
            .filter_map(|(address, slot)| {
                let firsts = slot.firsts[0] + slot.firsts[1];
                Some((address.clone(), slot.peer?, firsts, slot.rounds > 2))
            })
            .collect()
    }

    /// Denies an address a slot for a while.
    pub(crate) fn avoid(&mut self, now: MonotonicTime, address: Address, grounds: AvoidReason) {
        if self.avoided.len() == AVOIDED_MAX {
            self.avoided.pop_front();
        }
        self.avoided.push_back((now + AVOID, address, grounds));
    }

    /// Returns the feeler that takes too long to be useful.
    pub(crate) fn tick(&self, now: MonotonicTime) -> Option<ConnectionId> {
        self.of_kind(OutboundKind::Feeler)
            .filter(|(_, slot)| slot.since + FEELER_TIMEOUT <= now)
            .find_map(|(_, slot)| slot.peer)
    }

    pub(crate) fn deadline(&self, now: MonotonicTime) -> MonotonicTime {
        let feeler = self.of_kind(OutboundKind::Feeler).next();
        let feel = feeler.map_or(self.feel.max(self.fill), |(_, slot)| slot.since + FEELER_TIMEOUT);
        let is_full = self.links.len() >= self.quota.total() + usize::from(feeler.is_some());
        let fill = if is_full { feel } else { self.fill.max(now + Duration::from_millis(1)) };
        fill.min(feel).min(self.round)
    }
}

fn is_nearer(rtt: Duration, than: Duration) -> bool {
    rtt + NEARER_MIN <= than && rtt.as_micros() * 1_000 <= than.as_micros() * u128::from(NEARER_PER_MILLE)
}

#[cfg(test)]
mod tests;

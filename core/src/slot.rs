//! Slots: the links that a node opens of its own accord, and why each of them is there.
//!
//! A full node keeps eight: the three nearest nodes that it knows of, three that the latency graph recommends, and two drawn by
//! chance that are never optimised, so that whoever knows the rules cannot surround a node. A light node keeps three. Further
//! nodes are dialled for as long as it takes to measure them, one at a time: a nearer one stays, in the place of the farthest
//! of the nearest.
//!
//! Which link is nearest and which recommended follows from what is measured, not from why it was dialled: of those that are
//! not random the three nearest are the nearest.
//!
//! Bounds: [`SLOTS_MAX`] links, one feeler, and [`SHUNNED_MAX`] addresses that were not worth their slot.

use core::time::Duration;
use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::address::Address;
use crate::chance::Chance;
use crate::connection::PeerId;
use crate::sorted::Sorted;
use crate::time::Moment;
use crate::wire::Role;

/// The most links that a node opens of its own accord, without a feeler.
pub const SLOTS_MAX: usize = 8;
/// A planning round comes after so many blocks,
pub const ROUND_BLOCKS: u32 = 20;
/// or after so long.
pub const ROUND_INTERVAL: Duration = Duration::from_secs(120);
/// While there is something to gain, rounds come sooner: after so long, and after twice as long each time that there is not.
pub const ROUND_INTERVAL_MIN: Duration = Duration::from_secs(60);
/// The mean time between two feelers: each is drawn, from a half of it to one and a half, so that nodes that started together do not
/// dial one another at the same moments again and again.
pub const FEELER_INTERVAL: Duration = Duration::from_secs(5);
/// It is as short as this after one to a node that was never measured,
pub const FEELER_INTERVAL_MIN: Duration = Duration::from_secs(1);
/// until so many nodes are known by experience,
pub const KNOWN_SOME: usize = 64;
/// and once so many are,
pub const KNOWN_WELL: usize = 512;
/// as long as this.
pub const FEELER_INTERVAL_MAX: Duration = Duration::from_secs(60);
/// How long to wait when there was nobody to dial.
pub const FILL_INTERVAL: Duration = Duration::from_secs(5);
/// How long a feeler may take.
pub const FEELER_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a link that was not worth its slot is not dialled again,
pub const SHUN: Duration = Duration::from_secs(3_600);
/// and how many of those are remembered; when full, the eldest is forgotten.
pub const SHUNNED_MAX: usize = 64;
/// A nearer node has to be so much nearer, in a thousandth, to take a place. A tenth is worth a change; but a feeler's few round trips
/// are rather too long, and of a link that lasts the least of many is known,
const NEARER_PER_MILLE: u32 = 950;
/// and by at least so much.
const NEARER_MIN: Duration = Duration::from_micros(500);

/// Why a node opened a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// One of the nearest nodes known.
    Nearest,
    /// Recommended by the latency graph.
    Graph,
    /// Drawn by chance, and never optimised.
    Random,
    /// To be measured, and perhaps kept.
    Feeler,
}

impl Kind {
    /// Its name, as people read it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Nearest => "nearest",
            Self::Graph => "graph",
            Self::Random => "random",
            Self::Feeler => "feeler",
        }
    }
}

/// How many links of each kind a node keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// Of the nearest.
    pub nearest: usize,
    /// Of those that the graph recommends.
    pub graph: usize,
    /// Of those drawn by chance.
    pub random: usize,
}

impl Quota {
    /// What a node of this role keeps.
    pub fn of(role: Role) -> Self {
        match role {
            Role::Full => Self { nearest: 3, graph: 3, random: 2 },
            Role::Light => Self { nearest: 2, graph: 0, random: 1 },
        }
    }

    /// All together.
    pub fn total(self) -> usize {
        self.nearest + self.graph + self.random
    }
}

#[derive(Debug)]
struct Slot {
    kind: Kind,
    /// None while it is dialled.
    peer: Option<PeerId>,
    since: Moment,
    /// The measured round trip, once it is settled; then as it was last refreshed.
    rtt: Option<Duration>,
    /// The blocks that it told us of first, since the last round but one and since the last.
    firsts: [u32; 2],
    /// The rounds that it has seen.
    rounds: u32,
    /// The link that it is to take the place of, if it can be had and is as near as was thought.
    instead: Option<Address>,
}

/// Why an address gets no slot for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Grounds {
    /// The link brought no block first. It may be among the nearest all the same.
    BroughtNothing,
    /// It cannot be as near as it seems: it takes no place by its nearness.
    Implausible,
}

/// The links that a node opens of its own accord.
#[derive(Debug)]
pub(crate) struct Slots {
    quota: Quota,
    links: Sorted<Address, Slot>,
    shunned: VecDeque<(Moment, Address, Grounds)>,
    fill: Moment,
    feel: Moment,
    round: Moment,
    round_interval: Duration,
    blocks: u32,
}

/// What becomes of a link that is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Settled {
    /// It is kept.
    Kept,
    /// It is kept, and this one is given up for it.
    Replaces(PeerId),
    /// It was only to be measured.
    Measured,
}

impl Slots {
    pub(crate) fn new(quota: Quota) -> Self {
        let never = Moment::from_micros(u64::MAX);
        let start = Moment::default();
        Self {
            quota,
            links: Sorted::default(),
            shunned: VecDeque::new(),
            fill: start,
            feel: start,
            round: if quota.graph > 0 { start } else { never },
            round_interval: ROUND_INTERVAL_MIN,
            blocks: 0,
        }
    }

    fn of_kind(&self, kind: Kind) -> impl Iterator<Item = (&Address, &Slot)> {
        self.links.iter().filter(move |(_, slot)| slot.kind == kind)
    }

    /// Why a link is there, and how often it told us of a block first since the last round but one.
    pub(crate) fn find(&self, peer: PeerId) -> Option<Kind> {
        self.links.values().find(|slot| slot.peer == Some(peer)).map(|slot| slot.kind)
    }

    /// The addresses in use.
    pub(crate) fn addresses(&self) -> impl Iterator<Item = &Address> {
        self.links.keys()
    }

    /// The links that are open and no feelers, the nearest first.
    pub(crate) fn open(&self) -> Vec<(Address, PeerId, Kind)> {
        let open = self.links.iter().filter(|(_, slot)| slot.kind != Kind::Feeler);
        let open: Sorted<_, _> = open
            .filter_map(|(address, slot)| {
                Some(((slot.rtt.unwrap_or(Duration::MAX), address), (slot.peer?, slot.kind)))
            })
            .collect();
        open.iter().map(|((_, address), (peer, kind))| ((*address).clone(), *peer, *kind)).collect()
    }

    /// The links that are open and chosen by what was measured: no feelers, and none drawn by chance.
    pub(crate) fn chosen(&self) -> Vec<(Address, PeerId, Kind)> {
        let mut open = self.open();
        open.retain(|(_, _, kind)| *kind != Kind::Random);
        open
    }

    /// Whether an address was not worth its slot lately.
    pub(crate) fn is_shunned(&self, address: &Address) -> bool {
        self.shunned.iter().any(|(_, shunned, _)| shunned == address)
    }

    /// Whether an address seemed nearer lately than it can be.
    fn is_implausible(&self, address: &Address) -> bool {
        let shunned =
            |(_, shunned, grounds): &(_, Address, _)| shunned == address && *grounds == Grounds::Implausible;
        self.shunned.iter().any(shunned)
    }

    /// Which kind of link is wanted, if it is time to look for one.
    pub(crate) fn vacancy(&self, now: Moment) -> Option<Kind> {
        if now < self.fill {
            return None;
        }
        let has_room = |kind, most| self.of_kind(kind).count() < most;
        // The random ones come first: whom they lead to is learned from them.
        [
            (Kind::Random, self.quota.random),
            (Kind::Nearest, self.quota.nearest),
            (Kind::Graph, self.quota.graph),
        ]
        .into_iter()
        .find(|(kind, most)| has_room(*kind, *most))
        .map(|(kind, _)| kind)
    }

    /// Nobody is there to be dialled: looks again after a while.
    pub(crate) fn wait(&mut self, now: Moment) {
        self.fill = now + FILL_INTERVAL;
    }

    /// Whether it is time to measure another node: while nobody was there for a place, whoever is heard of next is for that.
    pub(crate) fn feels(&self, now: Moment) -> bool {
        now >= self.feel.max(self.fill) && self.of_kind(Kind::Feeler).next().is_none()
    }

    /// The round found a link that would be worth more: the next comes soon.
    pub(crate) fn gains(&mut self, now: Moment) {
        self.round_interval = ROUND_INTERVAL_MIN;
        self.round = now + ROUND_INTERVAL_MIN;
    }

    /// The next feeler comes after a while, which depends on how many nodes are known by experience, and on whether this one goes
    /// to one that is not (`is_new`).
    pub(crate) fn felt(&mut self, now: Moment, known: usize, is_new: bool, chance: &mut Chance) {
        let mean = match known {
            ..KNOWN_SOME if is_new => FEELER_INTERVAL_MIN,
            ..KNOWN_WELL => FEELER_INTERVAL,
            KNOWN_WELL.. => FEELER_INTERVAL_MAX,
        };
        let span_us = u64::try_from(mean.as_micros()).unwrap_or_default();
        self.feel = now + mean / 2 + Duration::from_micros(chance.below(span_us));
    }

    /// Whether it is time for a planning round, which begins then.
    pub(crate) fn begins_round(&mut self, now: Moment) -> bool {
        if now < self.round && self.blocks < ROUND_BLOCKS {
            return false;
        }
        (self.round, self.blocks) = (now + self.round_interval, 0);
        self.round_interval = (self.round_interval * 2).min(ROUND_INTERVAL);
        for slot in self.links.values_mut() {
            slot.firsts = [slot.firsts[1], 0];
            slot.rounds = slot.rounds.saturating_add(1);
        }
        self.shunned.retain(|(until, ..)| *until > now);
        true
    }

    pub(crate) fn dial(&mut self, now: Moment, address: Address, kind: Kind) {
        let slot = Slot { kind, peer: None, since: now, rtt: None, firsts: [0; 2], rounds: 0, instead: None };
        self.links.insert(address, slot);
    }

    /// Dials a node that the graph recommends instead of a link, which stays until the new one is there.
    pub(crate) fn dial_instead(&mut self, now: Moment, address: Address, old: Address) {
        self.dial(now, address.clone(), Kind::Feeler);
        if let Some(slot) = self.links.get_mut(&address) {
            slot.instead = Some(old);
        }
    }

    pub(crate) fn connected(&mut self, address: &Address, peer: PeerId) {
        if let Some(slot) = self.links.get_mut(address) {
            slot.peer = Some(peer);
        }
    }

    /// An address could not be reached: whether it was dialled from here.
    pub(crate) fn unreached(&mut self, address: &Address) -> bool {
        self.links.get(address).is_some_and(|slot| slot.peer.is_none())
            && self.links.remove(address).is_some()
    }

    pub(crate) fn closed(&mut self, now: Moment, peer: PeerId) {
        let found = self.links.iter().find(|(_, slot)| slot.peer == Some(peer));
        if let Some(address) = found.map(|(address, _)| address.clone()) {
            self.links.remove(&address);
            self.sort();
            self.fill = self.fill.min(now);
        }
    }

    /// A block that turned out to be valid was heard of first from this peer; none: it is ours.
    pub(crate) fn delivered(&mut self, peer: Option<PeerId>) {
        self.blocks = self.blocks.saturating_add(1);
        let slot = self.links.values_mut().find(|slot| slot.peer.is_some() && slot.peer == peer);
        if let Some(slot) = slot {
            slot.firsts[1] = slot.firsts[1].saturating_add(1);
        }
    }

    /// A link's round trip is known.
    pub(crate) fn settled(&mut self, peer: PeerId, rtt: Duration) -> Settled {
        let Some((address, slot)) = self.links.iter_mut().find(|(_, slot)| slot.peer == Some(peer)) else {
            return Settled::Kept;
        };
        slot.rtt = Some(rtt);
        if slot.kind != Kind::Feeler {
            self.sort();
            return Settled::Kept;
        }
        let (address, instead) = (address.clone(), slot.instead.take());
        if let Some(old) = instead
            && let Some(settled) = self.recommended(peer, &old)
        {
            return settled;
        }
        if self.is_implausible(&address) {
            return Settled::Measured;
        }
        let farthest =
            self.of_kind(Kind::Nearest).filter_map(|(_, slot)| Some((slot.rtt?, slot.peer?))).max();
        let has_room = self.of_kind(Kind::Nearest).count() < self.quota.nearest;
        let replaced = farthest.filter(|(farthest, _)| is_nearer(rtt, *farthest)).map(|(_, peer)| peer);
        if has_room {
            self.keep(peer, Kind::Nearest);
            return Settled::Kept;
        }
        let Some(replaced) = replaced else { return Settled::Measured };
        self.drop_peer(replaced);
        self.keep(peer, Kind::Nearest);
        Settled::Replaces(replaced)
    }

    /// What becomes of a link that the graph recommended instead of another; none when neither that one's place nor any other
    /// is there for it, as when that one is among the nearest by now: then it is a link that was measured, like others.
    fn recommended(&mut self, peer: PeerId, old: &Address) -> Option<Settled> {
        let replaced = self.links.get(old).filter(|old| old.kind == Kind::Graph).and_then(|old| old.peer);
        let chosen = self.of_kind(Kind::Nearest).count() + self.of_kind(Kind::Graph).count();
        let settled = match replaced {
            Some(replaced) => {
                self.drop_peer(replaced);
                Settled::Replaces(replaced)
            }
            None if chosen < self.quota.nearest + self.quota.graph => Settled::Kept,
            None => return None,
        };
        self.keep(peer, Kind::Graph);
        Some(settled)
    }

    fn keep(&mut self, peer: PeerId, kind: Kind) {
        if let Some(slot) = self.links.values_mut().find(|slot| slot.peer == Some(peer)) {
            slot.kind = kind;
        }
        self.sort();
    }

    /// Round trips as they are known by now: what was measured in a bad moment is put right.
    pub(crate) fn refresh(&mut self, latency: impl Fn(PeerId) -> Option<Duration>) {
        for slot in self.links.values_mut().filter(|slot| slot.rtt.is_some()) {
            slot.rtt = slot.peer.and_then(&latency).or(slot.rtt);
        }
        self.sort();
    }

    fn drop_peer(&mut self, peer: PeerId) {
        self.links.retain(|_, slot| slot.peer != Some(peer));
    }

    /// Of the links that are neither random nor feelers, the nearest are the nearest.
    fn sort(&mut self) {
        let mut ranked: Sorted<_, _> = self
            .links
            .iter_mut()
            .filter(|(_, slot)| matches!(slot.kind, Kind::Nearest | Kind::Graph))
            .map(|(address, slot)| ((slot.rtt.unwrap_or(Duration::MAX), address), slot))
            .collect();
        for (rank, slot) in ranked.values_mut().enumerate() {
            slot.kind = if rank < self.quota.nearest { Kind::Nearest } else { Kind::Graph };
        }
    }

    /// The links that the graph recommended and that may be replaced, with the number of blocks that each told us of first in
    /// the last two rounds, and whether it has been there for so long.
    pub(crate) fn replaceable(&self) -> Vec<(Address, PeerId, u32, bool)> {
        let graph = self.of_kind(Kind::Graph);
        graph
            .filter_map(|(address, slot)| {
                let firsts = slot.firsts[0] + slot.firsts[1];
                Some((address.clone(), slot.peer?, firsts, slot.rounds > 2))
            })
            .collect()
    }

    /// An address is not worth a slot for a while.
    pub(crate) fn shun(&mut self, now: Moment, address: Address, grounds: Grounds) {
        if self.shunned.len() == SHUNNED_MAX {
            self.shunned.pop_front();
        }
        self.shunned.push_back((now + SHUN, address, grounds));
    }

    /// Feelers that take too long to be of use.
    pub(crate) fn tick(&self, now: Moment) -> Option<PeerId> {
        self.of_kind(Kind::Feeler)
            .filter(|(_, slot)| slot.since + FEELER_TIMEOUT <= now)
            .find_map(|(_, slot)| slot.peer)
    }

    pub(crate) fn deadline(&self, now: Moment) -> Moment {
        let feeler = self.of_kind(Kind::Feeler).next();
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

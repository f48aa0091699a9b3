//! Neighbours: the nodes that this node dials on its own, and the addresses that it learns.
//!
//! Specified in PROTOCOL.md, "Neighbours".

use core::time::Duration;

use super::plausibility::shown_distance;
use super::schedule::{CERTIFY_INTERVAL, LINKS_INTERVAL};
use super::{ConnectionId, Direction, FULL, Neighbours, Node};
use crate::node::storage::Change;
use crate::peers::ban_list::BanTarget;
use crate::peers::outbound_slots::{AvoidReason, MeasuredOutcome, OutboundKind};
use crate::peers::peer::{Greeted, Peer};
use crate::peers::topology::forecast::FirstHopForecast;
use crate::peers::topology::graph::KEY_LINKS_MAX;
use crate::peers::topology::link_planner::{LinkCandidate, LinkPlan};
use crate::primitives::collections::vec_map::VecMap;
use crate::primitives::key::PublicKey;
use crate::primitives::time::Now;
use crate::protocol::address::Address;
use crate::protocol::bounded::BoundedVec;
use crate::protocol::limits::ADDRESSES_MAX;
use crate::protocol::link_certificate::Epoch;
use crate::protocol::misbehavior::{Misbehavior, Reason};
use crate::protocol::netgroup::NetGroup;
use crate::protocol::packet::Packet;

/// The interval between requests for addresses.
const ADDRESSES_INTERVAL: Duration = Duration::from_secs(60);
/// The interval at which a changed address book is stored.
const BOOK_INTERVAL: Duration = Duration::from_secs(60);
/// The delay until a light node stores its first addresses: a page may be closed before the full
/// interval.
const FIRST_BOOK_INTERVAL: Duration = Duration::from_secs(2);
/// The most candidates of a plan: the nearest measured nodes.
const CANDIDATES_MAX: usize = 512;
/// A link is replaced only for a gain of at least this share of the mean path, in thousandths.
const GAIN_PER_MILLE: u64 = 2;
/// A node with this many links is no longer recommended, because graphs hold no more links per
/// node.
const DEGREE_MAX: usize = KEY_LINKS_MAX;

impl Node {
    /// Maintains the links that the node opens on its own, and its knowledge of the network.
    pub(super) fn seek_neighbours(&mut self, now: Now) {
        if self.config.neighbours == Neighbours::Given {
            return;
        }
        if self.peers.rounds.slots <= now.moment {
            self.seek_links(now);
            self.peers.rounds.slots = self.peers.slots.deadline(now.moment);
        }
        if self.peers.rounds.addresses <= now.moment {
            self.seek_addresses(now);
            self.peers.rounds.addresses = now.moment + ADDRESSES_INTERVAL;
        }
        if self.peers.rounds.links <= now.moment {
            self.peers.rounds.links = now.moment + LINKS_INTERVAL;
            if self.is_full() {
                self.seek_certificates(now);
            }
        }
        if self.peers.rounds.certificates <= now.moment {
            self.peers.rounds.certificates = now.moment + CERTIFY_INTERVAL;
            if self.is_full() {
                self.certify(now);
            }
        }
        if self.peers.rounds.book <= now.moment {
            self.peers.rounds.book = now.moment + BOOK_INTERVAL;
            self.remember_book();
        }
    }

    fn seek_links(&mut self, now: Now) {
        let peers = &self.connections;
        self.peers.slots.refresh(|peer| peers.get(&peer)?.greeted()?.ping.latency());
        if let Some(late) = self.peers.slots.tick(now.moment) {
            self.close(now, late, Reason::Measured);
        }
        if self.is_full() && self.peers.slots.start_round_if_due(now.moment) {
            self.drop_implausible(now);
            self.plan_links(now);
        }
        let feels = self.peers.slots.feeler_due(now.moment);
        while let Some(kind) = self.peers.slots.vacancy(now.moment) {
            match self.pick(now, kind) {
                Some(address) => self.dial_slot(now, address, kind),
                None => self.peers.slots.wait(now.moment),
            }
        }
        if feels {
            let picked = self.pick(now, OutboundKind::Feeler);
            let is_new = picked.as_ref().is_some_and(|address| self.peers.book.rtt(address).is_none());
            let known = self.peers.book.tried_len();
            self.peers.slots.schedule_feeler(now.moment, known, self.is_full() && is_new, &mut self.rng);
            if let Some(address) = picked {
                self.dial_slot(now, address, OutboundKind::Feeler);
            }
        }
    }

    fn dial_slot(&mut self, now: Now, address: Address, kind: OutboundKind) {
        self.peers.book.attempt(&address, now.time);
        self.peers.slots.dial(now.moment, address.clone(), kind);
        self.outbox.dial(address);
    }

    /// Returns an address for a link of this kind.
    fn pick(&mut self, now: Now, kind: OutboundKind) -> Option<Address> {
        let taken = self.taken();
        let banned = |address: &Address| {
            let subject = BanTarget::of(Some(address.host()), None);
            subject.is_some_and(|subject| self.peers.bans.is_banned(&subject, now.moment))
        };
        let is_free = |address: &Address| taken.allows(address) && !banned(address);
        let shunned =
            |address: &Address| kind != OutboundKind::Random && self.peers.slots.is_avoided(address);
        let fits = |address: &Address| is_free(address) && !shunned(address);
        let anchor = self.peers.book.anchors_due(now.time).find(|address| fits(address)).cloned();
        match kind {
            OutboundKind::Random => {
                anchor.or_else(|| self.peers.book.select(now.time, &mut self.rng, |address| !fits(address)))
            }
            OutboundKind::Nearest | OutboundKind::Graph => {
                let mut measured = self.peers.book.measured_nearest(CANDIDATES_MAX, now.time);
                let nearest =
                    || measured.find(|(address, _)| fits(address)).map(|(address, _)| address.clone());
                let known = anchor.or_else(nearest);
                known.or_else(|| self.peers.book.select(now.time, &mut self.rng, |address| !fits(address)))
            }
            OutboundKind::Feeler => {
                let tested = self.peers.book.to_test(now.time).filter(is_free);
                let measured = |address: &Address| self.peers.book.rtt(address).is_some();
                let unknown = |address: &Address| is_free(address) && !measured(address);
                // If all nodes are measured, one that was measured in a bad moment is measured
                // again.
                let longest_ago = || {
                    if !FULL {
                        return None;
                    }
                    let free = self
                        .peers
                        .book
                        .measured_nearest(CANDIDATES_MAX, now.time)
                        .filter(|(address, _)| is_free(address));
                    free.min_by_key(|(address, _)| self.peers.book.last_seen(address))
                        .map(|(address, _)| address.clone())
                };
                tested
                    .or_else(|| {
                        self.peers.book.select_new(now.time, &mut self.rng, |address| !unknown(address))
                    })
                    .or_else(|| self.peers.book.select(now.time, &mut self.rng, |address| !unknown(address)))
                    .or_else(longest_ago)
            }
        }
    }

    /// Returns the nodes that are linked with us already or must not be linked.
    fn taken(&self) -> Taken {
        let slots = self.peers.slots.addresses().chain(self.peers.reconnector.addresses());
        let mut taken = Taken::default();
        for address in slots.chain(&self.config.listen) {
            if !address.is_local() {
                taken.groups.insert(address.group(), ());
            }
            taken.addresses.insert(address.clone(), ());
        }
        for (_, greeted) in self.greeted() {
            if let Some(listen) = greeted.hello.listen.clone() {
                taken.addresses.insert(listen, ());
            }
        }
        taken
    }

    /// Scores our links by the graph: replaces at most one, and predicts which nodes hear of blocks
    /// from us first.
    fn plan_links(&mut self, now: Now) {
        if !FULL {
            return;
        }
        self.peers.graph.expire(Epoch::of(now.time));
        let topology = self.peers.graph.topology();
        let neighbours: Vec<_> = self.greeted().map(|(_, greeted)| greeted.hello.key).collect();
        self.peers.forecast = FirstHopForecast::new(&topology, &neighbours);
        let Some(plan) = LinkPlan::new(&topology, &mut self.rng) else { return };
        let lasts = |(peer, greeted): &(ConnectionId, &Greeted)| {
            greeted.is_full() && self.peers.slots.find(*peer) != Some(OutboundKind::Feeler)
        };
        let measured = self.measured().collect();
        let offer = |key: &PublicKey, rtt: Duration| {
            plan.candidate(key, shown_distance(topology.links_of(key), rtt, &measured).unwrap_or(rtt))
        };
        let offers: Vec<(ConnectionId, LinkCandidate)> = self
            .greeted()
            .filter(lasts)
            .filter_map(|(peer, greeted)| Some((peer, offer(&greeted.hello.key, greeted.ping.latency()?)?)))
            .collect();
        let taken = self.taken();
        let candidates: Vec<(&Address, LinkCandidate)> = self
            .peers
            .book
            .measured_nearest(CANDIDATES_MAX, now.time)
            .filter(|(address, _)| taken.allows(address) && !self.peers.slots.is_avoided(address))
            .filter_map(|(address, rtt)| {
                let key = self.peers.book.key(address)?;
                // A node that every node chooses has a full uplink.
                let offer = (topology.degree(key) < DEGREE_MAX).then(|| offer(key, rtt)).flatten()?;
                Some((address, offer))
            })
            .collect();
        let (mut best, mut least) = (None, u64::MAX);
        for (old, peer, firsts, is_settled) in self.peers.slots.replaceable() {
            let kept = LinkPlan::best_arrivals(
                offers.iter().filter(|(kept, _)| *kept != peer).map(|(_, offer)| offer),
            );
            for (new, offer) in &candidates {
                let cost = LinkPlan::cost(&kept, offer);
                if cost < least {
                    (best, least) =
                        (Some(((old.clone(), peer), (*new, offer), is_settled && firsts == 0)), cost);
                }
            }
        }
        let Some(((old, replaced), (new, offer), brought_nothing)) = best else { return };
        let now_linked = offers.iter().map(|(_, offer)| offer);
        let kept = offers.iter().filter(|(peer, _)| *peer != replaced).map(|(_, offer)| offer);
        let is_worth_it = plan.gains(GAIN_PER_MILLE, now_linked, kept.chain([offer]));
        if is_worth_it {
            self.peers.slots.gain_found(now.moment);
        }
        // Neighbours that all moved at once would chase one another.
        if is_worth_it && self.rng.below(2) == 0 {
            if brought_nothing {
                self.peers.slots.avoid(now.moment, old.clone(), AvoidReason::BroughtNothing);
            }
            let new = new.clone();
            self.peers.book.attempt(&new, now.time);
            self.peers.slots.dial_instead(now.moment, new.clone(), old);
            self.outbox.dial(new);
        }
    }

    /// Handles the first known round trip of a link.
    pub(super) fn settled(&mut self, now: Now, peer: ConnectionId, rtt: Duration) {
        self.peers.rounds.stir();
        let Some(Peer { link: Direction::Outbound(address), .. }) = self.connections.get(&peer) else {
            return;
        };
        let (address, rtt) = (address.clone(), self.believed(peer, rtt));
        self.peers.book.measured(&address, rtt);
        match self.peers.slots.settled(peer, rtt) {
            MeasuredOutcome::Kept => {}
            MeasuredOutcome::Replaces(other) => self.close(now, other, Reason::Replaced),
            MeasuredOutcome::Measured => self.close(now, peer, Reason::Measured),
        }
    }

    /// Notes that a peer with which we are linked already has shown its key on another link. If we
    /// dialled that link, its address works. So it may be dialled as soon as the first link ends.
    pub(super) fn duplicate_connection(
        &mut self,
        now: Now,
        peer: ConnectionId,
        older: ConnectionId,
        key: PublicKey,
    ) {
        let Some(Peer { link: Direction::Outbound(address), .. }) = self.connections.get(&peer) else {
            return;
        };
        self.peers.book.good(address, key, now.time);
        let listen = self
            .connections
            .get(&older)
            .and_then(Peer::greeted)
            .and_then(|older| older.hello.listen.as_ref());
        if listen != Some(address) {
            // No other record says that it is linked, so it would be dialled there again at once.
            self.peers.book.attempt(address, now.time);
        }
    }

    /// Notes the information that a newly reached node gave about itself.
    pub(super) fn acquainted(&mut self, now: Now, peer: ConnectionId) {
        self.peers.rounds.stir();
        let source = self.group_of(peer);
        let Some((link, greeted)) =
            self.connections.get(&peer).and_then(|peer| Some((&peer.link, peer.greeted()?)))
        else {
            return;
        };
        let key = greeted.hello.key;
        match link {
            Direction::Outbound(address) => self.peers.book.good(address, key, now.time),
            Direction::Inbound(_) => {
                let listen = greeted.hello.listen.clone().filter(|_| greeted.is_full());
                if let Some(listen) = listen.filter(|listen| self.is_welcome(listen, peer)) {
                    self.peers.book.add(&listen, source, now.time);
                }
            }
        }
        // A node that knows few addresses asks at once.
        if self.config.neighbours == Neighbours::Chosen && self.peers.book.len() < ADDRESSES_MAX {
            self.ask_addresses(peer);
        }
    }

    fn group_of(&self, peer: ConnectionId) -> NetGroup {
        match self.connections.get(&peer).map(|peer| &peer.link) {
            Some(Direction::Outbound(address)) => address.group(),
            Some(Direction::Inbound(Some(ip))) => NetGroup::of_ip(*ip),
            Some(Direction::Inbound(None)) | None => NetGroup::of_ip(core::net::Ipv4Addr::UNSPECIFIED.into()),
        }
    }

    /// Returns true if a peer may report this address. Our own address is never accepted, and a
    /// local one only from a local peer.
    fn is_welcome(&self, address: &Address, peer: ConnectionId) -> bool {
        let is_own = self.config.listen.as_ref() == Some(address);
        !is_own && (!address.is_local() || self.is_local(peer))
    }

    fn is_local(&self, peer: ConnectionId) -> bool {
        match self.connections.get(&peer).map(|peer| &peer.link) {
            Some(Direction::Outbound(address)) => address.is_local(),
            Some(Direction::Inbound(ip)) => {
                ip.is_none_or(|ip| crate::protocol::host::Host::from(ip).is_local())
            }
            None => false,
        }
    }

    /// Returns a randomly chosen peer that keeps all blocks.
    pub(super) fn draw_peer(&mut self) -> Option<ConnectionId> {
        let full: Vec<_> =
            self.greeted().filter(|(_, greeted)| greeted.is_full()).map(|(id, _)| id).collect();
        let drawn = usize::try_from(self.rng.below(full.len() as u64)).unwrap_or_default();
        full.get(drawn).copied()
    }

    fn seek_addresses(&mut self, _now: Now) {
        if let Some(peer) = self.draw_peer() {
            self.ask_addresses(peer);
        }
    }

    fn ask_addresses(&mut self, peer: ConnectionId) {
        let Some(greeted) = self.connections.get_mut(&peer).and_then(Peer::greeted_mut) else { return };
        if greeted.is_full() && !greeted.asked.addresses {
            greeted.asked.addresses = true;
            self.outbox.send(peer, &Packet::GetAddresses(()));
        }
    }

    pub(super) fn received_get_addresses(&mut self, now: Now, peer: ConnectionId) {
        let is_local = self.is_local(peer);
        let Some(greeted) = self.connections.get_mut(&peer).and_then(Peer::greeted_mut) else { return };
        if !greeted.asked.answers(now.moment) {
            return;
        }
        let count = ADDRESSES_MAX - 1;
        let mut sample =
            self.peers.book.sample(count, now.time, &mut self.rng, |address| address.is_local() && !is_local);
        sample.extend(self.config.listen.clone().filter(|own| is_local || !own.is_local()));
        self.outbox.send(peer, &Packet::Addresses(BoundedVec::new(sample)));
    }

    pub(super) fn received_addresses(
        &mut self,
        now: Now,
        peer: ConnectionId,
        addresses: Vec<Address>,
    ) -> Result<(), Misbehavior> {
        let Some(greeted) = self.connections.get_mut(&peer).and_then(Peer::greeted_mut) else {
            return Ok(());
        };
        if !core::mem::take(&mut greeted.asked.addresses) {
            return Err(Misbehavior::Unsolicited { packet: "addresses" });
        }
        let source = self.group_of(peer);
        let is_urgent = !self.is_full() && self.peers.book.len() < ADDRESSES_MAX;
        for address in addresses {
            if self.is_welcome(&address, peer) && self.peers.book.add(&address, source, now.time) && is_urgent
            {
                self.peers.rounds.book = self.peers.rounds.book.min(now.moment + FIRST_BOOK_INTERVAL);
            }
        }
        self.peers.rounds.stir();
        Ok(())
    }

    fn remember_book(&mut self) {
        if let Some(encoded) = self.peers.changed_book() {
            self.outbox.persist(vec![Change::Book { encoded: encoded.into() }]);
        }
    }
}

/// The addresses that must not be dialled: linked with us, or too similar to one that is.
#[derive(Debug, Default)]
struct Taken {
    addresses: VecMap<Address, ()>,
    groups: VecMap<NetGroup, ()>,
}

impl Taken {
    fn allows(&self, address: &Address) -> bool {
        !self.addresses.contains_key(address)
            && (address.is_local() || !self.groups.contains_key(&address.group()))
    }
}

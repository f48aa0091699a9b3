//! Neighbours: the nodes that this node dials on its own.
//!
//! Specified in PROTOCOL.md, "Neighbours".

use core::time::Duration;

use crate::node::config::{FULL, Neighbours};
use crate::node::context::Context;
use crate::node::peer_manager::PeerManager;
use crate::node::peer_manager::addresses::request_addresses;
use crate::node::schedule::{CERTIFY_INTERVAL, LINKS_INTERVAL};
use crate::peers::ban_list::BanTarget;
use crate::peers::outbound_slots::{MeasuredOutcome, OutboundKind};
use crate::peers::peer::Peer;
use crate::primitives::collections::vec_map::VecMap;
use crate::protocol::address::Address;
use crate::protocol::connection::{ConnectionId, Direction};
use crate::protocol::misbehavior::Reason;
use crate::protocol::netgroup::NetGroup;

/// The interval between requests for addresses.
const ADDRESSES_INTERVAL: Duration = Duration::from_secs(60);
/// The interval at which a changed address book is stored.
const BOOK_INTERVAL: Duration = Duration::from_secs(60);
/// The most nodes that are considered for a link: the nearest measured ones.
pub(super) const CANDIDATES_MAX: usize = 512;

impl PeerManager {
    /// Maintains the links that the node opens on its own, and its knowledge of the network.
    pub(crate) fn maintain_peers(&mut self, cx: &mut Context<'_>) {
        if cx.config.neighbours == Neighbours::Given {
            return;
        }
        if self.rounds.slots <= cx.now.moment {
            self.maintain_links(cx);
            self.rounds.slots = self.slots.deadline(cx.now.moment);
        }
        if self.rounds.addresses <= cx.now.moment {
            if let Some(peer) = draw_peer(cx) {
                request_addresses(cx, peer);
            }
            self.rounds.addresses = cx.now.moment + ADDRESSES_INTERVAL;
        }
        if self.rounds.links <= cx.now.moment {
            self.rounds.links = cx.now.moment + LINKS_INTERVAL;
            if cx.is_full() {
                self.request_certificates(cx);
            }
        }
        if self.rounds.certificates <= cx.now.moment {
            self.rounds.certificates = cx.now.moment + CERTIFY_INTERVAL;
            if cx.is_full() {
                self.certify(cx);
            }
        }
        if self.rounds.book <= cx.now.moment {
            self.rounds.book = cx.now.moment + BOOK_INTERVAL;
            self.store_book(cx);
        }
    }

    fn maintain_links(&mut self, cx: &mut Context<'_>) {
        self.slots.refresh(|peer| cx.connections.established(peer)?.ping.latency());
        if let Some(late) = self.slots.tick(cx.now.moment) {
            self.close(cx, late, Reason::Measured);
        }
        if cx.is_full() && self.slots.start_round_if_due(cx.now.moment) {
            self.drop_implausible(cx);
            self.plan_links(cx);
        }
        let is_feeler_due = self.slots.feeler_due(cx.now.moment);
        while let Some(kind) = self.slots.vacancy(cx.now.moment) {
            match self.pick(cx, kind) {
                Some(address) => self.dial_slot(cx, address, kind),
                None => self.slots.wait(cx.now.moment),
            }
        }
        if is_feeler_due {
            let picked = self.pick(cx, OutboundKind::Feeler);
            let is_new = picked.as_ref().is_some_and(|address| self.book.rtt(address).is_none());
            let known = self.book.tried_len();
            self.slots.schedule_feeler(cx.now.moment, known, cx.is_full() && is_new, cx.rng);
            if let Some(address) = picked {
                self.dial_slot(cx, address, OutboundKind::Feeler);
            }
        }
    }

    fn dial_slot(&mut self, cx: &mut Context<'_>, address: Address, kind: OutboundKind) {
        self.book.attempt(&address, cx.now.time);
        self.slots.dial(cx.now.moment, address.clone(), kind);
        cx.outbox.dial(address);
    }

    /// Returns an address for a link of this kind.
    fn pick(&self, cx: &mut Context<'_>, kind: OutboundKind) -> Option<Address> {
        let taken = self.taken(cx);
        let banned = |address: &Address| {
            let subject = BanTarget::of(Some(address.host()), None);
            subject.is_some_and(|subject| self.bans.is_banned(&subject, cx.now.moment))
        };
        let is_free = |address: &Address| taken.allows(address) && !banned(address);
        let is_avoided = |address: &Address| kind != OutboundKind::Random && self.slots.is_avoided(address);
        let fits = |address: &Address| is_free(address) && !is_avoided(address);
        let anchor = self.book.anchors_due(cx.now.time).find(|address| fits(address)).cloned();
        match kind {
            OutboundKind::Random => {
                anchor.or_else(|| self.book.select(cx.now.time, cx.rng, |address| !fits(address)))
            }
            OutboundKind::Nearest | OutboundKind::Graph => {
                let mut measured = self.book.measured_nearest(CANDIDATES_MAX, cx.now.time);
                let nearest =
                    || measured.find(|(address, _)| fits(address)).map(|(address, _)| address.clone());
                let known = anchor.or_else(nearest);
                known.or_else(|| self.book.select(cx.now.time, cx.rng, |address| !fits(address)))
            }
            OutboundKind::Feeler => {
                let tested = self.book.to_test(cx.now.time).filter(is_free);
                let measured = |address: &Address| self.book.rtt(address).is_some();
                let unknown = |address: &Address| is_free(address) && !measured(address);
                // If all nodes are measured, one that was measured in a bad moment is measured
                // again.
                let longest_ago = || {
                    if !FULL {
                        return None;
                    }
                    let free = self
                        .book
                        .measured_nearest(CANDIDATES_MAX, cx.now.time)
                        .filter(|(address, _)| is_free(address));
                    free.min_by_key(|(address, _)| self.book.last_seen(address))
                        .map(|(address, _)| address.clone())
                };
                tested
                    .or_else(|| self.book.select_new(cx.now.time, cx.rng, |address| !unknown(address)))
                    .or_else(|| self.book.select(cx.now.time, cx.rng, |address| !unknown(address)))
                    .or_else(longest_ago)
            }
        }
    }

    /// Returns the nodes that are linked with us already or must not be linked.
    pub(super) fn taken(&self, cx: &Context<'_>) -> Taken {
        let slots = self.slots.addresses().chain(self.reconnector.addresses());
        let mut taken = Taken::default();
        for address in slots.chain(&cx.config.listen) {
            if !address.is_local() {
                taken.groups.insert(address.group(), ());
            }
            taken.addresses.insert(address.clone(), ());
        }
        for (_, established) in cx.connections.established_peers() {
            if let Some(listen) = established.hello.listen.clone() {
                taken.addresses.insert(listen, ());
            }
        }
        taken
    }

    /// Handles the first known round trip of a link.
    pub(super) fn latency_settled(&mut self, cx: &mut Context<'_>, peer: ConnectionId, rtt: Duration) {
        self.rounds.links_changed();
        let Some(Peer { link: Direction::Outbound(address), .. }) = cx.connections.get(peer) else {
            return;
        };
        let (address, rtt) = (address.clone(), self.plausible_rtt(cx, peer, rtt));
        self.book.measured(&address, rtt);
        match self.slots.settled(peer, rtt) {
            MeasuredOutcome::Kept => {}
            MeasuredOutcome::Replaces(other) => self.close(cx, other, Reason::Replaced),
            MeasuredOutcome::Measured => self.close(cx, peer, Reason::Measured),
        }
    }
}

/// Returns a randomly chosen peer that keeps all blocks.
pub(super) fn draw_peer(cx: &mut Context<'_>) -> Option<ConnectionId> {
    let full = cx.connections.established_peers().filter(|(_, established)| established.is_full());
    let full: Vec<_> = full.map(|(id, _)| id).collect();
    let drawn = usize::try_from(cx.rng.below(full.len() as u64)).unwrap_or_default();
    full.get(drawn).copied()
}

/// The addresses that must not be dialled: linked with us, or too similar to one that is.
#[derive(Debug, Default)]
pub(super) struct Taken {
    addresses: VecMap<Address, ()>,
    groups: VecMap<NetGroup, ()>,
}

impl Taken {
    pub(super) fn allows(&self, address: &Address) -> bool {
        !self.addresses.contains_key(address)
            && (address.is_local() || !self.groups.contains_key(&address.group()))
    }
}

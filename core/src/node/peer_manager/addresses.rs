//! Addresses: learns the addresses of nodes, passes them on, and stores the address book.
//!
//! Specified in PROTOCOL.md, "Neighbours".

use core::time::Duration;

use crate::node::config::Neighbours;
use crate::node::context::Context;
use crate::node::peer_manager::PeerManager;
use crate::node::storage::Change;
use crate::peers::peer::Peer;
use crate::primitives::key::PublicKey;
use crate::primitives::time::Now;
use crate::protocol::address::Address;
use crate::protocol::bounded::BoundedVec;
use crate::protocol::connection::{ConnectionId, Direction};
use crate::protocol::host::Host;
use crate::protocol::limits::ADDRESSES_MAX;
use crate::protocol::misbehavior::Misbehavior;
use crate::protocol::netgroup::NetGroup;
use crate::protocol::packet::Packet;

/// The delay until a light node stores its first addresses: a page may be closed before the full
/// interval.
const FIRST_BOOK_INTERVAL: Duration = Duration::from_secs(2);

impl PeerManager {
    /// Adds bootstrap addresses. The node may dial them and need not stay connected to them.
    pub(crate) fn add_seeds<'a>(&mut self, now: Now, addresses: impl IntoIterator<Item = &'a Address>) {
        for address in addresses {
            self.book.add(address, address.group(), now.time);
        }
        self.rounds.links_changed();
    }

    /// Notes that a peer with which we are linked already has shown its key on another link. If we
    /// dialled that link, its address works. So it may be dialled as soon as the first link ends.
    pub(super) fn duplicate_connection(
        &mut self,
        cx: &Context<'_>,
        peer: ConnectionId,
        older: ConnectionId,
        key: PublicKey,
    ) {
        let Some(Peer { link: Direction::Outbound(address), .. }) = cx.connections.get(peer) else {
            return;
        };
        self.book.good(address, key, cx.now.time);
        let listen = cx.connections.established(older).and_then(|older| older.hello.listen.as_ref());
        if listen != Some(address) {
            // No other record says that it is linked, so it would be dialled there again at once.
            self.book.attempt(address, cx.now.time);
        }
    }

    /// Notes the information that a newly reached node gave about itself.
    pub(super) fn peer_established(&mut self, cx: &mut Context<'_>, peer: ConnectionId) {
        self.rounds.links_changed();
        let source = group_of(cx, peer);
        let Some((link, established)) =
            cx.connections.get(peer).and_then(|peer| Some((&peer.link, peer.established()?)))
        else {
            return;
        };
        let key = established.hello.key;
        match link {
            Direction::Outbound(address) => self.book.good(address, key, cx.now.time),
            Direction::Inbound(_) => {
                let listen = established.hello.listen.clone().filter(|_| established.is_full());
                if let Some(listen) = listen.filter(|listen| is_welcome(cx, listen, peer)) {
                    self.book.add(&listen, source, cx.now.time);
                }
            }
        }
        // A node that knows few addresses asks at once.
        if cx.config.neighbours == Neighbours::Chosen && self.book.len() < ADDRESSES_MAX {
            request_addresses(cx, peer);
        }
    }

    /// Answers with a sample of the address book.
    pub(crate) fn received_get_addresses(&self, cx: &mut Context<'_>, peer: ConnectionId) {
        let is_local = is_local(cx, peer);
        let Some(established) = cx.connections.established_mut(peer) else { return };
        if !established.open_requests.answers(cx.now.moment) {
            return;
        }
        let count = ADDRESSES_MAX - 1;
        let mut sample =
            self.book.sample(count, cx.now.time, cx.rng, |address| address.is_local() && !is_local);
        sample.extend(cx.config.listen.clone().filter(|own| is_local || !own.is_local()));
        cx.outbox.send(peer, &Packet::Addresses(BoundedVec::new(sample)));
    }

    /// Learns requested addresses.
    ///
    /// # Errors
    /// The peer's misbehavior.
    pub(crate) fn received_addresses(
        &mut self,
        cx: &mut Context<'_>,
        peer: ConnectionId,
        addresses: Vec<Address>,
    ) -> Result<(), Misbehavior> {
        let Some(established) = cx.connections.established_mut(peer) else {
            return Ok(());
        };
        if !core::mem::take(&mut established.open_requests.addresses) {
            return Err(Misbehavior::Unsolicited { packet: "addresses" });
        }
        let source = group_of(cx, peer);
        let is_urgent = !cx.is_full() && self.book.len() < ADDRESSES_MAX;
        for address in addresses {
            if is_welcome(cx, &address, peer) && self.book.add(&address, source, cx.now.time) && is_urgent {
                self.rounds.book = self.rounds.book.min(cx.now.moment + FIRST_BOOK_INTERVAL);
            }
        }
        self.rounds.links_changed();
        Ok(())
    }

    pub(super) fn store_book(&mut self, cx: &mut Context<'_>) {
        if let Some(encoded) = self.changed_book() {
            cx.outbox.persist(vec![Change::Book { encoded: encoded.into() }]);
        }
    }
}

fn group_of(cx: &Context<'_>, peer: ConnectionId) -> NetGroup {
    match cx.connections.get(peer).map(|peer| &peer.link) {
        Some(Direction::Outbound(address)) => address.group(),
        Some(Direction::Inbound(Some(ip))) => NetGroup::of_ip(*ip),
        Some(Direction::Inbound(None)) | None => NetGroup::of_ip(core::net::Ipv4Addr::UNSPECIFIED.into()),
    }
}

/// Returns true if a peer may report this address. Our own address is never accepted, and a
/// local one only from a local peer.
fn is_welcome(cx: &Context<'_>, address: &Address, peer: ConnectionId) -> bool {
    let is_own = cx.config.listen.as_ref() == Some(address);
    !is_own && (!address.is_local() || is_local(cx, peer))
}

fn is_local(cx: &Context<'_>, peer: ConnectionId) -> bool {
    match cx.connections.get(peer).map(|peer| &peer.link) {
        Some(Direction::Outbound(address)) => address.is_local(),
        Some(Direction::Inbound(ip)) => ip.is_none_or(|ip| Host::from(ip).is_local()),
        None => false,
    }
}

/// Requests addresses from a peer, unless it owes us some already.
pub(super) fn request_addresses(cx: &mut Context<'_>, peer: ConnectionId) {
    let Some(established) = cx.connections.established_mut(peer) else { return };
    if established.is_full() && !established.open_requests.addresses {
        established.open_requests.addresses = true;
        cx.outbox.send(peer, &Packet::GetAddresses(()));
    }
}

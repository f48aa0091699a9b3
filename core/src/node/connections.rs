//! Connections: handles them from the handshake to the disconnect, and dispatches their packets.

use core::time::Duration;

use bytes::Bytes;

use super::{ConnectionId, Direction, Node};
use crate::node::event::Event;
use crate::node::storage::PeerRequest;
use crate::peers::peer::{ConnectionStage, Greeted, Peer};
use crate::primitives::key::{PublicKey, Signature};
use crate::primitives::time::{MonotonicTime, Now};
use crate::protocol::address::Address;
use crate::protocol::bounded::{BoundedBytes, BoundedVec};
use crate::protocol::handshake::Handshake;
use crate::protocol::misbehavior::{Misbehavior, Reason};
use crate::protocol::packet::{Hello, PROTOCOL_VERSION, Packet, Role};
use crate::sync::headers::HeadersPeer;

/// A peer that disconnects within this time is not dialled again at once.
const BRIEF: Duration = Duration::from_secs(60);

impl Node {
    pub(super) fn connected(&mut self, now: Now, peer: ConnectionId, link: Direction) {
        if let Direction::Outbound(address) = &link {
            self.peers.reconnector.connected(address, peer);
            self.peers.slots.connected(address, peer);
        }
        let tip = self.chain.tip();
        let hello = Hello {
            version: PROTOCOL_VERSION,
            network: *self.chain.network().id(),
            role: self.config.role,
            key: self.config.node_key.public(),
            listen: self.config.listen.clone(),
            total_work: tip.total_work,
            height: tip.header.height,
            challenge: self.rng.bytes32(),
        };
        self.outbox.send(peer, &Packet::Hello(hello.clone()));
        let stage = ConnectionStage::Greeting(Box::new(Handshake::new(hello, now.moment)));
        // A new peer is checked in the next steps, which set the time of the following ones.
        self.schedule.peers_wake = MonotonicTime::default();
        self.connections.insert(peer, Peer { link, since: now.moment, stage });
        if self.is_banned(now, peer) {
            self.close(now, peer, Reason::Banned);
        } else {
            self.admit(now, peer);
        }
    }

    pub(super) fn unreached(&mut self, now: Now, address: &Address) {
        self.peers.reconnector.unreached(now.moment, address, &mut self.rng);
        if self.peers.slots.dial_failed(address) {
            self.peers.rounds.stir();
            // If we have no working connection, the failure says nothing about this address.
            if self.greeted().next().is_some() {
                self.peers.book.failed(address, now.time);
            }
        }
    }

    /// Handles a connection that broke or that the other end closed.
    pub(super) fn hung_up(&mut self, now: Now, peer: ConnectionId) {
        let brief = self.connections.get(&peer).filter(|known| now.moment - known.since < BRIEF);
        let address = brief.and_then(|known| match &known.link {
            Direction::Outbound(address) => Some(address.clone()),
            Direction::Inbound(_) => None,
        });
        self.closed(now, peer);
        if let Some(address) = address {
            // Back off as after a failed attempt. Otherwise we would keep redialling a full peer.
            self.peers.book.attempt(&address, now.time);
        }
    }

    pub(super) fn closed(&mut self, now: Now, peer: ConnectionId) {
        self.peers.reconnector.closed(now.moment, peer, &mut self.rng);
        self.peers.slots.closed(now.moment, peer);
        self.peers.rounds.stir();
        let Some(gone) = self.connections.remove(&peer) else { return };
        self.blocks.most_claimed = self.greeted().map(|(_, greeted)| greeted.claim).max().unwrap_or_default();
        self.schedule.dirty = true;
        self.blocks.closed(peer, &mut self.chain);
        if let (Some(greeted), Direction::Outbound(address)) = (gone.greeted(), &gone.link) {
            self.peers.book.good(address, greeted.hello.key, now.time);
        }
        if let Some(greeted) = gone.greeted() {
            self.withdraw(now, &greeted.hello.key);
            self.outbox.tell(Event::PeerDown { peer });
        }
    }

    pub(super) fn received(&mut self, now: Now, peer: ConnectionId, frame: Bytes) {
        let Some(known) = self.connections.get(&peer) else { return };
        let packet = match Packet::decode(&frame) {
            Ok(packet) => packet,
            Err(fault) => return self.fault(now, peer, fault),
        };
        self.schedule.dirty |= known.greeted().is_none();
        match (&known.stage, packet) {
            (_, Packet::Farewell(_)) => {}
            (ConnectionStage::Greeting(_), Packet::Hello(hello)) => self.received_hello(now, peer, hello),
            (ConnectionStage::Greeting(_), Packet::Answer(answer)) => {
                self.received_answer(now, peer, &answer);
            }
            (ConnectionStage::Greeting(_), packet) => {
                self.fault(now, peer, Misbehavior::BeforeHandshake { packet: packet.name() });
            }
            (ConnectionStage::Greeted(_), packet) => {
                if let Err(fault) = self.received_packet(now, peer, packet, &frame) {
                    self.fault(now, peer, fault);
                }
            }
        }
    }

    fn received_packet(
        &mut self,
        now: Now,
        peer: ConnectionId,
        packet: Packet,
        frame: &Bytes,
    ) -> Result<(), Misbehavior> {
        // These packets are very frequent, and most of them require no further step.
        self.schedule.dirty |=
            !matches!(packet, Packet::Ping(_) | Packet::Pong(_) | Packet::Announce(_) | Packet::Compact(_));
        match packet {
            // Light nodes do not handle these requests.
            Packet::GetAddresses(()) | Packet::Half(_) | Packet::GetLinks(_) | Packet::Links(_)
                if !self.is_full() =>
            {
                Ok(())
            }
            Packet::Hello(_) | Packet::Answer(_) => {
                Err(Misbehavior::DuplicateHandshake { packet: packet.name() })
            }
            Packet::Ping(bytes) => {
                self.outbox.send(peer, &Packet::Pong(bytes));
                Ok(())
            }
            Packet::Pong(bytes) => self.received_pong(now, peer, &bytes),
            Packet::Announce(header) => self.received_announce(now, peer, header),
            Packet::GetHeaders(locator) => {
                match self.config.role {
                    Role::Full => self.outbox.serve(peer, PeerRequest::Headers(locator.into_inner())),
                    Role::Light => self.outbox.send(peer, &Packet::Headers(BoundedVec::new(Vec::new()))),
                }
                Ok(())
            }
            Packet::Headers(headers) => self.received_headers(now, peer, headers.into_inner()),
            Packet::Held(hash) => {
                self.received_held(peer, hash);
                Ok(())
            }
            Packet::GetBodies(hashes) => {
                self.received_get_bodies(peer, hashes.into_inner());
                Ok(())
            }
            Packet::Body(block) => self.received_body(now, peer, *block, frame),
            Packet::Missing(hash) => self.blocks.download.received_missing(now, peer, &hash),
            Packet::Have(ids) => {
                self.received_have(peer, ids.into_inner());
                Ok(())
            }
            Packet::GetMessages(ids) => {
                self.received_get_messages(peer, &ids.into_inner());
                Ok(())
            }
            Packet::Messages(messages) => self.received_messages(peer, messages.into_inner()),
            Packet::Farewell(_) => Ok(()),
            Packet::Compact(compact) => self.received_compact(now, peer, *compact),
            Packet::GetParts(wanted) => {
                self.received_get_parts(peer, wanted);
                Ok(())
            }
            Packet::Parts(parts) => self.received_parts(now, peer, parts),
            Packet::GetAddresses(()) => {
                self.received_get_addresses(now, peer);
                Ok(())
            }
            Packet::Addresses(addresses) => self.received_addresses(now, peer, addresses.into_inner()),
            Packet::Half(half) => {
                self.received_half(now, peer, half);
                Ok(())
            }
            Packet::GetLinks(digest) => {
                self.received_get_links(now, peer, &digest);
                Ok(())
            }
            Packet::Links(links) => self.received_links(now, peer, links.into_inner()),
            Packet::GetProof(()) => {
                match self.config.role {
                    Role::Full => self.outbox.serve(peer, PeerRequest::Proof),
                    Role::Light => self.outbox.send(peer, &Packet::Proof(BoundedBytes::new(Vec::new()))),
                }
                Ok(())
            }
            Packet::Proof(proof) => self.received_proof(now, peer, proof.as_bytes()),
        }
    }

    fn received_hello(&mut self, now: Now, peer: ConnectionId, hello: Hello) {
        let Some(ConnectionStage::Greeting(handshake)) =
            self.connections.get_mut(&peer).map(|peer| &mut peer.stage)
        else {
            return;
        };
        match handshake.received_hello(hello, &self.config.node_key) {
            Ok(answer) => self.outbox.send(peer, &Packet::Answer(answer)),
            Err(Reason::Fault(fault)) => self.fault(now, peer, fault),
            Err(reason) => {
                if reason == Reason::OwnKey
                    && let Some(Peer { link: Direction::Outbound(address), .. }) = self.connections.get(&peer)
                {
                    self.peers.reconnector.forget(address);
                    self.peers.book.forget(address);
                }
                self.outbox.tell(Event::Closing { peer, reason: reason.clone() });
                self.close(now, peer, reason);
            }
        }
    }

    fn received_answer(&mut self, now: Now, peer: ConnectionId, answer: &Signature) {
        let Some(ConnectionStage::Greeting(handshake)) =
            self.connections.get_mut(&peer).map(|peer| &mut peer.stage)
        else {
            return;
        };
        match handshake.received_answer(answer) {
            Ok(hello) => self.introduced(now, peer, hello),
            Err(fault) => self.fault(now, peer, fault),
        }
    }

    /// Completes a handshake without checking the signature: the driver knows that it is valid,
    /// because the signing node is its own too.
    pub(crate) fn proven(&mut self, now: Now, peer: ConnectionId) {
        let Some(ConnectionStage::Greeting(handshake)) =
            self.connections.get_mut(&peer).map(|peer| &mut peer.stage)
        else {
            return;
        };
        match handshake.proven() {
            Ok(hello) => self.introduced(now, peer, hello),
            Err(fault) => self.fault(now, peer, fault),
        }
        self.advance(now);
    }

    /// Handles a peer that has proven its identity.
    fn introduced(&mut self, now: Now, peer: ConnectionId, hello: Hello) {
        let (key, role) = (hello.key, hello.role);
        let older = self.greeted().find(|(_, other)| other.hello.key == key).map(|(id, _)| id);
        if let Some(older) = older {
            self.duplicate_connection(now, peer, older, key);
            let loser = self.loser_of(older, peer, key);
            self.outbox.tell(Event::Closing { peer: loser, reason: Reason::Duplicate });
            if loser == peer {
                return self.close(now, peer, Reason::Duplicate);
            }
        }
        self.blocks.most_claimed = self.blocks.most_claimed.max(hello.total_work);
        if let Some(known) = self.connections.get_mut(&peer) {
            known.stage = ConnectionStage::Greeted(Box::new(Greeted::new(hello, now.moment)));
            self.schedule.peers_wake = MonotonicTime::default();
        }
        if let Some(older) = older {
            // The link goes on over the newer connection, and stays certified.
            self.close(now, older, Reason::Duplicate);
        }
        self.peers.reconnector.greeted(peer);
        if self.is_banned(now, peer) {
            return self.close(now, peer, Reason::Banned);
        }
        self.acquainted(now, peer);
        self.outbox.tell(Event::PeerUp { peer, key, role });
        self.greet_with_messages(peer);
        self.greet_with_leader(peer);
    }

    fn received_pong(&mut self, now: Now, peer: ConnectionId, bytes: &[u8; 16]) -> Result<(), Misbehavior> {
        let Some(greeted) = self.connections.get_mut(&peer).and_then(Peer::greeted_mut) else {
            return Ok(());
        };
        let (was_measured, was_settled) = (greeted.ping.latency().is_some(), greeted.ping.is_settled());
        greeted.ping.received_pong(now.moment, bytes)?;
        // The latency of a peer decides which peer is asked.
        self.schedule.dirty |= !was_measured;
        let next = greeted.ping.deadline();
        let settled = greeted.ping.latency().filter(|_| !was_settled && greeted.ping.is_settled());
        self.schedule.ping_at(next);
        if let Some(rtt) = settled {
            self.schedule.dirty = true;
            self.settled(now, peer, rtt);
        }
        Ok(())
    }

    /// Returns the connection to close, because each key keeps only one. Of two that cross, both
    /// ends keep the one that the smaller key dialled. Otherwise they keep the older one.
    fn loser_of(&self, older: ConnectionId, newer: ConnectionId, key: PublicKey) -> ConnectionId {
        let dialled = |id: ConnectionId| {
            self.connections.get(&id).is_some_and(|peer| matches!(peer.link, Direction::Outbound(_)))
        };
        let ours_stays = self.config.node_key.public() < key;
        if dialled(older) != dialled(newer) && dialled(newer) == ours_stays { older } else { newer }
    }

    /// Closes peers whose handshake or pong timed out, and sends the pings that are due.
    pub(super) fn tick_peers(&mut self, now: Now) {
        let (mut pings, mut faults) = (Vec::new(), Vec::new());
        if self.schedule.peers_wake <= now.moment {
            self.tick_pings(now, &mut pings, &mut faults);
        }
        for (peer, ping) in pings {
            self.outbox.send(peer, &Packet::Ping(ping));
        }
        if let Some(peer) = self.blocks.headers.tick(now.moment) {
            faults.push((peer, Misbehavior::RequestTimeout { request: "get-headers" }));
        }
        let stalled = self.blocks.download.tick(now.moment).into_iter();
        faults.extend(stalled.map(|peer| (peer, Misbehavior::RequestTimeout { request: "get-bodies" })));
        for (peer, fault) in faults {
            self.fault(now, peer, fault);
        }
    }

    fn tick_pings(
        &mut self,
        now: Now,
        pings: &mut Vec<(ConnectionId, [u8; 16])>,
        faults: &mut Vec<(ConnectionId, Misbehavior)>,
    ) {
        let mut next = MonotonicTime::from_micros(u64::MAX);
        for (&id, peer) in &mut self.connections {
            match &mut peer.stage {
                ConnectionStage::Greeting(handshake) if handshake.deadline <= now.moment => {
                    faults.push((id, Misbehavior::HandshakeTimeout));
                }
                ConnectionStage::Greeting(handshake) => next = next.min(handshake.deadline),
                ConnectionStage::Greeted(greeted) => {
                    match greeted.ping.tick(now.moment, || self.rng.bytes16()) {
                        Ok(Some(ping)) => {
                            pings.push((id, ping));
                            next = next.min(greeted.ping.deadline());
                        }
                        Ok(None) => next = next.min(greeted.ping.deadline()),
                        Err(fault) => faults.push((id, fault)),
                    }
                }
            }
        }
        self.schedule.peers_wake = next;
    }

    /// Returns the peers that may be asked for headers, with their latency.
    pub(super) fn candidates(&self) -> Vec<HeadersPeer> {
        let candidate = |(peer, greeted): (ConnectionId, &Greeted)| HeadersPeer {
            peer,
            latency: greeted.ping.latency().unwrap_or(Duration::MAX),
            claim: greeted.claim,
            said: greeted.hello.total_work,
            height: greeted.height,
        };
        self.greeted().filter(|(_, greeted)| greeted.is_full()).map(candidate).collect()
    }
}

//! Connections: takes them from the handshake to the end.

use core::time::Duration;

use crate::node::block_sync::PeerMisbehavior;
use crate::node::config::FULL;
use crate::node::context::Context;
use crate::node::event::Event;
use crate::node::peer_manager::PeerManager;
use crate::peers::peer::{ConnectionStage, EstablishedPeer, Peer};
use crate::primitives::key::{PublicKey, Signature};
use crate::primitives::time::MonotonicTime;
use crate::protocol::address::Address;
use crate::protocol::connection::{ConnectionId, Direction};
use crate::protocol::handshake::Handshake;
use crate::protocol::hello::{Hello, Versions};
use crate::protocol::misbehavior::{Misbehavior, Reason};
use crate::protocol::packet::{Packet, Role};

/// A peer that disconnects within this time is not dialled again at once.
const BRIEF: Duration = Duration::from_secs(60);

impl PeerManager {
    /// Handles an open connection: begins the handshake, unless it gets no place.
    pub(crate) fn connected(&mut self, cx: &mut Context<'_>, peer: ConnectionId, link: Direction) {
        if let Direction::Outbound(address) = &link {
            self.reconnector.connected(address, peer);
            self.slots.connected(address, peer);
        }
        let tip = cx.chain.tip();
        let hello = Hello {
            versions: Versions::OURS,
            features: cx.config.features,
            network: *cx.chain.network().id(),
            role: cx.config.role,
            key: cx.config.node_key.public(),
            listen: cx.config.listen.clone(),
            total_work: tip.total_work,
            height: tip.header.height,
            challenge: cx.rng.bytes32(),
        };
        let frame = Packet::Hello(hello.clone()).encode();
        let handshake = Handshake::new(hello, &frame, cx.now.moment);
        cx.outbox.send_frame(peer, frame);
        let stage = ConnectionStage::Handshaking(Box::new(handshake));
        // A new peer is checked in the next steps, which set the time of the following ones.
        cx.schedule.peers_wake = MonotonicTime::default();
        cx.connections.insert(peer, Peer { link, since: cx.now.moment, stage });
        if self.is_banned(cx, peer) {
            self.close(cx, peer, Reason::Banned);
        } else {
            self.admit(cx, peer);
        }
    }

    /// Handles a failed attempt to dial an address.
    pub(crate) fn dial_failed(&mut self, cx: &mut Context<'_>, address: &Address) {
        self.reconnector.dial_failed(cx.now.moment, address, cx.rng);
        if self.slots.dial_failed(address) {
            self.rounds.links_changed();
            // If we have no working connection, the failure says nothing about this address.
            if cx.connections.established_peers().next().is_some() {
                self.book.failed(address, cx.now.time);
            }
        }
    }

    /// Handles a connection that broke or that the other end closed.
    pub(crate) fn remote_closed(&mut self, cx: &mut Context<'_>, peer: ConnectionId) {
        let brief = cx.connections.get(peer).filter(|known| cx.now.moment - known.since < BRIEF);
        let address = brief.and_then(|known| match &known.link {
            Direction::Outbound(address) => Some(address.clone()),
            Direction::Inbound(_) => None,
        });
        self.closed(cx, peer);
        if let Some(address) = address {
            // Back off as after a failed attempt. Otherwise we would keep redialling a full peer.
            self.book.attempt(&address, cx.now.time);
        }
    }

    /// Sends the reason to a peer, and closes its connection.
    pub(crate) fn close(&mut self, cx: &mut Context<'_>, peer: ConnectionId, reason: Reason) {
        if cx.connections.contains(peer) {
            cx.outbox.close(peer, reason);
            self.closed(cx, peer);
        }
    }

    fn closed(&mut self, cx: &mut Context<'_>, peer: ConnectionId) {
        self.reconnector.closed(cx.now.moment, peer, cx.rng);
        self.slots.closed(cx.now.moment, peer);
        self.rounds.links_changed();
        let Some(gone) = cx.connections.remove(peer) else { return };
        cx.schedule.dirty = true;
        self.closed.push(peer);
        if let (Some(established), Direction::Outbound(address)) = (gone.established(), &gone.link) {
            self.book.good(address, established.hello.key, cx.now.time);
        }
        if let Some(established) = gone.established() {
            self.revoke(cx, &established.hello.key);
            cx.outbox.emit(Event::PeerDown { peer });
        }
    }

    /// Handles the hello of a peer, and the frame in which it came.
    pub(crate) fn received_hello(
        &mut self,
        cx: &mut Context<'_>,
        peer: ConnectionId,
        hello: Hello,
        frame: &[u8],
    ) {
        let Some(ConnectionStage::Handshaking(handshake)) =
            cx.connections.get_mut(peer).map(|peer| &mut peer.stage)
        else {
            return;
        };
        match handshake.received_hello(hello, frame, &cx.config.node_key) {
            Ok(answer) => cx.outbox.send(peer, &Packet::Answer(answer)),
            Err(Reason::Fault(fault)) => self.misbehaving(cx, peer, fault),
            Err(reason) => {
                if reason == Reason::OwnKey
                    && let Some(Peer { link: Direction::Outbound(address), .. }) = cx.connections.get(peer)
                {
                    self.reconnector.forget(address);
                    self.book.forget(address);
                }
                cx.outbox.emit(Event::Closing { peer, reason: reason.clone() });
                self.close(cx, peer, reason);
            }
        }
    }

    /// Handles the signature that ends a handshake. Returns true if the connection is established.
    pub(crate) fn received_answer(
        &mut self,
        cx: &mut Context<'_>,
        peer: ConnectionId,
        answer: &Signature,
    ) -> bool {
        let Some(ConnectionStage::Handshaking(handshake)) =
            cx.connections.get_mut(peer).map(|peer| &mut peer.stage)
        else {
            return false;
        };
        let completed = handshake.received_answer(answer);
        self.handshake_ended(cx, peer, completed)
    }

    /// Completes a handshake without checking the signature: the driver knows that it is valid,
    /// because the signing node is its own too. Returns true if the connection is established.
    pub(crate) fn proven(&mut self, cx: &mut Context<'_>, peer: ConnectionId) -> bool {
        let Some(ConnectionStage::Handshaking(handshake)) =
            cx.connections.get_mut(peer).map(|peer| &mut peer.stage)
        else {
            return false;
        };
        let completed = handshake.proven();
        self.handshake_ended(cx, peer, completed)
    }

    fn handshake_ended(
        &mut self,
        cx: &mut Context<'_>,
        peer: ConnectionId,
        completed: Result<Hello, Misbehavior>,
    ) -> bool {
        match completed {
            Ok(hello) => self.handshake_completed(cx, peer, hello),
            Err(misbehavior) => {
                self.misbehaving(cx, peer, misbehavior);
                false
            }
        }
    }

    /// Handles a peer that has proven its identity. Returns true if the connection stays.
    fn handshake_completed(&mut self, cx: &mut Context<'_>, peer: ConnectionId, hello: Hello) -> bool {
        let (key, role) = (hello.key, hello.role);
        let older = cx.connections.established_peers().find(|(_, other)| other.hello.key == key);
        let older = older.map(|(id, _)| id);
        if let Some(older) = older {
            self.duplicate_connection(cx, peer, older, key);
            let loser = loser_of(cx, older, peer, key);
            cx.outbox.emit(Event::Closing { peer: loser, reason: Reason::Duplicate });
            if loser == peer {
                self.close(cx, peer, Reason::Duplicate);
                return false;
            }
        }
        if let Some(known) = cx.connections.get_mut(peer) {
            known.stage = ConnectionStage::Established(Box::new(EstablishedPeer::new(hello, cx.now.moment)));
            cx.schedule.peers_wake = MonotonicTime::default();
        }
        if let Some(older) = older {
            // The link goes on over the newer connection, and stays certified.
            self.close(cx, older, Reason::Duplicate);
        }
        self.reconnector.established(peer);
        if self.is_banned(cx, peer) {
            self.close(cx, peer, Reason::Banned);
            return false;
        }
        if FULL && role == Role::Light && !self.admit_light(cx, peer) {
            return false;
        }
        self.peer_established(cx, peer);
        cx.outbox.emit(Event::PeerUp { peer, key, role });
        true
    }

    /// Handles a pong, which measures the connection's round trip.
    ///
    /// # Errors
    /// The peer's misbehavior.
    pub(crate) fn received_pong(
        &mut self,
        cx: &mut Context<'_>,
        peer: ConnectionId,
        bytes: &[u8; 16],
    ) -> Result<(), Misbehavior> {
        let Some(established) = cx.connections.established_mut(peer) else { return Ok(()) };
        let (was_measured, was_settled) =
            (established.ping.latency().is_some(), established.ping.is_settled());
        established.ping.received_pong(cx.now.moment, bytes)?;
        // The latency of a peer decides which peer is asked.
        cx.schedule.dirty |= !was_measured;
        let next = established.ping.deadline();
        let settled = established.ping.latency().filter(|_| !was_settled && established.ping.is_settled());
        cx.schedule.ping_at(next);
        if let Some(rtt) = settled {
            cx.schedule.dirty = true;
            self.latency_settled(cx, peer, rtt);
        }
        Ok(())
    }

    /// Sends the pings that are due. Returns the peers whose handshake or pong timed out.
    pub(crate) fn tick_pings(&self, cx: &mut Context<'_>) -> Vec<PeerMisbehavior> {
        let (mut pings, mut offences) = (Vec::new(), Vec::new());
        if cx.schedule.peers_wake > cx.now.moment {
            return offences;
        }
        let mut next = MonotonicTime::from_micros(u64::MAX);
        for (id, peer) in cx.connections.iter_mut() {
            match &mut peer.stage {
                ConnectionStage::Handshaking(handshake) if handshake.deadline <= cx.now.moment => {
                    offences.push((id, Misbehavior::HandshakeTimeout));
                }
                ConnectionStage::Handshaking(handshake) => next = next.min(handshake.deadline),
                ConnectionStage::Established(established) => {
                    match established.ping.tick(cx.now.moment, || cx.rng.bytes16()) {
                        Ok(Some(ping)) => {
                            pings.push((id, ping));
                            next = next.min(established.ping.deadline());
                        }
                        Ok(None) => next = next.min(established.ping.deadline()),
                        Err(misbehavior) => offences.push((id, misbehavior)),
                    }
                }
            }
        }
        cx.schedule.peers_wake = next;
        for (peer, ping) in pings {
            cx.outbox.send(peer, &Packet::Ping(ping));
        }
        offences
    }
}

/// Returns the connection to close, because each key keeps only one. Of two that cross, both ends
/// keep the one that the smaller key dialled. Otherwise they keep the older one.
fn loser_of(cx: &Context<'_>, older: ConnectionId, newer: ConnectionId, key: PublicKey) -> ConnectionId {
    let is_dialled = |id: ConnectionId| {
        cx.connections.get(id).is_some_and(|peer| matches!(peer.link, Direction::Outbound(_)))
    };
    let ours_stays = cx.config.node_key.public() < key;
    if is_dialled(older) != is_dialled(newer) && is_dialled(newer) == ours_stays { older } else { newer }
}

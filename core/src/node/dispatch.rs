//! Dispatch: hands each packet of a peer to the machine that handles it.

use bytes::Bytes;

use crate::node::context::Context;
use crate::node::machines::Machines;
use crate::node::storage::PeerRequest;
use crate::peers::peer::ConnectionStage;
use crate::protocol::bounded::{BoundedBytes, BoundedVec};
use crate::protocol::connection::ConnectionId;
use crate::protocol::misbehavior::Misbehavior;
use crate::protocol::packet::{Packet, Role};

impl Machines {
    /// Handles a frame. A peer that breaks a rule is closed.
    pub(crate) fn received(&mut self, cx: &mut Context<'_>, peer: ConnectionId, frame: &Bytes) {
        let Some(known) = cx.connections.get(peer) else { return };
        let packet = match Packet::decode(frame, cx.chain.network().block_bytes_max()) {
            Ok(packet) => packet,
            Err(misbehavior) => return self.misbehaving(cx, peer, misbehavior),
        };
        cx.schedule.dirty |= known.established().is_none();
        match (&known.stage, packet) {
            (_, Packet::Farewell(_)) => {}
            (ConnectionStage::Handshaking(_), Packet::Hello(hello)) => {
                self.peers.received_hello(cx, peer, hello, frame);
                self.pass_on_closed(cx);
            }
            (ConnectionStage::Handshaking(_), Packet::Answer(answer)) => {
                let is_established = self.peers.received_answer(cx, peer, &answer);
                self.handshake_ended(cx, peer, is_established);
            }
            (ConnectionStage::Handshaking(_), packet) => {
                self.misbehaving(cx, peer, Misbehavior::BeforeHandshake { packet: packet.name() });
            }
            (ConnectionStage::Established(_), packet) => {
                if let Err(misbehavior) = self.received_packet(cx, peer, packet, frame) {
                    self.misbehaving(cx, peer, misbehavior);
                }
            }
        }
    }

    /// Ends a handshake whose signature the driver knows to be valid. Returns false if the peer was
    /// not in the handshake.
    pub(crate) fn proven(&mut self, cx: &mut Context<'_>, peer: ConnectionId) -> bool {
        let Some(ConnectionStage::Handshaking(_)) = cx.connections.get(peer).map(|known| &known.stage) else {
            return false;
        };
        let is_established = self.peers.proven(cx, peer);
        self.handshake_ended(cx, peer, is_established);
        true
    }

    fn handshake_ended(&mut self, cx: &mut Context<'_>, peer: ConnectionId, is_established: bool) {
        self.pass_on_closed(cx);
        if is_established {
            self.established(cx, peer);
        }
    }

    /// Handles a packet of a peer that has completed the handshake.
    ///
    /// # Errors
    /// The peer's misbehavior.
    fn received_packet(
        &mut self,
        cx: &mut Context<'_>,
        peer: ConnectionId,
        packet: Packet,
        frame: &Bytes,
    ) -> Result<(), Misbehavior> {
        let Self { blocks, messages, peers, .. } = self;
        // These packets are very frequent, and most of them require no further step.
        cx.schedule.dirty |=
            !matches!(packet, Packet::Ping(_) | Packet::Pong(_) | Packet::Announce(_) | Packet::Compact(_));
        match packet {
            // Light nodes do not handle these requests.
            Packet::GetAddresses(()) | Packet::Half(_) | Packet::GetLinks(_) | Packet::Links(_)
                if !cx.is_full() => {}
            Packet::Hello(_) | Packet::Answer(_) => {
                return Err(Misbehavior::DuplicateHandshake { packet: packet.name() });
            }
            Packet::Farewell(_) => {}
            Packet::Ping(bytes) => cx.outbox.send(peer, &Packet::Pong(bytes)),
            Packet::Pong(bytes) => {
                peers.received_pong(cx, peer, &bytes)?;
                self.pass_on_closed(cx);
            }

            Packet::Announce(header) => {
                let has_moved = blocks.received_announce(cx, peer, header)?;
                self.follow_if(cx, has_moved);
            }
            Packet::GetHeaders(locator) => match cx.config.role {
                Role::Full => cx.outbox.serve(peer, PeerRequest::Headers(locator.into_inner())),
                Role::Light => cx.outbox.send(peer, &Packet::Headers(BoundedVec::new(Vec::new()))),
            },
            Packet::Headers(headers) => {
                let has_moved = blocks.received_headers(cx, peer, headers.into_inner())?;
                self.follow_if(cx, has_moved);
            }
            Packet::GetProof(()) => match cx.config.role {
                Role::Full => cx.outbox.serve(peer, PeerRequest::Proof),
                Role::Light => cx.outbox.send(peer, &Packet::Proof(BoundedBytes::new(Vec::new()))),
            },
            Packet::Proof(proof) => {
                let progress = blocks.received_proof(cx, peer, proof.as_bytes())?;
                if let Some(block) = progress.assumed {
                    messages.assume(cx, block);
                }
                self.follow_if(cx, progress.has_moved);
            }
            Packet::Held(hash) => blocks.received_held(cx, peer, hash),
            Packet::GetBodies(hashes) => blocks.received_get_bodies(cx, peer, hashes.into_inner()),
            Packet::Body(block) => blocks.received_body(cx, peer, *block, frame, &messages.pool)?,
            Packet::Missing(hash) => blocks.download.received_missing(cx.now, peer, &hash)?,
            Packet::Compact(compact) => blocks.received_compact(cx, peer, *compact, &messages.pool)?,
            Packet::GetParts(wanted) => blocks.received_get_parts(cx, peer, wanted)?,
            Packet::Parts(parts) => blocks.received_parts(cx, peer, parts, &messages.pool)?,

            // Blocks that are being fetched may contain the messages.
            Packet::Have(ids) if blocks.is_syncing() => messages.defer_inv(cx, peer, ids.into_inner()),
            Packet::Have(ids) => messages.received_inv(cx, peer, &ids.into_inner(), &blocks.recent),
            Packet::GetMessages(ids) => messages.received_get_messages(cx, peer, &ids.into_inner())?,
            Packet::Messages(received) => messages.received_messages(cx, peer, received.into_inner())?,

            Packet::GetAddresses(()) => peers.received_get_addresses(cx, peer),
            Packet::Addresses(addresses) => peers.received_addresses(cx, peer, addresses.into_inner())?,
            Packet::Half(attestation) => peers.received_attestation(cx, peer, attestation),
            Packet::GetLinks(digest) => peers.received_get_links(cx, peer, &digest),
            Packet::Links(links) => peers.received_links(cx, peer, links.into_inner())?,
        }
        Ok(())
    }
}

//! Certificates: certifies the node's own links, revokes them, and learns those of other nodes.

use core::time::Duration;

use crate::ledger::signature_batch::{BatchResult, SignatureBatch, SignatureCheck};
use crate::node::config::FULL;
use crate::node::context::Context;
use crate::node::peer_manager::PeerManager;
use crate::node::peer_manager::neighbours::draw_peer;
use crate::peers::outbound_slots::OutboundKind;
use crate::peers::peer::Peer;
use crate::primitives::key::PublicKey;
use crate::protocol::bounded::BoundedVec;
use crate::protocol::connection::{ConnectionId, Direction};
use crate::protocol::limits::LINKS_MAX;
use crate::protocol::link_certificate::{Epoch, LatencyAttestation, LinkCertificate};
use crate::protocol::link_digest::LinkDigest;
use crate::protocol::misbehavior::Misbehavior;
use crate::protocol::packet::Packet;

/// The interval while that peer has more.
const MORE_LINKS_INTERVAL: Duration = Duration::from_secs(1);
/// The interval to another peer while there is much news.
const NEWS_INTERVAL: Duration = Duration::from_secs(10);
/// At least this many new certificates count as much news.
const NEWS_MIN: usize = 16;

impl PeerManager {
    /// Requests certificates that we lack from a peer.
    pub(super) fn request_certificates(&self, cx: &mut Context<'_>) {
        let Some(peer) = draw_peer(cx) else { return };
        let Some(established) = cx.connections.established_mut(peer) else { return };
        if !established.open_requests.links {
            established.open_requests.links = true;
            cx.outbox.send(peer, &Packet::GetLinks(Box::new(self.graph.digest().clone())));
        }
    }

    /// Answers with certificates that the peer lacks.
    pub(crate) fn received_get_links(&self, cx: &mut Context<'_>, peer: ConnectionId, digest: &LinkDigest) {
        let Some(established) = cx.connections.established_mut(peer) else { return };
        if !established.open_requests.answers(cx.now.moment) {
            return;
        }
        let start = u32::try_from(cx.rng.below(1 << 32)).unwrap_or_default();
        let news = self.graph.news_for(digest, start, LINKS_MAX);
        cx.outbox.send(peer, &Packet::Links(BoundedVec::new(news)));
    }

    /// Handles requested certificates: starts the verification of the signatures that are new to us.
    ///
    /// # Errors
    /// The peer's misbehavior.
    pub(crate) fn received_links(
        &mut self,
        cx: &mut Context<'_>,
        peer: ConnectionId,
        links: Vec<LinkCertificate>,
    ) -> Result<(), Misbehavior> {
        let Some(established) = cx.connections.established_mut(peer) else {
            return Ok(());
        };
        if !core::mem::take(&mut established.open_requests.links) {
            return Err(Misbehavior::Unsolicited { packet: "links" });
        }
        let is_full = links.len() == LINKS_MAX;
        let (epoch, room) = (Epoch::of(cx.now.time), self.certificates.room());
        let wanted = links.into_iter().filter(|link| self.graph.wants(link, epoch));
        let wanted: Vec<_> = wanted.take(room).collect();
        if is_full && wanted.len() >= LINKS_MAX / 4 {
            self.rounds.links = self.rounds.links.min(cx.now.moment + MORE_LINKS_INTERVAL);
        } else if wanted.len() >= NEWS_MIN {
            self.rounds.links = self.rounds.links.min(cx.now.moment + NEWS_INTERVAL);
        }
        let network = *cx.chain.network().id();
        let checked = wanted.into_iter().map(|link| {
            let checks = link.checks(&network);
            (link, checks)
        });
        self.verify_certificates(cx, peer, checked.collect());
        Ok(())
    }

    /// Starts the verification of certificates, each by some of its signatures, before they are
    /// inserted.
    fn verify_certificates(
        &mut self,
        cx: &mut Context<'_>,
        peer: ConnectionId,
        certificates: Vec<(LinkCertificate, Vec<SignatureCheck>)>,
    ) {
        if certificates.is_empty() {
            return;
        }
        let id = cx.outbox.next_batch_id();
        let (mut counted, mut checks) = (Vec::with_capacity(certificates.len()), Vec::new());
        for (certificate, own) in certificates {
            counted.push((certificate, own.len()));
            checks.extend(own);
        }
        self.certificates.begin(id, peer, counted);
        cx.outbox.verify(SignatureBatch { id, checks, ids: Vec::new() });
    }

    /// Handles the result of a batch of certificates. Returns false if the batch was not one.
    pub(crate) fn certificates_verified(&mut self, cx: &mut Context<'_>, verdict: &BatchResult) -> bool {
        if !FULL {
            return false;
        }
        let Some((peer, certificates, is_broken)) = self.certificates.end(verdict) else {
            return false;
        };
        let epoch = Epoch::of(cx.now.time);
        let own = cx.config.node_key.public();
        for certificate in &certificates {
            self.graph.insert(certificate, epoch);
            // The link may have ended during the verification, or before we started.
            if let Some(other) = certificate.other_end(&own) {
                self.revoke(cx, &other);
            }
        }
        if is_broken {
            self.misbehaving(cx, peer, Misbehavior::InvalidLink);
        }
        true
    }

    /// Sends our attestations of the links that we dialled and that are due for a certificate.
    pub(super) fn certify(&self, cx: &mut Context<'_>) {
        let (own, epoch) = (cx.config.node_key.public(), Epoch::of(cx.now.time));
        let is_due = |(peer, known): (ConnectionId, &Peer)| {
            let Direction::Outbound(_) = &known.link else { return None };
            let established = known
                .established()
                .filter(|established| established.is_full() && established.ping.is_settled())?;
            let is_feeler = self.slots.find(peer) == Some(OutboundKind::Feeler);
            // A link that was revoked in an epoch is certified again in the next at the earliest.
            let may_be = !is_feeler && !self.graph.is_revoked(&own, &established.hello.key, epoch);
            (may_be && established.is_certificate_due(epoch)).then_some(peer)
        };
        let due: Vec<_> = cx.connections.iter().filter_map(is_due).collect();
        for peer in due {
            self.send_attestation(cx, peer, epoch);
        }
    }

    /// Revokes the certificate of a link that ended, for all nodes that hold it. Does nothing if
    /// the link still exists.
    pub(super) fn revoke(&mut self, cx: &Context<'_>, other: &PublicKey) {
        if !FULL {
            return;
        }
        let (own, epoch) = (cx.config.node_key.public(), Epoch::of(cx.now.time));
        let is_linked =
            || cx.connections.established_peers().any(|(_, established)| established.hello.key == *other);
        let Some(held) = self.graph.certificate(&own, other).filter(|held| !held.is_revocation()) else {
            return;
        };
        if !is_linked() {
            let (network, key) = (cx.chain.network().id(), &cx.config.node_key);
            let withdrawal = LinkCertificate::revoke(network, key, other, epoch.max(held.epoch()));
            self.graph.insert(&withdrawal, epoch);
        }
    }

    /// Signs our measurement of a link and sends it to the other end. Returns the attestation.
    fn send_attestation(
        &self,
        cx: &mut Context<'_>,
        peer: ConnectionId,
        epoch: Epoch,
    ) -> Option<LatencyAttestation> {
        let network = *cx.chain.network().id();
        let rtt = cx.connections.established(peer)?.ping.latency()?;
        let rtt = self.plausible_rtt(cx, peer, rtt);
        let established = cx.connections.established_mut(peer)?;
        let attestation =
            LatencyAttestation::sign(&network, &cx.config.node_key, &established.hello.key, epoch, rtt);
        established.attestation = Some(attestation);
        cx.outbox.send(peer, &Packet::Half(attestation));
        Some(attestation)
    }

    /// Handles the attestation of the other end of a link. Together with ours it forms a
    /// certificate.
    pub(crate) fn received_attestation(
        &mut self,
        cx: &mut Context<'_>,
        peer: ConnectionId,
        attestation: LatencyAttestation,
    ) {
        let (network, epoch) = (*cx.chain.network().id(), Epoch::of(cx.now.time));
        let Some(established) = cx.connections.established_mut(peer) else { return };
        let is_near = attestation.epoch.since(epoch) <= 1 && epoch.since(attestation.epoch) <= 1;
        // Once an epoch is enough. A peer whose clock is off by more has to wait.
        if !is_near
            || !established.is_full()
            || established.certified.is_some_and(|last| last >= attestation.epoch)
        {
            return;
        }
        if self.graph.is_revoked(&cx.config.node_key.public(), &established.hello.key, attestation.epoch) {
            return;
        }
        established.certified = Some(attestation.epoch);
        let ours = established.attestation.filter(|ours| ours.epoch == attestation.epoch);
        let Some(ours) = ours.or_else(|| self.send_attestation(cx, peer, attestation.epoch)) else { return };
        let Some(established) = cx.connections.established(peer) else { return };
        let (own, theirs) = (cx.config.node_key.public(), established.hello.key);
        let Some(certificate) = LinkCertificate::join(&own, &ours, &theirs, &attestation) else { return };
        let check = attestation.check(&network, &theirs, &own);
        self.verify_certificates(cx, peer, vec![(certificate, vec![check])]);
    }
}

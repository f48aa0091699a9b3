//! Certificates: certifies the node's own links, revokes them, and learns those of other nodes.

use core::time::Duration;

use super::{ConnectionId, Direction, FULL, Node};
use crate::ledger::signature_batch::{BatchResult, SignatureBatch, SignatureCheck};
use crate::peers::outbound_slots::OutboundKind;
use crate::peers::peer::Peer;
use crate::primitives::key::PublicKey;
use crate::primitives::time::Now;
use crate::protocol::bounded::BoundedVec;
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

impl Node {
    /// Requests certificates that we lack from a peer.
    pub(super) fn seek_certificates(&mut self, now: Now) {
        if let Some(peer) = self.draw_peer() {
            self.ask_links(now, peer);
        }
    }

    fn ask_links(&mut self, _now: Now, peer: ConnectionId) {
        let Some(greeted) = self.connections.get_mut(&peer).and_then(Peer::greeted_mut) else { return };
        if !greeted.asked.links {
            greeted.asked.links = true;
            self.outbox.send(peer, &Packet::GetLinks(Box::new(self.peers.graph.digest().clone())));
        }
    }

    pub(super) fn received_get_links(&mut self, now: Now, peer: ConnectionId, digest: &LinkDigest) {
        let Some(greeted) = self.connections.get_mut(&peer).and_then(Peer::greeted_mut) else { return };
        if !greeted.asked.answers(now.moment) {
            return;
        }
        let start = u32::try_from(self.rng.below(1 << 32)).unwrap_or_default();
        let news = self.peers.graph.news_for(digest, start, LINKS_MAX);
        self.outbox.send(peer, &Packet::Links(BoundedVec::new(news)));
    }

    pub(super) fn received_links(
        &mut self,
        now: Now,
        peer: ConnectionId,
        links: Vec<LinkCertificate>,
    ) -> Result<(), Misbehavior> {
        let Some(greeted) = self.connections.get_mut(&peer).and_then(Peer::greeted_mut) else {
            return Ok(());
        };
        if !core::mem::take(&mut greeted.asked.links) {
            return Err(Misbehavior::Unsolicited { packet: "links" });
        }
        let is_full = links.len() == LINKS_MAX;
        let (epoch, room) = (Epoch::of(now.time), self.peers.certificates.room());
        let wanted = links.into_iter().filter(|link| self.peers.graph.wants(link, epoch));
        let wanted: Vec<_> = wanted.take(room).collect();
        if is_full && wanted.len() >= LINKS_MAX / 4 {
            self.peers.rounds.links = self.peers.rounds.links.min(now.moment + MORE_LINKS_INTERVAL);
        } else if wanted.len() >= NEWS_MIN {
            self.peers.rounds.links = self.peers.rounds.links.min(now.moment + NEWS_INTERVAL);
        }
        let network = *self.chain.network().id();
        let checked = wanted.into_iter().map(|link| {
            let checks = link.checks(&network);
            (link, checks)
        });
        self.vouch(peer, checked.collect());
        Ok(())
    }

    /// Starts the verification of certificates, each by some of its signatures, before they are
    /// inserted.
    fn vouch(&mut self, peer: ConnectionId, certificates: Vec<(LinkCertificate, Vec<SignatureCheck>)>) {
        if certificates.is_empty() {
            return;
        }
        let id = self.outbox.next_batch_id();
        let (mut counted, mut checks) = (Vec::with_capacity(certificates.len()), Vec::new());
        for (certificate, own) in certificates {
            counted.push((certificate, own.len()));
            checks.extend(own);
        }
        self.peers.certificates.begin(id, peer, counted);
        self.outbox.verify(SignatureBatch { id, checks, ids: Vec::new() });
    }

    /// Handles the result of a batch of certificates. Returns false if the batch was not one.
    pub(super) fn vouched(&mut self, now: Now, verdict: &BatchResult) -> bool {
        if !FULL {
            return false;
        }
        let Some((peer, certificates, is_broken)) = self.peers.certificates.end(verdict) else {
            return false;
        };
        let epoch = Epoch::of(now.time);
        let own = self.config.node_key.public();
        for certificate in &certificates {
            self.peers.graph.insert(certificate, epoch);
            // The link may have ended during the verification, or before we started.
            if let Some(other) = certificate.other_end(&own) {
                self.withdraw(now, &other);
            }
        }
        if is_broken {
            self.fault(now, peer, Misbehavior::InvalidLink);
        }
        true
    }

    /// Sends our attestations of the links that we dialled and that are due for a certificate.
    pub(super) fn certify(&mut self, now: Now) {
        let (own, epoch) = (self.config.node_key.public(), Epoch::of(now.time));
        let is_due = |(peer, known): (&ConnectionId, &Peer)| {
            let Direction::Outbound(_) = &known.link else { return None };
            let greeted = known.greeted().filter(|greeted| greeted.is_full() && greeted.ping.is_settled())?;
            let is_feeler = self.peers.slots.find(*peer) == Some(OutboundKind::Feeler);
            // A link that was revoked in an epoch is certified again in the next at the earliest.
            let may_be = !is_feeler && !self.peers.graph.is_revoked(&own, &greeted.hello.key, epoch);
            (may_be && greeted.is_certificate_due(epoch)).then_some(*peer)
        };
        let due: Vec<_> = self.connections.iter().filter_map(is_due).collect();
        for peer in due {
            self.send_half(peer, epoch);
        }
    }

    /// Revokes the certificate of a link that ended, for all nodes that hold it. Does nothing if
    /// the link still exists.
    pub(super) fn withdraw(&mut self, now: Now, other: &PublicKey) {
        if !FULL {
            return;
        }
        let (own, epoch) = (self.config.node_key.public(), Epoch::of(now.time));
        let is_linked = || self.greeted().any(|(_, greeted)| greeted.hello.key == *other);
        let Some(held) = self.peers.graph.certificate(&own, other).filter(|held| !held.is_revocation())
        else {
            return;
        };
        if !is_linked() {
            let (network, key) = (self.chain.network().id(), &self.config.node_key);
            let withdrawal = LinkCertificate::revoke(network, key, other, epoch.max(held.epoch()));
            self.peers.graph.insert(&withdrawal, epoch);
        }
    }

    /// Signs our measurement of a link and sends it to the other end. Returns the attestation.
    fn send_half(&mut self, peer: ConnectionId, epoch: Epoch) -> Option<LatencyAttestation> {
        let network = *self.chain.network().id();
        let rtt = self.connections.get(&peer).and_then(Peer::greeted)?.ping.latency()?;
        let rtt = self.believed(peer, rtt);
        let greeted = self.connections.get_mut(&peer).and_then(Peer::greeted_mut)?;
        let half = LatencyAttestation::sign(&network, &self.config.node_key, &greeted.hello.key, epoch, rtt);
        greeted.half = Some(half);
        self.outbox.send(peer, &Packet::Half(half));
        Some(half)
    }

    /// Handles the attestation of the other end of a link. Together with ours it forms a
    /// certificate.
    pub(super) fn received_half(&mut self, now: Now, peer: ConnectionId, half: LatencyAttestation) {
        let (network, epoch) = (*self.chain.network().id(), Epoch::of(now.time));
        let Some(greeted) = self.connections.get_mut(&peer).and_then(Peer::greeted_mut) else { return };
        let is_near = half.epoch.since(epoch) <= 1 && epoch.since(half.epoch) <= 1;
        // Once an epoch is enough. A peer whose clock is off by more has to wait.
        if !is_near || !greeted.is_full() || greeted.certified.is_some_and(|last| last >= half.epoch) {
            return;
        }
        if self.peers.graph.is_revoked(&self.config.node_key.public(), &greeted.hello.key, half.epoch) {
            return;
        }
        greeted.certified = Some(half.epoch);
        let ours = greeted.half.filter(|ours| ours.epoch == half.epoch);
        let Some(ours) = ours.or_else(|| self.send_half(peer, half.epoch)) else { return };
        let Some(greeted) = self.connections.get(&peer).and_then(Peer::greeted) else { return };
        let (own, theirs) = (self.config.node_key.public(), greeted.hello.key);
        let Some(certificate) = LinkCertificate::join(&own, &ours, &theirs, &half) else { return };
        let check = half.check(&network, &theirs, &own);
        self.vouch(peer, vec![(certificate, vec![check])]);
    }
}

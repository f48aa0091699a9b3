//! The actions of a Byzantine host, by the attack of its
//! [`Adversary`](super::adversary::Adversary).
//!
//! Forged blocks carry their proof of work, because the target is easy.

use core::time::Duration;

use bytes::Bytes;

use super::attack::Attack;
use super::frame_kind::announced_height;
use super::identity;
use super::identity::HOSTS_MAX;
use super::link::LinkEnd;
use super::world::World;
use crate::ledger::chain::ChainEntry;
use crate::mining::search;
use crate::primitives::block::{Block, Header, VERSION, content_root};
use crate::primitives::hash::Hash;
use crate::primitives::key::{PublicKey, SecretKey, Signature};
use crate::protocol::address::Address;
use crate::protocol::bounded::BoundedVec;
use crate::protocol::limits::ADDRESSES_MAX;
use crate::protocol::limits::LINKS_MAX;
use crate::protocol::link_certificate::{Epoch, LatencyAttestation, LinkCertificate};
use crate::protocol::packet::{Packet, body_frame};

/// The most frames that are held back. When full, all are sent.
const HELD_BACK_MAX: usize = 512;
/// The number of headers in one flood.
const FLOOD: u32 = 32;
/// The number of links that a host opens when it tries to fill others' slots.
const ECLIPSE_LINKS: usize = 64;
/// The number of false certificates in one answer.
const LIES: usize = 16;
/// The most tries for a block: a thousand times the expected number.
const TRIES_MAX: u64 = 1 << 12;

impl World {
    /// Returns the frame that a Byzantine host sends in place of its node's frame.
    pub(super) fn alter(&mut self, host: u32, frame: Bytes) -> Bytes {
        let attack = self.hosts[host as usize].adversary.as_ref().map(|adversary| adversary.attack);
        let block_bytes_max = self.network.block_bytes_max();
        match attack {
            Some(Attack::Eclipse)
                if matches!(Packet::decode(&frame, block_bytes_max), Ok(Packet::Addresses(_))) =>
            {
                self.addresses_of_its_kind()
            }
            Some(Attack::CertificateLiar) => match Packet::decode(&frame, block_bytes_max) {
                Ok(Packet::Links(links)) => self.links_of_its_kind(host, links.into_inner()),
                _ => frame,
            },
            _ => frame,
        }
    }

    fn addresses_of_its_kind(&mut self) -> Bytes {
        // Byzantine nodes fill at most half of an answer. Unused addresses fill the rest.
        let kind = (0..self.setup.nodes).filter(|other| !self.hosts[*other as usize].is_honest());
        let mut addresses: Vec<Address> = kind.take(ADDRESSES_MAX / 2).map(identity::address).collect();
        while addresses.len() < ADDRESSES_MAX {
            let beyond = HOSTS_MAX - self.setup.nodes;
            addresses.push(identity::address(self.setup.nodes + self.faults.rng.index(beyond)));
        }
        Packet::Addresses(BoundedVec::new(addresses)).encode()
    }

    /// Returns the requested links, some of them replaced by false ones.
    fn links_of_its_kind(&mut self, host: u32, mut links: Vec<LinkCertificate>) -> Bytes {
        let kind: Vec<u32> =
            (0..self.setup.nodes).filter(|other| !self.hosts[*other as usize].is_honest()).collect();
        let count = u32::try_from(kind.len()).unwrap_or_default();
        let epoch = Epoch::of(self.now(host).time);
        links.truncate(LINKS_MAX - LIES);
        for _ in 0..LIES {
            let [one, other] =
                [(); 2].map(|()| identity::key(self.setup.seed, kind[self.faults.rng.index(count) as usize]));
            let half = |own: &SecretKey, far: &SecretKey| {
                LatencyAttestation::sign(
                    self.network.id(),
                    own,
                    &far.public(),
                    epoch,
                    Duration::from_micros(1),
                )
            };
            let (there, back) = (half(&one, &other), half(&other, &one));
            links.extend(LinkCertificate::join(&one.public(), &there, &other.public(), &back));
        }
        Packet::Links(BoundedVec::new(links)).encode()
    }

    /// Observes a header that a Byzantine host received. A withholding host releases its blocks
    /// when another branch comes near.
    pub(super) fn observe(&mut self, host: u32, frame: &Bytes) {
        let this = &mut self.hosts[host as usize];
        let Some(tip) = this.node.as_ref().map(|node| node.chain().tip().header.height) else { return };
        let Some(adversary) = this.adversary.as_mut().filter(|adversary| adversary.hoards) else { return };
        let is_near = announced_height(frame).is_some_and(|height| height + 1 >= tip);
        if is_near || adversary.held_back.len() >= HELD_BACK_MAX {
            self.let_go(host);
        }
    }

    /// Sends all frames that a host held back.
    pub(super) fn let_go(&mut self, host: u32) {
        let Some(adversary) = &mut self.hosts[host as usize].adversary else { return };
        adversary.hoards = false;
        for (end, frame) in core::mem::take(&mut adversary.held_back) {
            self.transmit(host, end, frame);
        }
    }

    /// Answers a request for forged blocks in a Byzantine host's name. Returns true if its node
    /// must not see the request.
    pub(super) fn intercept_request(&mut self, host: u32, end: LinkEnd, frame: &Bytes) -> bool {
        let Some(adversary) =
            self.hosts[host as usize].adversary.as_ref().filter(|adversary| !adversary.forged.is_empty())
        else {
            return false;
        };
        let Ok(Packet::GetBodies(hashes)) = Packet::decode(frame, self.network.block_bytes_max()) else {
            return false;
        };
        let forged: Vec<_> =
            hashes.into_inner().iter().filter_map(|hash| adversary.forged.get(hash)).cloned().collect();
        for body in forged.iter().flatten() {
            self.transmit(host, end, body.clone());
        }
        !forged.is_empty()
    }

    /// Makes a Byzantine host attack.
    pub(super) fn act_as_adversary(&mut self, host: u32) {
        let Some(adversary) = &self.hosts[host as usize].adversary else { return };
        match adversary.attack {
            Attack::InvalidChain => match self.faults.rng.below(3) {
                0 => self.forge(host, |block| block.signature = Signature::from_bytes([1; 64]), true),
                1 => self.forge(host, |block| block.header.version = VERSION + 1, true),
                _ => self.forge(host, |block| block.header.height += 1, true),
            },
            Attack::WithheldBody => self.forge(host, |_| (), false),
            Attack::HeaderFlooder => self.flood(host),
            Attack::Eclipse => self.open_many_links(host),
            Attack::Silent
            | Attack::Stalling
            | Attack::LatencyLiar
            | Attack::CertificateLiar
            | Attack::Selfish => {}
        }
    }

    /// Announces a block of its own that is spoilt in some way, or whose body is withheld.
    fn forge(&mut self, host: u32, spoil: impl FnOnce(&mut Block), serves: bool) {
        let now = self.now(host);
        let extra = self.faults.rng.draw();
        let Some(node) = &self.hosts[host as usize].node else { return };
        let (chain, ChainEntry { hash, header: below, .. }) = (node.chain(), node.chain().tip());
        let Some(history) = chain.history(&hash) else { return };
        let time = now.time.max(below.time.plus_ms(1));
        let header = Header {
            prev_hash: hash,
            content_root: Hash::ZERO,
            version: VERSION,
            height: below.height + 1,
            time,
            bits: self.network.next_bits(&below, time),
            nonce: 0,
        };
        let (author, signature) = (PublicKey::NOBODY, Signature::NONE);
        let mut block = Block { header, extra, author, signature, messages: Vec::new() };
        let history_root = history.root();
        block.seal(&identity::key(self.setup.seed, host), self.network.id(), &history_root);
        spoil(&mut block);
        let body_root = block.body_root(&block.messages_root());
        block.header.content_root = content_root(&history_root, &body_root, block.extra);
        grind(&mut block.header);
        let (hash, body) = (block.header.hash(), serves.then(|| body_frame(&block.encode())));
        if let Some(adversary) = &mut self.hosts[host as usize].adversary {
            adversary.forge(hash, body);
        }
        self.broadcast(host, &Packet::Announce(block.header));
        self.broadcast(host, &Packet::Held(hash));
    }

    /// Announces headers that carry their work and lead nowhere.
    fn flood(&mut self, host: u32) {
        let Some(chain) = self.hosts[host as usize].node.as_ref().map(|node| node.chain()) else { return };
        // No flooded header reaches the tip's height.
        let Some(ends) = chain.tip().header.height.checked_sub(2) else { return };
        let mut headers = Vec::new();
        for _ in 0..FLOOD {
            let height = self.faults.rng.below(ends + 1);
            let below = chain.best_at(height).and_then(|hash| chain.find(hash));
            let Some(below) = below.map(|place| place.header) else { continue };
            let time = below.time.plus_ms(1 + self.faults.rng.below(1_000));
            let mut header = Header {
                prev_hash: below.hash(),
                content_root: Hash::from_bytes(self.faults.rng.bytes32()),
                version: VERSION,
                height: height + 1,
                time,
                bits: self.network.next_bits(&below, time),
                nonce: 0,
            };
            grind(&mut header);
            headers.push(header);
        }
        for header in headers {
            self.broadcast(host, &Packet::Announce(header));
        }
    }

    /// Connects to more and more hosts.
    fn open_many_links(&mut self, host: u32) {
        let this = &self.hosts[host as usize];
        for _ in this.outbound()..ECLIPSE_LINKS.min(self.hosts.len() / 2) {
            let to = self.faults.rng.index(self.setup.nodes);
            if to != host && !self.is_linked(host, to) {
                self.dial_host(host, to);
            }
        }
    }

    /// Sends a packet to all connected hosts.
    fn broadcast(&mut self, host: u32, packet: &Packet) {
        let frame = packet.encode();
        for end in self.hosts[host as usize].ends.clone() {
            self.transmit(host, end, frame.clone());
        }
    }
}

/// Searches for a nonce with which the header's hash meets its own bits.
fn grind(header: &mut Header) {
    if let Some(nonce) = search::grind(header, TRIES_MAX) {
        header.nonce = nonce;
    }
}

//! The certified links that a node knows and passes on. The graph is only a hint for relay order
//! and peer choice. Consensus never depends on it.
//!
//! Specified in PROTOCOL.md, "Link certificates".
//!
//! Only certificates whose signatures hold may be inserted. Two nodes compare [`LinkDigest`]s and
//! send each other the differences ([`Graph::news_for`]) until they hold the same links. A
//! [`GraphTopology`] gives the network's shape.
//!
//! Keys cost nothing, so a hostile peer can invent any number of them, with links between them. It
//! gains room for [`KEY_LINKS_MAX`] links per key and as many revoked ones, until the graph is full
//! ([`LINKS_MAX`], some 3 MB). Then the farthest link is evicted, and links that no path connects
//! to us go first. So invented keys that no honest node links to displace each other. Invented keys
//! behind a peer of ours seem as near as that peer, and displace links that are farther away. Our
//! own links stay.

pub(super) mod adjacency;
mod eviction;
mod key_interner;
mod link_store;
mod reconciliation;
pub(super) mod topology;

use core::mem::size_of;

pub use adjacency::HOP_US;
pub(crate) use adjacency::{Adjacency, UNREACHED};
pub use eviction::KEY_LINKS_MAX;
pub use topology::{DIAMETER_NODES_MAX, GraphTopology, Tree};

use self::adjacency::NONE;
use self::eviction::Eviction;
use self::key_interner::OWN;
use self::link_store::{HeldLink, LinkRank, LinkStore};
use self::reconciliation::Reconciliation;
use crate::primitives::key::PublicKey;
use crate::protocol::link_certificate::{Epoch, LinkCertificate};
use crate::protocol::link_digest::{LinkDigest, bucket, mark};

/// The most links that a graph holds by default. Beyond it, the farthest is evicted.
pub const LINKS_MAX: usize = 16_384;
/// The number of epochs that a link counts after its own: half an hour.
pub const LINK_AGE_EPOCHS: u32 = 3;
/// The most epochs that a certificate may be ahead of us, because clocks differ.
pub const AHEAD_EPOCHS: u32 = 1;
/// The result of inserting a certificate. None of them is an offence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InsertOutcome {
    /// The link is new.
    New,
    /// The link replaces one from an earlier epoch.
    Updated,
    /// Nothing changed: the link is already held from this epoch or a later one.
    Known,
    /// Not held: too old, too early, inconsistent figures, or too far away for the room that is
    /// left.
    Refused,
}

/// How inserting a certificate would change the graph.
enum Insertion {
    Update { index: usize, mark: u16 },
    Add { mark: u16, victims: Vec<[u32; 2]> },
}

/// The certified links that a node holds.
///
/// ```
/// # use core::time::Duration;
/// # use plexus_core::peers::topology::graph::{Graph, InsertOutcome, LINKS_MAX};
/// # use plexus_core::protocol::link_certificate::{Epoch, LatencyAttestation, LinkCertificate};
/// # use plexus_core::{Hash, SecretKey};
/// # let (network, epoch) = (Hash::of(b"network"), Epoch::from_u32(5));
/// # let [a, b] = [1, 2].map(|seed| SecretKey::from_bytes(&[seed; 32]).unwrap());
/// # let half = |own: &SecretKey, peer: &SecretKey| {
/// #     LatencyAttestation::sign(&network, own, &peer.public(), epoch, Duration::from_millis(20))
/// # };
/// let (own, peer) = (a.public(), b.public());
/// let link = LinkCertificate::join(&own, &half(&a, &b), &peer, &half(&b, &a)).unwrap();
/// let mut graph = Graph::new(own, LINKS_MAX);
/// assert_eq!(graph.insert(&link, epoch), InsertOutcome::New);
/// assert_eq!(graph.insert(&link, epoch), InsertOutcome::Known);
/// assert_eq!(graph.links_of(&own).collect::<Vec<_>>(), [(peer, 20_000)]);
/// // A node without the link gets it, because the digests differ.
/// let news = graph.news_for(Graph::new(peer, LINKS_MAX).digest(), 0, 10);
/// assert_eq!(news, [link]);
/// ```
#[derive(Clone, Debug)]
pub struct Graph {
    store: LinkStore,
    eviction: Eviction,
    reconciliation: Reconciliation,
}

impl Graph {
    /// Creates an empty graph with room for `links_max` links.
    pub fn new(own: PublicKey, links_max: usize) -> Self {
        Self {
            store: LinkStore::new(own),
            eviction: Eviction::new(links_max),
            reconciliation: Reconciliation::default(),
        }
    }

    /// Returns the key of the node that holds the graph.
    pub fn own(&self) -> PublicKey {
        self.store.keys.key(OWN)
    }

    /// Returns the number of live links. It scans all links.
    pub fn len(&self) -> usize {
        self.store.live().count()
    }

    /// Returns true if there is no live link.
    pub fn is_empty(&self) -> bool {
        self.store.live().next().is_none()
    }

    /// Returns the number of keys that have links, ours included. It scans all links.
    pub fn nodes(&self) -> usize {
        self.linked().into_iter().filter(|is_linked| *is_linked).count()
    }

    /// Returns a flag for each number: true if its key has links or is ours.
    fn linked(&self) -> Vec<bool> {
        let mut linked = vec![false; self.store.keys.nodes.len()];
        linked[OWN as usize] = true;
        for end in self.store.live().flat_map(|link| link.ends) {
            linked[end as usize] = true;
        }
        linked
    }

    /// Returns every link: its two ends, the lower first, and its round trip in microseconds. In no
    /// particular order.
    pub fn links(&self) -> impl Iterator<Item = (PublicKey, PublicKey, u32)> {
        self.store.live().map(|link| {
            let [a, b] = self.store.ends(link);
            (a, b, link.weight_us())
        })
    }

    /// Returns a key's links: their other ends and round trips in microseconds. In no particular
    /// order.
    pub fn links_of(&self, key: &PublicKey) -> impl Iterator<Item = (PublicKey, u32)> {
        let number = self.store.keys.number(key);
        let links = number.into_iter().flat_map(|node| self.store.at(node));
        let live = links.filter(|(link, _)| link.is_live());
        live.map(|(link, other)| (self.store.keys.key(other), link.weight_us()))
    }

    /// Returns the link between two keys, in either order.
    fn link(&self, a: &PublicKey, b: &PublicKey) -> Option<&HeldLink> {
        self.store.index_of(a, b).map(|index| &self.store.links[index])
    }

    /// Returns true if the link between two keys, in either order, is held from this epoch or a
    /// later one.
    pub fn contains(&self, a: &PublicKey, b: &PublicKey, epoch: Epoch) -> bool {
        self.link(a, b).is_some_and(|link| link.is_live() && link.epoch >= epoch)
    }

    /// Returns true if the link between two keys, in either order, was revoked in this epoch or a
    /// later one.
    pub fn is_revoked(&self, a: &PublicKey, b: &PublicKey, epoch: Epoch) -> bool {
        self.link(a, b).is_some_and(|link| link.is_revoked() && link.epoch >= epoch)
    }

    /// Returns the certificate of the link between two keys, in either order, or its revocation.
    pub fn certificate(&self, a: &PublicKey, b: &PublicKey) -> Option<LinkCertificate> {
        self.store.index_of(a, b).map(|index| self.store.certificate_at(index))
    }

    /// Returns the approximate number of bytes of memory that it takes.
    pub fn size_bytes(&self) -> usize {
        size_of::<Self>() + self.store.size_bytes() + self.eviction.size_bytes()
    }

    /// Returns its shape at this moment.
    pub fn topology(&self) -> GraphTopology {
        let (keys, linked) = (&self.store.keys, self.linked());
        let linked = keys.by_key.iter().filter(|(_, node)| linked[*node as usize]);
        let mut places = vec![NONE; keys.nodes.len()];
        for (place, (_, node)) in (0..).zip(linked.clone()) {
            places[*node as usize] = place;
        }
        let ends = self.store.live().map(|link| {
            let [a, b] = link.ends.map(|node| places[node as usize]);
            (a, b, link.weight_us())
        });
        let mut ends: Vec<_> = ends.collect();
        ends.sort_unstable();
        GraphTopology::sorted(self.own(), linked.map(|(_, node)| keys.key(*node)).collect(), ends)
    }

    /// Returns a digest of the held links.
    pub fn digest(&self) -> &LinkDigest {
        &self.reconciliation.digest
    }

    /// Returns certificates that the node with the digest `theirs` probably lacks: at most `max` of
    /// the links in buckets that differ.
    ///
    /// Half of them are the most recently inserted ones, which few nodes have yet. The others begin
    /// at a place that `start` decides on and go around. If `start` is random, each certificate has
    /// its turn in the end.
    pub fn news_for(&self, theirs: &LinkDigest, start: u32, max: usize) -> Vec<LinkCertificate> {
        self.reconciliation.news_for(&self.store, theirs, start, max)
    }

    /// Returns true if a certificate would be inserted. Ask before verifying its signatures, to
    /// avoid useless verification.
    pub fn wants(&mut self, certificate: &LinkCertificate, now: Epoch) -> bool {
        self.plan(certificate, now).is_ok()
    }

    /// Inserts a certificate whose signatures hold. Returns the result.
    pub fn insert(&mut self, certificate: &LinkCertificate, now: Epoch) -> InsertOutcome {
        let insertion = match self.plan(certificate, now) {
            Ok(insertion) => insertion,
            Err(outcome) => return outcome,
        };
        self.reconciliation.count();
        let inserted_seq = self.reconciliation.inserted;
        match insertion {
            Insertion::Update { index, mark } => {
                let link = &self.store.links[index];
                self.reconciliation.digest.toggle(link.bucket, link.mark ^ mark);
                self.store.update(index, certificate, mark, inserted_seq);
                InsertOutcome::Updated
            }
            Insertion::Add { mark, victims } => {
                victims.into_iter().for_each(|victim| self.remove(victim));
                let ends = certificate.ends.map(|key| self.intern(key));
                let &LinkCertificate { epoch, rtts_us, signatures, .. } = certificate;
                let bucket = bucket(&certificate.ends);
                let link = HeldLink { ends, epoch, rtts_us, mark, bucket, inserted_seq };
                self.reconciliation.digest.toggle(bucket, mark);
                self.eviction.add_link(&link);
                self.store.push(link, signatures);
                InsertOutcome::New
            }
        }
    }

    /// Returns how inserting a certificate would change the graph, or the reason why it is not
    /// inserted.
    fn plan(&mut self, certificate: &LinkCertificate, now: Epoch) -> Result<Insertion, InsertOutcome> {
        let epoch = certificate.epoch;
        let late = now.since(epoch) > LINK_AGE_EPOCHS || epoch.since(now) > AHEAD_EPOCHS;
        let is_revoked = certificate.is_revocation();
        if late || !is_revoked && certificate.weight_us().is_none() {
            return Err(InsertOutcome::Refused);
        }
        let ends = certificate.ends.map(|key| self.store.keys.number(&key));
        let held = match ends {
            [Some(a), Some(b)] => self.store.find([a, b]),
            [None, _] | [_, None] => None,
        };
        // Within one epoch the revocation counts, because the link existed before it.
        let order = |link: &HeldLink| (link.epoch, link.is_revoked());
        if held.is_some_and(|index| order(&self.store.links[index]) >= (epoch, is_revoked)) {
            return Err(InsertOutcome::Known);
        }
        let mark = mark(&certificate.ends, epoch, is_revoked);
        let rank = LinkRank { is_live: !is_revoked, epoch, mark };
        Ok(match held {
            Some(index) => Insertion::Update { index, mark },
            None => {
                let victims = self.eviction.victims(&self.store, ends, rank);
                Insertion::Add { mark, victims: victims.ok_or(InsertOutcome::Refused)? }
            }
        })
    }

    /// Drops the links that are too old.
    pub fn expire(&mut self, now: Epoch) {
        let old = self.store.links.iter().filter(|link| now.since(link.epoch) > LINK_AGE_EPOCHS);
        let old: Vec<_> = old.map(|link| link.ends).collect();
        if !old.is_empty() {
            old.into_iter().for_each(|ends| self.remove(ends));
            self.eviction.forget_distances();
        }
    }

    /// Returns the number of a key.
    fn intern(&mut self, key: PublicKey) -> u32 {
        let (number, is_new) = self.store.keys.intern(key);
        if is_new {
            self.eviction.add_node(number);
        }
        number
    }

    /// Drops a link. It also drops each end that has no other link.
    fn remove(&mut self, ends: [u32; 2]) {
        if let Some(link) = self.store.remove(ends) {
            self.reconciliation.digest.toggle(link.bucket, link.mark);
        }
    }
}

/// Grows by an eighth instead of doubling, because graphs are most of a simulated node's memory.
fn grow<T>(items: &mut Vec<T>) {
    if items.len() == items.capacity() {
        items.reserve_exact(items.len() / 8 + 8);
    }
}

#[cfg(test)]
mod tests;

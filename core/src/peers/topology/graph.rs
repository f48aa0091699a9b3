//! The certified links that a node knows and passes on. The graph is only a hint for relay order
//! and peer choice. Consensus never depends on it.
//!
//! Specified in PROTOCOL.md, "Link certificates".
//!
//! Only certificates whose signatures hold may be inserted. Two nodes compare [`LinkDigest`]s and send
//! each other the differences ([`Graph::news_for`]) until they hold the same links. A [`GraphTopology`]
//! gives the network's shape.
//!
//! Keys cost nothing, so a hostile peer can invent any number of them, with links between them. It
//! gains room for [`KEY_LINKS_MAX`] links per key and as many revoked ones, until the graph is full
//! ([`LINKS_MAX`], some 3 MB). Then the farthest link is evicted, and links that no path connects
//! to us go first. So invented keys that no honest node links to displace each other. Invented keys
//! behind a peer of ours seem as near as that peer, and displace links that are farther away. Our
//! own links stay.

pub(super) mod adjacency;
pub(super) mod topology;

use core::mem::size_of;
use std::collections::VecDeque;

use crate::protocol::link_digest::LinkDigest;
pub use adjacency::HOP_US;
pub use topology::{DIAMETER_NODES_MAX, GraphTopology, Tree};

use crate::primitives::key::{PublicKey, Signature};
use crate::protocol::link_certificate::{Epoch, LinkCertificate};
pub(crate) use adjacency::Adjacency;
pub(crate) use adjacency::UNREACHED;
use adjacency::{NONE, beyond, hop_us};

/// The most links that a graph holds by default. Beyond it, the farthest is evicted.
pub const LINKS_MAX: usize = 16_384;
/// The most links of one key that are held, and the most revoked ones. Links to us do not count.
/// Beyond it, the key's oldest of that kind is evicted.
pub const KEY_LINKS_MAX: usize = 32;
/// The number of epochs that a link counts after its own: half an hour.
pub const LINK_AGE_EPOCHS: u32 = 3;
/// The most epochs that a certificate may be ahead of us, because clocks differ.
pub const AHEAD_EPOCHS: u32 = 1;
/// The number of certificates after which a full graph measures its nodes' distances again. A
/// search for each certificate would cost more than its signatures. In between, a new node's
/// distance follows from the link that it came with.
const MEASURED_MAX: u32 = 64;
/// Our number among a graph's nodes.
const OWN: u32 = 0;

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

/// A key that has links in the graph.
#[derive(Clone, Debug)]
struct GraphKey {
    key: PublicKey,
    links: u32,
}

/// A held link, or a revoked one. A revocation is remembered until no earlier certificate of the
/// link counts any more.
#[derive(Clone, Debug)]
struct HeldLink {
    ends: [u32; 2],
    epoch: Epoch,
    rtts_us: [u32; 2],
    mark: u16,
    bucket: u16,
    /// The number of certificates that were inserted before this one.
    learned: u32,
}

impl HeldLink {
    /// Returns its ends from one side: this one first.
    fn seen_from(&self, side: usize) -> [u32; 2] {
        [self.ends[side], self.ends[1 - side]]
    }

    fn weight_us(&self) -> u32 {
        self.rtts_us[0].max(self.rtts_us[1])
    }

    fn is_withdrawn(&self) -> bool {
        self.rtts_us == [0; 2]
    }

    fn is_live(&self) -> bool {
        !self.is_withdrawn()
    }

    /// Returns the rank that decides which link of a key is evicted. It is the same on every node,
    /// so that all end up with the same links.
    fn rank(&self) -> LinkRank {
        LinkRank { is_live: self.is_live(), epoch: self.epoch, mark: self.mark }
    }
}

/// The order in which links are kept: live ones before revoked ones, then the later epoch, then the
/// greater mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct LinkRank {
    is_live: bool,
    epoch: Epoch,
    mark: u16,
}

/// How inserting a certificate would change the graph.
enum Insertion {
    Update { place: usize, mark: u16 },
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
    links_max: usize,
    /// By number. The number of a node that lost its last link is free for another key.
    nodes: Vec<GraphKey>,
    free: Vec<u32>,
    /// The nodes in use, in the order of their keys. Each comes with the first bytes of its key,
    /// which mostly decide the order.
    by_key: Vec<(u32, u32)>,
    links: Vec<HeldLink>,
    /// The signatures of each link. They are apart, because they take most of a link's memory and
    /// are seldom read.
    signatures: Vec<[Signature; 2]>,
    /// For either side the indexes of links, in the order of their ends' numbers as seen from
    /// there.
    by_ends: [Vec<u32>; 2],
    /// The revoked links, the next to evict first.
    withdrawn: VecDeque<(LinkRank, [u32; 2])>,
    /// The distance of the farthest link at the last measurement.
    horizon: u32,
    digest: LinkDigest,
    /// The number of inserted certificates, modulo 2^32.
    learned: u32,
    /// Each node's distance from us, microseconds. Empty until the graph is full.
    reach: Vec<u32>,
    /// The number of certificates that were compared with `reach`.
    measured: u32,
}

impl Graph {
    /// Creates an empty graph with room for `links_max` links.
    pub fn new(own: PublicKey, links_max: usize) -> Self {
        Self {
            links_max,
            nodes: vec![GraphKey { key: own, links: 0 }],
            free: Vec::new(),
            by_key: vec![(lead(&own), OWN)],
            links: Vec::new(),
            signatures: Vec::new(),
            by_ends: [Vec::new(), Vec::new()],
            withdrawn: VecDeque::new(),
            digest: LinkDigest::default(),
            learned: 0,
            horizon: UNREACHED,
            reach: Vec::new(),
            measured: 0,
        }
    }

    /// Returns the key of the node that holds the graph.
    pub fn own(&self) -> PublicKey {
        self.nodes[OWN as usize].key
    }

    /// Returns the live links.
    fn live(&self) -> impl Iterator<Item = &HeldLink> + Clone {
        self.links.iter().filter(|link| link.is_live())
    }

    /// Returns the number of live links. It scans all links.
    pub fn len(&self) -> usize {
        self.live().count()
    }

    /// Returns true if there is no live link.
    pub fn is_empty(&self) -> bool {
        self.live().next().is_none()
    }

    /// Returns the number of keys that have links, ours included. It scans all links.
    pub fn nodes(&self) -> usize {
        self.linked().into_iter().filter(|is_linked| *is_linked).count()
    }

    /// Returns a flag for each number: true if its key has links or is ours.
    fn linked(&self) -> Vec<bool> {
        let mut linked = vec![false; self.nodes.len()];
        linked[OWN as usize] = true;
        for end in self.live().flat_map(|link| link.ends) {
            linked[end as usize] = true;
        }
        linked
    }

    /// Returns every link: its two ends, the lower first, and its round trip in microseconds. In no
    /// particular order.
    pub fn links(&self) -> impl Iterator<Item = (PublicKey, PublicKey, u32)> {
        self.live().map(|link| {
            let [a, b] = self.ends(link);
            (a, b, link.weight_us())
        })
    }

    /// Returns a key's links: their other ends and round trips in microseconds. In no particular
    /// order.
    pub fn links_of(&self, key: &PublicKey) -> impl Iterator<Item = (PublicKey, u32)> {
        let number = self.number(key);
        let links = number.into_iter().flat_map(|node| self.at(node)).filter(|(link, _)| link.is_live());
        links.map(|(link, other)| (self.nodes[other as usize].key, link.weight_us()))
    }

    /// Returns the links of a node, each with its other end, including the revoked ones.
    fn at(&self, node: u32) -> impl Iterator<Item = (&HeldLink, u32)> + Clone {
        [0, 1].into_iter().flat_map(move |side| {
            let first = self.find_from(side, [node, 0]).unwrap_or_else(|place| place);
            let links = self.by_ends[side][first..].iter().map(|place| &self.links[*place as usize]);
            let seen = links.map(move |link| (link, link.seen_from(side)));
            seen.take_while(move |(_, [end, _])| *end == node).map(|(link, [_, other])| (link, other))
        })
    }

    /// Returns true if the link between two keys, in either order, is held from this epoch or a
    /// later one.
    pub fn contains(&self, a: &PublicKey, b: &PublicKey, epoch: Epoch) -> bool {
        self.place(a, b).is_some_and(|place| self.links[place].is_live() && self.links[place].epoch >= epoch)
    }

    /// Returns true if the link between two keys, in either order, was revoked in this epoch or a
    /// later one.
    pub fn is_revoked(&self, a: &PublicKey, b: &PublicKey, epoch: Epoch) -> bool {
        self.place(a, b)
            .is_some_and(|place| self.links[place].is_withdrawn() && self.links[place].epoch >= epoch)
    }

    /// Returns the certificate of the link between two keys, in either order, or its revocation.
    pub fn certificate(&self, a: &PublicKey, b: &PublicKey) -> Option<LinkCertificate> {
        self.place(a, b).map(|place| self.certificate_at(place))
    }

    /// Returns the approximate number of bytes of memory that it takes.
    pub fn size_bytes(&self) -> usize {
        size_of::<Self>()
            + self.nodes.capacity() * size_of::<GraphKey>()
            + self.links.capacity() * size_of::<HeldLink>()
            + self.signatures.capacity() * size_of::<[Signature; 2]>()
            + self.by_key.capacity() * size_of::<(u32, u32)>()
            + self.withdrawn.capacity() * size_of::<(LinkRank, [u32; 2])>()
            + 4 * [&self.free, &self.by_ends[0], &self.by_ends[1], &self.reach]
                .map(Vec::capacity)
                .iter()
                .sum::<usize>()
    }

    /// Returns its shape at this moment.
    pub fn topology(&self) -> GraphTopology {
        let linked = self.linked();
        let linked = self.by_key.iter().filter(|(_, node)| linked[*node as usize]);
        let mut places = vec![NONE; self.nodes.len()];
        for (place, (_, node)) in (0..).zip(linked.clone()) {
            places[*node as usize] = place;
        }
        let ends = self.live().map(|link| {
            let [a, b] = link.ends.map(|node| places[node as usize]);
            (a, b, link.weight_us())
        });
        let mut ends: Vec<_> = ends.collect();
        ends.sort_unstable();
        let keys = linked.map(|(_, node)| self.nodes[*node as usize].key).collect();
        GraphTopology::sorted(self.own(), keys, ends)
    }

    /// Returns a digest of the held links.
    pub fn digest(&self) -> &LinkDigest {
        &self.digest
    }

    /// Returns certificates that the node with the digest `theirs` probably lacks: at most `max` of
    /// the links in buckets that differ.
    ///
    /// Half of them are the most recently inserted ones, which few nodes have yet. The others begin
    /// at a place that `start` decides on and go around. If `start` is random, each certificate has
    /// its turn in the end.
    pub fn news_for(&self, theirs: &LinkDigest, start: u32, max: usize) -> Vec<LinkCertificate> {
        let [first, second, third, fourth] = start.to_be_bytes();
        let (bucket, mark) = (u16::from_be_bytes([first, second]) >> 4, u16::from_be_bytes([third, fourth]));
        let is_news = |(_, link): &(usize, &HeldLink)| !self.digest.agrees(theirs, link.bucket);
        let mut news: Vec<_> = self.links.iter().enumerate().filter(is_news).collect();
        let rank = |(_, link): &(usize, &HeldLink)| {
            (link.bucket.wrapping_sub(bucket), link.mark.wrapping_sub(mark), link.ends)
        };
        if news.len() > max {
            let age = |(_, link): &(usize, &HeldLink)| self.learned.wrapping_sub(link.learned);
            news.select_nth_unstable_by_key(max / 2, age);
            news[max / 2..].select_nth_unstable_by_key(max - max / 2, rank);
            news.truncate(max);
        }
        news.sort_unstable_by_key(rank);
        news.into_iter().map(|(place, _)| self.certificate_at(place)).collect()
    }

    /// Returns true if a certificate would be inserted. Ask before verifying its signatures, to
    /// avoid useless verification.
    pub fn wants(&mut self, certificate: &LinkCertificate, now: Epoch) -> bool {
        self.taking(certificate, now).is_ok()
    }

    /// Inserts a certificate whose signatures hold. Returns the result.
    pub fn insert(&mut self, certificate: &LinkCertificate, now: Epoch) -> InsertOutcome {
        let taking = self.taking(certificate, now);
        self.learned = self.learned.wrapping_add(u32::from(taking.is_ok()));
        match taking {
            Ok(Insertion::Update { place, mark }) => {
                self.update(place, mark, certificate);
                InsertOutcome::Updated
            }
            Ok(Insertion::Add { mark, victims }) => {
                victims.into_iter().for_each(|victim| self.remove(victim));
                let ends = certificate.ends.map(|key| self.intern(key));
                let bucket = crate::protocol::link_digest::bucket(&certificate.ends);
                let &LinkCertificate { epoch, rtts_us, signatures, .. } = certificate;
                let learned = self.learned;
                self.push(HeldLink { ends, epoch, rtts_us, mark, bucket, learned }, signatures);
                InsertOutcome::New
            }
            Err(outcome) => outcome,
        }
    }

    /// Returns how inserting a certificate would change the graph, or the reason why it is not
    /// inserted.
    fn taking(&mut self, certificate: &LinkCertificate, now: Epoch) -> Result<Insertion, InsertOutcome> {
        let epoch = certificate.epoch;
        let late = now.since(epoch) > LINK_AGE_EPOCHS || epoch.since(now) > AHEAD_EPOCHS;
        let is_withdrawn = certificate.is_revocation();
        if late || !is_withdrawn && certificate.weight_us().is_none() {
            return Err(InsertOutcome::Refused);
        }
        let ends = certificate.ends.map(|key| self.number(&key));
        let held = match ends {
            [Some(a), Some(b)] => self.find([a, b]),
            [None, _] | [_, None] => None,
        };
        // Within one epoch the revocation counts, because the link existed before it.
        let order = |link: &HeldLink| (link.epoch, link.is_withdrawn());
        if held.is_some_and(|place| order(&self.links[place]) >= (epoch, is_withdrawn)) {
            return Err(InsertOutcome::Known);
        }
        let mark = crate::protocol::link_digest::mark(&certificate.ends, epoch, is_withdrawn);
        let rank = LinkRank { is_live: !is_withdrawn, epoch, mark };
        Ok(match held {
            Some(place) => Insertion::Update { place, mark },
            None => Insertion::Add { mark, victims: self.victims(ends, rank).ok_or(InsertOutcome::Refused)? },
        })
    }

    /// Drops the links that are too old.
    pub fn expire(&mut self, now: Epoch) {
        let old = self.links.iter().filter(|link| now.since(link.epoch) > LINK_AGE_EPOCHS);
        let old: Vec<_> = old.map(|link| link.ends).collect();
        if !old.is_empty() {
            old.into_iter().for_each(|ends| self.remove(ends));
            self.reach = Vec::new();
        }
    }

    /// Replaces the certificate of a held link by a newer one.
    fn update(&mut self, place: usize, mark: u16, certificate: &LinkCertificate) {
        self.unindex(place);
        let link = &mut self.links[place];
        self.digest.toggle(link.bucket, link.mark ^ mark);
        link.epoch = certificate.epoch;
        link.rtts_us = certificate.rtts_us;
        link.mark = mark;
        link.learned = self.learned;
        self.signatures[place] = certificate.signatures;
        self.index(place);
    }

    /// Adds a link to the revoked ones, if it is revoked.
    fn index(&mut self, place: usize) {
        let link = &self.links[place];
        let entry = (link.rank(), link.ends);
        if link.is_withdrawn()
            && let Err(place) = self.withdrawn.binary_search(&entry)
        {
            self.withdrawn.insert(place, entry);
        }
    }

    /// Removes a link from the revoked ones, if it is revoked.
    fn unindex(&mut self, place: usize) {
        let link = &self.links[place];
        if link.is_withdrawn()
            && let Ok(place) = self.withdrawn.binary_search(&(link.rank(), link.ends))
        {
            self.withdrawn.remove(place);
        }
    }

    /// Returns the links to evict for a new one. Returns `None` if the new one is refused instead.
    ///
    /// `ends` are the new link's ends, if they are known. `rank` is as [`HeldLink::rank`].
    fn victims(&mut self, ends: [Option<u32>; 2], rank: LinkRank) -> Option<Vec<[u32; 2]>> {
        let mut victims = Vec::new();
        if !(ends.contains(&Some(OWN)) && rank.is_live) {
            for end in ends.into_iter().flatten().filter(|end| *end != OWN) {
                let alike =
                    |(link, other): &(&HeldLink, u32)| link.is_live() == rank.is_live && *other != OWN;
                let links = self.at(end).filter(alike).map(|(link, _)| link);
                if links.clone().count() < KEY_LINKS_MAX {
                    continue;
                }
                let victim = links.min_by_key(|link| link.rank())?;
                if victim.rank() >= rank {
                    return None;
                }
                victims.push(victim.ends);
            }
        }
        if victims.is_empty() && self.links.len() >= self.links_max {
            let eldest = self.withdrawn.front().filter(|(eldest, _)| *eldest < rank);
            victims.push(match eldest {
                Some((_, ends)) => *ends,
                // A revocation never takes a live link's room.
                None if rank.is_live => self.farthest_beyond(ends)?,
                None => return None,
            });
        }
        Some(victims)
    }

    /// Returns the farthest link, if it is farther away than one between `ends` would be. A link's
    /// distance is that of its nearer end.
    fn farthest_beyond(&mut self, ends: [Option<u32>; 2]) -> Option<[u32; 2]> {
        self.measure();
        let reach = |node: u32| self.reach[node as usize];
        let near = |link: &HeldLink| reach(link.ends[0]).min(reach(link.ends[1]));
        let far = |link: &HeldLink| reach(link.ends[0]).max(reach(link.ends[1]));
        let new = ends.into_iter().flatten().map(reach).min().unwrap_or(UNREACHED);
        if new >= self.horizon {
            return None;
        }
        let farthest = self.links.iter().max_by_key(|link| (near(link), far(link), link.rank()))?;
        (near(farthest) > new).then_some(farthest.ends)
    }

    /// Measures the distances of all nodes, unless the last measurement is recent enough.
    fn measure(&mut self) {
        if self.reach.is_empty() || self.measured >= MEASURED_MAX {
            let links = self.live().map(|link| (link.ends[0], link.ends[1], link.weight_us()));
            self.reach = Adjacency::new(self.nodes.len(), links).paths(OWN).us;
            let near = |link: &HeldLink| link.ends.map(|node| self.reach[node as usize]).into_iter().min();
            self.horizon = self.live().filter_map(near).max().unwrap_or(UNREACHED);
            self.measured = 0;
        }
        self.measured += 1;
    }

    fn number(&self, key: &PublicKey) -> Option<u32> {
        self.position(key).ok().map(|place| self.by_key[place].1)
    }

    fn position(&self, key: &PublicKey) -> Result<usize, usize> {
        let wanted = lead(key);
        self.by_key.binary_search_by(|(lead, node)| {
            lead.cmp(&wanted).then_with(|| self.nodes[*node as usize].key.cmp(key))
        })
    }

    fn intern(&mut self, key: PublicKey) -> u32 {
        let place = match self.position(&key) {
            Ok(place) => return self.by_key[place].1,
            Err(place) => place,
        };
        let node = GraphKey { key, links: 0 };
        let number = if let Some(number) = self.free.pop() {
            self.nodes[number as usize] = node;
            number
        } else {
            grow(&mut self.nodes);
            self.nodes.push(node);
            u32::try_from(self.nodes.len() - 1).expect("nodes are at most two a link")
        };
        if !self.reach.is_empty() {
            self.reach.resize(self.nodes.len(), UNREACHED);
            self.reach[number as usize] = UNREACHED;
        }
        grow(&mut self.by_key);
        self.by_key.insert(place, (lead(&key), number));
        number
    }

    /// Returns two numbers in the order of their keys, as links name them.
    fn ordered(&self, a: u32, b: u32) -> [u32; 2] {
        if self.nodes[a as usize].key < self.nodes[b as usize].key { [a, b] } else { [b, a] }
    }

    /// Returns the index of the link between two nodes, named in the order of their keys.
    fn find(&self, ends: [u32; 2]) -> Option<usize> {
        self.find_from(0, ends).ok().map(|place| self.by_ends[0][place] as usize)
    }

    /// Returns the position of the link with these ends in the order seen from one side. The error
    /// is the position for inserting it.
    fn find_from(&self, side: usize, ends: [u32; 2]) -> Result<usize, usize> {
        self.by_ends[side].binary_search_by_key(&ends, |link| self.links[*link as usize].seen_from(side))
    }

    fn place(&self, a: &PublicKey, b: &PublicKey) -> Option<usize> {
        let ends = self.ordered(self.number(a)?, self.number(b)?);
        self.find(ends)
    }

    fn ends(&self, link: &HeldLink) -> [PublicKey; 2] {
        link.ends.map(|node| self.nodes[node as usize].key)
    }

    fn certificate_at(&self, place: usize) -> LinkCertificate {
        let link = &self.links[place];
        LinkCertificate {
            ends: self.ends(link),
            epoch: link.epoch,
            rtts_us: link.rtts_us,
            signatures: self.signatures[place],
        }
    }

    /// Adds a link that is not held, between nodes that are.
    fn push(&mut self, link: HeldLink, signatures: [Signature; 2]) {
        let number = number(self.links.len());
        for side in [0, 1] {
            let Err(place) = self.find_from(side, link.seen_from(side)) else { return };
            grow(&mut self.by_ends[side]);
            self.by_ends[side].insert(place, number);
        }
        self.digest.toggle(link.bucket, link.mark);
        link.ends.iter().for_each(|node| self.nodes[*node as usize].links += 1);
        if !self.reach.is_empty() && link.is_live() {
            for [from, to] in
                [link.ends, [link.ends[1], link.ends[0]]].map(|ends| ends.map(|end| end as usize))
            {
                if self.reach[from] != UNREACHED {
                    self.reach[to] = self.reach[to].min(beyond(self.reach[from], hop_us(link.weight_us())));
                }
            }
        }
        grow(&mut self.links);
        self.links.push(link);
        grow(&mut self.signatures);
        self.signatures.push(signatures);
        self.index(self.links.len() - 1);
    }

    /// Drops a link. It also drops each end that has no other link.
    fn remove(&mut self, ends: [u32; 2]) {
        let Some(place) = self.find(ends) else { return };
        self.unindex(place);
        // The last link moves to the index that becomes free.
        let moved = self.links.len() - 1;
        for side in [0, 1] {
            let seen = |place: usize| self.links[place].seen_from(side);
            let (gone, stays) = (self.find_from(side, seen(place)), self.find_from(side, seen(moved)));
            if let (Ok(gone), Ok(stays)) = (gone, stays) {
                self.by_ends[side][stays] = number(place);
                self.by_ends[side].remove(gone);
            }
        }
        let link = self.links.swap_remove(place);
        self.signatures.swap_remove(place);
        self.digest.toggle(link.bucket, link.mark);
        for node in ends {
            self.nodes[node as usize].links -= 1;
            if self.nodes[node as usize].links == 0 && node != OWN {
                let key = self.nodes[node as usize].key;
                if let Ok(place) = self.position(&key) {
                    self.by_key.remove(place);
                }
                self.free.push(node);
            }
        }
    }
}

/// Returns an index as links name it.
///
/// # Panics
/// Never: 2^32 links would fill all memory.
fn number(place: usize) -> u32 {
    u32::try_from(place).expect("a graph's room is counted in 32 bits")
}

/// Returns the first bytes of a key as a number that orders keys like the keys themselves.
fn lead(key: &PublicKey) -> u32 {
    let [a, b, c, d, ..] = *key.as_bytes();
    u32::from_be_bytes([a, b, c, d])
}

/// Grows by an eighth instead of doubling, because graphs are most of a simulated node's memory.
fn grow<T>(items: &mut Vec<T>) {
    if items.len() == items.capacity() {
        items.reserve_exact(items.len() / 8 + 8);
    }
}

#[cfg(test)]
mod tests;

//! The graph: the certified links that a node holds and passes on, by which it orders and hints, and never agrees.
//!
//! Only certificates whose signatures hold may be inserted. Two nodes compare [`Digest`]s and send each other what differs
//! ([`Graph::news_for`]) until they hold the same. What the links amount to is read off a [`Topology`].
//!
//! Keys cost nothing, so a hostile peer can make up any number of them, with links between. It gains room for
//! [`KEY_LINKS_MAX`] links a key and as many withdrawn ones, until the graph is full ([`LINKS_MAX`], some 3 MB); then what is farthest gives
//! way, and what no path connects to us before everything else. So made-up keys that no honest node links to displace each
//! other. Those behind a peer of ours look as near as that peer, and displace what is farther than it. Our own links stay.

mod adjacency;
mod digest;
mod forecast;
mod topology;

use core::mem::size_of;
use std::collections::VecDeque;

pub use adjacency::HOP_US;
pub use digest::{DIGEST_BUCKETS, DIGEST_BYTES, Digest};
pub use forecast::{Forecast, MARGIN_US, NEIGHBOURS_MAX};
pub use topology::{DIAMETER_NODES_MAX, Topology, Tree};

use crate::key::{PublicKey, Signature};
use crate::link::{Certificate, Epoch};
pub(crate) use adjacency::Adjacency;
pub(crate) use adjacency::UNREACHED;
use adjacency::{NONE, beyond, hop_us};

/// How many links a graph holds unless its node decides otherwise. Beyond it, the farthest gives way.
pub const LINKS_MAX: usize = 16_384;
/// How many links of one key are held, and how many of its that are withdrawn, links to us apart. Beyond it, the key's oldest
/// of that kind gives way.
pub const KEY_LINKS_MAX: usize = 32;
/// For how many epochs a link counts after its own: half an hour.
pub const LINK_AGE_EPOCHS: u32 = 3;
/// How many epochs a certificate may be ahead of us: clocks differ.
pub const AHEAD_EPOCHS: u32 = 1;
/// After how many certificates a full graph measures anew how far its nodes are: a search for each would cost more than its
/// signatures. In between, a new node is as far as the link that it came with makes it.
const MEASURED_MAX: u32 = 64;
/// The number that we have among a graph's nodes.
const OWN: u32 = 0;

/// What became of a certificate. None of it is an offence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inserted {
    /// A link that was not held.
    New,
    /// A link that was held from an earlier epoch.
    Updated,
    /// Nothing new: the link is held from this epoch or a later one.
    Known,
    /// Not held: too old, too early, its figures at odds, or too far away for the room there is.
    Refused,
}

/// A key that links are held of.
#[derive(Clone, Debug)]
struct Node {
    key: PublicKey,
    links: u32,
}

/// A held link, or one that is withdrawn: that is remembered until no earlier certificate of it counts any more.
#[derive(Clone, Debug)]
struct Link {
    ends: [u32; 2],
    epoch: Epoch,
    rtts_us: [u32; 2],
    mark: u16,
    bucket: u16,
    /// How many certificates were taken before this one.
    learned: u32,
}

impl Link {
    /// Its ends from one side: this one first.
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

    /// What decides which link of a key gives way: the same everywhere, so that all end up with the same.
    fn rank(&self) -> Rank {
        Rank { is_live: self.is_live(), epoch: self.epoch, mark: self.mark }
    }
}

/// Which link of several is kept rather: one that there is, then the later, then the greater mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    is_live: bool,
    epoch: Epoch,
    mark: u16,
}

/// What taking a certificate comes to.
enum Taking {
    Update { place: usize, mark: u16 },
    Add { mark: u16, victims: Vec<[u32; 2]> },
}

/// The certified links that a node holds.
#[derive(Clone, Debug)]
pub struct Graph {
    links_max: usize,
    /// By number; a node that lost its last link is free for another key.
    nodes: Vec<Node>,
    free: Vec<u32>,
    /// The nodes in use, in the order of their keys; with each how its key begins, which mostly decides.
    by_key: Vec<(u32, u32)>,
    links: Vec<Link>,
    /// The signatures of each link: apart, for they are most of what a link takes and seldom looked at.
    signatures: Vec<[Signature; 2]>,
    /// From either side the places of links, in the order of their ends' numbers as seen from there.
    by_ends: [Vec<u32>; 2],
    /// The links that are withdrawn, those first that give way first.
    withdrawn: VecDeque<(Rank, [u32; 2])>,
    /// As far as the farthest link was when distances were last measured.
    horizon: u32,
    digest: Digest,
    /// How many certificates were taken so far, modulo 2^32.
    learned: u32,
    /// How far each node is from us, microseconds; empty until the graph is full.
    reach: Vec<u32>,
    /// How many certificates were held against `reach`.
    measured: u32,
}

impl Graph {
    /// No links, and room for `links_max`.
    pub fn new(own: PublicKey, links_max: usize) -> Self {
        Self {
            links_max,
            nodes: vec![Node { key: own, links: 0 }],
            free: Vec::new(),
            by_key: vec![(lead(&own), OWN)],
            links: Vec::new(),
            signatures: Vec::new(),
            by_ends: [Vec::new(), Vec::new()],
            withdrawn: VecDeque::new(),
            digest: Digest::default(),
            learned: 0,
            horizon: UNREACHED,
            reach: Vec::new(),
            measured: 0,
        }
    }

    /// Whose graph it is.
    pub fn own(&self) -> PublicKey {
        self.nodes[OWN as usize].key
    }

    /// The links that there are.
    fn live(&self) -> impl Iterator<Item = &Link> + Clone {
        self.links.iter().filter(|link| link.is_live())
    }

    /// How many links there are; looks at each.
    pub fn len(&self) -> usize {
        self.live().count()
    }

    /// Whether there is no link.
    pub fn is_empty(&self) -> bool {
        self.live().next().is_none()
    }

    /// How many keys have links, and ours; looks at every link.
    pub fn nodes(&self) -> usize {
        self.linked().into_iter().filter(|is_linked| *is_linked).count()
    }

    /// Of each number, whether it is that of a key that has links, or ours.
    fn linked(&self) -> Vec<bool> {
        let mut linked = vec![false; self.nodes.len()];
        linked[OWN as usize] = true;
        for end in self.live().flat_map(|link| link.ends) {
            linked[end as usize] = true;
        }
        linked
    }

    /// Every link: its two ends, the lower first, and its round trip in microseconds. In no particular order.
    pub fn links(&self) -> impl Iterator<Item = (PublicKey, PublicKey, u32)> {
        self.live().map(|link| {
            let [a, b] = self.ends(link);
            (a, b, link.weight_us())
        })
    }

    /// The links of a key: their other ends and round trips in microseconds. In no particular order.
    pub fn links_of(&self, key: &PublicKey) -> impl Iterator<Item = (PublicKey, u32)> {
        let number = self.number(key);
        let links = number.into_iter().flat_map(|node| self.at(node)).filter(|(link, _)| link.is_live());
        links.map(|(link, other)| (self.nodes[other as usize].key, link.weight_us()))
    }

    /// The links of a node, each with its other end, those that are withdrawn among them.
    fn at(&self, node: u32) -> impl Iterator<Item = (&Link, u32)> + Clone {
        [0, 1].into_iter().flat_map(move |side| {
            let first = self.find_from(side, [node, 0]).unwrap_or_else(|place| place);
            let links = self.by_ends[side][first..].iter().map(|place| &self.links[*place as usize]);
            let seen = links.map(move |link| (link, link.seen_from(side)));
            seen.take_while(move |(_, [end, _])| *end == node).map(|(link, [_, other])| (link, other))
        })
    }

    /// Whether the link between two keys, in either order, is held from this epoch or a later one.
    pub fn contains(&self, a: &PublicKey, b: &PublicKey, epoch: Epoch) -> bool {
        self.place(a, b).is_some_and(|place| self.links[place].is_live() && self.links[place].epoch >= epoch)
    }

    /// Whether the link between two keys, in either order, was withdrawn in this epoch or a later one.
    pub fn is_withdrawn(&self, a: &PublicKey, b: &PublicKey, epoch: Epoch) -> bool {
        self.place(a, b)
            .is_some_and(|place| self.links[place].is_withdrawn() && self.links[place].epoch >= epoch)
    }

    /// The certificate of the link between two keys, in either order, or what withdraws it.
    pub fn certificate(&self, a: &PublicKey, b: &PublicKey) -> Option<Certificate> {
        self.place(a, b).map(|place| self.certificate_at(place))
    }

    /// About how many bytes of memory it takes.
    pub fn size_bytes(&self) -> usize {
        size_of::<Self>()
            + self.nodes.capacity() * size_of::<Node>()
            + self.links.capacity() * size_of::<Link>()
            + self.signatures.capacity() * size_of::<[Signature; 2]>()
            + self.by_key.capacity() * size_of::<(u32, u32)>()
            + self.withdrawn.capacity() * size_of::<(Rank, [u32; 2])>()
            + 4 * [&self.free, &self.by_ends[0], &self.by_ends[1], &self.reach]
                .map(Vec::capacity)
                .iter()
                .sum::<usize>()
    }

    /// Its shape at this moment.
    pub fn topology(&self) -> Topology {
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
        Topology::sorted(self.own(), keys, ends)
    }

    /// What is held, in brief.
    pub fn digest(&self) -> &Digest {
        &self.digest
    }

    /// Certificates that whoever has the digest `theirs` probably lacks: at most `max` of those in buckets that differ. Half of
    /// them are those that were learned last, which few have yet; the others begin at a place that `start` decides on and go
    /// around. A caller that draws `start` by chance leaves none out for good.
    pub fn news_for(&self, theirs: &Digest, start: u32, max: usize) -> Vec<Certificate> {
        let [first, second, third, fourth] = start.to_be_bytes();
        let (bucket, mark) = (u16::from_be_bytes([first, second]) >> 4, u16::from_be_bytes([third, fourth]));
        let is_news = |(_, link): &(usize, &Link)| !self.digest.agrees(theirs, link.bucket);
        let mut news: Vec<_> = self.links.iter().enumerate().filter(is_news).collect();
        let rank = |(_, link): &(usize, &Link)| {
            (link.bucket.wrapping_sub(bucket), link.mark.wrapping_sub(mark), link.ends)
        };
        if news.len() > max {
            let age = |(_, link): &(usize, &Link)| self.learned.wrapping_sub(link.learned);
            news.select_nth_unstable_by_key(max / 2, age);
            news[max / 2..].select_nth_unstable_by_key(max - max / 2, rank);
            news.truncate(max);
        }
        news.sort_unstable_by_key(rank);
        news.into_iter().map(|(place, _)| self.certificate_at(place)).collect()
    }

    /// Whether a certificate would be taken: asked before its signatures are verified, so that nothing is verified in vain.
    pub fn wants(&mut self, certificate: &Certificate, now: Epoch) -> bool {
        self.taking(certificate, now).is_ok()
    }

    /// Takes a certificate whose signatures hold.
    pub fn insert(&mut self, certificate: &Certificate, now: Epoch) -> Inserted {
        let taking = self.taking(certificate, now);
        self.learned = self.learned.wrapping_add(u32::from(taking.is_ok()));
        match taking {
            Ok(Taking::Update { place, mark }) => {
                self.update(place, mark, certificate);
                Inserted::Updated
            }
            Ok(Taking::Add { mark, victims }) => {
                victims.into_iter().for_each(|victim| self.remove(victim));
                let ends = certificate.ends.map(|key| self.intern(key));
                let bucket = digest::bucket(&certificate.ends);
                let &Certificate { epoch, rtts_us, signatures, .. } = certificate;
                let learned = self.learned;
                self.push(Link { ends, epoch, rtts_us, mark, bucket, learned }, signatures);
                Inserted::New
            }
            Err(outcome) => outcome,
        }
    }

    /// What taking a certificate comes to; an error when it is not taken.
    fn taking(&mut self, certificate: &Certificate, now: Epoch) -> Result<Taking, Inserted> {
        let epoch = certificate.epoch;
        let late = now.since(epoch) > LINK_AGE_EPOCHS || epoch.since(now) > AHEAD_EPOCHS;
        let is_withdrawn = certificate.is_withdrawal();
        if late || !is_withdrawn && certificate.weight_us().is_none() {
            return Err(Inserted::Refused);
        }
        let ends = certificate.ends.map(|key| self.number(&key));
        let held = match ends {
            [Some(a), Some(b)] => self.find([a, b]),
            [None, _] | [_, None] => None,
        };
        // Of one epoch the withdrawal counts: the link was there before.
        let order = |link: &Link| (link.epoch, link.is_withdrawn());
        if held.is_some_and(|place| order(&self.links[place]) >= (epoch, is_withdrawn)) {
            return Err(Inserted::Known);
        }
        let mark = digest::mark(&certificate.ends, epoch, is_withdrawn);
        let rank = Rank { is_live: !is_withdrawn, epoch, mark };
        Ok(match held {
            Some(place) => Taking::Update { place, mark },
            None => Taking::Add { mark, victims: self.victims(ends, rank).ok_or(Inserted::Refused)? },
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

    /// Takes the newer certificate of a link that is held.
    fn update(&mut self, place: usize, mark: u16, certificate: &Certificate) {
        self.strike(place);
        let link = &mut self.links[place];
        self.digest.toggle(link.bucket, link.mark ^ mark);
        link.epoch = certificate.epoch;
        link.rtts_us = certificate.rtts_us;
        link.mark = mark;
        link.learned = self.learned;
        self.signatures[place] = certificate.signatures;
        self.enlist(place);
    }

    /// Puts a link among those that are withdrawn, if it is.
    fn enlist(&mut self, place: usize) {
        let link = &self.links[place];
        let entry = (link.rank(), link.ends);
        if link.is_withdrawn()
            && let Err(place) = self.withdrawn.binary_search(&entry)
        {
            self.withdrawn.insert(place, entry);
        }
    }

    /// Takes a link from those that are withdrawn, if it is.
    fn strike(&mut self, place: usize) {
        let link = &self.links[place];
        if link.is_withdrawn()
            && let Ok(place) = self.withdrawn.binary_search(&(link.rank(), link.ends))
        {
            self.withdrawn.remove(place);
        }
    }

    /// The links that give way to a new one; none when it is the new one that is not held.
    ///
    /// `ends` are the new link's, where they are known; `rank` is as [`Link::rank`].
    fn victims(&mut self, ends: [Option<u32>; 2], rank: Rank) -> Option<Vec<[u32; 2]>> {
        let mut victims = Vec::new();
        if !(ends.contains(&Some(OWN)) && rank.is_live) {
            for end in ends.into_iter().flatten().filter(|end| *end != OWN) {
                let alike = |(link, other): &(&Link, u32)| link.is_live() == rank.is_live && *other != OWN;
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
                // What is no link any more takes no link's room.
                None if rank.is_live => self.farthest_beyond(ends)?,
                None => return None,
            });
        }
        Some(victims)
    }

    /// The farthest link, if it is farther away than one between `ends` would be. A link is as far as its nearer end.
    fn farthest_beyond(&mut self, ends: [Option<u32>; 2]) -> Option<[u32; 2]> {
        self.measure();
        let reach = |node: u32| self.reach[node as usize];
        let near = |link: &Link| reach(link.ends[0]).min(reach(link.ends[1]));
        let far = |link: &Link| reach(link.ends[0]).max(reach(link.ends[1]));
        let new = ends.into_iter().flatten().map(reach).min().unwrap_or(UNREACHED);
        if new >= self.horizon {
            return None;
        }
        let farthest = self.links.iter().max_by_key(|link| (near(link), far(link), link.rank()))?;
        (near(farthest) > new).then_some(farthest.ends)
    }

    /// Measures how far all nodes are, if the last time is too many certificates ago.
    fn measure(&mut self) {
        if self.reach.is_empty() || self.measured >= MEASURED_MAX {
            let links = self.live().map(|link| (link.ends[0], link.ends[1], link.weight_us()));
            self.reach = Adjacency::new(self.nodes.len(), links).paths(OWN).us;
            let near = |link: &Link| link.ends.map(|node| self.reach[node as usize]).into_iter().min();
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
        let node = Node { key, links: 0 };
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

    /// Two numbers in the order of their keys, as links name them.
    fn ordered(&self, a: u32, b: u32) -> [u32; 2] {
        if self.nodes[a as usize].key < self.nodes[b as usize].key { [a, b] } else { [b, a] }
    }

    /// The place of the link between two nodes, named in the order of their keys.
    fn find(&self, ends: [u32; 2]) -> Option<usize> {
        self.find_from(0, ends).ok().map(|place| self.by_ends[0][place] as usize)
    }

    /// Where the link with these ends, as seen from one side, stands among those in their order, or would stand.
    fn find_from(&self, side: usize, ends: [u32; 2]) -> Result<usize, usize> {
        self.by_ends[side].binary_search_by_key(&ends, |link| self.links[*link as usize].seen_from(side))
    }

    fn place(&self, a: &PublicKey, b: &PublicKey) -> Option<usize> {
        let ends = self.ordered(self.number(a)?, self.number(b)?);
        self.find(ends)
    }

    fn ends(&self, link: &Link) -> [PublicKey; 2] {
        link.ends.map(|node| self.nodes[node as usize].key)
    }

    fn certificate_at(&self, place: usize) -> Certificate {
        let link = &self.links[place];
        Certificate {
            ends: self.ends(link),
            epoch: link.epoch,
            rtts_us: link.rtts_us,
            signatures: self.signatures[place],
        }
    }

    /// Adds a link that is not held, between nodes that are.
    fn push(&mut self, link: Link, signatures: [Signature; 2]) {
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
        self.enlist(self.links.len() - 1);
    }

    /// Drops a link, and its ends where it was their last.
    fn remove(&mut self, ends: [u32; 2]) {
        let Some(place) = self.find(ends) else { return };
        self.strike(place);
        // The last link takes the place that becomes free.
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

/// A place as links name it.
///
/// # Panics
/// Never: a graph of so many links would fill all memory.
fn number(place: usize) -> u32 {
    u32::try_from(place).expect("a graph's room is counted in 32 bits")
}

/// How a key begins, in a number that orders keys as they are ordered.
fn lead(key: &PublicKey) -> u32 {
    let [a, b, c, d, ..] = *key.as_bytes();
    u32::from_be_bytes([a, b, c, d])
}

/// Makes room for one more by an eighth, not by doubling: graphs are most of what a simulated node holds.
fn grow<T>(items: &mut Vec<T>) {
    if items.len() == items.capacity() {
        items.reserve_exact(items.len() / 8 + 8);
    }
}

#[cfg(test)]
mod tests;

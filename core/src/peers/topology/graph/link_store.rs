//! The links of a graph and their indexes.
//!
//! Bounds: the graph evicts links before it adds one to a full store.

use core::mem::size_of;
use std::collections::VecDeque;

use crate::peers::topology::graph::grow;
use crate::peers::topology::graph::key_interner::KeyInterner;
use crate::primitives::key::{PublicKey, Signature};
use crate::protocol::link_certificate::{Epoch, LinkCertificate};

/// A held link, or a revoked one. A revocation is remembered until no earlier certificate of the
/// link counts any more.
#[derive(Clone, Debug)]
pub(super) struct HeldLink {
    pub(super) ends: [u32; 2],
    pub(super) epoch: Epoch,
    pub(super) rtts_us: [u32; 2],
    pub(super) mark: u16,
    pub(super) bucket: u16,
    /// The number of certificates that were inserted up to this one, modulo 2^32.
    pub(super) inserted_seq: u32,
}

impl HeldLink {
    /// Returns its ends from one side: this one first.
    pub(super) fn seen_from(&self, side: usize) -> [u32; 2] {
        [self.ends[side], self.ends[1 - side]]
    }

    pub(super) fn weight_us(&self) -> u32 {
        self.rtts_us[0].max(self.rtts_us[1])
    }

    pub(super) fn is_revoked(&self) -> bool {
        self.rtts_us == [0; 2]
    }

    pub(super) fn is_live(&self) -> bool {
        !self.is_revoked()
    }

    /// Returns the rank that decides which link of a key is evicted. It is the same on every node,
    /// so that all end up with the same links.
    pub(super) fn rank(&self) -> LinkRank {
        LinkRank { is_live: self.is_live(), epoch: self.epoch, mark: self.mark }
    }
}

/// The order in which links are kept: live ones before revoked ones, then the later epoch, then the
/// greater mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct LinkRank {
    pub(super) is_live: bool,
    pub(super) epoch: Epoch,
    pub(super) mark: u16,
}

/// Links by their ends.
#[derive(Clone, Debug)]
pub(super) struct LinkStore {
    pub(super) keys: KeyInterner,
    pub(super) links: Vec<HeldLink>,
    /// The signatures of each link. They are apart, because they take most of a link's memory and
    /// are seldom read.
    pub(super) signatures: Vec<[Signature; 2]>,
    /// For either side the indexes of links, in the order of their ends' numbers as seen from
    /// there.
    pub(super) by_ends: [Vec<u32>; 2],
    /// The revoked links, the next to evict first.
    pub(super) revoked: VecDeque<(LinkRank, [u32; 2])>,
}

impl LinkStore {
    pub(super) fn new(own: PublicKey) -> Self {
        Self {
            keys: KeyInterner::new(own),
            links: Vec::new(),
            signatures: Vec::new(),
            by_ends: [Vec::new(), Vec::new()],
            revoked: VecDeque::new(),
        }
    }

    /// Returns the live links.
    pub(super) fn live(&self) -> impl Iterator<Item = &HeldLink> + Clone {
        self.links.iter().filter(|link| link.is_live())
    }

    /// Returns the links of a node, each with its other end, including the revoked ones.
    pub(super) fn at(&self, node: u32) -> impl Iterator<Item = (&HeldLink, u32)> + Clone {
        [0, 1].into_iter().flat_map(move |side| {
            let first = self.find_from(side, [node, 0]).unwrap_or_else(|position| position);
            let links = self.by_ends[side][first..].iter().map(|index| &self.links[*index as usize]);
            let seen = links.map(move |link| (link, link.seen_from(side)));
            seen.take_while(move |(_, [end, _])| *end == node).map(|(link, [_, other])| (link, other))
        })
    }

    /// Returns the index of the link between two nodes, named in the order of their keys.
    pub(super) fn find(&self, ends: [u32; 2]) -> Option<usize> {
        self.find_from(0, ends).ok().map(|position| self.by_ends[0][position] as usize)
    }

    /// Returns the position of the link with these ends in the order seen from one side. The error
    /// is the position for inserting it.
    fn find_from(&self, side: usize, ends: [u32; 2]) -> Result<usize, usize> {
        self.by_ends[side].binary_search_by_key(&ends, |link| self.links[*link as usize].seen_from(side))
    }

    /// Returns the index of the link between two keys, in either order.
    pub(super) fn index_of(&self, a: &PublicKey, b: &PublicKey) -> Option<usize> {
        let ends = self.keys.ordered(self.keys.number(a)?, self.keys.number(b)?);
        self.find(ends)
    }

    /// Returns the keys of a link's ends, in their order.
    pub(super) fn ends(&self, link: &HeldLink) -> [PublicKey; 2] {
        link.ends.map(|node| self.keys.key(node))
    }

    pub(super) fn certificate_at(&self, index: usize) -> LinkCertificate {
        let link = &self.links[index];
        LinkCertificate {
            ends: self.ends(link),
            epoch: link.epoch,
            rtts_us: link.rtts_us,
            signatures: self.signatures[index],
        }
    }

    /// Adds a link that is not held, between nodes that are.
    pub(super) fn push(&mut self, link: HeldLink, signatures: [Signature; 2]) {
        let index = number(self.links.len());
        for side in [0, 1] {
            let Err(position) = self.find_from(side, link.seen_from(side)) else { return };
            grow(&mut self.by_ends[side]);
            self.by_ends[side].insert(position, index);
        }
        self.keys.linked(link.ends);
        grow(&mut self.links);
        self.links.push(link);
        grow(&mut self.signatures);
        self.signatures.push(signatures);
        self.index(self.links.len() - 1);
    }

    /// Replaces the certificate of a held link by a newer one with this mark.
    pub(super) fn update(
        &mut self,
        index: usize,
        certificate: &LinkCertificate,
        mark: u16,
        inserted_seq: u32,
    ) {
        self.unindex(index);
        let link = &mut self.links[index];
        link.epoch = certificate.epoch;
        link.rtts_us = certificate.rtts_us;
        link.mark = mark;
        link.inserted_seq = inserted_seq;
        self.signatures[index] = certificate.signatures;
        self.index(index);
    }

    /// Drops a link. It also drops each end that has no other link. Returns the link.
    pub(super) fn remove(&mut self, ends: [u32; 2]) -> Option<HeldLink> {
        let index = self.find(ends)?;
        self.unindex(index);
        // The last link moves to the index that becomes free.
        let moved = self.links.len() - 1;
        for side in [0, 1] {
            let seen = |index: usize| self.links[index].seen_from(side);
            let (gone, stays) = (self.find_from(side, seen(index)), self.find_from(side, seen(moved)));
            if let (Ok(gone), Ok(stays)) = (gone, stays) {
                self.by_ends[side][stays] = number(index);
                self.by_ends[side].remove(gone);
            }
        }
        let link = self.links.swap_remove(index);
        self.signatures.swap_remove(index);
        self.keys.unlinked(ends);
        Some(link)
    }

    /// Adds a link to the revoked ones, if it is revoked.
    fn index(&mut self, index: usize) {
        let link = &self.links[index];
        let entry = (link.rank(), link.ends);
        if link.is_revoked()
            && let Err(position) = self.revoked.binary_search(&entry)
        {
            self.revoked.insert(position, entry);
        }
    }

    /// Removes a link from the revoked ones, if it is revoked.
    fn unindex(&mut self, index: usize) {
        let link = &self.links[index];
        if link.is_revoked()
            && let Ok(position) = self.revoked.binary_search(&(link.rank(), link.ends))
        {
            self.revoked.remove(position);
        }
    }

    /// Returns the approximate number of bytes of memory that it takes beside itself.
    pub(super) fn size_bytes(&self) -> usize {
        self.keys.size_bytes()
            + self.links.capacity() * size_of::<HeldLink>()
            + self.signatures.capacity() * size_of::<[Signature; 2]>()
            + self.by_ends.iter().map(|side| side.capacity() * size_of::<u32>()).sum::<usize>()
            + self.revoked.capacity() * size_of::<(LinkRank, [u32; 2])>()
    }
}

/// Returns an index as the orders name it.
///
/// # Panics
/// Never: 2^32 links would fill all memory.
fn number(index: usize) -> u32 {
    u32::try_from(index).expect("a graph's room is counted in 32 bits")
}

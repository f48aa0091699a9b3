//! Reconciliation: which certificates another node lacks, judged by its digest.

use crate::peers::topology::graph::link_store::{HeldLink, LinkStore};
use crate::protocol::link_certificate::LinkCertificate;
use crate::protocol::link_digest::LinkDigest;

/// The digest of a graph's links, and the count that tells which came last.
#[derive(Clone, Debug, Default)]
pub(super) struct Reconciliation {
    pub(super) digest: LinkDigest,
    /// The number of inserted certificates, modulo 2^32.
    pub(super) inserted: u32,
}

impl Reconciliation {
    /// Counts an inserted certificate.
    pub(super) fn count(&mut self) {
        self.inserted = self.inserted.wrapping_add(1);
    }

    /// Returns certificates that the node with the digest `theirs` probably lacks, as
    /// `Graph::news_for`.
    pub(super) fn news_for(
        &self,
        store: &LinkStore,
        theirs: &LinkDigest,
        start: u32,
        max: usize,
    ) -> Vec<LinkCertificate> {
        let [first, second, third, fourth] = start.to_be_bytes();
        let (bucket, mark) = (u16::from_be_bytes([first, second]) >> 4, u16::from_be_bytes([third, fourth]));
        let is_news = |(_, link): &(usize, &HeldLink)| !self.digest.agrees(theirs, link.bucket);
        let mut news: Vec<_> = store.links.iter().enumerate().filter(is_news).collect();
        let rank = |(_, link): &(usize, &HeldLink)| {
            (link.bucket.wrapping_sub(bucket), link.mark.wrapping_sub(mark), link.ends)
        };
        if news.len() > max {
            let age = |(_, link): &(usize, &HeldLink)| self.inserted.wrapping_sub(link.inserted_seq);
            news.select_nth_unstable_by_key(max / 2, age);
            news[max / 2..].select_nth_unstable_by_key(max - max / 2, rank);
            news.truncate(max);
        }
        news.sort_unstable_by_key(rank);
        news.into_iter().map(|(index, _)| store.certificate_at(index)).collect()
    }
}

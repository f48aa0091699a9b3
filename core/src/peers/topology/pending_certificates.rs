//! Certificates of links whose signatures are being verified.
//!
//! Bounds: [`WAITING_MAX`] certificates wait at once. Further ones are dropped, and come again with
//! a later exchange.

use crate::ledger::signature_batch::{BatchId, Verdict};
use crate::primitives::collections::vec_map::Sorted;
use crate::protocol::connection::PeerId;
use crate::protocol::link_certificate::Certificate;

/// The most certificates that wait for their signatures at once.
pub(crate) const WAITING_MAX: usize = 4_096;

/// Certificates that share a batch, each with the number of its signatures to verify.
#[derive(Debug)]
struct Waiting {
    peer: PeerId,
    certificates: Vec<(Certificate, usize)>,
}

/// The certificates on their way into the graph.
#[derive(Debug, Default)]
pub(crate) struct Vouching {
    batches: Sorted<BatchId, Waiting>,
    count: usize,
}

impl Vouching {
    /// Returns the number of certificates for which there is still room.
    pub(crate) fn room(&self) -> usize {
        WAITING_MAX.saturating_sub(self.count)
    }

    pub(crate) fn begin(&mut self, batch: BatchId, peer: PeerId, certificates: Vec<(Certificate, usize)>) {
        self.count += certificates.len();
        self.batches.insert(batch, Waiting { peer, certificates });
    }

    /// Ends an answered batch. Returns the peer that sent it, the certificates whose signatures
    /// hold, and a flag that is true if some do not.
    pub(crate) fn end(&mut self, verdict: &Verdict) -> Option<(PeerId, Vec<Certificate>, bool)> {
        let Waiting { peer, certificates } = self.batches.remove(&verdict.id)?;
        self.count -= certificates.len();
        let mut next = 0;
        let holds = |(certificate, count): (Certificate, usize)| {
            let checks = next..next + count;
            next = checks.end;
            (!verdict.broken.iter().any(|broken| checks.contains(broken))).then_some(certificate)
        };
        let holding = certificates.into_iter().filter_map(holds).collect();
        Some((peer, holding, !verdict.broken.is_empty()))
    }
}

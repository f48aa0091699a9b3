//! Certificates of links whose signatures are being verified.
//!
//! Bounds: [`WAITING_MAX`] certificates wait at once. Further ones are dropped, and come again with
//! a later exchange.

use crate::ledger::signature_batch::{BatchId, BatchResult};
use crate::primitives::collections::vec_map::VecMap;
use crate::protocol::connection::ConnectionId;
use crate::protocol::link_certificate::LinkCertificate;

/// The most certificates that wait for their signatures at once.
pub(crate) const WAITING_MAX: usize = 4_096;

/// Certificates that share a batch, each with the number of its signatures to verify.
#[derive(Debug)]
struct CertificateBatch {
    peer: ConnectionId,
    certificates: Vec<(LinkCertificate, usize)>,
}

/// The certificates on their way into the graph.
#[derive(Debug, Default)]
pub(crate) struct PendingCertificates {
    batches: VecMap<BatchId, CertificateBatch>,
    count: usize,
}

impl PendingCertificates {
    /// Returns the number of certificates for which there is still room.
    pub(crate) fn room(&self) -> usize {
        WAITING_MAX.saturating_sub(self.count)
    }

    pub(crate) fn begin(
        &mut self,
        batch: BatchId,
        peer: ConnectionId,
        certificates: Vec<(LinkCertificate, usize)>,
    ) {
        self.count += certificates.len();
        self.batches.insert(batch, CertificateBatch { peer, certificates });
    }

    /// Ends an answered batch. Returns the peer that sent it, the certificates whose signatures
    /// hold, and a flag that is true if some do not.
    pub(crate) fn end(
        &mut self,
        verdict: &BatchResult,
    ) -> Option<(ConnectionId, Vec<LinkCertificate>, bool)> {
        let CertificateBatch { peer, certificates } = self.batches.remove(&verdict.id)?;
        self.count -= certificates.len();
        let mut next = 0;
        let holds = |(certificate, count): (LinkCertificate, usize)| {
            let checks = next..next + count;
            next = checks.end;
            (!verdict.broken.iter().any(|broken| checks.contains(broken))).then_some(certificate)
        };
        let holding = certificates.into_iter().filter_map(holds).collect();
        Some((peer, holding, !verdict.broken.is_empty()))
    }
}

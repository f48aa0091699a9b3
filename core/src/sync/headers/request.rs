//! A request for headers or for a proof that is in flight.

use crate::ledger::presync::HeadersPresync;
use crate::primitives::block::Header;
use crate::primitives::hash::Hash;
use crate::primitives::mmr::Mmr;
use crate::primitives::pow::Work;
use crate::primitives::time::MonotonicTime;
use crate::protocol::connection::ConnectionId;

/// The one request that is in flight.
#[derive(Debug)]
pub(super) struct InFlightRequest {
    pub(super) peer: ConnectionId,
    /// The best known work of the peer when it was asked.
    pub(super) best_known_work: Work,
    /// The work that the peer reported in the handshake.
    pub(super) advertised_work: Work,
    pub(super) height: u64,
    pub(super) deadline: MonotonicTime,
    pub(super) mode: RequestMode,
}

/// The use of the answer.
#[derive(Debug)]
pub(super) enum RequestMode {
    /// Inserts headers into the tree.
    Inserting,
    /// The headers wait for the history at their fork point.
    AwaitingMmr(Hash, Vec<Header>),
    /// Presyncs a branch from its fork point.
    Presyncing(Box<(ForkRoot, HeadersPresync)>),
    /// A light node waits for the proof of the chain.
    AwaitingProof,
    /// A full node waits for the proof of the chain before it uses these headers, which follow the
    /// fork point.
    AwaitingProofThenHeaders(Box<(ForkRoot, Vec<Header>)>),
}

/// The fork point of a presynced branch.
#[derive(Clone, Debug)]
pub(super) struct ForkRoot {
    pub(super) header: Header,
    pub(super) hash: Hash,
    /// The history up to and including it.
    pub(super) history: Mmr,
}

impl ForkRoot {
    /// Returns the fork point that a checkpoint and the headers after it lead to. Returns `None` if
    /// they lead elsewhere.
    pub(super) fn reach(hash: Hash, history: Mmr, between: &[Header]) -> Option<Self> {
        let mut reached = None;
        let mut grown = history;
        for header in between {
            let at = header.hash();
            grown = grown.append(header.record(at));
            reached = Some((*header, at));
        }
        let (header, at) = reached?;
        (at == hash && grown.leaves() == header.height + 1).then_some(Self { header, hash, history: grown })
    }
}

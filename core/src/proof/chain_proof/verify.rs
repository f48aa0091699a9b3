//! Verifying a proof: one pass from genesis to the tip.
//!
//! Specified in PROTOCOL.md, "Chain proof: Checks".
//!
//! The pass holds the history up to its place (at most 64 peaks), the points ahead of it (at most [`super::SAMPLES_MAX`]) and the
//! tail's headers. No length in the proof decides how much is allocated.

use super::error::ProofError;
use super::node_rules::NodeRules;
use super::part::{Claim, Edge};
use super::sample::{Scheme, Stakes, points};
use super::{HEIGHT_MAX, PROOF_BYTES_MAX, Proven, gap};
use crate::ledger::validation::{RuleError, check_own_work};
use crate::primitives::block::Header;
use crate::primitives::encoding::Reader;
use crate::primitives::hash::Hash;
use crate::primitives::mmr::{Mmr, MmrNode};
use crate::primitives::params::Network;
use crate::primitives::pow::{Target, Work};

pub(super) fn verify(network: &Network, bytes: &[u8], scheme: Scheme) -> Result<Proven, ProofError> {
    if bytes.len() > PROOF_BYTES_MAX {
        return Err(ProofError::Size { found: bytes.len() });
    }
    let mut reader = Reader::new(bytes);
    let claim = Claim::read(&mut reader)?;
    if claim.network != *network.id() {
        return Err(ProofError::Network { expected: *network.id(), found: claim.network });
    }
    if claim.height > HEIGHT_MAX {
        return Err(ProofError::Height { found: claim.height });
    }
    let tail = scheme.tail_of(claim.height);
    // The number of headers below the tail.
    let first = claim.height - tail + 1;
    let points = if first > 1 { demanded(&claim, scheme)? } else { Vec::new() };
    let mut pass = Pass::new(network, reader);
    pass.samples(first, &points)?;
    let (below, shown) = (pass.history.clone(), core::mem::take(&mut pass.shown));
    check_work("below the tail", claim.below, below.work())?;
    let headers = (0..tail).map(|_| pass.header()).collect::<Result<Vec<_>, _>>()?;
    let (history, hash) = (pass.history, pass.edge.hash.unwrap_or(Hash::ZERO));
    pass.reader.end()?;
    let in_tail = Work::from_hashes(history.work().hashes() - below.work().hashes());
    check_work("of the tail", claim.tail, in_tail)?;
    let header = headers.last().copied().unwrap_or(*network.genesis());
    if header.bits != claim.bits {
        return Err(ProofError::TipBits { claimed: claim.bits, found: header.bits });
    }
    if hash != claim.tip {
        return Err(ProofError::Tip { claimed: claim.tip, found: hash });
    }
    Ok(Proven { header, hash, history, below, tail: headers, samples: points.len(), shown })
}

fn demanded(claim: &Claim, scheme: Scheme) -> Result<Vec<u128>, ProofError> {
    let tip = claim.bits.target().map_or(Work::ZERO, Target::work);
    let stakes = Stakes { below: claim.below.hashes(), tail: claim.tail.hashes(), tip: tip.hashes() };
    let wrong = ProofError::Stakes { below: claim.below, tail: claim.tail, bits: claim.bits };
    points(scheme, &stakes, &claim.tip).ok_or(wrong)
}

fn check_work(part: &'static str, claimed: Work, found: Work) -> Result<(), ProofError> {
    if claimed == found { Ok(()) } else { Err(ProofError::Work { part, claimed, found }) }
}

/// A pass over a proof, and the history that it has put together.
struct Pass<'a> {
    network: &'a Network,
    rules: NodeRules,
    reader: Reader<'a>,
    history: Mmr,
    edge: Edge,
    /// The headers that were shown: heights and hashes.
    shown: Vec<(u64, Hash)>,
}

impl<'a> Pass<'a> {
    /// Stands above genesis, which everyone knows.
    fn new(network: &'a Network, reader: Reader<'a>) -> Self {
        let record = network.genesis().record(*network.id());
        let history = Mmr::default().append(record);
        let rules = NodeRules::new(network);
        Self { network, rules, reader, history, edge: Edge::of(0, &record), shown: Vec::new() }
    }

    /// Goes on to the tail, whose first header has the height `first`, through the headers that hold the points.
    fn samples(&mut self, first: u64, points: &[u128]) -> Result<(), ProofError> {
        let mut points = points.iter().copied().peekable();
        while let Some(point) = points.peek().copied() {
            let Some(max) = (first - 1).checked_sub(self.history.leaves()) else {
                // All is shown and the point lies beyond it: the claimed work is found to be wrong.
                return Ok(());
            };
            let skipped = u64::try_from(self.reader.varint("sample gap", max.into())?).unwrap_or(max);
            self.cross(self.history.leaves() + skipped, Some(point))?;
            let height = self.history.leaves();
            self.header()?;
            let end = self.history.work().hashes();
            if points.next_if(|point| *point < end).is_none() {
                return Err(ProofError::Surplus { height, point: Work::from_hashes(point) });
            }
            while points.next_if(|point| *point < end).is_some() {}
        }
        self.cross(first, None)
    }

    /// Goes on to the header at `to` by nodes of the range, none of which may hold the next point.
    fn cross(&mut self, to: u64, point: Option<u128>) -> Result<(), ProofError> {
        for position in gap::nodes(self.history.leaves(), to) {
            let record = self.edge.read_node(&mut self.reader, position)?;
            self.rules.check(&self.edge, position, &record)?;
            self.append(position.level, record)?;
            let end = self.history.work().hashes();
            if let Some(point) = point.filter(|point| *point < end) {
                let (from, to) = (position.index << position.level, self.history.leaves() - 1);
                return Err(ProofError::Skipped { point: Work::from_hashes(point), from, to });
            }
        }
        Ok(())
    }

    /// Reads the next header, and checks it as a child of the part to the left of it.
    fn header(&mut self) -> Result<Header, ProofError> {
        let (height, root, parent) = (self.history.leaves(), self.history.root(), self.edge);
        let bits = |time| self.network.retarget().next_bits(height, parent.bits, parent.time, time);
        let header = parent.read_header(&mut self.reader, height, &root, bits)?;
        if header.time <= parent.time {
            return Err(ProofError::Time { height, parent: parent.time, found: header.time });
        }
        let hash = header.hash();
        if let Some(RuleError::ProofOfWork { target, hash }) = check_own_work(self.network, &header, &hash) {
            return Err(ProofError::ProofOfWork { height, target, hash });
        }
        self.append(0, header.record(hash))?;
        self.shown.push((height, hash));
        Ok(header)
    }

    fn append(&mut self, level: u32, record: MmrNode) -> Result<(), ProofError> {
        self.edge = Edge::of(level, &record);
        let (sum, more) = (self.history.work().hashes(), record.work.hashes());
        let joined = sum.checked_add(more).and_then(|_| self.history.append_node(level, record));
        let height = self.history.leaves() + (1u64 << level) - 1;
        self.history = joined.ok_or(ProofError::Overflow { height })?;
        Ok(())
    }
}

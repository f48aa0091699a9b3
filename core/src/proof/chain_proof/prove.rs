//! Making a proof: which headers the tip's hash demands, and the parts that stand over the rest.
//!
//! Specified in PROTOCOL.md, "Chain proof: Layout".

use super::error::ProofError;
use super::part::{CLAIM_BYTES, Claim, Edge, Opened};
use super::sample::{Scheme, Stakes, points};
use super::{HEIGHT_MAX, PROOF_BYTES_MAX, gap};
use crate::primitives::encoding::put_varint;
use crate::primitives::mmr::{MmrNode, Position};
use crate::primitives::params::Network;
use crate::primitives::pow::{Target, Work};

/// Where a prover reads a chain from.
pub trait ProofSource {
    /// Why it cannot be read.
    type Error;

    /// The node at a place of the chain's mountain range, over headers that are all below the tip.
    ///
    /// # Errors
    /// It cannot be read.
    fn node(&mut self, position: Position) -> ProveResult<MmrNode, Self::Error>;

    /// The block at a height, from 1 to the tip's.
    ///
    /// # Errors
    /// It cannot be read.
    fn opened(&mut self, height: u64) -> ProveResult<Opened, Self::Error>;
}

/// Why no proof could be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProveError<E> {
    /// The source cannot be read.
    #[error("{0}")]
    Source(E),
    /// The source has no chain that can be proven.
    #[error(transparent)]
    Chain(#[from] ProofError),
}

type ProveResult<T, E> = core::result::Result<T, E>;

pub(super) fn prove<S: ProofSource>(
    network: &Network,
    height: u64,
    source: &mut S,
    scheme: Scheme,
) -> ProveResult<Vec<u8>, ProveError<S::Error>> {
    if height > HEIGHT_MAX {
        return Err(ProofError::Height { found: height }.into());
    }
    let first = height - scheme.tail_of(height) + 1;
    let tail: Vec<_> = (first..=height)
        .map(|height| source.opened(height).map_err(ProveError::Source))
        .collect::<ProveResult<_, _>>()?;
    let tip = tail.last().map_or(*network.genesis(), |opened| opened.header);
    let mut below = Work::ZERO;
    for position in gap::nodes(0, first) {
        below = below.plus(source.node(position).map_err(ProveError::Source)?.work);
    }
    let sum = tail.iter().map(|opened| opened.header.work()).fold(Work::ZERO, Work::plus);
    let claim = Claim { network: *network.id(), tip: tip.hash(), height, below, tail: sum, bits: tip.bits };
    let heights = if first > 1 { demanded(&claim, first, source, scheme)? } else { Vec::new() };
    let mut writer = ProofWriter::new(network, &claim, source);
    for height in heights {
        put_varint(&mut writer.out, (height - writer.at).into());
        writer.cross(height)?;
        let opened = writer.source.opened(height).map_err(ProveError::Source)?;
        writer.header(&opened);
    }
    writer.cross(first)?;
    tail.iter().for_each(|opened| writer.header(opened));
    match writer.out.len() {
        found if found > PROOF_BYTES_MAX => Err(ProofError::Size { found }.into()),
        _ => Ok(writer.out),
    }
}

/// The heights of the headers that hold the points, rising, each once.
fn demanded<S: ProofSource>(
    claim: &Claim,
    first: u64,
    source: &mut S,
    scheme: Scheme,
) -> ProveResult<Vec<u64>, ProveError<S::Error>> {
    let tip = claim.bits.target().map_or(Work::ZERO, Target::work);
    let stakes = Stakes { below: claim.below.hashes(), tail: claim.tail.hashes(), tip: tip.hashes() };
    let wrong = ProofError::Stakes { below: claim.below, tail: claim.tail, bits: claim.bits };
    let points = points(scheme, &stakes, &claim.tip).ok_or(wrong)?;
    let mut heights = Vec::with_capacity(points.len());
    for point in points {
        heights.push(locate(point, first, source).map_err(ProveError::Source)?);
    }
    heights.dedup();
    Ok(heights)
}

/// The height of the header that holds a point, among the first ones.
fn locate<S: ProofSource>(point: u128, first: u64, source: &mut S) -> ProveResult<u64, S::Error> {
    let (mut left, mut at) = (point, Position { level: 0, index: 0 });
    for peak in gap::nodes(0, first) {
        at = peak;
        let work = source.node(peak)?.work.hashes();
        match left.checked_sub(work) {
            Some(rest) => left = rest,
            None => break,
        }
    }
    while let Some(level) = at.level.checked_sub(1) {
        at = Position { level, index: at.index << 1 };
        let work = source.node(at)?.work.hashes();
        if let Some(rest) = left.checked_sub(work) {
            (left, at.index) = (rest, at.index + 1);
        }
    }
    Ok(at.index)
}

/// A proof while it is written.
struct ProofWriter<'a, S> {
    source: &'a mut S,
    out: Vec<u8>,
    /// The next header's height.
    at: u64,
    edge: Edge,
}

impl<'a, S: ProofSource> ProofWriter<'a, S> {
    fn new(network: &Network, claim: &Claim, source: &'a mut S) -> Self {
        let mut out = Vec::with_capacity(CLAIM_BYTES);
        claim.write(&mut out);
        Self { source, out, at: 1, edge: Edge::of(0, &network.genesis().record(*network.id())) }
    }

    fn cross(&mut self, to: u64) -> ProveResult<(), ProveError<S::Error>> {
        for position in gap::nodes(self.at, to) {
            let record = self.source.node(position).map_err(ProveError::Source)?;
            self.edge.write_node(&mut self.out, position.level, &record);
            self.edge = Edge::of(position.level, &record);
        }
        self.at = to;
        Ok(())
    }

    fn header(&mut self, opened: &Opened) {
        self.edge.write_header(&mut self.out, opened);
        self.edge = Edge::of(0, &opened.header.record(opened.header.hash()));
        self.at += 1;
    }
}

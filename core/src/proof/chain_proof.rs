//! Chain proofs: a few hundred kilobytes that show a chain's tip and all the work below it, however long the chain is.
//!
//! Specified in PROTOCOL.md, "Chain proof" and PROTOCOL.md, "Chain proof: What it is worth".
//!
//! This is FlyClient ([eprint 2019/226](https://eprint.iacr.org/2019/226)) without interaction, for this chain's difficulty rule. A
//! proof shows the newest headers whole, the *tail*, and below it the headers that hold certain points of the chain's total work; the
//! points are drawn from the tip's hash. All other headers stand behind nodes of the mountain range. [`verify()`] puts the range together from
//! left to right, so at each header it knows what the history root must be, and with it the header's only possible content root; the
//! target follows from the parent's time and bits, which the part to the left ends with. So of every header that is shown the proof of
//! work is checked over *this* history, in *this* place, with *this* target: headers of another branch, of another place, with an
//! easier target or above forged sums hash to something else. `PROTOCOL.md` has the format and the sampling to the bit.
//!
//! Headers that are not shown stand behind nodes, and each node keeps the bounds that follow from the target rule: see `node_rules.rs`.
//!
//! # What a proof is worth
//!
//! A cheat mines a branch of its own and claims as much work for it as the honest chain has. Every header commits to all below it, so
//! nothing that others mined fits above the first header of that branch. The cheat invents the headers that it did not mine and hides them
//! from the points: a header without work fails when it is shown. Headers cannot be hidden in the tail, which is shown whole. Points are drawn with
//! density 1 / ((1 − x) ln(1/δ)) over the part x of the work below (δ: the tail's share), for which branches of every length are alike.
//! The number of points grows with λ' = λ + log2(total work / the tip's work / 2), λ = 50, because a cheat can draw again by mining
//! another tip. (FlyClient counts blocks; this counts work, so a tip of little work, at which drawing is cheap, has to show more.)
//!
//! The cheat's luck in mining, the share that no point hits and its further tips combine. A cheat with a third of the honest rate gets
//! through with probability about 2^−41 in each attempt, with half of it 2^−18, with a quarter 2^−58, with a tenth 2^−109.
//!
//! *Difficulty* follows from the cheat's own times, so points are points of work. An unearned raise is a header whose bits do
//! not follow from its parent, which fails when it is shown, or a node that breaks the bounds. A wrong sum of work is a node that
//! cannot be opened where a point falls into it. Earned raises leave the expected cost of work as it is, and only make luck larger,
//! because fewer headers hold more of it: a header can be at most 2^(T/τ) = 2^(1/40) times as hard as its parent.
//!
//! A proof does not show signatures, messages and the rules about them, nor that no other chain has more work. Of two proofs, a node
//! believes the one with more work.

mod error;
mod gap;
mod logarithm;
mod node_rules;
mod part;
mod path;
mod prove;
mod sample;
#[cfg(test)]
pub(crate) mod tests;
mod verify;

pub use self::error::ProofError;
pub use self::part::Opened;
pub(super) use self::path::check_path;
pub use self::prove::{ProofSource, ProveError};
pub use self::sample::SAMPLES_MAX;
use self::sample::{Scheme, Stakes};
use crate::ledger::fork_choice::BranchEnd;
use crate::primitives::block::Header;
use crate::primitives::hash::Hash;
use crate::primitives::mmr::Mmr;
use crate::primitives::params::Network;
use crate::primitives::pow::{Bits, Target, Work};

/// λ, from which the number of points follows. The module's text says how much a proof is worth.
pub const SECURITY_BITS: u32 = 50;
/// How many of the newest headers a proof shows whole; a chain of up to twice as many above genesis is shown whole itself.
pub const TAIL_BLOCKS: u64 = 480;
/// The most bytes of a proof, alone, in a packet and in a proof file. A million blocks take a fifth of it. If the newest blocks are 2^20
/// times as easy as the rest, four times as many points are shown.
pub const PROOF_BYTES_MAX: usize = 1 << 20;
/// The highest tip that a proof can have.
pub const HEIGHT_MAX: u64 = (1 << 62) - 1;

/// The scheme of all chain proofs.
const CHAIN: Scheme = Scheme { security_bits: SECURITY_BITS, tail: TAIL_BLOCKS };

/// A tip whose chain was proven.
///
/// ```
/// # use plexus_core::node::storage::Journal;
/// use plexus_core::Network;
/// use plexus_core::proof::chain_proof::{ProofError, verify};
///
/// # let network = Network::dev();
/// let mut proof = Journal::new(&network).prove(&network).unwrap();
/// let proven = verify(&network, &proof).unwrap();
/// assert_eq!((proven.hash, proven.tail.len()), (*network.id(), 0));
/// // A proof is for one network.
/// let other = verify(&Network::plexus(), &proof);
/// assert!(matches!(other, Err(ProofError::Network { .. })));
/// proof.push(0);
/// assert!(verify(&network, &proof).is_err(), "nothing may follow");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proven {
    /// The tip's header.
    pub header: Header,
    /// The tip's hash.
    pub hash: Hash,
    /// The history up to and with the tip, to which the next header commits.
    pub history: Mmr,
    /// The history below the tail.
    pub below: Mmr,
    /// The headers that were shown at the end, the tip's last: all above genesis, or the newest [`TAIL_BLOCKS`].
    pub tail: Vec<Header>,
    /// The number of points of the work below the tail that had to be shown.
    pub samples: usize,
    /// The headers below the tail that hold these points, by rising height: their heights and hashes.
    pub shown: Vec<(u64, Hash)>,
}

impl Proven {
    /// Returns the work of the whole chain.
    pub fn total_work(&self) -> Work {
        self.history.work()
    }

    /// Returns the end of the chain, for fork choice.
    pub fn end(&self) -> BranchEnd {
        BranchEnd { total_work: self.total_work(), tip_work: self.header.work() }
    }
}

/// Returns the points that a proof of this tip has to show, rising, in work from genesis on. `below` is the work of all headers
/// below the tail, and `in_tail` that of the tail, which is not all of the chain. Returns `None` for work that no chain has.
///
/// ```
/// use plexus_core::Hash;
/// use plexus_core::primitives::pow::{Bits, Work};
/// use plexus_core::proof::chain_proof::points;
///
/// let (below, tail) = (Work::from_hashes(1 << 40), Work::from_hashes(1 << 30));
/// let bits = Bits::from_u32(0x1e10_0000);
/// let drawn = points(below, tail, bits, &Hash::of(b"tip")).unwrap();
/// assert!(drawn.is_sorted() && drawn.iter().all(|point| *point < below));
/// assert_ne!(points(below, tail, bits, &Hash::of(b"another tip")).unwrap(), drawn);
/// ```
pub fn points(below: Work, in_tail: Work, tip_bits: Bits, tip: &Hash) -> Option<Vec<Work>> {
    let tip_work = tip_bits.target().map_or(Work::ZERO, Target::work);
    let stakes = Stakes { below: below.hashes(), tail: in_tail.hashes(), tip: tip_work.hashes() };
    let points = sample::points(CHAIN, &stakes, tip)?;
    Some(points.into_iter().map(Work::from_hashes).collect())
}

/// Returns the proof of the chain up to the block at `height`.
///
/// The source is read a few ten thousand times and is not checked. The verifier of the proof checks it.
///
/// # Errors
/// The source's, or a chain that cannot be proven: see [`ProveError`].
///
/// # Examples
/// ```
/// # use core::convert::Infallible;
/// # use plexus_core::mining::search::grind;
/// # use plexus_core::primitives::block::content_root;
/// # use plexus_core::primitives::mmr::{Mmr, MmrNode, Position};
/// # use plexus_core::proof::chain_proof::{Opened, ProofSource, prove, verify};
/// # use plexus_core::{Hash, Header, Network};
/// struct Short(Network, Opened);
///
/// impl ProofSource for Short {
///     type Error = Infallible;
///     fn node(&mut self, _: Position) -> Result<MmrNode, Infallible> {
///         Ok(self.0.genesis().record(*self.0.id()))
///     }
///     fn opened(&mut self, _: u64) -> Result<Opened, Infallible> {
///         Ok(self.1)
///     }
/// }
/// # let network = Network::dev();
/// # let (genesis, id) = (*network.genesis(), *network.id());
/// # let history = Mmr::default().append(genesis.record(id));
/// # let (body_root, extra) = (Hash::of(b"body"), 0);
/// # let content_root = content_root(&history.root(), &body_root, extra);
/// # let time = genesis.time.plus_ms(15_000);
/// # let mut header = Header { prev_hash: id, content_root, height: 1, time, ..genesis };
/// # header.nonce = grind(&header, 1 << 20).unwrap();
/// # let block = Opened { header, body_root, extra };
/// let proof = prove(&network, 1, &mut Short(network.clone(), block)).unwrap();
/// assert_eq!(verify(&network, &proof).unwrap().header, block.header);
/// ```
pub fn prove<S: ProofSource>(
    network: &Network,
    height: u64,
    source: &mut S,
) -> Result<Vec<u8>, ProveError<S::Error>> {
    prove::prove(network, height, source, CHAIN)
}

/// Verifies a proof, and returns what it shows.
///
/// The tip's time is not held against any clock: see [`crate::ledger::validation::check_clock`].
///
/// # Errors
/// Names the first thing that is wrong, from the left.
pub fn verify(network: &Network, bytes: &[u8]) -> Result<Proven, ProofError> {
    verify::verify(network, bytes, CHAIN)
}

//! Chain proofs: a few hundred kilobytes that show a chain's tip and all the work below it, however long the chain is.
//!
//! This is FlyClient ([eprint 2019/226](https://eprint.iacr.org/2019/226)) without interaction, for this chain's difficulty rule. A
//! proof shows the newest headers whole, the *tail*, and below it the headers that hold certain points of the chain's total work; the
//! points are drawn from the tip's hash. All other headers stand behind nodes of the mountain range. [`verify()`] puts the range together from
//! left to right, so at each header it knows what the history root must be, and with it the header's only possible content root; the
//! target follows from the parent's time and bits, which the part to the left ends with. So of every header that is shown the proof of
//! work is checked over *this* history, in *this* place, with *this* target: headers of another branch, of another place, with an
//! easier target or above forged sums hash to something else. `PROTOCOL.md` has the format and the sampling to the bit.
//!
//! # What a proof is worth
//!
//! Let a cheat work at a share c of the honest rate, c at most 1/2, and claim as much work as the honest chain has. From where it
//! leaves the honest chain on, at most the share c of the claimed work can be real, because every header commits to all below it: nothing
//! that others mined fits above the first header that is not theirs. So a share 1 − c of that stretch is headers that fail when they
//! are shown. They cannot lie in the tail, which is shown whole. Points are drawn with density 1 / ((1 − x) ln(1/δ)) over the part x
//! of the work below (δ: the tail's share), for which all stretches are alike: each point hits a failing header with
//! probability at least 1/k, k = log2(1/δ) for c = 1/2. The number of points is such that all miss with probability 2^−λ',
//! λ' = λ + log2(c × total work / the tip's work): a cheat can draw again by mining another tip, which costs it the tip's work each time, so
//! all that it can ever pay for lets it through with probability 2^−λ, λ = 50. (FlyClient counts blocks; here work, so that a
//! tip of little work, at which drawing is cheap, has to show more points.)
//!
//! *Difficulty* is whatever a cheat's own times make of it, so points are points of work. An unearned raise is one
//! header whose bits do not follow from its parent, which fails when it is shown; a sum of work that is not that of the headers below is a
//! node that cannot be opened where a point falls into it. Earned raises leave the expected cost of work as it is, and only make
//! luck larger, because fewer headers hold more of it. The target rule bounds that: a header can be at most 2^(T/τ) = 2^(1/40) times as hard as
//! its parent, so none holds over 1/58 of the work since a raise began. A tail of 480 headers with half the power that
//! they stand for is mined in time with probability 2^−133 if they are equally hard, and 2^−37 if all of them raise the
//! difficulty as fast as the rule permits (Chernoff's bound; with a quarter of the power, 2^−440 and 2^−141).
//!
//! What a proof does not show: signatures, messages and the rules about them, as no header shows those; and that no better
//! chain exists. Whoever holds two proofs believes the one with more work.

mod error;
mod gap;
mod logarithm;
mod part;
mod prove;
mod sample;
#[cfg(test)]
pub(crate) mod tests;
mod verify;

pub use self::error::ProofError;
pub use self::part::Opened;
pub use self::prove::{ProveError, Source};
pub use self::sample::SAMPLES_MAX;
use self::sample::{Scheme, Stakes};
use crate::block::Header;
use crate::hash::Hash;
use crate::history::History;
use crate::network::Network;
use crate::pow::{Bits, Target, Work};

/// A cheat at half the honest rate gets through with probability 2^−50 of all that it can ever pay for.
pub const SECURITY_BITS: u32 = 50;
/// How many of the newest headers a proof shows whole; a chain of up to twice as many above genesis is shown whole itself.
pub const TAIL_BLOCKS: u64 = 480;
/// The most bytes of a proof. A million blocks take a fifth of a megabyte; a chain whose newest blocks are 2^20 times as easy as the
/// rest needs four times as many points.
pub const PROOF_BYTES_MAX: usize = 8 << 20;
/// The highest tip that a proof can have.
pub const HEIGHT_MAX: u64 = (1 << 62) - 1;

/// What chain proofs are made and verified with.
const CHAIN: Scheme = Scheme { security_bits: SECURITY_BITS, tail: TAIL_BLOCKS };

/// A tip whose chain was proven.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proven {
    /// The tip's header.
    pub header: Header,
    /// The tip's hash.
    pub hash: Hash,
    /// The history up to and with the tip: what the next header commits to.
    pub history: History,
    /// The history below the tail.
    pub below: History,
    /// The headers that were shown at the end, the tip's last: all above genesis, or the newest [`TAIL_BLOCKS`].
    pub tail: Vec<Header>,
    /// How many points of the work below the tail had to be shown.
    pub samples: usize,
    /// The headers below the tail that hold these points, by rising height: their heights and hashes.
    pub shown: Vec<(u64, Hash)>,
}

impl Proven {
    /// The work of the whole chain: what proofs are compared by.
    pub fn total_work(&self) -> Work {
        self.history.work()
    }
}

/// The points that a proof of this tip has to show, rising, in work from genesis on: `below` is the work of all headers below the tail,
/// `in_tail` that of the tail, which is not all of the chain. None for work that no chain has.
pub fn points(below: Work, in_tail: Work, tip_bits: Bits, tip: &Hash) -> Option<Vec<Work>> {
    let tip_work = tip_bits.target().map_or(Work::ZERO, Target::work);
    let stakes = Stakes { below: below.hashes(), tail: in_tail.hashes(), tip: tip_work.hashes() };
    let points = sample::points(CHAIN, &stakes, tip)?;
    Some(points.into_iter().map(Work::from_hashes).collect())
}

/// Makes the proof of the chain up to the block at `height`.
///
/// The source is read a few ten thousand times, and never checked: whoever verifies the proof does.
///
/// # Errors
/// The source's, or a chain that cannot be proven: see [`ProveError`].
pub fn prove<S: Source>(
    network: &Network,
    height: u64,
    source: &mut S,
) -> Result<Vec<u8>, ProveError<S::Error>> {
    prove::prove(network, height, source, CHAIN)
}

/// Verifies a proof.
///
/// The tip's time is not held against any clock: see [`crate::rules::check_clock`].
///
/// # Errors
/// Names the first thing that is wrong, from the left.
pub fn verify(network: &Network, bytes: &[u8]) -> Result<Proven, ProofError> {
    verify::verify(network, bytes, CHAIN)
}

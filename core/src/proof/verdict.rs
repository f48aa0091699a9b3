//! The verdict on a valid proof file: whether its chain is worth something, or only fits together.
//!
//! Specified in PROTOCOL.md, "Proof file: Verdict".
//!
//! A valid proof file shows work. It does not show that others did it: everybody can mine a chain
//! from genesis on, with any dates. So a verdict compares the chain with something that the reader
//! knows otherwise.

use core::fmt;

use crate::ledger::known_work::KnownWork;
use crate::primitives::params::Network;
use crate::primitives::pow::Work;

/// The hashes that one graphics processor tries in a second, with which work is compared.
pub const HASHES_PER_SECOND: u128 = 10_000_000_000;
/// A chain whose blocks have on average fewer times the least work than this need not have had
/// other miners than its maker.
const SOLITARY_LIMITS: u128 = 4;

/// The evidence beside the file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Evidence {
    /// The least total work that the reader demands.
    pub demanded: Option<Work>,
    /// True if a chain that the reader trusts has the file's block, false if it has another one at
    /// that height. `None` if it was not compared.
    pub in_chain: Option<bool>,
}

/// The verdict on a valid proof file.
///
/// ```
/// use plexus_core::Network;
/// use plexus_core::ledger::known_work::KnownWork;
/// use plexus_core::primitives::pow::Work;
/// use plexus_core::proof::verdict::{Evidence, Verdict};
///
/// let work = Work::from_hashes(1 << 29);
/// let alone = Verdict::of(work, &KnownWork::NONE, Evidence::default());
/// assert_eq!(alone, Verdict::NotCompared);
/// let demanded = Evidence { demanded: Some(Work::from_hashes(1 << 40)), ..Evidence::default() };
/// assert_eq!(Verdict::of(work, &KnownWork::NONE, demanded).to_string(), "TOO WEAK");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The chain has the known or the demanded work, or a trusted chain has the block.
    Valid,
    /// The chain has less work than the known or the demanded one.
    TooWeak {
        /// The least work.
        least: Work,
    },
    /// A trusted chain has another block at that height.
    Replaced,
    /// The parts fit together, and nothing more is known.
    NotCompared,
}

impl Verdict {
    /// Returns the verdict on a valid file whose chain has this total work.
    ///
    /// The demanded work must be there, whatever else is known. A trusted chain that has the block
    /// is worth more than known work, so an old file stays valid.
    pub fn of(total_work: Work, known: &KnownWork, evidence: Evidence) -> Self {
        if let Some(least) = evidence.demanded.filter(|least| total_work < *least) {
            return Self::TooWeak { least };
        }
        match evidence.in_chain {
            Some(true) => Self::Valid,
            Some(false) => Self::Replaced,
            None if evidence.demanded.is_some() => Self::Valid,
            None if !known.is_some() => Self::NotCompared,
            None if total_work < known.total_work => Self::TooWeak { least: known.total_work },
            None => Self::Valid,
        }
    }

    /// Returns true if the file proves its statement: nothing contradicts it, and its chain was
    /// compared.
    pub fn is_valid(self) -> bool {
        self == Self::Valid
    }

    /// Returns true if the file is refused.
    pub fn is_refused(self) -> bool {
        matches!(self, Self::TooWeak { .. } | Self::Replaced)
    }

    /// Returns true if the chain was compared with something.
    pub fn is_compared(self) -> bool {
        self != Self::NotCompared
    }

    /// Returns one or two sentences on what the verdict means for a chain with this total work.
    pub fn explanation(self, total_work: Work) -> Option<String> {
        let (hashes, time) = (power(total_work), duration(total_work));
        match self {
            Self::Valid => None,
            Self::TooWeak { least } => Some(format!(
                "The parts fit together, but the whole chain has {hashes} hashes of work, where {} are expected. It may \
                 be another chain, or the file may be from long before: prove the message again, or compare its block \
                 with a node that you trust.",
                power(least)
            )),
            Self::Replaced => Some(
                "The parts fit together, but the chain that it was compared with has another block at that height."
                    .to_owned(),
            ),
            Self::NotCompared => Some(format!(
                "The parts fit together. Whether this is the chain that others mine was not checked: its {hashes} hashes \
                 are {time} of one graphics processor. Anybody who has one for that time can invent all of it, with any \
                 date.",
            )),
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Valid => "VALID",
            Self::TooWeak { .. } => "TOO WEAK",
            Self::Replaced => "NOT IN THE CHAIN",
            Self::NotCompared => "CONSISTENT, NOT COMPARED",
        })
    }
}

/// Returns true if nobody but the chain's maker need have mined it: its blocks have on average
/// under four times the least work.
pub fn is_solitary(network: &Network, total_work: Work, height: u64) -> bool {
    let least = network.limit().work().hashes().saturating_mul(SOLITARY_LIMITS);
    total_work.hashes() < least.saturating_mul(height.into())
}

/// Returns a number of hashes as a power of two, rounded down: `2^29`.
pub fn power(work: Work) -> String {
    work.hashes().checked_ilog2().map_or_else(|| "0".to_owned(), |power| format!("2^{power}"))
}

/// Returns about how long a graphics processor takes for this work.
pub fn duration(work: Work) -> String {
    const YEAR: u128 = 365 * 86_400;
    // Rounded to the next tenth of a second.
    let tenths = work.hashes().saturating_add(HASHES_PER_SECOND / 20) / (HASHES_PER_SECOND / 10);
    let seconds = tenths / 10;
    if seconds > 1_000_000 * YEAR {
        return "over a million years".to_owned();
    }
    for (unit, length) in [("years", YEAR), ("days", 86_400), ("hours", 3_600), ("minutes", 60)] {
        if seconds >= 2 * length {
            return format!("{} {unit}", seconds / length);
        }
    }
    match tenths {
        0 => "under 0.1 s".to_owned(),
        1..20 => format!("{}.{} s", tenths / 10, tenths % 10),
        _ => format!("{seconds} s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn work(power: u32) -> Work {
        Work::from_hashes(1 << power)
    }

    fn known(power: u32) -> KnownWork {
        KnownWork { height: 9, total_work: work(power), ..KnownWork::NONE }
    }

    #[test]
    fn a_chain_is_compared_with_what_the_reader_knows() {
        let (none, demanded) = (Evidence::default(), |power| Some(work(power)));
        let in_chain = |in_chain| Evidence { demanded: None, in_chain: Some(in_chain) };
        let both = |demanded, in_chain| Evidence { demanded, in_chain: Some(in_chain) };
        let weak = |power| Verdict::TooWeak { least: work(power) };
        for (known, evidence, expected) in [
            (KnownWork::NONE, none, Verdict::NotCompared),
            (known(40), none, Verdict::Valid),
            (known(41), none, weak(41)),
            (KnownWork::NONE, Evidence { demanded: demanded(40), ..none }, Verdict::Valid),
            (KnownWork::NONE, Evidence { demanded: demanded(41), ..none }, weak(41)),
            // The reader decides how much is enough.
            (known(41), Evidence { demanded: demanded(40), ..none }, Verdict::Valid),
            (known(40), Evidence { demanded: demanded(41), ..none }, weak(41)),
            // A file from before this release: its block is in the chain.
            (known(41), in_chain(true), Verdict::Valid),
            (known(40), in_chain(false), Verdict::Replaced),
            (KnownWork::NONE, in_chain(false), Verdict::Replaced),
            (KnownWork::NONE, both(demanded(41), true), weak(41)),
            (KnownWork::NONE, both(demanded(40), false), Verdict::Replaced),
        ] {
            assert_eq!(Verdict::of(work(40), &known, evidence), expected, "{known:?}, {evidence:?}");
        }
    }

    #[test]
    fn only_a_compared_chain_is_valid_and_each_other_verdict_says_why() {
        for verdict in
            [Verdict::Valid, Verdict::NotCompared, Verdict::Replaced, Verdict::TooWeak { least: work(40) }]
        {
            assert_eq!(verdict.is_valid(), verdict.explanation(work(29)).is_none(), "{verdict}");
            assert!(!(verdict.is_valid() && verdict.is_refused()));
        }
        let words = Verdict::NotCompared.explanation(work(29)).unwrap();
        assert!(words.contains("2^29 hashes are 0.1 s"), "{words}");
    }

    #[test]
    fn easy_blocks_are_told_from_contested_ones() {
        let network = Network::dev();
        let least = network.limit().work().hashes();
        assert!(is_solitary(&network, Work::from_hashes(10 * 4 * least - 1), 10));
        assert!(!is_solitary(&network, Work::from_hashes(10 * 4 * least), 10));
        assert!(!is_solitary(&network, Work::ZERO, 0));
    }

    #[test]
    fn work_is_told_in_powers_and_in_time() {
        let time = |hashes| duration(Work::from_hashes(hashes));
        assert_eq!(time(255), "under 0.1 s");
        assert_eq!(time(HASHES_PER_SECOND / 10), "0.1 s");
        assert_eq!(time(HASHES_PER_SECOND * 19 / 10), "1.9 s");
        assert_eq!(time(3 * HASHES_PER_SECOND), "3 s");
        assert_eq!(time(7_200 * HASHES_PER_SECOND), "2 hours");
        assert_eq!(time(400 * 365 * 86_400 * HASHES_PER_SECOND), "400 years");
        assert_eq!(time(u128::MAX), "over a million years");
        assert_eq!((power(Work::from_hashes(510)), power(Work::ZERO)), ("2^8".to_owned(), "0".to_owned()));
    }
}

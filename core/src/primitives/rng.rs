//! Seeded randomness: unpredictable without the seed, and repeatable with it.

use crate::primitives::hash::{Tag, tagged};

/// A stream of random numbers from a seed: the tagged hashes of seed and counter.
///
/// ```
/// use plexus_core::primitives::rng::SeededRng;
///
/// let draw = |seed| {
///     let mut rng = SeededRng::new([seed; 32]);
///     [rng.below(1_000), rng.below(1_000), rng.below(1_000)]
/// };
/// assert_eq!(draw(1), draw(1), "a seed repeats its numbers");
/// assert_ne!(draw(1), draw(2));
/// assert_eq!(SeededRng::new([1; 32]).below(0), 0);
/// ```
#[derive(Debug)]
pub struct SeededRng {
    seed: [u8; 32],
    drawn: u64,
}

impl SeededRng {
    /// Creates the stream of `seed`.
    pub fn new(seed: [u8; 32]) -> Self {
        Self { seed, drawn: 0 }
    }

    /// Returns the next 32 bytes.
    pub fn bytes32(&mut self) -> [u8; 32] {
        self.drawn += 1;
        *tagged(Tag::Chance, &[&self.seed, &self.drawn.to_be_bytes()]).as_bytes()
    }

    /// Returns the next 16 bytes.
    pub fn bytes16(&mut self) -> [u8; 16] {
        let mut out = [0; 16];
        out.copy_from_slice(&self.bytes32()[..16]);
        out
    }

    /// Returns a number below `bound`, or 0 if `bound` is 0. The bias is below `bound` / 2^64.
    pub fn below(&mut self, bound: u64) -> u64 {
        let mut low = [0; 8];
        low.copy_from_slice(&self.bytes32()[..8]);
        u64::from_be_bytes(low).checked_rem(bound).unwrap_or(0)
    }

    /// Returns an index into a list of `len`, or 0 if it is empty.
    pub fn index(&mut self, len: usize) -> usize {
        usize::try_from(self.below(len as u64)).unwrap_or_default()
    }
}

//! Seeded chance: unpredictable to whoever lacks the seed, repeatable for whoever has it.

use crate::hash::{Tag, tagged};

/// A stream of numbers that follows from a seed: the tagged hashes of seed and counter.
#[derive(Debug)]
pub struct Chance {
    seed: [u8; 32],
    drawn: u64,
}

impl Chance {
    /// The stream that follows from `seed`.
    pub fn new(seed: [u8; 32]) -> Self {
        Self { seed, drawn: 0 }
    }

    /// The next 32 bytes.
    pub fn bytes32(&mut self) -> [u8; 32] {
        self.drawn += 1;
        *tagged(Tag::Chance, &[&self.seed, &self.drawn.to_be_bytes()]).as_bytes()
    }

    /// The next 16 bytes.
    pub fn bytes16(&mut self) -> [u8; 16] {
        let mut out = [0; 16];
        out.copy_from_slice(&self.bytes32()[..16]);
        out
    }

    /// A number below `bound`, or 0 when there is none; the bias is below `bound` / 2^64.
    pub fn below(&mut self, bound: u64) -> u64 {
        let mut low = [0; 8];
        low.copy_from_slice(&self.bytes32()[..8]);
        u64::from_be_bytes(low).checked_rem(bound).unwrap_or(0)
    }

    /// An index into a list of `len`, or 0 when it is empty.
    pub fn index(&mut self, len: usize) -> usize {
        usize::try_from(self.below(len as u64)).unwrap_or_default()
    }
}

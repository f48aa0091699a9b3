//! The search on any machine: one SHA-256 compression a try.

use sha2::block_api::compress256;

use crate::block::HEADER_BYTES;
use crate::hash::Hash;
use crate::pow::Target;

/// SHA-256's initial state (FIPS 180-4, section 5.3.3).
const INITIAL: [u32; 8] =
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];

/// A header ready to be searched: the state after its first 64 bytes, and the padded block of the last 32.
#[derive(Clone, Debug)]
pub struct Midstate {
    state: [u32; 8],
    block: [u8; 64],
    target: [u32; 8],
}

impl Midstate {
    /// Hashes the first half of `header`, whose last 8 bytes will be the nonce.
    pub fn new(header: &[u8; HEADER_BYTES], target: Target) -> Self {
        let mut state = INITIAL;
        let (first, second) = header.split_at(64);
        let mut block = [0; 64];
        block.copy_from_slice(first);
        compress256(&mut state, &[block]);
        block = [0; 64];
        block[..32].copy_from_slice(second);
        block[32] = 0x80;
        // The length of the whole in bits, as SHA-256's padding ends: 96 bytes.
        block[56..].copy_from_slice(&(8 * HEADER_BYTES as u64).to_be_bytes());
        let bytes = target.to_be_bytes();
        let word = |index: usize| {
            u32::from_be_bytes([
                bytes[4 * index],
                bytes[4 * index + 1],
                bytes[4 * index + 2],
                bytes[4 * index + 3],
            ])
        };
        Self { state, block, target: core::array::from_fn(word) }
    }

    fn words(&mut self, nonce: u64) -> [u32; 8] {
        self.block[24..32].copy_from_slice(&nonce.to_be_bytes());
        let mut state = self.state;
        compress256(&mut state, &[self.block]);
        state
    }

    /// The header's hash with this nonce.
    pub fn hash(&mut self, nonce: u64) -> Hash {
        let mut bytes = [0; 32];
        for (out, word) in bytes.chunks_exact_mut(4).zip(self.words(nonce)) {
            out.copy_from_slice(&word.to_be_bytes());
        }
        Hash::from_bytes(bytes)
    }

    /// The first nonce of `tries` from `first` on whose hash meets the target.
    pub fn search(&mut self, first: u64, tries: u64) -> Option<u64> {
        // Words compare in order, as the big-endian number that they are; nearly every try ends at the first.
        (0..tries).map(|step| first.wrapping_add(step)).find(|&nonce| self.words(nonce) <= self.target)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_finds_the_first_hash_that_meets_the_target() {
        let mut header = [0x5a; HEADER_BYTES];
        let target = crate::pow::Bits::from_u32(0x2001_0000).target().unwrap();
        let mut midstate = Midstate::new(&header, target);
        let found = midstate.search(1_000, 1_000_000).unwrap();
        for nonce in 1_000..=found {
            header[88..].copy_from_slice(&nonce.to_be_bytes());
            let hash = Hash::of(&header);
            assert_eq!(midstate.hash(nonce), hash);
            assert_eq!(target.is_met_by(&hash), nonce == found);
        }
    }
}

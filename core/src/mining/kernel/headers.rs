//! Headers that are ready to be searched: several first halves, each hashed once, and the one
//! second half that they share.

use sha2::block_api::compress256;

use super::sha256::{HashState, INITIAL};
use crate::primitives::block::{HEADER_BYTES, Header};
use crate::primitives::hash::Hash;
use crate::primitives::pow::Target;

/// The most content roots that are searched together.
pub const ROOTS_MAX: usize = 8;
/// The index of the nonce's low word in the second half's block. The high word lies before it.
pub(super) const NONCE_LOW: usize = 7;

/// Headers that differ only in their content roots and nonces.
///
/// A try is one root with one nonce. Tries are ordered by nonce, and those of one nonce by root.
/// Every kernel finds the first of them that meets the target.
#[derive(Clone, Debug)]
pub struct Headers {
    pub(super) midstates: Vec<HashState>,
    /// The padded block of the second half, with the nonce 0.
    pub(super) words: [u32; 16],
    pub(super) target: [u32; 8],
}

/// A try whose hash meets the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hit {
    /// The nonce.
    pub nonce: u64,
    /// The index of the content root, from 0.
    pub root: usize,
}

impl Headers {
    /// Creates the headers: hashes the first half of `header` with each of the content roots. Roots
    /// after the first [`ROOTS_MAX`] are left out.
    pub fn new(header: &Header, roots: &[Hash], target: Target) -> Self {
        let midstate = |root: &Hash| {
            let bytes = Header { content_root: *root, ..*header }.encode();
            let mut block = [0; 64];
            block.copy_from_slice(&bytes[..64]);
            let mut state = INITIAL;
            compress256(&mut state, &[block]);
            state
        };
        let mut block = [0; 64];
        block[..32].copy_from_slice(&Header { nonce: 0, ..*header }.encode()[64..]);
        block[32] = 0x80;
        // SHA-256's padding ends with the length of the whole in bits: 96 bytes.
        block[56..].copy_from_slice(&(8 * HEADER_BYTES as u64).to_be_bytes());
        Self {
            midstates: roots.iter().take(ROOTS_MAX).map(midstate).collect(),
            words: words(&block),
            target: words(&target.to_be_bytes()),
        }
    }

    /// Returns the number of content roots, which is the number of tries of one nonce.
    pub fn roots(&self) -> usize {
        self.midstates.len()
    }
}

/// Returns bytes as big-endian words.
fn words<const N: usize>(bytes: &[u8]) -> [u32; N] {
    let (words, _) = bytes.as_chunks::<4>();
    core::array::from_fn(|index| u32::from_be_bytes(words[index]))
}

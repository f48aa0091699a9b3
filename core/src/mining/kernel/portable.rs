//! The search on any machine and the reference for all others: one SHA-256 compression a try.

use sha2::block_api::compress256;

use super::headers::{Headers, Hit};

/// Returns the first of all tries with the `nonces` nonces from `first` on whose hash meets the
/// target.
pub(super) fn search(headers: &Headers, first: u64, nonces: u64) -> Option<Hit> {
    let mut block = [0; 64];
    for (bytes, word) in block.as_chunks_mut::<4>().0.iter_mut().zip(headers.words) {
        *bytes = word.to_be_bytes();
    }
    (0..nonces).find_map(|step| {
        let nonce = first.wrapping_add(step);
        block[24..32].copy_from_slice(&nonce.to_be_bytes());
        let is_hit = |midstate: &[u32; 8]| {
            let mut state = *midstate;
            compress256(&mut state, &[block]);
            // Words compare in order, like the big-endian number that they form. Nearly every
            // comparison ends at the first word.
            state <= headers.target
        };
        headers.midstates.iter().position(is_hit).map(|root| Hit { nonce, root })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::primitives::block::{Header, VERSION};
    use crate::primitives::hash::Hash;
    use crate::primitives::pow::Bits;
    use crate::primitives::time::Timestamp;

    #[test]
    fn a_search_finds_the_first_hash_that_meets_the_target() {
        let bits = Bits::from_u32(0x2001_0000);
        let header = Header {
            prev_hash: Hash::of(b"parent"),
            content_root: Hash::ZERO,
            version: VERSION,
            height: 7,
            time: Timestamp::from_unix_ms(1_000),
            bits,
            nonce: 0,
        };
        let (target, roots) = (bits.target().unwrap(), [1, 2, 3].map(|root: u8| Hash::of(&[root])));
        let headers = Headers::new(&header, &roots, target);
        let found = search(&headers, 1_000, 1_000_000).unwrap();
        for nonce in 1_000..=found.nonce {
            for (root, content_root) in roots.into_iter().enumerate() {
                let hit = Hit { nonce, root };
                let met = target.is_met_by(&Header { content_root, nonce, ..header }.hash());
                assert_eq!(met, hit == found);
                if met {
                    return;
                }
            }
        }
        panic!("{found:?} is no try");
    }
}

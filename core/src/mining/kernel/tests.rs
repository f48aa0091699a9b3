use proptest::prelude::*;

use super::*;
use crate::primitives::block::{Header, VERSION};
use crate::primitives::hash::Hash;
use crate::primitives::pow::{Bits, Target};
use crate::primitives::time::Timestamp;

/// Returns headers with `roots` roots. A hash meets the target if its first word is at most
/// `limit`.
pub(super) fn headers(seed: u64, roots: usize, limit: u32) -> Headers {
    let mut target = [0xff; 32];
    target[..4].copy_from_slice(&limit.to_be_bytes());
    let hash = |number: u64| Hash::of(&[seed.to_be_bytes(), number.to_be_bytes()].concat());
    let header = Header {
        prev_hash: hash(100),
        content_root: Hash::ZERO,
        version: VERSION,
        height: seed,
        time: Timestamp::from_unix_ms(seed.rotate_left(32)),
        bits: Bits::from_u32(0x1e10_0000),
        nonce: 0,
    };
    let roots: Vec<_> = (0..roots as u64).map(hash).collect();
    Headers::new(&header, &roots, Target::from_be_bytes(target))
}

/// Returns all hits of a range of nonces, but only the first hit of each nonce.
pub(super) fn hits(kernel: Kernel, headers: &Headers, first: u64, nonces: u64) -> Vec<Hit> {
    let (mut hits, mut next, mut left) = (Vec::new(), first, nonces);
    while let Some(hit) = kernel.search(headers, next, left) {
        left -= hit.nonce.wrapping_sub(next) + 1;
        next = hit.nonce.wrapping_add(1);
        hits.push(hit);
    }
    hits
}

fn assert_agree(headers: &Headers, first: u64, nonces: u64) -> usize {
    let expected = hits(Kernel::PORTABLE, headers, first, nonces);
    for kernel in Kernel::available() {
        assert_eq!(hits(kernel, headers, first, nonces), expected, "{kernel:?}");
    }
    expected.len()
}

#[test]
fn the_portable_kernel_is_the_last_and_names_differ() {
    let kernels: Vec<_> = Kernel::available().collect();
    assert_eq!(kernels.last(), Some(&Kernel::PORTABLE));
    let names: std::collections::BTreeSet<_> = kernels.iter().map(|kernel| kernel.name()).collect();
    assert_eq!(names.len(), kernels.len());
}

#[test]
fn kernels_agree_on_every_number_of_roots() {
    for roots in 1..=ROOTS_MAX {
        assert!(assert_agree(&headers(1, roots, 1 << 24), 5, 2_000) > 0);
    }
}

#[test]
fn kernels_agree_where_the_nonces_words_carry() {
    for first in [0xffff_fff0, 0xffff_ffff, (7 << 32) - 9, u64::MAX - 40, u64::MAX] {
        for roots in [1, ROOTS_MAX] {
            // Hits on both sides of the carry.
            assert!(assert_agree(&headers(first, roots, 1 << 30), first, 100) > 20);
        }
    }
}

#[test]
fn kernels_agree_at_the_edges_of_targets() {
    assert_eq!(assert_agree(&headers(2, ROOTS_MAX, u32::MAX), 3, 50), 50);
    assert_eq!(assert_agree(&headers(3, ROOTS_MAX, 0), 0, 1 << 12), 0);
    // A hash equal to the target meets it, and the next greater one does not.
    let mut edge = headers(4, 1, 1 << 20);
    let hit = Kernel::PORTABLE.search(&edge, 0, 1 << 20).expect("2^12 tries are expected");
    let mut state = edge.midstates[0];
    let mut block = [0; 64];
    edge.words[6..8].copy_from_slice(&[halves(hit.nonce).0, halves(hit.nonce).1]);
    for (bytes, word) in block.as_chunks_mut::<4>().0.iter_mut().zip(edge.words) {
        *bytes = word.to_be_bytes();
    }
    sha2::block_api::compress256(&mut state, &[block]);
    edge.words[6..8].fill(0);
    edge.target = state;
    assert_eq!(assert_agree(&edge, hit.nonce, 1), 1);
    edge.target[7] -= 1;
    assert_eq!(assert_agree(&edge, hit.nonce, 1), 0);
}

#[test]
fn kernels_agree_on_a_million_tries() {
    assert!(assert_agree(&headers(5, ROOTS_MAX, 1 << 18), 1 << 40, (1 << 20) / ROOTS_MAX as u64) > 0);
}

#[test]
#[cfg_attr(target_arch = "wasm32", ignore = "the slower kernels take a minute there")]
fn kernels_agree_on_2_to_the_24_nonces() {
    assert!(assert_agree(&headers(6, 1, 1 << 16), u64::from(u32::MAX) - 1_000, 1 << 24) > 100);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn kernels_agree_on_any_headers(
        seed: u64,
        roots in 1..=ROOTS_MAX,
        easy in 8..=31_u32,
        first in prop_oneof![any::<u64>(), (1..u64::from(u32::MAX)).prop_map(|high| (high << 32) - 150)],
        nonces in 0..700_u64,
    ) {
        assert_agree(&headers(seed, roots, 1 << easy), first, nonces);
    }
}

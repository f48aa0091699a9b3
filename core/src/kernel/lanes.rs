//! The scan of all kernels that compute SHA-256 from additions and rotations: a nonce a lane.
//!
//! The message schedule of the second half is computed once a batch and serves every first half. What the low word of the
//! nonce does not reach is computed once a scan: eight rounds but for two additions, and 22 of the 64 words. Of the hash only
//! the first word is finished.

/// Defines `scan` from a file's own `Lanes` and what can be done with them, with the attributes that those functions have.
macro_rules! scan_in_lanes {
    ($(#[$attribute:meta])*) => {
        /// The rounds done before a scan: all up to the one that takes the nonce's low word, this one but for that word.
        pub(super) const ROUNDS: usize = NONCE_LOW + 1;

        /// How many batches of [`LANES`] nonces, from one with the low word `first` on, pass before one that may hold a hit.
        $(#[$attribute])*
        pub(super) fn scan(lead: &Lead, first: u32, batches: u64) -> u64 {
            let mut words = [splat(0); 64];
            // Each round's word and constant, added up.
            let mut sums = [splat(0); 64];
            for (index, word) in lead.words.into_iter().enumerate() {
                words[index] = splat(word);
                sums[index] = splat(word.wrapping_add(K[index]));
            }
            let mut low = first;
            for batch in 0..batches {
                let nonce = ramp(low);
                words[NONCE_LOW] = nonce;
                for index in WORDS..64 {
                    let (sigma0, sigma1) = (small_sigma0(words[index - 15]), small_sigma1(words[index - 2]));
                    words[index] = add(add(sigma1, words[index - 7]), add(sigma0, words[index - 16]));
                    sums[index] = add(words[index], splat(K[index]));
                }
                let mut least = splat(u32::MAX);
                for half in lead.halves() {
                    let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h] = half.state.map(|word| splat(word));
                    // A round adds its word to these two and to nothing else.
                    (a, e) = (add(a, nonce), add(e, nonce));
                    macro_rules! round {
                        ($a:ident $b:ident $c:ident $d:ident $e:ident $f:ident $g:ident $h:ident $sum:expr) => {
                            let sum = add(add($h, $sum), add(big_sigma1($e), choose($e, $f, $g)));
                            $d = add($d, sum);
                            $h = add(sum, add(big_sigma0($a), majority($a, $b, $c)));
                        };
                    }
                    for sums in sums[NONCE_LOW + 1..].as_chunks::<8>().0 {
                        round!(a b c d e f g h sums[0]);
                        round!(h a b c d e f g sums[1]);
                        round!(g h a b c d e f sums[2]);
                        round!(f g h a b c d e sums[3]);
                        round!(e f g h a b c d sums[4]);
                        round!(d e f g h a b c sums[5]);
                        round!(c d e f g h a b sums[6]);
                        round!(b c d e f g h a sums[7]);
                    }
                    least = min(least, add(a, splat(half.first)));
                }
                if any_within(least, lead.limit) {
                    return batch;
                }
                low = low.wrapping_add(LANES);
            }
            batches
        }
    };
}

pub(super) use scan_in_lanes;

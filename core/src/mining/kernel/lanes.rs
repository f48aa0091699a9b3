//! The scan of all kernels that compute SHA-256 from additions and rotations: one nonce per lane.
//!
//! The message schedule of the second half is computed once per batch and serves every first half.
//! The parts that the nonce's low word does not reach are computed once per scan: eight rounds
//! except for two additions, and 22 of the 64 words. Only the first word of the hash is finished.

/// Defines `scan` from a file's own `Lanes` and their operations, with the same attributes as those
/// functions.
macro_rules! scan_in_lanes {
    ($(#[$attribute:meta])*) => {
        /// The rounds done before a scan: all before the one that takes the nonce's low word, and
        /// this one without that word.
        pub(super) const ROUNDS: usize = NONCE_LOW + 1;

        /// Returns the number of batches of [`LANES`] nonces that pass before one that may hold a
        /// hit. The first nonce has the low word `first`.
        $(#[$attribute])*
        pub(super) fn scan(lead: &Lead, first: u32, batches: u64) -> u64 {
            let mut words = [splat(0); 64];
            // The sum of each round's word and constant.
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
                    // A round adds its word only to these two.
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

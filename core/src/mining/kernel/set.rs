//! The one place that chooses an instruction set: the list of sets, their detection, and the entry
//! into each.

use super::headers::Headers;
use super::lead::Lead;

/// Lists the sets once: the name, the module, the detection. The module has the batch size and the
/// scan.
macro_rules! sets {
    ($($(#[$cfg:meta])* $set:ident = $name:literal, $module:ident, $detected:expr;)*) => {
        /// An instruction set, or the portable code.
        #[derive(Clone, Copy, PartialEq, Eq)]
        pub(super) enum Set {
            $($(#[$cfg])* $set,)*
            Portable,
        }

        impl Set {
            /// All sets that this architecture may have. The fastest on most machines come first.
            pub(super) const ALL: &[Self] = &[$($(#[$cfg])* Self::$set,)* Self::Portable];

            pub(super) const fn name(self) -> &'static str {
                match self {
                    $($(#[$cfg])* Self::$set => $name,)*
                    Self::Portable => "portable",
                }
            }

            /// Returns true if this machine has the set. The standard library detects it once.
            pub(super) fn is_detected(self) -> bool {
                match self {
                    $($(#[$cfg])* Self::$set => $detected,)*
                    Self::Portable => true,
                }
            }

            /// Returns the number of nonces in a batch.
            pub(super) const fn lanes(self) -> u32 {
                match self {
                    $($(#[$cfg])* Self::$set => super::$module::LANES,)*
                    // All nonces are checked anyway, this many at once.
                    Self::Portable => 1 << 16,
                }
            }

            /// Returns the number of batches, from the nonce with these words on, that pass before
            /// one that may hold a hit.
            ///
            /// # Safety
            /// The set was detected.
            #[allow(unused_unsafe, reason = "a set that the build takes for granted is safe to enter")]
            pub(super) unsafe fn scan(self, headers: &Headers, high: u32, low: u32, batches: u64) -> u64 {
                match self {
                    $($(#[$cfg])* Self::$set => {
                        let lead = Lead::new(headers, high, super::$module::ROUNDS);
                        // SAFETY: the caller guarantees that the features of this scan were
                        // detected.
                        unsafe { super::$module::scan(&lead, low, batches) }
                    })*
                    // Every nonce may be a hit until it is tried.
                    Self::Portable => 0,
                }
            }
        }
    };
}

sets! {
    #[cfg(target_arch = "x86_64")]
    Avx512 = "AVX-512", avx512, is_x86_feature_detected!("avx512f");
    #[cfg(target_arch = "x86_64")]
    ShaNi = "SHA-NI", sha_ni, is_x86_feature_detected!("sha") && is_x86_feature_detected!("sse4.1");
    #[cfg(target_arch = "x86_64")]
    Avx2 = "AVX2", avx2, is_x86_feature_detected!("avx2");
    #[cfg(target_arch = "aarch64")]
    ArmSha2 = "Arm SHA-2", arm_sha2, std::arch::is_aarch64_feature_detected!("sha2");
    #[cfg(target_arch = "aarch64")]
    Neon = "NEON", neon, std::arch::is_aarch64_feature_detected!("neon");
    #[cfg(all(target_arch = "wasm32", feature = "simd128"))]
    Simd128 = "simd128", simd128, true;
    Scalar = "scalar", scalar, true;
}
